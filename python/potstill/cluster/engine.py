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

import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, Optional

from .. import batch, model as models
from ..errors import ArgumentError, PotstillError
from . import result_row, settings as settings_of
from .sounds import Sounds

_ALIVE_S = 1.0  # no more often than this
_NEXT_S = 0.05  # for the next row, which takes a hundredth of that to come, where there is one
_READY = 8  # rows whose sounds are fetched beforehand

_Asked = tuple[int, Mapping[str, Any], Any]  # number, row, and its sound or why there is none


class Engine:
    """A model and what to do with it."""

    def __init__(self, settings: settings_of.Settings, out: Any) -> None:
        self._out, self._last, self._n = out, 0.0, 0
        self._waiting: deque[_Asked] = deque()  # rows whose results are not said
        self.model = models.load(**settings.load)
        self._options = dict(settings.transcribe)
        self._options["errors"] = "return"
        self._options.setdefault("threads", settings.threads)
        batch.check_options(self.model, self._options)
        detector, guard = batch.listening(self.model, self._options)
        self._vad = detector.name if detector else None
        self._guarded = detector is not None or guard
        # With more threads a run makes a session for each clip that it has at once.
        self._session = batch.new_session(self.model) if self._options["threads"] == 1 else None

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

    def answer(self, first: _Asked, more: Optional[queue.Queue[_Asked]] = None) -> None:
        """Rows, in their order, as long as there is one to go on with; their sounds together."""
        try:
            sounds = self._sounds(first, more)
            batch.run(self.model, sounds, self._options, False, self._alive, self._done, self._session)
        except ArgumentError as error:  # an option, of which the next row would die too
            refuse(self._out, error)
        except (PotstillError, TypeError, ValueError, OSError) as error:
            asked = list(self._waiting)
            self._waiting.clear()
            for n, row, sound in asked:  # whose error it is shows when each is alone
                if more is None:
                    self._note((n, row, error))
                else:
                    self.answer((n, row, sound))

    def _sounds(self, first: _Asked, more: Optional[queue.Queue[_Asked]]) -> Iterator[Any]:
        """It ends where no row comes: each result is followed by one, so long as there are any."""
        asked = first
        with contextlib.suppress(queue.Empty):
            while True:
                self._note(asked)
                if not isinstance(asked[2], Exception):
                    yield asked[2]
                if more is None:
                    return
                asked = more.get(timeout=_NEXT_S)

    def _note(self, asked: _Asked) -> None:
        self._waiting.append(asked)
        self._say_errors()

    def _done(self, result: Any) -> None:
        n, row, _ = self._waiting.popleft()
        self.say({"n": n, "result": result_row.of_result(row, result, self._vad, self._guarded)})
        self._say_errors()

    def _say_errors(self) -> None:
        """Of the first rows, up to one that has a sound."""
        while self._waiting and isinstance(self._waiting[0][2], Exception):
            n, row, error = self._waiting.popleft()
            self.say({"n": n, "result": result_row.of_error(row, _message(row, error), type(error).__name__)})
        if self._waiting:
            self._n = self._waiting[0][0]


def _message(row: Mapping[str, Any], error: Exception) -> str:
    text, name = str(error), str(row.get("audio") or row["id"])
    return text if name in text else f"{name}: {text}"


def _read(source: Any, rows: queue.Queue[Any]) -> None:
    """Rows as they come. Who asked is gone when they end: then all ends, whatever hangs."""
    for text in source:
        rows.put(json.loads(text))
    os._exit(0)


def _fetch(rows: queue.Queue[Any], ready: queue.Queue[_Asked]) -> None:
    """The sounds of the next rows while some are being transcribed."""
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
    rows: queue.Queue[Any] = queue.Queue()
    ready: queue.Queue[_Asked] = queue.Queue(maxsize=_READY)
    # Before the model is open: its download may take long, and who asked for it may be gone.
    for work in (lambda: _read(sys.stdin.buffer, rows), lambda: _fetch(rows, ready)):
        threading.Thread(target=work, daemon=True).start()
    try:
        engine = Engine(settings, out)
    except (PotstillError, ImportError, TypeError, ValueError) as error:
        refuse(out, error)
    engine.say({"ready": engine.describe()})
    while True:
        engine.answer(ready.get(), ready)


if __name__ == "__main__":
    main()
