#!/bin/sh
# The main job on real weights and real sound: a clip of speech, then a fine-tuned model on the phrases it
# was tuned for, beside the base model. Run by `make demo`, which has built and fetched everything.
set -eu
potstill=build/release/potstill
model=models/moonshine-tiny

echo "== A clip of speech (10 s), the official English tiny model"
"$potstill" transcribe --model "$model" models/audio/beckett.wav

echo
echo "== Tower phrases: the base model, then the same with a LoRA adapter of 2.7 MB"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for run in base adapter; do
    set -- --model-id "$model" --audio-list examples/tower/manifest.jsonl --output "$work/$run.json"
    [ $run = base ] || set -- "$@" --adapter-dir examples/tower/adapter
    begin=$(date +%s%N)
    "$potstill" run-stt "$@"
    end=$(date +%s%N)
    echo $(((end - begin) / 1000000)) >"$work/$run.ms"
done
python3 - "$work" <<'PYTHON'
import json, sys
work = sys.argv[1]
reports = {run: json.load(open(f"{work}/{run}.json")) for run in ("base", "adapter")}
for base, tuned in list(zip(reports["base"]["samples"], reports["adapter"]["samples"]))[:4]:
    print(f"  said     {base['reference']}\n  base     {base['prediction']}\n  adapter  {tuned['prediction']}\n")
print("                WER      time for %d clips" % len(reports["base"]["samples"]))
for run, report in reports.items():
    milliseconds = int(open(f"{work}/{run}.ms").read())
    print(f"  {run:8s}  {100 * report['wer']:6.1f} %   {milliseconds / 1000:6.2f} s")
PYTHON
