"""Manifest, sounds and output in Google's store, as an emulator serves it on this machine."""

import json

import pytest
from conftest import FEW, FEW_IDS, run_local, serving, tokens

pytest.importorskip("gcp_storage_emulator")
from pyarrow import fs  # noqa: E402


def test_all_in_the_store(wanted, tmp_path):
    """The second run finds the parts that are there, and computes nothing."""
    words = ("start", "--host", "127.0.0.1", "--no-store-on-disk", "--default-bucket", "bucket", "--port")
    with serving("gcp_storage_emulator", *words) as port:
        query = f"?scheme=http&endpoint_override=127.0.0.1%3A{port}&retry_limit_seconds=20"
        store, _ = fs.FileSystem.from_uri("gs://anonymous@bucket/" + query)
        rows = [{"id": id, "audio": sound.name} for id, sound in zip(FEW_IDS, FEW)]
        files = {sound.name: sound.read_bytes() for sound in FEW}
        files["set.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows).encode()
        for name, content in files.items():
            with store.open_output_stream("bucket/set/" + name) as file:
                file.write(content)
        places = ("gs://anonymous@bucket/set/set.jsonl" + query, "gs://anonymous@bucket/out" + query)
        assert run_local(tmp_path, *places)["results"] == {"rows": len(FEW), "errors": 0}
        assert run_local(tmp_path, *places)["parts"] == 0
        with store.open_input_file("bucket/out/results.jsonl") as file:
            assert tokens(file.read()) == wanted
