# test_merge.sh - `potstill merge` and `potstill diff`: the folder made, weights, refusals, full disks.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter
ln -s "$here/../golden/micro_v5" other

run merge --model micro --adapter adapter -o merged
exits 0; prints merged; says ''
ok test "$(ls merged | tr '\n' ' ')" = \
    'config.json generation_config.json model.safetensors potstill_merge.json preprocessor_config.json tokenizer.json '
ok cmp micro/config.json merged/config.json
ok cmp micro/generation_config.json merged/generation_config.json
ok cmp micro/tokenizer.json merged/tokenizer.json
run verify merged
exits 0; says ''
prints 'merged: model of 6 files and 75 tensors: 0 problems, 0 warnings'

# What it says is what the adapter says.
potstill transcribe --model micro --adapter adapter --format json audio >unmerged 2>"$scratch/err"
run transcribe --model merged --format json audio
scrub "$scratch/out"
scrub unmerged
same 'the merged transcript' "$scratch/out" unmerged

# The record: hashes of what went in and of what came out.
hash() {
    sha256sum "$1" | cut -d' ' -f1
}
if command -v sha256sum >/dev/null; then
    for file in adapter/adapter_config.json adapter/adapter_model.safetensors micro/config.json \
        micro/model.safetensors micro/tokenizer.json merged/model.safetensors; do
        ok grep -q "^ *\"$(basename $file)\": \"$(hash $file)\",*\$" merged/potstill_merge.json
    done
fi
ok grep -q '^      "weight": 1.0$' merged/potstill_merge.json
ok grep -q '^  "dtype": "float32",$' merged/potstill_merge.json

# diff: differences of the adapter's rank and nothing else; json.
run diff micro merged
exits 0; says ''
modules=$(potstill inspect --model micro --format json adapter | grep -c '"delta_norm": ')
ok test "$(grep -c '_proj.weight\|\.fc[12].weight' "$scratch/out")" -eq "$modules"
ok grep -q "^$modules of 75 tensors differ, 0 only in A, 0 only in B, 0 of other shape; norm " "$scratch/out"
potstill inspect --model micro adapter | awk '/_proj|\.fc/ { print $1 ".weight", $4 }' | sort >ranks
awk '/weight/ && NF == 5 { print $1, $4 }' "$scratch/out" | sort >found
same 'the ranks' found ranks
run diff --format json micro merged
exits 0
ok test "$(grep -c '"rank": ' "$scratch/out")" -eq $((modules + 1))
run diff micro micro
exits 0; says ''
prints '0 of 75 tensors differ, 0 only in A, 0 only in B, 0 of other shape; norm 0, relative 0, largest rank 0'
run diff micro other
exits 0
ok grep -q ' in A, \[.*\] in B$' "$scratch/out"
run diff micro nothing
exits 3; prints ''

# Several adapters with weights: the sum. What is taken away again leaves the base.
run merge --model micro --adapter adapter:0.75 --adapter adapter:0.25 -o sum
exits 0; says ''
ok cmp sum/model.safetensors merged/model.safetensors
run merge --model micro --adapter adapter --adapter ./adapter/:-1 -o none
exits 0; says ''
ok cmp none/model.safetensors micro/model.safetensors
ln -s "$here/../golden/adapter" odd:name
run merge --model micro --adapter odd:name --force -o sum
exits 0; says ''
ok cmp sum/model.safetensors merged/model.safetensors
run merge --model micro --adapter adapter:x -o bad
exits 3; prints ''
ok grep -q '^potstill: adapter:x: there is no such folder (did you mean adapter?); no such adapter; ' "$scratch/err"
run merge --model micro -o bad
exits 2; prints ''
says 'potstill: merge: --adapter is missing; see potstill merge --help'

# Types. A damaged result is found.
run merge --model micro --adapter adapter --dtype bfloat16 --safe -o half
exits 0; says ''
ok grep -q '"dtype": "bfloat16"' half/config.json
printf 'x' | dd of=half/model.safetensors bs=1 seek=9000 conv=notrunc 2>/dev/null
run verify half
exits 3
ok grep -q '^problem: model.safetensors: is not what potstill_merge.json says was written: SHA-256 ' "$scratch/out"

# What is there stays.
run merge --model micro --adapter adapter -o merged
exits 4; prints ''
says 'potstill: merged: exists already (force replaces it)'
mkdir full && echo mine >full/file
run merge --model micro --adapter adapter --force -o full
exits 4; prints ''
says 'potstill: full: exists already and is not a model (no config.json)'
holds full/file mine
run merge --model micro --adapter adapter --force -o micro
exits 2; prints ''
run merge --model other --adapter adapter --force -o merged
exits 3; prints ''
ok test -f merged/potstill_merge.json
run merge --model micro --adapter adapter --force -o merged
exits 0; says ''

# A full disk, where a small one can be mounted; else a limit on the size of files.
mkdir disk
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null; then
    run merge --model micro --adapter adapter -o disk/merged
    left=$(ls -A disk)
    umount disk
    exits 4; prints ''
    ok grep -q 'model.safetensors: cannot write: No space left on device$' "$scratch/err"
    ok test -z "$left"
fi
if (ulimit -f 8) 2>/dev/null; then
    (
        ulimit -f 8
        potstill merge --model micro --adapter adapter -o disk/merged >"$scratch/out" 2>"$scratch/err"
    )
    code=$?
    ran='potstill merge, with a limit on the size of files'
    exits 4; prints ''
    ok grep -q 'model.safetensors: cannot write: File too large$' "$scratch/err"
    ok test -z "$(ls -A disk)"
fi

# Whenever it is told to stop: all of it or nothing.
ran='potstill merge, interrupted'
for delay in 0 0.01 0.02 0.05; do
    rm -rf disk/merged
    $emulator "$program" merge --model micro --adapter adapter -o disk/merged >/dev/null 2>&1 &
    sleep $delay
    kill -TERM $! 2>/dev/null
    wait $! 2>/dev/null
    if [ -e disk/merged ]; then
        run verify disk/merged
        exits 0
    fi
    ok test -z "$(ls -A disk | grep -v '^merged$')"
done

finish
