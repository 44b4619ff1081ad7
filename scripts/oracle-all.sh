#!/bin/sh
# oracle-all.sh - all tests against the pinned stack, and against the newest what it may compute otherwise.
#
# Python keeps one core busy, so two runs go side by side: adapters on the official model, the command line and
# what is converted; and the others with the newest stack after them.
set -u
cd "$(dirname "$0")/.."
slow="test_adapters or test_relatives or test_real_model or test_merge or test_lora_targets or test_convert"
slow="$slow or test_coreml or test_commands"
newest="checkpoints or micro or streaming or trainer or vendor or (methods and not real_model)"

scripts/oracle.sh --prepare && scripts/oracle.sh --newest --prepare || exit 1
export PREPARED=1
# Random texts of each kind; alone, test_score tries 20,000.
export POTSTILL_ROUNDS="${POTSTILL_ROUNDS:-5000}"
log=build/oracle.log
{ scripts/oracle.sh -k "not ($slow)" && scripts/oracle.sh --newest -k "$newest"; } > $log 2>&1 &
others=$!
scripts/oracle.sh -k "$slow"
code=$?
wait $others || code=1
cat $log
exit $code
