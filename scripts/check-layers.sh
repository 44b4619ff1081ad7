#!/bin/sh
# Includes point down only: each folder of src/ may include itself and what stands before it here.
set -eu
cd "$(dirname "$0")/.."
allowed() {
    case $1 in
    base) echo base ;;
    kernels | audio | score | hub) echo "base $1" ;;
    model) echo "base kernels model" ;;
    coreml) echo "base kernels model coreml" ;;
    network) echo "base kernels model network" ;;
    decode) echo "base kernels model network decode" ;;
    pipeline) echo "base kernels audio model hub network decode score coreml pipeline" ;;
    *) echo "" ;;
    esac
}
bad=0
for file in src/*/*.[ch]; do
    folder=$(basename "$(dirname "$file")")
    for included in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file"); do
        case " $(allowed "$folder") " in
        *" $included "*) ;;
        *) echo "$file includes $included/, which is not below $folder/" && bad=1 ;;
        esac
    done
done
if grep -n '^#include "[a-z]*/' cli/*.[ch] 2>/dev/null; then
    echo "cli/ may include potstill.h and its own helpers only" && bad=1
fi
for name in $(find src cli -name '*.[ch]' -exec basename {} \; | sort | uniq -d); do
    echo "$name: two files have this name" && bad=1
done
exit $bad
