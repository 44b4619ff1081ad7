"""Which parts there are, and which of them are missing from an output.

Parts are cut in the order of the manifest, the same in every run over it. What is done is known from
the names in the output, and, where a manifest has changed since, from the ids in its files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Optional

from ..errors import ArgumentError, InputError
from . import files, manifest, part as parts, settings as settings_of
from .part import Part

NAME, RESULTS = "plan.json", "results.jsonl"
ROWS = 64  # of a part at most: seconds of work for a core
_FEWEST, _SHARE = 8, 16  # a part has no more than a 16th of the rows before it, but 8
SECONDS = 30.0  # for each of them, the longest clip that models were made for: not hours to lose


class Plan:
    """The parts of a manifest.

    Args:
        rows: at most so many a part.

    Raises:
        InputError: no manifest, or two rows of one id.
    """

    def __init__(self, source: str, rows: int = ROWS, folder: Optional[str] = None) -> None:
        self.source, self._rows = source, rows
        self._seen: dict[str, int] = {}  # to the first byte or row, which is less than a text
        self._folder = folder or os.getcwd()
        self.parts: list[Part] = []
        self.ids: dict[str, list[str]] = {}  # by the name of the part; of a tar none
        for path, kind in manifest.sources(source):
            self.parts += self._tar(path) if kind == manifest.TAR else self._cut(path, kind)
        del self._seen

    @property
    def rows(self) -> Optional[int]:
        """Of all parts; None: tars have them, and nobody has looked."""
        counts = [part.rows for part in self.parts]
        return sum(counts) if all(counts) else None

    def _tar(self, path: str) -> Iterator[Part]:
        yield Part(parts.name_of([files.name(path)]), manifest.TAR, path)

    def _cut(self, path: str, kind: str) -> Iterator[Part]:
        """Rows to parts: small ones first, which are done last, so that no core waits long for another.
        ``places`` are first byte and bytes, or numbers of rows."""
        ids: list[str] = []
        start = end = 0
        seconds: Optional[float] = 0.0
        for at, size, row in _places(path, kind):
            length = row.get("duration")
            most = min(self._rows, max(_FEWEST, len(self._seen) // _SHARE))
            full = len(ids) >= most or (seconds or 0) + (length or 0) > SECONDS * most
            if ids and full:
                yield self._part(path, kind, start, end, ids, seconds)
                ids, seconds = [], 0.0
            if not ids:
                start = at
            self._check(row["id"], path, at)
            ids.append(row["id"])
            end = at + size
            seconds = None if seconds is None or length is None else seconds + length
        if ids:
            yield self._part(path, kind, start, end, ids, seconds)

    def _part(
        self, path: str, kind: str, start: int, end: int, ids: list[str], seconds: Optional[float]
    ) -> Part:
        name = parts.name_of(ids)
        self.ids[name] = ids
        near = _absolute(files.parent(path))
        bases = (near,) if files.is_remote(path) else (self._folder, near)
        return Part(name, kind, path, start, end - start, len(ids), seconds, bases)

    def _check(self, id: str, path: str, at: int) -> None:
        if id in self._seen:
            raise InputError(
                f"{path}@{at}: the id {id!r} was at {self._seen[id]} already; expected each id once"
            )
        self._seen[id] = at


def _places(path: str, kind: str) -> Iterator[tuple[int, int, manifest.Row]]:
    if kind == manifest.JSON_LINES:
        yield from manifest.json_lines(path)
        return
    for number, row in manifest.parquet_rows(path, with_sound=False):
        yield number, 1, row


def _absolute(path: str) -> str:
    return path if files.is_remote(path) else os.path.abspath(path)


class Output:
    """A folder of results: what is in it, and what is missing.

    Args:
        plan: of the manifest.
        path: a folder or an address.
    """

    def __init__(self, plan: Plan, path: str) -> None:
        self.plan = plan
        self.path = path if files.is_remote(path) else os.path.abspath(files.local(path))
        self.folder = files.join(self.path, parts.FOLDER)

    def open(self, settings: settings_of.Settings, rows: int) -> None:
        """Makes the folder.

        Raises:
            ArgumentError: results of another model or other options are in it.
        """
        files.make_folder(self.folder)
        files.remove_abandoned(self.folder)
        wanted = {**settings.identity(), "part_rows": rows}
        there = read_plan(self.path)
        if there is None:
            files.write(files.join(self.path, NAME), [json.dumps(wanted, indent=1).encode()])
            return
        known = json.loads(json.dumps(wanted))
        differing = [key for key in known if key != "part_rows" and known[key] != there.get(key)]
        if differing:
            key = differing[0]
            raise ArgumentError(
                f"{self.path}: has results of another run: its {key} was {json.dumps(there.get(key))}, "
                f"now {json.dumps(known[key])}; expected another folder for the output"
            )

    def missing(self, again: bool = False) -> list[Part]:
        """Parts to do. ``again``: those with errors, too."""
        names = self._names()
        left = [part for part in self.plan.parts if part.name not in names]
        foreign = names - {part.name for part in self.plan.parts}
        if left and foreign:
            left = list(_without(left, self.plan.ids, self._index(foreign)))
            left = [part for part in left if part.name not in names]
        if again:
            left += [
                replace(part, again=True)
                for part in self.plan.parts
                if part.name in names and self._has_errors(part.name)
            ]
        return left

    def _names(self) -> set[str]:
        return {name for name in files.names(self.folder) if name.startswith(parts.PREFIX)}

    def _has_errors(self, name: str) -> bool:
        _, report = parts.load(parts.path_of(self.path, name))
        return report is not None and report.errors > 0

    def _index(self, names: set[str]) -> dict[str, tuple[str, int]]:
        """Where ids are: the file and the number of the line."""
        places: dict[str, tuple[str, int]] = {}
        for name in sorted(names):
            lines, _ = parts.load(parts.path_of(self.path, name))
            for number, line in enumerate(lines):
                places.setdefault(json.loads(line)["id"], (name, number))
        return places

    def collect(self) -> dict[str, int]:
        """Writes results.jsonl: every row once, in the order of the manifest.

        Returns:
            "rows" and "errors".

        Raises:
            InputError: rows are missing.
        """
        counts = {"rows": 0, "errors": 0}
        files.write(files.join(self.path, RESULTS), self._lines(counts))
        return counts

    def _lines(self, counts: dict[str, int]) -> Iterator[bytes]:
        names = self._names()
        index: Optional[dict[str, tuple[str, int]]] = None
        for part in self.plan.parts:
            if part.name in names:
                lines, report = parts.load(parts.path_of(self.path, part.name))
                if report is None:
                    raise InputError(f"{parts.path_of(self.path, part.name)}: damaged; remove it and run again")
            else:
                if index is None:
                    index = self._index(names - {part.name for part in self.plan.parts})
                lines = list(self._scattered(part, index))
            for line in lines:
                counts["rows"] += 1
                counts["errors"] += b'"error": ' in line and "error" in json.loads(line)
                yield line

    def _scattered(self, part: Part, index: dict[str, tuple[str, int]]) -> Iterator[bytes]:
        """The lines of a part whose rows were done in others."""
        for id in self.plan.ids.get(part.name, []):
            if id not in index:
                raise InputError(f"{self.path}: no result of {id!r} yet; run again")
            name, number = index[id]
            yield parts.load(parts.path_of(self.path, name))[0][number]
        if part.kind == manifest.TAR:
            raise InputError(f"{self.path}: no result of {part.source} yet; run again")


def read_plan(path: str) -> Optional[dict[str, Any]]:
    """What the runs of an output have in common; None: there was none."""
    content = files.read_or_none(files.join(path, NAME))
    return None if content is None else dict(json.loads(content))


def _without(
    left: list[Part], ids: dict[str, list[str]], done: dict[str, tuple[str, int]]
) -> Iterator[Part]:
    for part in left:
        wanted = [id for id in ids.get(part.name, []) if id not in done]
        if part.kind == manifest.TAR or len(wanted) == part.rows:
            yield part
        elif wanted:
            yield replace(part, name=parts.name_of(wanted), rows=len(wanted), only=tuple(wanted), seconds=None)
