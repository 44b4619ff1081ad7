"""An adapter, open and checked against its model."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from ctypes import byref, c_void_p
from os import fspath
from typing import TYPE_CHECKING, Any, Union

from . import abi, library, place
from .errors import ArgumentError

if TYPE_CHECKING:
    from .model import Model

    #: A folder or hub id; with a weight; several that act together.
    One = Union[place.PathLike, tuple[place.PathLike, float]]
    Adapters = Union[None, One, Sequence[One]]


class Adapter:
    """A PEFT adapter, or one of Moonshine's own trainer; immutable, shared by threads.

    Attributes:
        dir: its folder.
        peft_type: "LORA" and others.
        base_model: what it says it was made for; "" when it does not.
        modules: how many modules of the model it changes.
        rank: smallest and largest rank of them.
        parameters: values stored.
    """

    def __init__(self, model: Model, folder: str, scale: float = 0) -> None:
        relay = library.Relay()
        options = library.options(abi.AdapterOptions)
        options.warn, options.adapter_scale = relay.warn, scale
        handle = c_void_p()
        relay.call(
            "pst_adapter_open",
            model.handle,
            library.path_bytes(folder),
            byref(options),
            byref(handle),
        )
        self.dir, self.handle = folder, handle
        self._model = model.owner  # goes last
        free = weakref.finalize(self, library.function("pst_adapter_free"), handle)
        free.atexit = False
        info = abi.AdapterInfo()
        library.function("pst_adapter_describe")(handle, byref(info))
        self.peft_type = library.text(info.peft_type)
        self.base_model = library.text(info.base_model)
        self.modules: int = info.modules
        self.rank: tuple[int, int] = (info.rank_min, info.rank_max)
        self.parameters: int = info.parameters

    def __repr__(self) -> str:
        low, high = self.rank
        rank = str(low) if low == high else f"{low}-{high}"
        return f"Adapter({self.dir!r}, {self.peft_type}, rank {rank}, {self.modules} modules)"


def _is_one(value: Any) -> bool:
    """A name, or a name with its weight?"""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], (int, float)):
        return True
    return isinstance(value, str) or hasattr(value, "__fspath__")


def listed(adapters: Adapters) -> list[tuple[str, float]]:
    """Every way of naming adapters as a list of (name, weight)."""
    if adapters is None:
        return []
    many: Any = [adapters] if _is_one(adapters) else adapters
    pairs = []
    for one in many:
        if not _is_one(one):
            raise ArgumentError(f"adapter {one!r}: expected a folder, a hub id, or (that, weight)")
        name, weight = one if isinstance(one, tuple) else (one, 1.0)
        pairs.append((fspath(name), float(weight)))
    return pairs
