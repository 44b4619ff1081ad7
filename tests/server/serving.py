"""A server of the program under test, and plain sockets to it: standard library alone."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
MICRO = os.path.join(GOLDEN, "micro")
ADAPTER = os.path.join(GOLDEN, "adapter")
# The micro model has random weights: its text is known where products are exact, and it believes in nothing.
EXACT = ["--precision", "f32", "--vad", "off", "--no-guard"]

environment = {
    k: v for k, v in os.environ.items() if not re.match("POTSTILL_|XDG_|HF_|HUGGINGFACE_|MOONSHINE_", k)
}
environment["HF_HUB_OFFLINE"] = "1"
# Little of what is freed is kept back, so that memory can be measured there too.
environment["ASAN_OPTIONS"] = ":".join(filter(None, [environment.get("ASAN_OPTIONS"), "quarantine_size_mb=8"]))
program = []  # set by the test: the program, and what to run it with


def wav(seconds, rate=16000, seed=1):
    """Tones and noise, as a WAV file of 16-bit samples."""
    state, samples = seed, bytearray()
    block = bytearray()
    for i in range(rate):  # one second, again and again
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        tone = 6000 if (i // (40 + seed % 17)) % 2 else -6000
        block += struct.pack("<h", tone + state % 4000 - 2000)
    count = int(seconds * rate) * 2
    samples = (bytes(block) * (int(seconds) + 1))[:count]
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + count, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2,
                       16, b"data", count)
    return head + samples


BOUNDARY = "----potstilltest"


def form(fields, sound=None, filename="clip.wav"):
    """A multipart body: fields are (name, value) pairs."""
    body = b""
    for name, value in fields:
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if sound is not None:
        body += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                 "Content-Type: audio/wav\r\n\r\n").encode() + sound + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


TYPE = f"multipart/form-data; boundary={BOUNDARY}"
PATH = "/v1/audio/transcriptions"


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]


class Server:
    """Runs until it is closed; `stop` tells how it ended."""

    def __init__(self, *arguments, model=MICRO, exact=True, listening=None, variables=None, port=0):
        self.folder = tempfile.mkdtemp(prefix="potstill-serve.")
        command = [*program, "serve", "--model", model, "--port", str(port), "--no-cache", "--upload-dir",
                   self.folder]
        if exact:
            command += EXACT
        self.lines, self.talk = [], []
        command += arguments
        variables, passed = {**environment, **(variables or {})}, {}
        if listening is not None:  # a socket that is there already, as systemd passes it
            command = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
            variables["LISTEN_FDS"] = "1"
            passed = {"pass_fds": (3,), "preexec_fn": lambda: os.dup2(listening.fileno(), 3)}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=variables, **passed)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.address = None
        self.ready = threading.Event()
        self.reader.start()
        self.ready.wait(120)
        if not self.address:
            self.process.kill()
            shutil.rmtree(self.folder)
            raise AssertionError("the server does not start: " + "\n".join(self.talk))

    def read(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            found = re.search(r"listens on http://(.*):(.+)$", text)
            if text.startswith("{"):
                self.lines.append(json.loads(text))
            else:
                self.talk.append(text)
            if found:
                self.address = (found[1].strip("[]"), int(found[2]) if found[2].isdigit() else found[2])
                self.ready.set()
        self.ready.set()

    def ask(self, method, path, body=None, headers=None, timeout=120):
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        connection.request(method, path, body, headers or {})
        reply = Reply(connection.getresponse())
        connection.close()
        return reply

    def transcribe(self, sound, fields=(), headers=None, model="micro", filename="clip.wav"):
        body = form([("model", model), *fields], sound, filename)
        return self.ask("POST", PATH, body, {"Content-Type": TYPE, **(headers or {})})

    def socket(self, timeout=60):
        return socket.create_connection(self.address, timeout=timeout)

    def wait_for_line(self, accept, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if accept(line):
                    return line
            time.sleep(0.01)
        raise AssertionError("no such line in the log: " + "\n".join(map(str, self.lines[-5:])))

    def stop(self, number=signal.SIGTERM, seconds=60):
        """`number` None: it was sent already, and a second one would not wait."""
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.reader.join(10)
        self.process.stderr.close()
        left = os.listdir(self.folder)
        for name in left:
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)
        assert not left, left
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.stop()
        if kind is None:
            assert code == 0, (code, self.talk)


def head(length=None, extra="", path=PATH):
    text = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {TYPE}\r\n"
    if length is not None:
        text += f"Content-Length: {length}\r\n"
    return (text + extra + "\r\n").encode()


def read_all(connection):
    """What comes until the other side closes; None where it resets first."""
    data = b""
    try:
        while True:
            piece = connection.recv(65536)
            if not piece:
                return data
            data += piece
    except ConnectionResetError:
        return data or None


def status_of(data):
    return int(data.split(b" ", 2)[1]) if data else 0


def run(*arguments):
    done = subprocess.run([*program, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()
