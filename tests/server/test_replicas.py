"""Three copies behind HAProxy, by the configuration in packaging/: one is killed, one is replaced, under traffic.

    python3 tests/server/test_replicas.py PROGRAM [EMULATOR]
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import serving
from serving import PATH, TYPE, Server, form, wav

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "..", "..", "packaging", "haproxy", "potstill.cfg")
CLIENTS = 12
OPTIONS = ["--threads", "1", "--drain-delay", "3"]
BODY = form([("model", "micro")], wav(20, 8000, 3))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def configuration(port, copies):
    """The example, but for its addresses and without TLS."""
    with open(EXAMPLE) as file:
        text = file.read()
    text, doors = re.subn(r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{port}", text)
    ports = iter(copies)
    text, servers = re.subn(r"127\.0\.0\.1:808\d", lambda _: f"127.0.0.1:{next(ports)}", text)
    assert (doors, servers) == (1, len(copies)), text
    return text


class Proxy:
    def __init__(self, program, copies):
        self.port = free_port()
        self.file = tempfile.NamedTemporaryFile("w", suffix=".cfg")
        self.file.write(configuration(self.port, copies))
        self.file.flush()
        self.process = subprocess.Popen([program, "-db", "-f", self.file.name])
        end = time.monotonic() + 20
        while True:
            try:
                if self.ask("GET", "/readyz") == 200:
                    break
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < end, "haproxy does not start"
            time.sleep(0.05)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, {"Content-Type": TYPE})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.file.close()


class Traffic:
    """Clients who ask again and again; what was not answered with 200, and when it was sent."""

    def __init__(self, proxy):
        self.proxy, self.over, self.lost, self.served = proxy, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.work) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def work(self):
        while not self.over.is_set():
            began = time.monotonic()
            try:
                status = self.proxy.ask("POST", PATH, BODY)
            except (OSError, http.client.HTTPException) as problem:
                status = repr(problem)
            if status == 200:
                self.served += 1
            else:
                self.lost.append((began, status))

    def wait_for(self, count):
        goal, end = self.served + count, time.monotonic() + 120
        while self.served < goal:
            assert time.monotonic() < end, (self.served, self.lost)
            time.sleep(0.01)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def has_work(server):
    """It is asked for transcriptions."""
    server.wait_for_line(lambda line: line["path"] == PATH and line["status"] == 200)


def check(program):
    copies = [Server(*OPTIONS) for _ in range(3)]
    ports = [copy.address[1] for copy in copies]
    proxy = Proxy(program, ports)
    traffic = Traffic(proxy)
    try:
        for copy in copies:
            has_work(copy)
        traffic.wait_for(2 * CLIENTS)
        assert not traffic.lost, traffic.lost

        assert copies[0].stop(signal.SIGKILL) == -signal.SIGKILL
        killed_at = time.monotonic()  # by now its sockets are closed
        traffic.wait_for(2 * CLIENTS)
        copies[0] = Server(*OPTIONS, port=ports[0])
        has_work(copies[0])
        traffic.wait_for(CLIENTS)
        lost = list(traffic.lost)
        assert all(began < killed_at for began, _ in lost), (killed_at, lost)
        assert len(lost) < CLIENTS, lost  # the others have had a share

        assert copies[1].stop() == 0  # replaced: what it had is done, and it is asked for nothing more
        copies[1] = Server(*OPTIONS, port=ports[1])
        has_work(copies[1])
        traffic.wait_for(CLIENTS)
        assert traffic.lost == lost, traffic.lost[len(lost):]
    finally:
        traffic.end()
        proxy.stop()
        for copy in copies:
            copy.stop()
    print(f"{traffic.served} requests were served; {len(lost)} were lost, all on the copy that was killed: "
          f"{[status for _, status in lost]}")


def main():
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if not program:
        print("skipped: needs haproxy (Debian: apt-get install haproxy)")
        return 77
    check(program)
    return 0


if __name__ == "__main__":
    serving.program = [part for part in (*sys.argv[2:], sys.argv[1]) if part]
    sys.exit(main())
