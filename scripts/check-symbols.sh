#!/bin/sh
# The shared library exports what the public headers declare, and nothing else. $1: build folder.
set -eu
library=$(find "$1" -maxdepth 1 \( -name 'libpotstill.so' -o -name 'libpotstill.dylib' \) | head -1)
case $library in
*.dylib) shown=$(nm -gU "$library" | awk '{print $NF}' | sed 's/^_//') ;;
*) shown=$(nm -D --defined-only "$library" | awk '{print $NF}') ;;
esac
declared=$(cat "$(dirname "$0")"/../include/*.h | grep -v '#define' | tr '\n' ' ' | grep -o 'PST_API [^;]*(' | sed 's/(.*//; s/.*[ *]//' | sort -u)
bad=0
for symbol in $shown; do
    echo "$declared" | grep -qx "$symbol" || { echo "$symbol is exported, but no public header declares it" && bad=1; }
done
for symbol in $declared; do
    echo "$shown" | grep -qx "$symbol" || { echo "$symbol is declared in a public header, but not exported" && bad=1; }
done
exit $bad
