"""What is written of a sound: a JSON object, as a line of ``potstill transcribe --format jsonl`` with its id.

Nothing in it tells when, where or how fast it was made: every attempt gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Optional

from ..result import Result, Segment, Word


def _rounded(number: float, digits: int = 6) -> Optional[float]:
    """As the command rounds: more would differ between instruction sets."""
    return round(number, digits) if math.isfinite(number) else None


def _twelve(seconds: float) -> float:
    return float(f"{seconds:.12g}")


def _words(words: tuple[Word, ...]) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text,
            "start": _rounded(word.start, 3),
            "end": _rounded(word.end, 3),
            "probability": _rounded(word.probability),
            "confidence": _rounded(word.confidence),
        }
        for word in words
    ]


def _confidence(words: tuple[Word, ...]) -> Optional[float]:
    return _rounded(sum(word.confidence for word in words) / len(words)) if words else None


def _heard(one: Any, guarded: bool) -> dict[str, Any]:
    """What a result and a segment both have."""
    fields: dict[str, Any] = {
        "text": one.text,
        "tokens": list(one.tokens),
        "avg_logprob": _rounded(one.avg_logprob),
    }
    if "truncated" in one.flags:
        fields["truncated"] = True
    if guarded:
        fields["no_speech_prob"] = _rounded(one.no_speech_prob)
        fields["compression_ratio"] = _rounded(one.compression_ratio)
        fields["flags"] = list(one.flags)
    return fields


def _segment(segment: Segment, guarded: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": _twelve(segment.start), "end": _twelve(segment.end)}
    if segment.channel:
        fields["channel"] = segment.channel
    fields.update(_heard(segment, guarded))
    if segment.words:
        fields["confidence"] = _confidence(segment.words)
        fields["words"] = _words(segment.words)
    return fields


def _has_segments(result: Result) -> bool:
    """One segment that is the whole clip tells nothing new."""
    first = result.segments[0] if result.segments else None
    if first is None:
        return False
    return (
        len(result.segments) > 1
        or first.start > 0
        or first.end < result.duration
        or first.channel > 0
    )


def of_result(row: Mapping[str, Any], result: Result, vad: Optional[str], guarded: bool) -> dict[str, Any]:
    """The output row of a row of the manifest.

    Args:
        vad: name of the detector; None: without.
        guarded: has the result what the guard and the detector find out?
    """
    if result.error is not None:
        return of_error(row, str(result.error), type(result.error).__name__)
    fields = _head(row)
    fields["duration"] = _twelve(result.duration)
    if result.warnings:
        fields["warnings"] = list(result.warnings)
    if vad:
        fields["vad"] = vad
    fields.update(_heard(result, guarded))
    if _has_segments(result):
        fields["segments"] = [_segment(segment, guarded) for segment in result.segments]
    elif result.words:
        fields["confidence"] = _rounded(result.confidence)
        fields["words"] = _words(result.words)
    return fields


def of_error(row: Mapping[str, Any], message: str, kind: str) -> dict[str, Any]:
    """The output row of what cannot be transcribed."""
    return {**_head(row), "error": message, "kind": kind}


def _head(row: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": row["id"], "file": row.get("audio")}
    if row.get("offset"):
        fields["offset"] = row["offset"]
    return fields


def line(fields: Mapping[str, Any]) -> bytes:
    """One line of JSON. A name that is not UTF-8 is written with escapes."""
    try:
        return json.dumps(fields, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(fields).encode() + b"\n"
