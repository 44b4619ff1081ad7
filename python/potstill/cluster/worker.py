"""One who transcribes: keeps a process that computes, and survives what that does.

A row at which the process is silent for too long costs the process and becomes an error; a row at which
it died several times becomes one, too; all others get their results. It knows no scheduler: Ray's
actors, Spark's tasks, a Slurm array and GNU parallel have one each.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Optional

from ..errors import PotstillError
from . import part as parts, result_row
from .part import Part, Report
from .settings import Settings

LIMIT_S = 300.0
_AHEAD = 10  # rows with the process: eight whose sounds are ready, two to be read,
_TOGETHER = 8  # and for each thread those that may be decoded together
_DEATHS = 3  # the third time it is the row


class WorkerError(PotstillError):
    """No process can compute: no model, other options than there are, no memory to start."""


class Worker:
    """Transcribes rows of a manifest.

    Args:
        settings: model, adapters and options.
        limit: seconds without a sign of life after which a row is given up.
    """

    def __init__(self, settings: Settings, limit: float = LIMIT_S) -> None:
        self._settings, self._limit = settings.to_json(), limit
        self._ahead = _AHEAD + _TOGETHER * settings.threads
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._said: queue.Queue[Any] = queue.Queue()
        self.engine: Mapping[str, Any] = {}
        self.restarts = 0

    # ------------------------------------------------------------------------------- the process

    def start(self) -> None:
        """Starts the process and waits until its model is open; one a node at a time, for the first
        downloads and packs what the others then map.

        Raises:
            WorkerError: it cannot.
        """
        if self._process is not None:
            return
        command = [sys.executable, "-m", "potstill.cluster.engine", self._settings]
        with _first_on_this_machine(self._settings):
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._said = queue.Queue()
            threading.Thread(
                target=_listen, args=(self._process.stdout, self._said), daemon=True
            ).start()
            first = self._said.get()
        if first is None or "ready" not in first:
            code = self._process.wait()
            self._process = None
            raise WorkerError((first or {}).get("refused") or f"the engine ended at once, with code {code}")
        self.engine = first["ready"]

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    assert pipe is not None
                    pipe.close()

    def _send(self, n: int, row: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(OSError):  # it is dead: that is heard
            self._process.stdin.write(json.dumps({"n": n, "row": row}).encode() + b"\n")
            self._process.stdin.flush()

    def _hear(self) -> Any:
        """What it says next; None: it died; "": nothing for too long."""
        try:
            return self._said.get(timeout=self._limit)
        except queue.Empty:
            return ""

    # ---------------------------------------------------------------------------------- the rows

    def run(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The output row of each, in their order.

        Raises:
            WorkerError: see ``start()``.
        """
        coming, asked = enumerate(rows), deque[tuple[int, Mapping[str, Any]]]()
        sent = deaths = 0
        alone = False
        while True:
            self.start()
            asked.extend(islice(coming, self._ahead - len(asked)))
            if not asked:
                return
            # After a death or a silence the first goes alone, so that no other is blamed.
            for one in islice(asked, sent, 1 if alone else None):
                self._send(*one)
                sent += 1
            said = self._hear()
            if said and "refused" in said:
                self.close()
                raise WorkerError(said["refused"])
            if said and "result" not in said:
                continue
            if said:
                fields = said["result"]
            else:
                was_alone, alone = alone or sent == 1, True
                sent, deaths = 0, deaths + (said is None)
                code = self._lost()
                if deaths < _DEATHS if said is None else not was_alone:
                    continue
                fields = self._blame(asked[0][1], None if said == "" else code)
            asked.popleft()
            sent, deaths, alone = max(0, sent - 1), 0, False
            yield fields

    def _lost(self) -> int:
        """Ends the process that is silent or dead; the code it ended with."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)  # what closed its output is about to end
        process = self._process
        self.close()
        self.restarts += 1
        return process.returncode

    def _blame(self, row: Mapping[str, Any], code: Optional[int]) -> dict[str, Any]:
        """The output row of what killed the process; None: of what it hung at."""
        name = row.get("audio") or row["id"]
        if code is None:
            why, kind = f"no progress in {self._limit:g} s: given up", "TimeLimit"
        else:
            how = f"signal {-code}" if code < 0 else f"code {code}"
            why, kind = f"the engine died of it {_DEATHS} times, last by {how}", "Crash"
        return result_row.of_error(row, f"{name}: {why}", kind)

    # ---------------------------------------------------------------------------------- the parts

    def do(self, part: Part, output: str) -> Report:
        """Transcribes a part and commits it. One that is there already is only reported.

        Raises:
            OutputError, WorkerError: it is not done.
        """
        began, restarts = time.monotonic(), self.restarts
        there = self._there(part, output)
        if there is not None and not part.again:
            return Report(part.name)
        kept = there or {}
        report = Report(part.name, node=socket.gethostname())
        rows = list(part.read())
        todo = self.run([row for row in rows if row["id"] not in kept])
        results = (kept[row["id"]] if row["id"] in kept else next(todo) for row in rows)
        lines = [parts.add(report, fields) for fields in results]
        report.wall = round(time.monotonic() - began, 3)
        report.engine, report.restarts = dict(self.engine), self.restarts - restarts
        parts.commit(output, report, lines)
        return report

    def _there(self, part: Part, output: str) -> Optional[dict[str, Any]]:
        """Rows without errors of the part's file, by id; None: there is no such file."""
        try:
            lines, report = parts.load(parts.path_of(output, part.name))
        except FileNotFoundError:
            return None
        if report is None:
            return None
        return {row["id"]: row for row in map(json.loads, lines) if "error" not in row}


def _listen(pipe: Any, said: queue.Queue[Any]) -> None:
    """What the process says; None when it is no more."""
    with contextlib.suppress(OSError, ValueError):
        for line in pipe:
            said.put(json.loads(line))
    said.put(None)


@contextlib.contextmanager
def _first_on_this_machine(settings: str) -> Iterator[None]:
    """Holds a lock that all workers of these settings share."""
    name = hashlib.sha256(f"{getpass.getuser()} {settings}".encode())
    path = os.path.join(tempfile.gettempdir(), f"potstill-{name.hexdigest()[:16]}.lock")
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
