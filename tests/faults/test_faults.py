"""test_faults.py - what is on the disk when a file call fails, writes short, or is the last one.

    python3 test_faults.py GROUP PROGRAM LIBRARY [EVERY]

Each command is run with its N-th call that changes a file failing (fail_at.c), for every EVERYth N (1) until no
call is left to fail. Then the output must be what it was before or what the command makes: never half of it, and
never gone. A file that is not ours must be as it was, and the next run must succeed and leave nothing beside its
output. Standard library only.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
MICRO, ADAPTER = TESTS / "golden" / "micro", TESTS / "golden" / "adapter"
CHIRP = TESTS / "cli" / "audio" / "chirp.wav"
sys.path.insert(0, str(TESTS / "hub"))
import fake_hub  # noqa: E402

# The tones of the tests are no speech.
ALL_SOUND = ["--vad", "off", "--no-guard"]

HOWS = ["enospc", "eio", "short", "kill"]
KILLED = -9
FAILED = 4  # the exit code of files that cannot be written


def content(path):
    """Every file below `path` with its bytes; None where there is nothing."""
    if path.is_dir():
        return {str(item.relative_to(path)): item.read_bytes() if item.is_file() else None
                for item in sorted(path.rglob("*"))}
    return path.read_bytes() if path.exists() else None


class Faults(unittest.TestCase):
    program, library, every = None, None, 1

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="potstill-faults-"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.work = self.scratch / "work"
        self.work.mkdir()
        self.log = self.scratch / "log"
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.scratch / "home"), "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": str(self.scratch / "cache"), "POTSTILL_MODEL": str(MICRO)}

    def run_it(self, words, at=0, how="count"):
        self.log.unlink(missing_ok=True)
        done = subprocess.run(
            [self.program, *map(str, words)], cwd=self.work, capture_output=True, text=True, timeout=60,
            env={**self.environment, "LD_PRELOAD": self.library, "FAIL_AT": str(at), "FAIL_HOW": how,
                 "FAIL_LOG": str(self.log)})
        return done.returncode, done.stdout, done.stderr

    def fresh(self, name, before):
        """The folder of the work, with what was there before and a file of somebody else."""
        shutil.rmtree(self.work)
        self.work.mkdir()
        (self.work / "theirs.txt").write_text("mine")
        if before is not None:
            shutil.copytree(before, self.work / name)

    def check(self, words, name, before=None, force=("--force",)):
        """`words` make `name`, over the folder `before`; with the words `force` too where it is there already."""
        for _ in range(2):  # the first run fills the cache of packed weights, which has its own test
            self.fresh(name, before)
            code, printed, message = self.run_it(words)
            self.assertEqual(code, 0, message)
        calls = int(self.log.read_text().split()[0])
        self.assertGreater(calls, 3)
        new, old = content(self.work / name), content(before) if before else None
        self.assertIsNotNone(new)
        tried = set()
        for how in HOWS:
            for at in range(1, calls + 1, self.every):
                self.fresh(name, before)
                code, out, message = self.run_it(words, at, how)
                call = self.log.read_text().split()[1] if self.log.exists() else "killed"
                tried.add(call)
                where = f"{how} at call {at} of {calls}, {call}: exit code {code}: {message}"
                left = content(self.work / name)
                if how == "kill":
                    self.assertEqual(code, KILLED, where)
                    self.assertIn(left, [old, new], where)
                elif code == 0:
                    self.assertEqual(left, new, where)
                    self.assertEqual(out, printed, where)
                else:
                    self.assertEqual(code, FAILED, where)
                    self.assertIn(left, [old, new], where)
                    self.assertTrue(message.startswith("potstill: "), where)
                    self.assertNotEqual(how, "short", where)
                self.assertEqual((self.work / "theirs.txt").read_text(), "mine", where)
                again = [*words, *force] if left is not None and not set(force) <= set(words) else words
                self.check_next(again, name, new, where)
        self.assertIn("write", tried)

    def check_next(self, words, name, new, where):
        """The next run succeeds, and nothing is left but its output."""
        code, _, message = self.run_it(words)
        self.assertEqual(code, 0, f"{where}; then {message}")
        self.assertEqual(content(self.work / name), new, where)
        self.assertEqual(sorted(item.name for item in self.work.iterdir()),
                         sorted(["theirs.txt", name]), where)


class Merge(Faults):
    def test_new(self):
        self.check(["merge", "--adapter", ADAPTER, "-o", "out"], "out")

    def test_replaced(self):
        old = self.scratch / "old"
        self.assertEqual(self.run_it(["merge", "--adapter", f"{ADAPTER}:0.5", "-o", old])[0], 0)
        self.check(["merge", "--adapter", ADAPTER, "-o", "out", "--force"], "out", before=old)


class Convert(Faults):
    WORDS = ["convert", "--model", MICRO, "--seconds", "2", "-o", "app"]

    def test_new(self):
        self.check(self.WORDS, "app")

    def test_replaced(self):
        old = self.scratch / "old"
        self.assertEqual(self.run_it([*self.WORDS[:-1], old, "--precision", "float32"])[0], 0)
        self.check([*self.WORDS, "--force"], "app", before=old)


class Output(Faults):
    def test_transcript(self):
        self.check(["transcribe", *ALL_SOUND, CHIRP, "--format", "json", "--output", "text.json"],
                   "text.json", force=())

    def test_report(self):
        (self.scratch / "list.jsonl").write_text(f'{{"audio": "{CHIRP}", "text": "a word"}}\n')
        self.check(["run-stt", "--model-id", MICRO, "--audio-list", self.scratch / "list.jsonl", "-o", "R.json"], "R.json",
                   force=())


class Limits(Faults):
    """Where the system itself says no."""

    WORDS = ["merge", "--adapter", ADAPTER, "-o", "out"]

    def refused(self, command, **options):
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=60,
                              env=self.environment, **options)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertRegex(done.stderr, "^potstill: .*(large|space)")
        self.assertEqual(list(self.work.iterdir()), [])

    def test_file_size(self):
        self.refused([self.program, *map(str, self.WORDS)],
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16)))

    def test_full_disk(self):
        disk = self.scratch / "disk"
        disk.mkdir()
        script = f'mount -t tmpfs -o size=128k none {disk} && cd {disk} && "$@"; code=$?; ls -A {disk} >&2; exit $code'
        if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode:
            self.skipTest("this system lets nobody mount a small disk (unshare -rm)")
        self.refused(["unshare", "-rm", "sh", "-c", script, "sh", self.program, *map(str, self.WORDS)])


class Together(Faults):
    """Processes that want the same name at the same time."""

    WORDS = ["merge", "--adapter", ADAPTER, "-o", "out"]

    def start(self, words, prefix=()):
        return subprocess.Popen([*prefix, self.program, *map(str, words)], cwd=self.work, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def race(self, prefix=()):
        whole = self.scratch / "whole"
        self.assertEqual(self.run_it([*self.WORDS[:-1], whole])[0], 0)
        for _ in range(8):
            runs = [self.start(self.WORDS, prefix) for _ in range(3)]
            codes = sorted(run.wait(60) for run in runs)
            for run in runs:
                run.communicate()
            self.assertEqual(codes, [0, FAILED, FAILED])  # one of them has it, and the others know
            self.assertEqual(content(self.work / "out"), content(whole))
            self.assertEqual([item.name for item in self.work.iterdir()], ["out"])
            shutil.rmtree(self.work / "out")

    def test_one_output(self):
        self.race()

    def test_same_process_id(self):
        prefix = ["unshare", "-rpf"]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode:
            self.skipTest("this system makes no process spaces (unshare -rpf)")
        self.race(prefix)


class Cache(Faults):
    """What is kept for the next start may be lost, and never counts when it is half."""

    def test_packed_weights(self):
        cache = self.scratch / "cache"
        plain = self.run_it(["transcribe", *ALL_SOUND, CHIRP])[1]
        shutil.rmtree(cache, ignore_errors=True)
        self.run_it(["transcribe", *ALL_SOUND, CHIRP])
        calls = int(self.log.read_text().split()[0])
        self.assertTrue(list(cache.rglob("*")))
        for how in HOWS:
            for at in range(1, calls + 1, self.every):
                shutil.rmtree(cache, ignore_errors=True)
                code, out, message = self.run_it(["transcribe", *ALL_SOUND, CHIRP], at, how)
                where = f"{how} at call {at} of {calls}: {message}"
                self.assertEqual((code, out), (KILLED, "") if how == "kill" else (0, plain), where)
                for _ in range(2):  # that writes what is missing, and reads it
                    self.assertEqual(self.run_it(["transcribe", *ALL_SOUND, CHIRP])[:2], (0, plain), where)


class Pull(Faults):
    def test_pull(self):
        hub = fake_hub.FakeHub()
        self.addCleanup(hub.close)
        names = ["config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
                 "tokenizer.json"]
        hub.push("somebody/model", {name: (MICRO / name).read_bytes() for name in names})
        del self.environment["HF_HUB_OFFLINE"]
        self.environment.update(HF_ENDPOINT=hub.endpoint, HF_HOME=str(self.scratch / "hf"))
        words, cache = ["pull", "somebody/model"], self.scratch / "hf"

        def whole():
            snapshots = list(cache.glob("hub/models--somebody--model/snapshots/*"))
            self.assertEqual(len(snapshots), 1)
            self.assertEqual({name: (snapshots[0] / name).read_bytes() for name in names},
                             {name: (MICRO / name).read_bytes() for name in names})
            self.assertEqual([item for item in cache.rglob("*") if item.suffix in (".incomplete", ".link")], [])

        self.assertEqual(self.run_it(words)[0], 0)
        whole()
        calls = int(self.log.read_text().split()[0])
        for how in HOWS:
            for at in range(1, calls + 1, self.every):
                shutil.rmtree(cache)
                code, _, message = self.run_it(words, at, how)
                where = f"{how} at call {at} of {calls}: {message}"
                self.assertIn(code, [KILLED] if how == "kill" else [0] if how == "short" else [0, FAILED], where)
                for link in cache.rglob("snapshots/*/*.json"):  # what is named there is whole
                    self.assertEqual(link.read_bytes(), (MICRO / link.name).read_bytes(), where)
                code, _, message = self.run_it(words)
                self.assertEqual(code, 0, f"{where}; then {message}")
                whole()


if __name__ == "__main__":
    group, Faults.program, Faults.library = sys.argv[1], sys.argv[2], sys.argv[3]
    Faults.every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    unittest.main(argv=[sys.argv[0], group])
