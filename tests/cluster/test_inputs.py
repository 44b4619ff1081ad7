"""Manifests that need pyarrow, and frames of pandas."""

import json
import subprocess

import pytest
from conftest import CLIPS, MICRO, command, results
from potstill.cluster import map_in_pandas
from potstill.cluster.plan import Plan

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

ids = [f"c{n}" for n in range(5)]


def as_lines(folder):
    rows = [{"id": id, "audio": str(clip)} for id, clip in zip(ids, CLIPS)]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run(command(folder, "--local"), cwd=folder, check=True, capture_output=True)
    return [json.loads(line)["tokens"] for line in results(folder)]


@pytest.mark.parametrize("kind", ["paths", "bytes", "datasets"])
def test_parquet(tmp_path, kind):
    """Row groups of two, parts of three: a part begins inside a group."""
    wanted = as_lines(tmp_path)
    paths, contents = [str(clip) for clip in CLIPS[:5]], [clip.read_bytes() for clip in CLIPS[:5]]
    struct = [{"bytes": content, "path": None} for content in contents]
    audio = {"paths": paths, "bytes": contents, "datasets": struct}[kind]
    table = pa.table({"id": ids, "audio": audio, "text": ["not read"] * 5})
    parquet.write_table(table, tmp_path / "set.parquet", row_group_size=2)
    plan = Plan(str(tmp_path / "set.parquet"), rows=3)
    assert [part.rows for part in plan.parts] == [3, 2]
    assert [row["id"] for part in plan.parts for row in part.read()] == ids
    words = command(tmp_path, "--local", "--part-rows", "3")
    words[3], words[5] = str(tmp_path / "set.parquet"), str(tmp_path / "other")
    subprocess.run(words, check=True, capture_output=True)
    assert [json.loads(line)["tokens"] for line in results(tmp_path, "other")] == wanted


def test_frames(tmp_path):
    import pandas

    wanted = as_lines(tmp_path)
    frame = pandas.DataFrame({"id": ids, "audio": [str(clip) for clip in CLIPS[:5]], "more": range(5)})
    frame.loc[2, "audio"] = "none.flac"
    heard = map_in_pandas(model=str(MICRO), precision="f32", options={"guard": False})
    (found,) = heard([frame])
    assert list(found["more"]) == list(range(5)) and "no such file" in found["error"][2]
    assert [json.loads(row).get("tokens") for row in found["result"]] == [*wanted[:2], None, *wanted[3:]]
