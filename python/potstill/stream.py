"""Live sound: samples go in as they come, lines of text come out."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from . import abi, decoding, library
from .errors import InputError
from .result import flag_names
from .sound import RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .model import Model

KINDS = {1: "started", 2: "text", 3: "completed"}


class StreamOptions(decoding.DecodeOptions, total=False):
    """Options of ``Model.stream()``; what is not given is as ``pst_stream_options`` has it."""

    threads: int
    vad: Literal["auto", "silero", "energy"]  #: who hears pauses. "auto"
    pause: float  #: seconds of silence that end a line. 0.6
    pad: float  #: seconds of silence that a line has at its ends. 0.2
    line_max: float  #: seconds: a line ends here at the latest; 0: 20, or less for a small model
    guard: bool  #: completed lines in doubt are tried again, marked or have no text. True
    update: float  #: seconds of new sound before growing text is decoded again; 0: never. 0.25


_NAMES = frozenset(StreamOptions.__annotations__) | decoding.NAMES


@dataclass(frozen=True)
class Event:
    """What has happened to a line, which is what is said between two pauses."""

    kind: str  #: "started", "text" (it has changed), "completed"
    line: int  #: from 0
    start: float  #: seconds from the start of the stream
    end: float  #: seconds, so far
    text: str  #: all of it
    committed: str  #: its beginning, which stands; of a completed line: all
    tokens: tuple[int, ...]  #: of a completed line
    avg_logprob: float  #: of a completed line
    truncated: bool
    flags: tuple[str, ...]  #: of a completed line: what is in doubt, of no_speech, loop, low_confidence, truncated
    no_speech_prob: float  #: of a completed line: that nobody speaks

    def __repr__(self) -> str:
        return f"Event({self.kind}, line {self.line}, {self.start:.2f}-{self.end:.2f} s, {self.text!r})"


class Stream:
    """Made by ``Model.stream()``; one thread at a time uses it, any number share a model.

    >>> with model.stream() as stream:                       # doctest: +SKIP
    ...     for block in blocks:                  # float32 [count] at 16 kHz
    ...         for event in stream.feed(block):
    ...             print(event.text)
    """

    def __init__(self, model: Model, given: Mapping[str, Any]) -> None:
        from .batch import check_names

        check_names(given, _NAMES, "stream")
        options = library.options(abi.StreamOptions)
        pointers, weights, count, used = model.adapter_arrays()
        if count:
            options.adapters, options.adapter_weights = pointers, weights
            options.adapter_count = count
        chosen = decoding.Decoding(model, given)
        options.decode = ctypes.pointer(chosen.struct)
        detector = model.detector(given.get("vad", "auto"))
        options.vad = detector.handle if detector else None
        options.threads = given.get("threads", 0) or model.threads
        options.guard = bool(given.get("guard", True))
        for name in ("pause", "pad", "line_max", "update"):
            if name in given:
                setattr(options, name + "_s", given[name])
        handle = c_void_p()
        library.call("pst_stream_new", model.handle, byref(options), byref(handle))
        self._handle = handle
        self._keep = (model, used, chosen, detector)
        weakref.finalize(self, library.function("pst_stream_free"), handle).atexit = False

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        """The events of what is still to be said are those of ``finish()``: call it for them."""

    def feed(self, samples: NDArray[np.floating[Any]]) -> list[Event]:
        """The next samples [count], float in [-1, 1] at 16 kHz mono, any number of them.

        Computes what they make possible, without the GIL, and returns what has happened.
        """
        import numpy as np

        block = np.ascontiguousarray(samples, dtype=np.float32)
        if block.ndim != 1:
            raise InputError(f"samples of shape {block.shape}, expected [count] at 16 kHz mono")
        pointer = block.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        library.call("pst_stream_feed", self._handle, pointer, block.size)
        return self._events()

    def finish(self) -> list[Event]:
        """The sound has ended: completes the line at hand. ``feed()`` may go on after it."""
        library.call("pst_stream_finish", self._handle)
        return self._events()

    def _events(self) -> list[Event]:
        events = []
        next_event = library.function("pst_stream_next_event")
        while at := next_event(self._handle):
            event = at.contents
            raw: bytes = event.text or b""
            events.append(
                Event(
                    KINDS[event.kind],
                    event.line,
                    event.first / RATE_HZ,
                    (event.first + event.samples) / RATE_HZ,
                    library.text(raw),
                    library.text(raw[: event.committed]),
                    tuple(event.tokens[: event.token_count]),
                    event.avg_logprob,
                    bool(event.truncated),
                    flag_names(event.flags),
                    event.no_speech_prob,
                )
            )
        return events
