"""What is to be transcribed: JSON lines, Parquet, WebDataset tars, or a folder of these.

A row is a dict: ``id`` (unique), ``audio`` (a path or an address), ``offset`` and ``duration`` in seconds
where it is a stretch of a file; ``tar``, ``tar_start``, ``tar_size`` where it lies in a tar; ``data``
(base64) where a table has the bytes; ``error`` where the manifest is wrong there. Names of fields are
those of ``potstill eval``.
"""

from __future__ import annotations

import base64
import json
import math
import os
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ..errors import InputError
from . import files

Row = dict[str, Any]

_AUDIO = ("audio", "path", "wav", "audio_filepath", "file_name")
_SOUNDS = tuple(
    ".wav .flac .mp3 .ogg .opus .oga .aif .aiff .aifc .au .caf .m4a .mp4 .aac .webm .w64 .wma".split()
)
JSON_LINES, PARQUET, TAR = "jsonl", "parquet", "tar"
_KINDS = {".jsonl": JSON_LINES, ".json": JSON_LINES, ".ndjson": JSON_LINES, ".parquet": PARQUET, ".tar": TAR}


def sources(manifest: str) -> list[tuple[str, str]]:
    """The files of a manifest, each with its kind.

    Raises:
        InputError: it is none.
    """
    if files.is_folder(manifest):
        found = [(files.join(manifest, name), kind(name)) for name in files.names(manifest)]
        listed = [(path, what) for path, what in found if what]
        if not listed:
            raise InputError(f"{manifest}: no manifest in it, expected {', '.join(_KINDS)}")
        return [(path, str(what)) for path, what in listed]
    what = kind(manifest)
    if what is None:
        raise InputError(f"{manifest}: expected a manifest: {', '.join(_KINDS)}, or a folder of these")
    if not files.exists(manifest):
        raise InputError(f"{manifest}: no such file")
    return [(manifest, what)]


def kind(name: str) -> Optional[str]:
    return _KINDS.get(os.path.splitext(name.partition("?")[0])[1].lower())


# ------------------------------------------------------------------------------------------- a row


def row_of(fields: Any, where: str) -> Row:
    """A row of the manifest; what is wrong with it is in ``error``."""
    if not isinstance(fields, Mapping):
        return {"id": where, "error": f"{where}: expected an object with \"audio\""}
    name = next((fields[key] for key in _AUDIO if fields.get(key) is not None), None)
    row: Row = {}
    if isinstance(name, Mapping):  # an Audio column of datasets
        if name.get("bytes") is not None:
            row["data"] = base64.b64encode(name["bytes"]).decode()
        name = name.get("path")
    elif isinstance(name, (bytes, bytearray)):
        row["data"], name = base64.b64encode(name).decode(), None
    wrong = None if name is None or isinstance(name, str) else f"{where}: \"audio\" is no text"
    row["audio"] = name if isinstance(name, str) else None
    for key in ("offset", "duration"):
        value = fields.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            wrong = f'{where}: "{key}" is {value!r}, expected seconds'
        else:
            row[key] = float(value)
    row["id"] = _identity(fields.get("id"), row, where)
    if wrong or (row["audio"] is None and "data" not in row):
        row["error"] = wrong or f'{where}: has no "audio"'
    return row


def _identity(given: Any, row: Row, where: str) -> str:
    """Its id, else what it is of."""
    if isinstance(given, (str, int)) and not isinstance(given, bool) and given != "":
        return str(given)
    if not row["audio"]:
        return where
    if "offset" in row:
        return f"{row['audio']}#{row['offset']:.3f}"
    return str(row["audio"])


# -------------------------------------------------------------------------------------- JSON lines


def json_lines(path: str, start: int = 0, size: Optional[int] = None) -> Iterator[tuple[int, int, Row]]:
    """Rows with the place of their line in the file: first byte and bytes."""
    name = files.name(path)
    with files.open_lines(path) as file:
        if start:
            file.seek(start)
        at, end = start, None if size is None else start + size
        while end is None or at < end:
            line = file.readline()
            if not line:
                return
            if line.strip():
                yield at, len(line), _json_row(line, f"{name}@{at}")
            at += len(line)


def _json_row(line: bytes, where: str) -> Row:
    try:
        fields = json.loads(line)
    except ValueError as error:
        return {"id": where, "error": f"{where}: is no JSON: {error}"}
    return row_of(fields, where)


# ----------------------------------------------------------------------------------------- Parquet


def _parquet_columns(schema: Any, with_sound: bool) -> list[str]:
    """Names of leaves; the bytes of sounds only where they are wanted."""
    import pyarrow as pa

    wanted: list[str] = []
    for field in schema:
        if field.name in ("id", "offset", "duration"):
            wanted.append(field.name)
        elif field.name in _AUDIO:
            if pa.types.is_struct(field.type):
                wanted.append(f"{field.name}.path")
                wanted += [f"{field.name}.bytes"] if with_sound else []
            elif not pa.types.is_binary(field.type) or with_sound:
                wanted.append(field.name)
    return wanted


def parquet_rows(
    path: str, first: int = 0, count: Optional[int] = None, with_sound: bool = True
) -> Iterator[tuple[int, Row]]:
    """Rows with their numbers. Without sound, one whose bytes were left out has no error."""
    from pyarrow import parquet

    name = files.name(path)
    end = math.inf if count is None else first + count
    with files.open_read(path) as file:
        table = parquet.ParquetFile(file)
        columns = _parquet_columns(table.schema_arrow, with_sound)
        at = 0
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            if at + rows > first and at < end:
                for number, fields in _group_rows(table, group, columns, at):
                    if first <= number < end:
                        row = row_of(fields, f"{name}@{number}")
                        if not with_sound:
                            row.pop("error", None)
                        yield number, row
            at += rows


def _group_rows(table: Any, group: int, columns: list[str], at: int) -> Iterator[tuple[int, Any]]:
    for batch in table.iter_batches(batch_size=64, row_groups=[group], columns=columns):
        for fields in batch.to_pylist():
            yield at, fields
            at += 1


# ---------------------------------------------------------------------------------- WebDataset tars


def tar_rows(path: str) -> Iterator[Row]:
    """A row for each sound in a tar: its id is the name of the tar and, as WebDataset's key, of the member."""
    tar, seen = files.name(path), set()
    with files.open_read(path) as file, tarfile.open(fileobj=file) as members:
        for member in members:
            key, ending = os.path.splitext(member.name)
            if member.isfile() and ending.lower() in _SOUNDS:
                one = member.name if key in seen else key  # a.wav beside a.flac
                seen.add(one)
                yield {
                    "id": f"{tar}/{one}",
                    "audio": f"{tar}/{member.name}",
                    "tar": path,
                    "tar_start": member.offset_data,
                    "tar_size": member.size,
                }
