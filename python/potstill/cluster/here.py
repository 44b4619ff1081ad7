"""Parts done on this machine, by several workers at once, with no scheduler."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from ..errors import PotstillError
from .part import OutputError, Part, Report
from .settings import Settings
from .worker import Worker

#: Exit codes, as the command's.
REFUSED, ENVIRONMENT, STOPPED = 3, 4, 75


def attempt(worker: Worker, part: Part, output: str) -> Report:
    """``Worker.do()``; why it cannot go on is in the report."""
    try:
        return worker.do(part, output)
    except OutputError as error:
        return Report(part.name, failed=str(error), code=ENVIRONMENT)
    except PotstillError as error:
        return Report(part.name, failed=str(error), code=REFUSED)
    except Exception as error:  # reading the manifest again: the network, a file that has changed
        return Report(part.name, failed=f"{part.source}: {error}", code=ENVIRONMENT)


class Hands:
    """Workers, each in a thread of its own, that take parts until there are none or ``stop`` is set.

    Attributes:
        reports: of parts that are done; None when a worker has ended.
        running: workers that have not ended; who takes a None from ``reports`` counts.
    """

    def __init__(
        self, parts: Sequence[Part], output: str, settings: Settings, limit: float, workers: int
    ) -> None:
        self._todo = deque(parts)
        self.reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.running = min(workers, len(parts))
        self._output = output
        self._workers = [Worker(settings, limit) for _ in range(self.running)]
        for worker in self._workers:
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()

    def _work(self, worker: Worker) -> None:
        while not self.stop.is_set():
            part = self.take()
            if part is None:
                break
            self.reports.put(attempt(worker, part, self._output))
        worker.close()
        self.reports.put(None)

    def take(self) -> Optional[Part]:
        """The next of ``todo``; None: there is none."""
        try:
            return self._todo.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """Whatever they are doing is dropped."""
        self.stop.set()
        for worker in self._workers:
            worker.close()


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def places(settings: Settings) -> int:
    """How many workers this machine has cores for."""
    return max(1, cores() // settings.threads)


def run(parts: list[Part], output: str, settings: Settings, limit: float, workers: int) -> Iterator[Report]:
    """Reports as parts are done; ends early after the first that cannot be."""
    hands = Hands(parts, output, settings, limit, workers or places(settings))
    try:
        while hands.running:
            report = hands.reports.get()
            if report is None:
                hands.running -= 1
                continue
            yield report
            if report.failed:
                return
    finally:
        hands.close()
