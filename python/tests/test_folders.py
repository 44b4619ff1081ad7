"""Merging, converting, checking, evaluating: the files and numbers of the command."""

import json
import warnings

import potstill
import pytest
from conftest import ADAPTER, MICRO, ROOT, TINY, needs_tiny


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_merge_is_the_commands(tmp_path):
    potstill.merge(MICRO, adapter=(ADAPTER, 0.5), output=tmp_path / "ours")
    words = {"model": MICRO, "adapter": (ADAPTER, 0.5), "output": tmp_path / "theirs"}
    potstill.run_command("merge", **words)
    assert files(tmp_path / "ours") == files(tmp_path / "theirs")
    model = potstill.load(MICRO, adapter=(ADAPTER, 0.5))
    with pytest.raises(potstill.ReadWriteError, match="ours"):
        potstill.merge(model, output=tmp_path / "ours")
    with pytest.raises(OSError):
        potstill.merge(model, output=tmp_path / "ours")
    potstill.merge(model, output=tmp_path / "ours", force=True)
    assert files(tmp_path / "ours") == files(tmp_path / "theirs")


def test_convert_is_the_commands_and_runs(tmp_path, samples):
    potstill.convert(MICRO, adapter=ADAPTER, output=tmp_path / "ours", seconds=[5])
    words = {"model": MICRO, "adapter": ADAPTER, "output": tmp_path / "theirs", "seconds": "5"}
    potstill.run_command("convert", **words)
    assert files(tmp_path / "ours") == files(tmp_path / "theirs")
    converted = potstill.load(tmp_path / "ours")
    assert "converted" in repr(converted)
    with pytest.raises(potstill.ArgumentError, match="takes no adapter"):
        converted.load_adapter(ADAPTER)
    assert potstill.verify(tmp_path / "ours").kind == "package"
    assert converted.transcribe(samples, max_new_tokens=5).tokens


def test_verify_finds_everything(tmp_path):
    assert potstill.verify(MICRO)
    for file in ADAPTER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    found = potstill.verify(tmp_path)
    assert not found and found.problems and found.findings[0].severity == "problem"
    assert "<table>" in found._repr_html_()


def test_pull_says_what_it_needs():
    with pytest.raises(potstill.ArgumentError, match="expected a hub id"):
        potstill.pull(str(MICRO))
    with pytest.raises(OSError, match="offline"):
        potstill.pull("nobody/nothing")


def adapter_of(folder, base):
    """The golden adapter, made for ``base``."""
    folder.mkdir()
    for file in ADAPTER.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((ADAPTER / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_another_base_than_the_adapter_names_is_warned_of(tmp_path):
    other = adapter_of(tmp_path / "other", "me/another")
    said = "made for me/another .*, but used with .*micro: where that is another model"
    with pytest.warns(potstill.PotstillWarning, match=said):
        potstill.load(MICRO, adapter=other)
    with pytest.warns(potstill.PotstillWarning, match=said):
        potstill.merge(MICRO, adapter=other, output=tmp_path / "merged")
    right = adapter_of(tmp_path / "right", str(MICRO))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert potstill.load(adapter=right).dir == str(MICRO)
        potstill.load(MICRO, adapter=right)
    (right / "README.md").write_text("---\nbase_model_fingerprint: 0123456789abcdef\n---\n")
    with pytest.warns(potstill.PotstillWarning, match="other weights of the same shape"):
        potstill.load(MICRO, adapter=right)
    with pytest.raises(potstill.ModelError, match="other weights of the same shape"):
        potstill.load(adapter=right)


def test_names_are_found_as_the_command_finds_them(tmp_path, monkeypatch):
    """An imported name, a name that is nearly one, a base that is not here."""
    models = tmp_path / "data/potstill/models"
    models.mkdir(parents=True)
    (models / "mine").symlink_to(MICRO)
    assert potstill.load("mine").dir == str(models / "mine")
    with pytest.raises(potstill.NotFoundError, match="did you mean mine?"):
        potstill.load("mime")
    with pytest.raises(potstill.ModelError, match="an adapter, expected a model: .*by adapter="):
        potstill.load(ADAPTER)
    astray = adapter_of(tmp_path / "astray", "/home/someone/checkpoint-500")
    with pytest.raises(potstill.ModelError, match="which is not here; name the model .* by model="):
        potstill.load(adapter=astray)
    monkeypatch.setenv("POTSTILL_MODEL", str(MICRO))
    with pytest.warns(potstill.PotstillWarning, match="but used with"):
        assert potstill.load(adapter=astray).dir == str(MICRO)
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "soon")
    with pytest.warns(potstill.PotstillWarning, match="HF_HUB_ETAG_TIMEOUT 'soon': expected seconds"):
        potstill.load("mine")


def test_an_option_that_a_command_lacks(tmp_path):
    with pytest.raises(potstill.CommandError, match="--nothing") as raised:
        potstill.run_command("merge", nothing=1)
    assert raised.value.code == 2


def test_evaluate_is_the_commands(micro, samples, tmp_path):
    manifest = tmp_path / "set.jsonl"
    rows = [
        {"audio": str(ROOT / row["audio"]), "text": row["text"]}
        for row in map(json.loads, (ROOT / "examples/tower/manifest.jsonl").open())
    ][:4]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = {"manifest": manifest, "model": MICRO, "output": tmp_path / "theirs", "no_timing": True}
    potstill.run_command("eval", adapter=["none", ADAPTER], **words)
    wanted = json.loads((tmp_path / "theirs/results.json").read_text())
    for form in (manifest, rows, [(row["audio"], row["text"]) for row in rows]):
        found = potstill.evaluate(form, model=MICRO, adapters=[None, ADAPTER], no_timing=True)
        assert [s["wer"] for s in found.systems] == [s["wer"] for s in wanted["systems"]]
        assert found.comparisons == wanted["comparisons"]
    assert found.wer() == wanted["systems"][1]["wer"]["value"] and found.wer("base") is not None
    assert "<table>" in found._repr_html_() and "Evaluation(" in repr(found)
    worst = found.errors(0, most=2)
    assert len(worst) == 2 and worst[0]["errors"] >= worst[1]["errors"]
    assert "<del>" in worst._repr_html_() and "<audio" in worst._repr_html_()
    texts = [u["reference"] for u in found.utterances]
    heard = [u["systems"][0]["text"] for u in found.utterances]
    assert potstill.word_errors(texts, heard).wer == pytest.approx(found.wer(0), abs=1e-9)
    sounds = potstill.evaluate([(samples, "a b"), ((8000, samples), "c")], model=micro, max_wer=0.01)
    assert not sounds.passed and sounds.errors()[0]["errors"] > 0


def test_word_errors_are_jiwers_counts():
    found = potstill.word_errors(["a b c", "d"], ["a x c e", "D."])
    assert (found.substitutions, found.insertions, found.hits) == (1, 1, 3)
    assert float(found) == pytest.approx(2 / 4) and found.words == 4
    assert potstill.word_errors("a", "A", normalizer="none").wer == 1
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        potstill.word_errors(["a", "b"], ["a"])


@needs_tiny
def test_the_tower_adapter_is_better():
    rows = ROOT / "examples/tower/manifest.jsonl"
    some = [
        (str(ROOT / row["audio"]), row["text"]) for row in map(json.loads, rows.open())
    ][:3]
    found = potstill.evaluate(some, model=TINY, adapters=[None, ROOT / "examples/tower/adapter"])
    assert found.wer("base") > 0.5 and found.wer("adapter") == 0
