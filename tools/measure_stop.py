"""How long commands that make folders go on after SIGINT, when it comes at many moments of their work.

    python3 tools/measure_stop.py [--moments 12] [--potstill build/release/potstill]

For each: the longest wall time from the signal to the exit, and the longest processor time in between, which a
busy machine does not lengthen. Needs the official model in models/; import needs its source beside it.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")


def commands(models):
    model, source = models / "moonshine-tiny", models / "moonshine-tiny-ort"
    adapter = pathlib.Path("examples/tower/adapter")
    yield "merge", ["merge", "--model", model, "--adapter", adapter]
    yield "merge to float16", ["merge", "--model", model, "--adapter", adapter, "--dtype", "float16"]
    for precision in ("float16", "int8", "palette6"):
        yield f"convert {precision}", ["convert", "--model", model, "--precision", precision]
    if source.is_dir():
        yield "import", ["import", source]


def spent(pid):
    """Processor seconds of all its threads; None once it has ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICK


def start(program, words, out):
    return subprocess.Popen([program, *map(str, words), "-o", out], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def whole(program, words, out):
    """Processor seconds of the command left alone."""
    process = start(program, words, out)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{words[0]}: ended with status {status}")
    return usage.ru_utime + usage.ru_stime


def stop(program, words, out, moment):
    """Stops it after so many processor seconds: wall and processor time from then on; None: it had ended."""
    process = start(program, words, out)
    while (used := spent(process.pid)) is not None and used < moment:
        time.sleep(0.002)
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    began, used = time.monotonic(), spent(process.pid) or moment
    os.kill(process.pid, signal.SIGINT)  # not send_signal(), which would take the status of one that has ended
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    return (wall, usage.ru_utime + usage.ru_stime - used) if code in (130, -signal.SIGINT) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moments", type=int, default=12)
    parser.add_argument("--potstill", default="build/release/potstill")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    arguments = parser.parse_args()
    for name, words in commands(arguments.models):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="potstill-stop-"))
        total = whole(arguments.potstill, words, folder / "whole")
        found = []
        for i in range(arguments.moments):
            taken = stop(arguments.potstill, words, folder / "out", total * (i + 0.5) / arguments.moments)
            left = [path.name for path in folder.iterdir() if path.name != "whole"]
            if taken:
                found.append(taken)
                if left:
                    sys.exit(f"{name}: leaves {left}")
            shutil.rmtree(folder / "out", ignore_errors=True)
        shutil.rmtree(folder)
        wall, used = (max(times) for times in zip(*found)) if found else (0, 0)
        print(f"{name}: {total:.2f} s of processor time; stopped {len(found)} times, at most {wall:.3f} s later,"
              f" {max(used, 0):.2f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
