"""What the live tests share: where things are, the engine in batches, the reference models.

    POTSTILL_BUILD    the build folder, with potstill and tests/potstill_trace (build/release)
    POTSTILL_MODELS   the folder that scripts/get-model.sh fills: moonshine-tiny/, audio/ (models)

    PROOF             1: every adapter on the official model, as before a release; else every fifth, since
                      all of them run on micro models; every form of a conversion, else every ninth

A test that lacks a folder is skipped, and says which.
"""

import os

# Before torch starts its threads: two, and none that burn a core while they wait.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import json  # noqa: E402
import pathlib  # noqa: E402
import subprocess  # noqa: E402

import pytest  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
BUILD = pathlib.Path(os.environ.get("POTSTILL_BUILD", ROOT / "build" / "release"))
MODELS = pathlib.Path(os.environ.get("POTSTILL_MODELS", ROOT / "models"))


def spread(cases):
    """Those that are run at every change."""
    return cases if os.environ.get("PROOF") else cases[::5]


def pytest_configure(config):
    # PEFT looks for the config of a base without a name; an adapter case lacks keys on purpose.
    for message in ("Could not find a config file", "Found missing adapter keys",
                    "Model with `tie_word_embeddings=True`"):
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


def program(name):
    path = BUILD / name
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture(scope="session")
def potstill():
    """The command-line program."""
    return program("potstill")


@pytest.fixture(scope="session")
def run():
    """Runs a program that must succeed."""
    def go(*words):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=600)
        assert done.returncode == 0, done.stderr
        return done
    return go


@pytest.fixture(scope="session")
def model_dir():
    path = MODELS / "moonshine-tiny"
    if not (path / "config.json").is_file():
        pytest.skip(f"{path} is not there (scripts/get-model.sh {MODELS})")
    return path


@pytest.fixture(scope="session")
def clips():
    from clips import Clips
    if not (MODELS / "audio" / "two_cities.wav").is_file():
        pytest.skip(f"{MODELS / 'audio'} is not there (scripts/get-model.sh {MODELS})")
    return Clips(MODELS / "audio")


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    return Engine(program("tests/potstill_trace"), tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="session")
def reference_model(model_dir):
    import reference
    return reference.load(model_dir)


@pytest.fixture(scope="session")
def exact_model(model_dir):
    """The same in float64: which of two roundings is nearer the truth."""
    import reference
    import torch
    return reference.load(model_dir, dtype=torch.float64)


class Engine:
    """potstill_trace, which runs the engine on raw samples and writes what it computed."""

    def __init__(self, path, scratch):
        self.path, self.scratch, self.written = path, scratch, {}

    def samples_file(self, audio):
        key = audio.tobytes()
        if key not in self.written:
            path = self.scratch / f"clip{len(self.written)}.f32"
            path.write_bytes(key)
            self.written[key] = path
        return self.written[key]

    def run(self, *arguments, adapter=None):
        """`adapter`: a folder, or a list of (folder, weight) that act together."""
        several = adapter if isinstance(adapter, list) else [(adapter, 1)] if adapter else []
        command = [self.path, *arguments]
        for folder, weight in several:
            command += ["--adapter", folder, "--weight", weight]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=600)
        assert done.returncode == 0, done.stderr

    def stages(self, model_dir, audio, tokens, adapter=None):
        """name -> [frames or steps, channels], as reference.stages()."""
        from safetensors.numpy import load_file
        out = self.scratch / "stages.safetensors"
        self.run(model_dir, self.samples_file(audio), out, "--tokens", ",".join(map(str, tokens)),
                 adapter=adapter)
        return load_file(out)

    def decode(self, model_dir, cases, adapter=None, extra=()):
        """[(samples, options)] to [{"tokens", "text", "score", "margin", "avg_logprob"}]."""
        listed, out = self.scratch / "cases.json", self.scratch / "results.json"
        listed.write_text(json.dumps([
            {"audio": str(self.samples_file(audio)), "options": options}
            for audio, options in cases]))
        self.run(model_dir, "--cases", listed, out, *extra, adapter=adapter)
        return json.loads(out.read_text())
