#!/bin/sh
# The official clients of OpenAI's API, from PyPI and npm, against the server. Skipped, with a word, where the first
# cannot be had; the second is left out where it cannot. Everything it makes is in build/sdk.
set -eu
cd "$(dirname "$0")/.."
work=$PWD/build/sdk
python=$work/venv/bin/python
build/release/potstill serve --help >/dev/null
mkdir -p "$work"
[ -x "$python" ] || python3 -m venv "$work/venv"
"$python" -c 'import openai, websockets' 2>/dev/null ||
    "$python" -m pip install -q --disable-pip-version-check 'openai[realtime]>=2' || {
    echo "skipped: pip cannot install openai"
    exit 0
}
node=""
if command -v npm >/dev/null && { [ -d "$work/node_modules/ws" ] ||
    npm --prefix "$work" install --no-audit --no-fund --silent openai@6 ws@8; }; then
    cp tests/server/sdk.mjs tests/server/realtime.mjs "$work"
    node=$work
fi
"$python" -W ignore tests/server/test_sdk.py build/release/potstill $node
