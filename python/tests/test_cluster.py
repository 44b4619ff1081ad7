"""What a run over a manifest is without Ray: rows, parts, what is missing, a worker that survives."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import potstill
import pytest
from conftest import CLIPS, MICRO, heard
from potstill.cluster import files, manifest, part as parts, plan as plans
from potstill.cluster.command import _shard, _weighted
from potstill.cluster.settings import Settings
from potstill.cluster.worker import Worker, WorkerError

SETTINGS = Settings({"model": str(MICRO), "precision": "f32", "cache": False, "threads": 1}, {"guard": False})
OPTIONS = ["--model", str(MICRO), "--precision", "f32", "--option", "guard=false", "--local"]


def batch(folder, *more, code=0, path=None):
    """The command over ``folder``/set.jsonl; what it said, and the rows of its results by id."""
    out = folder / "out"
    command = [sys.executable, "-m", "potstill.cluster", folder / "set.jsonl", "-o", out, *OPTIONS, *more]
    variables = dict(os.environ)
    if path:
        variables["PYTHONPATH"] = f"{path}:{variables.get('PYTHONPATH', '')}"
    done = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=folder)
    assert done.returncode == code, done.stderr
    results = out / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    assert len({row["id"] for row in rows}) == len(rows)
    return (json.loads(done.stdout) if done.stdout else done.stderr), rows


def write(folder, rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "set.jsonl").write_text("".join(line + "\n" for line in lines))


def clips(count=4):
    return [{"id": f"c{n}", "audio": str(clip)} for n, clip in enumerate(CLIPS[:count])]


def test_rows_are_what_the_command_says():
    worker = Worker(SETTINGS)
    rows = list(worker.run(clips()))
    worker.close()
    said = heard(*CLIPS[:4], model=MICRO, precision="f32", no_guard=True)
    for row, other in zip(rows, said):
        assert row.pop("id").startswith("c")
        assert row == other


def test_words_and_doubts_are_the_commands():
    settings = Settings(SETTINGS.load, {"word_timestamps": True})
    worker = Worker(settings)
    rows = list(worker.run(clips(2)))
    worker.close()
    said = heard(*CLIPS[:2], model=MICRO, precision="f32", word_timestamps=True)
    for row, other in zip(rows, said):
        del row["id"]
        assert row.keys() == other.keys()
        assert row.pop("confidence", None) == pytest.approx(other.pop("confidence", None), abs=2e-6)
        assert row == other


def test_a_row_that_cannot_be_used_costs_itself(tmp_path):
    write(tmp_path, [*clips(2), {"id": "no", "audio": "no.wav"}, "junk", {"id": "x"}, {"audio": 3},
                     {"id": "late", "audio": str(CLIPS[0]), "offset": 1e6}, {"id": "d", "audio": "a", "duration": "1"}])
    summary, rows = batch(tmp_path, code=1)
    assert summary["results"] == {"rows": 8, "errors": 6} and len(rows) == 8
    errors = {row["id"]: row["error"] for row in rows if "error" in row}
    assert "no such file" in errors["no"] and 'has no "audio"' in errors["x"]
    assert "ends before the offset" in errors["late"] and "expected seconds" in errors["d"]
    assert any("is no JSON" in error for error in errors.values())


def test_only_the_missing_is_computed(tmp_path):
    write(tmp_path, clips(6))
    _, wanted = batch(tmp_path, "--part-rows", "2")
    whole = (tmp_path / "out/results.jsonl").read_bytes()
    folder = tmp_path / "out/parts"
    kept = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(kept) == 3
    gone = sorted(kept)[0]
    gone.unlink()
    (tmp_path / "out/results.jsonl").unlink()
    summary, rows = batch(tmp_path)
    assert summary["rows"] == 2 and summary["parts_before"] == 2 and rows == wanted
    assert (tmp_path / "out/results.jsonl").read_bytes() == whole
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items() if path != gone)
    # A manifest that has changed: rows that were done are not done again.
    write(tmp_path, [*clips(6)[1:], {"id": "new", "audio": str(CLIPS[0])}])
    summary, rows = batch(tmp_path)
    assert summary["rows"] == 1 and [row["id"] for row in rows] == ["c1", "c2", "c3", "c4", "c5", "new"]
    said, _ = batch(tmp_path, "--option", "window=5", code=2)
    assert "results of another run" in said
    write(tmp_path, clips(2) + clips(1))
    said, _ = batch(tmp_path, code=2)
    assert "id 'c0'" in said


def test_errors_are_tried_again_when_asked(tmp_path):
    write(tmp_path, [*clips(2), {"id": "later", "audio": "later.flac"}])
    _, rows = batch(tmp_path, code=1)
    shutil.copy(CLIPS[2], tmp_path / "later.flac")
    summary, _ = batch(tmp_path, code=1)
    assert summary["rows"] == 0
    summary, again = batch(tmp_path, "--retry-errors")
    assert again[:2] == rows[:2] and again[2]["text"] and summary["results"]["errors"] == 0


POISON = """
import os, time
import potstill.cluster.sounds as sounds
def of(self, row, known=sounds.Sounds.of):
    name = str(row.get("audio"))
    if "poison" in name:
        os.kill(os.getpid(), 9)
    if "once" in name and not os.path.exists(name + ".died"):
        open(name + ".died", "w").close()
        os.kill(os.getpid(), 9)
    return known(self, row)
sounds.Sounds.of = of
"""


def test_poison_and_a_hung_file_cost_their_rows(tmp_path):
    """A file that kills, one that kills the first time, and a pipe that nobody writes to."""
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch/sitecustomize.py").write_text(POISON)
    shutil.copy(CLIPS[0], tmp_path / "once.flac")
    os.mkfifo(tmp_path / "hung.wav")
    rows = clips(5)
    rows[1:1] = [{"id": "poison", "audio": "poison.wav"}]
    rows[3:3] = [{"id": "once", "audio": "once.flac"}, {"id": "hung", "audio": "hung.wav"}]
    write(tmp_path, rows)
    summary, found = batch(tmp_path, "--time-limit", "3", code=1, path=tmp_path / "patch")
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    bad = {row["id"]: row for row in found if "error" in row}
    assert bad.keys() == {"poison", "hung"} and summary["restarts"] >= 4
    assert bad["poison"]["kind"] == "Crash" and "signal 9" in bad["poison"]["error"]
    assert bad["hung"]["kind"] == "TimeLimit"
    first, once = (next(row for row in found if row["id"] == id) for id in ("c0", "once"))
    assert once["tokens"] == first["tokens"]


def test_shards_together_are_the_whole(tmp_path):
    write(tmp_path, clips(6))
    _, wanted = batch(tmp_path, "--part-rows", "1")
    shutil.rmtree(tmp_path / "out")
    for k in range(3):
        summary, rows = batch(tmp_path, "--part-rows", "1", "--shard", f"{k}/3")
        assert summary["rows"] == 2 and not rows
    assert batch(tmp_path, "--status")[0]["missing"] == 0
    summary, rows = batch(tmp_path)
    assert summary["rows"] == 0 and rows == wanted


def test_a_shard_of_slurm(monkeypatch):
    for name, value in (("ID", "7"), ("MIN", "5"), ("COUNT", "4")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert _shard("auto") == (2, 4)
    with pytest.raises(SystemExit, match="expected K/N"):
        _shard("4/4")
    assert _weighted("a:0.5") == ("a", 0.5) and _weighted("s:x") == ("s:x", 1.0)


def test_stretches_of_a_file(tmp_path):
    """Cut as ``potstill eval`` cuts: samples of all of the file."""
    from potstill import audio

    samples = audio.read(str(CLIPS[0]))
    model = potstill.load(MICRO, precision="f32", cache=False)
    clip = str(CLIPS[0])
    write(tmp_path, [{"audio": clip, "offset": 0.25, "duration": 1.0}, {"audio": clip, "offset": 0.5}])
    _, rows = batch(tmp_path)
    assert [row["id"][-6:] for row in rows] == ["#0.250", "#0.500"]
    for row, cut in zip(rows, (samples[4000:20000], samples[8000:])):
        result = model.transcribe(cut, guard=False)
        assert row["tokens"] == list(result.tokens) and row["duration"] == pytest.approx(len(cut) / 16000)


def test_tars_are_read_where_they_lie(tmp_path):
    path = tmp_path / "shards" / "a-000.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        for n, clip in enumerate(CLIPS[:2]):
            tar.add(clip, f"dir/{n}.flac")
            member = tarfile.TarInfo(f"dir/{n}.json")
            member.size = 2
            tar.addfile(member, io.BytesIO(b"{}"))
    rows = list(manifest.tar_rows(str(path)))
    assert [row["id"] for row in rows] == ["a-000.tar/dir/0", "a-000.tar/dir/1"]
    worker = Worker(SETTINGS)
    texts = [row["text"] for row in worker.run(rows)]
    assert texts == [row["text"] for row in worker.run(clips(2))]
    worker.close()
    plan = plans.Plan(str(path.parent))
    assert [part.kind for part in plan.parts] == ["tar"] and plan.rows is None


def test_what_cannot_start_is_said():
    with pytest.raises(WorkerError, match="nosuch"):
        Worker(Settings({"model": "/nosuch/model", "offline": True})).start()
    with pytest.raises(WorkerError, match="no option"):
        next(Worker(Settings({**SETTINGS.load}, {"beams": 3})).run(clips(1)))
    with pytest.raises(WorkerError, match="window_seconds"):
        next(Worker(Settings({**SETTINGS.load}, {"window": 0.1})).run(clips(1)))


def test_an_engine_ends_with_who_asked():
    """At once, though its model is not open yet, and without a word."""
    command = [sys.executable, "-m", "potstill.cluster.engine", SETTINGS.to_json()]
    engine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for pipe in (engine.stdin, engine.stdout):
        pipe.close()
    assert engine.stderr.read() == b""
    assert engine.wait() == 0


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    """Neither half a part nor a temporary file, whatever fails in writing."""
    folder = tmp_path / "parts"
    folder.mkdir()
    monkeypatch.setattr(parts, "_WAIT_S", 0)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(parts.OutputError, match="No space left"):
        parts.commit(str(tmp_path), parts.Report("part-a.jsonl"), [])
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    parts.commit(str(tmp_path), parts.Report("part-a.jsonl"), [])
    assert parts.load(str(folder / "part-a.jsonl"))[1].rows == 0


def test_addresses():
    assert files.join("s3://b/out?region=eu", "x") == "s3://b/out/x?region=eu"
    assert files.parent("s3://b/out/x?region=eu") == "s3://b/out?region=eu"
    assert files.local("file:///a%20b") == "/a b" and not files.is_remote("file:///a")
