# test_processor.sh - the tokenizer of a checkpoint that has none in its folder, as trainers leave it.
. "$(dirname "$0")/harness.sh"

mkdir -p runs/one/checkpoint-5
cp -RL micro/. runs/one/checkpoint-5
chmod -R u+w runs
mv runs/one/checkpoint-5/tokenizer.json tokenizer.json
cp micro/config.json config.json

text=$(potstill transcribe --model micro audio/chirp.wav)

# finds PLACE: the tokenizer is found there, and that is said.
finds() {
    run transcribe --model runs/one/checkpoint-5 audio/chirp.wav
    exits 0; prints "$text"
    says "potstill: runs/one/checkpoint-5: has no tokenizer.json; taking that of $1 (another: --processor-dir)"
}
misses() {
    run transcribe --model runs/one/checkpoint-5 audio/chirp.wav
    exits 3; prints ''
    says 'potstill: runs/one/checkpoint-5: has no tokenizer.json; give the folder that has it as the processor folder (--processor-dir)'
}
put() {
    mkdir -p "$1"
    cp tokenizer.json "$1"
}

misses
run transcribe --model runs/one/checkpoint-5 --processor-dir micro audio/chirp.wav
exits 0; prints "$text"; says ''

# Beside the weights, above them, beside them: the nearest first.
put runs/one/processor
finds runs/one/checkpoint-5/../processor
put runs/one
finds runs/one/checkpoint-5/..
put runs/one/checkpoint-5/processor
finds runs/one/checkpoint-5/processor
# What is there for another vocabulary is not meant.
sed 's/"vocab_size": 328/"vocab_size": 327/' config.json >runs/one/checkpoint-5/processor/config.json
finds runs/one/checkpoint-5/..
rm -r runs/one/checkpoint-5/processor runs/one/processor runs/one/tokenizer.json

# The model it was made from: by its card, by its config.
put base/model
printf -- '---\nlibrary_name: transformers\nbase_model:\n- base/model\n---\n# A model\n' \
    >runs/one/checkpoint-5/README.md
finds base/model
put other
sed '1s|{|{"_name_or_path": "other",|' config.json >runs/one/checkpoint-5/config.json
finds other
rm -r other base
cp config.json runs/one/checkpoint-5
misses

# An imported model of the same vocabulary, not one of another.
export XDG_DATA_HOME="$PWD/share"
put share/potstill/models/a
put share/potstill/models/b
cp config.json share/potstill/models/b
sed 's/"vocab_size": 328/"vocab_size": 327/' config.json >share/potstill/models/a/config.json
finds "$PWD/share/potstill/models/b"

# run-stt and merge look in the same places; how sound is prepared stays the model's own.
ln -s "$here/../golden/adapter" adapter
echo '{"audio": "audio/chirp.wav"}' >list.jsonl
run run-stt --model-id runs/one/checkpoint-5 --audio-list list.jsonl
exits 0
ok grep -q 'has no tokenizer.json; taking that of' "$scratch/err"
run merge --model runs/one/checkpoint-5 --adapter adapter -o merged
exits 0
ok cmp -s merged/tokenizer.json tokenizer.json
ok cmp -s merged/preprocessor_config.json micro/preprocessor_config.json

finish
