"""From what a user types to folders: models, adapters, tokenizers, by path, name or hub id.

The library finds them, as it does for the command; it reads no environment, so the variables of now are
handed to it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Literal, Optional, Union

from . import abi, environment, library

PathLike = Union[str, "os.PathLike[str]"]
Kind = Literal["any", "model", "checkpoint", "adapter", "processor"]
_KINDS = ("any", "model", "checkpoint", "adapter", "processor")  # in the order of pst_find_kind


class Finder:
    """Finds by the variables that there are when it is made.

    Args:
        offline: download nothing.
        progress: called with (bytes so far, all bytes) of a download.
    """

    def __init__(
        self, offline: bool = False, progress: Optional[Callable[[int, int], None]] = None
    ) -> None:
        def watch(user: object, at: Any) -> int:
            if progress is not None:
                progress(at.contents.received, at.contents.total)
            return 0

        self._relay = library.Relay()
        options = library.options(abi.FindOptions)
        variables = [name + b"=" + value for name, value in os.environb.items()]
        options.variables = (c_char_p * (len(variables) + 1))(*variables)
        options.home = os.fsencode(os.path.expanduser("~"))
        options.user_agent = f"potstill/{library.version()}; python".encode()
        options.ca_file = library.path_bytes(environment.certificates())
        options.offline = offline
        options.model_option, options.adapter_option = b"model=", b"adapter="
        options.processor_option = b"processor_dir="
        options.warn = self._relay.warn
        options.progress = self._relay.guard(abi.HUB_PROGRESS, watch, failed=1)
        handle = c_void_p()
        self._relay.call("pst_finder_new", byref(options), byref(handle))
        self._handle = handle
        self._keep = options  # the callbacks
        weakref.finalize(self, library.function("pst_finder_free"), handle).atexit = False

    def _info(self) -> Any:
        info = abi.FinderInfo()
        library.function("pst_finder_describe")(self._handle, byref(info))
        return info

    @property
    def models_dir(self) -> str:
        """Folder of imported models."""
        return os.fsdecode(self._info().models_dir)

    @property
    def weights_cache(self) -> Optional[str]:
        """Where packed weights are kept; None without a home."""
        path = self._info().weights_cache
        return None if path is None else os.fsdecode(path)

    def find(self, name: PathLike, kind: Kind, revision: Optional[str] = None) -> str:
        """The folder of what is called so; downloaded where it is not here."""
        found = c_void_p()
        words = os.fsencode(name), _KINDS.index(kind), _encoded(revision)
        self._relay.call("pst_finder_find", self._handle, *words, byref(found))
        return library.take_text(found)

    def pull(self, id: str, revision: Optional[str] = None) -> str:
        """The folder of the latest of a hub id."""
        found = c_void_p()
        words = id.encode(), _encoded(revision)
        self._relay.call("pst_finder_pull", self._handle, *words, byref(found))
        return library.take_text(found)

    def base(self, adapters: Sequence[str], revision: Optional[str] = None) -> tuple[str, str]:
        """The model for adapters: its name, and its folder."""
        name, found = c_void_p(), c_void_p()
        dirs = (c_char_p * len(adapters))(*map(os.fsencode, adapters))
        words = dirs, len(adapters), _encoded(revision)
        self._relay.call("pst_finder_base", self._handle, *words, byref(name), byref(found))
        return library.take_text(name), library.take_text(found)

    def check_base(self, adapter: str, name: str, folder: str, chosen: bool) -> None:
        """Warns where an adapter was made for another model than that called ``name``."""
        words = os.fsencode(adapter), os.fsencode(name), os.fsencode(folder), chosen
        self._relay.call("pst_finder_check_base", self._handle, *words)

    def processor(self, folder: str) -> Optional[str]:
        """A folder with a tokenizer for a model that has none; None: it needs no other."""
        found = c_void_p()
        self._relay.call("pst_finder_processor", self._handle, os.fsencode(folder), byref(found))
        return library.take_text_or_none(found)

    def vad(self, folder: str) -> Optional[str]:
        """Weights of the detector of speech that belongs to a model."""
        found = c_void_p()
        self._relay.call("pst_finder_vad", self._handle, os.fsencode(folder), byref(found))
        return library.take_text_or_none(found)


def _encoded(text: Optional[str]) -> Optional[bytes]:
    return text.encode() if text else None


@dataclass(frozen=True)
class Sources:
    """The folders that something is made of."""

    model: str
    adapters: list[tuple[str, float]]  #: with their weights
    processor: Optional[str]  #: None: the model's


def find_sources(
    finder: Finder,
    model: Optional[PathLike],
    adapters: Sequence[tuple[str, float]],
    processor: Optional[PathLike] = None,
    *,
    kind: Kind = "model",
    revision: Optional[str] = None,
    check: bool = True,
) -> Sources:
    """In the command's order; ``check``: warns where an adapter was made for another model."""
    folder, found = "", None
    if model is not None:
        folder = finder.find(model, kind, revision)
    if processor is not None:
        found = finder.find(processor, "processor", revision)
    pairs = [(finder.find(name, "adapter"), weight) for name, weight in adapters]
    name = os.fspath(model) if model is not None else ""
    if model is None:
        name, folder = finder.base([adapter for adapter, _ in pairs], revision)
        if kind == "checkpoint":
            folder = finder.find(folder, kind)
    if found is None:
        found = finder.processor(folder)
    for adapter, _ in pairs if check else ():
        finder.check_base(adapter, name, folder, chosen=model is not None)
    return Sources(folder, pairs, found)
