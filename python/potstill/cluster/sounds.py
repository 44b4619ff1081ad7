"""The sound of a row, in a form that the library takes.

A file of this machine by itself stays a path. What lies elsewhere, in a tar or in a table, becomes the
bytes of a file. A stretch of a file is samples, cut out of all of it as ``potstill eval`` cuts; the file
is kept for the next row, which most often is of the same.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from .. import audio
from ..errors import InputError
from . import files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Sounds:
    """Finds the sound of rows; remembers the last file that was cut."""

    def __init__(self) -> None:
        self._key: Any = None
        self._samples: Optional[NDArray[np.float32]] = None

    def of(self, row: Mapping[str, Any]) -> Any:
        """What ``Model.transcribe()`` takes.

        Raises:
            InputError, OSError: there is no such sound.
        """
        if row.get("error"):  # of the manifest
            raise InputError(row["error"])
        if row.get("offset") is None and row.get("duration") is None:
            return _whole(row)
        return self._cut(row)

    def _cut(self, row: Mapping[str, Any]) -> NDArray[np.float32]:
        key = None if "data" in row else [row.get("tar"), row.get("tar_start"), row.get("audio")]
        if key is None or key != self._key or self._samples is None:
            self._samples = self._key = None  # before the next is there: an hour has 230 MB
            self._samples = audio.read(_whole(row))
            self._key = key
        count = len(self._samples)
        start = float(row.get("offset") or 0) * audio.RATE_HZ
        length = float(row.get("duration") or 0) * audio.RATE_HZ
        if not 0 <= start < count:
            raise InputError(f"{row.get('audio') or row['id']}: ends before the offset of the row")
        if not length > 0 or start + length > count:
            length = count - start
        return self._samples[int(start) : int(start) + int(length)]


def _whole(row: Mapping[str, Any]) -> Any:
    name = row.get("audio")
    if row.get("data") is not None:
        return {"bytes": base64.b64decode(row["data"]), "path": name}
    if row.get("tar") is not None:
        content = files.read(row["tar"], row["tar_start"], row["tar_size"])
        return {"bytes": content, "path": name}
    if not name:
        raise InputError(f'{row["id"]}: has no audio, expected "audio" in its row')
    path = find(name, row.get("bases") or ())
    return {"bytes": files.read(path), "path": name} if files.is_remote(path) else path


def find(name: str, bases: Sequence[str]) -> str:
    """A path that is not absolute is sought from where the command began, then from the manifest."""
    path = files.local(name)
    if files.is_remote(name) or os.path.isabs(path) or not bases:
        return path
    for base in bases:
        candidate = files.join(base, path)
        if files.is_remote(base) or os.path.exists(candidate):
            return candidate
    return files.join(bases[0], path)
