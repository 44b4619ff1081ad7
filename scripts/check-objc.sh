#!/bin/sh
# The Objective-C, which only a Mac compiles, is parsed and type-checked against tests/apple.
set -eu
cd "$(dirname "$0")/.."
for clang in clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
    command -v "$clang" >/dev/null && break
done
if ! command -v "$clang" >/dev/null; then
    echo "skipped: there is no clang here"
    exit 77
fi
for file in src/coreml/run/runner_coreml.m tools/compute_plan.m; do
    "$clang" -x objective-c -std=c11 -fsyntax-only -fobjc-arc -fblocks -fobjc-runtime=macosx-13.0 \
        -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -Itests/apple -Iinclude -Isrc "$file"
done
