"""How far a run is: hours of sound done and left, and how fast each node is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Optional

from .part import Part, Report


class Account:
    """Adds up reports of parts.

    Args:
        before: parts that are there already.
        todo: parts that are not.
    """

    def __init__(self, before: int, todo: Sequence[Part]) -> None:
        self._began = time.monotonic()
        self._before, self._todo, self._done = before, len(todo), 0
        known = [part.seconds for part in todo]
        self._seconds = None if None in known else sum(s for s in known if s is not None)
        self.rows = self.errors = self.restarts = 0
        self.seconds = 0.0
        self.nodes: dict[str, float] = {}  # seconds of sound
        self.engines: set[str] = set()

    def add(self, report: Report) -> None:
        self._done += 1
        self.rows += report.rows
        self.errors += report.errors
        self.restarts += report.restarts
        self.seconds += report.seconds
        if report.node:
            self.nodes[report.node] = self.nodes.get(report.node, 0.0) + report.seconds
        if report.engine:
            self.engines.add(" ".join(str(report.engine[key]) for key in sorted(report.engine)))

    def left(self) -> Optional[float]:
        """Seconds of sound to come: as the manifest says, else as long as those so far."""
        missing = self._todo - self._done
        if not missing:
            return 0.0
        if self._seconds is not None:
            return max(0.0, self._seconds - self.seconds)
        return self.seconds / self._done * missing if self._done else None

    def _elapsed(self) -> float:
        """Seconds of the clock."""
        return max(time.monotonic() - self._began, 1e-3)

    def line(self) -> str:
        """One line for a person."""
        left, elapsed = self.left(), self._elapsed()
        speed = self.seconds / elapsed
        text = f"{self.seconds / 3600:.2f} h of sound done"
        if left is not None:
            text += f", {left / 3600:.2f} h left"
            text += f" ({_clock(left / speed)})" if left and speed > 0 else ""
        each = (f"{node} {seconds / elapsed:.1f}x" for node, seconds in sorted(self.nodes.items()))
        return f"{text}; {self.rows} rows, {self.errors} errors; " + ", ".join(each)

    def summary(self) -> dict[str, Any]:
        """The same for a program."""
        elapsed = self._elapsed()
        return {
            "parts": self._done,
            "parts_before": self._before,
            "rows": self.rows,
            "errors": self.errors,
            "restarts": self.restarts,
            "hours": self.seconds / 3600,
            "wall_seconds": elapsed,
            "real_time": self.seconds / elapsed,
            "nodes": {node: seconds / elapsed for node, seconds in sorted(self.nodes.items())},
            "engines": sorted(self.engines),
        }


def _clock(seconds: float) -> str:
    minutes = int(seconds / 60 + 0.5)
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{max(minutes, 1)} min"
