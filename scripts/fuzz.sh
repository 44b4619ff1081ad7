#!/bin/sh
# Runs every fuzz target for $1 seconds on a copy of its corpus. A finding is left in build/fuzz/findings:
# mend the reader, then put the input into tests/fuzz/corpus/, which the tests replay.
set -eu
seconds=$1
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
# The targets alone: the other tests take longer to build, and are not run here.
cmake --build build/fuzz --target $(basename -s .c tests/fuzz/fuzz_*.c)
mkdir -p build/fuzz/findings
failed=""
for target in build/fuzz/tests/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target" | sed 's/^fuzz_//')
    mkdir -p "build/fuzz/corpus/$name"
    log=build/fuzz/$name.log
    words=""
    [ ! -f "tests/fuzz/$name.dict" ] || words="-dict=tests/fuzz/$name.dict"
    # What readers say of their inputs, thousands a second, is not kept.
    if "$target" $words -close_fd_mask=2 -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=10 \
        -artifact_prefix="build/fuzz/findings/$name-" \
        "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        grep -a '^Done' "$log" | sed "s/^/$name: /"
    else
        failed="$failed $name"
        tail -20 "$log"
    fi
done
[ -z "$failed" ] || { echo "fuzz: findings of$failed; see build/fuzz/findings" >&2; exit 1; }
