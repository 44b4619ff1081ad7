#!/bin/sh
# Lines and branches of src/ and cli/ that the ordinary tests reach, for each folder. A test that needs the
# model is skipped where that is not in models/. Not counted is what a signal ends, as --watch: the counts are
# written at the end of a process.
set -eu
[ -f build/coverage/build.ninja ] || cmake --preset coverage
cmake --build build/coverage
find build/coverage -name '*.gcda' -delete
failed=0
# Not hours of sound, nor file calls that fail by their number: the counts are written by such calls, too.
ctest --test-dir build/coverage -E '^(style|faults|cli\.long)' --output-on-failure -j "$(nproc 2>/dev/null || echo 2)" || failed=1
# Kernels run billions of times; later versions take that for a fault of gcov.
many=""
! gcovr --help | grep -q suspicious-hits-threshold || many=--gcov-suspicious-hits-threshold=0
gcovr $many --root . --filter 'src/' --filter 'cli/' --exclude-throw-branches --json-summary build/coverage/summary.json \
    build/coverage
python3 scripts/coverage_table.py build/coverage/summary.json
[ "$failed" = 0 ] || { echo "coverage: some tests have failed, so these are too low" >&2; exit 1; }
