# test_models.sh - where models and adapters are looked for, and which is taken when none is named.
. "$(dirname "$0")/harness.sh"

# A model in the cache of huggingface_hub: cached CACHE ORG NAME SOURCE.
commit=0123456789abcdef0123456789abcdef01234567
cached() {
    repo="$1/models--$2--$3"
    mkdir -p "$repo/refs" "$repo/snapshots"
    printf %s $commit >"$repo/refs/main"
    ln -s "$4" "$repo/snapshots/$commit"
}
golden=$here/../golden

# finds OPTIONS...: a model was found.
finds() {
    run transcribe "$@" --max-new-tokens 3 --format jsonl audio/chirp.wav
    exits 0; says ''
    ok grep -q '"tokens": \[1, 262, 298, 301\]' "$scratch/out"
}
misses() {
    run transcribe "$@" audio/chirp.wav
    exits 3; prints ''
    ok test "$(wc -l <"$scratch/err")" -eq 1
}

# Nothing named, nothing there.
misses
ok grep -q '^potstill: UsefulSensors/moonshine-tiny: ' "$scratch/err"
# A folder that happens to have the name of the default model is not meant.
ln -s micro moonshine-tiny
misses
finds --model moonshine-tiny
rm moonshine-tiny

# The cache, by each variable that moves it. ~ and $NAME are replaced, as huggingface_hub does.
cached "$HOME/.cache/huggingface/hub" UsefulSensors moonshine-tiny "$golden/micro"
finds
finds --model UsefulSensors/moonshine-tiny
finds --model moonshine-ai/moonshine-tiny
finds --model UsefulSensors/moonshine-tiny --revision main
finds --model UsefulSensors/moonshine-tiny --revision $commit
misses --model UsefulSensors/moonshine-tiny --revision v2
misses --model UsefulSensors/moonshine-base
mv "$HOME/.cache" "$HOME/elsewhere"
misses
export XDG_CACHE_HOME="$HOME/elsewhere"
finds
unset XDG_CACHE_HOME
export HF_HOME='~/elsewhere/huggingface'
finds
export HF_HOME='$HOME/else${HOME_PART}/huggingface' HOME_PART=where
finds
export HF_HOME=/nowhere HUGGINGFACE_HUB_CACHE="$HOME/elsewhere/huggingface/hub"
finds
export HF_HUB_CACHE=/nowhere
misses
export HF_HUB_CACHE="$HOME/elsewhere/huggingface/hub" HUGGINGFACE_HUB_CACHE=/nowhere
finds
export HF_HUB_CACHE='$UNKNOWN/hub' HF_HOME=
misses
unset HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE

# Imported models, in the data folder.
mkdir -p "$HOME/.local/share/potstill/models"
ln -s "$golden/micro" "$HOME/.local/share/potstill/models/moonshine-tiny"
finds
finds --model moonshine-tiny
mv "$HOME/.local/share" "$HOME/data"
misses
export XDG_DATA_HOME="$HOME/data"
finds
export XDG_DATA_HOME=data # a relative path is ignored
misses
unset XDG_DATA_HOME

# $POTSTILL_MODEL wins over the default, --model over both.
export POTSTILL_MODEL=micro
finds
export POTSTILL_MODEL=nowhere
misses
ok grep -q '^potstill: nowhere: ' "$scratch/err"
finds --model micro

# Folders that are no model or no adapter, and files that are damaged.
misses --model audio
misses --model micro --adapter audio
misses --model micro --adapter nowhere
mkdir broken
cp "$golden"/micro/*.json broken
misses --model broken
head -c 1000 "$golden/micro/model.safetensors" >broken/model.safetensors
misses --model broken
ok grep -q 'model.safetensors' "$scratch/err"
mkdir cut
cp "$golden"/adapter/adapter_config.json cut
misses --model micro --adapter cut
ok grep -q 'adapter_model' "$scratch/err"

# A model saved without its tokenizer takes it from elsewhere.
mkdir bare
cp "$golden"/micro/config.json "$golden"/micro/generation_config.json \
    "$golden"/micro/model.safetensors bare
run transcribe --model bare --processor-dir micro audio/chirp.wav
exits 0; prints 'inpklinik and1g'; says ''
misses --model bare
ok grep -q 'no tokenizer.json' "$scratch/err"
misses --model bare --processor-dir audio
run run-stt --model-id bare --audio audio/chirp.wav
exits 3; prints ''

# An instruction set that this machine does not have is no fault of the model.
case $(potstill --version) in
*neon*) absent=avx2 ;;
*) absent=neon ;;
esac
run transcribe --model micro --cpu $absent audio/chirp.wav
exits 4; prints ''
ok test "$(wc -l <"$scratch/err")" -eq 1

finish
