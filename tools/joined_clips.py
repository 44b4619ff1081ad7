#!/usr/bin/env python3
"""Are clips that follow each other in one recording heard as they are alone?

Sentences of espeak-ng in several voices and stretches of real recordings, cut in their pauses, are joined with
pauses of 0 to 2 s, all equally loud. Told are the word errors of the joined texts against those of the clips alone,
and of both against what was said (of espeak's sentences; of a recording nobody has written that down). Only such
sentences are taken that are heard right alone: a voice that the model must guess at it guesses anew each time.
--all takes the others too.

    tools/joined_clips.py --model models/moonshine-tiny models/audio/*.wav [--noise 0.001] [--show] [-- OPTION ...]

OPTIONs go to potstill transcribe. --noise is the level of a room that is heard in the pauses too.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import tempfile

import numpy
import soundfile
import soxr

import espeak

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATE_HZ = espeak.RATE_HZ
VOICES = [("en-us", 160, 50), ("en-GB-x-rp", 150, 65), ("en-GB-scotland", 150, 40), ("en-029", 145, 55)]


def plain(text):
    return re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("-", " ")).split()


def errors(said, heard):
    """The fewest words to change, by rows of the usual table."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        last, row[0] = row[0], i
        for k, other in enumerate(heard, 1):
            last, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, last + (word != other))
    return row[-1]


NUMBERS = {"two", "three", "four", "five", "six", "ten", "hundred", "thousand"}  # may come as digits


def loud(samples, level=0.05):
    """The same loudness for all."""
    return samples * (level / numpy.sqrt(numpy.mean(numpy.square(samples))))


def sentences(path):
    """(samples, what is said)"""
    speaker, clips = espeak.Speaker(), []
    for text in path.read_text().splitlines():
        if NUMBERS & set(plain(text)):
            continue
        for voice, speed, pitch in VOICES:
            samples, _ = speaker.say(text, voice, speed, pitch)
            clips.append((loud(samples), text))
    return clips


def stretches(options, path, least=2.5):
    """(samples, None): pieces of a recording that begin and end in pauses of 0.3 s and more."""
    command = [options.program, "vad", "--vad-weights", options.weights, "--format", "json", path]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    speech = json.loads(found.stdout)[0]["speech"]
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = soxr.resample(samples.mean(axis=1), rate, RATE_HZ)
    clips, start = [], 0.0
    for here, after in zip(speech, speech[1:] + [None]):
        end = (here["end"] + after["start"]) / 2 if after else len(samples) / RATE_HZ
        if after and (after["start"] - here["end"] < 0.3 or end - start < least):
            continue
        clips.append((loud(samples[int(start * RATE_HZ):int(end * RATE_HZ)]), None))
        start = end
    return clips


def transcribe(options, sounds, folder):
    names = []
    for i, samples in enumerate(sounds):
        names.append(str(folder / f"{i:04}.wav"))
        soundfile.write(names[-1], samples, RATE_HZ, subtype="PCM_16")
    words = [options.program, "transcribe", "--model", options.model, "--format", "jsonl", *options.more, *names]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def join(clips, chosen, dice, noise):
    """One after the other, with pauses between, 0.3 s before and behind."""
    parts = [numpy.zeros(int(0.3 * RATE_HZ), numpy.float32)]
    for index in chosen:
        parts += [clips[index][0], numpy.zeros(int(dice.uniform(0, 2) * RATE_HZ), numpy.float32)]
    parts[-1] = parts[0]
    samples = numpy.concatenate(parts)
    room = numpy.random.default_rng(len(samples)).normal(0, noise, len(samples)) if noise else 0
    return samples + room


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build" / "release" / "potstill"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", default=str(ROOT / "models" / "silero-vad" / "silero_vad_16k.safetensors"))
    parser.add_argument("--joins", type=int, default=100)
    parser.add_argument("--clips", type=int, nargs=2, default=(3, 9), help="of a join")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--real", action="store_true", help="stretches of the recordings only")
    parser.add_argument("--noise", type=float, default=0)
    parser.add_argument("--show", action="store_true", help="what differs")
    parser.add_argument("audio", nargs="*")
    options, rest = parser.parse_known_args()
    options.more = [word for word in rest if word != "--"]
    dice = random.Random(options.seed)
    real = [clip for path in options.audio for clip in stretches(options, path)]
    clips = real if options.real else real + sentences(ROOT / "tests" / "cli" / "sentences.txt")
    with tempfile.TemporaryDirectory() as folder:
        lone = [join(clips, [i], dice, options.noise) for i in range(len(clips))]
        alone = [plain(result["text"]) for result in transcribe(options, lone, pathlib.Path(folder))]
        if not options.all:
            right = [i for i, (_, said) in enumerate(clips) if said is None or alone[i] == plain(said)]
            clips, alone = [clips[i] for i in right], [alone[i] for i in right]
        chosen = []
        for _ in range(options.joins):
            count = dice.randint(*options.clips)
            # As many of the recordings as of the synthetic voices: there are fewer of them.
            chosen.append([dice.randrange(len(real)) if real and dice.random() < 0.5 else dice.randrange(len(clips))
                           for _ in range(count)])
        joined = [join(clips, indices, dice, options.noise) for indices in chosen]
        texts = transcribe(options, joined, pathlib.Path(folder))
    changed = words = single = together = spoken = 0
    for indices, result in zip(chosen, texts):
        heard, expected = plain(result["text"]), [word for i in indices for word in alone[i]]
        said = [word for i in indices for word in (plain(clips[i][1]) if clips[i][1] else alone[i])]
        wrong = errors(expected, heard)
        changed, words = changed + wrong, words + len(expected)
        single, together = single + errors(said, expected), together + errors(said, heard)
        spoken += len(said)
        if options.show and wrong:
            print(f"{wrong}:", *("|" + " ".join(alone[i]) for i in indices))
            for part in result.get("segments") or [result]:
                print(f"    {part.get('start', 0):.2f} {part.get('end', 0):.2f} {part['text']}")
    print(f"{len(clips)} clips ({len(real)} real), {len(joined)} joins of {sum(map(len, joined)) / RATE_HZ:.0f} s")
    print(f"joined against alone: {100 * changed / words:.2f} % of {words} words")
    print(f"against what was said: alone {100 * single / spoken:.2f} %, joined {100 * together / spoken:.2f} %")


if __name__ == "__main__":
    main()
