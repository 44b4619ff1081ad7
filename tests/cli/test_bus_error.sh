# test_bus_error.sh - a model file that is cut short while it is mapped is named.
. "$(dirname "$0")/harness.sh"

if [ ! -r /proc/self/maps ] || [ -n "$emulator" ]; then
    echo 'skipped: the system does not tell what is mapped'
    exit 77
fi
cp -RL micro mine
mkfifo audio.fifo
ran='with a model that is cut short'
exec "$program" transcribe --no-cache --precision f32 --model mine - <audio.fifo >"$scratch/out" 2>"$scratch/err" &
started=$!
exec 3>audio.fifo
for wait in 1 2 3 4 5 6 7 8 9 10; do
    grep -q mine/model.safetensors /proc/$started/maps && break
    sleep 0.5
done
sleep 1 # what is done before the first clip
: >mine/model.safetensors
cat audio/chirp.wav >&3
exec 3>&-
wait $started
code=$?
exits 4; prints ''
says "potstill: $(pwd -P)/mine/model.safetensors: cannot be read any more: it was cut short, or its disk is gone (SIGBUS)"

# Several clips read the model, and go on.
cp -RLf micro/model.safetensors mine/
run transcribe --no-cache --model mine audio/chirp.wav - <audio/chirp.wav
mv "$scratch/out" "$scratch/before"
ran='two clips with a model that is cut short'
# shellcheck disable=SC2086 # words
exec "$program" transcribe --threads 1 --no-cache $precision $trust --model mine audio/chirp.wav - <audio.fifo \
    >"$scratch/out" 2>"$scratch/err" &
started=$!
exec 3>audio.fifo
for wait in 1 2 3 4 5 6 7 8 9 10; do # on one thread the first text comes before the second clip is read
    [ -s "$scratch/out" ] && break
    sleep 0.5
done
: >mine/model.safetensors
cat audio/chirp.wav >&3
exec 3>&-
wait $started
code=$?
exits 0; says ''
same 'the text' "$scratch/out" "$scratch/before"

finish
