# test_install.sh - what `cmake --install` puts into a prefix is whole: it may move, programs are built against it by
# pkg-config and by find_package, with the shared library and with the archive, and all of it can be taken away again.
#
#     test_install.sh BUILD SOURCE
set -eu
build=$1
source=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/potstill-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cc=${CC:-cc}
step() { echo "== $*"; }
bad() {
    echo "$*"
    exit 1
}

# The build folder belongs to all tests: the list of what was installed is kept for `make uninstall`.
list=$build/install_manifest.txt
[ ! -f "$list" ] || cp "$list" "$work/list"
restore() {
    if [ -f "$work/list" ]; then cp "$work/list" "$list"; else rm -f "$list"; fi
    rm -rf "$work"
}
trap restore EXIT

step "install, and move what was installed"
cmake --install "$build" --prefix "$work/first" >"$work/log"
mv "$work/first" "$work/prefix"
prefix=$work/prefix
libdir=$(find "$prefix" -name pkgconfig -exec dirname {} \;)
for file in bin/potstill include/potstill.h include/potstill_tools.h share/man/man1/potstill.1 \
    share/bash-completion/completions/potstill share/zsh/site-functions/_potstill \
    share/fish/vendor_completions.d/potstill.fish; do
    [ -f "$prefix/$file" ] || bad "$file is not installed"
done
grep -rlI "$work/first" "$prefix" && bad "these files name the prefix"

step "the program"
clip=$source/examples/tower/clips/01.flac
micro=$source/tests/golden/micro
adapter=$source/tests/golden/adapter
HF_HUB_OFFLINE=1 "$prefix/bin/potstill" --version | head -1

step "pkg-config: the shared library"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
version=$(sed -n 's/^#define PST_VERSION "\(.*\)"/\1/p' "$source/include/potstill.h")
[ "$(pkg-config --modversion potstill)" = "$version" ] || bad "pkg-config knows another version"
# shellcheck disable=SC2046 # words
$cc -std=c11 "$source/examples/transcribe.c" $(pkg-config --cflags --libs potstill) -o "$work/shared"
run() { LD_LIBRARY_PATH=$libdir DYLD_LIBRARY_PATH=$libdir "$@" "$micro" "$adapter" "$clip"; }
run "$work/shared" >"$work/expected"
[ -s "$work/expected" ] || bad "no text"

step "pkg-config --static: the archive, and the libraries of the system as they are"
mkdir "$work/archive"
cp "$libdir/libpotstill.a" "$work/archive" # alone in the first folder, -lpotstill is the archive
# shellcheck disable=SC2046
$cc -std=c11 "$source/examples/transcribe.c" -L"$work/archive" $(pkg-config --static --cflags --libs potstill) \
    -o "$work/static"
run "$work/static" >"$work/text"
cmp "$work/text" "$work/expected"
if command -v readelf >/dev/null && [ "$(uname)" = Linux ]; then
    major=${version%%.*}
    readelf -d "$work/shared" | grep -q "NEEDED.*libpotstill.so.$major" || bad "the shared library's name has no number"
    ! readelf -d "$work/static" | grep -q "NEEDED.*libpotstill" || bad "the archive was not taken"
fi

step "find_package: both, and a version that is not there"
cmake -S "$source/tests/install/app" -B "$work/app" -DCMAKE_PREFIX_PATH="$prefix" -DSOURCE="$source" \
    -DVERSION="$version" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
cmake --build "$work/app" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
for kind in shared static; do
    "$work/app/app_$kind" "$micro" "$adapter" "$clip" >"$work/text"
    cmp "$work/text" "$work/expected"
done
if cmake -S "$source/tests/install/app" -B "$work/newer" -DCMAKE_PREFIX_PATH="$prefix" -DSOURCE="$source" \
    -DVERSION=99 >"$work/log" 2>&1; then
    bad "version 99 was found"
fi
grep -q 'compatible with requested version "99"' "$work/log" || { cat "$work/log" && exit 1; }

step "make uninstall: under DESTDIR, and what is not ours stays"
DESTDIR=$work/root cmake --install "$build" --prefix /opt/potstill >"$work/log"
: >"$work/root/opt/potstill/bin/other"
DESTDIR=$work/root "$source/scripts/uninstall.sh" "$build" >"$work/log"
left=$(cd "$work/root" && find . -type f)
[ "$left" = ./opt/potstill/bin/other ] || bad "left: $left"
[ ! -d "$work/root$(dirname "$(sed -n '/potstill-config.cmake$/p' "$list")")" ] || bad "an empty folder is left"
echo "installed, used and uninstalled"
