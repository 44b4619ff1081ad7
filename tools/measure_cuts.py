#!/usr/bin/env python3
"""How often a lower precision changes the text of a short cut of clear speech.

The idea to hold: a cut that begins or ends inside a word leaves the model undecided between words, so
this is where rounding shows first. Every recording is cut end to end into pieces of each length, and
the tokens of each precision are compared with those of f32.

    tools/measure_cuts.py --model models/moonshine-tiny models/audio/*.wav
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import wave

ROOT = pathlib.Path(__file__).resolve().parent.parent


def cut(path, seconds, folder):
    """Writes the pieces; the rest that is shorter is left out. Returns their paths."""
    with wave.open(path) as sound:
        frames = int(seconds * sound.getframerate())
        pieces = []
        for index in range(sound.getnframes() // frames):
            pieces.append(folder / f"{pathlib.Path(path).stem}-{seconds:g}s-{index:02}.wav")
            with wave.open(str(pieces[-1]), "wb") as piece:
                piece.setparams(sound.getparams())
                piece.writeframes(sound.readframes(frames))
    return pieces


def transcribe(options, precision, pieces):
    words = [options.program, "transcribe", "--model", options.model, "--precision", precision,
             "--format", "jsonl", *map(str, pieces)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "potstill"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", default="1,1.5,2,4,8")
    parser.add_argument("audio", nargs="+")
    options = parser.parse_args()
    for seconds in map(float, options.seconds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            pieces = [piece for path in options.audio for piece in cut(path, seconds, pathlib.Path(folder))]
            exact = transcribe(options, "f32", pieces)
            for precision in ("bf16", "int8"):
                rounded = transcribe(options, precision, pieces)
                changed = [(a, b) for a, b in zip(exact, rounded) if a["tokens"] != b["tokens"]]
                print(f"{seconds:g} s, {precision}: {len(changed)} of {len(pieces)} changed")
                for a, b in changed:
                    print(f"    {pathlib.Path(a['file']).name}: {a['text']!r} -> {b['text']!r}")


if __name__ == "__main__":
    main()
