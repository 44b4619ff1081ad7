# harness.sh - runs the program and compares exit code, standard output and standard error exactly.
#
# A test is a script that starts with `. "$(dirname "$0")/harness.sh"` and ends with `finish`:
#
#     run score --ref missing --hyp missing
#     exits 1; prints ''; says 'potstill: missing: No such file or directory'
#
# It runs in an empty folder with `audio` (tests/cli/audio) and `micro` (the micro model) in it, with
# no variable set that the program reads. Arguments of a test: the program, and what to run it with
# when it is for another processor.

set -u
case $1 in
/*) program=$1 ;;
*) program=$PWD/$1 ;;
esac
emulator=${2-}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/potstill-test.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/work" && cd "$scratch/work" || exit 1
ln -s "$here/audio" audio
ln -s "$here/../golden/micro" micro

unset POTSTILL_MODEL XDG_DATA_HOME XDG_CACHE_HOME HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE
unset MOONSHINE_VOICE_CACHE HF_ENDPOINT HF_TOKEN HF_TOKEN_PATH TRANSFORMERS_OFFLINE
# What would be downloaded is tested in tests/hub.
export HOME="$scratch/home" LC_ALL=C HF_HUB_OFFLINE=1

checks=0
failures=0
ran='(nothing)'

# The micro model has random weights, so that near ties are everywhere: its text is only known where
# products are exact. '': as the program chooses.
precision='--precision f32'
# Its clips are tones and noise, and it believes in nothing: without this there would be no text.
trust='--vad off --no-guard'

potstill() {
    if [ "${1-}" = transcribe ]; then
        shift
        # shellcheck disable=SC2086 # words
        set -- transcribe $precision $trust "$@"
    fi
    $emulator "$program" "$@"
}

# Standard input is the caller's.
run() {
    ran="potstill $*"
    potstill "$@" >"$scratch/out" 2>"$scratch/err"
    code=$?
}

complain() {
    failures=$((failures + 1))
    printf '%s: %s\n' "$ran" "$1"
}

exits() {
    checks=$((checks + 1))
    [ "$code" -eq "$1" ] && return
    complain "exit code $code, expected $1"
    cat "$scratch/err"
}

# same NAME ACTUAL EXPECTED: two files.
same() {
    checks=$((checks + 1))
    cmp -s "$2" "$3" && return
    complain "$1 differs (-expected +actual)"
    diff -u "$3" "$2"
}

# expect NAME FILE [TEXT]: the file holds TEXT and a newline; '': it is empty; no TEXT: as on stdin.
expect() {
    if [ $# -eq 2 ]; then
        cat >"$scratch/expected"
    elif [ -z "$3" ]; then
        : >"$scratch/expected"
    else
        printf '%s\n' "$3" >"$scratch/expected"
    fi
    same "$1" "$2" "$scratch/expected"
}

prints() {
    expect 'standard output' "$scratch/out" "$@"
}

says() {
    expect 'standard error' "$scratch/err" "$@"
}

# holds FILE [TEXT]: like prints, for a file that a command has written.
holds() {
    file=$1
    shift
    expect "$file" "$file" "$@"
}

# Log-probabilities differ in their last digits between instruction sets.
scrub() {
    sed 's/"avg_logprob": -[0-9.]*/"avg_logprob": -N/g' "$1" >"$scratch/scrubbed"
    cp "$scratch/scrubbed" "$1"
}

ok() {
    checks=$((checks + 1))
    "$@" || complain "not true: $*"
}

finish() {
    echo "$checks checks, $failures failed"
    [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ]
    exit
}
