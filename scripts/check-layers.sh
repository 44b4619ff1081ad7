#!/bin/sh
# Includes point down only: each folder of src/ may include itself and what stands before it here.
set -eu
cd "$(dirname "$0")/.."
formats="base formats"
model="$formats tokenizer model"
adapter="$model adapter"
network="$adapter kernels network"
pipeline="$network audio hub decode evaluate pipeline"
allowed() {
    case $1 in
    base) echo base ;;
    kernels | audio | hub) echo "base $1" ;;
    formats) echo "$formats" ;;
    tokenizer) echo "$formats tokenizer" ;;
    model) echo "$model" ;;
    adapter) echo "$adapter" ;;
    evaluate) echo "$formats evaluate" ;;
    network) echo "$network" ;;
    decode) echo "base kernels decode" ;;
    pipeline) echo "$pipeline" ;;
    merge | import) echo "$adapter $1" ;;
    coreml) echo "$pipeline merge coreml" ;;
    verify) echo "$adapter merge coreml verify" ;;
    open) echo "$pipeline merge coreml open" ;;
    *) echo "" ;;
    esac
}
bad=0
for file in $(find src -name '*.[chm]'); do
    folder=${file#src/}
    folder=${folder%%/*}
    for included in $(sed -n 's|^#include "\([a-z0-9_]*\)/.*|\1|p' "$file"); do
        case " $(allowed "$folder") " in
        *" $included "*) ;;
        *) echo "$file includes $included/, which is not below $folder/" && bad=1 ;;
        esac
    done
done
if grep -n '^#include "[a-z]*/' cli/*.[ch] cli/*/*.[ch] 2>/dev/null; then
    echo "cli/ may include potstill.h and its own helpers only" && bad=1
fi
for name in $(find src cli -name '*.[ch]' -exec basename {} \; | sort | uniq -d); do
    echo "$name: two files have this name" && bad=1
done
exit $bad
