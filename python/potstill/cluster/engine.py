"""The process that computes: rows come in, results go out, one JSON object a line.

It is apart from who asks for it so that it may hang or die: ``Worker`` kills it and starts another. Run
as ``python -m potstill.cluster.engine SETTINGS``; it ends with its standard input.

    out: {"ready": {...}}              the model is open
    in:  {"n": 7, "row": {...}}        a row of the manifest
    out: {"alive": 7}                  something was heard of a long sound
    out: {"n": 7, "result": {...}}     in the order of the rows
    out: {"refused": "..."}            no row can be computed: this is the end
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from .. import batch, model as models
from ..errors import ArgumentError, PotstillError
from . import result_row, settings as settings_of
from .sounds import Sounds

_ALIVE_S = 1.0  # no more often than this


class Engine:
    """A model and what to do with it."""

    def __init__(self, settings: settings_of.Settings, out: Any) -> None:
        self._out, self._last, self._n = out, 0.0, 0
        self.model = models.load(**settings.load)
        self._options = dict(settings.transcribe)
        self._options["errors"] = "return"
        self._options.setdefault("threads", settings.threads)
        batch.check_options(self.model, self._options)
        detector, guard = batch.listening(self.model, self._options)
        self._vad = detector.name if detector else None
        self._guarded = detector is not None or guard

    def describe(self) -> dict[str, Any]:
        """What results depend on besides the settings."""
        info = self.model.info
        return {"precision": info["precision"], "kernels": info["kernels"]}

    def say(self, message: Mapping[str, Any]) -> None:
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()

    def _alive(self) -> None:
        now = time.monotonic()
        if now - self._last >= _ALIVE_S:
            self._last = now
            self.say({"alive": self._n})

    def answer(self, n: int, row: Mapping[str, Any], sound: Any) -> None:
        """One row, whose sound may be why there is none."""
        self._n = n
        if isinstance(sound, Exception):
            fields = result_row.of_error(row, _message(row, sound), type(sound).__name__)
        else:
            try:
                result = batch.run(self.model, (sound,), self._options, False, self._alive)[0]
                fields = result_row.of_result(row, result, self._vad, self._guarded)
            except ArgumentError as error:  # an option, of which the next row would die too
                refuse(self._out, error)
            except (PotstillError, TypeError, ValueError, OSError) as error:
                fields = result_row.of_error(row, _message(row, error), type(error).__name__)
        self.say({"n": n, "result": fields})


def _message(row: Mapping[str, Any], error: Exception) -> str:
    text, name = str(error), str(row.get("audio") or row["id"])
    return text if name in text else f"{name}: {text}"


def _read(source: Any, rows: queue.Queue[Any]) -> None:
    """Rows as they come. Who asked is gone when they end: then all ends, whatever hangs."""
    for text in source:
        rows.put(json.loads(text))
    os._exit(0)


def _fetch(rows: queue.Queue[Any], ready: queue.Queue[Any]) -> None:
    """The sound of the next rows while one is being transcribed."""
    sounds = Sounds()
    while True:
        asked = rows.get()
        try:
            sound: Any = sounds.of(asked["row"])
        except Exception as error:  # whatever is wrong with a row costs this row
            sound = error
        ready.put((asked["n"], asked["row"], sound))


def refuse(out: Any, error: Exception) -> NoReturn:
    """Ends: no row can be computed."""
    out.write(json.dumps({"refused": str(error)}).encode() + b"\n")
    out.flush()
    os._exit(3)


def main() -> None:
    # What others print must not come between the lines.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = settings_of.Settings.from_json(sys.argv[1])
    try:
        engine = Engine(settings, out)
    except (PotstillError, ImportError, TypeError, ValueError) as error:
        refuse(out, error)
    engine.say({"ready": engine.describe()})
    rows: queue.Queue[Any] = queue.Queue()
    ready: queue.Queue[Any] = queue.Queue(maxsize=1)
    for work in (lambda: _read(sys.stdin.buffer, rows), lambda: _fetch(rows, ready)):
        threading.Thread(target=work, daemon=True).start()
    while True:
        engine.answer(*ready.get())


if __name__ == "__main__":
    main()
