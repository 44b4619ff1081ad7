#!/bin/sh
# The shared library shows pst_* and nothing else, and all that the header declares. $1: build folder.
set -eu
library=$(find "$1" -maxdepth 1 \( -name 'libpotstill.so' -o -name 'libpotstill.dylib' \) | head -1)
case $library in
*.dylib) shown=$(nm -gU "$library" | awk '{print $NF}' | sed 's/^_//') ;;
*) shown=$(nm -D --defined-only "$library" | awk '{print $NF}') ;;
esac
header=$(dirname "$0")/../include/potstill.h
declared=$(grep -v '#define' "$header" | tr '\n' ' ' | grep -o 'PST_API [^;]*(' | sed 's/(.*//; s/.*[ *]//' | sort -u)
bad=0
for symbol in $shown; do
    echo "$declared" | grep -qx "$symbol" || { echo "$symbol is exported but not in potstill.h" && bad=1; }
done
for symbol in $declared; do
    echo "$shown" | grep -qx "$symbol" || { echo "$symbol is in potstill.h but not exported" && bad=1; }
done
exit $bad
