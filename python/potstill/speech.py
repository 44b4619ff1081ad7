"""Who finds the speech in a sound: Silero's network, loudness and spectrum, or nobody."""

from __future__ import annotations

import weakref
from ctypes import byref, c_void_p
from typing import Any, Optional

from . import abi, library, place
from .errors import ArgumentError, ModelError

KINDS = ("auto", "silero", "energy", "off")


class Detector:
    """A detector of speech: any number of threads may use it."""

    def __init__(self, kind: str, model_dir: str, settings: dict[str, Any]) -> None:
        if kind not in KINDS:
            raise ArgumentError(f"vad={kind!r}: expected one of {', '.join(KINDS)}")
        weights = settings.pop("vad_weights", None)
        if kind == "energy":
            weights = None
        elif weights is None:
            finder = place.Finder()
            weights = finder.vad(model_dir)
            if kind == "silero" and weights is None:
                raise ModelError(
                    "no silero-vad/silero_vad_16k.safetensors beside the model or in "
                    f"{finder.models_dir}; name it with vad_weights="
                )
        options = library.options(abi.VadOptions)
        options.weights = library.path_bytes(weights)
        options.speech_pad_ms = 400  # the command's for transcribe: the model likes some quiet
        for name, value in settings.items():
            setattr(options, name, value)
        handle = c_void_p()
        library.call("pst_vad_open", byref(options), byref(handle))
        self.handle = handle
        free = weakref.finalize(self, library.function("pst_vad_free"), handle)
        free.atexit = False

    @property
    def name(self) -> str:
        """ "silero" or "energy"."""
        return library.text(library.function("pst_vad_name")(self.handle))
