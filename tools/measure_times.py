#!/usr/bin/env python3
"""Measures the word times of potstill against speech whose times are known (tools/espeak_words.py).

    tools/measure_times.py CLIPS ... [--potstill build/release/potstill] [--max-median MS] [--max-95 MS] [-- OPTIONS]
    tools/measure_times.py CLIPS --each-head 6x8     # layers x heads: one at a time

CLIPS are folders of espeak_words.py; OPTIONS go to potstill transcribe. Only words that were heard right count. Also
checked: words are in order, do not overlap, lie in the clip, and are the text. Last comes how well the confidence of
a word tells the wrong ones from the right ones, and how often words of a confidence are right. Exit code 1: an error
is larger than allowed.
"""

import argparse
import difflib
import json
import pathlib
import re
import subprocess
import sys


def plain(word):
    return re.sub(r"[^a-z']", "", word.lower())


def transcribe(options, clips, more):
    command = [options.potstill, "transcribe", "--format", "jsonl", "--word-timestamps", *options.options, *more]
    done = subprocess.run(command + [clip["file"] for clip in clips], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def words_of(result):
    parts = result.get("segments") or [result]
    return [word for part in parts for word in part.get("words", [])]


def check(result, words):
    last = 0
    for word in words:
        if not last <= word["start"] <= word["end"] <= result["duration"] + 0.001:
            raise SystemExit(f"{result['file']}: {word} after {last}")
        last = word["end"]
    if " ".join(word["word"] for word in words) != result["text"]:
        raise SystemExit(f"{result['file']}: the words are not the text")


def known_words(clip):
    """(word, start or None, end or None): of words run together only the outer times are known."""
    known = []
    for entry in clip["words"]:
        parts = entry["word"].split()
        for i, part in enumerate(parts):
            known.append((plain(part), entry["start"] if i == 0 else None,
                          entry["end"] if i == len(parts) - 1 else None))
    return known


def compare(options, clips, more=()):
    """Errors of starts, of ends, and (confidence, right) of each word."""
    starts, ends, doubts = [], [], []
    for clip, result in zip(clips, transcribe(options, clips, more)):
        words = words_of(result)
        check(result, words)
        known = known_words(clip)
        right = set()
        matcher = difflib.SequenceMatcher(None, [k[0] for k in known], [plain(w["word"]) for w in words], False)
        for a, b, size in matcher.get_matching_blocks():
            for i in range(size):
                _, start, end = known[a + i]
                word = words[b + i]
                right.add(b + i)
                if start is not None:
                    starts.append(word["start"] - start)
                if end is not None:
                    ends.append(word["end"] - end)
        doubts += [(word["confidence"], i in right) for i, word in enumerate(words)]
    return starts, ends, doubts


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def summary(errors):
    sizes = [abs(error) for error in errors]
    return 1000 * quantile(sizes, 0.5), 1000 * quantile(sizes, 0.95), 1000 * quantile(errors, 0.5), len(errors)


def area(doubts):
    """The chance that a right word has a higher confidence than a wrong one."""
    right = [p for p, ok in doubts if ok]
    wrong = [p for p, ok in doubts if not ok]
    wins = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    return wins / (len(right) * len(wrong)) if right and wrong else float("nan")


def print_reliability(doubts):
    print(f"area under the curve {area(doubts):.3f}, {sum(not ok for _, ok in doubts)} of {len(doubts)} words wrong")
    edges = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.01]
    for low, high in zip(edges, edges[1:]):
        some = [(p, ok) for p, ok in doubts if low <= p < high]
        if some:
            print(f"confidence {low} to {min(high, 1)}: {len(some)} words, mean "
                  f"{sum(p for p, _ in some) / len(some):.3f}, right {sum(ok for _, ok in some) / len(some):.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", type=pathlib.Path, nargs="+")
    parser.add_argument("--potstill", default="build/release/potstill")
    parser.add_argument("--max-median", type=float, default=float("inf"), help="milliseconds")
    parser.add_argument("--max-95", type=float, default=float("inf"), help="milliseconds")
    parser.add_argument("--each-head", metavar="LAYERSxHEADS")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[:own.index("--")], own[own.index("--") + 1:]
    options = parser.parse_args(own)
    options.options = more
    clips = []
    for folder in options.clips:
        for line in open(folder / "words.jsonl"):
            clip = json.loads(line)
            clips.append(dict(clip, file=str(folder / clip["file"])))
    if options.each_head:
        layers, heads = map(int, options.each_head.split("x"))
        for layer in range(layers):
            for head in range(heads):
                starts, _, _ = compare(options, clips, ["--alignment-heads", f"{layer}.{head}"])
                lag = quantile(starts, 0.5)
                print(f"{layer}.{head}: lag {1000 * lag:.0f} ms, then median "
                      f"{summary([s - lag for s in starts])[0]:.0f} ms", flush=True)
        return 0
    starts, ends, doubts = compare(options, clips)
    failed = 0
    for name, errors in (("starts", starts), ("ends", ends)):
        median, most, bias, count = summary(errors)
        print(f"{name}: median {median:.0f} ms, 95 % under {most:.0f} ms, bias {bias:.0f} ms, {count} words")
        failed |= median > options.max_median or most > options.max_95
    print_reliability(doubts)
    return failed


if __name__ == "__main__":
    sys.exit(main())
