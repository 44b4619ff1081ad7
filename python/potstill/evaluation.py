"""Is a fine-tune better: error rates of systems, by the command ``potstill eval``.

The comparison, with its intervals, tests and page, is made by the command that is in the wheel; this
module writes its manifest, runs it, and shows what it found.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from . import adapter as adapters_of
from .command import run_command
from .errors import ArgumentError
from .model import Model
from .sound import Clip

if TYPE_CHECKING:
    from .adapter import Adapters
    from .place import PathLike

    #: A manifest's path; or rows with "audio" (any sound) and "text", as a ``datasets`` has them; or
    #: pairs (sound, text).
    Manifest = Union[PathLike, Iterable[Union[Mapping[str, Any], tuple[Any, str]]]]

MISSED = 5  # the exit code of a threshold that was missed


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate()`` found.

    Attributes:
        data: all of results.json; docs/EVAL.md has its keys.
        dir: the folder of report.html, results.json and utterances.jsonl; None: they were not kept.
        passed: False where a threshold was missed.
    """

    data: dict[str, Any]
    dir: Optional[str]
    passed: bool

    @property
    def systems(self) -> list[dict[str, Any]]:
        """One a system: name, wer (value, low, high), cer, substitutions ..."""
        return list(self.data["systems"])

    @property
    def comparisons(self) -> list[dict[str, Any]]:
        """Each system against the first: difference, low, high, p, verdict, text."""
        return list(self.data["comparisons"])

    @property
    def utterances(self) -> list[dict[str, Any]]:
        """One an utterance: reference, and of each system text, errors, alignment."""
        return list(self.data["utterances"])

    def wer(self, system: Union[int, str] = -1) -> float:
        """The word error rate of a system, by its name or place; the last one by default."""
        if isinstance(system, str):
            found = [s for s in self.systems if s["name"] == system]
            if not found:
                names = ", ".join(s["name"] for s in self.systems)
                raise ArgumentError(f"no system {system!r}, there are {names}")
            return float(found[0]["wer"]["value"])
        return float(self.systems[system]["wer"]["value"])

    def errors(self, system: Union[int, str] = -1, most: Optional[int] = None) -> Errors:
        """Utterances that a system has wrong, the worst first, at most ``most`` of them.

        Each has id, audio, reference, text, errors, alignment. A notebook shows them to read and
        to hear.
        """
        names = [s["name"] for s in self.systems]
        at = names.index(system) if isinstance(system, str) else system
        rows = [
            {
                "id": u["id"],
                "audio": u["audio"],
                "reference": u["reference"],
                "text": u["systems"][at]["text"],
                "errors": u["systems"][at]["errors"],
                "alignment": u["systems"][at]["alignment"],
            }
            for u in self.utterances
        ]
        wrong = sorted((r for r in rows if r["errors"]), key=lambda r: -int(r["errors"]))
        return Errors(wrong[:most])

    def __repr__(self) -> str:
        rates = ", ".join(f"{s['name']} {s['wer']['value']:.2%}" for s in self.systems)
        words = f"{self.data['manifest']['utterances']} utterances"
        return f"Evaluation({rates}; {words}{'' if self.passed else '; a threshold was missed'})"

    def _repr_html_(self) -> str:
        rows = "".join(_row(system) for system in self.systems)
        columns = "system WER 95&nbsp;% CER sub del ins sentences&nbsp;wrong".split()
        head = "".join(f"<th>{column}</th>" for column in columns)
        said = "".join(f"<p>{escape(c['text'])}</p>" for c in self.comparisons)
        return f"<table><tr>{head}</tr>{rows}</table>{said}"


class Errors(list[dict[str, Any]]):
    """Utterances that a system has wrong; a notebook shows each with its sound, where that is a file."""

    def _repr_html_(self) -> str:
        head = "<tr><th>errors</th><th>sound</th><th>what was said, and heard</th></tr>"
        rows = (
            f"<tr><td>{row['errors']}</td><td>{_player(Path(row['audio']))}</td>"
            f'<td style="text-align:left">{_steps_html(row["alignment"])}</td></tr>'
            for row in self
        )
        return f"<table>{head}{''.join(rows)}</table>"


def _player(path: Path) -> str:
    """The sound in the page itself: a notebook may not show files beside it."""
    if not path.is_file():
        return escape(path.name)
    kind = {".wav": "wav", ".flac": "flac", ".mp3": "mpeg", ".ogg": "ogg"}.get(path.suffix, "wav")
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<audio controls preload="none" src="data:audio/{kind};base64,{data}"></audio>'


def _steps_html(alignment: list[list[str]]) -> str:
    """As results.json has it: "=" equal, "s" another word, "d" left out, "i" put in."""
    words = []
    for step in alignment:
        kind, texts = step[0].lower(), [escape(str(text)) for text in step[1:]]
        if kind == "=":
            words.append(texts[0])
        elif kind == "s":
            words.append(f"<del>{texts[0]}</del> <ins>{texts[1]}</ins>")
        else:
            tag = "del" if kind == "d" else "ins"
            words.append(f"<{tag}>{texts[-1]}</{tag}>")
    return " ".join(words)


def _row(system: Mapping[str, Any]) -> str:
    wer = system["wer"]
    cells = (
        f"<b>{escape(system['name'])}</b>",
        _percent(wer["value"]),
        f"{_percent(wer['low'])} to {_percent(wer['high'])}",
        _percent(system["cer"]["value"]),
        system["substitutions"],
        system["deletions"],
        system["insertions"],
        _percent(system["sentence_errors"]["value"]),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _percent(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.2%}"


def _write_manifest(rows: Iterable[Any], folder: Path) -> Path:
    """Rows as JSON lines; sound that is no file becomes one beside them."""
    path = folder / "manifest.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for index, row in enumerate(rows):
            pair = isinstance(row, tuple)
            line = {} if pair else {k: v for k, v in row.items() if k != "audio"}
            sound = row[0] if pair else row["audio"]
            if pair:
                line["text"] = row[1]
            line["audio"] = _as_file(sound, index, folder)
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def _as_file(sound: Any, index: int, folder: Path) -> str:
    if isinstance(sound, (str, os.PathLike)):
        return os.path.abspath(sound)
    clip = Clip(sound, index)
    try:
        content = clip.content()
        if content is None:
            return os.path.abspath(clip.name)
        path = folder / f"{index:06}.wav"
        path.write_bytes(content)
        return str(path)
    finally:
        clip.close()


def _systems(model: Any, adapters: Any) -> tuple[Any, list[str]]:
    """What --model and the --adapter of each system are."""
    if isinstance(model, Model):
        if adapters is None:
            adapters = [[(a.dir, weight) for a, weight in model._in_use()] or None]
        model = model.dir
    names = []
    for adapter in [None] if adapters is None else adapters:
        pairs = adapters_of.listed(adapter)
        words = [os.path.expanduser(n) if w == 1 else f"{n}:{w:g}" for n, w in pairs]
        names.append("+".join(words) or "none")
    return model, names


def evaluate(
    manifest: Manifest,
    *,
    model: Union[None, PathLike, Model] = None,
    adapters: Optional[Iterable[Adapters]] = None,
    output: Optional[PathLike] = None,
    **options: Any,
) -> Evaluation:
    """Lets each system hear the utterances of a set and says which is better, and how sure that is.

    Runs ``potstill eval``, which is in the package.

    Args:
        manifest: a manifest's path, as the command takes it; or rows with "audio" (a path, samples
            in any form that ``transcribe()`` takes) and "text"; or pairs (sound, text).
        model: as ``load()`` takes it, or an open ``Model``, whose adapters count then.
        adapters: a system each: an adapter as ``load()`` takes it, several that act together, or
            None for the base: ``[None, "a", ["a", "b"]]``. None: one system, the model as it is.
        output: folder for report.html and the rest. None: they are not kept.
        **options: the command's, by keyword: ``normalizer="whisper-english"``, ``max_wer=0.08``,
            ``canary="other.jsonl"``, ``terms=``, ``group=``, ``precision=``, ``num_beams=`` ...;
            ``potstill eval --help`` lists them.

    Returns:
        An ``Evaluation``; a notebook shows it as a table.

    Raises:
        CommandError: what the command refused, in its words.
    """
    if isinstance(model, Model) and model.processor_dir is not None:
        options.setdefault("processor_dir", model.processor_dir)
    model, names = _systems(model, adapters)
    with tempfile.TemporaryDirectory(prefix="potstill-eval.") as temporary:
        scratch = Path(temporary)
        if not isinstance(manifest, (str, os.PathLike)):
            manifest = _write_manifest(manifest, scratch)
        folder = scratch / "out" if output is None else Path(output)
        _, code = run_command(
            "eval",
            accept=(0, MISSED),
            manifest=manifest,
            model=model,
            adapter=names,
            output=folder,
            **options,
        )
        data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return Evaluation(data, None if output is None else str(folder), code != MISSED)
