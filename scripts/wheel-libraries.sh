#!/bin/sh
# wheel-libraries.sh - what the container of manylinux_2_28 (AlmaLinux 8) lacks, made from its sources into PREFIX.
#
#     scripts/wheel-libraries.sh [PREFIX]      default: /usr/local
#
# Its libsndfile knows neither MP3 nor Opus, and it has no utf8proc to compile with. Licences go where
# tools/wheel_licences.py looks for them.
set -eu
prefix=${1:-/usr/local}
work=$(mktemp -d "${TMPDIR:-/tmp}/wheel-libraries.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# make_library NAME SHA256 URL LICENCE CMAKE_OPTION...
make_library() {
    name=$1 digest=$2 url=$3 licence=$4
    shift 4
    mkdir "$work/$name"
    curl -fsSL --retry 3 -o "$work/$name.tar" "$url"
    echo "$digest  $work/$name.tar" | sha256sum -c -
    tar -xf "$work/$name.tar" --strip-components 1 -C "$work/$name"
    cmake -S "$work/$name" -B "$work/$name/made" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
        -DCMAKE_INSTALL_PREFIX="$prefix" -DBUILD_TESTING=OFF "$@"
    cmake --build "$work/$name/made" --parallel
    cmake --install "$work/$name/made"
    mkdir -p "$prefix/share/licenses/$name"
    cp "$work/$name/$licence" "$prefix/share/licenses/$name"
}

make_library libutf8proc 18c1626e9fc5a2e192311e36b3010bfc698078f692888940f1fa150547abb0c1 \
    https://github.com/JuliaStrings/utf8proc/archive/refs/tags/v2.9.0.tar.gz LICENSE.md
make_library libsndfile 3799ca9924d3125038880367bf1468e53a1b7e3686a934f098b7e1d286cdb80e \
    https://github.com/libsndfile/libsndfile/releases/download/1.2.2/libsndfile-1.2.2.tar.xz COPYING \
    -DBUILD_PROGRAMS=OFF -DBUILD_EXAMPLES=OFF -DENABLE_EXTERNAL_LIBS=ON -DENABLE_MPEG=ON
# What a library that is missing makes cmake leave out, silently, is found here.
for codec in mpg123 opus FLAC vorbis; do
    ldd "$prefix"/lib*/libsndfile.so | grep -q "lib$codec" || { echo "libsndfile was made without $codec" >&2 && exit 1; }
done
