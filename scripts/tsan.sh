#!/bin/sh
# ThreadSanitizer over what threads share: the pool, the batch, sessions and streams on one model, and the caches. Only
# these programs are built. Addresses are not randomised, because the sanitizer of gcc 12 wants them where
# they were before kernels took more bits for it.
set -eu
cd "$(dirname "$0")/.."
tests="test_thread_pool test_batch test_session test_live_stream test_cache_file test_pack_file"
[ -f build/tsan/build.ninja ] || cmake --preset tsan
# shellcheck disable=SC2086 # a list
cmake --build build/tsan --target $tests
fixed="setarch $(uname -m) -R"
$fixed true 2>/dev/null || fixed=""
# Of the streams, the test that shares a model: the others have a thread each, and take minutes here.
# shellcheck disable=SC2086
POTSTILL_TESTS='streams_share*' TSAN_OPTIONS=halt_on_error=1 $fixed ctest --test-dir build/tsan --output-on-failure \
    -R "^unit\.($(echo $tests | tr ' ' '|'))\$"
