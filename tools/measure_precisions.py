#!/usr/bin/env python3
"""What bf16 and int8 cost in accuracy: the evidence behind --precision auto.

The idea to hold: f32 is the reference stack's text, token for token, so everything is measured against
it and against what was really said. For every precision, with and without the tower adapter:

 - WER over all clips whose words are known: the tower clips, beckett.wav, two_cities.wav in two parts,
   and espeak-ng voices;
 - how many transcripts are f32's, token for token, and how many words differ in the others, over these
   and over windows of speech, noisy speech and sounds that are no speech;
 - the largest difference of a logit, the decoder being fed with f32's tokens, as a part of the largest
   logit.

    tools/measure_precisions.py --model models/moonshine-tiny        (needs the environment of make oracle)
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import jiwer
import numpy
import safetensors.numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import clips  # noqa: E402

PRECISIONS = ["f32", "bf16", "int8"]  # in the order of pst_precision
TRACE = ROOT / "build" / "release" / "tests" / "potstill_trace"
TOWER = ROOT / "examples" / "tower"

SAID = {
    "beckett": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
    "two_cities": (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age "
        "of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season "
        "of Light, it was the season of Darkness, it was the spring of hope, it was the winter of "
        "despair,",
        "we had everything before us, we had nothing before us, we were all going direct to Heaven, we "
        "were all going direct the other way - in short, the period was so far like the present period, "
        "that some of its noisiest authorities insisted on its being received, for good or for evil, in "
        "the superlative degree of comparison only."),
}
# The clip is longer than the 30 s the model was made for; here "despair" is over and "we had" not begun.
TWO_CITIES_CUT = 20.8
WORDS = jiwer.Compose([jiwer.ToLowerCase(), jiwer.SubstituteRegexes({r"[^\w\s]": " "}),
                       jiwer.RemoveMultipleSpaces(), jiwer.Strip(),
                       jiwer.ReduceToListOfListOfWords()])


def gather(audio):
    """[(name, set, samples, words said or None)]"""
    gathered, bank = [], clips.Clips(audio)
    for line in open(TOWER / "manifest.jsonl", encoding="utf-8"):
        entry = json.loads(line)
        gathered.append((pathlib.Path(entry["audio"]).stem, "tower", clips.load(ROOT / entry["audio"]),
                         entry["text"]))
    cut = int(TWO_CITIES_CUT * clips.RATE)
    for name, part, said in zip(("two_cities_1", "two_cities_2"),
                                (bank["two_cities"][:cut], bank["two_cities"][cut:]),
                                SAID["two_cities"]):
        gathered.append((name, "speech", part, said))
    for name in clips.NAMES:
        if name in clips.VOICES and not clips.have_voices():
            continue
        said = clips.VOICES[name][2] if name in clips.VOICES else SAID.get(name)
        kind = "voices" if name in clips.VOICES else "speech" if said else "others"
        gathered.append((name, kind, bank[name], said))
    return gathered


def trace(*arguments):
    subprocess.run([TRACE, *map(str, arguments)], check=True)


def transcribe(folder, model, adapter, precision, files):
    cases, out = folder / "cases.json", folder / "out.json"
    cases.write_text(json.dumps([{"audio": str(f), "options": {}} for f in files]))
    trace(model, "--cases", cases, out, "--precision", PRECISIONS.index(precision), *adapter)
    return json.loads(out.read_text())


def logits(folder, model, adapter, precision, file, tokens):
    out = folder / "stages.safetensors"
    trace(model, file, out, "--tokens", ",".join(map(str, tokens)), "--precision",
          PRECISIONS.index(precision), *adapter)
    return safetensors.numpy.load_file(out)["logits"]


def error_rate(pairs):
    if not pairs:
        return float("nan"), 0
    said, heard = zip(*pairs)
    measured = jiwer.process_words(list(said), list(heard), reference_transform=WORDS,
                                   hypothesis_transform=WORDS)
    return 100 * measured.wer, measured.substitutions + measured.deletions + measured.insertions


def measure(folder, options, adapter, gathered, files):
    exact = transcribe(folder, options.model, adapter, "f32", files)
    steps = [i for i, (_, kind, samples, _) in enumerate(gathered) if kind != "tower" or i % 10 == 0]
    exact_logits = {i: logits(folder, options.model, adapter, "f32", files[i],
                              exact[i]["tokens"][:-1]) for i in steps}
    for precision in PRECISIONS:
        found = transcribe(folder, options.model, adapter, precision, files)
        cells = []
        for kind in ["tower", "speech", "voices"]:
            pairs = [(said, result["text"]) for (_, k, _, said), result in zip(gathered, found)
                     if said and k == kind]
            rate, wrong = error_rate(pairs)
            cells.append(f"{rate:.2f} ({wrong})")
        total, wrong = error_rate([(said, result["text"]) for (_, _, _, said), result
                                   in zip(gathered, found) if said])
        same = sum(a["tokens"] == b["tokens"] for a, b in zip(exact, found))
        words, changed = error_rate([(a["text"], b["text"]) for a, b in zip(exact, found)
                                     if a["text"].strip()])
        worst = 0.0
        for i in steps if precision != "f32" else []:
            ours = logits(folder, options.model, adapter, precision, files[i],
                          exact[i]["tokens"][:-1])
            worst = max(worst, float(numpy.abs(ours - exact_logits[i]).max()
                                     / numpy.abs(exact_logits[i]).max()))
        print(f"| {'tower adapter' if adapter else 'base'} | {precision} | " + " | ".join(cells)
              + f" | {total:.2f} ({wrong}) | {same} of {len(found)} | {words:.2f} ({changed}) | "
              f"{worst:.1e} |", flush=True)
        if options.verbose:
            for (name, *_), a, b in zip(gathered, exact, found):
                if a["tokens"] != b["tokens"]:
                    print(f"  {name} (margin {a['margin']:.3f})\n    f32:  {a['text']}\n    {precision}: "
                          f"{b['text']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--audio", type=pathlib.Path, default=ROOT / "models" / "audio")
    parser.add_argument("--verbose", action="store_true", help="print the texts that differ")
    options = parser.parse_args()
    gathered = gather(options.audio)
    print("| adapter | precision | WER tower % (words) | speech | voices | all | tokens as f32 | "
          "words against f32 | largest logit error |\n|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = []
        for i, (_, _, samples, _) in enumerate(gathered):
            files.append(folder / f"{i}.f32")
            samples.tofile(files[-1])
        for adapter in [[], ["--adapter", TOWER / "adapter"]]:
            measure(folder, options, adapter, gathered, files)


if __name__ == "__main__":
    main()
