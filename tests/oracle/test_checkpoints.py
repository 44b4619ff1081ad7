"""Checkpoints as people have them, against what transformers makes of them.

Each case is a micro model with one thing changed: which tensors are stored and where, what
generation_config.json asks for. Where transformers gives tokens, potstill gives the same; where it
refuses, so does potstill.
"""

import json
import shutil
import subprocess
import sys

import numpy
import pytest
import reference
import torch
import transformers
from conftest import ROOT
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(ROOT / "tools"))
import make_micro_model as maker  # noqa: E402

# The tones of the tests are no speech.
ALL_SOUND = ["--vad", "off", "--no-guard"]

IDS = {"bos_token_id": 1, "decoder_start_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
EMBEDDING, OUTPUT = "model.decoder.embed_tokens.weight", "proj_out.weight"
# As the script asks, and its greedy variant, on a clip of 1.5 s: 10 tokens.
RULES = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "early_stopping": True,
         "max_new_tokens": 10}
RATE = 16000
# The newest transformers counts the start token in the max_length of generation_config.json, and does
# not bound it by the positions; what it does with all else is compared.
NEWER = reference.NEWER


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A file of 16 bits, and the samples that are read from it."""
    random = numpy.random.default_rng(3)
    t = numpy.arange(RATE * 3 // 2) / RATE
    wave = 0.2 * numpy.sin(2 * numpy.pi * (200 + 300 * t) * t) + 0.05 * random.standard_normal(t.size)
    whole = numpy.round(wave * 20000).astype("<i2")
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    size = whole.nbytes
    path.write_bytes(
        b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little") +
        (1).to_bytes(2, "little") * 2 + RATE.to_bytes(4, "little") + (2 * RATE).to_bytes(4, "little") +
        (2).to_bytes(2, "little") + (16).to_bytes(2, "little") + b"data" + size.to_bytes(4, "little") +
        whole.tobytes())
    return path, whole.astype("float32") / 32768


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "model"
    maker.save(maker.mini(), folder)
    return folder


@pytest.fixture
def model(base, tmp_path):
    return shutil.copytree(base, tmp_path / "model")


def edit(folder, name, changes):
    path = folder / name
    values = json.loads(path.read_text())
    values.update(changes)
    path.write_text(json.dumps({key: value for key, value in values.items() if value != "absent"}))


def theirs(folder, clip, **options):
    """The tokens of the first row; None: refused."""
    try:
        model = transformers.MoonshineForConditionalGeneration.from_pretrained(
            str(folder), dtype=torch.float32).eval()
        settings = model.generation_config
        if NEWER and settings.max_length and not settings.max_new_tokens:
            settings.max_length = min(int(settings.max_length) + 1,
                                      model.config.max_position_embeddings)
        values = torch.from_numpy(clip[1])[None]
        rows = model.generate(input_values=values, attention_mask=torch.ones_like(values).long(),
                              **options)
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError):
        return None
    return rows[0].tolist()


def ours(potstill, folder, clip, *options):
    done = subprocess.run(
        [str(potstill), "transcribe", *ALL_SOUND, "--model", str(folder), "--precision", "f32", "--no-cache",
         "--format", "json", *options, str(clip[0])], capture_output=True, text=True, timeout=300)
    if done.returncode:
        return None
    return json.loads(done.stdout)[0]["tokens"]


def check(potstill, folder, clip, **options):
    words = [word for key, value in options.items()
             for word in (f"--{key.replace('_', '-')}", str(value).lower())]
    expected = theirs(folder, clip, do_sample=False, **options)
    assert ours(potstill, folder, clip, *words) == expected
    return expected


# ------------------------------------------------------------------------------------------- weights

def both(tensors):
    random = torch.Generator().manual_seed(1)
    return {**tensors, OUTPUT: torch.randn(tensors[EMBEDDING].shape, generator=random) * 1.2}


def output_alone(tensors):
    return {key: value for key, value in both(tensors).items() if key != EMBEDDING}


def both_equal(tensors):
    return {**tensors, OUTPUT: tensors[EMBEDDING].clone()}


def bare(tensors):
    return {key.removeprefix("model."): value for key, value in both(tensors).items()}


@pytest.mark.parametrize("change, tie", [
    (both, True), (both, False), (both, None), (both, "absent"), (both, 1), (both, 0),
    (output_alone, True), (both_equal, True), (both_equal, False), (bare, True)])
def test_which_matrices_are_used(potstill, run, model, clip, tmp_path, change, tie):
    if NEWER and tie not in ("absent",) and not isinstance(tie, bool):
        pytest.skip("the newest transformers takes true and false only")
    tensors = change(load_file(model / "model.safetensors"))
    save_file({key: value.contiguous() for key, value in tensors.items()},
              model / "model.safetensors", metadata={"format": "pt"})
    edit(model, "config.json", {"tie_word_embeddings": tie})
    expected = check(potstill, model, clip)
    # Merging changes nothing but what an adapter says: this one says nothing.
    adapter = tmp_path / "adapter"
    maker.save_adapter(maker.mini(), adapter)
    path = adapter / "adapter_model.safetensors"
    save_file({key: torch.zeros_like(value) for key, value in load_file(path).items()}, path,
              metadata={"format": "pt"})
    run(potstill, "merge", "--model", model, "--adapter", adapter, "-o", tmp_path / "merged")
    assert check(potstill, tmp_path / "merged", clip) == expected
    run(potstill, "verify", tmp_path / "merged")


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("change", [both, both_equal, dict])
def test_pickled_checkpoints(potstill, run, model, clip, change, shards):
    tensors = change(load_file(model / "model.safetensors"))
    (model / "model.safetensors").unlink()
    names = sorted(tensors)
    places = {name: f"pytorch_model-{1 + i % shards:05}-of-{shards:05}.bin"
              for i, name in enumerate(names)}
    if shards == 1:
        torch.save(tensors, model / "pytorch_model.bin")
    else:
        for place in set(places.values()):
            torch.save({name: tensors[name] for name in names if places[name] == place},
                       model / place)
        (model / "pytorch_model.bin.index.json").write_text(
            json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    assert check(potstill, model, clip)
    run(potstill, "verify", model)


# ---------------------------------------------------------------------------------------- generation

LISTS = [
    {"bad_words_ids": [[315], [304, 280], [2]]}, {"bad_words_ids": [[315], []]},
    {"sequence_bias": [[[315], -9.5], [[304, 280], 4.0]]}, {"suppress_tokens": [-1, 315, 99999]},
    {"begin_suppress_tokens": [304, 315]}, {"forced_bos_token_id": [9]},
    {"forced_eos_token_id": 5, "max_length": 6}, {"suppress_tokens": []},
]
NUMBERS = [
    {"max_length": 60}, {"max_length": 300}, {"max_length": 60.0}, {"max_length": "absent"},
    {"max_length": None}, {"max_length": 10 ** 30}, {"max_new_tokens": 12}, {"max_new_tokens": 230},
    {"max_new_tokens": 0}, {"num_beams": 3}, {"num_beams": 3, "length_penalty": -2.0},
    {"num_beams": 3, "early_stopping": "never"}, {"early_stopping": "maybe"}, {"num_beams": None},
    {"repetition_penalty": 0}, {"repetition_penalty": 1.5}, {"num_return_sequences": 2},
    {"num_beams": 3, "num_return_sequences": 2}, {"exponential_decay_length_penalty": [3, 1.4]},
    {"num_beams": 3, "renormalize_logits": True, "repetition_penalty": 1.4},
    {"eos_token_id": [2, 255], "min_length": 30, "min_new_tokens": 3},
    {"eos_token_id": [2, 255], "min_length": 30, "min_new_tokens": 0},
]
TOKENS = [
    {"eos_token_id": "absent"}, {"eos_token_id": [2, 255]}, {"eos_token_id": [255, 76, 2, 2]},
    {"eos_token_id": [2, 255], "num_beams": 3}, {"eos_token_id": []}, {"pad_token_id": -1},
    {"decoder_start_token_id": "absent"}, {"decoder_start_token_id": "absent", "bos_token_id": 3},
    {"decoder_start_token_id": "absent", "bos_token_id": "absent"},
]
MODES = [
    {"do_sample": True, "temperature": 0.7, "top_k": 20}, {"penalty_alpha": 0.6},
    {"penalty_alpha": 0.6, "top_k": 1}, {"num_beam_groups": 2, "diversity_penalty": 0.5},
    {"diversity_penalty": 0.5}, {"prompt_lookup_num_tokens": 5}, {"prompt_lookup_num_tokens": None},
    {"forced_decoder_ids": None}, {"forced_decoder_ids": [[1, 5]]}, {"dola_layers": "low"},
    {"assistant_early_exit": 1}, {"guidance_scale": 1.5}, {"guidance_scale": 1},
    {"stop_strings": ["a"]}, {"token_healing": True}, {"force_words_ids": [[3]]},
    {"remove_invalid_values": True}, {"encoder_repetition_penalty": 1.5},
    {"encoder_no_repeat_ngram_size": 2}, {"use_cache": False}, {"low_memory": True},
    {"return_dict_in_generate": False, "output_scores": True}, {"max_time": 1000.0}, {"other": 3},
]


@pytest.mark.parametrize("changes", LISTS + NUMBERS + TOKENS + MODES, ids=json.dumps)
def test_generation_settings(potstill, model, clip, changes):
    if NEWER and "encoder_repetition_penalty" in changes:
        pytest.skip("the newest transformers passes over it, where 5.2 fails")
    if NEWER and [] in (changes.get("bad_words_ids") or []):
        pytest.skip("the newest transformers passes over an empty word, where 5.2 fails")
    edit(model, "generation_config.json", {"max_length": 40, **changes})
    if "do_sample" not in changes:
        assert ours(potstill, model, clip) == theirs(model, clip)
    greedy = theirs(model, clip, do_sample=False, num_beams=1)
    assert ours(potstill, model, clip, "--decode", "greedy") == greedy
    beams = theirs(model, clip, do_sample=False, num_beams=5, **RULES)
    assert ours(potstill, model, clip, "--num-beams", "5", "--early-stopping", "true",
                "--repetition-penalty", "1.3", "--no-repeat-ngram-size", "2",
                "--max-new-tokens", "10") == beams


@pytest.mark.parametrize("changes", [
    {}, {"max_length": 40, "num_beams": 2, "no_repeat_ngram_size": 2},
    {"max_length": 40, "repetition_penalty": 1.4, "suppress_tokens": [315]},
    {"bos_token_id": None, "num_beams": None}, {"eos_token_id": "absent"},
    {"decoder_start_token_id": "absent", "bos_token_id": 3}], ids=json.dumps)
def test_without_generation_config(potstill, run, model, clip, tmp_path, changes):
    (model / "generation_config.json").unlink()
    edit(model, "config.json", changes)
    expected = theirs(model, clip, do_sample=False)
    assert ours(potstill, model, clip) == expected
    adapter = tmp_path / "adapter"
    maker.save_adapter(maker.mini(), adapter)
    run(potstill, "merge", "--model", model, "--adapter", adapter, "-o", tmp_path / "merged")
    check(potstill, tmp_path / "merged", clip)
    reference.load(model).save_pretrained(tmp_path / "saved")
    for name in ("generation_config.json", "config.json"):
        made, saved = (json.loads((tmp_path / folder / name).read_text())
                       for folder in ("merged", "saved"))
        if NEWER:
            made.pop("transformers_version"), saved.pop("transformers_version")
        if name == "generation_config.json" or not NEWER:
            assert made == saved


@pytest.mark.parametrize("key", ["forced_bos_token_id", "forced_eos_token_id"])
def test_forced_tokens_of_equal_score(potstill, model, clip, key):
    """Greedy search takes the lowest; which of them beams end with is up to their order in topk."""
    edit(model, "generation_config.json", {"max_length": 8, key: [9, 7]})
    assert ours(potstill, model, clip) == theirs(model, clip, do_sample=False)
    assert ours(potstill, model, clip, "--decode", "beam") is None


def test_config_settings_beside_generation_config(potstill, model, clip):
    edit(model, "config.json", {"num_beams": 2, "max_length": 7, "eos_token_id": 255})
    assert ours(potstill, model, clip) == theirs(model, clip)


def test_bfloat16_is_computed_as_float32(potstill, model, clip):
    """What docs/MODEL.md says of both: transformers computes in the stored type by default."""
    maker.save(maker.mini().to(torch.bfloat16), model)
    default = transformers.MoonshineForConditionalGeneration.from_pretrained(str(model))
    assert next(default.parameters()).dtype == torch.bfloat16
    check(potstill, model, clip)


# ----------------------------------------------------------------------------------------- tokenizer

NAMED = {"__type": "AddedToken", "content": "TOKEN", "lstrip": False, "normalized": False,
         "rstrip": False, "single_word": False}


@pytest.mark.parametrize("name, settings", [
    ("tokenizer_config.json", {"additional_special_tokens": ["TOKEN", "<<ST_0>>"]}),
    ("tokenizer_config.json", {"extra_special_tokens": ["TOKEN"]}),
    ("tokenizer_config.json", {"extra_special_tokens": {"x_token": "TOKEN"}}),
    ("tokenizer_config.json", {"eos_token": "TOKEN", "pad_token": None}),
    ("tokenizer_config.json", {"eos_token": NAMED}),
    ("tokenizer_config.json", {"added_tokens_decoder": {"ID": {**NAMED, "special": True}}}),
    ("tokenizer_config.json", {"added_tokens_decoder": {"ID": {**NAMED, "special": False}}}),
    ("tokenizer_config.json", {"additional_special_tokens": ["<|new|>"], "split_special_tokens": True}),
    ("tokenizer_config.json", {"clean_up_tokenization_spaces": True, "model_max_length": 10 ** 30}),
    ("special_tokens_map.json", {"eos_token": "TOKEN"}),
    ("added_tokens.json", {"TOKEN": 999}),
], ids=str)
def test_special_tokens_of_the_configs(potstill, model, clip, name, settings):
    """A token of the text that is made special is left out of it."""
    if NEWER and name == "added_tokens.json":
        pytest.skip("the newest transformers adds the token a second time, and sets it apart by spaces")
    def transcribe():
        done = subprocess.run(
            [str(potstill), "transcribe", *ALL_SOUND, "--model", str(model), "--precision", "f32", "--format",
             "json", "--no-repeat-ngram-size", "2", "--min-new-tokens", "40", str(clip[0])],
            capture_output=True, text=True, timeout=300)
        return json.loads(done.stdout)[0]

    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    texts = {id: text for text, id in vocabulary.items() if id > 258}
    token = next(id for id in transcribe()["tokens"] if id in texts)
    settings = json.dumps(settings).replace("TOKEN", texts[token]).replace("ID", str(token))
    (model / name).write_text(settings)
    result = transcribe()
    tokenizer = transformers.AutoProcessor.from_pretrained(str(model)).tokenizer
    assert result["text"] == tokenizer.batch_decode([result["tokens"]], skip_special_tokens=True)[0]


# -------------------------------------------------------------------------------------------- verify

def test_verify_takes_what_transformers_writes(potstill, run, model):
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(model / "tokenizer.json"), bos_token="<s>", eos_token="</s>",
        pad_token="</s>")
    tokenizer.save_pretrained(model)
    assert str(10 ** 30)[:2] in (model / "tokenizer_config.json").read_text()
    run(potstill, "verify", model)


def test_merge_with_added_tokens(potstill, run, model, clip, tmp_path):
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(model / "tokenizer.json"), bos_token="<s>", eos_token="</s>",
        pad_token="</s>")
    tokenizer.add_tokens(["<|en|>", "<|transcribe|>"])
    processor = transformers.Wav2Vec2Processor(
        transformers.Wav2Vec2FeatureExtractor(do_normalize=False), tokenizer)
    processor.save_pretrained(tmp_path / "processor")
    adapter = tmp_path / "adapter"
    maker.save_adapter(maker.mini(), adapter)
    run(potstill, "merge", "--model", model, "--adapter", adapter, "--processor-dir",
        tmp_path / "processor", "-o", tmp_path / "merged")
    run(potstill, "verify", tmp_path / "merged")
    check(potstill, tmp_path / "merged", clip)


def hand_saved(adapted, folder):
    torch.save(adapted.state_dict(), folder / "adapter_model.bin")


def hand_saved_part(adapted, folder):
    save_file({key: value.clone() for key, value in adapted.state_dict().items() if "lora_" in key},
              folder / "adapter_model.safetensors")


def emptied(adapted, folder):
    from peft import get_peft_model_state_dict
    save_file({key: torch.zeros(0) for key in get_peft_model_state_dict(adapted)},
              folder / "adapter_model.safetensors")


@pytest.mark.parametrize("spoil", [hand_saved, hand_saved_part, emptied])
def test_verify_finds_adapters_without_effect(potstill, model, tmp_path, spoil):
    from peft import LoraConfig, get_peft_model
    adapted = get_peft_model(reference.load(model), LoraConfig(r=2, target_modules=["q_proj"]))
    adapted.save_pretrained(tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    spoil(adapted, tmp_path / "adapter")
    done = subprocess.run([str(potstill), "verify", str(tmp_path / "adapter")], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 3 and "problem: adapter_model" in done.stdout
