# test_verify.sh - findings, summary and exit codes of `potstill verify`.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter
ln -s "$here/../golden/micro_v5" other
ln -s "$here/../bad/adapter" bad

run verify micro
exits 0; says ''
prints 'micro: model of 7 files and 75 tensors: 0 problems, 0 warnings'
run verify adapter --model micro
exits 0; says ''
prints 'adapter: adapter of 4 files and 84 tensors: 0 problems, 0 warnings'
run verify adapter --model other
exits 3; says ''
ok test "$(wc -l <"$scratch/out")" -eq 2
ok grep -q '^problem: adapter_model.safetensors: .* the base model needs ' "$scratch/out"
ok grep -q ': 1 problem, 0 warnings$' "$scratch/out"

# Every wrong adapter of tests/bad: none is clean on its base, none breaks the program.
for adapter in bad/*/; do
    [ -f "$adapter/expected" ] || continue
    [ "$(find "$adapter" -name 'adapter_config.json')" ] || continue
    run verify --model micro "$adapter"
    exits 3; says ''
done

# Names of tensors that PEFT does not look for: said, and mended in a copy.
run verify bad/compiled
exits 3; says ''
ok grep -q '^problem: adapter_model.safetensors: 4 of 4 tensors have names that PEFT does not look for, such as' \
    "$scratch/out"
run verify --fix-keys -o mended bad/compiled
exits 0; prints ''
says 'potstill: 4 names of tensors mended: mended'
run verify mended
exits 0; says ''
prints 'mended: adapter of 2 files and 4 tensors: 0 problems, 0 warnings'
run verify --fix-keys -o mended bad/compiled
exits 4; prints ''
ok grep -q '^potstill: mended: exists already' "$scratch/err"
run verify --fix-keys -o again mended
exits 0; prints ''
says 'potstill: all names are as PEFT looks for them: nothing was written'
ok test ! -e again
run verify --fix-keys mended
exits 2; prints ''

# Two damages in one folder: both are found.
mkdir damaged
cp micro/*.json micro/model.safetensors damaged
sed 's/"decoder_hidden_act": "silu"/"decoder_hidden_act": "relu"/' \
    micro/config.json >damaged/config.json
rm damaged/tokenizer.json
head -c 100 micro/model.safetensors >damaged/model.safetensors
run verify damaged
exits 3; says ''
prints <<'EOF'
problem: config.json: decoder_hidden_act is "relu", only "silu" is supported
warning: tokenizer.json: is missing: the model gives tokens, but no text without a processor_dir
problem: model.safetensors: header of 8008 bytes passes the end of the file
damaged: model of 5 files and 0 tensors: 2 problems, 1 warning
EOF
cp micro/config.json damaged
run verify --format json damaged
exits 3; says ''
ok grep -q '^  "problems": 1,$' "$scratch/out"
ok grep -q '^      "file": "model.safetensors",$' "$scratch/out"
ok grep -q 'passes the end of the file' "$scratch/out"

mkdir neither
run verify neither
exits 3; prints ''
says 'potstill: neither: is neither a model (config.json) nor an adapter (adapter_config.json) nor a Core ML package (Manifest.json)'
run verify nothing
exits 3; prints ''
ok grep -q '^potstill: nothing: ' "$scratch/err"
run verify
exits 2; prints ''
run verify adapter --model nothing
exits 3; prints ''

# Nobody reads.
potstill verify micro >/dev/full 2>"$scratch/err"
code=$?
exits 4

finish
