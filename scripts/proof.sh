#!/bin/sh
# What takes too long for every change and is run before a release: file calls that fail at every place,
# a server among hostile clients and under load, every adapter on the official model, every form of a
# conversion, a microphone, and every fuzz target for $1 seconds (120).
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-120}
for group in Merge Convert Output Cache Pull Limits Together; do
    echo "faults: $group"
    python3 tests/faults/test_faults.py $group "$PWD/build/release/potstill" "$PWD/build/release/tests/libfail_at.so" 1
done
python3 tests/server/hostile.py --minutes 10 build/release/potstill
python3 tests/server/load.py --minutes 10 build/release/potstill
scripts/hostile-sanitized.sh 3
PROOF=1 scripts/oracle.sh -k "test_adapters or test_relatives or test_real_model or test_merge or every_form"
# Hours of sound take minutes under the sanitizers.
[ -f build/asan/build.ninja ] || cmake --preset asan
cmake --build build/asan && ctest --test-dir build/asan --output-on-failure -R '^cli\.long$'
[ ! -d build/aarch64 ] || QEMU_CPU=max ctest --test-dir build/aarch64 --output-on-failure -R network_precision
scripts/microphone.sh
scripts/fuzz.sh "$seconds"
