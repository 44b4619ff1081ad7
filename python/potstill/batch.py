"""Many sounds over one model, as ``potstill transcribe`` does them; one sound is a batch of one."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sized
from ctypes import byref
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union

from . import abi, decoding, environment, library
from .errors import ArgumentError, PotstillError
from .progress import Bar
from .result import Result, of_clip
from .sound import Clip, is_sound

if TYPE_CHECKING:
    from .model import Model
    from .speech import Detector

EACH_CHANNEL = 2**32 - 1


class TranscribeOptions(decoding.DecodeOptions, total=False):
    """Options of transcribe(), named as the command's."""

    window: float  #: seconds: longer sounds are cut in their pauses; 0: never. 30
    vad: Literal["auto", "silero", "energy", "off"]  #: who finds the speech. "auto"
    vad_weights: str  #: silero_vad_16k.safetensors
    threshold: float  #: speech begins at this probability. 0.5
    neg_threshold: float  #: and ends below this one. 0.15 less
    min_speech_duration_ms: float  #: what is shorter is no speech. 250
    min_silence_duration_ms: float  #: a shorter pause does not end it. 100
    speech_pad_ms: float  #: margin at both ends of it. 400
    guard: bool  #: doubtful texts are tried again, marked or dropped. True
    normalize: bool  #: scale to an RMS of 0.075. False
    channels: Union[Literal["mix", "split"], int]  #: or one channel, from 1. "mix"
    word_timestamps: bool  #: the result has words. False
    alignment_heads: list[tuple[int, ...]]  #: (layer, head) or (layer, head, lag)
    threads: int  #: for this call; 0: the model's
    errors: Literal["raise", "return"]  #: of a sound that cannot be used. "raise"
    progress: Optional[bool]  #: a bar, by tqdm. None: for several sounds, where tqdm is there


VAD_SETTINGS = (
    "vad_weights",
    "threshold",
    "neg_threshold",
    "min_speech_duration_ms",
    "min_silence_duration_ms",
    "speech_pad_ms",
)
_NAMES = frozenset(TranscribeOptions.__annotations__) | decoding.NAMES


def check_names(given: Mapping[str, Any], known: frozenset[str], function: str) -> None:
    for name in given:
        if name not in known:
            raise TypeError(f"{function}() has no option {name!r}; it has {', '.join(sorted(known))}")


def _channel(value: Any) -> int:
    if value == "mix":
        return 0
    if value == "split":
        return EACH_CHANNEL
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ArgumentError(f"channels={value!r}: expected 'mix', 'split' or a number from 1")


class _Run:
    """One call of the library: what it asks for, and what it delivers."""

    def __init__(
        self,
        sounds: Iterable[Any],
        stop_at_error: bool,
        bar: Bar,
        heard: Optional[Callable[[], None]],
        done: Optional[Callable[[Result], None]],
    ) -> None:
        self._sounds: Iterator[Any] = iter(sounds)
        self._stop_at_error, self._bar, self._heard = stop_at_error, bar, heard
        self._done = done or self._keep
        self._open: dict[int, Clip] = {}
        self._taken = 0
        self.raised: Optional[BaseException] = None
        self.results: list[Result] = []

    def next(self, at: Any) -> int:
        try:
            sound = next(self._sounds)
        except StopIteration:
            return 0
        clip = Clip(sound, self._taken)
        clip.fill(at.contents)
        self._open[self._taken] = clip
        self._taken += 1
        return 1

    def _keep(self, result: Result) -> None:
        self.results.append(result)

    def deliver(self, at: Any) -> int:
        delivered = at.contents
        clip = self._open.pop(delivered.index)
        clip.close()
        result = of_clip(delivered, clip.name)
        self._done(result)
        self._bar.step()
        if result.error is not None and self._stop_at_error:
            raise result.error
        return 1 if self.raised else 0

    def follow(self, at: Any) -> int:
        """Python looks at signals when it runs, so this lets Ctrl-C through."""
        if self._heard is not None:
            self._heard()
        return 1 if self.raised else 0

    def close(self) -> None:
        for clip in self._open.values():
            clip.close()
        self._bar.close()


# Callbacks are made once, for making them takes longer than all else around a short call; the number
# that the library hands back says whose they are.
_runs: dict[int, _Run] = {}
_numbers = itertools.count(1)


def _callback(kind: Any, action: Callable[[_Run, Any], int], failed: int) -> Any:
    """As ``Relay.guard()``: what is raised waits for the library to return."""

    def guarded(user: int, at: Any) -> int:
        run = _runs[user]
        try:
            return action(run, at)
        except BaseException as error:
            if run.raised is None:
                run.raised = error
            return failed

    return kind(guarded)


_NEXT = _callback(abi.NEXT, _Run.next, failed=0)
_DELIVER = _callback(abi.DELIVER, _Run.deliver, failed=1)
_PROGRESS = _callback(abi.PROGRESS, _Run.follow, failed=1)


def listening(model: Model, given: Mapping[str, Any]) -> tuple[Optional[Detector], bool]:
    """Who finds the speech, and whether doubtful texts are guarded; with window=0 neither."""
    if given.get("window", 30) == 0:
        return None, False
    settings = {name: given[name] for name in VAD_SETTINGS if name in given}
    return model.detector(given.get("vad", "auto"), **settings), bool(given.get("guard", True))


def _batch_options(model: Model, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """The command's defaults, in the order of its help; with what they point to."""
    struct = library.options(abi.BatchOptions)
    struct.threads = given.get("threads", 0) or model.threads
    struct.window_seconds = given.get("window", 30)
    struct.normalize = given.get("normalize", False)
    pointers, weights, count, used = model.adapter_arrays()
    if count:
        struct.adapters, struct.weights, struct.adapter_count = pointers, weights, count
    chosen = decoding.Decoding(model, given)
    if given.get("word_timestamps") or given.get("alignment_heads"):
        chosen.ask_words(given.get("alignment_heads") or ())
    struct.decode = ctypes.pointer(chosen.struct)
    detector, struct.guard = listening(model, given)
    struct.vad = detector.handle if detector else None
    audio = library.options(abi.AudioOptions)
    audio.ffmpeg = library.path_bytes(environment.program("ffmpeg"))
    audio.channel = _channel(given.get("channels", "mix"))
    struct.audio = ctypes.pointer(audio)
    return struct, (pointers, weights, used, chosen, detector, audio)


def _options(model: Model, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """As ``_batch_options()``, which is slow beside a short call: asked the same twice, a copy."""
    kinds = map(type, given.values())  # True is no 1
    path = os.environ.get("PATH")
    key = (model._in_use(), model.threads, path, *given.items(), *kinds)
    try:
        made = model._made.get(key)
    except TypeError:  # a list among them, which may change
        return _batch_options(model, given)
    if made is None:
        made = _batch_options(model, given)
        model._made = {key: made}
    return abi.BatchOptions.from_buffer_copy(made[0]), made


def check_options(model: Model, given: Mapping[str, Any]) -> None:
    """Raises what ``run()`` would of options, without a sound."""
    check_names(given, _NAMES, "transcribe")
    _batch_options(model, given)


def new_session(model: Model) -> ctypes.c_void_p:
    """To lend to ``run()``: its memory is kept between runs. It computes on one thread, in one run at a
    time, and lives as long as the process."""
    options, session = library.options(abi.SessionOptions), ctypes.c_void_p()
    options.threads = 1
    library.call("pst_session_new", model.handle, byref(options), byref(session))
    return session


def run(
    model: Model,
    sounds: Iterable[Any],
    given: Mapping[str, Any],
    progress: Optional[bool],
    heard: Optional[Callable[[], None]] = None,
    done: Optional[Callable[[Result], None]] = None,
    session: Optional[ctypes.c_void_p] = None,
) -> list[Result]:
    """``heard`` is called now and then while a sound of several segments is transcribed, ``done`` with
    each result, in the order of the sounds: then none is kept."""
    check_names(given, _NAMES, "transcribe")
    errors = given.get("errors", "raise")
    if errors not in ("raise", "return"):
        raise ArgumentError(f"errors={errors!r}: expected 'raise' or 'return'")
    options, _keep = _options(model, given)
    total = len(sounds) if isinstance(sounds, Sized) else None
    job = _Run(sounds, errors == "raise", Bar(progress, total=total, unit="clip"), heard, done)
    number = next(_numbers)
    options.next, options.deliver, options.progress = _NEXT, _DELIVER, _PROGRESS
    options.user, options.session = number, session
    _runs[number] = job
    try:
        library.call("pst_batch_run", model.handle, byref(options))
    except PotstillError:
        if job.raised is None:
            raise
    finally:
        del _runs[number]
        job.close()
    if job.raised is not None:
        raise job.raised
    return job.results


def transcribe(
    model: Model, sound: Any, given: Mapping[str, Any]
) -> Union[Result, list[Result]]:
    """``Model.transcribe()``."""
    progress = given.get("progress")
    if is_sound(sound):
        return run(model, (sound,), given, progress or False)[0]
    return run(model, sound, given, progress)
