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

# A folder that was converted: every package in it.
mkdir converted
cp -R x.mlpackage loop.mlpackage converted
echo '{}' >converted/potstill.json
run verify converted
exits 0; says ''
prints 'converted: package of 6 files and 4 tensors: 0 problems, 0 warnings'
echo '[' >converted/loop.mlpackage/Manifest.json
run verify converted
exits 3; says ''
ok grep -q '^problem: loop.mlpackage/Manifest.json: ' "$scratch/out"
run inspect converted/loop.mlpackage
exits 3; prints ''
ok grep -q '^potstill: converted/loop.mlpackage/Manifest.json: ' "$scratch/err"

finish
