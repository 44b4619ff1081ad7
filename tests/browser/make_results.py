"""Writes a results.json as `potstill eval` has it, of random speech, for the tests of its page.

    make_results.py COUNT OUT.json [--systems N] [--plain] [--hostile] [--sounds FOLDER]

Every number in it follows from the utterances, so that tests can count again. --hostile puts markup into
every text. --sounds takes the files of a folder in turn."""
import argparse
import json
import pathlib
import random
import string

WORDS = ("the of and to in is that it was for on as with his they at be this from have or by one had not but what "
         "all were when we there can an your which their said if do will each about how up out them then she many "
         "some so these would other into has more her two like him see time could no make than first been its who "
         "now people my made over did down only way find use may water long little very after words called just "
         "where most know tower cleared runway heading descend maintain flight level squawk contact approach").split()
DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
HOSTILE = "</script><img src=x onerror=alert(1)><!--<script>&lt;`\u2028\"'"


def hear(rng, words, rate):
    """An alignment of `words` with random errors."""
    alignment = []
    for word in words:
        draw = rng.random()
        if draw >= rate:
            alignment.append(["=", word])
        elif draw < 0.6 * rate:
            alignment.append(["s", word, rng.choice(WORDS)])
        elif draw < 0.85 * rate:
            alignment.append(["d", word])
        else:
            alignment += [["=", word], ["i", rng.choice(WORDS)]]
    return alignment


def transcript(rng, words, rate, seconds):
    alignment = hear(rng, words, rate)
    heard = [item[-1] for item in alignment if item[0] != "d"]
    step = seconds / max(1, len(heard))
    return {"text": " ".join(heard).capitalize() + ("." if heard else ""), "alignment": alignment,
            "errors": sum(item[0] != "=" for item in alignment), "words": len(words),
            "times": [[round(i * step, 2), round((i + 0.9) * step, 2)] for i in range(len(heard))], "ms": 40.0}


def utterance(rng, index, rates, options):
    words = rng.choices(WORDS, k=rng.randint(3, 24))
    if options.hostile:
        words[0] = HOSTILE.replace(" ", "")
    seconds = round(0.35 * len(words) + 0.4, 2)
    hard = rng.choice((0.2, 0.6, 1, 1, 2.5))
    row = {"id": f"utt-{index:06d}" + (HOSTILE if options.hostile else ""), "audio": f"clips/{index:06d}.flac",
           "offset": 0.0, "seconds": seconds, "group": f"speaker {index % 7}",
           "reference": " ".join(words).capitalize() + "."}
    if options.files:
        row["audio"] = str(options.files[index % len(options.files)])
    row["peaks"] = "".join(rng.choice(DIGITS[20:]) for _ in range(160))
    row["systems"] = [transcript(rng, words, min(0.9, rate * hard), seconds) for rate in rates]
    if options.plain:
        for one in row["systems"]:
            del one["times"], one["ms"]
        del row["peaks"]
    if index == 1 and not options.plain:  # a word that nobody timed
        row["systems"][0]["times"][0] = None
    if index % 97 == 96:  # now and then a file cannot be read
        row["systems"][-1] = {"error": "clip is damaged" + (HOSTILE if options.hostile else "")}
    return row


def interval(value, count, width=1.0):
    half = width * (value * (1 - min(value, 0.99)) / max(1, count)) ** 0.5 * 2.5
    return {"value": value, "low": max(0.0, value - half), "high": value + half}


def summed(name, rows, system):
    done = [row["systems"][system] for row in rows if "error" not in row["systems"][system]]
    kinds = [item[0] for one in done for item in one["alignment"]]
    words = sum(one["words"] for one in done)
    wrong = len(kinds) - kinds.count("=")
    return {"name": name, "model": "models/moonshine-tiny",
            "adapters": [] if not system else [{"path": f"out/{name}", "weight": 1.0, "sha256": f"{system:x}" * 64}],
            "utterances": len(done), "failed": len(rows) - len(done), "words": words,
            "substitutions": kinds.count("s"), "deletions": kinds.count("d"), "insertions": kinds.count("i"),
            "correct": kinds.count("="), "wer": interval(wrong / max(1, words), words),
            "cer": interval(0.6 * wrong / max(1, words), 5 * words),
            "sentence_errors": interval(sum(one["errors"] > 0 for one in done) / max(1, len(done)), len(done)),
            "real_time_factor": 0.021 + 0.002 * system,
            "latency_ms": {"p50": 38.0, "p90": 71.5, "p99": 120.0}}


def compared(systems, rows, a, b):
    one, two = systems[a], systems[b]
    pairs = [(row["systems"][a]["errors"], row["systems"][b]["errors"]) for row in rows
             if not any("error" in row["systems"][i] for i in (a, b))]
    difference = two["wer"]["value"] - one["wer"]["value"]
    better = difference < -0.005
    text = (f"{two['name']} is better than {one['name']} by {-100 * difference:.1f} points, "
            f"95 % interval {-100 * difference - 0.6:.1f} to {-100 * difference + 0.6:.1f}." if better else
            f"No evidence of a difference between {one['name']} and {two['name']}; about 1200 more utterances "
            "would be needed.")
    return {"a": one["name"], "b": two["name"], "difference": difference, "low": difference - 0.006,
            "high": difference + 0.006, "p_bootstrap": 0.0004 if better else 0.31, "p_mapsswe": 0.0002 if better else 0.28,
            "p_adjusted": 0.0008 if better else 0.62, "wins": sum(x > y for x, y in pairs),
            "losses": sum(x < y for x, y in pairs), "ties": sum(x == y for x, y in pairs), "fixed": 321, "broken": 45,
            "needed": None if better else 1200, "verdict": "better" if better else "no_evidence", "text": text}


def counted(items, most=60):
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [[*(key if isinstance(key, tuple) else (key,)), count] for key, count in order]


def word_lists(rows, system):
    items = [item for row in rows for item in row["systems"][system].get("alignment", [])]
    return {"confusions": counted((item[1], item[2]) for item in items if item[0] == "s"),
            "inserted": counted(item[1] for item in items if item[0] == "i"),
            "deleted": counted(item[1] for item in items if item[0] == "d"),
            "newly_right": [["squawk", 12], ["runway", 4]] if system else [], "newly_wrong": []}


def groups(rows, systems, by, unit, names, key):
    made = []
    for name in names:
        inside = [row for row in rows if key(row) == name]
        rates = []
        for system in range(len(systems)):
            done = [row["systems"][system] for row in inside if "error" not in row["systems"][system]]
            words = sum(one["words"] for one in done)
            rates.append(sum(one["errors"] for one in done) / words if words else None)
        made.append({"name": name, "utterances": len(inside), "words": sum(row["systems"][0]["words"] for row in inside),
                     "wer": rates})
    return {"by": by, "unit": unit, "groups": made}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("out")
    parser.add_argument("--systems", type=int, default=2)
    parser.add_argument("--plain", action="store_true", help="no times and waveforms")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--sounds", type=pathlib.Path)
    options = parser.parse_args()
    options.files = sorted(options.sounds.resolve().iterdir()) if options.sounds else []
    rng = random.Random(7)
    names = ["base", "adapter", "adapter-r16", "adapter-last-week", "five", "six", "seven", "eight"][:options.systems]
    if options.hostile:
        names = [name + HOSTILE for name in names]
    rates = [0.16, 0.07, 0.065, 0.11, 0.2, 0.3, 0.1, 0.12][:options.systems]
    rows = [utterance(rng, index, rates, options) for index in range(options.count)]
    systems = [summed(name, rows, i) for i, name in enumerate(names)]
    pairs = [compared(systems, rows, 0, i) for i in range(1, len(systems))]
    seconds = round(sum(row["seconds"] for row in rows), 2)
    spans = ["0-2", "2-4", "4-6", "6-10"]
    results = {
        "format": 1, "program": "potstill 0.5.0", "title": "Tower phrases, test set" + (HOSTILE if options.hostile else ""),
        "manifest": {"path": "data/tower/test.jsonl", "sha256": "ab" * 32, "utterances": len(rows),
                     "words": sum(row["systems"][0]["words"] for row in rows), "seconds": seconds},
        "normalizer": "whisper-english",
        "options": {"precision": "bf16", "decode": "greedy", "seed": 1, "samples": 1000, "group": "speaker"},
        "systems": systems, "comparisons": pairs,
        "canary": {"manifest": {"path": "data/general.jsonl", "utterances": 500}, "systems": systems,
                   "comparisons": pairs},
        "breakdowns": [
            groups(rows, systems, "duration", "s", spans,
                   lambda row: next((span for span in spans if row["seconds"] < float(span.split("-")[1])), spans[-1])),
            groups(rows, systems, "speaker", "", [f"speaker {i}" for i in range(7)], lambda row: row["group"])],
        "words": [word_lists(rows, i) for i in range(len(systems))],
        "terms": [{"term": term, "count": 40, "systems": [{"recall": 0.8, "precision": 0.9}] * len(systems)}
                  for term in ("squawk", "runway")],
        "utterances": rows}
    text = json.dumps(results)
    pathlib.Path(options.out).write_text(text.replace(', "utterances": [{', ',\n  "utterances": [{')  # as eval does
                                         .replace(', "utterances": []}', ',\n  "utterances": []}'))


if __name__ == "__main__":
    main()
