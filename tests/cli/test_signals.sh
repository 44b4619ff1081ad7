# test_signals.sh - signals stop a command that makes a folder, which then leaves nothing.
. "$(dirname "$0")/harness.sh"

models=$here/../../models
base=$models/moonshine-tiny
if [ ! -f "$base/config.json" ]; then
    base=micro # too quick to be met in the middle each time
fi

# stop SECONDS SIGNAL COMMAND ...: a signal after so long. What came too late has done its work.
stop() {
    delay=$1
    signal=$2
    shift 2
    ran="potstill $* with SIG$signal after $delay s"
    rm -rf made
    # exec: the process to kill is the program. (It ignores SIGINT: a shell wants that of such.)
    exec $emulator "$program" "$@" -o made >"$scratch/out" 2>"$scratch/err" &
    started=$!
    sleep "$delay"
    kill -s "$signal" $started 2>/dev/null
    wait $started 2>/dev/null
    code=$?
    case $signal in TERM) number=143 ;; HUP) number=129 ;; esac
    if [ $code -eq 0 ]; then
        prints made
    else
        exits $number
        ok test -z "$(ls -d made* 2>/dev/null)"
    fi
}

for delay in 0 0.02 0.1 0.3; do
    for signal in TERM HUP; do
        stop $delay $signal merge --model micro --adapter "$here/../golden/adapter"
        stop $delay $signal convert --model "$base" --precision palette8
        [ ! -d "$models/moonshine-tiny-ort" ] || stop $delay $signal import "$models/moonshine-tiny-ort"
    done
done

# With --force, what was there stays as it is. A signal that comes before the work is as good.
run merge --model micro --adapter "$here/../golden/adapter" -o kept
exits 0
cp -R kept before
for delay in 0 0.01 0.03; do
    exec $emulator "$program" convert --model micro -o other >/dev/null 2>&1 &
    first=$!
    exec $emulator "$program" merge --model micro --adapter "$here/../golden/adapter":0.5 --force \
        -o kept >/dev/null 2>"$scratch/err" &
    started=$!
    sleep $delay
    kill $started $first 2>/dev/null
    wait $started 2>/dev/null
    code=$?
    wait $first 2>/dev/null
    [ $code -eq 0 ] || ok diff -r kept before
    rm -rf kept other
    cp -R before kept
    ok test "$(ls -d kept* | wc -l)" -eq 1
done

finish
