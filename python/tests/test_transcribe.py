"""Every way of giving sound and every option: what the command says is what Python says."""

import warnings

import numpy as np
import potstill
import pytest
from conftest import ADAPTER, CLIPS, MICRO, TINY, heard, needs_tiny, same
from potstill.sound import _wav


def test_a_path_is_what_the_command_says(micro):
    for clip in CLIPS[:3]:
        same(micro.transcribe(clip), heard(clip, model=MICRO, precision="f32")[0])
        row = heard(clip, model=MICRO, precision="f32", no_guard=True)[0]
        same(micro.transcribe(clip, guard=False), row)
        assert len(row["tokens"]) > 5
    assert micro.transcribe(str(CLIPS[0])).source == str(CLIPS[0])


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3, "length_penalty": 0.5, "early_stopping": True},
        {"decode": "beam", "early_stopping": "never"},
        {"max_new_tokens": 5},
        {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2},
        {"min_length": 12, "min_new_tokens": 12, "max_new_tokens": 20},
        {"suppress_tokens": [3, 4, 5], "begin_suppress_tokens": [6, 7]},
        {"forced_bos_token_id": 9, "forced_eos_token_id": 2},
        {"window": 0},
        {"vad": "off", "guard": True},
        {"vad": "energy", "threshold": 0.3, "speech_pad_ms": 50},
        {"normalize": True, "window": 2},
        {"channels": 1},
        {"channels": "split"},
    ],
    ids=lambda options: "-".join(options),
)
def test_options_are_the_commands(micro, options):
    options.setdefault("guard", False)  # which drops most of what a micro model says
    words = dict(options)
    if words.pop("guard", True) is False:
        words["no_guard"] = True
    if "early_stopping" in words:
        words["early_stopping"] = str(words["early_stopping"]).lower()
    for name in ("suppress_tokens", "begin_suppress_tokens"):
        if name in words:
            words[name] = ",".join(map(str, words[name]))
    row = heard(CLIPS[0], model=MICRO, precision="f32", **words)[0]
    same(micro.transcribe(CLIPS[0], **options), row)


def test_options_are_those_of_the_call_not_of_the_one_before(micro, samples):
    fresh = potstill.load(MICRO, precision="f32", cache=False)
    free = fresh.transcribe(samples, window=0).tokens
    suppressed = [free[1]]
    given = {"window": 0, "suppress_tokens": suppressed}
    other = fresh.transcribe(samples, **given).tokens
    assert other != free
    suppressed[0] = other[1]
    assert fresh.transcribe(samples, **given).tokens[1] != other[1]
    assert fresh.transcribe(samples, window=0).tokens == free
    assert len(fresh.transcribe(samples, window=0, max_new_tokens=1).tokens) == 2
    assert fresh.transcribe(samples, window=0, channels=1).tokens == free
    with pytest.raises(potstill.ArgumentError, match="channels=True"):
        fresh.transcribe(samples, window=0, channels=True)


def test_a_phrase_is_made_likely(micro):
    word = micro.decode(micro.encode("the")).strip() or "a"
    bias = {"sequence_bias": f"{word}=40", "no_guard": True}
    row = heard(CLIPS[0], model=MICRO, precision="f32", **bias)[0]
    result = micro.transcribe(CLIPS[0], sequence_bias={word: 40}, guard=False)
    same(result, row)
    assert result.tokens != micro.transcribe(CLIPS[0], guard=False).tokens


def test_phrases_change_no_text(micro):
    plain = micro.transcribe(CLIPS[0], guard=False)
    phrases = [plain.text, "no such words"]
    assert micro.transcribe(CLIPS[0], phrases=phrases, guard=False).text == plain.text
    with pytest.raises(potstill.ArgumentError, match="phrases '': the text has no tokens"):
        micro.transcribe(CLIPS[0], phrases=[""])


def test_forms_of_one_sound(micro, samples, tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(_wav(16000, samples))
    row = heard(path, model=MICRO, precision="f32", no_guard=True)[0]
    same(micro.transcribe(path, guard=False), row)
    wanted = tuple(row["tokens"])
    assert len(wanted) > 5
    forms = [
        samples,
        samples.astype(np.float64),
        (16000, samples),
        (16000, samples[:, None]),
        path.read_bytes(),
        {"array": samples, "sampling_rate": 16000, "path": None},
        {"bytes": path.read_bytes(), "path": None},
        {"path": str(path), "bytes": None},
    ]
    for form in forms:
        assert micro.transcribe(form, guard=False).tokens == wanted
    assert [r.tokens for r in micro.transcribe(iter(forms), guard=False)] == [wanted] * len(forms)


def test_a_decoder_of_datasets(micro, samples):
    class Decoded:
        sample_rate = 16000
        data = samples[None]  # [channels, count]

    class Decoder:
        def get_all_samples(self):
            return Decoded

    wanted = micro.transcribe(samples, guard=False).tokens
    assert micro.transcribe(Decoder(), guard=False).tokens == wanted


def test_rates_and_channels_are_those_of_a_file(micro, samples, tmp_path):
    stereo = np.stack([samples, samples[::-1]], axis=1)
    for rate, array in ((44100, samples), (8000, stereo)):
        path = tmp_path / f"{rate}.wav"
        path.write_bytes(_wav(rate, array))
        row = heard(path, model=MICRO, precision="f32", no_guard=True)[0]
        same(micro.transcribe((rate, array), guard=False), row)
    pcm = (samples * 32767).astype(np.int16)
    results = micro.transcribe([(16000, pcm), pcm / np.float32(32768)], window=0)
    assert results[0].tokens == results[1].tokens


def test_an_iterable_is_in_order_and_read_as_needed(micro):
    taken = []

    def clips():
        for clip in CLIPS:
            taken.append(clip)
            yield clip

    results = micro.transcribe(clips())
    assert [r.source for r in results] == [str(c) for c in CLIPS] == [str(c) for c in taken]
    for result, row in zip(results, heard(*CLIPS, model=MICRO, precision="f32")):
        same(result, row)


def test_adapters_in_use_are_of_a_block_and_a_thread(micro):
    base = micro.transcribe(CLIPS[0], guard=False).tokens
    wanted = heard(CLIPS[0], model=MICRO, precision="f32", adapter=(ADAPTER, 0.7), no_guard=True)[0]
    assert wanted["tokens"] != list(base)
    with micro.use(ADAPTER, weight=0.7) as used:
        same(used.transcribe(CLIPS[0], guard=False), wanted)
        with micro.use(None):
            assert micro.transcribe(CLIPS[0], guard=False).tokens == base
        assert "adapter:0.7" in repr(micro)
        same(micro.transcribe(CLIPS[0], guard=False), wanted)
    assert micro.transcribe(CLIPS[0], guard=False).tokens == base
    same(
        potstill.load(MICRO, adapter=(ADAPTER, 0.7), precision="f32").transcribe(CLIPS[0], guard=False),
        wanted,
    )
    assert micro.load_adapter(ADAPTER) is micro.load_adapter(ADAPTER)
    assert "LORA" in repr(micro.load_adapter(ADAPTER))


def test_errors_are_by_kind_and_say_where(micro, samples, tmp_path):
    with pytest.raises(potstill.InputError, match="nothing.wav"):
        micro.transcribe("nothing.wav")
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        micro.transcribe(np.zeros((2, 3), np.float32))
    with pytest.raises(potstill.InputError, match="sound 0"):
        micro.transcribe(np.full(16000, np.nan, np.float32), window=0)
    with pytest.raises(TypeError, match="has no option 'beams'"):
        micro.transcribe(samples, beams=3)
    with pytest.raises(TypeError, match="expected a path"):
        micro.transcribe(3)
    with pytest.raises(potstill.ArgumentError, match="num_beams=0"):
        micro.transcribe(samples, num_beams=0)
    with pytest.raises(potstill.ModelError, match="no such"):
        potstill.load(tmp_path / "none")
    with pytest.raises(potstill.NotFoundError):
        potstill.load("nobody/nothing")
    with pytest.raises(potstill.ModelError):
        potstill.load(MICRO, adapter=MICRO)
    with pytest.raises(potstill.ArgumentError, match="precision='f8'"):
        potstill.load(MICRO, precision="f8")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(potstill.ModelError, match="config.json"):
        potstill.load(tmp_path)


def test_one_bad_sound_of_many(micro, samples):
    with pytest.raises(potstill.InputError, match="nothing.wav"):
        micro.transcribe([samples, "nothing.wav", samples])
    results = micro.transcribe([samples, "nothing.wav", samples], errors="return")
    assert [r.error is None for r in results] == [True, False, True]
    assert "nothing.wav" in repr(results[1]) and "nothing.wav" in results[1]._repr_html_()


def test_what_a_callback_raises_comes_out(micro, samples):
    def broken():
        yield samples
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        micro.transcribe(broken())


def test_results_show_themselves(micro, samples):
    result = micro.transcribe(samples)
    assert str(result) == result.text and "3.00 s" in repr(result)
    assert "<div>" in result._repr_html_()
    assert "M parameters" in repr(micro) and micro.info["model_type"] == "moonshine"


def test_progress_is_there_with_tqdm(micro, samples, capfd):
    pytest.importorskip("tqdm")
    micro.transcribe([samples] * 3, progress=True)
    assert "3/3" in capfd.readouterr().err


def test_warnings_of_a_model_are_pythons(tmp_path):
    for file in MICRO.iterdir():
        if file.name != "tokenizer.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    data = tmp_path / "data/potstill/models/other"
    data.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (data / name).write_bytes((MICRO / name).read_bytes())
    with pytest.warns(potstill.PotstillWarning, match="has no tokenizer.json; taking that of"):
        potstill.load(tmp_path)


def test_texts_of_a_column(micro, samples):
    wanted = micro.transcribe(samples).text
    assert potstill.transcribe_column([samples, samples], micro) == [wanted] * 2
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([str(CLIPS[0]), "none.wav"], index=[7, 9])
    texts = potstill.transcribe_column(column, micro, errors="return")
    assert list(texts.index) == [7, 9] and texts[9] is None
    assert texts[7] == micro.transcribe(CLIPS[0]).text


def test_a_column_of_polars(micro):
    polars = pytest.importorskip("polars")
    column = polars.Series("path", [str(CLIPS[0])])
    texts = potstill.transcribe_column(column, micro)
    assert texts.to_list() == [micro.transcribe(CLIPS[0]).text]


@needs_tiny
def test_the_official_model_and_its_words():
    model = potstill.load(TINY)
    clip = TINY.parent / "audio/beckett.wav"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = model.transcribe(clip, word_timestamps=True)
    row = heard(clip, model=TINY, word_timestamps=True)[0]
    same(result, row)
    words = row.get("words") or [w for s in row["segments"] for w in s["words"]]
    assert [w.text for w in result.words] == [w["word"] for w in words]
    assert [w.start for w in result.words] == pytest.approx([w["start"] for w in words], abs=6e-4)
    assert "<span" in result._repr_html_()
