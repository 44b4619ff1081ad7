"""One cache for two programs: what potstill pulls huggingface_hub finds, and the other way round.

Both talk to tests/hub/fake_hub.py. huggingface_hub reads its variables once, when imported, so it runs in
processes of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

pytest.importorskip("huggingface_hub")
from conftest import GOLDEN, ROOT  # noqa: E402

sys.path.insert(0, str(ROOT / "tests" / "hub"))
import fake_hub as fake  # noqa: E402

# The tones of the tests are no speech.
ALL_SOUND = ["--vad", "off", "--no-guard"]

ID = "me/micro"
MODEL = ["config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
         "tokenizer.json"]


@pytest.fixture
def hub():
    server = fake.FakeHub()
    server.files = {name: (GOLDEN / "micro" / name).read_bytes() for name in MODEL}
    server.commit = server.push(ID, server.files)
    yield server
    server.close()


@pytest.fixture
def environment(hub, tmp_path):
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))}
    return {**kept, "HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def ask(environment, code, **more):
    """Runs Python, with `result` to be filled, and returns it."""
    text = f"import json, huggingface_hub as hub\n{code}\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", text], env={**environment, **more},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pull(potstill, environment, *words):
    done = subprocess.run([str(potstill), "pull", *words], env=environment, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_theirs_finds_ours(potstill, environment, hub):
    folder = pull(potstill, environment, ID)
    offline = {"HF_HUB_OFFLINE": "1"}
    found = ask(environment, f"""
names = {MODEL + ["special_tokens_map.json", "README.md"]!r}
found = [hub.try_to_load_from_cache({ID!r}, name) for name in names]
result = [str(path) if path is hub._CACHED_NO_EXIST else path for path in found]
""", **offline)
    assert found[:len(MODEL)] == [f"{folder}/{name}" for name in MODEL]
    assert "object" in found[-2] and found[-1] is None  # known to be absent; not known
    assert ask(environment, f"result = hub.snapshot_download({ID!r}, local_files_only=True)") == folder
    seen = len(hub.log)
    scan = ask(environment, """
cache = hub.scan_cache_dir()
repo, = cache.repos
revision, = repo.revisions
result = [[str(w) for w in cache.warnings], repo.repo_id, repo.size_on_disk, revision.commit_hash,
          sorted(revision.refs), sorted(file.file_name for file in revision.files)]
""")
    assert scan == [[], ID, sum(map(len, hub.files.values())), hub.commit, ["main"], sorted(MODEL)]
    assert len(hub.log) == seen


def test_theirs_downloads_nothing_again(potstill, environment, hub):
    folder = pull(potstill, environment, ID)
    before = len(hub.requests("GET", "/resolve/") + hub.requests("GET", "/storage/"))
    found = ask(environment, f"result = hub.hf_hub_download({ID!r}, 'model.safetensors')")
    assert found == f"{folder}/model.safetensors"
    assert ask(environment, f"result = hub.snapshot_download({ID!r})") == folder
    assert len(hub.requests("GET", "/resolve/") + hub.requests("GET", "/storage/")) == before


def test_ours_finds_theirs(potstill, environment, hub):
    folder = ask(environment, f"result = hub.snapshot_download({ID!r})")
    assert pathlib.Path(folder, "model.safetensors").exists()
    before = len(hub.log)
    done = subprocess.run([str(potstill), "inspect", ID], env={**environment, "HF_HUB_OFFLINE": "1"},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(potstill), "transcribe", *ALL_SOUND, "--model", ID,
                           str(ROOT / "tests" / "cli" / "audio" / "chirp.wav")], env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert len(hub.log) == before
    assert pull(potstill, environment, ID) == folder
    assert hub.requests("GET", "/resolve/")[-1].path in [seen.path for seen in hub.log[:before]]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_locks_are_shared(potstill, environment, hub, first):
    """While one brings the weights the other waits for them."""
    go = threading.Event()
    hub.fault("GET", "model.safetensors", fake.until(go, after=1000))
    ours = [str(potstill), "pull", ID]
    theirs = [sys.executable, "-c", "import huggingface_hub as hub\n"
              f"hub.hf_hub_download({ID!r}, 'model.safetensors')"]

    def start(command):
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def wait(count, method, process):
        while len(hub.requests(method, "model.safetensors")) < count:
            assert process.poll() is None, process.stderr.read()
            go.wait(0.05)

    one = start(ours if first == "ours" else theirs)
    wait(1, "GET", one)
    two = start(theirs if first == "ours" else ours)
    wait(2, "HEAD", two)
    go.wait(1)
    go.set()
    for process in (one, two):
        err = process.communicate(timeout=120)[1]
        assert process.returncode == 0, err
    assert len(hub.requests("GET", "model.safetensors")) == 1


def test_addresses_are_theirs(potstill, environment, hub):
    """Revisions are encoded as hf_hub_url() does."""
    hub.push(ID, hub.files, ref="refs/pr/1")
    theirs = ask(environment, f"result = hub.hf_hub_url({ID!r}, 'config.json', revision='refs/pr/1')")
    pull(potstill, environment, ID, "--revision", "refs/pr/1")
    asked = [f"{hub.endpoint}{seen.path}" for seen in hub.log]
    assert theirs.replace("config.json", "adapter_config.json") == asked[0]
    folder = ask(environment, f"result = hub.snapshot_download({ID!r}, revision='refs/pr/1', "
                 "local_files_only=True)")
    assert folder.endswith(hub.repos[ID].refs["refs/pr/1"])
