# test_words.sh - words with their times: what the micro model gives, whose times mean nothing, and how exact
# those of the official tiny model are, on speech of espeak-ng.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

# The text is the same with times, and the words are the text; in order, in the clip.
python3=$(command -v python3 || true)
check_words() { # FILE: of jsonl
    [ -z "$python3" ] && return
    ok python3 - "$1" <<'END'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    result = json.loads(line)
    parts = result.get("segments") or [dict(result, start=0, end=result["duration"])]
    for part in parts:
        words = part.get("words", [])
        assert " ".join(w["word"] for w in words).split() == part["text"].split(), part
        at = part["start"] - 0.001
        for word in words:
            assert at <= word["start"] <= word["end"] <= part["end"] + 0.001, (word, part)
            at = word["end"]
            assert 0 <= word["probability"] <= 1, word
END
}
without_words() { # FILE
    sed 's/, "confidence": [0-9.]*, "words": \[[^]]*\]//g' "$1" >"$scratch/without"
    cp "$scratch/without" "$1"
}
set -- audio/chirp.wav audio/hum.wav audio/silence.wav
for options in '' '--num-beams 3' '--model streaming' '--precision bf16' '--max-new-tokens 5'; do
    [ -e streaming ] || ln -s "$here/../golden/micro_streaming" streaming
    # shellcheck disable=SC2086 # words
    run transcribe --format jsonl $options "$@"
    exits 0
    cp "$scratch/out" plain.jsonl
    for threads in 1 3; do
        # shellcheck disable=SC2086 # words
        run transcribe --format jsonl --word-timestamps --threads $threads $options "$@"
        exits 0
        cp "$scratch/out" timed$threads.jsonl
    done
    ok grep -q '"words": \[{"word": ".*", "start": 0.*, "end": 0.*, "probability": 0[.0-9]*, "confidence": 0' timed1.jsonl
    same 'the times' timed3.jsonl timed1.jsonl
    check_words timed1.jsonl
    without_words timed1.jsonl
    same 'the texts' timed1.jsonl plain.jsonl
done

# Times of a segment are those of the clip.
{
    printf 'dns.\030\0\0\0\377\377\377\377\003\0\0\0\200\076\0\0\001\0\0\0'
    for i in 1 2 3; do tail -c +45 audio/chirp.wav; done
} >long.au
run transcribe --window 1 --format jsonl --word-timestamps long.au
exits 0; says ''
check_words "$scratch/out"
ok test "$(grep -o '"words"' "$scratch/out" | wc -l)" -eq 3

run transcribe --format whisper-json --word-timestamps audio/chirp.wav
exits 0; says ''
ok grep -q '"words": \[{"word": " inpklinik", "start": 0[.0-9]*, "end": 0[.0-9]*, "probability": 0[.0-9]*}, {"word": " and1g", ' "$scratch/out"

# Heads.
run transcribe --format jsonl --word-timestamps --alignment-heads 0.0:-2 --alignment-heads 1.1 audio/chirp.wav
exits 0; says ''
check_words "$scratch/out"
for head in 1 1. 1.x -1.0 1.0: 1.0:x 1.0:1x; do
    run transcribe --word-timestamps --alignment-heads "$head" audio/chirp.wav
    exits 2
    says "potstill: transcribe: --alignment-heads '$head': expected L.H or L.H:LAG, as 5.7:-1; see potstill transcribe --help"
done
run transcribe --word-timestamps --alignment-heads 99.0 audio/chirp.wav
exits 2
ok grep -q 'alignment head 99.0 with a lag of 0: expected a layer below [0-9]*, a head below [0-9]*' "$scratch/err"

# A converted model shows no attention: no times, and subtitles whose words share the time of their segment.
run convert --model micro -o packages
exits 0
run transcribe --model packages --word-timestamps audio/chirp.wav
exits 1; prints ''
says 'potstill: audio/chirp.wav: the packages of a converted model do not show where they look, which word times come from (the decoder of the checkpoint does)'
run transcribe --model packages --format srt audio/chirp.wav
exits 0; says ''
ok grep -q '^00:00:00,000 --> 00:00:00,750$' "$scratch/out"

# The tiny model and speech of which every word's time is known.
models=$here/../../models
if [ -f "$models/moonshine-tiny/config.json" ] && [ -n "$python3" ] &&
    python3 -c 'import ctypes; ctypes.CDLL("libespeak-ng.so.1")' 2>/dev/null; then
    tools=$here/../../tools
    ok python3 "$tools/espeak_words.py" spoken --clips 8 --seed 11 <"$here/sentences.txt"
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$emulator" "$program" >potstill_here
    chmod +x potstill_here
    POTSTILL_MODEL="$models/moonshine-tiny"
    ran='measure_times.py'
    ok python3 "$tools/measure_times.py" spoken --potstill ./potstill_here --max-median 40 --max-95 150
fi

finish
