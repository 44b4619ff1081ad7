#!/bin/sh
# check-wheel.sh - does a wheel work where nothing but Python and NumPy is?
#
#     scripts/check-wheel.sh WHEEL
#
# Every library that the wheel has inside is hidden: in a mount namespace of its own the system's files are empty. There
# a fresh virtual environment transcribes, evaluates, merges and converts. Needs Linux, unshare, PyPI for NumPy.
set -eu
cd "$(dirname "$0")/.."
wheel=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/potstill-wheel.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
size=$(($(wc -c <"$wheel") / 1000))
[ "$size" -lt 12000 ] || { echo "$wheel has $size kB, 12,000 are the most" && exit 1; }
names() { python3 -c "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep=chr(10))" "$wheel"; }
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check "$wheel"
# Python's own ctypes needs libffi.
names | sed -n 's|.*\.libs/\(.*\)-[0-9a-f]\{8\}\.\(.*\)|\1.\2|p' | grep -v '^libffi' >"$work/bundled"
names | grep -c 'licenses/bundled/' | sed 's/$/ packages with their licence/'
cat >"$work/use.py" <<'PYTHON'
import json, os, subprocess, sys
import potstill
from potstill import audio
root, work = sys.argv[1:]
micro, adapter = root + "/tests/golden/micro", root + "/tests/golden/adapter"
clip = root + "/examples/tower/clips/01.flac"
model = potstill.load(micro, precision="f32", adapter=adapter)
print(model)
text = model.transcribe(clip, window=0).text
program = os.path.join(os.path.dirname(sys.executable), "potstill")
words = [program, "transcribe", "--model", micro, "--adapter", adapter, "--precision", "f32", "--window", "0", clip]
assert subprocess.check_output(words, text=True).strip() == text.strip() and text
os.environ["PATH"] = ""  # no ffmpeg: what the libsndfile inside reads
for ending in ("mp3", "opus", "ogg"):
    assert len(audio.read(f"{root}/tests/fuzz/corpus/audio/clip.{ending}"))
rows = [(clip, "Lufthansa four five niner")]
print(potstill.evaluate(rows, model=micro, adapters=[None, adapter]))
potstill.merge(model, output=work + "/merged")
potstill.convert(work + "/merged", output=work + "/packages", seconds=[5])
print(potstill.verify(work + "/packages"))
print(potstill.build_info())
import resource
print("libraries of the system in use:", sorted({
    line.split("/")[-1].strip() for line in open("/proc/self/maps") if "/usr/lib" in line or "/lib/x86" in line}))
PYTHON
cat >"$work/hide.py" <<'PYTHON'
# By the system call: the program mount needs some of what is hidden.
import ctypes, glob, os, sys
libc, work, root = ctypes.CDLL(None, use_errno=True), *sys.argv[1:]
MS_BIND = 4096
for name in open(work + "/bundled").read().split():
    for path in glob.glob("/usr/lib/*/" + name) + glob.glob("/usr/lib*/" + name) + glob.glob("/usr/local/lib/" + name):
        if libc.mount(b"/dev/null", path.encode(), None, MS_BIND, None):
            sys.exit(f"{path}: cannot be hidden: {os.strerror(ctypes.get_errno())}")
try:
    ctypes.CDLL("libsndfile.so.1")
    sys.exit("libsndfile is not hidden")
except OSError:
    pass
os.environ.pop("LD_LIBRARY_PATH", None)
os.environ.update(HF_HUB_OFFLINE="1", HOME=work)
program = work + "/venv/bin/python"
os.execv(program, [program, work + "/use.py", root, work])
PYTHON
user=$([ "$(id -u)" = 0 ] || echo -r)
# shellcheck disable=SC2086 # one option or none
unshare -m $user python3 "$work/hide.py" "$work" "$PWD"
echo "$wheel: $size kB, works with no library of the system but libc's"
