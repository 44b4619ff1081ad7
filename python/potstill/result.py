"""What became of a sound: its text, segments and words, copied out of the library's memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, Optional

from . import abi, library
from .errors import PotstillError, of_status

FLAGS = ("no_speech", "loop", "low_confidence", "truncated")


@dataclass(frozen=True)
class Word:
    """What stands between spaces, or one character of a script without them."""

    text: str
    start: float  #: seconds from the start of the sound
    end: float  #: seconds
    probability: float  #: mean of its tokens'
    confidence: float  #: how likely it is right

    def __repr__(self) -> str:
        return f"Word({self.text!r}, {self.start:.2f}-{self.end:.2f} s, {self.confidence:.2f})"


@dataclass(frozen=True)
class Segment:
    """A stretch of the sound that was transcribed by itself."""

    start: float  #: seconds from the start of the sound
    end: float  #: seconds
    text: str
    tokens: tuple[int, ...]  #: from the start token to the end token
    words: tuple[Word, ...]  #: with word_timestamps; else none
    avg_logprob: float  #: mean log-probability of the generated tokens
    flags: tuple[str, ...]  #: what is in doubt, of no_speech, loop, low_confidence, truncated
    no_speech_prob: float  #: that nobody speaks; NaN without a detector
    compression_ratio: float  #: above 2.4 the text repeats itself
    channel: int  #: with channels="split": where it was heard, from 1; else 0

    def __repr__(self) -> str:
        return f"Segment({self.start:.2f}-{self.end:.2f} s, {self.text!r})"


@dataclass(frozen=True)
class Result:
    """A transcript. ``str(result)`` is its text."""

    text: str
    segments: tuple[Segment, ...]
    words: tuple[Word, ...]  #: of all segments, with word_timestamps; else none
    tokens: tuple[int, ...]  #: of all segments, each run with its start and end token
    duration: float  #: seconds of sound
    source: str  #: the path, or "sound 3" of samples
    avg_logprob: float  #: mean log-probability of the generated tokens
    score: float  #: beam search: the normalised score of the hypothesis; greedy: 0
    margin: float  #: the closest call between two tokens on the way
    confidence: float  #: mean of the words'; NaN without
    flags: tuple[str, ...]  #: what is in doubt, of no_speech, loop, low_confidence, truncated
    no_speech_prob: float  #: that nobody speaks; NaN without a detector
    compression_ratio: float
    warnings: tuple[str, ...]  #: of the file and its sound: a silent channel, clipping
    work_seconds: float  #: that transcribing took, reading the file not counted
    error: Optional[PotstillError] = field(default=None)  #: why there is no text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        if self.error is not None:
            return f"Result({self.source}: {type(self.error).__name__}: {self.error})"
        text = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        more = f", {len(self.segments)} segments" if len(self.segments) > 1 else ""
        more += f", {len(self.words)} words" if self.words else ""
        more += f", flags {', '.join(self.flags)}" if self.flags else ""
        return f"Result({text!r}, {self.duration:.2f} s{more})"

    @property
    def truncated(self) -> bool:
        """Did the length limit end the text of a segment?"""
        return "truncated" in self.flags

    def _repr_html_(self) -> str:
        if self.error is not None:
            return f"<p><b>{escape(self.source)}</b>: {escape(str(self.error))}</p>"
        notes = [f"{self.duration:.2f} s", *self.flags, *self.warnings]
        head = f"<b>{escape(self.source)}</b> <small>{escape(', '.join(notes))}</small>"
        if self.words:
            body = "<p>" + " ".join(_word_html(word) for word in self.words) + "</p>"
        elif len(self.segments) > 1:
            rows = (
                f"<tr><td>{s.start:.2f}</td><td>{s.end:.2f}</td>"
                f'<td style="text-align:left">{escape(s.text)}</td></tr>'
                for s in self.segments
            )
            head_row = "<tr><th>start</th><th>end</th><th>text</th></tr>"
            body = f"<table>{head_row}{''.join(rows)}</table>"
        else:
            body = f"<p>{escape(self.text)}</p>"
        return f"<div>{head}{body}</div>"


def _word_html(word: Word) -> str:
    """Doubtful words are dotted below: never colour alone."""
    title = f"{word.start:.2f}-{word.end:.2f} s, confidence {word.confidence:.2f}"
    style = "" if word.confidence >= 0.5 else ' style="border-bottom:2px dotted #b60"'
    return f'<span title="{title}"{style}>{escape(word.text)}</span>'


def flag_names(bits: int) -> tuple[str, ...]:
    return tuple(name for i, name in enumerate(FLAGS) if bits >> i & 1) if bits else ()


def _words(transcript: Any) -> tuple[Word, ...]:
    if not transcript.word_count:
        return ()
    given = (transcript.words[i] for i in range(transcript.word_count))
    return tuple(
        Word(library.text(w.text), w.start, w.end, w.probability, w.confidence) for w in given
    )


def _segment(segment: abi.Segment) -> Segment:
    t = segment.transcript.contents
    return Segment(
        segment.start,
        segment.end,
        library.text(t.text),
        tuple(t.tokens[: t.token_count]),
        _words(t),
        t.avg_logprob,
        flag_names(t.flags),
        t.no_speech_prob,
        t.compression_ratio,
        t.channel,
    )


def of_clip(clip: abi.ClipResult, source: str) -> Result:
    """A copy of what the library delivers; an error becomes the exception of its kind."""
    nan = float("nan")
    if clip.error:
        error = clip.error.contents
        message = library.text(error.message)
        if source not in message:
            message = f"{source}: {message}"
        failed = of_status(error.code, message)
        return Result(
            "", (), (), (), 0, source, nan, nan, nan, nan, (), nan, nan, (), 0, error=failed
        )
    t = clip.transcript.contents
    segments = tuple(_segment(clip.segments[i]) for i in range(clip.segment_count))
    return Result(
        text=library.text(t.text),
        segments=segments,
        words=tuple(word for s in segments for word in s.words) or _words(t),
        tokens=tuple(t.tokens[: t.token_count]),
        duration=clip.duration,
        source=source,
        avg_logprob=t.avg_logprob,
        score=t.score,
        margin=t.margin,
        confidence=t.confidence,
        flags=flag_names(t.flags),
        no_speech_prob=t.no_speech_prob,
        compression_ratio=t.compression_ratio,
        warnings=tuple(library.text(clip.warnings[i]) for i in range(clip.warning_count)),
        work_seconds=clip.work_seconds,
    )
