"""Clients of every bad kind at once, with good ones among them, in rounds: after each the server comes to rest, and
must hold what it held before. Good clients must get their texts, whatever the others do.

    python3 tests/server/hostile.py [--minutes 10] PROGRAM [EMULATOR]

A minute a round, but at least three rounds; without --minutes they are of four seconds each, for `make test`.
"""

import argparse
import collections
import json
import os
import random
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time

import serving
from attacks import CLIP, Attack
from serving import ADAPTER, Server
from traffic import Crowd, GoodClient, Held, Log, gauges, percentile, quiet, realtime_turn

MODEL, UPLOAD_MIB = "micro", 2


class Good:
    """Who must be served. The adapter `hot` comes and goes: its clients get its text, or hear that it is not there."""

    def __init__(self, server, model):
        self.server, self.model = server, model
        self.expected = {name: self.text(GoodClient(server, "good"), name) for name in (model, "steady", "hot")}
        status, self.spoken = realtime_turn(server, CLIP[44:], model, "good")
        assert status == 101, self.spoken
        self.clients = []

    @staticmethod
    def text(client, model):
        status, body = client.ask(CLIP, model)
        assert status == 200, (status, body)
        client.close()
        return json.loads(body)["text"]

    def client(self):
        self.clients.append(GoodClient(self.server, "good"))
        return self.clients[-1]

    def ask(self, client, model):
        status, body = client.ask(CLIP, model)
        if status == 404 and model == "hot":
            return
        if status != 200 or json.loads(body)["text"] != self.expected[model]:
            raise AssertionError(f"{model}: {status} {body[:200]}")
        time.sleep(0.02)

    def stream(self, client):
        status, body = client.ask(CLIP, "steady", ("stream", "true"))
        text = json.loads(body.decode().strip().split("\n\n")[-1][6:])["text"] if status == 200 else body
        if text != self.expected["steady"]:
            raise AssertionError(f"stream: {status} {text}")
        time.sleep(0.05)

    def speak(self, model):
        try:
            status, text = realtime_turn(self.server, CLIP[44:], model, "good")
        except AssertionError as told:
            status, text = 404 if "model_not_found" in str(told) else 0, str(told)
        if (status, text) != (101, self.spoken) and model != "hot" or status not in (101, 404):
            raise AssertionError(f"realtime {model}: {status} {text}")
        time.sleep(0.05)

    def change(self, over):
        """Takes the adapter off and puts it on again, and has the keys read."""
        for call in "unload", "load":
            reply = self.server.ask("POST", f"/v1/{call}_lora_adapter", json.dumps({"lora_name": "hot"}),
                                    {"Authorization": "Bearer admin"})
            # A SIGHUP may have put it on before.
            if reply.status not in (200, 400, 404):
                raise AssertionError(f"{call}: {reply.status} {reply.body}")
            over.wait(0.1)
        if random.random() < 0.1:
            self.server.process.send_signal(signal.SIGHUP)

    def begin(self, crowd):
        for model in self.expected:
            for _ in range(2):
                crowd.go("good", self.ask, self.client(), model)
        crowd.go("good stream", self.stream, self.client())
        crowd.go("good realtime", self.speak, self.model)
        crowd.go("realtime, adapter unloaded in use", self.speak, "hot")
        crowd.go("adapter put on and off", self.change, crowd.over)


def settle(server, held):
    """What is held at rest."""
    quiet(server, 90)
    time.sleep(2)  # after one it gives back what was freed
    return {"MiB": held.memory(), "files": held.files(), "threads": held.threads(),
            "uploads": len(os.listdir(server.folder))}


def run_round(server, attack, good, seconds):
    crowd = Crowd()
    attack.over = crowd.over
    good.begin(crowd)
    for kind in attack._kinds():
        for _ in range(1 if kind in ("idle_sockets", "readers_who_do_not") else 2):
            crowd.go(kind, attack.attempt, kind)
    time.sleep(seconds)
    crowd.end()
    for client in good.clients:
        client.close()
    return crowd


def judge(rests, sanitized):
    """Flat: what is held at rest in the last third of the rounds and in the middle one. In the first one sessions come
    to have room for their longest clip, and each thread its own heap; that is not over in a run of a few rounds."""
    third, problems = len(rests) // 3, []
    for name, slack in ("MiB", 8 if third > 1 else 32), ("files", 2), ("threads", 2), ("uploads", 0):
        if name == "MiB" and sanitized:
            continue  # it keeps what is freed, and tells leaks at the end
        before, after = (statistics.median(rest[name] for rest in some)
                         for some in (rests[third:-third], rests[-third:]))
        if after > before + slack:
            problems.append(f"{name}: {before} at rest in the middle, {after} in the end")
    return problems


def hold_ten_thousand(count):
    """A server with places for all of them: what they cost, and that they cost it no longer than they are there."""
    with Server("--max-connections", str(count + 1000)) as server:
        held, sockets = Held(server), []
        before = held.memory()
        try:
            for _ in range(count):
                sockets.append(server.socket())
            deadline = time.monotonic() + 5
            while gauges(server)["connections"] < count and time.monotonic() < deadline:
                time.sleep(0.1)
            there = gauges(server)["connections"]
            began = time.perf_counter()
            status = server.transcribe(CLIP).status
            took, during = time.perf_counter() - began, held.memory()
        finally:
            for connection in sockets:
                Attack.leave(connection, True)
        quiet(server)
        print(f"{there:.0f} of {count} idle connections: {before:.0f} MiB before, {during:.0f} with them, "
              f"{held.memory():.0f} after; a request among them took {took:.3f} s")
        assert status == 200 and there >= count / 2, (status, there)


def prepare(folder):
    """A shelf with two adapters, and keys."""
    for name in "steady", "hot":
        shutil.copytree(ADAPTER, os.path.join(folder, "shelf", name))
    for name, text in ("keys", "good\nbad\n"), ("admin", "admin\n"):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return ["--api-key-file", os.path.join(folder, "keys"), "--admin-key-file", os.path.join(folder, "admin"),
            "--adapter-dir", os.path.join(folder, "shelf"), "--max-upload-mib", str(UPLOAD_MIB),
            "--max-audio-seconds", "200", "--max-realtime", "24", "--realtime-idle", "20", "--timeout", "120"]


def report(attack, good, log, counts, rests, peak):
    times = [one for client in good.clients for one in client.times]
    print("; ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items())))
    print(f"good clients: {len(times)} requests, p50 {percentile(times, 0.5):.3f} s, p99 "
          f"{percentile(times, 0.99):.3f} s, longest {max(times):.3f} s; "
          f"{sum(client.again for client in good.clients)} connections made anew")
    print(f"statuses: {dict(sorted(log.statuses.items()))}; "
          f"of 10 GB in chunks {attack.most_sent / 2**20:.1f} MiB went out")
    print("at rest after each round: " + "; ".join(
        ", ".join(f"{value:.0f} {name}" for name, value in rest.items()) for rest in rests) +
          f"; at the most {peak:.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--sanitized", action="store_true", help="with a sanitizer, whose memory tells nothing")
    parser.add_argument("program")
    parser.add_argument("emulator", nargs="?")
    options = parser.parse_args()
    serving.program = [part for part in (options.emulator, options.program) if part]
    rounds = max(3, round(options.minutes or 0))
    seconds = 60 * options.minutes / rounds if options.minutes else 4
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    idle = min(10000 if options.minutes else 1000, files[1] - 3000)
    random.seed(17)
    problems, rests, counts = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(*prepare(folder))
        server.lines = log = Log()
        held, good = Held(server), Good(server, MODEL)
        attack = Attack(server, MODEL, None, idle)
        for number in range(rounds):
            crowd = run_round(server, attack, good, seconds)
            problems += crowd.problems
            for name, count in crowd.counts.items():
                counts[name] = counts.get(name, 0) + count
            rests.append(settle(server, held))
            print(f"round {number + 1} of {rounds}: {rests[-1]}, {len(problems)} problems", flush=True)
            if server.process.poll() is not None:
                break
        report(attack, good, log, counts, rests, held.peak())
        code = server.stop()
    if options.minutes:
        hold_ten_thousand(idle)
    problems += judge(rests, options.sanitized) + [f"status 500: {line}" for line in log.errors]
    if "/smuggled" in log.paths:
        problems.append("a request was smuggled")
    if attack.most_sent > 16 << 20:
        problems.append(f"{attack.most_sent} bytes of a body without end went out")
    missing = [kind for kind in attack._kinds() if not counts.get(kind)]
    if missing:
        problems.append(f"never tried to the end: {missing}")
    if code or [line for line in server.talk if "anitizer" in line or "runtime error" in line]:
        problems.append(f"the server ended with {code}: " + "\n".join(server.talk[-60:]))
    for problem, count in collections.Counter(problems).most_common(40):
        print("PROBLEM:", problem, f"({count} times)" if count > 1 else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
