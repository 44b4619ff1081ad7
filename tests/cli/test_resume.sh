# test_resume.sh - a long transcription that was killed goes on with --resume, and gives the same bytes as one that
# was not: what is done is kept beside the output, and taken over from nothing else.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

# talk.m4a comes through an ffmpeg of ours: all of the sound, or with `stall` there no more than half of it, and then
# nothing.
mkdir "$scratch/bin"
cat >"$scratch/bin/ffmpeg" <<END
#!/bin/sh
if [ -e '$scratch/stall' ]; then
    head -c 70000 '$PWD/audio/voice.wav'
    exec sleep 60
fi
cat '$PWD/audio/voice.wav'
END
chmod +x "$scratch/bin/ffmpeg"
PATH=$scratch/bin:$PATH
echo 'no sound' >talk.m4a
say_on='there from an earlier run, going on with the others'

take() { # take OPTIONS: what is tested, to the output of OPTIONS
    run transcribe --window 1 --threads 1 "$@"
}
# killed FILE LINES OPTIONS: a run that is killed once FILE has so many lines.
killed() {
    kept=$1 lines=$2
    shift 2
    : >"$scratch/stall"
    # shellcheck disable=SC2086 # words
    "$program" transcribe $precision $trust --window 1 --threads 1 "$@" 2>/dev/null &
    started=$!
    i=0
    while [ "$i" -lt 600 ] && [ "$(wc -l 2>/dev/null <"$kept" || echo 0)" -lt "$lines" ]; do
        sleep 0.1
        i=$((i + 1))
    done
    kill -9 $started
    wait $started 2>/dev/null
    rm "$scratch/stall"
    ok test "$(wc -l <"$kept")" -ge "$lines"
}
[ -z "$emulator" ] || { echo "skipped: kills the program, not its emulator"; exit 77; }
command -v python3 >"$scratch/out" || { echo "skipped: needs python3"; exit 77; }

# One recording, killed in its middle.
take --format json --word-timestamps -o whole.json talk.m4a
exits 0; says ''
ok test ! -e whole.json.partial
killed out.json.partial 2 --format json --word-timestamps -o out.json talk.m4a
ok test ! -e out.json
cp out.json.partial left
take --resume --format json --word-timestamps -o out.json talk.m4a
exits 0
ok grep -q "^potstill: out.json.partial: [0-9]* segments* .* $say_on$" "$scratch/err"
same out.json out.json whole.json
ok test ! -e out.json.partial

# What is taken over is not transcribed again: another text in the file, with its digest, comes out.
python3 - <<'END' || exit 1
import json
lines = open("left").read().splitlines()
def line(value):
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    digest = 14695981039346656037
    for byte in text.encode() + b"\0":
        digest = (digest ^ byte) * 1099511628211 % 2**64
    return f"{digest:016x} {text}\n"
record = json.loads(lines[1][17:])
record["text"], record["words"] = "taken over", []
with open("changed", "w") as out:
    out.write(lines[0] + "\n" + line(record))
END
cp changed out.json.partial
take --resume --format json --word-timestamps -o out.json talk.m4a
exits 0; says "potstill: out.json.partial: 1 segment is $say_on"
ok grep -q '"text": "taken over' out.json

# Damage costs what is behind it; a line without its end is one that the kill has cut.
refuse() { # refuse NOTE: the result is that of a whole run
    take --resume --format json --word-timestamps -o out.json talk.m4a
    exits 0
    ok grep -q "$1" "$scratch/err"
    same out.json out.json whole.json
}
{ head -n 2 left; sed -n 2p left | tr 0-9 1-90; } >out.json.partial
refuse "1 segment is $say_on; its end is damaged, and done again$"
{ head -n 1 left; head -n 2 left | tail -n 1 | head -c 100; } >out.json.partial
refuse "0 segments are $say_on; its end is damaged, and done again$"
ok test ! -e out.json.partial

# Of another model, adapter or other options it is not taken over; of another file of that name neither.
other='out.json.partial: is of another model, adapter or other options, and not gone on with$'
cp left out.json.partial
take --resume --format json --word-timestamps --repetition-penalty 2 -o out.json talk.m4a
exits 0; ok grep -q "$other" "$scratch/err"
ok test ! -e out.json.partial
cp left out.json.partial
run transcribe --window 2 --resume --format json --word-timestamps -o out.json talk.m4a
exits 0; ok grep -q "$other" "$scratch/err"
cp -RL micro mine
cp left out.json.partial
take --model mine --resume --format json --word-timestamps -o out.json talk.m4a
exits 0; ok grep -q "$other" "$scratch/err"
cp changed out.json.partial
touch -d '2001-01-01' talk.m4a
take --resume --format json --word-timestamps -o out.json talk.m4a
exits 0; same out.json out.json whole.json

# Without --resume it begins again, and says what it could do; a file that is none of ours stays.
cp left out.json.partial
take --format json --word-timestamps -o out.json talk.m4a
exits 0; same out.json out.json whole.json
ok test ! -e out.json.partial
for there in precious 'potstill segments 1'; do
    echo "$there" >out.json.partial
    take --resume --format json --word-timestamps -o out.json talk.m4a
    exits 0; says 'potstill: out.json.partial: is not what transcribe leaves of a run; it is left as it is'
    same out.json out.json whole.json
    holds out.json.partial "$there"
done
rm out.json.partial
echo precious >precious
ln -s precious out.json.partial
take --resume --format json --word-timestamps -o out.json talk.m4a
exits 0; holds precious precious
rm out.json.partial

# Several inputs, each to files of its own, with channels apart.
mkdir in
cp audio/chirp.wav in/a.wav
cp audio/voice.wav in/b.wav
cp talk.m4a in/c.m4a
several='--channels split --format srt,jsonl'
# shellcheck disable=SC2086 # words
take $several --output-dir one in
exits 0
# shellcheck disable=SC2086 # words
killed two/transcribe.partial 5 $several --output-dir two in
# shellcheck disable=SC2086 # words
take --resume $several --output-dir two in
exits 0; ok grep -q "^potstill: two/transcribe.partial: [0-9]* segments are $say_on$" "$scratch/err"
for file in a.srt a.jsonl b.srt b.jsonl c.srt c.jsonl; do same "$file" "two/$file" "one/$file"; done
ok test ! -e two/transcribe.partial

run transcribe --resume audio/chirp.wav
exits 2; says 'potstill: transcribe: --resume: expected --output or --output-dir; see potstill transcribe --help'

finish
