"""A part: a run of rows that one worker does and commits as one file, named by the ids of its rows.

A file of a part is its rows and a last line about the work: ``{"_part": {...}}``. Who is second writes
the same rows again; who is killed leaves nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Optional

from ..errors import PotstillError
from . import files, manifest, result_row

FOLDER, PREFIX, ENDING = "parts", "part-", ".jsonl"
_TRIES, _WAIT_S = 3, 1.0  # a network file system has hiccups; a full disk has not


class OutputError(PotstillError, OSError):
    """Results cannot be written."""


@dataclass(frozen=True)
class Part:
    """Where rows are in the manifest."""

    name: str  #: of its file
    kind: str  #: "jsonl", "parquet", "tar"
    source: str  #: the file of the manifest
    start: int = 0  #: first byte of its lines; first row of a table
    size: int = 0  #: bytes of them; rows of a table
    rows: int = 0  #: 0: not known, as of a tar
    seconds: Optional[float] = None  #: of sound, where the manifest says so
    bases: tuple[str, ...] = ()  #: where paths begin
    only: tuple[str, ...] = ()  #: these ids alone; (): all of them
    again: bool = False  #: rows with errors of the file that is there

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Part:
        value = json.loads(text)
        return cls(**{**value, "bases": tuple(value["bases"]), "only": tuple(value["only"])})

    def read(self) -> Iterator[manifest.Row]:
        """Its rows, with where their paths begin."""
        only = frozenset(self.only)
        for row in self._all():
            if not only or row["id"] in only:
                if self.bases:
                    row["bases"] = list(self.bases)
                yield row

    def _all(self) -> Iterator[manifest.Row]:
        if self.kind == manifest.TAR:
            yield from manifest.tar_rows(self.source)
        elif self.kind == manifest.PARQUET:
            for _, row in manifest.parquet_rows(self.source, self.start, self.size):
                yield row
        else:
            for _, _, row in manifest.json_lines(self.source, self.start, self.size):
                yield row


def name_of(ids: Iterable[str]) -> str:
    digest = blake2b(digest_size=10)
    for one in ids:
        digest.update(one.encode("utf-8", "surrogatepass") + b"\0")
    return PREFIX + digest.hexdigest() + ENDING


def path_of(output: str, name: str) -> str:
    return files.join(files.join(output, FOLDER), name)


@dataclass
class Report:
    """What became of a part."""

    name: str
    rows: int = 0
    errors: int = 0
    seconds: float = 0.0  #: of sound
    wall: float = 0.0  #: seconds it took
    node: str = ""
    engine: Mapping[str, Any] = field(default_factory=dict)
    restarts: int = 0  #: of the process that computes
    failed: str = ""  #: why it is not committed
    code: int = 0  #: the exit code of that


def add(report: Report, fields: Mapping[str, Any]) -> bytes:
    """Counts an output row; its line."""
    report.rows += 1
    report.errors += "error" in fields
    report.seconds += fields.get("duration", 0)
    return result_row.line(fields)


def commit(output: str, report: Report, lines: list[bytes]) -> None:
    """Writes the file of a part, whole or not at all.

    Raises:
        OutputError: it cannot be written; nothing is left.
    """
    path = path_of(output, report.name)
    last = json.dumps({"_part": asdict(report)}).encode() + b"\n"
    for left in reversed(range(_TRIES)):
        try:
            files.write(path, [*lines, last])
            return
        except OSError as error:
            if not left:
                raise OutputError(f"{path}: cannot be written: {error}") from error
        time.sleep(_WAIT_S)


def load(path: str) -> tuple[list[bytes], Optional[Report]]:
    """The lines of a part and its report; None: it was not committed whole."""
    *lines, last = files.read(path).splitlines(keepends=True) or [b""]
    try:
        report = Report(**json.loads(last)["_part"])
    except (ValueError, KeyError, TypeError):
        return [], None
    return (lines, report) if len(lines) == report.rows else ([], None)
