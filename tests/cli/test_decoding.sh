# test_decoding.sh - every decoding option reaches the search, with transformers' meaning.
#
# The token ids are those of transformers 5.2.0's generate() for the same model, clip and settings.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

# tokens EXPECTED OPTIONS...: of the chirp, at most 10 of them unless OPTIONS say otherwise.
tokens() {
    expected=$1
    shift
    run transcribe --format jsonl --max-new-tokens 10 "$@" audio/chirp.wav
    exits 0
    sed 's/.*"tokens": \[\(.*\)\], .*/\1/' "$scratch/out" >"$scratch/tokens"
    expect tokens "$scratch/tokens" "$expected"
}

while IFS='|' read -r options ids; do
    # shellcheck disable=SC2086 # words, as on a command line
    tokens "$ids" $options
done <"$here/expected/decoding.txt"
ok test "$checks" -ge 40

# The last of several counts; an empty list is none.
tokens '1, 262, 298, 301, 290, 262, 310, 284, 301, 273, 52' \
    --suppress-tokens 262,301 --suppress-tokens '' --num-beams 3 --num-beams=1

# Settings that the library refuses are a matter of usage, and no input is to blame.
run transcribe --num-beams 1000000 audio/chirp.wav audio/hum.wav
exits 2; prints ''
ok test "$(wc -l <"$scratch/err")" -eq 1

finish
