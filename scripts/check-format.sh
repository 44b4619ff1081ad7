#!/bin/sh
# C as clang-format 14 lays it out (other versions differ in small ways), with at most 100 columns in
# comments too, which it leaves alone. Markdown has at most 120, but for tables. Exit code 77: skipped.
set -eu
cd "$(dirname "$0")/.."
utf8=$(locale -a | grep -iE '^(C|en_US)\.utf-?8$' | head -n 1) # counts columns, not bytes
export LC_ALL="${utf8:-C}"
long=$(
    find include src cli tests examples -name '*.[chm]' -exec grep -nHE '^.{101}' {} + || true
    find . -name '*.md' ! -path './build/*' ! -path './models/*' ! -path './.*' \
        -exec grep -nHE '^[^|].{120}' {} + || true
)
if [ -n "$long" ]; then
    echo "$long"
    echo "longer than 100 columns (C) or 120 (Markdown, but for tables)"
    exit 1
fi
format=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$format" ] || ! "$format" --version | grep -q 'version 14\.'; then
    echo "skipped: needs clang-format 14"
    exit 77
fi
find include src cli tests examples -name '*.[ch]' -exec "$format" --dry-run --Werror {} +
