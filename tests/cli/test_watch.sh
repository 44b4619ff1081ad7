# test_watch.sh - transcribe --watch: what is in a folder and what arrives there, each once, when it is whole.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro
[ -z "$emulator" ] || { echo "skipped: signals the program, not its emulator"; exit 77; }
text='inpklinik and1g'

# begin: the program watches `in`; end SIGNAL: it is ended, and has to end by that.
begin() {
    ran='transcribe --watch in'
    # shellcheck disable=SC2086 # words
    "$program" transcribe $precision $trust --watch in --output-dir out >"$scratch/out" 2>"$scratch/err" &
    watcher=$!
}
end() {
    kill -s "$1" $watcher
    wait $watcher 2>/dev/null
    code=$?
}
# until TEST ...: waits for it to be true, a minute at most.
until_true() {
    i=0
    while [ "$i" -lt 300 ] && ! "$@" 2>/dev/null; do
        sleep 0.2
        i=$((i + 1))
    done
    ok "$@"
}
says_of() { grep -q "$1" "$scratch/err"; }

mkdir in
cp audio/chirp.wav in/there.wav
: >in/notes.txt
: >in/empty.wav
begin
until_true test -s out/there.txt
holds out/there.txt "$text"
ok says_of '^potstill: in: waiting for recordings$'

# One that is renamed into it, one that is written slowly, one that is none, one in two kinds.
cp audio/chirp.wav moved.part
mv moved.part in/moved.wav
(
    head -c 10000 audio/chirp.wav
    sleep 3
    tail -c +10001 audio/chirp.wav
) >in/slow.wav
echo 'no sound' >in/bad.wav
until_true test -s out/moved.txt
until_true test -s out/slow.txt
holds out/moved.txt "$text"
holds out/slow.txt "$text"
until_true says_of '^potstill: in/bad.wav: '
ok test ! -e out/bad.txt
ok test ! -e out/notes.txt
ok test ! -e out/empty.txt
# What is mended is tried again.
cp audio/chirp.wav in/bad.wav
until_true test -s out/bad.txt
ok test "$(grep -c 'in/bad.wav' "$scratch/err")" -eq 1
end HUP # a shell without a terminal has its children ignore SIGINT
exits 129
ok test -z "$(ls out | grep -v '\.txt$')"

# After a restart what has its results is left alone; what is newer than they are is not.
for name in there moved; do echo kept >out/$name.txt; done
touch -d '2030-01-01' in/moved.wav
cp audio/chirp.wav in/new.wav
begin
until_true test -s out/new.txt
until_true grep -qx "$text" out/moved.txt
holds out/there.txt kept
end TERM
exits 143

run transcribe --watch in
exits 2; says 'potstill: transcribe: --watch: expected --output-dir, and no --resume: what is not done is begun again; see potstill transcribe --help'
run transcribe --watch in --output-dir out audio/chirp.wav
exits 2; says 'potstill: transcribe: --watch: expected no FILE|DIR|- ... beside it; see potstill transcribe --help'
run transcribe --watch gone --output-dir out
exits 4; says 'potstill: gone: No such file or directory'
run transcribe --watch in/notes.txt --output-dir out
exits 4; says 'potstill: in/notes.txt: Not a directory'

finish
