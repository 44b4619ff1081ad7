"""What decides about results: the model, its adapters, the options; as JSON, to go to other machines."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from .. import adapter as adapters_of, library

_HASHED = ("config.json", "adapter_config.json")  # with all .safetensors of the folder
_SPEED = ("threads", "cache", "read_files", "offline")  # results do not depend on them


@dataclass(frozen=True)
class Settings:
    """Keywords of ``load()``, and of ``transcribe()``."""

    load: Mapping[str, Any] = field(default_factory=dict)
    transcribe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def threads(self) -> int:
        """Of a worker: one core, unless they say more."""
        return int(self.load.get("threads") or 1)

    def to_json(self) -> str:
        """Paths become absolute, for another folder may be the current one where it is read."""
        load = dict(self.load)
        load["model"] = _absolute(load.get("model"))
        load["adapter"] = [(_absolute(n), w) for n, w in adapters_of.listed(load.get("adapter"))]
        for key in ("processor_dir", "decoder"):
            if load.get(key) is not None:
                load[key] = _absolute(load[key])
        return json.dumps({"load": load, "transcribe": dict(self.transcribe)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        value = json.loads(text)
        value["load"]["adapter"] = [(name, weight) for name, weight in value["load"]["adapter"]]
        return cls(value["load"], value["transcribe"])

    def identity(self) -> dict[str, Any]:
        """What must be equal for results to be of one run: settings, version, and files of this machine."""
        value = json.loads(self.to_json())
        for name in _SPEED:
            value["load"].pop(name, None)
            value["transcribe"].pop(name, None)
        model = value["load"]["model"]
        folders = [model] if model else []
        folders += [name for name, _ in value["load"]["adapter"]]
        # By what is in a folder, not where: it may have been moved.
        value["load"]["model"] = _name(model)
        value["load"]["adapter"] = [(_name(n), w) for n, w in value["load"]["adapter"]]
        value["files"] = [_digest(folder) for folder in folders]
        value["potstill"] = library.version()
        return dict(value)


def _absolute(name: Any) -> Optional[str]:
    """A folder of this machine; hub ids and names stay."""
    if name is None:
        return None
    path = os.fspath(name)
    return os.path.abspath(path) if os.path.isdir(path) else str(path)


def _name(folder: Optional[str]) -> Optional[str]:
    return os.path.basename(folder.rstrip("/")) if folder and os.path.isdir(folder) else folder


def _digest(folder: str) -> Optional[str]:
    """Of what is in a folder of a model or adapter; None where it is not here, as a hub id."""
    if not os.path.isdir(folder):
        return None
    digest = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        if name not in _HASHED and not name.endswith(".safetensors"):
            continue
        digest.update(name.encode())
        with open(os.path.join(folder, name), "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()
