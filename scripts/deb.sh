#!/bin/sh
# deb.sh - the packages for Debian, from packaging/debian: libpotstill0, libpotstill-dev, potstill; checked by lintian
# and used.
#
#     scripts/deb.sh [OUT]      default: build/deb
#
# They are for the Debian that this runs on. Needs debhelper and lintian; nothing of it is installed: the packages are
# unpacked, a program is built against them, and the transcripts are those of the build.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/deb}
version=$(sed -n 's/^#define PST_VERSION "\(.*\)"/\1/p' include/potstill.h)
scripts/dist.sh
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
cp "build/dist/potstill-$version.tar.gz" "$out/potstill_$version.orig.tar.gz"
tar -xzf "$out/potstill_$version.orig.tar.gz" -C "$out"
source=$out/potstill-$version
cp -r packaging/debian "$source/debian"

# A symbol that is new, or gone, is an error: packaging/debian/libpotstill0.symbols says which are there since when.
(cd "$source" && DPKG_GENSYMBOLS_CHECK_LEVEL=4 dpkg-buildpackage -us -uc -ui)
lintian --version
lintian -i -I --pedantic --fail-on error,warning "$out"/potstill_"$version"-*.changes

root=$out/root
for package in libpotstill0 libpotstill-dev potstill; do
    dpkg -x "$out/${package}_$version"-*.deb "$root"
done
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
export LD_LIBRARY_PATH="$root/usr/lib/$multiarch" HF_HUB_OFFLINE=1
use() { "$root/usr/bin/potstill" "$@"; }
use --version
ls "$root/usr/share/man/man1/potstill.1.gz" "$root/usr/share/bash-completion/completions/potstill" \
    "$root/usr/share/zsh/vendor-completions/_potstill" "$root/usr/share/fish/vendor_completions.d/potstill.fish"
use transcribe --model examples/commands --vad off examples/commands/clips/*.flac >"$out/text"
[ "$(grep -c . "$out/text")" = "$(ls examples/commands/clips/*.flac | wc -l)" ]
export PKG_CONFIG_PATH="$root/usr/lib/$multiarch/pkgconfig"
# shellcheck disable=SC2046 # words
cc -std=c11 examples/transcribe.c $(pkg-config --cflags --libs potstill) -o "$out/app"
"$out/app" tests/golden/micro tests/golden/adapter examples/tower/clips/01.flac
rm -rf "$root" "$out/app" "$out/text" "$source"
ls -l "$out"
