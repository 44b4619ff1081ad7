# test_partial.sh - an interrupted run-stt leaves what it has, and the next one goes on from it.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter

cat >list.jsonl <<'END'
{"audio": "audio/chirp.wav", "text": "It's InkdgwVwm!"}
{"audio": "audio/silence.wav", "text": "nothing"}
{"audio": "audio/hum.wav", "text": "one"}
{"audio": "last.wav", "text": "two"}
END
stt() { run run-stt --model-id micro --audio-list list.jsonl -o report.json "$@"; }

cp audio/chirp.wav last.wav
stt
exits 1
cp report.json whole.json
cp "$scratch/err" whole.err
ok test ! -e report.json.partial

# interrupt SIGNAL: a run that waits for its last clip, a pipe that nobody writes, is ended.
interrupt() {
    rm -f last.wav report.json report.json.partial
    mkfifo last.wav
    for delay in 1 3 9; do
        ran="run-stt with SIG$1 after $delay s"
        exec $emulator "$program" run-stt --model-id micro --audio-list list.jsonl -o report.json \
            --threads 2 >"$scratch/out" 2>"$scratch/err" &
        started=$!
        sleep $delay
        kill -s "$1" $started
        wait $started 2>/dev/null
        code=$?
        ! grep -q '"index": 2' report.json.partial 2>/dev/null || break
    done
    rm last.wav
    cp audio/chirp.wav last.wav
}

for signal in TERM HUP; do
    interrupt $signal
    case $signal in TERM) exits 143 ;; HUP) exits 129 ;; esac
    ok test ! -e report.json
    ok grep -q '^potstill: report.json.partial: has 3 of 4 samples; the same command goes on from there$' "$scratch/err"
    ok grep -q '"prediction": "inkdgw' report.json.partial
    ok grep -q '^  "partial": {' report.json.partial
done

# What had failed is tried again, what had not is taken over; the report is that of a whole run.
cp report.json.partial left.partial
sed 's/inkdgw/taken over /' left.partial >report.json.partial
stt
exits 1
{
    echo 'potstill: report.json.partial: 2 of 4 samples are there from an earlier run, going on with the others'
    sed 's/word error rate 75/word error rate 125/' whole.err # the text was changed
} >expected.err
same 'standard error' "$scratch/err" expected.err
ok grep -q '"prediction": "taken over ' report.json
ok test ! -e report.json.partial
cp left.partial report.json.partial
stt
exits 1
same report.json report.json whole.json

# Of other settings it is not, whatever differs.
other() {
    cp left.partial report.json.partial
    stt "$@"
    ok grep -q '^potstill: report.json.partial: is of another model, adapter, list or other settings, and not gone on with$' "$scratch/err"
    ok test ! -e report.json.partial
}
other --decode greedy
other --no-normalize
other --adapter-dir adapter
other --precision bf16
sed 's/"one"/"three"/' list.jsonl >changed.jsonl
cp list.jsonl kept.jsonl
mv changed.jsonl list.jsonl
other
mv kept.jsonl list.jsonl
cp -RL micro mine
run run-stt --model-id mine --audio-list list.jsonl -o report.json
sed 's/"name": "micro"/"name": "mine"/' left.partial >report.json.partial
run run-stt --model-id mine --audio-list list.jsonl -o report.json
ok grep -q 'other settings, and not gone on with$' "$scratch/err"

# What was taken over is not lost to a run that is ended while it tries again what had failed.
cp list.jsonl kept.jsonl
sed 's,audio/silence.wav,first.wav,' kept.jsonl | sed -n '2p;1p;3,4p' >list.jsonl
interrupt TERM
ok grep -q '"error": "first.wav: no such file"' report.json.partial
cp report.json.partial left.first
mkfifo first.wav
exec $emulator "$program" run-stt --model-id micro --audio-list list.jsonl -o report.json \
    >"$scratch/out" 2>"$scratch/err" &
started=$!
sleep 2
kill $started
wait $started 2>/dev/null
ok cmp report.json.partial left.first
rm first.wav report.json.partial
mv kept.jsonl list.jsonl

# A file that is none of ours stays.
echo precious >report.json.partial
stt
exits 1
ok grep -q '^potstill: report.json.partial: is not what run-stt leaves of a report; it is left as it is$' "$scratch/err"
holds report.json.partial precious
same report.json report.json whole.json
rm report.json.partial
echo precious >precious
ln -s precious report.json.partial
stt
exits 1
holds precious precious

finish
