# test_base.sh - an adapter is used with the model that it was made for, and said where it is not.
. "$(dirname "$0")/harness.sh"
golden=$here/../golden
commit=0123456789abcdef0123456789abcdef01234567
hub="$HOME/.cache/huggingface/hub"

# adapter DIR BASE: one whose config names BASE.
adapter() {
    mkdir -p "$1"
    sed "s|\"base_model_name_or_path\": \"micro\"|\"base_model_name_or_path\": $2|" \
        "$golden/adapter/adapter_config.json" >"$1/adapter_config.json"
    cp "$golden/adapter/adapter_model.safetensors" "$1"
}
cached() { # cached ORG NAME
    mkdir -p "$hub/models--$1--$2/refs" "$hub/models--$1--$2/snapshots"
    printf %s $commit >"$hub/models--$1--$2/refs/main"
    ln -s "$golden/micro" "$hub/models--$1--$2/snapshots/$commit"
}
hears() { # hears OPTIONS...: with the micro model and the adapter
    run transcribe --format jsonl --max-new-tokens 12 "$@" audio/chirp.wav
    exits 0
    same 'standard output' "$scratch/out" expected
}
potstill transcribe --model micro --adapter "$golden/adapter" --format jsonl --max-new-tokens 12 \
    audio/chirp.wav >expected 2>/dev/null
ok test -s expected

# By what the config names: a folder, from here or from the adapter, with ~; an imported name; a hub id.
adapter by_folder '"micro"'
hears --adapter by_folder; says ''
mkdir -p below/tiny && cp -L micro/* below/tiny
adapter below/adapter '"../tiny"'
hears --adapter below/adapter; says ''
cp -R below/tiny "$HOME/homely"
adapter by_home '"~/homely"'
hears --adapter by_home; says ''
mkdir -p "$HOME/.local/share/potstill/models"
ln -s "$golden/micro" "$HOME/.local/share/potstill/models/mine"
adapter by_import '"mine"'
hears --adapter by_import; says ''
adapter by_import_of '"UsefulSensors/mine"'
hears --adapter by_import_of; says ''
cached me hubbed
adapter by_id '"me/hubbed"'
hears --adapter by_id; says ''
cached moonshine-ai tiny-two
adapter by_other_name '"UsefulSensors/tiny-two"'
hears --adapter by_other_name; says ''
# A revision is that of the base.
adapter by_revision '"me/hubbed"'
sed -i.bak 's/"revision": null/"revision": "v2"/' by_revision/adapter_config.json && rm by_revision/*.bak
run transcribe --adapter by_revision audio/chirp.wav
exits 3; prints ''
printf %s $commit >"$hub/models--me--hubbed/refs/v2"
hears --adapter by_revision; says ''
# By the head of README.md, where the config is silent.
for head in 'base_model: me/hubbed' 'base_model: "me/hubbed" # as trained' \
    "$(printf 'tags: []\nbase_model:\n- me/hubbed')"; do
    adapter by_card null
    printf -- '---\n%s\n---\nbase_model: other\n' "$head" >by_card/README.md
    hears --adapter by_card; says ''
done
printf 'base_model: me/hubbed\n' >by_card/README.md # no head
run transcribe --adapter by_card audio/chirp.wav
exits 3; prints ''
ok grep -q '^potstill: UsefulSensors/moonshine-tiny: ' "$scratch/err"
# A pipe where a file should be is not waited for.
rm by_card/README.md && mkfifo by_card/README.md
run transcribe --adapter by_card audio/chirp.wav
exits 3; prints ''

# Every command that takes an adapter.
run run-stt --adapter-dir by_id --audio audio/chirp.wav
exits 0; says ''
ok grep -q '^  "model_id": "me/hubbed",$' "$scratch/out"
run run-stt --audio audio/chirp.wav
exits 2; prints ''; says 'potstill: run-stt: --model-id M is required; see potstill run-stt --help'
run merge --adapter by_id -o merged
exits 0; says ''
run merge --model micro --adapter by_folder -o merged_by_name
exits 0; says ''
ok cmp merged/model.safetensors merged_by_name/model.safetensors
run convert --adapter by_id --seconds 1 -o app
exits 0; says ''
run inspect by_id
exits 0; says ''
run bench --adapter by_id --runs 1 --json bench.json
exits 0
ok grep -q '"model": *"me/hubbed"' bench.json

# Not here: refused, unless the user has chosen a default, of which it is said.
adapter astray '"/home/someone/checkpoint-500"'
for command in 'transcribe audio/chirp.wav' 'run-stt --audio audio/chirp.wav' 'merge -o none' 'convert -o none' \
    'inspect astray'; do
    option='--adapter astray'
    case $command in run-stt*) option='--adapter-dir astray' ;; inspect*) option= ;; esac
    # shellcheck disable=SC2086 # words
    run $command $option
    exits 3; prints ''
    says 'potstill: astray: made for /home/someone/checkpoint-500 (adapter_config.json), which is not here; name the model to use it with, by --model'
done
ok test ! -e none
POTSTILL_MODEL=micro
export POTSTILL_MODEL
hears --adapter astray
says 'potstill: astray: made for /home/someone/checkpoint-500 (adapter_config.json), but used with micro: where that is another model, the text is wrong'
adapter moved '"/home/someone/micro/"'
hears --adapter moved; says ''
# What is named and here wins over that default.
POTSTILL_MODEL=nowhere
hears --adapter by_id; says ''
unset POTSTILL_MODEL

# Another model than the one named: both are said. Not where it is the same by another name.
cp -R below/tiny below/wrong && chmod u+w below/wrong/model.safetensors
printf 'x' | dd of=below/wrong/model.safetensors bs=1 seek=9000 conv=notrunc 2>/dev/null
other='made for me/hubbed (adapter_config.json), but used with below/wrong: where that is another model, the text is wrong'
run transcribe --model below/wrong --adapter by_id --format json audio/chirp.wav
exits 0; says "potstill: by_id: $other"
run merge --model below/wrong --adapter by_id -o merged_other
exits 0; says "potstill: by_id: $other"
hears --model micro --adapter by_id; says ''
hears --model "$hub/models--me--hubbed/snapshots/$commit" --adapter by_id; says ''
hears --model moonshine-ai/tiny-two --adapter by_other_name; says ''
ln -s below/tiny hubbed
hears --model hubbed --adapter by_id; says ''
rm hubbed
cached you hubbed
hears --model me/hubbed --adapter by_id; says ''
hears --model you/hubbed --adapter by_id; says '' # the same weights
rm "$hub/models--you--hubbed/snapshots/$commit" && cp -LR below/wrong "$hub/models--you--hubbed/snapshots/$commit"
run transcribe --model you/hubbed --adapter by_id --format json audio/chirp.wav
says 'potstill: by_id: made for me/hubbed (adapter_config.json), but used with you/hubbed: where that is another model, the text is wrong'
# The first adapter decides.
adapter below/adapter '"wrong"' && mv below/adapter below/other
run transcribe --adapter by_id --adapter below/other --format json audio/chirp.wav
exits 0
says 'potstill: below/other: made for wrong (adapter_config.json), but used with me/hubbed: where that is another model, the text is wrong'

# A fingerprint tells weights of the same shape apart, however they are stored.
print_of() { # print_of MODEL: its fingerprint
    potstill inspect "$1" | sed -n 's/^fingerprint  *\([0-9a-f]*\)$/\1/p'
}
right=$(print_of micro) wrong=$(print_of below/wrong)
ok test ${#right} -eq 64
ok test "$right" != "$wrong"
potstill merge --model micro --adapter by_folder:0 --dtype bfloat16 -o half >/dev/null
potstill merge --model half --adapter by_folder:0 --dtype float32 -o widened >/dev/null 2>&1
ok test "$(print_of half)" = "$(print_of widened)"
ok test "$(print_of half)" != "$right"
ok grep -q "^    \"fingerprint\": \"$right\",*\$" merged/potstill_merge.json
card() { # card FINGERPRINT
    printf -- '---\nbase_model: me/hubbed\nbase_model_fingerprint: %s\n---\n' "$1" >by_id/README.md
}
card "$right"
hears --adapter by_id; says ''
hears --model below/tiny --adapter by_id; says ''
card "$(printf %.12s "$right")"
hears --adapter by_id; says ''
run transcribe --model below/wrong --adapter by_id --format json audio/chirp.wav
exits 0
says "potstill: by_id: made for weights with the fingerprint $(printf %.12s "$right") (README.md), but below/wrong has $(
    printf %.16s "$wrong"): other weights of the same shape"
card "$wrong"
for command in 'transcribe audio/chirp.wav' 'merge -o none' 'inspect by_id'; do
    option='--adapter by_id'
    case $command in inspect*) option= ;; esac
    # shellcheck disable=SC2086 # words
    run $command $option
    exits 3; prints ''
    says "potstill: by_id: made for weights with the fingerprint $(printf %.16s "$wrong") (README.md), but me/hubbed has $(
        printf %.16s "$right"): other weights of the same shape"
done
ok test ! -e none
card 12
hears --adapter by_id
says "potstill: by_id/README.md: base_model_fingerprint '12': expected 8 hex digits or more"

finish
