"""Columns of tables: ``datasets``, pandas, polars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model


def transcribe_column(column: Iterable[Any], model: Model, **options: Any) -> Any:
    """The texts of a column of sounds, all threads at once.

    Args:
        column: a Series of pandas or polars, a column or a batch of ``datasets`` (its ``Audio``
            feature, decoded or not), a list: of any sound that ``Model.transcribe()`` takes.
        **options: those of ``Model.transcribe()``.

    Returns:
        A Series of the kind that came, with its index; else a list of str. With ``errors="return"``
        the text of a sound that cannot be used is None.

    >>> frame["text"] = potstill.transcribe_column(frame["path"], model)        # doctest: +SKIP
    >>> rows.map(lambda batch: {"text": potstill.transcribe_column(batch["audio"], model)},
    ...          batched=True)                                                  # doctest: +SKIP
    """
    results = model.transcribe(iter(column), **options)
    texts = [None if result.error is not None else result.text for result in results]
    library = type(column).__module__.split(".")[0]
    if type(column).__name__ == "Series" and library == "pandas":
        return type(column)(texts, index=column.index, name="text", dtype=object)  # type: ignore
    if type(column).__name__ == "Series" and library == "polars":
        return type(column)("text", texts)  # type: ignore
    return texts
