"""Tokens on the official tiny model: greedy, beams and rules, equal to generate() on every clip.

The engine decodes all cases in one process; the reference is asked case by case.
"""

import pytest

pytest.importorskip("torch")
import reference  # noqa: E402
from clips import NAMES, SPEECH, VOICES, have_voices  # noqa: E402
from compare import check_decoding  # noqa: E402

# The options of the script that run-stt replaces, but for max_new_tokens.
SCRIPT = {"num_beams": 5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2,
          "early_stopping": True}
SHORT = {"max_new_tokens": 60}  # what is no speech may go on to the limit

RULES = {
    "penalty": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3},
    "reward": {"repetition_penalty": 0.9, "max_new_tokens": 40},
    "min_length": {"min_length": 30, "max_new_tokens": 40},
    "min_new_tokens": {"min_new_tokens": 30, "max_new_tokens": 40},
    "suppress": {"suppress_tokens": [29892, 29889, 372, 471], "max_new_tokens": 40},
    "begin_suppress": {"begin_suppress_tokens": [739, 382, 450], "max_new_tokens": 40},
    "bias": {"sequence_bias": [[[310], -6.0], [[278, 1900], 8.0]], "max_new_tokens": 40},
    "forced": {"forced_bos_token_id": 450, "forced_eos_token_id": 2, "max_new_tokens": 12},
    "beams_2": {"num_beams": 2}, "beams_3": {"num_beams": 3, "early_stopping": True},
    "beams_4_never": {"num_beams": 4, "early_stopping": "never"},
    "beams_6_long": {"num_beams": 6, "length_penalty": 2.0, "max_new_tokens": 40},
    "beams_3_short": {"num_beams": 3, "length_penalty": -1.0, "max_new_tokens": 40},
    "beams_3_rules": {"num_beams": 3, "repetition_penalty": 1.2, "min_length": 8,
                      "suppress_tokens": [29892], "sequence_bias": [[[310], -2.0]],
                      "max_new_tokens": 40},
    "cut_short": {"num_beams": 5, "max_new_tokens": 7},
    "no_limit": {},
}
RULED_CLIPS = ["city_20_5", "voice_repeats", "tone"]


def cases():
    """name -> (clip, options)"""
    listed = {}
    for clip in NAMES:
        listed[f"{clip}-greedy"] = clip, {} if clip in SPEECH else SHORT
        listed[f"{clip}-script"] = clip, SCRIPT
    for rule, options in RULES.items():
        for clip in RULED_CLIPS:
            listed[f"{clip}-{rule}"] = clip, options if clip in SPEECH else {**SHORT, **options}
    return listed


CASES = cases()


def usable(name):
    return have_voices() or CASES[name][0] not in VOICES


def with_limit(options, audio):
    """The limit that the script derives from the duration."""
    if options is not SCRIPT:
        return options
    return {**options, "max_new_tokens": max(10, min(int(len(audio) / 16000 * 5), 150))}


@pytest.fixture(scope="module")
def decoded(engine, model_dir, clips):
    """name -> (samples, options, what the engine gave)"""
    names = [name for name in CASES if usable(name)]
    asked = [(clips[CASES[name][0]], with_limit(CASES[name][1], clips[CASES[name][0]]))
             for name in names]
    answers = engine.decode(model_dir, asked)
    return {name: (*question, answer) for name, question, answer in zip(names, asked, answers)}


@pytest.mark.parametrize("name", CASES)
def test_tokens(decoded, reference_model, exact_model, model_dir, name):
    if not usable(name):
        pytest.skip("espeak-ng is not installed")
    audio, options, ours = decoded[name]
    check_decoding(name, ours, reference_model, exact_model, audio, options)
    assert ours["text"] == reference.text_of(reference.tokenizer(model_dir), ours["tokens"])
    assert ours["avg_logprob"] == pytest.approx(
        reference.avg_logprob(exact_model, audio, ours["tokens"]), abs=1e-4)


@pytest.mark.parametrize("cpu", range(1, 11), ids=[
    "reference", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx", "neon",
    "neon_dotprod", "neon_i8mm"])
def test_kernel_sets_agree(engine, model_dir, clips, reference_model, exact_model, cpu):
    asked = [(clips["city_20_5"], options) for options in ({}, SCRIPT)]
    try:
        answers = engine.decode(model_dir, asked, extra=["--cpu", str(cpu)])
    except AssertionError as refusal:
        if "CPU" not in str(refusal) and "kernel" not in str(refusal):
            raise
        pytest.skip("this CPU lacks the kernel set")
    for question, ours in zip(asked, answers):
        check_decoding(f"cpu {cpu}", ours, reference_model, exact_model, *question)


def test_threads_change_nothing(engine, model_dir, clips):
    asked = [(clips["city_20_5"], options) for options in ({}, SCRIPT)]
    runs = [engine.decode(model_dir, asked, extra=["--threads", str(n)]) for n in (1, 2, 3)]
    assert runs[0] == runs[1] == runs[2]
