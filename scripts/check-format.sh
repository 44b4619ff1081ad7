#!/bin/sh
# The C sources are as clang-format 14 lays them out (other versions differ in small ways). Exit code 77:
# skipped.
set -eu
cd "$(dirname "$0")/.."
format=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$format" ] || ! "$format" --version | grep -q 'version 14\.'; then
    echo "skipped: needs clang-format 14"
    exit 77
fi
find include src cli tests examples -name '*.[ch]' -exec "$format" --dry-run --Werror {} +
