#!/bin/sh
# dist.sh - the source as one archive: build/dist/potstill-VERSION.tar.gz, the same bytes wherever it is made from the
# same files. What git knows goes in, as it is in this folder.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^#define PST_VERSION "\(.*\)"/\1/p' include/potstill.h)
# Files have the time of the last change, so that the time of day does not matter.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
mkdir -p build/dist
out=build/dist/potstill-$version.tar.gz
git ls-files -z | LC_ALL=C sort -z | tar -c --null -T - --no-recursion --transform "s|^|potstill-$version/|" \
    --mtime "@$epoch" --owner 0 --group 0 --numeric-owner --mode 'u+rw,go+r,go-w' | gzip -9n >"$out.part"
mv "$out.part" "$out"
ls -l "$out"
