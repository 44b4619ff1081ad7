"""The shared library: loaded once, its functions declared, its structs compared with ``abi``.

ctypes lets go of the GIL for as long as a function of the library runs, so threads of Python compute
side by side. What the library calls back runs with the GIL, and must not raise: ``Relay`` carries an
exception from a callback to whoever called the library.
"""

from __future__ import annotations

import ctypes
import sys
import warnings
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_void_p
from os import fsencode
from pathlib import Path
from typing import Any, Callable, Optional, Union

from . import abi
from .errors import PotstillWarning, of_status

NAME = "libpotstill.dylib" if sys.platform == "darwin" else "libpotstill.so"
PATH = Path(__file__).with_name(NAME)


def _struct_name(declared: type[ctypes.Structure]) -> str:
    return "pst" + "".join("_" + c.lower() if c.isupper() else c for c in declared.__name__)


def _check_sizes(library: ctypes.CDLL) -> None:
    """Refuses a library whose structs are not those of ``abi``: calls would corrupt memory."""
    library.pst_struct_size.restype = c_size_t
    library.pst_struct_size.argtypes = [c_char_p]
    for declared in vars(abi).values():
        if not (isinstance(declared, type) and issubclass(declared, ctypes.Structure)):
            continue
        if declared is ctypes.Structure:
            continue
        name = _struct_name(declared)
        there, here = library.pst_struct_size(name.encode()), ctypes.sizeof(declared)
        if there != here:
            raise ImportError(
                f"{PATH}: its {name} has {there} bytes, this package expects {here}: "
                "the library and the modules are not of one version; install potstill again"
            )


_P = POINTER
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "pst_version": (c_char_p, []),
    "pst_build_info": (c_size_t, [c_char_p, c_size_t]),
    "pst_free": (None, [c_void_p]),
    "pst_find_options_init_sized": (None, [_P(abi.FindOptions), c_size_t]),
    "pst_model_options_init_sized": (None, [_P(abi.ModelOptions), c_size_t]),
    "pst_adapter_options_init_sized": (None, [_P(abi.AdapterOptions), c_size_t]),
    "pst_audio_options_init_sized": (None, [_P(abi.AudioOptions), c_size_t]),
    "pst_decode_options_init_sized": (None, [_P(abi.DecodeOptions), c_size_t]),
    "pst_vad_options_init_sized": (None, [_P(abi.VadOptions), c_size_t]),
    "pst_stream_options_init_sized": (None, [_P(abi.StreamOptions), c_size_t]),
    "pst_session_options_init_sized": (None, [_P(abi.SessionOptions), c_size_t]),
    "pst_batch_options_init_sized": (None, [_P(abi.BatchOptions), c_size_t]),
    "pst_merge_options_init_sized": (None, [_P(abi.MergeOptions), c_size_t]),
    "pst_convert_options_init_sized": (None, [_P(abi.ConvertOptions), c_size_t]),
    "pst_verify_options_init_sized": (None, [_P(abi.VerifyOptions), c_size_t]),
    "pst_finder_new": (c_int, [_P(abi.FindOptions), _P(c_void_p)]),
    "pst_finder_free": (None, [c_void_p]),
    "pst_finder_describe": (None, [c_void_p, _P(abi.FinderInfo)]),
    "pst_finder_find": (c_int, [c_void_p, c_char_p, c_int, c_char_p, _P(c_void_p)]),
    "pst_finder_pull": (c_int, [c_void_p, c_char_p, c_char_p, _P(c_void_p)]),
    "pst_finder_base": (
        c_int,
        [c_void_p, _P(c_char_p), c_size_t, c_char_p, _P(c_void_p), _P(c_void_p)],
    ),
    "pst_finder_check_base": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_int]),
    "pst_finder_processor": (c_int, [c_void_p, c_char_p, _P(c_void_p)]),
    "pst_finder_vad": (c_int, [c_void_p, c_char_p, _P(c_void_p)]),
    "pst_model_open": (c_int, [c_char_p, _P(abi.ModelOptions), _P(c_void_p)]),
    "pst_model_free": (None, [c_void_p]),
    "pst_model_describe": (None, [c_void_p, _P(abi.ModelInfo)]),
    "pst_model_encode": (
        c_int,
        [c_void_p, c_char_p, c_size_t, _P(_P(c_int32)), _P(c_size_t)],
    ),
    "pst_model_decode": (c_int, [c_void_p, _P(c_int32), c_size_t, c_int, _P(c_void_p)]),
    "pst_model_decode_options_sized": (None, [c_void_p, _P(abi.DecodeOptions), c_size_t]),
    "pst_adapter_open": (c_int, [c_void_p, c_char_p, _P(abi.AdapterOptions), _P(c_void_p)]),
    "pst_adapter_free": (None, [c_void_p]),
    "pst_adapter_find": (c_int, [c_char_p, _P(c_void_p)]),
    "pst_adapter_describe": (None, [c_void_p, _P(abi.AdapterInfo)]),
    "pst_vad_open": (c_int, [_P(abi.VadOptions), _P(c_void_p)]),
    "pst_vad_free": (None, [c_void_p]),
    "pst_vad_name": (c_char_p, [c_void_p]),
    "pst_audio_read_with": (c_int, [c_char_p, _P(abi.AudioOptions), _P(abi.Audio)]),
    "pst_audio_read_fd": (c_int, [c_int, c_char_p, _P(abi.Audio)]),
    "pst_audio_free": (None, [_P(abi.Audio)]),
    "pst_session_new": (c_int, [c_void_p, _P(abi.SessionOptions), _P(c_void_p)]),
    "pst_batch_run": (c_int, [c_void_p, _P(abi.BatchOptions)]),
    "pst_stream_new": (c_int, [c_void_p, _P(abi.StreamOptions), _P(c_void_p)]),
    "pst_stream_free": (None, [c_void_p]),
    "pst_stream_feed": (c_int, [c_void_p, _P(c_float), c_size_t]),
    "pst_stream_finish": (c_int, [c_void_p]),
    "pst_stream_next_event": (_P(abi.StreamEvent), [c_void_p]),
    "pst_merge": (
        c_int,
        [c_char_p, _P(abi.MergeAdapter), c_size_t, c_char_p, _P(abi.MergeOptions)],
    ),
    "pst_convert": (
        c_int,
        [c_char_p, _P(abi.MergeAdapter), c_size_t, c_char_p, _P(abi.ConvertOptions)],
    ),
    "pst_verify": (c_int, [c_char_p, _P(abi.VerifyOptions), _P(abi.VerifySummary)]),
    "pst_score_words": (c_int, [c_char_p, c_char_p, c_int, _P(abi.WordCounts)]),
    "pst_word_error_rate": (c_double, [_P(abi.WordCounts)]),
}


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(PATH))
    except OSError as error:
        raise ImportError(
            f"{PATH}: cannot be loaded ({error}); expected the library of an installed wheel: "
            "pip install potstill"
        ) from None
    _check_sizes(library)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        # What gives a status can fail, and takes an error record last.
        function.argtypes = arguments + [_P(abi.Error)] if result is c_int else arguments
    return library


_library = _load()


def function(name: str) -> Any:
    """A function of the library, declared as in the header."""
    return getattr(_library, name)


def call(name: str, *arguments: Any) -> None:
    """Calls a function that gives a status; raises the exception of its kind."""
    error = abi.Error()
    status = getattr(_library, name)(*arguments, byref(error))
    if status:
        raise of_status(status, text(error.message))


_defaults: dict[Any, Any] = {}


def options(declared: type[Any]) -> Any:
    """A struct of options with the library's defaults, which are asked for once."""
    if declared not in _defaults:
        struct, size = declared(), ctypes.sizeof(declared)
        getattr(_library, _struct_name(declared) + "_init_sized")(byref(struct), size)
        _defaults[declared] = struct
    return declared.from_buffer_copy(_defaults[declared])


def text(value: Optional[bytes]) -> str:
    """UTF-8 of the library, or what bytes a file system has, as a string."""
    return (value or b"").decode("utf-8", "replace")


def path_bytes(path: Any) -> Optional[bytes]:
    """A path for the library; None stays None."""
    return None if path is None else fsencode(path)


def take_text(pointer: c_void_p) -> str:
    """A text that the library has given away, which is released here."""
    value = ctypes.string_at(pointer.value or 0)
    _library.pst_free(pointer)
    return value.decode("utf-8", "surrogateescape")


def take_text_or_none(pointer: c_void_p) -> Optional[str]:
    """The same of what may be NULL."""
    return take_text(pointer) if pointer.value else None


def int32_array(values: Any) -> Any:
    """A C array [len(values)] of int32."""
    return (c_int32 * len(values))(*values)


class Relay:
    """Carries exceptions out of callbacks, and warnings to where they can be raised.

    >>> relay = Relay()
    >>> callback = relay.guard(abi.ASK, lambda user: 0, failed=1)
    >>> callback(None)
    0
    """

    def __init__(self) -> None:
        self.raised: Optional[BaseException] = None
        self.messages: list[str] = []
        self.warn = abi.WARN(lambda user, message: self.messages.append(text(message)))

    def guard(self, kind: Any, action: Callable[..., Union[int, None]], failed: int) -> Any:
        """A callback of C type ``kind`` that does ``action`` and gives ``failed`` when it raises."""

        def guarded(*arguments: Any) -> Optional[int]:
            try:
                return action(*arguments)
            except BaseException as error:  # Ctrl-C too: C code lies between us and our caller
                if self.raised is None:
                    self.raised = error
                return failed

        return kind(guarded)

    def never(self) -> Any:
        """A ``cancelled`` callback that lets Ctrl-C through: Python looks at signals in it."""
        return self.guard(abi.ASK, lambda user: 1 if self.raised else 0, failed=1)

    def call(self, name: str, *arguments: Any) -> None:
        """``call()``, then raises what a callback raised and warns of what was said."""
        try:
            call(name, *arguments)
        finally:
            if self.raised is not None:
                raise self.raised
            self.tell()

    def tell(self) -> None:
        """Warns of what was said so far."""
        messages, self.messages[:] = list(self.messages), []
        for message in messages:
            warnings.warn(message, PotstillWarning, stacklevel=4)


def version() -> str:
    """The version of the library, as "0.1.0"."""
    return text(function("pst_version")())


def build_info() -> str:
    """One line about this build and machine: kernel sets usable here, libraries and versions."""
    buffer = ctypes.create_string_buffer(1024)
    function("pst_build_info")(buffer, len(buffer))
    return text(buffer.value)
