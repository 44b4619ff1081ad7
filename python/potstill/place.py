"""From what a user types to folders: models, adapters, tokenizers, by path, name or hub id."""

from __future__ import annotations

import ctypes
import json
import os
import warnings
from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any, Optional, Union

from . import abi, environment, library
from .errors import ModelError, PotstillError, PotstillWarning

PathLike = Union[str, "os.PathLike[str]"]


def find(
    name: PathLike, required: str, *, revision: Optional[str] = None, offline: bool = False
) -> str:
    """The folder of ``name``, which has the file ``required``; downloaded where it is not here."""
    relay = library.Relay()
    hub = environment.hub_options(offline, relay)
    search = library.options(abi.Search)
    search.models_dir = library.path_bytes(environment.models_dir())
    search.hub_cache = library.path_bytes(environment.hub_cache())
    search.revision = revision.encode() if revision else None
    search.hub = ctypes.pointer(hub)
    found = c_void_p()
    relay.call(
        "pst_find_model", os.fsencode(name), required.encode(), byref(search), byref(found)
    )
    return library.take_text(found)


def is_converted(folder: PathLike) -> bool:
    """Is it what ``convert`` makes?"""
    return any((Path(folder) / file).exists() for file in ("potstill.json", "Manifest.json"))


def find_model(
    name: PathLike, *, revision: Optional[str] = None, offline: bool = False
) -> str:
    if is_converted(name):
        return os.fspath(name)
    return find(name, "config.json", revision=revision, offline=offline)


def find_adapter(name: PathLike, *, offline: bool = False) -> str:
    if not os.path.isdir(name):
        return find(name, "adapter_config.json", offline=offline)
    found = c_void_p()
    library.call("pst_adapter_find", os.fsencode(name), byref(found))
    return library.take_text(found)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def find_base(adapters: list[str], *, offline: bool = False) -> str:
    """The base that the first adapter which names one was made for, else the default model."""
    for adapter in adapters:
        config = _read_json(Path(adapter) / "adapter_config.json")
        name = config.get("base_model_name_or_path")
        if not name:
            continue
        candidates = [name, os.path.join(adapter, name)]
        if name.startswith(("UsefulSensors/", "moonshine-ai/")):
            candidates.append(str(environment.models_dir() / name.split("/")[-1]))
        for candidate in candidates:
            try:
                return find(candidate, "config.json", revision=config.get("revision"), offline=True)
            except PotstillError:
                continue  # the next place; what none of them has is looked for on the hub below
        chosen = environment.default_model()
        same = os.path.basename(chosen) == os.path.basename(name)
        if same or os.environ.get("POTSTILL_MODEL"):
            return find_model(chosen, offline=offline)
        if not offline:
            return find(name, "config.json", revision=config.get("revision"))
        raise ModelError(f"{adapter}: made for {name}, which is not here; name the model to use")
    return find_model(environment.default_model(), offline=offline)


def _usable(folder: Path, vocab: Any) -> bool:
    """Has it a tokenizer, and is it not that of a model with another vocabulary?"""
    if not (folder / "tokenizer.json").is_file():
        return False
    other = _read_json(folder / "config.json").get("vocab_size")
    return not other or not vocab or other == vocab


def find_processor(model_dir: str) -> Optional[str]:
    """A tokenizer for a folder that has none, as trainers leave them; None: it needs no other.

    The command's order: near the model, that of the model it was made from, an imported model with
    the same vocabulary, the default model.
    """
    folder = Path(model_dir)
    if (folder / "tokenizer.json").is_file() or not (folder / "config.json").is_file():
        return None
    config = _read_json(folder / "config.json")
    vocab = config.get("vocab_size")
    near = [folder / "processor", folder / "..", folder / ".." / "processor"]
    named = [config.get("_name_or_path")]
    named.append(_read_json(folder / "adapter_config.json").get("base_model_name_or_path"))
    imported = sorted(environment.models_dir().glob("*")) if vocab else []
    candidates: list[Path] = [*near, *(Path(n) for n in named if n)]
    candidates += [folder / n for n in named if n] + imported
    for name in [*named, environment.default_model()]:
        if not name:
            continue
        try:
            candidates.append(Path(find(name, "tokenizer.json", offline=True)))
        except PotstillError:
            continue  # not here: the next candidate
    for candidate in candidates:
        if _usable(candidate, vocab):
            warnings.warn(
                f"{model_dir}: has no tokenizer.json; taking that of {candidate} "
                "(another: processor_dir=)",
                PotstillWarning,
                stacklevel=3,
            )
            return str(candidate)
    return None
