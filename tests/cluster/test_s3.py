"""Manifest, sounds and output in an object store: S3, as moto serves it on this machine."""

import io
import json
import os
import subprocess
import tarfile

import pytest
from conftest import FEW, FEW_IDS, command, run_local, serving, tokens

pytest.importorskip("moto")
import pyarrow as pa  # noqa: E402
from potstill.cluster import files  # noqa: E402
from pyarrow import fs, parquet  # noqa: E402


@pytest.fixture(scope="module")
def port():
    """Of the store. The environment says where it is and who asks, as for boto and other programs."""
    with serving("moto.server", "-H", "127.0.0.1", "-p") as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{number}")
        yield number


@pytest.fixture(scope="module")
def store(port):
    """A bucket with the sounds, and the same set as lines, as a table and as a tar."""
    s3 = fs.S3FileSystem(endpoint_override=f"http://127.0.0.1:{port}", allow_bucket_creation=True)
    s3.create_dir("bucket")

    def put(name, content):
        with s3.open_output_stream(f"bucket/{name}") as file:
            file.write(content)

    for sound in FEW:
        put(f"sets/sounds/{sound.name}", sound.read_bytes())
    names = [f"s3://bucket/sets/sounds/{sound.name}" if n % 2 else f"sounds/{sound.name}" for n, sound in enumerate(FEW)]
    rows = [{"id": id, "audio": name} for id, name in zip(FEW_IDS, names)]
    put("sets/set.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    table = io.BytesIO()
    parquet.write_table(pa.table({"id": FEW_IDS, "audio": names}), table, row_group_size=2)
    put("sets/set.parquet", table.getvalue())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for id, sound in zip(FEW_IDS, FEW):
            member = tarfile.TarInfo(id + sound.suffix)
            member.size = sound.stat().st_size
            tar.addfile(member, io.BytesIO(sound.read_bytes()))
    put("tars/set.tar", packed.getvalue())
    return s3


def content(s3, path):
    with s3.open_input_file(path) as file:
        return file.read()


@pytest.mark.parametrize("manifest", ["sets/set.jsonl", "sets/set.parquet", "tars/set.tar", "tars"])
def test_all_in_the_store(store, wanted, tmp_path, manifest):
    """The second run finds the parts that are there, and computes nothing."""
    out = "s3://bucket/out/" + manifest.replace("/", "-")
    found = run_local(tmp_path, f"s3://bucket/{manifest}", out)
    assert found["results"] == {"rows": len(FEW_IDS), "errors": 0}
    path = out.removeprefix("s3://") + "/results.jsonl"
    first = content(store, path)
    assert tokens(first) == wanted
    assert run_local(tmp_path, f"s3://bucket/{manifest}", out)["parts"] == 0
    assert content(store, path) == first
    assert run_local(tmp_path, f"s3://bucket/{manifest}", out, "--status")["missing"] == 0
    # A part that is lost is computed again.
    one = store.get_file_info(fs.FileSelector(path.replace("results.jsonl", "parts")))[0]
    store.delete_file(one.path)
    assert run_local(tmp_path, f"s3://bucket/{manifest}", out)["parts"] == 1
    assert content(store, path) == first


def test_settings_in_the_address(store, port, wanted, tmp_path, monkeypatch):
    """Nothing in the environment: the address of the manifest says it all."""
    query = f"?endpoint_override=http%3A%2F%2F127.0.0.1%3A{port}&region=us-east-1"
    rows = [{"id": id, "audio": f"sounds/{sound.name}"} for id, sound in zip(FEW_IDS, FEW)]
    rows.insert(2, {"id": "none", "audio": "sounds/none.flac"})
    with store.open_output_stream("bucket/sets/near.jsonl") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode() + b"no JSON\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    run_local(tmp_path, "s3://test:test@bucket/sets/near.jsonl" + query, str(tmp_path / "out"), code=1)
    found = [json.loads(line) for line in (tmp_path / "out/results.jsonl").read_text().splitlines()]
    assert [row["tokens"] for row in found if "tokens" in row] == wanted
    missing, broken = [row for row in found if "error" in row]
    assert missing["id"] == "none" and "none.flac" in missing["error"]
    assert broken["id"].startswith("near.jsonl@")


def test_no_such_manifest(store, tmp_path):
    words = command(tmp_path, "--local")
    words[3], words[5] = "s3://bucket/sets/none.jsonl", "s3://bucket/none"
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "s3://bucket/sets/none.jsonl: no such file" in done.stderr


def test_what_fails_on_the_way_is_never_seen(store):
    """The name keeps what it had, or nothing."""

    def pieces():
        yield b"x" * (11 << 20)  # more than an upload begins with
        raise ValueError("no more")

    for name in ("none", "there"):
        if name == "there":
            files.write(f"s3://bucket/{name}", [b"old"])
        with pytest.raises(ValueError, match="no more"):
            files.write(f"s3://bucket/{name}", pieces())
    assert files.read_or_none("s3://bucket/none") is None
    assert files.read("s3://bucket/there") == b"old"
