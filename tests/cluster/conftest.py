"""The command on a small set, what a run must give, and servers of stores on this machine."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MICRO = ROOT / "tests/golden/micro"
CLIPS = sorted((ROOT / "examples/commands/clips").glob("*.flac"))
OPTIONS = ["--model", str(MICRO), "--precision", "f32", "--option", "guard=false", "--time-limit", "30"]
ROWS = 60
FEW = CLIPS[:7]  # for what is slow
FEW_IDS = [f"c{n}" for n in range(len(FEW))]

# A sound named "slow" takes its time, so that faults have something to hit.
SLOW = """
import time
import potstill.cluster.sounds as sounds
def of(self, row, known=sounds.Sounds.of):
    if row["id"].startswith("slow"):
        time.sleep(0.3)
    return known(self, row)
sounds.Sounds.of = of
"""


def command(folder, *more):
    out = folder / "out"
    return [sys.executable, "-m", "potstill.cluster", str(folder / "set.jsonl"), "-o", str(out), *OPTIONS, *more]


def environment(folder):
    patch = folder / "patch"
    patch.mkdir(exist_ok=True)
    (patch / "sitecustomize.py").write_text(SLOW)
    return {**os.environ, "PYTHONPATH": f"{patch}:{os.environ.get('PYTHONPATH', '')}"}


def make_set(folder, kind="slow", more=()):
    """60 rows, some in another order than their ids."""
    rows = [
        {"id": f"{kind}{n:03d}", "audio": str(CLIPS[n * 7 % len(CLIPS)])} for n in range(ROWS - len(more))
    ]
    rows[10:10] = more
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def results(folder, out="out"):
    lines = (folder / out / "results.jsonl").read_bytes().splitlines()
    return sorted(lines, key=lambda line: json.loads(line)["id"])


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """Results of a run of one process, by the rows of the set: made once for each set."""
    known = {}

    def of(folder):
        rows = (folder / "set.jsonl").read_text()
        if rows not in known:
            alone = tmp_path_factory.mktemp("single")
            (alone / "set.jsonl").write_text(rows)
            subprocess.run(command(alone, "--local", "--workers", "1"), cwd=alone, capture_output=True)
            known[rows] = results(alone)
        return known[rows]

    return of


def parts(folder):
    there = folder / "out/parts"
    return [path for path in there.glob("part-*")] if there.exists() else []


def wait_for(what, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


@pytest.fixture(scope="session")
def wanted(tmp_path_factory):
    """Tokens of the few, as a run over files of this machine gives them."""
    folder = tmp_path_factory.mktemp("single")
    rows = [{"id": id, "audio": str(sound)} for id, sound in zip(FEW_IDS, FEW)]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run(command(folder, "--local"), cwd=folder, check=True, capture_output=True)
    return tokens((folder / "out/results.jsonl").read_bytes())


def tokens(lines):
    return [row.get("tokens") for row in map(json.loads, lines.splitlines())]


def run_local(folder, manifest, output, *more, code=0):
    words = command(folder, "--local", "--part-rows", "3", *more)
    words[3], words[5] = manifest, output
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@contextlib.contextmanager
def serving(module, *words):
    """A server that is a module of Python, whose last word is its port; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", module, *words, str(port)]
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        assert server.poll() is None, f"{module} has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(answers, 120)
        yield port
    finally:
        server.kill()
        server.wait()
