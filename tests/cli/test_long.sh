# test_long.sh - recordings longer than the model hears at once, and many of them: the official tiny model,
# where scripts/get-model.sh has put it.
#
# A long recording is made of known clips with silence between them; its text must be theirs, word for word:
# nothing lost at the seams, nothing twice.
. "$(dirname "$0")/harness.sh"

models=$here/../../models
if [ ! -f "$models/moonshine-tiny/config.json" ] || [ ! -f "$models/audio/beckett.wav" ]; then
    echo "skipped: models/moonshine-tiny is not there (scripts/get-model.sh fetches it)"
    exit 77
fi
if ! command -v python3 >/dev/null; then
    echo "skipped: needs python3 to put recordings together"
    exit 77
fi
export POTSTILL_MODEL="$models/moonshine-tiny"

# join OUT COUNT: beckett.wav COUNT times with a second of silence after each: 10.96 s a time.
join() {
    python3 - "$models/audio/beckett.wav" "$@" <<'END'
import sys, wave
with wave.open(sys.argv[1]) as clip:
    parameters, frames = clip.getparams(), clip.readframes(clip.getnframes())
silence = bytes(parameters.framerate * parameters.sampwidth * parameters.nchannels)
with wave.open(sys.argv[2], "wb") as joined:
    joined.setparams(parameters)
    for _ in range(int(sys.argv[3])):
        joined.writeframes(frames + silence)
END
}

text='Ever tried, ever failed, no matter, try again, fail again, fail better.'
# Words alone: how a sentence is written depends on what is around it.
words() {
    tr 'A-Z' 'a-z' | tr -d '.,' | tr -s ' ' '\n'
}
spoken() { # COUNT
    i=0
    while [ "$i" -lt "$1" ]; do
        printf '%s\n' "$text"
        i=$((i + 1))
    done | words
}

# Windows that hold one clip each: word for word.
join joined.wav 9
run transcribe --window 12 joined.wav
exits 0; says ''
words <"$scratch/out" >heard
spoken 9 >said
same 'the words' heard said

# Windows that end in the middle of a clip: between two of its sentences, so that their number is right (one
# without the others may be heard as another).
run transcribe joined.wav
exits 0; says ''
ok test "$(words <"$scratch/out" | wc -l)" -eq "$(wc -l <said)"
cp "$scratch/out" one.txt

# The text of a window is there before the next ones are done, and stays as it is.
for attempt in 1 2 3; do # a busy machine may look too late
    potstill transcribe --threads 1 joined.wav >growing 2>/dev/null &
    while kill -0 $! 2>/dev/null && ! [ -s growing ]; do sleep 0.05; done
    cp growing begun
    wait $!
    same 'standard output' growing one.txt
    [ "$(wc -c <begun)" -lt "$(wc -c <growing)" ] && break
done
ok test -s begun
ok test "$(wc -c <begun)" -lt "$(wc -c <growing)"
head -c "$(wc -c <begun)" growing >beginning
same 'the beginning' begun beginning

# The number of threads changes nothing, neither in one long recording nor over many.
join short.wav 2
for threads in 1 3; do
    run transcribe --threads $threads joined.wav
    exits 0; same 'standard output' "$scratch/out" one.txt
    run transcribe --threads $threads --format jsonl short.wav joined.wav gone.wav short.wav
    exits 1; says 'potstill: gone.wav: no such file'
    [ -f several.jsonl ] || cp "$scratch/out" several.jsonl
    same 'standard output' "$scratch/out" several.jsonl
done
ok grep -q '"duration": 98.670375, .*"segments": \[{"start": 0.0, "end": 2' several.jsonl
ok test "$(grep -c segments several.jsonl)" -eq 1

# Another voice and another rate.
cp "$models/audio/two_cities.wav" two_cities.wav
run transcribe two_cities.wav
exits 0; says ''
ok grep -q 'had nothing before us\. .*all going direct to heaven' "$scratch/out"
ok test "$(words <"$scratch/out" | wc -l)" -ge 110

# Pauses that do not count: speech is cut in the middle. Segments that overlapped while they were heard do not as
# results, and their words are those of the text.
run transcribe --min-silence-duration-ms 2000 --word-timestamps --format json two_cities.wav
exits 0; says ''
ok python3 - "$scratch/out" <<'END'
import json, sys
[result] = json.load(open(sys.argv[1]))
last, texts, segments = 0, [], result["segments"]
assert len(segments) == 2 and segments[0]["end"] == segments[1]["start"], segments
for segment in segments:
    assert last <= segment["start"] and segment["end"] <= result["duration"] + 0.001
    for word in segment["words"]:
        assert last <= word["start"] <= word["end"] <= segment["end"] + 0.001, (last, word)
        last = word["end"]
    texts.append(" ".join(word["word"] for word in segment["words"]))
    assert texts[-1] == segment["text"], segment
assert " ".join(texts) == result["text"], result["text"]
assert 110 <= len(result["text"].split()) <= 125, result["text"]
assert "before us. We" in result["text"] or "before us, we" in result["text"], result["text"]
END

finish
