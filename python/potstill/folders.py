"""What is done to folders of models before and after they run: merge, convert, pull, verify."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from ctypes import byref, c_void_p
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

from . import abi, adapter as adapters_of, environment, library, place
from .errors import ArgumentError
from .model import Model, choose
from .progress import Bar

if TYPE_CHECKING:
    from .adapter import Adapters

PRECISIONS = ("float16", "float32", "int8", "palette8", "palette6", "palette4")
TARGETS = ("ios16", "ios15", "ios18")
LAYOUTS = ("split", "single", "stream")
SEVERITIES = {1: "warning", 2: "problem"}


def _sources(
    model: Union[None, place.PathLike, Model], adapter: Adapters, offline: bool
) -> tuple[str, Any, int]:
    """The model's folder; the adapters [count] as the library takes them."""
    if isinstance(model, Model):
        if adapter is None:
            adapter = [(a.dir, weight) for a, weight in model._in_use()]
        model = model.dir
    pairs = [
        (place.find_adapter(name, offline=offline), weight)
        for name, weight in adapters_of.listed(adapter)
    ]
    if model is None:
        folder = place.find_base([name for name, _ in pairs], offline=offline)
    else:
        folder = place.find(model, "config.json", offline=offline)
    array = (abi.MergeAdapter * len(pairs))()
    for row, (name, weight) in zip(array, pairs):
        row.dir, row.weight = os.fsencode(name), weight
    return folder, array, len(pairs)


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
    folder, array, count = _sources(model, adapter, offline)
    if processor_dir is None:
        opened = model.processor_dir if isinstance(model, Model) else None
        processor_dir = opened or place.find_processor(folder)
    relay = library.Relay()
    options = library.options(abi.MergeOptions)
    options.processor_dir = library.path_bytes(processor_dir)
    options.dtype = dtype.encode() if dtype else None
    options.safe, options.force = safe, force
    options.warn, options.cancelled = relay.warn, relay.never()
    relay.call(
        "pst_merge", os.fsencode(folder), array, count, os.fsencode(output), byref(options)
    )
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
        with_decoder: the model as a checkpoint too, whose decoder ``load()`` uses.

    Returns:
        ``output``; ``load()`` opens it.
    """
    folder, array, count = _sources(model, adapter, offline)
    if processor_dir is None:
        opened = model.processor_dir if isinstance(model, Model) else None
        processor_dir = opened or place.find_processor(folder)
    relay = library.Relay()
    options = library.options(abi.ConvertOptions)
    options.precision = choose("precision", precision, PRECISIONS)
    options.target = choose("target", target, TARGETS)
    options.layout = choose("layout", layout, LAYOUTS)
    if seconds is not None:
        lengths = (ctypes.c_uint32 * len(seconds))(*seconds)
        options.seconds, options.seconds_count = lengths, len(seconds)
    options.state, options.force, options.with_decoder = state, force, with_decoder
    options.threads, options.piece_ms, options.ahead = threads, piece_ms, ahead
    options.processor_dir = library.path_bytes(processor_dir)
    options.warn, options.cancelled = relay.warn, relay.never()
    relay.call(
        "pst_convert", os.fsencode(folder), array, count, os.fsencode(output), byref(options)
    )
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
    relay, bar = library.Relay(), Bar(progress, desc=id, unit="B", unit_scale=True)

    def show(file: Optional[str], received: int, total: int) -> None:
        bar.show(received, total)

    hub = environment.hub_options(offline, relay, show)
    found = c_void_p()
    try:
        relay.call(
            "pst_hub_pull",
            id.encode(),
            revision.encode() if revision else None,
            None,
            byref(hub),
            byref(found),
        )
    finally:
        bar.close()
    return library.take_text(found)


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
        folder = place.find(folder, "config.json", offline=offline)
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
