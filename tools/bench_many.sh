#!/bin/sh
# bench_many.sh - how much faster many short clips are on several threads than one at a time on one.
#
#     tools/bench_many.sh PROGRAM MODEL RECORDING [CLIPS [THREADS [OPTION ...]]]
#
# Cuts RECORDING (a wave file) into CLIPS clips (200) of 1 to 4 s, the same every time, and transcribes the
# folder with `--threads 1` and `--threads THREADS` (2) in turn. The fastest of five runs of each counts:
# whatever else the machine does only ever adds to a run. Opening the model is part of both.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 2
fi
program=$1
model=$2
recording=$3
clips=${4-200}
threads=${5-2}
if [ $# -gt 5 ]; then shift 5; else set --; fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/potstill-many.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/clips"

python3 - "$recording" "$folder/clips" "$clips" <<'END'
import random, sys, wave

recording, folder, clips = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(1)
with wave.open(recording) as source:
    rate, frames = source.getframerate(), source.getnframes()
    seconds = 0
    for number in range(clips):
        length = int(chance.uniform(1, 4) * rate)
        source.setpos(chance.randrange(max(1, frames - length)))
        with wave.open(f"{folder}/{number:05}.wav", "wb") as clip:
            clip.setparams(source.getparams())
            clip.writeframes(source.readframes(length))
        seconds += length / rate
print(f"{clips} clips, {seconds:.1f} s of sound")
END

# Milliseconds of a run with $1 threads.
run() {
    count=$1
    shift
    begin=$(date +%s%N)
    "$program" transcribe --model "$model" --threads "$count" "$@" "$folder/clips" \
        >"$folder/text.$count" 2>"$folder/notes"
    echo $((($(date +%s%N) - begin) / 1000000))
}
one=
many=
for turn in 1 2 3 4 5; do
    ms=$(run 1 "$@")
    if [ -z "$one" ] || [ "$ms" -lt "$one" ]; then one=$ms; fi
    ms=$(run "$threads" "$@")
    if [ -z "$many" ] || [ "$ms" -lt "$many" ]; then many=$ms; fi
done
cmp "$folder/text.1" "$folder/text.$threads"
awk -v one="$one" -v many="$many" -v clips="$clips" -v threads="$threads" 'BEGIN {
    printf "1 thread: %d ms, %.1f clips/s\n", one, clips * 1000 / one
    printf "%d threads: %d ms, %.1f clips/s, %.2f times the throughput\n", threads, many,
        clips * 1000 / many, one / many
}'
