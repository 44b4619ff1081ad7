#!/usr/bin/env python3
"""What serving costs over the library, and what a request that comes alone gains from idle cores.

    tools/measure_serving.py --model models/moonshine-tiny --sound models/audio/beckett.wav \\
        --adapter examples/tower/adapter [--rounds 3] [--what added alone many live]

added: from the first byte of a request to the last of its answer, less what the log says the transcription took.
alone: how long one client waits for clips of 3 and 30 s, with --threads 1 and with a thread a core.
many:  64 clients with clips of 3 s, int8, without and with ten adapters, beside `transcribe` on the same clips.
live:  realtime sessions that speak without a pause: how late their last texts are, and what a second of sound takes.

The clients compute on the same cores, with bytes made before and sockets that stay; the load is printed.
"""
import argparse
import json
import os
import platform
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import wave

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "server"))
import bench_servers  # noqa: E402
from websocket import CLEAR, COMMIT, WebSocket, append, update  # noqa: E402

RATE = 16000


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def wav_of(samples):
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2,
                       16, b"data", len(samples))
    return head + samples


def read_samples(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2), "expected 16 kHz, mono"
        return file.readframes(file.getnframes())


def cut(samples, seconds, count):
    """Clips from all over the recording, each another one."""
    size = int(seconds * RATE) * 2
    samples = samples * (size // len(samples) + 1)
    step = max((len(samples) - size) // max(count, 1) // 2 * 2, 2)
    return [wav_of(samples[at:at + size]) for at in (i * step % (len(samples) - size + 2) for i in range(count))]


class Server:
    def __init__(self, program, model, *arguments):
        self.command = [program, "serve", "--model", model, "--port", "0", *arguments]
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE)
        self.work, self.port, ready = {}, None, threading.Event()

        def read():
            for line in self.process.stderr:
                if line.startswith(b"{"):
                    told = json.loads(line)
                    self.work[told["request_id"]] = told.get("work_seconds")
                elif b"listens on" in line:
                    self.port = int(line.rsplit(b":", 1)[1])
                    ready.set()
            ready.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        ready.wait(120)
        self.address = ("127.0.0.1", self.port)

    def socket(self, timeout=120):
        return socket.create_connection(self.address, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def request_of(clip, model, name=None):
    body = bench_servers.form_of(clip, "clip.wav", model)
    own = f"X-Request-Id: {name}\r\n" if name else ""
    kind = bench_servers.TYPE["Content-Type"]
    head = (f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\n"
            f"{own}Content-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def exchange(connection, request):
    """Sends it, and reads the whole answer."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(data[:300])


def added(options, samples):
    name = os.path.basename(os.path.abspath(options.model))
    with Server(options.program, options.model, "--precision", "int8") as server, server.socket() as connection:
        times = {}
        for i, clip in enumerate(cut(samples, 3, 200)):
            began = time.perf_counter()
            exchange(connection, request_of(clip, name, f"added-{i}"))
            times[f"added-{i}"] = time.perf_counter() - began
        time.sleep(0.5)
        over = sorted(1000 * (took - server.work[key]) for key, took in list(times.items())[10:])
    print(f"added to a clip of 3 s: {statistics.median(over):.2f} ms, median of {len(over)}; "
          f"p95 {over[len(over) * 95 // 100]:.2f} ms")


def alone(options, samples):
    name = os.path.basename(os.path.abspath(options.model))
    found = {}
    for _ in range(options.rounds):
        for threads in "1", str(os.cpu_count()):
            with Server(options.program, options.model, "--threads", threads) as server, server.socket() as connection:
                for seconds, count in (3, 60), (30, 12):
                    requests = [request_of(clip, name) for clip in cut(samples, seconds, count)]
                    exchange(connection, requests[0])
                    for request in requests:
                        began = time.perf_counter()
                        exchange(connection, request)
                        found.setdefault((seconds, threads), []).append(1000 * (time.perf_counter() - began))
    for (seconds, threads), times in sorted(found.items()):
        print(f"one client, {seconds} s, --threads {threads}: {statistics.median(times):.1f} ms, "
              f"median of {len(times)}")


def many(options, samples):
    clips, name = cut(samples, 3, 40) * 16, os.path.basename(os.path.abspath(options.model))
    adapters = [part for i in range(10) for part in ("--adapter", f"a{i}={options.adapter}")]
    base = [request_of(clip, name) for clip in clips]
    mixed = [request_of(clip, f"a{i % 10}") for i, clip in enumerate(clips)]
    ratios = {"without adapters": [], "ten adapters": []}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, clip in enumerate(clips):
            paths.append(os.path.join(folder, f"{i:04}.wav"))
            with open(paths[-1], "wb") as file:
                file.write(clip)

        def transcribe(count):
            began = time.perf_counter()
            command = [options.program, "transcribe", "--model", options.model, "--precision", "int8"]
            subprocess.run([*command, *paths[:count]], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            return time.perf_counter() - began

        transcribe(4)
        with Server(options.program, options.model, "--precision", "int8", *adapters) as server:
            bench_servers.run_clients(base[:64] + mixed[:64], 64, server.socket, exchange)
            for _ in range(options.rounds):
                library = transcribe(len(paths)) - transcribe(4)  # but for its start
                for kind, requests in ("without adapters", base), ("ten adapters", mixed):
                    took, _ = bench_servers.run_clients(requests, 64, server.socket, exchange)
                    ratios[kind].append(library / took)
                    print(f"64 clients, {kind}: {len(requests) / took:.1f} requests a second, {library / took:.3f} of "
                          f"transcribe; load {os.getloadavg()[0]:.1f}", flush=True)
    for kind, values in ratios.items():
        print(f"64 clients, {kind}: {statistics.median(values):.3f} of transcribe, median of {len(values)}")


def speak(server, samples, name, late, seconds):
    """At the pace of a voice; how long after the last sound its text comes."""
    with WebSocket(server, path=f"/v1/realtime?model={name}", timeout=300) as client:
        if client.status != 101:
            late.append(None)
            return
        client.event()
        client.send(update())
        client.until("session.updated")
        began, size = time.monotonic(), RATE // 10 * 2
        for i in range(int(seconds * 10)):
            client.send(append(samples[i * size:(i + 1) * size]))
            time.sleep(max(0, began + (i + 1) / 10 - time.monotonic()))
        ended = time.monotonic()
        client.send(COMMIT)
        client.send(CLEAR)  # what is answered when all before it is
        while client.event()["type"] != "input_audio_buffer.cleared":
            pass
        late.append(time.monotonic() - ended)
        client.close()


def live(options, samples):
    name, seconds = os.path.basename(os.path.abspath(options.model)), 20
    samples = samples * (seconds * RATE * 2 // len(samples) + 1)
    for count in options.sessions:
        with Server(options.program, options.model, "--max-realtime", "1000") as server:
            late = []
            threads = [threading.Thread(target=speak, args=(server, samples[i * 6400:], name, late, seconds))
                       for i in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(0.5)
            work = [one for one in server.work.values() if one]
        heard = sorted(one for one in late if one is not None)
        print(f"{count} sessions: the last text {statistics.median(heard):.2f} s after the last sound, median; longest "
              f"{heard[-1]:.2f} s; a second of sound takes {sum(work) / len(work) / seconds:.3f} s of work; "
              f"load {os.getloadavg()[0]:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--sound", required=True, help="WAV file of 16 kHz, one channel, 16 bits")
    parser.add_argument("--adapter", default="examples/tower/adapter")
    parser.add_argument("--program", default="build/release/potstill")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--what", nargs="*", default=["added", "alone", "many", "live"])
    options = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores; load at the start {os.getloadavg()[0]:.1f}")
    samples = read_samples(options.sound)
    for what in options.what:
        {"added": added, "alone": alone, "many": many, "live": live}[what](options, samples)


if __name__ == "__main__":
    main()
