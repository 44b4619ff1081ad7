#!/bin/sh
# Line coverage of src/ by the ordinary tests.
set -eu
[ -f build/coverage/build.ninja ] || cmake --preset coverage
cmake --build build/coverage
find build/coverage -name '*.gcda' -delete
ctest --test-dir build/coverage -E '^style' --output-on-failure -j "$(nproc 2>/dev/null || echo 2)"
gcovr --root . --filter 'src/' --exclude-throw-branches --print-summary build/coverage --sort-percentage
