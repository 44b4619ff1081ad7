"""Writes the expected outputs beside the micro models: trace.safetensors and decoding.json.

The one idea: a golden must not hang on rounding. Stages are computed in float64; a decoding case is
kept only when float32, float64 and two models with weights shaken by 2e-6 all choose the same
tokens, so every correct float32 implementation has to reproduce it.

    python tools/make_goldens.py [tests/golden]

trace.safetensors   audio0.. F32 [samples], decoder_tokens I32 [steps], and for audio0 every stage
                    by its name in tests/oracle/reference.py, F32 [frames or steps, channels]
decoding.json       [{"audio": "audio0", "options": {..}, "tokens": [..], "text": "..",
                    "score": x, "avg_logprob": y}, ..]; options are generate()'s, by its names
"""

import json
import pathlib
import sys

import numpy
import torch
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import reference  # noqa: E402

STEPS = 12
# The options of the script that run-stt replaces.
SCRIPT = {"num_beams": 5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2,
          "early_stopping": True}


def clip(samples, seed):
    """A chirp in noise whose loudness swells, no two seeds alike."""
    random = numpy.random.default_rng(seed)
    t = numpy.arange(samples) / 16000
    chirp = numpy.sin(2 * numpy.pi * (120 + 60 * seed + 900 * t) * t)
    envelope = 0.12 + 0.08 * numpy.sin(2 * numpy.pi * (2 + seed) * t)
    audio = envelope * chirp + 0.03 * random.standard_normal(samples)
    return numpy.clip(audio, -1, 1).astype(numpy.float32)


def audios(full):
    """A clip whose frames end unevenly, two short ones, and the shortest the encoder takes."""
    lengths = (9011, 7000, 4000, 895) if full else (2900, 1700)
    return {f"audio{i}": clip(length, i) for i, length in enumerate(lengths)}


def cases_full(tokens):
    """Option sets over every rule. `tokens` are ones the model likes, so that rules bite."""
    a, b, c = tokens
    yield {"max_new_tokens": 40}
    yield {"max_length": 9}
    yield {"max_new_tokens": 1}
    yield {}  # max_length of generation_config.json
    yield {"max_new_tokens": 30, "repetition_penalty": 1.3}
    yield {"max_new_tokens": 30, "repetition_penalty": 0.8}
    yield {"max_new_tokens": 30, "no_repeat_ngram_size": 1}
    yield {"max_new_tokens": 30, "no_repeat_ngram_size": 2}
    yield {"max_new_tokens": 30, "no_repeat_ngram_size": 3, "repetition_penalty": 1.2}
    yield {"max_new_tokens": 30, "min_length": 24}
    yield {"max_new_tokens": 30, "min_new_tokens": 25}
    yield {"max_new_tokens": 25, "suppress_tokens": [a, b]}
    yield {"max_new_tokens": 25, "begin_suppress_tokens": [a, c]}
    yield {"max_new_tokens": 25, "sequence_bias": [[[a], -3.0], [[b, c], 6.0]]}
    yield {"max_new_tokens": 25, "sequence_bias": [[[270], 9.5], [[270, 271], 14.0]]}
    yield {"max_new_tokens": 12, "forced_bos_token_id": 262}
    yield {"max_new_tokens": 12, "forced_eos_token_id": 2, "min_new_tokens": 12}
    yield {"max_new_tokens": 28, "forced_bos_token_id": 265, "forced_eos_token_id": 2,
           "suppress_tokens": [c], "begin_suppress_tokens": [b], "repetition_penalty": 1.1,
           "no_repeat_ngram_size": 2, "min_length": 6, "sequence_bias": [[[b], 1.5]]}
    for beams in (2, 3, 4, 5, 6):
        yield {"num_beams": beams, "max_new_tokens": 24}
    # How a beam ends shows only where ending is tempting at every step: a bias for the end token
    # and a ban on repeats give each stopping rule and length penalty an outcome of its own.
    for beams, bias in ((2, 5.0), (3, 3.0), (4, 4.0), (4, 6.0), (6, 5.0)):
        for length_penalty in (1.0, 0.0, 2.0, -1.0):
            for early in (False, True, "never"):
                yield {"num_beams": beams, "max_new_tokens": 16, "early_stopping": early,
                       "length_penalty": length_penalty, "no_repeat_ngram_size": 1,
                       "sequence_bias": [[[2], bias]]}
    yield {**SCRIPT, "max_new_tokens": 10}
    yield {**SCRIPT, "max_new_tokens": 40}
    yield {**SCRIPT, "max_new_tokens": 60, "length_penalty": 1.4}
    yield {**SCRIPT, "max_new_tokens": 30, "min_new_tokens": 12}
    yield {**SCRIPT, "max_new_tokens": 30, "early_stopping": "never", "num_beams": 3}
    yield {"num_beams": 3, "max_new_tokens": 20, "suppress_tokens": [a]}
    yield {"num_beams": 3, "max_new_tokens": 20, "begin_suppress_tokens": [a, b]}
    yield {"num_beams": 3, "max_new_tokens": 20, "sequence_bias": [[[a], -4.0], [[b, c], 5.0]]}
    yield {"num_beams": 2, "max_new_tokens": 10, "forced_bos_token_id": 262,
           "forced_eos_token_id": 2}
    yield {"num_beams": 4, "max_new_tokens": 20, "min_length": 15}
    yield {"num_beams": 4, "max_length": 14}
    yield {"num_beams": 5, "max_new_tokens": 1}
    yield {"num_beams": 2}
    yield {"num_beams": 3, "max_new_tokens": 28, "forced_bos_token_id": 265,
           "forced_eos_token_id": 2, "suppress_tokens": [c], "begin_suppress_tokens": [b],
           "repetition_penalty": 1.1, "no_repeat_ngram_size": 3, "min_length": 6,
           "sequence_bias": [[[b], 1.5]], "length_penalty": 0.7, "early_stopping": "never"}


def cases_brief(tokens):
    yield {"max_new_tokens": 30}
    yield {"max_new_tokens": 30, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2}
    yield {"num_beams": 3, "max_new_tokens": 20}
    yield {**SCRIPT, "max_new_tokens": 24}


def liked(model, clips):
    """The tokens a bare greedy run takes most, the end token apart."""
    count = {}
    for audio in clips.values():
        for token in reference.generate(model, audio, {"max_new_tokens": 30})["tokens"][1:]:
            count[token] = count.get(token, 0) + 1
    count.pop(2, None)
    return sorted(count, key=lambda token: (-count[token], token))[:3]


class Judges:
    """The models that must agree: float32, float64, and two shaken ones."""

    def __init__(self, model_dir, adapter_dir=None):
        self.single = reference.load(model_dir, adapter_dir)
        self.double = reference.load(model_dir, adapter_dir, torch.float64)
        self.others = [self.double] + [reference.shaken(self.double, seed=i) for i in (1, 2)]

    def decide(self, audio, options):
        """The agreed result, or None where it hangs on rounding."""
        result = reference.generate(self.single, audio, options)
        for model in self.others:
            if reference.generate(model, audio, options)["tokens"] != result["tokens"]:
                return None
        return result


def write(folder, model_dir, adapter_dir=None, full=False):
    judges = Judges(model_dir, adapter_dir)
    tokenizer = reference.tokenizer(model_dir)
    clips = audios(full)
    forced = numpy.random.default_rng(9).integers(3, 328, STEPS).astype(numpy.int32)
    forced[0] = 1
    tensors = dict(clips, decoder_tokens=forced)
    for name, value in reference.stages(judges.double, clips["audio0"], forced).items():
        tensors[name] = value.astype(numpy.float32)
    save_file(tensors, folder / "trace.safetensors")

    favourites = liked(judges.single, clips)
    lines, dropped = [], 0
    for options in (cases_full if full else cases_brief)(favourites):
        for name, audio in clips.items():
            result = judges.decide(audio, options)
            if result is None:
                dropped += 1
                continue
            tokens = result["tokens"]
            lines.append(json.dumps({
                "audio": name, "options": options, "tokens": tokens,
                "text": reference.text_of(tokenizer, tokens), "score": result["score"],
                "avg_logprob": reference.avg_logprob(judges.double, audio, tokens)}))
    (folder / "decoding.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{folder.name}: {len(lines)} decoding cases, {dropped} dropped for near ties")


def main(root):
    for folder in sorted(root.glob("micro*")):
        write(folder, folder, full=folder.name == "micro")
    write(root / "adapter", root / "micro", root / "adapter")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "golden")
