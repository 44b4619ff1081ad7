"""What the environment says besides where models are, which ``place`` hands to the library."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Optional


def certificates() -> Optional[str]:
    """PEM certificates to trust: ``$SSL_CERT_FILE``, or where this Python's own TLS looks.

    The libcurl in a wheel looks where the system it was built on has them.
    """
    chosen = os.environ.get("SSL_CERT_FILE")
    if chosen:
        return chosen
    try:
        import ssl
    except ImportError:  # a Python that was built without it knows no place
        return None
    return ssl.get_default_verify_paths().cafile


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
