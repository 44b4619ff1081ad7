# test_inspect.sh - what a model and an adapter hold.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter
ln -s "$here/../golden/micro_bf16" half

run inspect micro
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_model.txt"
run inspect --format json micro
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_model.json"
run inspect half
exits 0
ok grep -q '^dtype  *bfloat16$' "$scratch/out"

# A streaming encoder has sizes of its own; frames see some of their neighbours.
ln -s "$here/../golden/micro_streaming" streaming
run inspect streaming
exits 0; says ''
ok test "$(grep -c '^encoder_' "$scratch/out")" -eq 8
ok grep -q '^encoder_dim  *40$' "$scratch/out"

run inspect --model micro adapter
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_adapter.txt"
run inspect --model micro --format json adapter
exits 0; says ''
ok test "$(grep -c '"delta_norm": ' "$scratch/out")" -eq 42
ok grep -q '^  "kind": "adapter",$' "$scratch/out"
ok test "$(tail -n 2 "$scratch/out")" = "$(printf "  ]\n}")"

# Without --model: the one that the config names; else the one that the user has chosen.
run inspect adapter
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/inspect_adapter.txt"
mkdir elsewhere && cd elsewhere || exit 1
run inspect ../adapter
exits 3; prints ''
ok grep -q '^potstill: ../adapter: made for micro (adapter_config.json), which is not here' "$scratch/err"
POTSTILL_MODEL=../micro
export POTSTILL_MODEL
run inspect ../adapter
exits 0; says ''
cd .. || exit 1

# An adapter that has a name is in a folder of the one it was saved to; two need to be told apart.
mkdir named && ln -s ../adapter named/english
run inspect --model micro named
exits 0; says ''
ok grep -q '^peft_type  *LORA$' "$scratch/out"
ln -s ../adapter named/french
run inspect --model micro named
exits 3; prints ''
says 'potstill: named: holds several adapters, in the folders english, french: name one of them'

# An adapter that stores its scale takes no other.
run inspect --model micro --adapter-scale 2 adapter
exits 2; prints ''

# An adapter on another size, a folder of neither kind, nothing at all.
run inspect --model half adapter
exits 3; prints ''
ok test "$(wc -l <"$scratch/err")" -eq 2 # that it is another model, and what does not fit
mkdir neither
run inspect neither
exits 3; prints ''
ok grep -q '^potstill: neither: ' "$scratch/err"
run inspect nothing
exits 3; prints ''
ok grep -q '^potstill: nothing: ' "$scratch/err"

finish
