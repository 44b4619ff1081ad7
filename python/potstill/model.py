"""A model to transcribe with."""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ctypes import byref, c_double, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from . import abi, adapter as adapters_of, batch, decoding, library, place, speech
from .errors import ArgumentError, ModelError
from .result import Result
from .stream import Stream

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .adapter import Adapter, Adapters
    from .sound import Sound
    from .stream import StreamOptions

CPUS = (
    "auto reference avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx neon neon_dotprod neon_i8mm"
).split()
PRECISIONS = {"f32": 0, "bf16": 1, "int8": 2, "auto": 3, "float32": 0, "bfloat16": 1}
DEVICES = ("auto", "cpu", "mil", "coreml")
UNITS = ("all", "ane", "gpu", "cpu")
WINDOWS = ("exclusive", "inclusive")


def choose(name: str, value: Any, among: Sequence[str]) -> int:
    """The number of a choice, which is its place."""
    if value not in among:
        raise ArgumentError(f"{name}={value!r}: expected one of {', '.join(among)}")
    return list(among).index(value)


class Owner:
    """What frees the model: adapters hold it too, for they must go first."""

    def __init__(self, handle: c_void_p, keep: Any) -> None:
        self.keep = keep
        weakref.finalize(self, library.function("pst_model_free"), handle).atexit = False


class Model:
    """A checkpoint, or what was converted from one, open for any number of threads.

    Made by ``load()``. It goes through pickle by its path and options, so workers of
    ``multiprocessing`` open the same files, whose weights they share in memory.

    Attributes:
        dir: its folder.
        info: sizes and kinds, by the names of ``pst_model_info``.
        adapters: those that are open, by the name they were asked for.
    """

    def __init__(self, folder: str, options: Mapping[str, Any], keep: Any = None) -> None:
        self.dir = folder
        self._options = dict(options)
        self._relay = library.Relay()
        struct, self._texts = self._set_up(options)
        handle = c_void_p()
        self._relay.call("pst_model_open", os.fsencode(folder), byref(struct), byref(handle))
        self.handle = handle
        self.owner = Owner(handle, (keep, self._relay))
        self.threads: int = options.get("threads", 0)
        self.info = self._describe()
        self.adapters: dict[str, Adapter] = {}
        self._detectors: dict[Any, speech.Detector] = {}
        self._made: dict[Any, Any] = {}  # options of the last call, by batch
        self._lock = threading.Lock()
        self._initial: tuple[tuple[Adapter, float], ...] = ()
        self._used: contextvars.ContextVar[Optional[tuple[tuple[Adapter, float], ...]]]
        self._used = contextvars.ContextVar("adapters", default=None)

    def _set_up(self, options: Mapping[str, Any]) -> tuple[Any, list[Optional[bytes]]]:
        struct = library.options(abi.ModelOptions)
        cache = place.Finder().weights_cache if options.get("cache", True) else None
        names = ("processor_dir", "cache_dir", "decoder_dir")
        values = (options.get("processor_dir"), cache, options.get("decoder"))
        texts = [library.path_bytes(value) for value in values]
        for name, value in zip(names, texts):
            setattr(struct, name, value)
        precision = options.get("precision", "auto")
        if precision not in PRECISIONS:
            raise ArgumentError(f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}")
        struct.precision = PRECISIONS[precision]
        struct.cpu = choose("cpu", options.get("cpu", "auto"), CPUS)
        struct.device = choose("device", options.get("device", "auto"), DEVICES)
        struct.units = choose("compute_units", options.get("compute_units", "all"), UNITS)
        bounds = options.get("window_bounds", "exclusive")
        struct.inclusive_windows = choose("window_bounds", bounds, WINDOWS)
        struct.read_files = options.get("read_files", False)
        # Packed now: a process that forks later shares it, and no first call is slow.
        struct.prepare = 1
        struct.warn = self._relay.warn
        return struct, texts

    def _describe(self) -> dict[str, Any]:
        info = abi.ModelInfo()
        library.function("pst_model_describe")(self.handle, byref(info))
        values = {}
        for field in abi.ModelInfo._fields_:
            name, value = field[0], getattr(info, field[0])
            values[name] = value.decode() if isinstance(value, bytes) else value
        return values

    def __repr__(self) -> str:
        info = self.info
        sizes = "converted" if info["layout"] else f"{info['parameters'] / 1e6:.1f} M parameters"
        used = [f"{Path(a.dir).name}:{w:g}" for a, w in self._in_use()]
        adapted = f", adapter {' + '.join(used)}" if used else ""
        precision = f"{info['precision']} ({info['kernels']})"
        return f"Model({self.dir!r}, {info['model_type']}, {sizes}, {precision}{adapted})"

    def __reduce__(self) -> Any:
        initial = [(a.dir, w) for a, w in self._initial]
        return _restore, (self.dir, self._options, initial)

    @property
    def processor_dir(self) -> Optional[str]:
        """Folder of its tokenizer, where that is not its own."""
        given = self._options.get("processor_dir")
        return None if given is None else os.fspath(given)

    # ------------------------------------------------------------------------------- adapters

    def load_adapter(self, name: place.PathLike) -> Adapter:
        """Opens the adapter ``name``, a folder or a hub id; one that is open is returned as it is.

        Raises:
            ModelError: it is missing, damaged or does not fit this model.
            UnsupportedError: it cannot be applied exactly.
        """
        key = os.fspath(name)
        if self.info["layout"]:
            raise ArgumentError(
                f"{self.dir}: a converted model, which takes no adapter: merge it in, by "
                "potstill.convert(adapter=)"
            )
        with self._lock:
            if key not in self.adapters:
                finder = place.Finder(self._options.get("offline", False))
                folder = finder.find(name, "adapter")
                scale = self._options.get("adapter_scale", 0)
                self.adapters[key] = adapters_of.Adapter(self, folder, scale)
            return self.adapters[key]

    def _resolve(
        self, adapters: Adapters, weight: Optional[float] = None
    ) -> tuple[tuple[Adapter, float], ...]:
        pairs = adapters_of.listed(adapters)
        if weight is not None:
            pairs = [(name, weight * own) for name, own in pairs]
        return tuple((self.load_adapter(name), own) for name, own in pairs)

    def _in_use(self) -> tuple[tuple[Adapter, float], ...]:
        used = self._used.get()
        return self._initial if used is None else used

    @contextlib.contextmanager
    def use(self, adapter: Adapters, weight: float = 1.0) -> Iterator[Model]:
        """Other adapters for a while, in this thread alone; ``None`` is the base by itself.

        They take the place of those the model was loaded with. Opened once, choosing is cheap.

        >>> with model.use("my_adapter", weight=0.7):        # doctest: +SKIP
        ...     model.transcribe("clip.flac")
        """
        token = self._used.set(self._resolve(adapter, weight))
        try:
            yield self
        finally:
            self._used.reset(token)

    def adapter_arrays(self) -> tuple[Any, Any, int, Any]:
        """Pointers [count] and weights [count] for the library, and what must live meanwhile."""
        used = self._in_use()
        pointers = (c_void_p * len(used))(*(a.handle for a, _ in used))
        weights = (c_double * len(used))(*(w for _, w in used))
        return pointers, weights, len(used), used

    # --------------------------------------------------------------------------- transcribing

    def detector(self, kind: str, **settings: Any) -> Optional[speech.Detector]:
        """The detector of speech that transcribe() uses; None: off."""
        if kind == "off":
            return None
        key = (kind, tuple(sorted(settings.items())))
        with self._lock:
            if key not in self._detectors:
                self._detectors[key] = speech.Detector(kind, self.dir, settings)
            return self._detectors[key]

    @overload
    def transcribe(  # type: ignore[overload-overlap]  # a str is an iterable, too
        self, sound: Sound, /, **options: Unpack[batch.TranscribeOptions]
    ) -> Result: ...

    @overload
    def transcribe(
        self, sounds: Iterable[Sound], /, **options: Unpack[batch.TranscribeOptions]
    ) -> list[Result]: ...

    def transcribe(self, sound: Any, /, **options: Any) -> Union[Result, list[Result]]:
        """Speech to text, as ``potstill transcribe`` does it, with its options by keyword.

        Args:
            sound: a path to any audio file; float samples [count] at 16 kHz; ``(rate, samples)``
                with samples [count] or [count, channels], float in [-1, 1] or integer PCM; the
                bytes of an audio file; a row of an ``Audio`` column of ``datasets``. Or an iterable
                of these, which is read as it is needed and transcribed on all threads at once.
            **options: ``batch.TranscribeOptions`` and ``decoding.DecodeOptions`` list them. With
                ``window=0`` all of the sound goes through the model in one piece, which gives what
                ``generate()`` of transformers gives.

        Returns:
            A ``Result``; of an iterable a list of them, in its order.

        Raises:
            InputError: a sound cannot be used. With ``errors="return"`` the result of that sound has
                the exception in ``error``, and the others are transcribed.
        """
        return batch.transcribe(self, sound, options)

    def stream(self, **options: Unpack[StreamOptions]) -> Stream:
        """Text while somebody speaks: samples go in as they come, lines come out.

        Adapters are those in use in this thread now. ``stream.StreamOptions`` lists the options.
        """
        return Stream(self, options)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, the start token first, as ``tokenizers`` gives them."""
        return decoding.encode(self, text)

    def decode(self, tokens: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids."""
        return decoding.decode(self, tokens, skip_special_tokens)


def load(
    model: Optional[place.PathLike] = None,
    *,
    adapter: Adapters = None,
    precision: Literal["auto", "f32", "bf16", "int8", "float32", "bfloat16"] = "auto",
    threads: int = 0,
    processor_dir: Optional[place.PathLike] = None,
    revision: Optional[str] = None,
    offline: bool = False,
    device: Literal["auto", "cpu", "mil", "coreml"] = "auto",
    compute_units: Literal["all", "ane", "gpu", "cpu"] = "all",
    decoder: Optional[place.PathLike] = None,
    adapter_scale: float = 0,
    cpu: str = "auto",
    window_bounds: Literal["exclusive", "inclusive"] = "exclusive",
    cache: bool = True,
    read_files: bool = False,
) -> Model:
    """Opens a model, with adapters on it.

    Args:
        model: a folder, the name of an imported model, or a hub id such as
            "UsefulSensors/moonshine-tiny". None: the base that the adapter names, else
            ``$POTSTILL_MODEL``, else moonshine-tiny.
        adapter: a PEFT adapter, by folder or hub id; ``("name", 0.7)`` with a weight; a list of
            these acts together.
        precision: of the matrix products. "f32" gives what transformers gives token for token;
            "auto" is bf16 where this CPU has kernels for it.
        threads: to compute with; results are the same for any number. 0: one a core, at most 8.
        processor_dir: folder of tokenizer.json, when the model has none.
        revision: branch, tag or commit on the hub.
        offline: download nothing.
        device, compute_units, decoder: of converted models; docs/COREML.md.
        adapter_scale: of an adapter that stores none; 0: 1, with a warning.
        cpu: instruction set; "auto" is the best there is.
        window_bounds: of streaming models; "inclusive" is the vendor's own export.
        cache: keep packed weights for the next start.
        read_files: read weights into memory rather than mapping their files.

    Raises:
        ModelError: a file is missing, damaged or does not fit; NotFoundError, AccessError: it is not
            on this machine or not on the hub; UnsupportedError: a setting that would change the
            output.

    >>> model = potstill.load("UsefulSensors/moonshine-tiny", adapter="my_adapter")  # doctest: +SKIP
    >>> print(model.transcribe("clip.flac").text)                                    # doctest: +SKIP
    """
    finder = place.Finder(offline)
    pairs = adapters_of.listed(adapter)
    sources = place.find_sources(finder, model, pairs, processor_dir, revision=revision)
    if decoder is not None:
        decoder = finder.find(decoder, "checkpoint", revision)
    options = {
        "precision": precision,
        "threads": threads,
        "processor_dir": sources.processor,
        "offline": offline,
        "device": device,
        "compute_units": compute_units,
        "decoder": decoder,
        "adapter_scale": adapter_scale,
        "cpu": cpu,
        "window_bounds": window_bounds,
        "cache": cache,
        "read_files": read_files,
    }
    return _restore(sources.model, options, sources.adapters)


def _restore(
    folder: str, options: dict[str, Any], pairs: list[tuple[str, float]], keep: Any = None
) -> Model:
    opened = Model(folder, options, keep)
    if not opened.info["layout"]:
        try:
            opened.decode([])
        except ModelError as error:
            raise ModelError(f"{error} (processor_dir=)") from None
    opened._initial = opened._resolve(pairs)
    return opened
