"""Parts done on this machine, by several workers at once, with no scheduler."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, Optional

from ..errors import PotstillError
from .part import OutputError, Part, Report
from .settings import Settings
from .worker import Worker

#: Exit codes, as the command's.
REFUSED, ENVIRONMENT = 3, 4


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


def run(parts: list[Part], output: str, settings: Settings, limit: float, workers: int) -> Iterator[Report]:
    """Reports as parts are done; ends early after the first that cannot be."""
    todo: queue.SimpleQueue[Optional[Part]] = queue.SimpleQueue()
    for part in parts:
        todo.put(part)
    count = max(1, min(workers, len(parts)))
    for _ in range(count):
        todo.put(None)
    reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
    hands = [Worker(settings, limit) for _ in range(count)]
    stop = threading.Event()

    def work(worker: Worker) -> None:
        while not stop.is_set():
            part = todo.get()
            if part is None:
                break
            reports.put(attempt(worker, part, output))
        reports.put(None)

    for worker in hands:
        threading.Thread(target=work, args=(worker,), daemon=True).start()
    try:
        running = count
        while running:
            report = reports.get()
            if report is None:
                running -= 1
                continue
            yield report
            if report.failed:
                return
    finally:
        stop.set()
        for worker in hands:
            worker.close()
