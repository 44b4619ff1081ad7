"""Word error rates, as jiwer 4 counts them with its default transform."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

from . import abi, library
from .errors import ArgumentError

if TYPE_CHECKING:
    Normalizer = Literal["none", "script", "whisper-basic", "whisper-english"]

NORMALIZERS = ("none", "script", "whisper-basic", "whisper-english")


@dataclass(frozen=True)
class WordErrors:
    """Counts over all texts. ``float(errors)`` is the word error rate."""

    substitutions: int
    deletions: int
    insertions: int
    hits: int
    wer: float  #: (S + D + I) / (S + D + H)

    @property
    def words(self) -> int:
        """Of the references."""
        return self.substitutions + self.deletions + self.hits

    def __float__(self) -> float:
        return self.wer

    def __repr__(self) -> str:
        counts = f"S {self.substitutions}, D {self.deletions}, I {self.insertions}"
        return f"WordErrors({self.wer:.2%} of {self.words} words: {counts})"


def word_errors(
    reference: Union[str, Sequence[str]],
    hypothesis: Union[str, Sequence[str]],
    normalizer: Normalizer = "script",
) -> WordErrors:
    """Aligns texts word by word, each pair by itself; arguments are those of ``jiwer.wer()``.

    Args:
        reference: what was said: a text, or one for each utterance.
        hypothesis: what was heard, as many. ``Result`` objects count as their text.
        normalizer: what is made equal first. "script" drops punctuation and case; "none" is jiwer's
            own default.

    Raises:
        ArgumentError: not as many hypotheses as references. InputError: a text is too long.
    """
    references = [reference] if isinstance(reference, str) else list(reference)
    single = isinstance(hypothesis, str) or not hasattr(hypothesis, "__len__")
    hypotheses = [hypothesis] if single else list(hypothesis)
    if len(references) != len(hypotheses):
        raise ArgumentError(
            f"{len(references)} references and {len(hypotheses)} hypotheses: expected as many"
        )
    if normalizer not in NORMALIZERS:
        raise ArgumentError(f"normalizer={normalizer!r}: expected one of {', '.join(NORMALIZERS)}")
    kind, counts = NORMALIZERS.index(normalizer), abi.WordCounts()
    for said, heard in zip(references, hypotheses):
        library.call(
            "pst_score_words", said.encode(), str(heard).encode(), kind, byref(counts)
        )
    return WordErrors(
        counts.substitutions,
        counts.deletions,
        counts.insertions,
        counts.hits,
        library.function("pst_word_error_rate")(byref(counts)),
    )
