# test_import.sh - names and refusals of `potstill import`; the import itself has its own tests.
. "$(dirname "$0")/harness.sh"

run import tiny-en
exits 3; prints ''
says 'potstill: tiny-en: no such folder, and moonshine_voice has not downloaded a model of that name'
run import missing/tiny-en -o model
exits 3; prints ''
says 'potstill: missing/tiny-en: no such folder, and moonshine_voice has not downloaded a model of that name'

mkdir source
run import source
exits 2; prints ''
says 'potstill: import: source: expected a folder tiny-en or base-en; for another name say where the model goes with -o DIR; see potstill import --help'

# Nothing is left of what fails.
run import source -o model
exits 3; prints ''
ok test "$(wc -l <"$scratch/err")" -eq 1
ok test ! -e model
mkdir tiny-en base-en
run import ./tiny-en/
exits 3; prints ''
ok test ! -e "$HOME/.local/share/potstill/models/moonshine-tiny"

# A name is looked for in what moonshine_voice has downloaded; a folder of that name comes first.
rmdir base-en
download=download.moonshine.ai/model/base-en/quantized/base-en
mkdir -p "$HOME/.cache/moonshine_voice/$download" "other/$download"
run import base-en
exits 3
ok grep -q "^potstill: $HOME/.cache/moonshine_voice/$download" "$scratch/err"
MOONSHINE_VOICE_CACHE=other
export MOONSHINE_VOICE_CACHE
run import base-en
exits 3
ok grep -q "^potstill: other/$download" "$scratch/err"

# What is there stays without --force.
mkdir there
echo mine >there/file
run import source -o there
ok test "$code" -ne 0
holds there/file mine

# The official files, where scripts/get-model.sh has put them.
official=$here/../../models/moonshine-tiny-ort
if [ -f "$official/tokenizer.bin" ]; then
    rmdir tiny-en && ln -s "$official" tiny-en
    target=$HOME/.local/share/potstill/models/moonshine-tiny
    run import tiny-en
    exits 0; prints "$target"; says ''
    run inspect moonshine-tiny
    exits 0
    ok grep -q '^parameters  *27092736$' "$scratch/out"
    ok cmp "$official/LICENSE" "$target/LICENSE"
    run import tiny-en
    exits 4; prints ''
    says "potstill: $target: exists already (force replaces it)"
    run import --force --licence "$here/test_import.sh" tiny-en
    exits 0; says ''
    ok cmp "$here/test_import.sh" "$target/LICENSE"
fi

finish
