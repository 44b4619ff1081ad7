#!/bin/sh
# The main job on real weights and real sound: a clip of speech, then a fine-tuned model on the phrases it
# was tuned for, beside the base model. Run by `make demo`, which has built and fetched everything.
set -eu
potstill=build/release/potstill
model=models/moonshine-tiny

echo "== A clip of speech (10 s) and the official English tiny model"
"$potstill" transcribe --model "$model" models/audio/beckett.wav

echo
echo "== Tower phrases: the base model, then the same with a LoRA adapter of 2.7 MB"
python3 - "$potstill" "$model" <<'PYTHON'
import json, subprocess, sys, time
potstill, model = sys.argv[1:]

def run(*adapter):
    """The report over the manifest, and the seconds it took from start to end of the program."""
    begin = time.perf_counter()
    done = subprocess.run([potstill, "run-stt", "--model-id", model, *adapter,
                           "--audio-list", "examples/tower/manifest.jsonl"],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout), time.perf_counter() - begin

runs = {"base": run(), "adapter": run("--adapter-dir", "examples/tower/adapter")}
for base, tuned in list(zip(runs["base"][0]["samples"], runs["adapter"][0]["samples"]))[:4]:
    print(f"  said     {base['reference']}\n  base     {base['prediction']}\n"
          f"  adapter  {tuned['prediction']}\n")
print(f"               WER     time for {len(runs['base'][0]['samples'])} clips")
for name, (report, seconds) in runs.items():
    print(f"  {name:8s} {100 * report['wer']:5.1f} %   {seconds:5.2f} s")
PYTHON

echo
echo "== Live: a clip as if it was said now, to a streaming model of 2.5 MB that knows commands"
"$potstill" live --model examples/commands --format jsonl examples/commands/clips/02.flac | python3 -c '
import json, sys
for event in map(json.loads, sys.stdin):
    if event["event"] == "line_text":
        print("  growing   {committed}|{tentative}".format(**event), flush=True)
    if event["event"] == "line_completed":
        print("  complete  {text}   ({latency_ms:.0f} ms after the sound that ended it)".format(**event))'

echo
echo "== Is the adapter better? Both over the tower phrases, with intervals"
"$potstill" eval --manifest examples/tower/manifest.jsonl --model "$model" --adapter none \
    --adapter examples/tower/adapter --title "Tower phrases" -o build/demo
