# test_odd_files.sh - pipes and devices in folders of strangers: refused, and not waited for.
. "$(dirname "$0")/harness.sh"

# Each file of a folder in turn is a pipe that nobody writes, and a device that never ends.
odd() {
    folder=$1
    file=$2
    shift 2
    mv "$folder/$file" kept
    for kind in pipe device; do
        case $kind in pipe) mkfifo "$folder/$file" ;; device) ln -s /dev/zero "$folder/$file" ;; esac
        for command in "$@"; do
            # shellcheck disable=SC2086 # words
            run $command
            checks=$((checks + 1))
            case $code in 0 | 1 | 2 | 3) ;; *) complain "exit code $code with $folder/$file a $kind" ;; esac
        done
        rm "$folder/$file"
    done
    mv kept "$folder/$file"
    rm -rf out
}

cp -RL micro model
cp -RL "$here/../golden/adapter" adapter
cp -RL "$here/../golden/micro_sharded" sharded
for file in model/*.json model/*.safetensors; do
    odd model "${file##*/}" 'transcribe --model model audio/chirp.wav' 'verify model' 'inspect model' \
        'merge --model model --adapter adapter -o out --force'
done
for file in adapter/adapter_*; do
    odd adapter "${file##*/}" 'transcribe --model micro --adapter adapter audio/chirp.wav' \
        'verify adapter' 'merge --model micro --adapter adapter -o out --force' 'inspect adapter'
done
for file in sharded/*.safetensors sharded/*.index.json; do
    odd sharded "${file##*/}" 'transcribe --model sharded audio/chirp.wav' 'diff micro sharded'
done
run convert --model micro --seconds 1 -o app
exits 0
odd app potstill.json 'transcribe --model app audio/chirp.wav' 'inspect app' 'verify app'
for package in app/*.mlpackage; do
    odd "$package" Manifest.json 'transcribe --model app audio/chirp.wav' "inspect $package" 'verify app'
    odd "$package/Data/com.apple.CoreML" model.mlmodel "verify $package" "inspect $package"
done
mkdir source
for file in encoder_model.ort decoder_model_merged.ort tokenizer.bin; do : >source/$file; done
for file in encoder_model.ort decoder_model_merged.ort tokenizer.bin; do
    odd source $file 'import source -o out'
done

# A recording of a folder is a file; one that is named may be a pipe.
mkdir sounds
cp audio/chirp.wav sounds
mkfifo sounds/pipe.wav
run transcribe --model micro sounds
exits 1
says 'potstill: sounds/pipe.wav: is not a regular file, as those of a folder are'

finish
