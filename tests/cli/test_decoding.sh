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

# Biases of the model's own stay where no option replaces them.
tokens '1, 262, 298, 301, 290, 262, 310, 284, 301, 273, 52'
mkdir biased
cp micro/* biased
sed 's/"bos_token_id"/"sequence_bias": [[[262], -1000.0]], &/' micro/generation_config.json >biased/generation_config.json
run transcribe --format jsonl --max-new-tokens 10 --suppress-tokens 262 audio/chirp.wav
cp "$scratch/out" suppressed.jsonl
run transcribe --format jsonl --max-new-tokens 10 --model biased audio/chirp.wav
expect 'biases of the model' "$scratch/out" "$(cat suppressed.jsonl)"

# Phrases change nothing that is said, whether they are said or not.
printf '\xef\xbb\xbfa b c\r\n\nnobody says this\n' >phrases.txt
run transcribe --format text audio/chirp.wav
cp "$scratch/out" chirp.txt
cat chirp.txt >>phrases.txt
for search in greedy beam; do
    run transcribe --format jsonl --decode $search audio/chirp.wav audio/hum.wav
    exits 0
    cp "$scratch/out" without.jsonl
    run transcribe --format jsonl --decode $search --phrases phrases.txt audio/chirp.wav audio/hum.wav
    exits 0; says ''
    expect "$search with phrases" "$scratch/out" "$(cat without.jsonl)"
done
run transcribe --phrases missing.txt audio/chirp.wav
exits 2; says 'potstill: --phrases missing.txt: no such file'

# Settings that the library refuses are a matter of usage, and no input is to blame.
run transcribe --num-beams 1000000 audio/chirp.wav audio/hum.wav
exits 2; prints ''
ok test "$(wc -l <"$scratch/err")" -eq 1

# A model that asks for random tokens: said once, and only to those who did not choose a search.
mkdir sampling
ln -s ../micro/config.json ../micro/model.safetensors ../micro/tokenizer.json sampling
sed 's/"max_length"/"do_sample": true, "max_length"/' micro/generation_config.json >sampling/generation_config.json
note='potstill: generation_config.json asks for do_sample: nothing is drawn at random here, the best token is taken, as with do_sample=False'
run transcribe --model sampling --format jsonl --max-new-tokens 3 audio/chirp.wav audio/chirp.wav
exits 0; says "$note"
for chosen in '--decode greedy' '--num-beams 1'; do
    # shellcheck disable=SC2086 # words
    run transcribe --model sampling --format jsonl --max-new-tokens 3 $chosen audio/chirp.wav
    exits 0; says ''
done
run run-stt --model-id sampling --audio audio/chirp.wav
exits 0; says ''
run inspect sampling
exits 0; says ''

finish
