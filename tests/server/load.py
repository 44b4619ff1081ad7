"""Many clients that behave, over the model and its adapters in turn: nothing may be lost, and memory must stay.

    python3 tests/server/load.py [--minutes 10] [--connections 200] [--adapters 10] [--model DIR] [--clips DIR] PROGRAM

Each connection is kept and asks again as soon as it has its answer. Every answer is compared with the one that the
same clip and adapter got from the quiet server at the start. The adapters are copies of one, or of --adapter.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time

import serving
from serving import ADAPTER, Server, wav
from traffic import Crowd, GoodClient, Held, gauges, percentile


def read_clips(folder):
    if not folder:
        return [wav(1 + i % 3, 16000, i + 1) for i in range(6)]
    clips = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            clips.append(file.read())
    return clips


def text_of(client, clip, model):
    status, body = client.ask(clip, model)
    if status != 200:
        raise AssertionError(f"{model}: {status} {body[:200]}")
    return json.loads(body)["text"]


def ask(client, tasks, expected):
    clip, model = next(tasks)
    text = text_of(client, clip, model)
    if text != expected[clip, model]:
        raise AssertionError(f"{model}: {text!r}, expected {expected[clip, model]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--adapters", type=int, default=10)
    parser.add_argument("--model", default=serving.MICRO)
    parser.add_argument("--adapter", default=ADAPTER)
    parser.add_argument("--clips", help="folder of clips (default: tones)")
    parser.add_argument("program")
    options = parser.parse_args()
    serving.program = [options.program]
    arguments = [part for i in range(options.adapters) for part in ("--adapter", f"a{i}={options.adapter}")]
    models = [os.path.basename(os.path.abspath(options.model))] + [f"a{i}" for i in range(options.adapters)]
    clips, crowd = read_clips(options.clips), Crowd()
    with Server(*arguments, model=options.model, exact=options.model == serving.MICRO) as server:
        held, first = Held(server), GoodClient(server)
        expected = {(clip, model): text_of(first, clip, model) for clip in clips for model in models}
        first.close()
        clients = [GoodClient(server) for _ in range(options.connections)]
        for i, client in enumerate(clients):
            crowd.go("requests", ask, client, itertools.islice(itertools.cycle(expected), i, None), expected)
        began, memory = time.monotonic(), []
        before = gauges(server)
        while time.monotonic() - began < 60 * options.minutes:
            time.sleep(max(options.minutes * 2, 0.5))
            memory.append(held.memory())
        crowd.end()
        took, after, peak = time.monotonic() - began, gauges(server), held.peak()
        for client in clients:
            client.close()
    times = [one for client in clients for one in client.times]
    seconds = after["audio_seconds_total"] - before["audio_seconds_total"]
    print(f"{options.connections} connections, {len(models)} models, {took:.0f} s: {len(times)} requests, "
          f"{len(crowd.problems)} lost, p50 {percentile(times, 0.5):.3f} s, p99 {percentile(times, 0.99):.3f} s, "
          f"longest {max(times):.3f} s, {len(times) / took:.1f} requests and {seconds / took:.1f} s of sound a second; "
          f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    third = max(len(memory) // 3, 1)
    print(f"memory in MiB: {min(memory):.0f} to {max(memory):.0f}, first third {sum(memory[:third]) / third:.1f}, "
          f"last third {sum(memory[-third:]) / third:.1f}, {peak:.0f} at the most")
    problems = crowd.problems[:20]
    if sum(memory[-third:]) / third > sum(memory[:third]) / third + 8:
        problems.append("memory grows")
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
