#!/usr/bin/env python3
"""`potstill serve` beside a server in Python over the same model: latency, throughput, memory, start.

The idea to hold: machines drift and share their cores, so the servers take turns (A B C, A B C, ...), each freshly
started, and medians are compared. Seconds, seconds of sound a second, and megabytes at the most. The clients are
threads of this program and compute on the same cores: a table is only worth something from a machine with nothing
else to do, so the load is printed.

    tools/bench_servers.py --model models/moonshine-tiny --clips examples/tower/clips [--python .venv/bin/python]

The Python needs transformers, soundfile, soxr, fastapi, uvicorn and python-multipart (tools/python_server.py).
"""
import argparse
import contextlib
import http.client
import os
import platform
import socket
import statistics
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOUNDARY = "----benchservers"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form_of(sound, filename, model):
    head = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n--{BOUNDARY}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n")
    return head.encode() + sound + f"\r\n--{BOUNDARY}--\r\n".encode()


def form(path, model):
    with open(path, "rb") as file:
        return form_of(file.read(), os.path.basename(path), model)


def ask(connection, body):
    connection.request("POST", "/v1/audio/transcriptions", body, TYPE)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{reply.status}: {text[:200]}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def memory_mb(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1000


def run_clients(items, clients, connect, exchange):
    """Seconds in all, and of each item; each client has a connection of its own, and takes what is left."""
    left, times, lock = list(items), [], threading.Lock()

    def work():
        with contextlib.closing(connect()) as connection:
            while True:
                with lock:
                    if not left:
                        return
                    item = left.pop()
                began = time.perf_counter()
                exchange(connection, item)
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, times


def measure(command, bodies, seconds):
    port, began = free_port(), time.perf_counter()

    def connect():
        return http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen([part.replace("PORT", str(port)) for part in command], stdout=log, stderr=log,
                                  env={**os.environ, "HF_HUB_OFFLINE": "1"})
        try:
            while True:  # until the first reply
                try:
                    ask(connect(), bodies[0])
                    break
                except OSError:
                    if server.poll() is not None or time.perf_counter() - began > 300:
                        log.seek(0)
                        raise RuntimeError(log.read().decode()[-2000:]) from None
                    time.sleep(0.02)
            start = time.perf_counter() - began
            run_clients(bodies[:4], 2, connect, ask)  # warm
            _, alone = run_clients(bodies, 1, connect, ask)
            took, together = run_clients(bodies, 8, connect, ask)
            return {"start": start, "latency 1": statistics.median(alone), "rate 1": seconds / sum(alone),
                    "latency 8": statistics.median(together), "rate 8": seconds / took,
                    "memory": memory_mb(server.pid, "VmHWM")}
        finally:
            server.terminate()
            server.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--clips", required=True, help="folder of clips")
    parser.add_argument("--python", default=".venv/bin/python")
    parser.add_argument("--program", default="build/release/potstill")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import soundfile

    paths = sorted(os.path.join(options.clips, name) for name in os.listdir(options.clips))
    seconds = sum(soundfile.info(path).duration for path in paths)
    name = os.path.basename(os.path.abspath(options.model))
    bodies = [form(path, name) for path in paths]
    potstill = [options.program, "serve", "--port", "PORT", "--model", options.model, "--vad", "off", "--no-guard"]
    servers = {
        "potstill serve, float32": [*potstill, "--precision", "f32"],
        "potstill serve, int8": [*potstill, "--precision", "int8"],
        "FastAPI, uvicorn, transformers": [options.python, f"{HERE}/python_server.py", options.model, "PORT"],
    }
    found = {server: [] for server in servers}
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {len(paths)} clips, {seconds:.0f} s; "
          f"load at the start {os.getloadavg()[0]:.1f}")
    for _ in range(options.rounds):
        for server, command in servers.items():
            found[server].append(measure(command, bodies, seconds))
            print(server, {key: round(value, 3) for key, value in found[server][-1].items()},
                  f"load {os.getloadavg()[0]:.1f}", flush=True)
    print("| | " + " | ".join(servers) + " |")
    for key in found[next(iter(found))][0]:
        medians = (statistics.median(one[key] for one in runs) for runs in found.values())
        print(f"| {key} | " + " | ".join(f"{value:.3f}" for value in medians) + " |")


if __name__ == "__main__":
    main()
