"""A model that is in memory, of transformers or PEFT, handed over to the engine.

The library reads folders. So the weights go into one that is in memory, /dev/shm on Linux, as they
are; it is gone with the ``Model``. The base of a PEFT model is written without what PEFT has put
into it, and its adapters as PEFT saves them: they are applied unmerged, as there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Optional

from . import place
from .errors import ArgumentError
from .model import Model, _restore

if TYPE_CHECKING:
    from .place import PathLike


_PREFIX = "potstill-live."


def _place() -> Path:
    """Memory, where the system shows it as files and has room for any Moonshine."""
    shared = "/dev/shm"
    room = 1 << 30  # the largest published model has 1 GB of float32
    usable = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > room
    return Path(shared if usable else tempfile.gettempdir())


def _sweep(parent: Path) -> None:
    """Removes what killed processes have left: folders that nobody holds the lock of."""
    for folder in parent.glob(_PREFIX + "*"):
        try:
            with (folder / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, somebody else's, or being made


def _new_folder() -> tuple[Path, BinaryIO]:
    """A folder, and the lock that says it is in use for as long as the file is open."""
    parent = _place()
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # Locked before it has its name, so that nobody sees it without its holder.
    lock = (folder / "lock.part").open("wb")
    fcntl.flock(lock, fcntl.LOCK_SH)
    (folder / "lock.part").rename(folder / "lock")
    return folder, lock


def _remove(folder: Path, lock: BinaryIO, maker: int) -> None:
    """By the process that made it alone: one that was forked has the model, too."""
    lock.close()
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


def base_of(model: Any) -> Any:
    """The transformers model that PEFT has its adapters in; the model itself without PEFT."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _base_name(name: str) -> Optional[str]:
    """The checkpoint's name of a weight; None: PEFT's own."""
    parts = name.split(".")
    if "modules_to_save" in parts or any(part.startswith(_ADAPTED) for part in parts):
        return None
    return ".".join(part for part in parts if part not in ("base_layer", "original_module"))


#: What tuners call the parts that they put beside a base layer.
_ADAPTED = ("lora_", "hada_", "lokr_", "ia3_", "oft_", "vera_", "boft_", "vblora_", "trainable_tokens")


def base_weights(model: Any) -> dict[str, Any]:
    """Tensors of the base by the checkpoint's names, each stored once."""
    weights: dict[str, Any] = {}
    stored = set()
    for name, tensor in sorted(base_of(model).state_dict().items()):
        plain = _base_name(name)
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if plain is None or (tensor.numel() and key in stored):
            continue
        stored.add(key)
        weights[plain] = tensor.detach().cpu().contiguous()
    return weights


def write_base(model: Any, folder: Path) -> None:
    """The base of a live model as a checkpoint."""
    from safetensors.torch import save_file

    base = base_of(model)
    base.config.save_pretrained(folder)
    if getattr(base, "generation_config", None) is not None:
        base.generation_config.save_pretrained(folder)
    save_file(base_weights(model), folder / "model.safetensors", metadata={"format": "pt"})


def active_adapters(model: Any) -> list[str]:
    """Names of the adapters of a live model that are switched on."""
    if getattr(model, "_hf_peft_config_loaded", False):  # transformers' own add_adapter()
        return list(model.active_adapters())
    if not hasattr(model, "peft_config"):
        return []
    names = getattr(model, "active_adapters", None) or [model.active_adapter]
    return list(names)


def write_adapters(model: Any, folder: Path) -> list[str]:
    """The active adapters of a live model, a folder each."""
    names = active_adapters(model)
    if not names:
        return []
    if hasattr(model, "get_base_model"):
        model.save_pretrained(folder, selected_adapters=names)
        return [str(folder if name == "default" else folder / name) for name in names]
    if len(names) > 1:
        raise ArgumentError(f"{len(names)} active adapters: expected one, or a peft.PeftModel")
    model.save_pretrained(folder)
    return [str(folder)]


def processor_of(model: Any, processor: Any, folder: Path) -> Optional[str]:
    """Folder of the tokenizer: of ``processor``, or of what the model was loaded from."""
    if hasattr(processor, "save_pretrained"):
        processor.save_pretrained(folder)
        return str(folder)
    name = processor or getattr(base_of(model).config, "_name_or_path", "")
    if not name:
        raise ArgumentError("the model does not say what it was loaded from: expected processor=")
    return place.Finder().find(name, "processor")


def from_pretrained(
    model: Any,
    processor: Any = None,
    *,
    precision: str = "f32",
    threads: int = 0,
    cache: bool = False,
    **options: Any,
) -> Model:
    """A live transformers or PEFT model, as it is now, as a ``Model``.

    Args:
        model: a ``MoonshineForConditionalGeneration``, a ``peft.PeftModel`` around one, or one with
            ``add_adapter()``; its active adapters are applied unmerged.
        processor: a live processor or tokenizer, or its folder or hub id; None: that of what the
            model was loaded from.
        precision: "f32" gives the tokens that ``generate()`` gives in float32.
        threads, cache, **options: as ``load()`` has them.

    Returns:
        A ``Model`` over a copy of the weights. Training goes on without it. It pickles as long as
        it is there.

    >>> engine = potstill.from_pretrained(peft_model, processor)             # doctest: +SKIP
    >>> engine.transcribe(samples, window=0).text                            # doctest: +SKIP
    """
    folder, lock = _new_folder()
    try:
        base, adapters = folder / "base", folder / "adapters"
        base.mkdir()
        write_base(model, base)
        pairs = [(path, 1.0) for path in write_adapters(model, adapters)]
        given: Mapping[str, Any] = {
            "precision": precision,
            "threads": threads,
            "cache": cache,
            "processor_dir": processor_of(model, processor, folder / "processor"),
            **options,
        }
        opened = _restore(str(base), dict(given), pairs)
    except BaseException:
        _remove(folder, lock, os.getpid())
        raise
    weakref.finalize(opened, _remove, folder, lock, os.getpid())
    return opened
