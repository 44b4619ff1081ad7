"""The streaming example: what transformers and PEFT hear in its clips is what Potstill hears."""

import json

import pytest

pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
import reference  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from compare import check_answer  # noqa: E402
from conftest import ROOT  # noqa: E402

if not hasattr(transformers, "MoonshineStreamingConfig"):
    pytest.skip("this transformers has no streaming family", allow_module_level=True)

FOLDER = ROOT / "examples" / "commands"


@pytest.mark.parametrize("adapter", [None, FOLDER / "adapter"], ids=["base", "adapter"])
def test_texts(potstill, run, adapter):
    """Greedy, float16 weights widened: tokens and texts of all clips."""
    entries = [json.loads(line) for line in (FOLDER / "manifest.jsonl").read_text().splitlines()]
    paths = [ROOT / entry["audio"] for entry in entries]
    words = ["--adapter", adapter] if adapter else []
    done = run(potstill, "transcribe", "--window", "0", "--precision", "f32", "--format", "json", "--model", FOLDER,
               *words, *paths)
    results = json.loads(done.stdout)
    assert len(results) == 20
    model, exact = reference.load(FOLDER, adapter), reference.load(FOLDER, adapter, torch.float64)
    for path, result in zip(paths, results):
        audio, _ = soundfile.read(path, dtype="float32")
        check_answer(path.name, result["tokens"],
                     lambda asked: reference.generate(asked, audio, {})["tokens"], model, exact)
        assert result["text"] == reference.text_of(reference.tokenizer(FOLDER), result["tokens"])
