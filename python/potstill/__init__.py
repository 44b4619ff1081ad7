"""Potstill: run, evaluate, merge and convert fine-tuned Moonshine speech models.

>>> import potstill
>>> model = potstill.load("UsefulSensors/moonshine-tiny", adapter="my_adapter")  # doctest: +SKIP
>>> model.transcribe("clip.flac").text                                           # doctest: +SKIP

The engine is the C library in this package; results are those of the command ``potstill``, which
comes with it. Importing loads the library and checks that its structs are as declared here; NumPy
and the modules are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import library as _library

if TYPE_CHECKING:
    from .adapter import Adapter as Adapter
    from .column import transcribe_column as transcribe_column
    from .command import run_command as run_command
    from .errors import (
        AccessError as AccessError,
        ArgumentError as ArgumentError,
        CancelledError as CancelledError,
        CommandError as CommandError,
        DeviceError as DeviceError,
        InputError as InputError,
        ModelError as ModelError,
        NotFoundError as NotFoundError,
        OutOfMemoryError as OutOfMemoryError,
        PotstillError as PotstillError,
        PotstillWarning as PotstillWarning,
        ReadWriteError as ReadWriteError,
        UnsupportedError as UnsupportedError,
    )
    from .evaluation import Evaluation as Evaluation, evaluate as evaluate
    from .folders import (
        Finding as Finding,
        Verification as Verification,
        convert as convert,
        merge as merge,
        pull as pull,
        verify as verify,
    )
    from .live import from_pretrained as from_pretrained
    from .model import Model as Model, load as load
    from .result import Result as Result, Segment as Segment, Word as Word
    from .score import WordErrors as WordErrors, word_errors as word_errors
    from .stream import Event as Event, Stream as Stream
    from .training import TrainerCallback as TrainerCallback

_HOME = {
    "adapter": ["Adapter"],
    "column": ["transcribe_column"],
    "command": ["run_command"],
    "errors": [
        "AccessError",
        "ArgumentError",
        "CancelledError",
        "CommandError",
        "DeviceError",
        "InputError",
        "ModelError",
        "NotFoundError",
        "OutOfMemoryError",
        "PotstillError",
        "PotstillWarning",
        "ReadWriteError",
        "UnsupportedError",
    ],
    "evaluation": ["Evaluation", "evaluate"],
    "folders": ["Finding", "Verification", "convert", "merge", "pull", "verify"],
    "live": ["from_pretrained"],
    "model": ["Model", "load"],
    "result": ["Result", "Segment", "Word"],
    "score": ["WordErrors", "word_errors"],
    "stream": ["Event", "Stream"],
    "training": ["TrainerCallback"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__version__ = _library.version()
__all__ = sorted([*_MODULE_OF, "build_info"])

build_info = _library.build_info


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'potstill' has no attribute {name!r}")
    value = getattr(import_module("." + _MODULE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
