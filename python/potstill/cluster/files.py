"""Files by path, ``file://`` or any address that pyarrow has a file system for (``s3://``, ``gs://``, ``hdfs://``).

Paths of this machine need no pyarrow. What is written is there whole or not at all: on a file system by
a temporary name, fsync and a rename; an object store shows an object only when it is complete.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, BinaryIO, Optional
from urllib.parse import unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_STORES = ("s3", "gcs", "abfs")  # by pyarrow's type_name: a rename copies, a write is atomic
_TEMPORARY = ".tmp-"
_ABANDONED_S = 3600  # no part takes so long to write
_AHEAD = 1 << 20  # bytes that a request asks for where lines are read
_IN_MEMORY = 64 << 20  # of what is about to be sent; more goes through a temporary file


def is_remote(path: str) -> bool:
    return bool(_SCHEME.match(path)) and not path.startswith("file://")


def local(path: str) -> str:
    """``file:///a%20b`` as ``/a b``; a path as it is."""
    return unquote(path[len("file://") :]) if path.startswith("file://") else path


def join(folder: str, name: str) -> str:
    """A name below a folder; the query of an address, which is pyarrow's settings, stays last.

    >>> join("s3://bucket/out?region=eu", "a")
    's3://bucket/out/a?region=eu'
    """
    if not is_remote(folder):
        return os.path.join(local(folder), name)
    place, mark, query = folder.partition("?")
    return place.rstrip("/") + "/" + name + mark + query


def parent(path: str) -> str:
    if not is_remote(path):
        return os.path.dirname(local(path)) or "."
    place, mark, query = path.partition("?")
    return place.rsplit("/", 1)[0] + mark + query


@lru_cache(maxsize=64)
def _system(root: str, query: str) -> Any:
    from pyarrow import fs

    return fs.FileSystem.from_uri(root + query)[0]


def _remote(path: str) -> tuple[Any, str]:
    """pyarrow's file system of an address, and the path in it."""
    try:
        from pyarrow import fs
    except ImportError:
        raise ImportError(f"{path}: reading it needs pyarrow: pip install 'potstill[ray]'") from None
    place, mark, query = path.partition("?")
    scheme, _, rest = place.partition("://")
    root = f"{scheme}://{rest.split('/', 1)[0]}"
    if scheme in ("s3", "gs", "gcs"):
        who, at, _ = rest.partition("/")[0].rpartition("@")  # a key and its secret may be before the bucket
        return _system(root, mark + query), rest[len(who + at) :]
    system, inside = fs.FileSystem.from_uri(path)
    return system, inside


def name(path: str) -> str:
    """The last part of a path or an address."""
    return os.path.basename(path.partition("?")[0] if is_remote(path) else local(path))


def open_read(path: str) -> BinaryIO:
    """A file to read from and to seek in; each read of an address is a request."""
    if not is_remote(path):
        return open(local(path), "rb")
    system, inside = _remote(path)
    file: BinaryIO = system.open_input_file(inside)
    return file


def open_lines(path: str) -> BinaryIO:
    """The same to be read line by line."""
    if not is_remote(path):
        return open_read(path)
    raw: Any = open_read(path)
    return io.BufferedReader(raw, _AHEAD)


def read(path: str, start: int = 0, size: Optional[int] = None) -> bytes:
    with open_read(path) as file:
        if start:
            file.seek(start)
        return bytes(file.read() if size is None else file.read(size))


def read_or_none(path: str) -> Optional[bytes]:
    """What a file holds; None: there is none."""
    try:
        return read(path)
    except FileNotFoundError:
        return None


def exists(path: str) -> bool:
    if not is_remote(path):
        return os.path.exists(local(path))
    system, inside = _remote(path)
    return bool(system.get_file_info(inside).is_file)


def is_folder(path: str) -> bool:
    if not is_remote(path):
        return os.path.isdir(local(path))
    from pyarrow import fs

    system, inside = _remote(path)
    return bool(system.get_file_info(inside.rstrip("/")).type == fs.FileType.Directory)


def names(folder: str) -> list[str]:
    """Names of what lies in a folder, in order; none where it is not there."""
    if not is_remote(folder):
        try:
            return sorted(os.listdir(local(folder)))
        except FileNotFoundError:
            return []
    from pyarrow import fs

    system, inside = _remote(folder)
    found = system.get_file_info(fs.FileSelector(inside, allow_not_found=True))
    return sorted(entry.base_name for entry in found)


def make_folder(path: str) -> None:
    if not is_remote(path):
        os.makedirs(local(path), exist_ok=True)
        return
    system, inside = _remote(path)
    if system.type_name not in _STORES:
        system.create_dir(inside, recursive=True)


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Makes or replaces a file, whole or not at all.

    Raises:
        OSError: the disk is full, the network is gone; nothing is left behind.
    """
    temporary = join(parent(path), f"{_TEMPORARY}{socket.gethostname()}-{os.getpid()}-{time.time_ns()}")
    if is_remote(path):
        _write_remote(path, temporary, pieces)
        return
    try:
        with open(temporary, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, local(path))
    except BaseException:
        _remove(temporary)
        raise
    _sync_folder(parent(path))


def _write_remote(path: str, temporary: str, pieces: Iterable[bytes]) -> None:
    system, inside = _remote(path)
    if system.type_name in _STORES:
        # All pieces first: a stream that is begun is committed in any case, by its end if by nobody else.
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as whole:
            whole.writelines(pieces)
            whole.seek(0)
            with system.open_output_stream(inside) as stream:
                shutil.copyfileobj(whole, stream, _AHEAD)
        return
    _, beside = _remote(temporary)
    with system.open_output_stream(beside) as stream:
        for piece in pieces:
            stream.write(piece)
    system.move(beside, inside)


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass


def _sync_folder(folder: str) -> None:
    """The name survives a power cut, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError:  # not every file system of a network has this
        pass
    finally:
        os.close(number)


def remove_abandoned(folder: str) -> None:
    """Removes temporary files of writers that were killed."""
    if is_remote(folder):
        return
    for name in names(folder):
        path = os.path.join(local(folder), name)
        try:
            if name.startswith(_TEMPORARY) and time.time() - os.path.getmtime(path) > _ABANDONED_S:
                os.remove(path)
        except OSError:
            continue
