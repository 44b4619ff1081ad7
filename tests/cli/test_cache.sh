# test_cache.sh - where packed weights are kept, and that results do not depend on it.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

chirp='inpklinik and1g'
case $(uname) in
Darwin) kept=$HOME/Library/Caches/potstill ;;
*) kept=$HOME/.cache/potstill ;;
esac

# holding FOLDER: how many files of weights there are.
holding() {
    find "$1" -name 'weights-*' 2>/dev/null | wc -l | tr -d ' '
}

run transcribe --no-cache audio/chirp.wav
exits 0; prints "$chirp"; says ''
run inspect micro
exits 0
ok test ! -e "$kept"
for _ in 1 2; do
    run transcribe audio/chirp.wav
    exits 0; prints "$chirp"; says ''
    ok test "$(holding "$kept")" = 1
done
run run-stt --model-id micro --audio audio/chirp.wav --precision int8
exits 0; says ''
ok test "$(holding "$kept")" = 2

# What is kept may be anything by now.
for file in "$kept"/weights-*; do
    echo 'not weights' >"$file"
done
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
rm -rf "$kept"

export XDG_CACHE_HOME="$scratch/elsewhere"
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
ok test "$(holding "$scratch/elsewhere/potstill")" = 1
XDG_CACHE_HOME=relative
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
ok test ! -e relative
ok test "$(holding "$kept")" = 1
rm -rf "$kept"

# No place, and nothing to write to: no error.
XDG_CACHE_HOME=$PWD/file
echo >file
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
unset XDG_CACHE_HOME
HOME=/
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
ok test ! -e /.cache/potstill

finish
