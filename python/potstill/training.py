"""The word error rate while a model is trained, by the engine rather than ``generate()``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from transformers import TrainerCallback as _Callback

from .live import from_pretrained
from .score import WordErrors, word_errors


class TrainerCallback(_Callback):  # type: ignore[misc, unused-ignore]
    """For ``transformers.Trainer``: transcribes a set at every evaluation and logs ``eval_wer``.

    The number is in the metrics of the evaluation, so ``metric_for_best_model="eval_wer"`` works,
    and in the log history.

    Args:
        rows: of the set: {"audio": any sound that ``transcribe()`` takes, "text": what was said}.
            Read once, kept.
        processor: as ``from_pretrained()`` takes it.
        normalizer: as ``word_errors()`` takes it.
        precision: of the engine. "auto" is bf16 where this CPU has kernels for it, the fastest that
            hardly ever changes a word; "f32" gives the tokens of ``generate()``.
        key: the name it is logged by.
        **options: of ``transcribe()``; unless they say otherwise ``window=0``, which is what
            ``generate()`` gives.

    Attributes:
        history: (step, WordErrors, seconds) of each evaluation.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        processor: Any = None,
        *,
        normalizer: Any = "script",
        precision: str = "auto",
        key: str = "eval_wer",
        **options: Any,
    ) -> None:
        self._sounds, self._texts = [], []
        for row in rows:
            self._sounds.append(row["audio"])
            self._texts.append(row["text"])
        self._processor, self._normalizer, self._key = processor, normalizer, key
        self._precision = precision
        self._options = {"window": 0, "progress": False, **options}
        self.history: list[tuple[int, WordErrors, float]] = []

    def measure(self, model: Any) -> WordErrors:
        """The word errors of a live model on the set."""
        engine = from_pretrained(model, self._processor, precision=self._precision)
        results = engine.transcribe(iter(self._sounds), **self._options)
        return word_errors(self._texts, [r.text for r in results], self._normalizer)

    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        metrics: Optional[dict[str, Any]] = None,
        **rest: Any,
    ) -> None:
        """Called by the trainer after each evaluation."""
        began = time.perf_counter()
        errors = self.measure(model)
        self.history.append((state.global_step, errors, time.perf_counter() - began))
        if metrics is not None:
            metrics[self._key] = errors.wer
        state.log_history.append(
            {self._key: errors.wer, "epoch": state.epoch, "step": state.global_step}
        )
