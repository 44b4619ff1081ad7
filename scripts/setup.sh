#!/bin/sh
# Installs what a purpose needs: build, test, oracle, lint, coverage, neon or deb. Debian and Ubuntu through
# apt-get, macOS through Homebrew. Quick and silent when all is there; asks for sudo only to install.
set -eu
purpose=${1:-build}

has() { command -v "$1" >/dev/null 2>&1; }
has_library() { has pkg-config && pkg-config --exists "$1"; }

debian=""
brew=""
# need CHECK DEBIAN_PACKAGE BREW_FORMULA: notes the packages when CHECK fails.
need() {
    if ! eval "$1"; then
        debian="$debian $2"
        brew="$brew $3"
    fi
}

need 'has cc && has make' build-essential ""
need 'has cmake' cmake cmake
need 'has ninja' ninja-build ninja
need 'has pkg-config' pkg-config pkg-config
need 'has_library sndfile' libsndfile1-dev libsndfile
need 'has_library soxr' libsoxr-dev libsoxr
need 'has_library jansson' libjansson-dev jansson
need 'has_library libpcre2-8' libpcre2-dev pcre2
need 'has_library libutf8proc' libutf8proc-dev utf8proc
need 'has_library libcurl' libcurl4-openssl-dev curl
need 'has_library libcrypto' libssl-dev openssl
need 'has_library libxxhash' libxxhash-dev xxhash
need 'has_library libprotobuf-c' libprotobuf-c-dev protobuf-c
need 'has_library portaudio-2.0' portaudio19-dev portaudio
need 'has_library libmicrohttpd' libmicrohttpd-dev libmicrohttpd
need 'echo "#include <wslay/wslay.h>" | cc -E - >/dev/null 2>&1' libwslay-dev wslay
need 'has protoc-c || has protoc-gen-c' protobuf-c-compiler protobuf-c
need 'has_library cmocka' libcmocka-dev cmocka
need 'has python3' python3 python3
need 'python3 -m pip --version >/dev/null 2>&1' python3-pip ""
case $purpose in
test)
    need 'has clang-format' clang-format clang-format
    need 'has zsh' zsh zsh
    need 'has fish' fish fish
    ;;
oracle)
    need 'python3 -c "import ensurepip, venv" 2>/dev/null' python3-venv ""
    need 'has espeak-ng' espeak-ng espeak-ng
    ;;
lint)
    need 'has clang' clang llvm
    need 'has clang-tidy' clang-tidy llvm
    need 'ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1 || [ "$(uname)" = Darwin ]' \
        "libclang-rt-$(clang --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p' | grep . || echo 14)-dev" ""
    ;;
deb)
    need 'has dh' debhelper ""
    need 'has lintian' lintian ""
    ;;
coverage) need 'has gcovr' gcovr gcovr ;;
esac

[ -n "$debian" ] || exit 0
if has apt-get; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing:$debian"
    $sudo apt-get update -qq
    # On a fresh machine the system's own updates may hold the lock of dpkg for minutes.
    # shellcheck disable=SC2086 # a list of packages
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
        install -y -qq --no-install-recommends $debian >/dev/null
elif has brew; then
    echo "installing:$brew"
    # shellcheck disable=SC2086
    [ -z "$brew" ] || brew install $brew
else
    echo "setup: neither apt-get nor brew here; please install:$debian" >&2
    exit 1
fi
