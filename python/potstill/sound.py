"""What can be transcribed, as a clip of the library.

A path is read by the library, as the command reads it. Samples that are 16 kHz mono float32 are
handed over where they lie. Everything else is sound in some file format, or made one in memory
(WAV, float32), and read by the library too: so that rates and channels mean the same everywhere.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from . import abi
from .errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: A path; samples [count] float32 at 16 kHz; (rate in Hz, samples [count] or [count, channels]);
    #: the bytes of an audio file; a row of an ``Audio`` column of ``datasets``.
    Sound = Union[
        str,
        "os.PathLike[str]",
        bytes,
        bytearray,
        memoryview,
        NDArray[np.floating[Any]],
        tuple[int, NDArray[Any]],
        Mapping[str, Any],
    ]

RATE_HZ = 16000

_EXPECTED = (
    "expected a path, float samples [count] at 16 kHz, (rate, samples), the bytes of an audio file, "
    'or {"array": samples, "sampling_rate": rate}'
)


def is_sound(value: Any) -> bool:
    """Is it one sound, rather than an iterable of them?"""
    if _is_array(value):  # first, for isinstance() of abstract classes takes long
        return True
    if isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike, Mapping)):
        return True
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[0], int)
    return hasattr(value, "get_all_samples") or not isinstance(value, Iterable)


def _is_array(value: Any) -> bool:
    """Of NumPy, with numbers in it, or of torch."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    numbers = kind in "fiub" and hasattr(type(value), "__array_interface__")
    return numbers or hasattr(value, "detach")


def _samples(value: Any, name: str) -> NDArray[np.float32]:
    """Numbers in [-1, 1] as float32 in C order; integers are scaled by their type's range, as in files."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 1:
        array = (array.astype(np.float32) - np.float32(128)) / np.float32(128)
    elif kind == "i":
        array = array / float(-np.iinfo(array.dtype).min)
    elif kind != "f":
        raise InputError(f"{name}: samples of type {array.dtype}, expected float or integer PCM")
    return np.asarray(array, np.float32, order="C")


class Clip:
    """A sound that the library can take; holds what must live until its result is there."""

    def __init__(self, sound: Any, index: int = 0) -> None:
        #: What results call it: the path, or "sound 3" (from 0) of what has none.
        self.name = f"sound {index}"
        self._keep: Any = None
        self._file: Any = None
        self._path: bytes = b""
        self._take(sound)

    def _take(self, sound: Any) -> None:
        if _is_array(sound):
            if getattr(sound, "ndim", 1) != 1:
                raise InputError(
                    f"{self.name}: samples of shape {tuple(sound.shape)}, expected [count] at 16 kHz "
                    "mono; with channels: (rate, samples [count, channels])"
                )
            self._take_samples(RATE_HZ, sound)
        elif isinstance(sound, (str, os.PathLike)):
            self.name = os.fspath(sound)
            self._path = os.fsencode(sound)
        elif isinstance(sound, (bytes, bytearray, memoryview)):
            self._put_file(bytes(sound))
        elif isinstance(sound, Mapping):
            self._take_mapping(sound)
        elif hasattr(sound, "get_all_samples"):  # datasets 4: a decoder of torchcodec
            decoded = sound.get_all_samples()
            self._take_samples(int(decoded.sample_rate), decoded.data.T)
        elif isinstance(sound, tuple) and len(sound) == 2 and not _is_array(sound[0]):
            self._take_samples(sound[0], sound[1])
        else:
            raise TypeError(f"{self.name}: {type(sound).__name__}, {_EXPECTED}")

    def _take_mapping(self, row: Mapping[str, Any]) -> None:
        """A row of an ``Audio`` column: decoded (array, sampling_rate), or not (bytes, path)."""
        if row.get("array") is not None and row.get("sampling_rate"):
            self._take_samples(int(row["sampling_rate"]), row["array"])
            self.name = row.get("path") or self.name
        elif row.get("bytes") is not None:
            self._put_file(bytes(row["bytes"]))
            self.name = row.get("path") or self.name
        elif row.get("path"):
            self._take(row["path"])
        else:
            raise TypeError(f"{self.name}: a mapping with the keys {sorted(row)}, {_EXPECTED}")

    def _take_samples(self, rate_hz: int, value: Any) -> None:
        import numpy as np

        if not isinstance(rate_hz, (int, np.integer)) or rate_hz <= 0:
            raise InputError(f"{self.name}: a rate of {rate_hz!r}, expected Hz above 0")
        samples = _samples(value, self.name)
        if samples.ndim == 2 and samples.shape[1] == 1:
            samples = samples[:, 0]
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
            raise InputError(
                f"{self.name}: samples of shape {samples.shape}, expected [count] or "
                "[count, channels]"
            )
        if samples.ndim == 1 and rate_hz == RATE_HZ:
            self._keep = samples
        else:
            self._put_file(_wav(int(rate_hz), samples))

    def _put_file(self, content: bytes) -> None:
        """A file in memory, where the system has such, else one without a name."""
        if hasattr(os, "memfd_create"):
            self._file = os.fdopen(os.memfd_create("potstill"), "w+b")
        else:
            self._file = tempfile.TemporaryFile()
        self._file.write(content)
        self._file.seek(0)

    def fill(self, clip: abi.Clip) -> None:
        """Sets up a clip of the library, which comes with all 0 and fd -1."""
        if self._keep is not None:
            clip.samples = self._keep.__array_interface__["data"][0]
            clip.sample_count = self._keep.size
            return
        if self._file is not None:
            self._path = os.fsencode(self.name)
            clip.fd = self._file.fileno()
        clip.path = self._path

    def content(self) -> Optional[bytes]:
        """The sound as an audio file; None of what is one already, at ``name``."""
        if self._file is not None:
            self._file.seek(0)
            return bytes(self._file.read())
        return None if self._keep is None else _wav(RATE_HZ, self._keep)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _wav(rate_hz: int, samples: NDArray[np.float32]) -> bytes:
    """Samples [count] or [count, channels] as a WAV file of float32."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = samples.astype("<f4", copy=False).tobytes()
    frame = 4 * channels
    head = struct.pack("<HHIIHHH", 3, channels, rate_hz, rate_hz * frame, frame, 32, 0)
    body = b"fmt " + struct.pack("<I", len(head)) + head
    body += b"fact" + struct.pack("<II", 4, len(data) // frame)
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
