#!/usr/bin/env python3
"""Words wrong in calls to a tower: joined, with noises between them, and one at a time in noise.

    tools/noisy_calls.py --model models/moonshine-tiny [-- OPTION ...]

Twice: as a bare model hears them (--vad off --no-guard), and with the OPTIONs of potstill transcribe. The calls are
examples/tower; needs sox. One recording has all of them with pauses of 0 to 2 s, another has a sound in each pause
that is no speech; each alone is in pink noise of 0, 5, 10 and 15 dB.
"""
import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import numpy
import soundfile

import joined_clips
from joined_clips import RATE_HZ, ROOT, loud, plain

# Sounds of a second, as sox makes them.
SOUNDS = {"bark": "synth 0.2 sawtooth 500-250 fade 0.01 0.2 0.1 pad 0 0.3 repeat 1 vol 0.5 lowpass 1500",
          "chirp": "synth 0.15 sine 2000-4000 fade 0.02 0.15 0.02 pad 0 0.18 repeat 2 vol 0.4",
          "click": "synth 0.01 whitenoise pad 0 0.3 repeat 2",
          "chord": "synth 1 pluck C4 pluck E4 pluck G4 vol 0.4",
          "noise": "synth 1 pinknoise vol 0.4",
          "tone": "synth 1 sine 440 vol 0.3"}


def compare(said, heard):
    """(the fewest words to change, how many of them are words that nobody said)"""
    row = [(k, k) for k in range(len(heard) + 1)]
    for i, word in enumerate(said, 1):
        last, row[0] = row[0], (i, 0)
        for k, other in enumerate(heard, 1):
            above, left = row[k], row[k - 1]
            last, row[k] = above, min((last[0] + (word != other), last[1]), (above[0] + 1, above[1]),
                                      (left[0] + 1, left[1] + 1))
    return row[-1]


def pink(count, generator):
    spectrum = numpy.fft.rfft(generator.normal(size=count))
    spectrum[1:] /= numpy.sqrt(numpy.arange(1, len(spectrum)))
    spectrum[0] = 0
    return loud(numpy.fft.irfft(spectrum, count))


def quiet(seconds):
    return numpy.zeros(int(seconds * RATE_HZ))


def joined(clips, dice, sounds):
    parts = [quiet(0.3)]
    for clip in clips:
        parts += [clip, quiet(dice.uniform(0, 2))]
        if sounds:
            parts += [dice.choice(sounds), quiet(0.2)]
    return numpy.concatenate(parts + [quiet(0.3)])


def make_sounds(folder):
    for name, effects in SOUNDS.items():
        path = str(pathlib.Path(folder) / f"{name}.wav")
        sox = ["sox", "-R", "-n", "-r", str(RATE_HZ), "-b", "16", "-c", "1"]
        subprocess.run([*sox, path, *effects.split()], check=True)
        yield soundfile.read(path)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "potstill"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="f32")
    options, rest = parser.parse_known_args()
    calls = [json.loads(line) for line in (ROOT / "examples/tower/manifest.jsonl").read_text().splitlines()]
    clips = [loud(soundfile.read(ROOT / call["audio"])[0]) for call in calls]
    texts = [plain(call["text"]) for call in calls]
    everything = [word for text in texts for word in text]
    dice, generator = random.Random(1), numpy.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        sounds = list(make_sounds(folder))
        sets = {"alone, without noise": (clips, texts),
                "joined": ([joined(clips, dice, None)], [everything]),
                "with sounds between": ([joined(clips, dice, sounds)], [everything]),
                "alone, in noise": ([clip + pink(len(clip), generator) * 10 ** (-level / 20)
                                     for level in (0, 5, 10, 15) for clip in clips], texts * 4)}
        for name, (samples, said) in sets.items():
            print(name, end="")
            for more in (["--vad", "off", "--no-guard"], [word for word in rest if word != "--"]):
                options.more = ["--precision", options.precision, *more]
                found = joined_clips.transcribe(options, samples, pathlib.Path(folder))
                wrong = [compare(text, plain(result["text"])) for text, result in zip(said, found)]
                words, errors, inserted = sum(map(len, said)), *map(sum, zip(*wrong))
                print(f" | {100 * errors / words:.1f} % ({inserted} inserted)", end="")
            print(f" | {words} words")


if __name__ == "__main__":
    main()
