"""All of a file as samples, for those who cut it."""

from __future__ import annotations

from ctypes import byref
from typing import TYPE_CHECKING, Any

from . import abi, environment, library
from .sound import RATE_HZ as RATE_HZ, Clip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read(sound: Any) -> NDArray[np.float32]:
    """Samples [count] at 16 kHz mono of a path or of the bytes of a file, as ``transcribe()`` hears them.

    Raises:
        InputError: no such file, damaged, empty, over six hours.
    """
    import numpy as np

    clip, given, found = Clip(sound), abi.Clip(), abi.Audio()
    given.fd = -1
    try:
        clip.fill(given)
        if given.fd >= 0:
            library.call("pst_audio_read_fd", given.fd, given.path, byref(found))
        else:
            options = library.options(abi.AudioOptions)
            options.ffmpeg = library.path_bytes(environment.program("ffmpeg"))
            library.call("pst_audio_read_with", given.path, byref(options), byref(found))
    finally:
        clip.close()
    try:
        return np.ctypeslib.as_array(found.samples, (found.count,)).copy()
    finally:
        library.function("pst_audio_free")(byref(found))
