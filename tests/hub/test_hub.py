"""test_hub.py - `potstill pull` and first use against a hub that is fake_hub.py.

    python3 test_hub.py GROUP PROGRAM [EMULATOR]

Exit code 77: skipped. Standard library only.
"""

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import fake_hub as fake
import pickles

# The tones of the tests are no speech.
ALL_SOUND = ["--vad", "off", "--no-guard"]

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
CHIRP = GOLDEN.parent / "cli" / "audio" / "chirp.wav"
MODEL = ["config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
         "tokenizer.json"]
ADAPTER = ["adapter_config.json", "adapter_model.safetensors"]
ID = "UsefulSensors/moonshine-micro"
FOLDER = "models--UsefulSensors--moonshine-micro"
PROGRAM = []


def load(folder, names):
    return {name: (GOLDEN / folder / name).read_bytes() for name in names}


class HubTest(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="potstill-hub-"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.cache = self.scratch / "hf" / "hub"
        self.hub = self.serve(fake.FakeHub())
        self.files = load("micro", MODEL)
        self.commit = self.hub.push(ID, self.files)
        self.environment = {"HF_ENDPOINT": self.hub.endpoint}

    def serve(self, hub):
        self.addCleanup(hub.close)
        return hub

    # Running

    def start(self, *words, **extra):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("HF_", "HUGGING", "TRANSFORMERS", "XDG_", "POTSTILL", "SSL_"))
                and not key.lower().endswith("_proxy")}
        environment = {**kept, "HOME": str(self.scratch), "HF_HOME": str(self.scratch / "hf"),
                       "LC_ALL": "C", **self.environment, **extra.pop("env", {})}
        return subprocess.Popen(PROGRAM + [str(word) for word in words], env=environment,
                                cwd=self.scratch, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **extra)

    def run_(self, *words, **extra):
        process = self.start(*words, **extra)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def pulls(self, *words, **extra):
        code, out, err = self.run_("pull", *(words or [ID]), **extra)
        self.assertEqual(code, 0, err)
        return out

    def fails(self, code, *patterns, words=(), **extra):
        """Exit code, no output, one line (after that of the download's begin) that says why."""
        found, out, err = self.run_("pull", *(words or [ID]), **extra)
        self.assertEqual((found, out), (code, ""), err)
        lines = [line for line in err.splitlines() if " downloading " not in line]
        self.assertEqual(len(lines), 1, err)
        for pattern in patterns:
            self.assertRegex(err, pattern)
        return err

    def transcribes(self, *words, **extra):
        code, out, err = self.run_("transcribe", *ALL_SOUND, "--precision", "f32", *words, "--max-new-tokens", 3,
                                   "--format", "jsonl", CHIRP, **extra)
        self.assertEqual(code, 0, err)
        return re.search(r'"tokens": (\[[^]]*\])', out)[1]

    # What there is then

    def snapshot(self, commit=None, folder=FOLDER):
        return self.cache / folder / "snapshots" / (commit or self.commit)

    def holds(self, files, commit=None, folder=FOLDER):
        """The snapshot is these files and nothing else, by links to checked blobs."""
        path = self.snapshot(commit, folder)
        self.assertEqual(sorted(files), sorted(os.listdir(path)))
        for name, content in files.items():
            etag = fake.etag_of(name, content)
            self.assertEqual(os.readlink(path / name), f"../../blobs/{etag}")
            self.assertEqual((path / name).read_bytes(), content)
        self.clean(folder)

    def clean(self, folder=FOLDER, parts=0):
        """No temporary file is left but so many parts, and every blob is what its name says."""
        for place, _, names in os.walk(self.cache):
            for name in names:
                self.assertNotRegex(name, r"\.tmp|\.link")
        self.assertEqual(len(self.parts(folder)), parts)
        blobs = self.cache / folder / "blobs"
        for blob in blobs.iterdir() if blobs.exists() else []:
            if blob.name.endswith(".incomplete"):
                continue
            content = blob.read_bytes()
            self.assertIn(blob.name, (fake.sha256(content), fake.git_sha1(content)))

    def parts(self, folder=FOLDER):
        return sorted((self.cache / folder / "blobs").glob("*.incomplete"))

    def so_far(self):
        """Bytes of the largest download that has begun; others may end meanwhile."""
        sizes = [0]
        for part in self.parts():
            with contextlib.suppress(FileNotFoundError):
                sizes.append(part.stat().st_size)
        return max(sizes)

    def is_not_found(self, parts=0):
        """Nothing usable was left by a failure: no ref, no config, no other blob than a whole one."""
        self.assertFalse((self.cache / FOLDER / "refs").exists())
        self.assertFalse((self.snapshot() / "config.json").exists())
        self.clean(parts=parts)


class Pull(HubTest):
    """What comes when all is well."""

    def test_model(self):
        out = self.pulls()
        self.assertEqual(out, f"{self.snapshot()}\n")
        self.holds(self.files)
        repo = self.cache / FOLDER
        self.assertEqual((repo / "refs" / "main").read_text(), self.commit)
        absent = {"tokenizer_config.json", "special_tokens_map.json", "processor_config.json",
                  "adapter_config.json"}
        self.assertEqual(set(os.listdir(repo / ".no_exist" / self.commit)), absent)
        self.assertEqual({lock.name for lock in (self.cache / ".locks" / FOLDER).iterdir()},
                         {f"{blob.name}.lock" for blob in (repo / "blobs").iterdir()})
        umask = os.umask(0)
        os.umask(umask)
        for blob in (repo / "blobs").iterdir():
            self.assertEqual(blob.stat().st_mode & 0o777, 0o666 & ~umask)

    def test_requests(self):
        self.pulls()
        for seen in self.hub.log:
            self.assertEqual(seen.headers.get("accept-encoding"), "identity")
            self.assertRegex(seen.headers["user-agent"], r"^potstill/[0-9.]+$")
            self.assertNotIn("authorization", seen.headers)
        revisions = [seen.path.split("/")[4] for seen in self.hub.requests("HEAD")]
        self.assertEqual(revisions[0], "main")
        self.assertEqual(set(revisions[1:]), {self.commit})
        self.assertEqual(len(self.hub.requests("GET")), len(self.files))
        # Whoever finds the config finds the rest.
        self.assertIn("config.json", self.hub.requests("GET")[-1].path)

    def test_again(self):
        self.pulls()
        del self.hub.log[:]
        self.pulls()
        self.assertEqual([str(seen).split("/")[-1] for seen in self.hub.log],
                         ["adapter_config.json"])
        del self.hub.log[:]
        self.assertEqual(self.pulls(ID, "--revision", self.commit), f"{self.snapshot()}\n")
        self.assertEqual(self.hub.log, [])

    def test_branch_moves_on(self):
        self.pulls()
        changed = {**self.files, "generation_config.json": b'{"num_beams": 2}'}
        commit = self.hub.push(ID, changed)
        del self.hub.log[:]
        self.assertEqual(self.pulls(), f"{self.snapshot(commit)}\n")
        self.holds(changed, commit)
        self.holds(self.files)
        self.assertEqual(len(self.hub.requests("GET")), 1)

    def test_dead_links(self):
        """Links that lead nowhere, to the right blob or to another, are mended and leave no other name."""
        self.pulls()
        config, weights = self.snapshot() / "config.json", self.snapshot() / "model.safetensors"
        weights.resolve().unlink()
        config.unlink()
        config.symlink_to("../../blobs/" + 40 * "0")
        self.pulls()
        self.holds(self.files)

    def test_revisions(self):
        other = {**self.files, "generation_config.json": b'{"num_beams": 3}'}
        commit = self.hub.push(ID, other, ref="refs/pr/1")
        self.pulls(ID, "--revision", "refs/pr/1")
        self.assertIn("/resolve/refs%2Fpr%2F1/", self.hub.log[0].path)
        self.assertEqual((self.cache / FOLDER / "refs/refs/pr/1").read_text(), commit)
        self.holds(other, commit)
        self.assertFalse((self.cache / FOLDER / "refs/main").exists())
        self.pulls(ID, "--revision", self.commit)
        self.assertFalse((self.cache / FOLDER / "refs" / self.commit).exists())

    def test_shards(self):
        names = sorted(path.name for path in (GOLDEN / "micro_sharded").iterdir()
                       if path.name not in ("trace.safetensors", "decoding.json"))
        files = load("micro_sharded", names)
        commit = self.hub.push("me/sharded", files)
        self.pulls("me/sharded")
        self.holds(files, commit, "models--me--sharded")
        self.transcribes("--model", "me/sharded", "--offline")

    def test_pickle(self):
        """Weights as torch.save() writes them, whole and in shards, where nothing else is there."""
        tensors = pickles.read_safetensors(self.files.pop("model.safetensors"))
        tokens = self.transcribes("--model", GOLDEN / "micro")
        whole = {**self.files, "pytorch_model.bin": pickles.torch_save(tensors)}
        places = {name: f"pytorch_model-0000{1 + i % 2}-of-00002.bin"
                  for i, name in enumerate(tensors)}
        parts = {place: pickles.torch_save({name: tensors[name] for name in tensors
                                            if places[name] == place})
                 for place in places.values()}
        index = fake.json.dumps({"metadata": {"total_size": 1}, "weight_map": places}).encode()
        sharded = {**self.files, **parts, "pytorch_model.bin.index.json": index}
        for name, files in (("whole", whole), ("sharded", sharded)):
            commit = self.hub.push("me/" + name, files)
            self.pulls("me/" + name)
            self.holds(files, commit, "models--me--" + name)
            del self.hub.log[:]
            self.assertEqual(self.transcribes("--model", "me/" + name), tokens)
            self.assertEqual(self.hub.log, [])  # the cache is known to be whole
        both = {**whole, "model.safetensors": (GOLDEN / "micro/model.safetensors").read_bytes()}
        commit = self.hub.push("me/both", both)
        self.pulls("me/both")
        del both["pytorch_model.bin"]
        self.holds(both, commit, "models--me--both")
        sharded.popitem()
        self.hub.push("me/evil", {**sharded, "pytorch_model.bin.index.json":
                                  b'{"weight_map": {"t": "../x"}}'})
        self.fails(3, 'pytorch_model.bin.index.json names the shard "../x"', words=["me/evil"])
        self.hub.push("me/evil", {**sharded, "pytorch_model.bin.index.json":
                                  b'{"weight_map": {"t": "gone.bin"}}'})
        self.fails(3, "has no gone.bin", words=["me/evil"])

    def test_adapter(self):
        files = load("adapter", ADAPTER)
        commit = self.hub.push("me/adapter", files)
        self.pulls("me/adapter")
        self.holds(files, commit, "models--me--adapter")
        # Beside the config of its base model, and as a pickle.
        files = {"adapter_config.json": files["adapter_config.json"], "adapter_model.bin": b"PK",
                 "config.json": self.files["config.json"]}
        commit = self.hub.push("me/old", files)
        self.pulls("me/old")
        self.holds(files, commit, "models--me--old")

    def test_several(self):
        self.hub.push("me/adapter", load("adapter", ADAPTER))
        out = self.pulls(ID, "me/adapter")
        self.assertEqual(len(out.splitlines()), 2)

    def test_renamed(self):
        self.hub.renamed["old/name"] = ID
        self.pulls("old/name", env={"HF_TOKEN": "hf_right"})
        self.holds(self.files, folder="models--old--name")
        for seen in self.hub.log:
            self.assertEqual("authorization" in seen.headers, seen.host == "127.0.0.1", seen)

    def test_same_content_twice(self):
        files = {**self.files, "tokenizer_config.json": b"{}", "special_tokens_map.json": b"{}"}
        commit = self.hub.push(ID, files)
        self.pulls()
        self.holds(files, commit)

    def test_empty_file(self):
        files = {**self.files, "special_tokens_map.json": b""}
        commit = self.hub.push(ID, files)
        self.pulls()
        self.holds(files, commit)


class Use(HubTest):
    """The names of models and adapters everywhere."""

    def test_first_use(self):
        self.hub.push("me/adapter", load("adapter", ADAPTER))
        words = ["--model", ID, "--adapter", "me/adapter"]
        tokens = self.transcribes(*words)
        self.assertEqual(tokens, self.transcribes("--model", GOLDEN / "micro", "--adapter",
                                            GOLDEN / "adapter"))
        del self.hub.log[:]
        self.assertEqual(self.transcribes(*words), tokens)
        self.assertEqual(self.hub.log, [])  # what is here is used as it is
        self.hub.close()
        self.assertEqual(self.transcribes(*words), tokens)

    def test_download_is_said(self):
        code, out, err = self.run_("transcribe", *ALL_SOUND, "--model", ID, CHIRP)
        self.assertEqual(code, 0)
        self.assertRegex(err, rf"^potstill: {ID}: downloading 0\.4 MB from {self.hub.endpoint}\n$")

    def test_bar(self):
        """On a terminal there is a line that is drawn over and gone in the end."""
        self.hub.fault("GET", "model.safetensors", fake.trickle(5, 0.1))
        try:
            screen, terminal = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        process = subprocess.Popen(PROGRAM + ["pull", ID], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=terminal, cwd=self.scratch,
                                   env={**os.environ, "HF_HOME": str(self.scratch / "hf"),
                                        "HF_HUB_OFFLINE": "0", **self.environment})
        os.close(terminal)
        text = b""
        with contextlib.suppress(OSError):  # what Linux says when the other end is closed
            while part := os.read(screen, 4096):
                text += part
        os.close(screen)
        self.assertEqual(process.wait(60), 0)
        lines = text.decode().split("\r\033[K")
        self.assertEqual(lines[-1], "")
        for line in lines[1:-1]:
            self.assertRegex(line, r"^\[[#-]{8}\] +\d+% \d\.\d/0\.4 MB \d+\.\d MB/s (\d+:\d\d left)? "
                             r"[\w.]+$")
        self.assertIn("model.safetensors", "\n".join(lines))  # files end in any order

    def test_default_model(self):
        self.hub.push("UsefulSensors/moonshine-tiny", self.files)
        self.transcribes()

    def test_offline(self):
        for words, env in ((["--offline"], {}), ([], {"HF_HUB_OFFLINE": "1"}),
                           ([], {"HF_HUB_OFFLINE": "Yes"}), ([], {"TRANSFORMERS_OFFLINE": "true"})):
            code, out, err = self.run_("transcribe", *ALL_SOUND, "--model", ID, *words, CHIRP, env=env)
            self.assertEqual((code, out), (3, ""))
            self.assertIn(f"`potstill pull {ID}`", err)
            self.assertIn("offline", err)
        self.fails(4, "offline", env={"HF_HUB_OFFLINE": "ON"})
        self.assertEqual(self.hub.log, [])
        self.pulls(env={"HF_HUB_OFFLINE": "0"})
        self.transcribes("--model", ID, "--offline")

    def test_half_a_snapshot_is_completed(self):
        self.pulls()
        (self.snapshot() / "model.safetensors").unlink()
        self.transcribes("--model", ID)
        self.holds(self.files)

    def test_processor(self):
        bare = {name: data for name, data in self.files.items() if name != "tokenizer.json"}
        self.hub.push("me/bare", bare)
        self.transcribes("--model", "me/bare", "--processor-dir", ID)
        self.assertEqual(self.hub.requests(None, f"{ID}/resolve/{self.commit}/model.safetensors"),
                         [])

    def test_inspect(self):
        self.hub.push("me/adapter", load("adapter", ADAPTER))
        for name, kind in ((ID, "model"), ("me/adapter", "adapter")):
            code, out, err = self.run_("inspect", name, "--model", ID)
            self.assertEqual(code, 0, err)
            self.assertRegex(out, rf"^kind +{kind}\n")
        code, out, err = self.run_("inspect", "no such/folder")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("neither a folder nor a hub id", err)

    def test_run_stt(self):
        code, out, err = self.run_("run-stt", "--model-id", ID, "--audio", CHIRP)
        self.assertEqual(code, 0, err)

    def test_folders_come_first(self):
        os.makedirs(self.scratch / "UsefulSensors")
        os.symlink(GOLDEN / "micro", self.scratch / ID)
        self.transcribes("--model", ID)
        self.assertEqual(self.hub.log, [])

    def test_environment(self):
        elsewhere = self.scratch / "elsewhere"
        self.pulls(env={"HF_HUB_CACHE": str(elsewhere), "HF_ENDPOINT": self.hub.endpoint + "/",
                        "HF_HUB_USER_AGENT_ORIGIN": "tests"})
        self.assertTrue((elsewhere / FOLDER / "refs" / "main").exists())
        self.assertFalse(self.cache.exists())
        self.assertRegex(self.hub.log[0].headers["user-agent"], r"^potstill/[0-9.]+; origin/tests$")

    def test_real_files(self):
        self.pulls(env={"HF_HUB_DISABLE_SYMLINKS": "1"})
        for name, content in self.files.items():
            self.assertFalse((self.snapshot() / name).is_symlink())
            self.assertEqual((self.snapshot() / name).read_bytes(), content)
        self.transcribes("--model", ID, "--offline")


class Token(HubTest):
    """Who is told the token, and where it comes from."""

    def sent(self, **env):
        shutil.rmtree(self.cache, ignore_errors=True)
        del self.hub.log[:]
        self.pulls(env=env)
        hosts = {"127.0.0.1": set(), "localhost": set()}
        for seen in self.hub.log:
            hosts[seen.host].add(seen.headers.get("authorization"))
        self.assertEqual(hosts.pop("localhost"), {None})
        tokens = hosts["127.0.0.1"]
        self.assertEqual(len(tokens), 1)
        return tokens.pop()

    def test_sources(self):
        self.assertEqual(self.sent(), None)
        self.assertEqual(self.sent(HF_TOKEN=" hf_a\n"), "Bearer hf_a")
        self.assertEqual(self.sent(HUGGING_FACE_HUB_TOKEN="hf_b"), "Bearer hf_b")
        self.assertEqual(self.sent(HF_TOKEN="hf_a", HUGGING_FACE_HUB_TOKEN="hf_b"), "Bearer hf_a")
        self.assertEqual(self.sent(HF_TOKEN="hf_a", HF_HUB_DISABLE_IMPLICIT_TOKEN="1"), None)
        self.assertEqual(self.sent(HF_TOKEN=" \n"), None)
        (self.scratch / "mine").write_text("hf_c\n")
        self.assertEqual(self.sent(HF_TOKEN_PATH=str(self.scratch / "mine")), "Bearer hf_c")
        (self.scratch / "hf" / "token").write_text("hf_d\n")
        self.assertEqual(self.sent(), "Bearer hf_d")

    def test_private(self):
        self.hub.private.add(ID)
        self.fails(3, "nor a model at|private", "HF_TOKEN")
        self.fails(3, "token given has no access", env={"HF_TOKEN": "hf_wrong"})
        self.pulls(env={"HF_TOKEN": "hf_right"})

    def test_another_port_is_another_host(self):
        other = self.serve(fake.FakeHub())
        other.stored, self.hub.storage = self.hub.stored, other.endpoint
        self.pulls(env={"HF_TOKEN": "hf_right"})
        self.assertEqual(len(other.log), 1)
        self.assertNotIn("authorization", other.log[0].headers)

    def test_small_file_sent_elsewhere(self):
        other = self.serve(fake.FakeHub())
        other.push(ID, self.files)
        target = f"{other.endpoint}/{ID}/resolve/main/config.json"
        self.hub.fault("GET", "config.json", fake.redirect(target))
        self.pulls(env={"HF_TOKEN": "hf_right"})
        self.assertEqual(len(other.log), 1)
        self.assertNotIn("authorization", other.log[0].headers)

    def test_injection(self):
        self.fails(2, "token has a character", env={"HF_TOKEN": "hf_a\rX-Evil: b"})
        self.assertEqual(self.hub.log, [])

    def test_token_is_never_printed(self):
        self.hub.private.add(ID)
        for words in ([], ["--revision", "gone"]):
            self.assertNotIn("hf_secret",
                             self.fails(3, words=[ID, *words], env={"HF_TOKEN": "hf_secret"}))


class Refused(HubTest):
    """What the hub does not give, said so that one knows what to do."""

    def test_no_repository(self):
        self.fails(3, "^potstill: me/none: ", "nor a model at", self.hub.endpoint, words=["me/none"])
        code, out, err = self.run_("transcribe", *ALL_SOUND, "--model", "me/none", CHIRP)
        self.assertEqual((code, out), (3, ""))
        self.assertRegex(err, "neither a folder here nor a model at")

    def test_no_revision(self):
        self.fails(3, "no revision v9 at", words=[ID, "--revision", "v9"])
        self.fails(3, "no revision " + 40 * "a", words=[ID, "--revision", 40 * "a"])

    def test_gated(self):
        self.hub.gated.add(ID)
        self.fails(3, "gated", f"{self.hub.endpoint}/{ID}", "HF_TOKEN")
        self.fails(3, "gated", "use a token of that account", env={"HF_TOKEN": "hf_wrong"})
        self.pulls(env={"HF_TOKEN": "hf_right"})

    def test_forbidden(self):
        self.hub.fault("HEAD", "adapter_config.json", fake.status(403))
        self.fails(3, "refuses access")

    def test_nothing_of_use(self):
        self.hub.push("me/text", {"README.md": b"hello"})
        self.fails(3, "has no config.json and no adapter_config.json", words=["me/text"])
        bare = {"config.json": b"{}", "tf_model.h5": b""}
        commit = self.hub.push("me/keras", bare)
        self.fails(3, "has no model.safetensors, no pytorch_model.bin", words=["me/keras"])
        self.assertFalse(self.snapshot(commit, "models--me--keras").exists())
        self.hub.push("me/half", {"adapter_config.json": b"{}"})
        self.fails(3, "neither adapter_model.safetensors nor", words=["me/half"])
        code, out, err = self.run_("transcribe", *ALL_SOUND, "--model", GOLDEN / "micro", "--adapter", ID, CHIRP)
        self.assertEqual(code, 3)
        self.assertRegex(err, "has no adapter_config.json")

    def test_names(self):
        for name in ("../x", "a/b/c", "a--b", "-a", "a/..", "a b", "", "a/b?x=1", "a/b#c", "@a/b"):
            self.fails(2, "not a hub id", words=["--", name])
        for revision in ("..", "a/../b", "/a", "a b", "a\\b", ".git"):
            self.fails(2, "expected a branch", words=[ID, "--revision", revision])
        self.assertEqual(self.hub.log, [])

    def test_endpoints(self):
        for endpoint in ("ftp://127.0.0.1", "127.0.0.1", "http://", "file:///etc",
                         "http://user:word@127.0.0.1"):
            self.fails(2, "expected https://HOST", env={"HF_ENDPOINT": endpoint})

    def test_disk_is_full(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
        self.fails(4, "cannot write: ", preexec_fn=limit, restore_signals=False)
        self.is_not_found()
        self.pulls()
        self.holds(self.files)

    def test_no_room(self):
        self.scratch.joinpath("hf").mkdir()
        size = shutil.disk_usage(self.scratch).free + (1 << 30)
        if size > 49e9:
            self.skipTest("more than 49 GB are free here")
        self.hub.fault("HEAD", "model.safetensors", fake.headers(X_Linked_Size=str(size)))
        self.fails(4, "GB are free, the download needs")
        self.assertEqual(self.hub.requests("GET"), [])

    def test_huge(self):
        for size in ("50000000001", "999999999999999999"):
            self.hub.fault("HEAD", "model.safetensors", fake.headers(X_Linked_Size=size))
            self.fails(3, "model.safetensors has .* GB, expected at most 50.00 GB")
        self.is_not_found()

    def test_cache_cannot_be_made(self):
        (self.scratch / "file").write_text("")
        self.fails(4, "cannot", env={"HF_HUB_CACHE": str(self.scratch / "file" / "hub")})

    def test_interrupted(self):
        go = threading.Event()
        self.addCleanup(go.set)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.hub.fault("GET", "model.safetensors", fake.until(go, after=1000))
            before = len(self.hub.requests("GET", "model.safetensors"))
            process = self.start("pull", ID)
            while len(self.hub.requests("GET", "model.safetensors")) == before:
                time.sleep(0.02)
            process.send_signal(number)
            process.communicate(timeout=60)
            self.assertIn(process.returncode, (-number, 128 + number))
            self.is_not_found(parts=1)

    def stopped(self, number=signal.SIGTERM, after=100000):
        """A download that a signal ends after so many bytes of the weights."""
        go = threading.Event()
        self.addCleanup(go.set)
        self.hub.fault("GET", "model.safetensors", fake.until(go, after=after))
        process = self.start("pull", ID)
        end = time.monotonic() + 60
        while self.so_far() < after:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (-number, 128 + number))
        go.set()

    def begins(self):
        """Where each request for the weights began."""
        found = [re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", "bytes=0-"))
                 for seen in self.hub.requests("GET", "model.safetensors")]
        return [int(begin[1]) for begin in found]

    def test_goes_on(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                shutil.rmtree(self.cache, ignore_errors=True)
                self.hub.log.clear()
                self.stopped(number)
                self.is_not_found(parts=1)
                self.pulls()
                self.assertEqual(self.begins(), [0, 100000])
                self.holds(self.files)

    def test_goes_on_from_something_else(self):
        # The file has other bytes, too many of them, or the server no such range.
        def damage(part):
            part.write_bytes(b"x" * 100000)

        def lengthen(part):
            part.write_bytes(b"x" * (len(self.files["model.safetensors"]) + 1))

        def fill(part):
            part.write_bytes(b"x" * len(self.files["model.safetensors"]))
        for change, fault, begins in ((damage, None, [0, 100000, 0]), (lengthen, None, [0, 0]),
                                      (fill, None, [0, 0]), (None, fake.status(416), [0, 100000, 0]),
                                      (None, fake.partial("bytes 5-4/9"), [0, 100000, 0])):
            with self.subTest(change=change, fault=fault):
                shutil.rmtree(self.cache, ignore_errors=True)
                self.hub.log.clear()
                self.stopped()
                if change:
                    change(self.parts()[0])
                if fault:
                    self.hub.fault("GET", "model.safetensors", fault)
                self.pulls()
                self.assertEqual(self.begins(), begins)
                self.holds(self.files)

    def test_parts_of_the_dead(self):
        self.stopped()
        blobs = self.cache / FOLDER / "blobs"
        weights = fake.sha256(self.files["model.safetensors"])
        config = fake.git_sha1(self.files["config.json"])
        other, old, held = "ab" * 32, "cd" * 32, "ef" * 32
        (self.scratch / "precious").write_text("precious")
        for name in (f"{weights}.incomplete", f"{config}.01234567.incomplete",
                     f"{other}.incomplete", f"{old}.incomplete", f"{held}.incomplete",
                     "notes.incomplete"):
            (blobs / name).write_bytes(b"part")
        for name in (old, held):
            os.utime(blobs / f"{name}.incomplete", (1, 1))
        os.symlink(self.scratch / "precious", blobs / f"{weights}.89abcdef.incomplete")
        with open(blobs / f"{held}.incomplete") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.pulls()
        # The larger part was taken; what is of a blob that is there, or old, is gone. Links are not
        # followed, and what is not one of ours stays.
        self.assertEqual(self.begins(), [0, 100000])
        self.assertEqual(sorted(path.name for path in self.parts()),
                         sorted([f"{weights}.89abcdef.incomplete", f"{other}.incomplete",
                                 f"{held}.incomplete", "notes.incomplete"]))
        self.assertEqual((self.scratch / "precious").read_text(), "precious")


class Network(HubTest):
    """What happens on the way."""

    def test_resume(self):
        self.hub.fault("GET", "model.safetensors", fake.cut(100000), fake.cut(200000))
        self.pulls()
        ranges = [seen.headers.get("range")
                  for seen in self.hub.requests("GET", "model.safetensors")]
        self.assertEqual(ranges[0], None)
        self.assertEqual(len(ranges), 3)
        starts = [int(re.fullmatch(r"bytes=(\d+)-", text)[1]) for text in ranges[1:]]
        self.assertTrue(0 < starts[0] <= 100000 and starts[0] < starts[1] <= 300000, starts)
        self.holds(self.files)

    def test_range_ignored(self):
        self.hub.fault("GET", "model.safetensors", fake.cut(100000), fake.whole)
        self.pulls()
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 2)
        self.holds(self.files)

    def test_wrong_range(self):
        size = len(self.files["model.safetensors"])
        for text in (f"bytes 0-{size - 1}/{size}", "bytes 5-4/9", "nonsense",
                     "bytes 100000-199999/200000", f"bytes 9-{size}/99999999999999999999"):
            self.hub.fault("GET", "model.safetensors", fake.cut(100000), fake.partial(text))
            self.fails(4, "comes with another range")
            self.is_not_found()

    def test_cut_for_good(self):
        self.hub.fault("GET", "tokenizer.json", *[fake.cut(0)] * 6)
        self.fails(4, "cannot be downloaded")
        self.assertEqual(len(self.hub.requests("GET", "tokenizer.json")), 6)
        self.is_not_found()

    def test_stall(self):
        self.hub.fault("GET", "model.safetensors", fake.stall(1000))
        self.pulls(env={"HF_HUB_DOWNLOAD_TIMEOUT": "0.5"})
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 2)
        self.holds(self.files)

    def test_silent_question(self):
        self.hub.fault("HEAD", "config.json", fake.stall(None))
        self.pulls(env={"HF_HUB_ETAG_TIMEOUT": "0.5"})
        self.assertEqual(len(self.hub.requests("HEAD", "/config.json")), 2)

    def test_trickle(self):
        # Longer in all than the patience, but never silent for so long.
        self.hub.fault("GET", "model.safetensors", fake.trickle(20, 0.2))
        self.pulls(env={"HF_HUB_DOWNLOAD_TIMEOUT": "3"})
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 1)

    def test_too_slow(self):
        # Never silent, and never done: a kilobyte a second is the least.
        self.hub.fault("GET", "model.safetensors", *[fake.trickle(100000, 0.1)] * 6)
        self.fails(4, r"sent less than 1000 bytes a second for 0\.6 seconds",
                   env={"HF_HUB_DOWNLOAD_TIMEOUT": "0.2"})
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 6)
        self.is_not_found(parts=1)

    def test_head_is_too_slow(self):
        self.hub.fault("HEAD", "config.json", *[fake.trickle_head(0.1)] * 6)
        self.fails(4, r"gave no whole answer within 0\.6 seconds",
                   env={"HF_HUB_ETAG_TIMEOUT": "0.2"})

    def test_a_byte_a_try(self):
        self.hub.fault("GET", "model.safetensors", *[fake.cut(1)] * 100)
        self.fails(4, "cannot be downloaded")
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 6)
        self.is_not_found(parts=1)

    def test_passing_trouble(self):
        self.hub.fault("HEAD", "adapter_config.json", fake.status(503),
                       fake.status(429, Retry_After="0"), fake.status(408, Retry_After="0"))
        self.hub.fault("GET", "model.safetensors", fake.status(502), fake.status(429))
        self.pulls()
        self.assertEqual(len(self.hub.requests("HEAD", "adapter_config.json")), 4)
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 3)
        self.holds(self.files)

    def test_lasting_trouble(self):
        self.hub.fault("HEAD", "adapter_config.json", *[fake.status(500, Retry_After="0")] * 6)
        self.fails(4, "answered 500")
        self.assertEqual(len(self.hub.log), 6)

    def test_other_status(self):
        self.hub.fault("GET", "model.safetensors", fake.status(403))
        self.fails(4, "model.safetensors: localhost answered 403")
        self.is_not_found()

    def test_nobody_there(self):
        self.hub.close()
        err = self.fails(4, f"^potstill: {ID}: cannot be downloaded: 127.0.0.1: ")
        self.assertNotIn("downloading", err)

    def test_redirects_end(self):
        self.hub.renamed.update({"me/a": "me/b", "me/b": "me/a"})
        self.fails(4, "redirects in a row", words=["me/a"])
        self.assertLess(len(self.hub.log), 12)
        loop = f"{self.hub.storage}/storage/{64 * '0'}/model.safetensors"
        self.hub.stored[64 * "0"] = b""
        self.hub.fault("GET", "model.safetensors", *[fake.redirect(loop)] * 20)
        self.fails(4, "redirects in a row")

    def test_proxy(self):
        self.pulls(env={"HF_ENDPOINT": "http://hub.example", "http_proxy": self.hub.endpoint,
                        "HF_TOKEN": "hf_right"})
        self.assertEqual({seen.host for seen in self.hub.log}, {"hub.example", "localhost"})
        for seen in self.hub.log:
            self.assertEqual("authorization" in seen.headers, seen.host == "hub.example")

    def test_two_at_once(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.hub.fault("GET", "model.safetensors", fake.until(go, after=1000))
        first = self.start("pull", ID)
        while not self.hub.requests("GET", "model.safetensors"):
            time.sleep(0.02)
        second = self.start("pull", ID)
        while len(self.hub.requests("HEAD", "model.safetensors")) < 2:
            time.sleep(0.02)
        time.sleep(0.5)  # it is at the lock now; were it not, the test would still pass
        go.set()
        for process in (first, second):
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
            self.assertEqual(out, f"{self.snapshot()}\n")
        self.assertEqual(len(self.hub.requests("GET", "model.safetensors")), 1)
        self.holds(self.files)


class Hostile(HubTest):
    """A server, or somebody between, that wants something else."""

    def test_damaged(self):
        def flip(content):
            return content[:-1] + bytes([content[-1] ^ 1])
        self.hub.fault("GET", "tokenizer.json", fake.instead(flip))
        self.fails(4, "tokenizer.json: was damaged on the way: its git SHA-1 is")
        self.is_not_found()
        self.hub.fault("GET", "model.safetensors", fake.instead(flip))
        self.fails(4, "model.safetensors: was damaged on the way: its SHA-256 is")
        self.is_not_found()
        self.pulls()
        self.holds(self.files)

    def test_wrong_size(self):
        self.hub.fault("GET", "model.safetensors", fake.instead(lambda content: content[:-1]))
        self.fails(4, "model.safetensors: comes with 390991 bytes, expected 390992")
        self.hub.fault("GET", "model.safetensors", fake.instead(lambda content: content + b"x"))
        self.fails(4, "model.safetensors: comes with 390993 bytes")
        self.hub.fault("GET", "model.safetensors", fake.endless)
        self.fails(4, "comes with more than the 390992 bytes expected")
        self.hub.fault("HEAD", "model.safetensors", fake.headers(X_Linked_Size="390991"))
        self.fails(4, "comes with 390992 bytes, expected 390991")
        self.is_not_found()

    def test_compressed(self):
        self.hub.fault("GET", "tokenizer.json", fake.headers(Content_Encoding="gzip"))
        self.fails(4, "comes compressed")

    def test_missing_headers(self):
        for name, header, what in (("config.json", "X_Repo_Commit", "commit"),
                                   ("config.json", "ETag", "SHA-1 or SHA-256"),
                                   ("config.json", "Content_Length", "size"),
                                   ("model.safetensors", "X_Linked_Size", "size"),
                                   ("model.safetensors", "X_Linked_Etag", "SHA-1 or SHA-256"),
                                   ("model.safetensors", "Location", "address")):
            self.hub.fault("HEAD", name, fake.headers(**{header: None}))
            self.fails(4, what)
        self.is_not_found()

    def test_values_never_become_paths(self):
        evil = ("../../../evil", "/tmp/evil", "..", "", 41 * "a", 39 * "a", 40 * "A",
                "main", 40 * "a" + "/..", "\x01" * 40, 5000 * "a")
        for text in evil:
            self.hub.fault("HEAD", "config.json", fake.headers(X_Repo_Commit=text))
            self.fails(4, "has no commit")
            self.hub.fault("HEAD", "config.json", fake.headers(ETag=f'W/"{text}"'))
            self.fails(4, "SHA-1 or SHA-256")
            self.hub.fault("HEAD", "model.safetensors", fake.headers(X_Linked_Etag=text))
            self.fails(4, "SHA-1 or SHA-256")
        for text in ("-1", "1e3", "0x10", "12 34", 30 * "9", ""):
            self.hub.fault("HEAD", "model.safetensors", fake.headers(X_Linked_Size=text))
            self.fails(4, "has no size")
        for place, folders, names in os.walk(self.scratch):
            self.assertNotIn("evil", " ".join(folders + names))
        self.is_not_found()

    def test_weak_etag(self):
        etag = fake.git_sha1(self.files["config.json"])
        self.hub.fault("HEAD", "config.json", fake.headers(ETag=f'W/"{etag}"'))
        self.pulls()
        self.holds(self.files)

    def test_commit_changes(self):
        self.hub.fault("HEAD", "tokenizer.json", fake.headers(X_Repo_Commit=40 * "a"))
        self.fails(4, "answers with commit a{40}, expected " + self.commit)
        self.is_not_found()

    def test_shard_names(self):
        for name in ("../evil", "/tmp/evil", "a/b", "..", ".hidden", "a\\b", "", "a b", "a\n",
                     300 * "a"):
            text = '{"weight_map": {"t": %s}}' % fake.json.dumps(name)
            self.hub.push("me/evil", {"config.json": b"{}", "model.safetensors.index.json":
                                      text.encode()})
            self.fails(3, "expected a plain file name", words=["me/evil"])
        for text in ("[]", '{"weight_map": 3}', '{"weight_map": {"t": 3}}', "{", ""):
            self.hub.push("me/evil", {"config.json": b"{}", "model.safetensors.index.json":
                                      text.encode()})
            self.fails(3, "index.json", words=["me/evil"])
        self.hub.push("me/evil", {"config.json": b"{}", "model.safetensors.index.json":
                                  b'{"weight_map": {"t": "gone.safetensors"}}'})
        self.fails(3, "has no gone.safetensors", words=["me/evil"])
        many = {f"t{i}": f"{i}.safetensors" for i in range(1500)}
        files = {"config.json": b"{}", "model.safetensors.index.json":
                 fake.json.dumps({"weight_map": many}).encode()}
        self.hub.push("me/evil", {**files, **{name: b"" for name in many.values()}})
        self.fails(3, "files", words=["me/evil"])
        many = {f"t{i}": "0.safetensors" for i in range(70000)}
        self.hub.push("me/evil", {"config.json": b"{}", "model.safetensors.index.json":
                                  fake.json.dumps({"weight_map": many}).encode()})
        self.fails(3, "names 70000 tensors, expected at most 65536", words=["me/evil"])

    def test_addresses(self):
        for target, pattern in (("file:///etc/passwd", "address"), ("ftp://localhost/x", "address"),
                                ("gopher://localhost/x", "address"),
                                ("http://user:word@localhost/x", "address"), ("", "address"),
                                ("http://[", "address"), ("javascript:1", "address"),
                                ("http://localhost/\x7f", "address"), (9000 * "a", "address")):
            self.hub.fault("HEAD", "model.safetensors", fake.headers(Location=target))
            self.fails(4, pattern)
        self.is_not_found()

    def test_endless_head(self):
        def fault(handler):
            handler.send_response(200)
            for number in range(20000):
                handler.send_header(f"X-Filler-{number}", 100 * "x")
            handler.end_headers()
        self.hub.fault("HEAD", "config.json", fault)
        code, out, err = self.run_("pull", ID)
        self.assertEqual((code, out), (4, ""), err)

    def test_no_http(self):
        def fault(handler):
            handler.wfile.write(b"220 mail.example ESMTP\r\n")
            handler.close_connection = True
        self.hub.fault("HEAD", "config.json", fault)
        self.fails(4, "cannot be downloaded")

    def test_damaged_blob_of_others(self):
        """A blob of the right name and a wrong size was not checked by whoever wrote it."""
        blob = self.cache / FOLDER / "blobs" / fake.sha256(self.files["model.safetensors"])
        blob.parent.mkdir(parents=True)
        blob.write_bytes(b"half")
        self.pulls()
        self.holds(self.files)


class Encrypted(HubTest):
    """TLS: certificates are checked, and nothing falls back to plain http."""

    def setUp(self):
        super().setUp()
        if not shutil.which("openssl"):
            self.skipTest("needs the openssl program")
        self.certificate = self.scratch / "server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
                        "key.pem", "-out", "cert.pem"],
                       cwd=self.scratch, check=True, capture_output=True)
        self.certificate.write_text((self.scratch / "key.pem").read_text() +
                                    (self.scratch / "cert.pem").read_text())
        self.safe = self.serve(fake.FakeHub(self.certificate))
        self.safe.push(ID, self.files)
        self.environment = {"HF_ENDPOINT": self.safe.endpoint}
        self.trust = {"SSL_CERT_FILE": str(self.scratch / "cert.pem")}

    def test_certificates(self):
        self.fails(4, "certificate")
        self.assertEqual(self.safe.log, [])
        self.pulls(env=self.trust)
        self.holds(self.files)

    def test_no_way_down(self):
        self.safe.storage = self.hub.storage
        self.fails(4, "that is not https", env=self.trust)
        self.safe.storage = f"https://localhost:{self.safe.server_port}"
        self.safe.fault("GET", "config.json", fake.redirect(self.hub.endpoint + "/x"))
        self.fails(4, "that is not https", env=self.trust)
        self.assertEqual(self.hub.log, [])


def main():
    global PROGRAM
    group, program, emulator = (sys.argv[1:] + [""])[:3]
    PROGRAM = shlex.split(emulator.replace(";", " ")) + [os.path.abspath(program)]
    suite = unittest.defaultTestLoader.loadTestsFromName(group, sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    if result.skipped and len(result.skipped) == result.testsRun:
        return 77
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
