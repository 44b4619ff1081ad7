#!/bin/sh
# The pages of `eval` and of `serve` in the system's chromium, driven by playwright-core from npm. Skipped, with a word, where
# one of them cannot be had. Everything it makes is in build/browser. $1: a part of the names of tests, else all.
# POTSTILL_MODEL: the model of the server (default: models/moonshine-tiny); without it that page is left out.
set -eu
cd "$(dirname "$0")/.."
skip() {
    echo "skipped: $*"
    exit 0
}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$chromium" ] || skip "needs chromium (Debian: apt-get install chromium)"
command -v npm >/dev/null || skip "needs npm (Debian: apt-get install npm)"
work=$PWD/build/browser
driver=$PWD/build/release/tests/page_driver
mkdir -p "$work/pages" "$work/pictures"
cp tests/browser/package.json tests/browser/*.mjs "$work"
[ -d "$work/node_modules/playwright-core" ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm --prefix "$work" install \
    --no-audit --no-fund --silent || skip "npm cannot install playwright-core and axe-core"

model=${POTSTILL_MODEL:-$PWD/models/moonshine-tiny}
if [ -f "$model/config.json" ]; then
    (cd "$work" && node test_front.mjs ../release/potstill "$model" ../../examples/tower "$chromium" pictures "$@")
else
    echo "skipped: the page of serve needs a model (make model)"
fi

# make NAME COUNT EMBED_BYTES OPTION...
make() {
    name=$1 count=$2 embed=$3
    shift 3
    python3 tests/browser/make_results.py "$count" "$work/pages/$name.json" "$@"
    "$driver" "$work/pages/$name.json" "$work/pages/$name.html" . "$embed"
}
make small 400 3000000 --sounds examples/tower/clips
make linked 20 0 --sounds examples/tower/clips
make hostile 20 0 --hostile
make one 30 0 --systems 1
make eight 60 0 --systems 8
make empty 0 0
make many 10000 0
make huge 100000 0 --plain
(cd "$work" && node test_report.mjs pages "$chromium" "$@")
rm -f "$work"/pages/huge.* "$work"/pages/many.* # 200 MB
