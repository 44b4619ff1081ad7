"""Potstill's network of Silero VAD against onnxruntime on the wheel's own .onnx, and its rule of speech against
the wheel's get_speech_timestamps() on the same probabilities.

The wheel silero-vad 6.2.1 has both; scripts/oracle.sh unpacks it beside the packages.
"""

import itertools
import math
import pathlib
import random
import re
import struct
import sys

import numpy
import pytest

from conftest import ROOT, program
from driver import Driver, number

FRAME, CONTEXT = 512, 64
SAME = 1e-5


@pytest.fixture(scope="module")
def wheel():
    """The folder of the wheel, which is not imported: it wants torchaudio."""
    path = pathlib.Path(sys.prefix) / "silero-vad-6.2.1" / "silero_vad"
    if not path.is_dir():
        pytest.skip("silero-vad 6.2.1 is not there (pip install --no-deps --target "
                    f"{path.parent} silero-vad==6.2.1)")
    return path


class VadDriver(Driver):
    def probabilities(self, samples, block):
        self.send(b"P", number(block), number(samples.size), samples.astype("=f4").tobytes())
        return numpy.frombuffer(self.read(4 * self.number()), "=f4")

    def speech(self, probabilities, total, settings):
        self.send(b"S", number(len(settings)), struct.pack(f"={len(settings)}d", *settings), number(total),
                  number(len(probabilities)), numpy.asarray(probabilities, "=f4").tobytes())
        found = struct.unpack(f"={(count := self.number())}Q", self.read(8 * count))
        return [{"start": start, "end": end} for start, end in zip(found[::2], found[1::2])]


@pytest.fixture(scope="module")
def driver(wheel, tmp_path_factory):
    sys.path.insert(0, str(ROOT / "tools"))
    from silero_weights import weights
    path = tmp_path_factory.mktemp("silero") / "silero_vad_16k.safetensors"
    path.write_bytes(weights((wheel / "data" / "silero_vad_16k_op15.onnx").read_bytes()))
    made = VadDriver(program("tests/vad_driver"), str(path))
    yield made
    assert made.close() == 0


def onnx_probabilities(session, samples):
    state, context, out = numpy.zeros((2, 1, 128), "f4"), numpy.zeros(CONTEXT, "f4"), []
    for frame in samples.reshape(-1, FRAME):
        window = numpy.concatenate([context, frame])[None]
        value, state = session.run(None, {"input": window, "state": state, "sr": numpy.array(16000, "int64")})
        context = frame[-CONTEXT:]
        out.append(value.item())
    return numpy.array(out)


@pytest.fixture(scope="module")
def session(wheel):
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(str(wheel / "data" / "silero_vad.onnx"), providers=["CPUExecutionProvider"])


# Speech, speech in noise, a synthetic voice, noise, tones, silence.
@pytest.mark.parametrize("name", ["beckett", "beckett_noisy", "city_24_20", "voice_fast", "noise", "chord_and_clicks",
                                  "silence"])
def test_probabilities_are_those_of_the_onnx_model(name, clips, session, driver):
    samples = clips[name][:8 * 16000]
    samples = numpy.pad(samples, (0, -samples.size % FRAME))
    expected = onnx_probabilities(session, samples)
    for block in (1, 7, 1000):  # any cutting; state carried
        assert numpy.abs(driver.probabilities(samples, block) - expected).max() < SAME


@pytest.fixture(scope="module")
def timestamps(wheel):
    """The function of the wheel with its audio and network replaced by lists."""
    torch = pytest.importorskip("torch")
    source = (wheel / "utils_vad.py").read_text()
    body = re.search(r"^@torch\.no_grad\(\)\ndef get_speech_timestamps.*?(?=^class |\Z)", source, re.M | re.S).group()
    scope = {"torch": torch, "Callable": itertools.count, "warnings": None}
    exec("import typing; Callable = typing.Callable\n" + body, scope)

    class Given:
        def __init__(self, probabilities):
            self.values = iter(probabilities)

        def reset_states(self):
            pass

        def __call__(self, chunk, rate):
            return torch.tensor(next(self.values))

    def go(probabilities, total, threshold, neg_threshold, min_speech, min_silence, max_speech, pad):
        return scope["get_speech_timestamps"](
            torch.zeros(total), Given(probabilities), threshold=threshold,
            neg_threshold=None if neg_threshold < 0 else neg_threshold, min_speech_duration_ms=min_speech,
            min_silence_duration_ms=min_silence, max_speech_duration_s=max_speech, speech_pad_ms=pad)
    return go


def random_probabilities(source, frames):
    """Stretches near 0 and near 1, of all lengths, with doubtful frames between."""
    out = []
    while len(out) < frames:
        level = source.choice([0.02, 0.3, 0.4, 0.5, 0.6, 0.97])
        out += [min(max(level + source.gauss(0, 0.08), 0), 1) for _ in range(source.choice([1, 2, 4, 8, 20, 60]))]
    return numpy.asarray(out[:frames], "f4")


SETTINGS = [(0.5, -1, 250, 100, math.inf, 30), (0.5, -1, 0, 2000, math.inf, 400), (0.5, -1, 250, 100, 3, 30),
            (0.3, 0.25, 100, 0, 1.5, 0), (0.7, -1, 250, 300, 2, 500), (0.1, -1, 500, 50, math.inf, 120)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_speech_is_that_of_get_speech_timestamps(settings, timestamps, driver):
    source = random.Random(str(settings))
    for frames in [1, 2, 5] + [source.randrange(20, 400) for _ in range(12)]:
        given = random_probabilities(source, frames)
        total = frames * FRAME - source.randrange(FRAME)
        expected = timestamps(given.tolist(), total, *settings)
        assert driver.speech(given, total, settings) == expected
