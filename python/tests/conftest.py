"""What the tests share: small models that lie in the tree, and the command to compare with."""

import json
import os
from pathlib import Path

import numpy as np
import potstill
import pytest

ROOT = Path(__file__).resolve().parents[2]
MICRO = ROOT / "tests/golden/micro"
ADAPTER = ROOT / "tests/golden/adapter"
CLIPS = sorted((ROOT / "examples/tower/clips").glob("*.flac"))
TINY = Path(os.environ.get("POTSTILL_MODELS", ROOT / "models")) / "moonshine-tiny"

needs_tiny = pytest.mark.skipif(
    not (TINY / "model.safetensors").exists(), reason="needs the official model in models/"
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Nothing of the user's is read or written, and nothing fetched."""
    for name in list(os.environ):
        if name.startswith(("HF_", "POTSTILL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def micro():
    return potstill.load(MICRO, precision="f32", cache=False)


@pytest.fixture(scope="session")
def samples():
    """Three seconds [48000] at 16 kHz in which a micro model hears something."""
    seconds = np.arange(48000) / 16000
    tone = 0.3 * np.sin(2 * np.pi * (200 + 100 * np.sin(3 * seconds)) * seconds)
    noise = np.random.default_rng(5).normal(0, 0.05, seconds.size)
    return (tone + noise).astype(np.float32)


def heard(*files, **options):
    """What ``potstill transcribe --format json`` says."""
    options.setdefault("offline", True)
    out, _ = potstill.run_command("transcribe", *files, format="json", accept=(0, 1), **options)
    return json.loads(out)


def same(result, row):
    """Is a result what the command says?"""
    assert result.text == row["text"]
    assert list(result.tokens) == row["tokens"]
    assert result.duration == pytest.approx(row["duration"], abs=1e-9)
    logprob = float("nan") if row["avg_logprob"] is None else row["avg_logprob"]
    assert result.avg_logprob == pytest.approx(logprob, abs=1e-6, nan_ok=True)
    assert list(result.flags) == row.get("flags", list(result.flags))
    if "segments" in row:
        assert len(result.segments) == len(row["segments"])
        for segment, other in zip(result.segments, row["segments"]):
            assert (segment.start, segment.end) == pytest.approx((other["start"], other["end"]))
            assert segment.text == other["text"]
