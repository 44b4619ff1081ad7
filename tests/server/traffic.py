"""Clients that behave, what they wait for, and what a server holds meanwhile."""

import collections
import http.client
import os
import re
import socket
import threading
import time

import serving
from serving import PATH, TYPE, form
from websocket import COMMIT, COMPLETED, WebSocket, append, update


def percentile(values, share):
    values = sorted(values)
    return values[min(int(share * len(values)), len(values) - 1)] if values else 0


class Log:
    """In place of the server's list of lines, which would grow for minutes: counts them, and keeps what is odd."""

    def __init__(self):
        self.statuses, self.paths, self.errors = collections.Counter(), set(), []

    def append(self, line):
        self.statuses[line["status"]] += 1
        if len(self.paths) < 10000:
            self.paths.add(line["path"])
        if line["status"] == 500:
            self.errors.append(line)

    def __iter__(self):
        return iter(self.errors)


class Held:
    """What a process holds, by /proc; of a program that an emulator runs nothing is known."""

    def __init__(self, server):
        self.folder = f"/proc/{server.process.pid}"
        self.known = os.path.exists(self.folder + "/status") and len(serving.program) == 1

    def status(self, name):
        if not self.known:
            return 0
        with open(self.folder + "/status") as file:
            return int(next(line for line in file if line.startswith(name)).split()[1])

    def memory(self):
        """MiB, now."""
        return self.status("VmRSS") / 1024

    def peak(self):
        return self.status("VmHWM") / 1024

    def threads(self):
        return self.status("Threads")

    def files(self):
        return len(os.listdir(self.folder + "/fd")) if self.known else 0


def gauges(server):
    """The numbers of /metrics without labels."""
    text = server.ask("GET", "/metrics", timeout=120).body.decode()
    return {name: float(value) for name, value in re.findall(r"^potstill_(\w+) ([-+.e0-9]+)$", text, re.M)}


class Crowd:
    """Threads that do the same again and again until it is over; what goes wrong is kept."""

    def __init__(self):
        self.over = threading.Event()
        self.threads, self.problems, self.counts = [], [], collections.Counter()

    def go(self, name, work, *arguments):
        def again():
            while not self.over.is_set():
                try:
                    work(*arguments)
                    self.counts[name] += 1
                except Exception as problem:  # of whatever kind: it is told in the end
                    self.problems.append(f"{name}: {type(problem).__name__}: {problem}")
                    self.over.wait(0.1)

        thread = threading.Thread(target=again, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def end(self, seconds=180):
        self.over.set()
        till = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(till - time.monotonic(), 0))
        stuck = [thread.name for thread in self.threads if thread.is_alive()]
        if stuck:
            self.problems.append(f"still wait: {stuck}")
        self.threads = []


class GoodClient:
    """Keeps its connection, as clients do, and makes a new one where the server has ended it between two requests."""

    def __init__(self, server, key=None):
        self.server, self.connection, self.times, self.again = server, None, [], 0
        self.headers = {"Content-Type": TYPE, **({"Authorization": f"Bearer {key}"} if key else {})}

    def request(self, body):
        fresh = self.connection is None
        if fresh:
            self.connection = http.client.HTTPConnection(*self.server.address, timeout=600)
        try:
            self.connection.request("POST", PATH, body, self.headers)
            response = self.connection.getresponse()
            return response.status, response.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if fresh:
                raise
            self.again += 1
            return self.request(body)
        except Exception:
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, sound, model, *fields):
        """The status and the body; each is timed."""
        body = form([("model", model), *fields], sound)
        began = time.perf_counter()
        status, answer = self.request(body)
        self.times.append(time.perf_counter() - began)
        return status, answer


def realtime_turn(server, pcm, model, key=None):
    """A session of one turn, from the first byte to the last: its text."""
    headers = [("Authorization", f"Bearer {key}")] if key else []
    path = f"/v1/realtime?intent=transcription&model={model}"
    with WebSocket(server, path=path, headers=headers, timeout=120) as client:
        if client.status != 101:
            return client.status, client.refusal()[1]["message"]
        first = client.event()
        if first["type"] == "error":  # the adapter has gone since
            return 404, first["error"]["message"]
        client.send(update(turn_detection=None))
        client.until("session.updated")
        for at in range(0, len(pcm), 32000):
            client.send(append(pcm[at:at + 32000]))
        client.send(COMMIT)
        text = client.until(COMPLETED)[-1]["transcript"]
        client.close()
        return 101, text


def quiet(server, seconds=60):
    """Waits until nothing is at work, and nobody is connected but who asks."""
    end = time.monotonic() + seconds
    while True:
        now = gauges(server)
        if now["connections"] <= 1 and now["queue_seconds"] == 0 and now["realtime_sessions"] == 0:
            return
        if time.monotonic() > end:
            raise AssertionError(f"it does not come to rest: {now}")
        time.sleep(0.2)


def small_window(server, bytes_held=4096, timeout=30):
    """A connection whose side here takes little at a time."""
    connection = socket.socket()
    connection.settimeout(timeout)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, bytes_held)
    connection.connect(server.address)
    return connection
