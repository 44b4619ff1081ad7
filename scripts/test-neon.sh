#!/bin/sh
# Builds Potstill for 64-bit Arm and runs the whole test suite through qemu-user, so that the NEON
# kernels are tested on any x86-64 Debian or Ubuntu: all of it on a CPU with all that we have kernels for,
# and the kernels again on CPUs that lack some of it. Installs what is missing with apt-get.
#
#     scripts/test-neon.sh [ctest arguments ...]        scripts/test-neon.sh -R kernels
#
# Arguments select tests of the first CPU; the others run what depends on the CPU, within a minute.
set -eu
cd "$(dirname "$0")/.."

tools="gcc-aarch64-linux-gnu qemu-user cmake ninja-build pkg-config protobuf-c-compiler"
libraries="libcmocka-dev libsndfile1-dev libsoxr-dev libjansson-dev libpcre2-dev libutf8proc-dev
libcurl4-openssl-dev libssl-dev libxxhash-dev libprotobuf-c-dev"

missing=""
for package in $tools; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
for package in $libraries; do
    dpkg -s "$package:arm64" >/dev/null 2>&1 || missing="$missing $package:arm64"
done
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo dpkg --add-architecture arm64
    $sudo apt-get update
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
fi

cmake --preset aarch64
cmake --build build/aarch64

run_on() {
    cpu=$1
    shift
    echo "== CPU $cpu"
    QEMU_CPU=$cpu ctest --test-dir build/aarch64 --output-on-failure -j "$(nproc)" "$@"
}
# Not what no instruction set changes and emulation makes long: allocations that fail, the hub, packages, files of
# sound, shells, commands that run the program many times. The rows that network_precision compares take minutes: make proof
# has them. Nor what starts programs by a PATH: the emulator is one, and does not tell that there is none.
long="memory|lora_memory|live_stream|stream_encoder|package_.*|pack_file|hub_.*|segment|channels|convert|import|merge"
long="$long|audio_stream|option_struct|network_precision|ffmpeg"
slow="long|real|words|containers|recordings|channels|commands|convert|device"
run_on max -E "^(hub\.|server\.|style\.|completion\.|cli\.($slow)$|unit\.test_($long)\$)" "$@"
run_on cortex-a53 -R 'unit\.test_(kernels|matmul|packed)$' # NEON alone
run_on cortex-a76 -R 'unit\.test_kernels$'                 # dot products without matrix products
