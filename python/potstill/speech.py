"""Who finds the speech in a sound: Silero's network, loudness and spectrum, or nobody."""

from __future__ import annotations

import os
import weakref
from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any, Optional

from . import abi, environment, library
from .errors import ArgumentError, ModelError

KINDS = ("auto", "silero", "energy", "off")
_FILE = Path("silero-vad", "silero_vad_16k.safetensors")


def _find_weights(model_dir: str) -> Optional[str]:
    """Beside the model, beside the one of the environment, among the imported ones."""
    folders = [Path(os.path.abspath(model_dir)).parent]
    chosen = os.environ.get("POTSTILL_MODEL")
    if chosen:
        folders.append(Path(os.path.abspath(environment.default_model())).parent)
    folders.append(environment.models_dir())
    for folder in folders:
        if (folder / _FILE).is_file():
            return str(folder / _FILE)
    return None


class Detector:
    """A detector of speech: any number of threads may use it."""

    def __init__(self, kind: str, model_dir: str, settings: dict[str, Any]) -> None:
        if kind not in KINDS:
            raise ArgumentError(f"vad={kind!r}: expected one of {', '.join(KINDS)}")
        weights = settings.pop("vad_weights", None)
        if kind == "energy":
            weights = None
        elif weights is None:
            weights = _find_weights(model_dir)
        if kind == "silero" and weights is None:
            raise ModelError(
                f"no {_FILE} beside the model or in {environment.models_dir()}; "
                "name it with vad_weights="
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
