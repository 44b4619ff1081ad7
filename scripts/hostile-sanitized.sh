#!/bin/sh
# The server among hostile clients for $1 minutes (3) each under AddressSanitizer and under ThreadSanitizer. Addresses
# are not randomised for the second, as in tsan.sh.
set -eu
cd "$(dirname "$0")/.."
minutes=${1:-3}
for kind in asan tsan; do
    [ -f build/$kind/build.ninja ] || cmake --preset $kind
    cmake --build build/$kind --target potstill_cli
done
echo "hostile clients, AddressSanitizer"
python3 tests/server/hostile.py --sanitized --minutes "$minutes" build/asan/potstill
fixed="setarch $(uname -m) -R"
$fixed true 2>/dev/null || fixed=""
echo "hostile clients, ThreadSanitizer"
$fixed python3 tests/server/hostile.py --sanitized --minutes "$minutes" build/tsan/potstill
