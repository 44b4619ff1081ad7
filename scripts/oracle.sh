#!/bin/sh
# oracle.sh - the engine against the live reference stack: transformers, peft, tokenizers, jiwer, soxr.
#
#     scripts/oracle.sh [--newest] [PYTEST_ARGUMENT ...]      e.g. scripts/oracle.sh -s -k stages
#     scripts/oracle.sh [--newest] --prepare                  build and install, and no more
#     scripts/oracle.sh [--newest] --install                  install, and no more
#
# The pinned stack (tools/requirements.txt) lives in .venv, the newest one (requirements-newest.txt) in
# .venv-newest, which takes what both want, as the 5 GB of torch, from .venv. Each is installed again only when its
# file changes. What cannot be had without a network is skipped, and said.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
requirements=tools/requirements.txt
build=build/release
if [ "${1:-}" = --newest ]; then
    shift
    venv=.venv-newest
    requirements=tools/requirements-newest.txt
fi

# $1: a venv, $2: its requirements, $3: the venv that lends it what it has, none when empty.
install_stack() {
    # The marker says what was installed, written last: a broken installation has none.
    wanted=$(cat "$2" ${3:+"$3/installed.txt"})
    [ "$wanted" != "$(cat "$1/installed.txt" 2> /dev/null)" ] || return 0
    echo "oracle: installing the reference stack into $1"
    rm -rf "$1"
    if ! { python3 -m venv "$1" && lend "$1" "$3" &&
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts -r "$2"; }; then
        rm -rf "$1"
        echo "skipped: the oracle tests need the packages of $2"
        return 1
    fi
    echo "$wanted" > "$1/installed.txt"
}

packages_of() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# Python looks into the packages of $2 after those of $1, and so does pip before it fetches one.
lend() { [ -z "$2" ] || packages_of "$2" > "$(packages_of "$1")/lent.pth"; }

install_all() {
    install_stack .venv tools/requirements.txt "" || return 0
    [ $venv = .venv ] || install_stack $venv $requirements .venv || return 0
    # Its models are wanted, not its code: without torchaudio, which it asks for.
    ls $venv/lib/python3*/site-packages/silero_vad/data > /dev/null 2>&1 ||
        $venv/bin/python -m pip install --quiet --no-deps silero-vad==6.0.0 ||
        echo "skipped: the tests that need silero-vad"
    # The detector is that of a later one, whose .jit is not its .onnx: it lies beside.
    [ -d $venv/silero-vad-6.2.1 ] ||
        $venv/bin/python -m pip install --quiet --no-deps --target $venv/silero-vad-6.2.1 silero-vad==6.2.1 ||
        echo "skipped: the tests that need silero-vad 6.2.1"

    # The normalisers, not those of other languages, whose packages it asks for.
    [ $venv != .venv ] || ls $venv/lib/python3*/site-packages/whisper_normalizer > /dev/null 2>&1 ||
        $venv/bin/python -m pip install --quiet --no-deps whisper-normalizer==0.1.15 more-itertools==11.2.1 ||
        echo "skipped: the tests that need whisper-normalizer"
    # What intervals and tests of two systems are held against.
    [ $venv != .venv ] || ls $venv/lib/python3*/site-packages/scipy > /dev/null 2>&1 ||
        $venv/bin/python -m pip install --quiet scipy==1.17.1 ||
        echo "skipped: the tests that need scipy"
    # Its trainer is wanted, not what it records and plays with.
    [ $venv = .venv ] || ls $venv/lib/python3*/site-packages/moonshine_voice/lora > /dev/null 2>&1 ||
        $venv/bin/python -m pip install --quiet --no-deps moonshine-voice==0.1.5 ||
        echo "skipped: the tests that need moonshine-voice"
}
if [ "${1:-}" = --install ]; then
    install_all
    exit 0
fi
# PREPARED=1: by oracle-all.sh, whose runs are side by side.
if [ -z "${PREPARED:-}" ]; then
    [ -f $build/build.ninja ] || cmake --preset release
    cmake --build $build
    install_all
fi
[ "${1:-}" != --prepare ] || exit 0
[ -d $venv ] || exit 0

models=${POTSTILL_MODELS:-$PWD/models}
scripts/get-model.sh "$models" || echo "skipped: the tests that need the official model"

export POTSTILL_BUILD="$PWD/$build" POTSTILL_MODELS="$models" POTSTILL_BIN="$PWD/$build/potstill"
for driver in "$PWD/$build"/tests/*_driver; do # audio_driver is POTSTILL_AUDIO_DRIVER
    export "POTSTILL_$(basename "$driver" | tr '[:lower:]' '[:upper:]')=$driver"
done
# Nothing is fetched behind our back: every model in the tests is a folder.
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
# What tests make is gone after each, and all of it at the end: merged models of a run take gigabytes, and
# pytest would keep those of three runs.
made=$(mktemp -d "${TMPDIR:-/tmp}/potstill-oracle.XXXXXX")
trap 'rm -rf "$made"' EXIT
trap 'exit 1' HUP INT TERM
$venv/bin/python -m pytest -q -rs --basetemp="$made/pytest" -o tmp_path_retention_policy=failed tests/oracle "$@"
