"""What is done to folders of models before and after they run: merge, convert, pull, verify."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from ctypes import byref
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

from . import abi, adapter as adapters_of, library, place
from .errors import ArgumentError
from .model import Model, choose
from .progress import Bar

if TYPE_CHECKING:
    from .adapter import Adapters

PRECISIONS = ("float16", "float32", "int8", "palette8", "palette6", "palette4")
TARGETS = ("ios16", "ios15", "ios18")
LAYOUTS = ("split", "single", "stream")
OUTPUTS = ("logits", "token")
INPUTS = ("samples", "blocks")
SEVERITIES = {1: "warning", 2: "problem"}


def _sources(
    model: Union[None, place.PathLike, Model],
    adapter: Adapters,
    processor_dir: Optional[place.PathLike],
    offline: bool,
) -> tuple[place.Sources, Any]:
    """The folders; the adapters [count] as the library takes them."""
    opened = isinstance(model, Model)
    if isinstance(model, Model):
        if adapter is None:
            adapter = [(a.dir, weight) for a, weight in model._in_use()]
        processor_dir = processor_dir or model.processor_dir
        model = model.dir
    pairs = adapters_of.listed(adapter)
    finder = place.Finder(offline)
    found = place.find_sources(
        finder, model, pairs, processor_dir, kind="checkpoint", check=not opened
    )
    array = (abi.MergeAdapter * len(pairs))()
    for row, (folder, weight) in zip(array, found.adapters):
        row.dir, row.weight = os.fsencode(folder), weight
    return found, array


def merge(
    model: Union[None, place.PathLike, Model] = None,
    *,
    adapter: Adapters = None,
    output: place.PathLike,
    dtype: Optional[Literal["float32", "float16", "bfloat16"]] = None,
    processor_dir: Optional[place.PathLike] = None,
    safe: bool = False,
    force: bool = False,
    offline: bool = False,
) -> str:
    """Folds adapters into their model: a folder that needs no adapter, for transformers too.

    Args:
        model: as ``load()`` takes it, or an open ``Model``, whose adapters count then.
        adapter: as ``load()`` takes it.
        output: the folder to make, whole or not at all.
        dtype: of the weights; None: as most of the model's are.
        processor_dir: folder whose tokenizer is copied; None: the model's.
        safe: refuse results that are not finite, which are else warned of.
        force: replace an existing model folder.

    Returns:
        ``output``.
    """
    found, array = _sources(model, adapter, processor_dir, offline)
    relay = library.Relay()
    options = library.options(abi.MergeOptions)
    options.processor_dir = library.path_bytes(found.processor)
    options.dtype = dtype.encode() if dtype else None
    options.safe, options.force = safe, force
    options.warn, options.cancelled = relay.warn, relay.never()
    folders = os.fsencode(found.model), array, len(array), os.fsencode(output)
    relay.call("pst_merge", *folders, byref(options))
    return os.fspath(output)


def convert(
    model: Union[None, place.PathLike, Model] = None,
    *,
    output: place.PathLike,
    adapter: Adapters = None,
    precision: Literal["float16", "float32", "int8", "palette8", "palette6", "palette4"] = "float16",
    target: Literal["ios16", "ios15", "ios18"] = "ios16",
    layout: Literal["split", "single", "stream"] = "split",
    seconds: Optional[Sequence[int]] = None,
    state: bool = False,
    piece_ms: int = 0,
    ahead: int = 0,
    with_decoder: bool = False,
    outputs: Literal["logits", "token"] = "logits",
    input: Literal["samples", "blocks"] = "samples",
    drafts: Optional[place.PathLike] = None,
    threads: int = 0,
    processor_dir: Optional[place.PathLike] = None,
    force: bool = False,
    offline: bool = False,
) -> str:
    """Writes Core ML packages for Apple's systems, adapters merged in; on any system.

    Args:
        model, adapter: as ``merge()`` takes them.
        output: the folder to make, or with layout="single" the .mlpackage.
        precision: how weights are stored.
        target: the oldest system that runs it.
        layout: docs/COREML.md says which to choose.
        seconds: lengths of clips, each from 1 to 30; None: 10 and 30, or what the layout has.
        state: iOS 18: decoder and stream keep their caches themselves.
        piece_ms: layout="stream": of a piece, a multiple of 20; 0: 320.
        ahead: a second decoder function takes so many tokens of a text in one call, 2 to 32.
        with_decoder: the decoder as a checkpoint too, which ``load()`` uses.
        outputs: of a decoder step: the scores of all tokens, or the best token alone.
        input: how the encoder takes samples: float32, or float16 in rows of 64.
        drafts: a file of texts that are likely to be said, one a line, which ``load()`` tries ahead.

    Returns:
        ``output``; ``load()`` opens it.
    """
    found, array = _sources(model, adapter, processor_dir, offline)
    relay = library.Relay()
    options = library.options(abi.ConvertOptions)
    options.precision = choose("precision", precision, PRECISIONS)
    options.target = choose("target", target, TARGETS)
    options.layout = choose("layout", layout, LAYOUTS)
    options.outputs = choose("outputs", outputs, OUTPUTS)
    options.input = choose("input", input, INPUTS)
    if seconds is not None:
        lengths = (ctypes.c_uint32 * len(seconds))(*seconds)
        options.seconds, options.seconds_count = lengths, len(seconds)
    options.state, options.force, options.with_decoder = state, force, with_decoder
    options.threads, options.piece_ms, options.ahead = threads, piece_ms, ahead
    options.processor_dir = library.path_bytes(found.processor)
    options.drafts_file = None if drafts is None else library.path_bytes(drafts)
    options.warn, options.cancelled = relay.warn, relay.never()
    folders = os.fsencode(found.model), array, len(array), os.fsencode(output)
    relay.call("pst_convert", *folders, byref(options))
    return os.fspath(output)


def pull(
    id: str,
    *,
    revision: Optional[str] = None,
    offline: bool = False,
    progress: Optional[bool] = None,
) -> str:
    """Downloads a model or an adapter from the Hugging Face hub into the cache of huggingface_hub.

    Args:
        id: "org/name".
        revision: branch, tag or commit; None: "main".
        progress: a bar, by tqdm; None: where tqdm is there and on a terminal or in a notebook.

    Returns:
        The snapshot's folder.

    Raises:
        AccessError: no such repository, or a token is needed; ReadWriteError: network or disk.
    """
    if os.path.exists(id) or id.count("/") != 1:
        raise ArgumentError(f"{id!r}: expected a hub id, as 'UsefulSensors/moonshine-tiny'")
    bar = Bar(progress, desc=id, unit="B", unit_scale=True)
    try:
        return place.Finder(offline, bar.show).pull(id, revision)
    finally:
        bar.close()


@dataclass(frozen=True)
class Finding:
    """One thing found in a folder."""

    severity: str  #: "warning": works, but perhaps not as meant; "problem": cannot be used
    file: str  #: its name in the folder; "" when it is the folder itself
    message: str


@dataclass(frozen=True)
class Verification:
    """What ``verify()`` found. True where there is no problem."""

    dir: str
    kind: str  #: "model", "adapter", "package"
    files: int
    tensors: int
    problems: int
    warnings: int
    findings: tuple[Finding, ...]  #: the first 1,000

    def __bool__(self) -> bool:
        return self.problems == 0

    def __repr__(self) -> str:
        return (
            f"Verification({self.dir!r}, {self.kind}, {self.files} files, {self.tensors} tensors, "
            f"{self.problems} problems, {self.warnings} warnings)"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{f.severity}</td><td>{escape(f.file)}</td>"
            f'<td style="text-align:left">{escape(f.message)}</td></tr>'
            for f in self.findings
        )
        return f"<p>{escape(repr(self))}</p>" + (f"<table>{rows}</table>" if rows else "")


def verify(
    name: place.PathLike, *, model: Optional[Model] = None, offline: bool = False
) -> Verification:
    """Checks all of a model, an adapter or a Core ML package, every value of every tensor included.

    Args:
        name: a folder or a hub id.
        model: checks an adapter against this base; None: by itself.

    Returns:
        Everything that was found, rather than the first.
    """
    folder = os.fspath(name)
    if not os.path.isdir(folder):
        folder = place.Finder(offline).find(folder, "any")
    findings: list[Finding] = []

    def note(user: object, at: Any) -> None:
        f = at.contents
        text = library.text
        findings.append(Finding(SEVERITIES[f.severity], text(f.file), text(f.message)))

    relay, summary = library.Relay(), abi.VerifySummary()
    options = library.options(abi.VerifyOptions)
    options.model = model.handle if model is not None else None
    options.finding = relay.guard(abi.FINDING, note, failed=0)
    relay.call("pst_verify", os.fsencode(folder), byref(options), byref(summary))
    return Verification(
        folder,
        library.text(summary.kind),
        summary.files,
        summary.tensors,
        summary.problems,
        summary.warnings,
        tuple(findings),
    )
