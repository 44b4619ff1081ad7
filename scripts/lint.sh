#!/bin/sh
# clang-tidy over the library and the program, with the checks of .clang-tidy. $1: a build folder with
# compile_commands.json.
set -eu
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu)
find src cli -name '*.c' ! -name 'neon*.c' | xargs -P "$jobs" -n 4 clang-tidy -p "$1" --quiet --warnings-as-errors='*'
echo "clang-tidy: no findings"
