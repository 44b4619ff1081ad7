# test_package.sh - Core ML packages: inspected, checked, and found damaged.
. "$(dirname "$0")/harness.sh"
driver=$(dirname "$program")/tests/package_driver
write() { $emulator "$driver" write "$1" "$2"; }
write ios16 x.mlpackage
write loop loop.mlpackage

run inspect x.mlpackage
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_package.txt"
run inspect --format json x.mlpackage
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_package.json"
run inspect loop.mlpackage
exits 0; says ''
ok grep -q 'loops or branches' "$scratch/out"

run verify x.mlpackage
exits 0; says ''
prints 'x.mlpackage: package of 3 files and 4 tensors: 0 problems, 0 warnings'

# A folder that was converted: its index, and every package in it.
run convert --model "$here/../golden/micro" -o converted --seconds 1 --outputs token --input blocks
exits 0
run verify converted
exits 0; says ''
ok grep -q '^converted: package of .*: 0 problems, 0 warnings$' "$scratch/out"
cp converted/potstill.json index

# What the index tells and the packages do not have.
lies() {
    sed "$1" index >converted/potstill.json
    cmp -s index converted/potstill.json && complain "nothing changed by $1"
    run verify converted
    exits 3; says ''
    ok grep -q "^problem: potstill.json: $2" "$scratch/out"
}
lies 's/"outputs": "token"/"outputs": "logits"/' \
    'decoder.mlpackage gives no logits, which the outputs logits stands for$'
lies 's/"outputs": "token"/"outputs": "words"/' 'outputs "words" is not supported'
lies 's/"input": "blocks"/"input": "samples"/' \
    'encoder-1s.mlpackage takes no input_values of rank 2, which the input samples stands for$'
lies 's/"name": "score"/"name": "scores"/' 'decoder.mlpackage has no scores among its outputs$'
lies 's/"name": "key_mask"/"name": "score"/' 'encoder-1s.mlpackage has no score among its inputs$'
lies 's/"dtype": "int32"/"dtype": "int8"/' 'input_ids of decoder.mlpackage has another type or shape'
lies 's/^ *64,*$/65/' 'input_values of encoder-1s.mlpackage has another type or shape there$'
lies 's/"decoder.mlpackage"/"coder.mlpackage"/' 'the package coder.mlpackage is not there$'
lies 's/"function": null/"function": "f"/' 'encoder-1s.mlpackage has no function f$'
lies 's/"format": 3/"format": 4/' 'format 4 is of a newer version'
lies 's/"slots": [0-9]*/"slots": "many"/' 'slots'
lies 's/"states": [^,]*,//; s/"outputs": \[/"outputs": [{}, /' '.* has [0-9]* outputs, here are [0-9]*$'
cp index converted/potstill.json

cp -R x.mlpackage loop.mlpackage converted
run verify converted
exits 0; says ''
echo '[' >converted/loop.mlpackage/Manifest.json
run verify converted
exits 3; says ''
ok grep -q '^problem: loop.mlpackage/Manifest.json: ' "$scratch/out"
run inspect converted/loop.mlpackage
exits 3; prints ''
ok grep -q '^potstill: converted/loop.mlpackage/Manifest.json: ' "$scratch/err"

finish
