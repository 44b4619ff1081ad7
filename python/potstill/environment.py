"""Where things are on this machine: models, the Hugging Face cache, packed weights, the hub.

The library reads no environment, so whoever uses it does. The variables are those of the command,
which are those of ``huggingface_hub`` for the hub; docs/HUB.md lists them.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

from . import abi, library

_DAY_S = 86400  # a longer timeout means never, and 32 bits hold its milliseconds


def _variable(name: str) -> Optional[str]:
    return os.environ.get(name) or None


def _is_true(name: str) -> bool:
    """What ``huggingface_hub`` takes for true."""
    return (_variable(name) or "").upper() in {"1", "ON", "YES", "TRUE"}


def _expanded(path: str) -> str:
    return os.path.expandvars(os.path.expanduser(path))


def _base_dir(name: str, below_home: str) -> Path:
    """A folder of the XDG specification, by which relative paths are ignored."""
    path = _variable(name)
    return Path(path) if path and os.path.isabs(path) else Path.home() / below_home


def models_dir() -> Path:
    """Folder of imported models."""
    return _base_dir("XDG_DATA_HOME", ".local/share") / "potstill" / "models"


def hf_home() -> Path:
    path = _variable("HF_HOME")
    return Path(_expanded(path)) if path else _base_dir("XDG_CACHE_HOME", ".cache") / "huggingface"


def hub_cache() -> Path:
    """The Hugging Face cache, shared with ``huggingface_hub``."""
    path = _variable("HF_HUB_CACHE") or _variable("HUGGINGFACE_HUB_CACHE")
    return Path(_expanded(path)) if path else hf_home() / "hub"


def weights_cache() -> Optional[Path]:
    """Where packed weights are kept; None without a home."""
    path = _variable("XDG_CACHE_HOME")
    if path and os.path.isabs(path):
        return Path(path) / "potstill"
    if str(Path.home()) == "/":
        return None
    mac = sys.platform == "darwin"
    return Path.home() / ("Library/Caches/potstill" if mac else ".cache/potstill")


def default_model() -> str:
    """``$POTSTILL_MODEL``, the imported moonshine-tiny, or that of the hub."""
    model = _variable("POTSTILL_MODEL")
    if model:
        return _expanded(model)
    imported = models_dir() / "moonshine-tiny"
    if (imported / "config.json").exists():
        return str(imported)
    return "UsefulSensors/moonshine-tiny"


def _token() -> Optional[str]:
    if _is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        return None
    value = _variable("HF_TOKEN") or _variable("HUGGING_FACE_HUB_TOKEN")
    path = _variable("HF_TOKEN_PATH")
    file = Path(_expanded(path)) if path else hf_home() / "token"
    if not value and file.is_file():
        value = file.read_text(encoding="utf-8")
    return (value or "").replace("\r", "").replace("\n", "").strip() or None


def _timeout_ms(name: str) -> int:
    """Seconds to milliseconds; 0, the library's default, when unset."""
    value = _variable(name)
    if value is None:
        return 0
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _DAY_S:
        raise ValueError(f"{name} '{value}': expected seconds above 0 and up to {_DAY_S}")
    return max(1, int(seconds * 1000))


def certificates() -> Optional[str]:
    """PEM certificates to trust: ``$SSL_CERT_FILE``, or where this Python's own TLS looks.

    The libcurl in a wheel looks where the system it was built on has them.
    """
    chosen = _variable("SSL_CERT_FILE")
    if chosen:
        return chosen
    try:
        import ssl
    except ImportError:  # a Python that was built without it knows no place
        return None
    return ssl.get_default_verify_paths().cafile


def hub_options(offline: bool, relay: library.Relay, progress: Any = None) -> Any:
    """How the hub is reached; ``progress(file, received, total)`` in bytes is called meanwhile."""

    def watch(user: object, at: Any) -> int:
        if progress is not None:
            now = at.contents
            progress(library.text(now.file) or None, now.received, now.total)
        return 0

    origin = _variable("HF_HUB_USER_AGENT_ORIGIN")
    agent = f"potstill/{library.version()}; python" + (f"; origin/{origin}" if origin else "")
    endpoint, token = _variable("HF_ENDPOINT"), _token()
    hub = library.options(abi.HubOptions)
    hub.endpoint = endpoint.encode() if endpoint else None
    hub.cache_dir = library.path_bytes(hub_cache())
    hub.token = token.encode() if token else None
    hub.user_agent = agent.encode()
    hub.ca_file = library.path_bytes(certificates())
    hub.offline = offline or _is_true("HF_HUB_OFFLINE") or _is_true("TRANSFORMERS_OFFLINE")
    hub.no_symlinks = _is_true("HF_HUB_DISABLE_SYMLINKS")
    hub.etag_timeout_ms = _timeout_ms("HF_HUB_ETAG_TIMEOUT")
    hub.download_timeout_ms = _timeout_ms("HF_HUB_DOWNLOAD_TIMEOUT")
    hub.progress = relay.guard(abi.HUB_PROGRESS, watch, failed=1)
    return hub


def program(name: str) -> Optional[str]:
    """Full path of a program on the ``PATH``, in absolute folders alone; None: there is none."""
    return _program_in(os.environ.get("PATH", ""), name)


@lru_cache(maxsize=8)  # looking for it takes longer than all else around a short call
def _program_in(folders: str, name: str) -> Optional[str]:
    for folder in folders.split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
