"""Frames of pandas in, the same frames with what was heard out: for Ray's ``map_batches`` and Spark's
``mapInPandas``, of which it knows nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable, Optional

from . import manifest
from .settings import Settings
from .worker import LIMIT_S, Worker

#: Those that are added: the text ("" with an error), why there is none (None where there is one),
#: seconds of sound, and all that a line of results.jsonl has.
COLUMNS = ("text", "error", "seconds", "result")


class Frames:
    """A worker that takes frames. It keeps its model between them."""

    def __init__(self, settings: Settings, limit: float = LIMIT_S) -> None:
        self._worker = Worker(settings, limit)

    def __call__(self, frame: Any) -> Any:
        """A copy of ``frame`` with ``COLUMNS``."""
        records = frame.to_dict("records")
        rows = [manifest.row_of(_clean(fields), f"row {n}") for n, fields in enumerate(records)]
        found = list(self._worker.run(rows))
        heard = frame.copy()
        heard["text"] = [fields.get("text", "") for fields in found]
        heard["error"] = [fields.get("error") for fields in found]
        heard["seconds"] = [float(fields.get("duration", 0)) for fields in found]
        heard["result"] = [json.dumps(fields, ensure_ascii=False) for fields in found]
        return heard

    def close(self) -> None:
        self._worker.close()


def _clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    """NumPy's numbers as Python's; pandas' NaN is a value that is not there."""
    clean = {}
    for key, value in fields.items():
        if getattr(value, "ndim", 1) == 0:
            value = value.item()
        if value is not None and not (isinstance(value, float) and math.isnan(value)):
            clean[str(key)] = value
    return clean


def map_in_pandas(
    *, limit: float = LIMIT_S, options: Optional[Mapping[str, Any]] = None, **load: Any
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """A function for ``DataFrame.mapInPandas()`` of Spark; one process with a model for each task.

    Args:
        limit: seconds without a sign of life after which a row is given up.
        options: keywords of ``Model.transcribe()``.
        **load: of ``potstill.load()``; ``threads`` are those of a task: 1.
    """
    settings = Settings(load, options or {}).to_json()

    def transcribe(batches: Iterable[Any]) -> Iterator[Any]:
        frames = Frames(Settings.from_json(settings), limit)
        try:
            for frame in batches:
                yield frames(frame)
        finally:
            frames.close()

    return transcribe
