# test_names.sh - names that are wrong are understood: mistyped folders, things of another kind, ~.
. "$(dirname "$0")/harness.sh"
golden=$here/../golden
ln -s "$golden/adapter" adapter
mkdir -p models "$HOME/.local/share/potstill/models"
ln -s ../micro models/moonshine-tiny
ln -s ../micro models/other
mkdir models/moonshine-tinne # holds no model
ln -s "$golden/micro" "$HOME/.local/share/potstill/models/imported"
run convert --model micro -o app --seconds 1
exits 0
run convert --model micro --layout single -o clip.mlpackage --seconds 1
exits 0

# begins TEXT: so standard error begins, and it is one line.
begins() {
    ok test "$(wc -l <"$scratch/err")" -eq 1
    checks=$((checks + 1))
    case $(cat "$scratch/err") in
    "$1"*) ;;
    *) complain "standard error: $(cat "$scratch/err"), expected: $1" ;;
    esac
}
refused() { # refused TEXT COMMAND...
    text=$1
    shift
    run "$@"
    exits 3; prints ''; begins "potstill: $text"
}

# A folder that is not there: first that, with what is near; then what came of it elsewhere.
near='there is no such folder (did you mean'
for command in 'transcribe audio/chirp.wav' 'run-stt --audio audio/chirp.wav' 'merge --adapter adapter -o none' \
    'convert -o none' bench; do
    for model in models/moonshine-tinny models/moonshine-tinny/; do
        # shellcheck disable=SC2086 # words
        refused "$model: $near models/moonshine-tiny?); " $command --model $model
    done
done
refused "models/moonshine-tinny: $near models/moonshine-tiny?); no such model (" inspect models/moonshine-tinny
refused "models/moonshine-tinny: $near models/moonshine-tiny?); " verify models/moonshine-tinny
refused "models/moonshine-tinny: $near models/moonshine-tiny?); " diff micro models/moonshine-tinny
refused "adaptor: $near adapter?); no such adapter (" transcribe --model micro --adapter adaptor audio/chirp.wav
refused "adaptor: $near adapter?); " transcribe --model micro --adapter adaptor:0.5 audio/chirp.wav
refused "importet: $near imported?); " transcribe --model importet audio/chirp.wav
refused 'models/nothing-like-it: there is no such folder; ' inspect models/nothing-like-it
refused './micra: there is no such folder (did you mean ./micro?); no such model; it is neither' inspect ./micra
# What looks like a hub id is one.
refused 'UsefulSensors/moonshine-tinny: no such model (' transcribe --model UsefulSensors/moonshine-tinny audio/chirp.wav
# Where the hub is asked, it comes second.
HF_HUB_OFFLINE= HF_ENDPOINT=http://127.0.0.1:1
export HF_HUB_OFFLINE HF_ENDPOINT
run transcribe --model models/moonshine-tinny audio/chirp.wav
exits 4; prints ''
begins "potstill: models/moonshine-tinny: $near models/moonshine-tiny?); tried on the hub: "
export HF_HUB_OFFLINE=1

# What is something else is said by what it is.
readable='expected a model that can be read: the one it was made from'
refused 'adapter: an adapter, expected a model: it goes on one, by --adapter' \
    transcribe --model adapter audio/chirp.wav
refused 'adapter: an adapter, expected a model: it goes on one, by --adapter' \
    merge --model adapter --adapter adapter -o none
refused 'micro: a model, expected an adapter: it is used by --model' \
    transcribe --model micro --adapter micro audio/chirp.wav
refused 'app: a converted model, expected an adapter' transcribe --model micro --adapter app audio/chirp.wav
refused 'clip.mlpackage: a Core ML package, expected an adapter' merge --model micro --adapter clip.mlpackage -o none
refused "app: a converted model, $readable" merge --model app --adapter adapter -o none
refused "clip.mlpackage: a Core ML package, $readable" convert --model clip.mlpackage -o none
refused "app: a converted model, $readable" diff micro app
refused 'micro/model.safetensors: a file, expected the folder of a model' \
    transcribe --model micro/model.safetensors audio/chirp.wav
refused 'adapter/adapter_config.json: a file, expected the folder of an adapter' \
    transcribe --model micro --adapter adapter/adapter_config.json audio/chirp.wav
refused 'micro/config.json: a file, expected the folder of a model or an adapter' inspect micro/config.json
mkdir named && ln -s ../adapter named/english
refused 'named: an adapter, expected a model: ' transcribe --model named audio/chirp.wav

# A folder of packages, with or without the slash.
for app in app app/; do
    run inspect $app
    exits 0; says ''
    ok grep -q '^kind  *converted model$' "$scratch/out"
    ok grep -q '^packages  *encoder-1s.mlpackage, decoder.mlpackage$' "$scratch/out"
    run inspect --format json $app
    exits 0; says ''
    ok grep -q '^  "layout": "split",$' "$scratch/out"
done
mkdir damaged && echo '{"a": 1,' >damaged/potstill.json
refused 'damaged/potstill.json: line ' inspect damaged
rm damaged/potstill.json && mkfifo damaged/potstill.json
refused 'damaged/potstill.json: not a regular file' inspect damaged

# ~ where the shell leaves it.
cp -LR micro "$HOME/tiny"
cp audio/chirp.wav "$HOME"
run transcribe --model=~/tiny '~/chirp.wav'
exits 0; prints 'inpklinik and1g'; says ''
run transcribe --model '~/tiny' --output='~/text' '~/chirp.wav'
exits 0; prints ''; says ''
holds "$HOME/text" 'inpklinik and1g'
run transcribe --model '~/tiny' '-o~/text2' -- '~/chirp.wav'
exits 0; holds "$HOME/text2" 'inpklinik and1g'
mkdir '~' && ln -s ../micro '~/tinier'
run transcribe --model '~/tinier' audio/chirp.wav
exits 0; prints 'inpklinik and1g'; says ''

# One thing has one meaning by either of its names, in every command.
same_result() { # same_result COMMAND...: as the command before
    cp "$scratch/out" before
    run "$@"
    exits 0; says ''
    same 'standard output' "$scratch/out" before
}
run transcribe --model micro --adapter adapter:0.5 --format json audio/chirp.wav
exits 0
same_result transcribe --model-id micro --adapter-dir adapter:0.5 --format json audio/chirp.wav
same_result transcribe --model-id=micro --adapter-dir=adapter:0.25 --adapter=adapter:0.25 --format json audio/chirp.wav
same_result transcribe --model micro --adapter adapter:0.5 --precision float32 --format json audio/chirp.wav
echo '{"audio": "audio/chirp.wav", "text": "a"}' >list
run run-stt --model-id micro --adapter-dir adapter --audio-list list
exits 0
same_result run-stt --model micro --adapter adapter --manifest list --precision float32
run inspect --model micro adapter
exits 0
same_result inspect --model-id micro adapter
run verify --model micro adapter
exits 0
same_result verify --model-id micro adapter
for dtype in f32:float32 f16:float16 bf16:bfloat16; do
    run merge --model micro --adapter adapter --dtype ${dtype%:*} -o short --force
    exits 0
    run merge --model-id micro --adapter-dir adapter --dtype ${dtype#*:} -o long --force
    exits 0; ok cmp short/model.safetensors long/model.safetensors
done
for type in f16:float16 f32:float32; do
    run convert --model micro --adapter adapter --precision ${type%:*} --seconds 1 -o short.app --force
    exits 0
    run convert --model-id micro --adapter-dir adapter --precision ${type#*:} --seconds 1 -o long.app --force
    exits 0; ok cmp short.app/potstill.json long.app/potstill.json
done
run transcribe --model micro --precision bfloat16 --format json audio/chirp.wav
exits 0
run transcribe --model micro --precision float16 audio/chirp.wav
exits 2; prints ''
says "potstill: transcribe: --precision 'float16': expected f32|bf16|int8|auto; see potstill transcribe --help"

finish
