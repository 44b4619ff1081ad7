"""How tokens are chosen: the settings of transformers' generate(), with its names and meaning."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import byref, c_int32, c_size_t
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from . import abi, library
from .errors import ArgumentError

if TYPE_CHECKING:
    from .model import Model


class DecodeOptions(TypedDict, total=False):
    """What is not given is as the model's generation_config.json says."""

    decode: Literal["greedy", "beam"]  #: "beam": 5 beams, unless num_beams says how many
    max_new_tokens: int  #: longest transcript in tokens
    num_beams: int  #: width of the beam search; 1 is greedy
    early_stopping: Union[bool, Literal["never"]]
    length_penalty: float  #: beam search: above 0 favours long results
    repetition_penalty: float  #: above 1 makes tokens that have occurred less likely
    no_repeat_ngram_size: int  #: no run of so many tokens occurs twice; 0: no such rule
    min_length: int  #: shortest result in tokens, the start token counted
    min_new_tokens: int  #: the same without it
    suppress_tokens: Sequence[int]  #: ids that never occur
    begin_suppress_tokens: Sequence[int]  #: ids that do not come first
    forced_bos_token_id: int
    forced_eos_token_id: int
    sequence_bias: Mapping[str, float]  #: phrases, and what is added to their score
    phrases: Sequence[str]  #: often said; tried several tokens at a time: faster, the same result


NAMES = frozenset(DecodeOptions.__annotations__)

_COUNTS = (
    "max_new_tokens",
    "num_beams",
    "no_repeat_ngram_size",
    "min_length",
    "min_new_tokens",
    "forced_bos_token_id",
    "forced_eos_token_id",
)
_NUMBERS = ("length_penalty", "repetition_penalty")
_LISTS = ("suppress_tokens", "begin_suppress_tokens")
_BEAMS = 5  # the command's, and what transformers' examples use


class Decoding:
    """Options of the library for one model, and the lists that they point to."""

    def __init__(self, model: Model, given: Mapping[str, Any]) -> None:
        self.struct = library.options(abi.DecodeOptions)
        self._keep: list[Any] = []
        library.function("pst_model_decode_options_sized")(
            model.handle, byref(self.struct), ctypes.sizeof(self.struct)
        )
        for name in _COUNTS:
            if name in given:
                setattr(self.struct, name, self._count(name, given[name]))
        for name in _NUMBERS:
            if name in given:
                setattr(self.struct, name, given[name])
        for name in _LISTS:
            if name in given:
                self._set_list(name, library.int32_array(list(given[name])))
        self._choose_search(given)
        if "sequence_bias" in given:
            biases = self._texts(model, "sequence_bias", given["sequence_bias"])
            self._set_list("sequence_bias", biases)
        if "phrases" in given:
            drafts = self._texts(model, "phrases", dict.fromkeys(given["phrases"], 0.0))
            self._set_list("drafts", drafts)

    @staticmethod
    def _count(name: str, value: Any) -> int:
        lowest = 1 if name in ("max_new_tokens", "num_beams") else 0
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise ArgumentError(f"{name}={value!r}: expected a whole number from {lowest}")
        return value

    def _set_list(self, name: str, values: Any) -> None:
        self._keep.append(values)
        setattr(self.struct, name, ctypes.cast(values, type(getattr(self.struct, name))))
        setattr(self.struct, name + "_count", len(values))

    def _choose_search(self, given: Mapping[str, Any]) -> None:
        decode, beams = given.get("decode"), given.get("num_beams")
        if decode not in (None, "greedy", "beam"):
            raise ArgumentError(f"decode={decode!r}: expected 'greedy' or 'beam'")
        if (decode == "greedy" and (beams or 1) > 1) or (decode == "beam" and beams == 1):
            raise ArgumentError(f"decode={decode!r} and num_beams={beams} exclude each other")
        if decode == "greedy":
            self.struct.num_beams = 1
        elif decode == "beam" and self.struct.num_beams < 2:
            self.struct.num_beams = _BEAMS
        if "early_stopping" in given:
            stopping = {False: 0, True: 1, "never": 2}
            if given["early_stopping"] not in stopping:
                raise ArgumentError(
                    f"early_stopping={given['early_stopping']!r}: expected False, True or 'never'"
                )
            self.struct.early_stopping = stopping[given["early_stopping"]]

    def _texts(self, model: Model, name: str, phrases: Mapping[str, float]) -> Any:
        """A phrase as the ids it has within a sentence: encoded without the start token."""
        biases = (abi.SequenceBias * len(phrases))()
        for bias, (phrase, value) in zip(biases, phrases.items()):
            ids = library.int32_array(encode(model, phrase)[1:])
            if not len(ids):
                raise ArgumentError(f"{name} {phrase!r}: the text has no tokens")
            self._keep.append(ids)
            bias.tokens = ctypes.cast(ids, ctypes.POINTER(c_int32))
            bias.count, bias.bias = len(ids), value
        return biases

    def ask_words(self, heads: Sequence[tuple[int, ...]]) -> None:
        """Words with their times; ``heads`` are (layer, head) or (layer, head, lag in frames)."""
        self.struct.word_timestamps = 1
        if heads:
            rows = [abi.AlignmentHead(*head) for head in heads]
            self._set_list("alignment_heads", (abi.AlignmentHead * len(rows))(*rows))


def encode(model: Model, text: str) -> list[int]:
    """Token ids of a text, the start token first."""
    ids, count, raw = ctypes.POINTER(c_int32)(), c_size_t(), text.encode()
    library.call("pst_model_encode", model.handle, raw, len(raw), byref(ids), byref(count))
    values = ids[: count.value]
    library.function("pst_free")(ids)
    return values


def decode(model: Model, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
    """The text of token ids; those that the tokenizer does not know are skipped."""
    array, text = library.int32_array(list(ids)), ctypes.c_void_p()
    library.call(
        "pst_model_decode", model.handle, array, len(array), skip_special_tokens, byref(text)
    )
    return library.take_text(text)
