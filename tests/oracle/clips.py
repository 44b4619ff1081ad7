"""The sounds the live tests listen to, by name.

The one idea: speech that the model knows is easy; rounding shows where it is unsure. So there is
also speech cut off in the middle, synthetic voices, clipped and noisy speech, noise, tones,
silence, and the shortest clip the encoder takes. All is float32 at 16 kHz and the same on every run.
"""

import functools
import pathlib
import shutil
import subprocess
import tempfile

import numpy
import soundfile
import soxr

RATE = 16000

# name -> (start, seconds) in two_cities.wav, which is 44 s long
WINDOWS = {
    "city_0_5": (0, 5), "city_7.5_5": (7.5, 5), "city_20_5": (20, 5), "city_33_5": (33, 5),
    "city_0_10": (0, 10), "city_13_10": (13, 10), "city_30_10": (30, 10),
    "city_5_20": (5, 20), "city_24_20": (24, 20), "city_14_30": (14, 30),
    "city_3_1": (3, 1), "city_10_1": (10, 1), "city_26_1": (26, 1),
}

# name -> (voice, words a minute, text)
VOICES = {
    "voice_numbers": ("en-us", 150, "Call five five five, zero one nine nine, at ten."),
    "voice_fast": ("en-gb", 260, "The quick brown fox jumps over the lazy dog, and once more."),
    "voice_slow": ("en-us", 90, "Good morning."),
    "voice_repeats": ("en-us", 160, "No, no, no, no, no. I said no, no, and no."),
    "voice_names": ("en-gb", 140, "Doctor Zhivago met Mister O'Brien in Reykjavik in May."),
}

SYNTHETIC = ["noise", "quiet", "silence", "tone", "chord_and_clicks", "shortest"]
SPEECH = ["beckett", "beckett_1", "beckett_loud", "beckett_noisy"] + list(WINDOWS) + list(VOICES)
NAMES = SPEECH + SYNTHETIC


def load(path):
    """librosa.load(path, sr=16000) in its parts: mean of the channels, soxr_hq, length fixed."""
    samples, rate = soundfile.read(path, dtype="float32")
    if samples.ndim > 1:
        samples = numpy.mean(samples.T, axis=0)
    if rate == RATE:
        return samples
    length = int(numpy.ceil(len(samples) * (RATE / rate)))
    resampled = soxr.resample(samples, rate, RATE, quality="soxr_hq")[:length]
    return numpy.pad(resampled, (0, length - len(resampled))).astype(numpy.float32)


def have_voices():
    return shutil.which("espeak-ng") is not None


def say(path, voice, speed, text):
    """Has espeak-ng write `text` to the file `path` (22,050 Hz)."""
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text], check=True)


def synthetic(name):
    random = numpy.random.default_rng(len(name))
    t = numpy.arange(2 * RATE) / RATE
    if name == "noise":
        samples = 0.1 * random.standard_normal(len(t))
    elif name == "quiet":
        samples = 1e-4 * random.standard_normal(len(t))
    elif name == "silence":
        samples = numpy.zeros(len(t))
    elif name == "tone":
        samples = 0.2 * numpy.sin(2 * numpy.pi * 509 * t)
    elif name == "chord_and_clicks":
        samples = sum(0.08 * numpy.sin(2 * numpy.pi * f * t) for f in (220, 277, 330))
        samples[::997] += 0.5
    else:
        samples = 0.05 * random.standard_normal(895)
    return samples.astype(numpy.float32)


class Clips:
    """Clips by name, read from the folder of recordings `audio_dir`."""

    def __init__(self, audio_dir):
        self.audio_dir = pathlib.Path(audio_dir)

    @functools.lru_cache(maxsize=None)
    def __getitem__(self, name):
        if name in SYNTHETIC:
            return synthetic(name)
        if name in VOICES:
            with tempfile.NamedTemporaryFile(suffix=".wav") as file:
                say(file.name, *VOICES[name])
                return load(file.name)
        if name in WINDOWS:
            start, seconds = WINDOWS[name]
            whole = self["two_cities"]
            return whole[int(start * RATE):int((start + seconds) * RATE)].copy()
        if name == "beckett_1":
            return self["beckett"][:RATE].copy()
        if name == "beckett_loud":
            return numpy.clip(8 * self["beckett"], -1, 1)
        if name == "beckett_noisy":
            beckett = self["beckett"]
            noise = numpy.random.default_rng(3).standard_normal(len(beckett))
            return (beckett + 0.02 * noise).astype(numpy.float32)
        return load(self.audio_dir / f"{name}.wav")
