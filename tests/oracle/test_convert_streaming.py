"""Conversions of the streaming family: coremltools loads them, and they compute what the engine computes.

test_convert.py has what does not depend on the family; test_streaming.py judges the engine by transformers.
"""

import re

import numpy
import pytest

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from safetensors.numpy import load_file  # noqa: E402
from conftest import GOLDEN  # noqa: E402
from coreml_package import load  # noqa: E402
from test_convert import SAME, check_palette, convert, int8, interpret, packages, stored  # noqa: E402, F401
from test_streaming import DECODER, ENCODER, SHAPES, clip, make, published  # noqa: E402

MICRO = GOLDEN / "micro_streaming"
KINDS = [("ios15", "float16"), ("ios16", "int8"), ("ios18", "palette6")]


@pytest.mark.parametrize("target,precision", KINDS)
def test_coremltools_loads(convert, target, precision):  # noqa: F811
    for path in packages(convert(MICRO, "--target", target, "--precision", precision, "--seconds", "1,2")):
        load(path)


def test_coremltools_loads_one_and_states(convert):  # noqa: F811
    load(convert(MICRO, "--seconds", "1", single=True))
    for path in packages(convert(MICRO, "--seconds", "1", "--target", "ios18", "--state")):
        load(path)


@pytest.mark.parametrize("target,words", [
    ("ios15", ()), ("ios16", ("--precision", "int8", "--piece", "20")), ("ios18", ("--state",))])
def test_coremltools_loads_pieces(convert, target, words):  # noqa: F811
    out = convert(MICRO, "--seconds", "4", "--layout", "stream", "--target", target, *words)
    spec, _, _ = load(out / "encoder.mlpackage")
    carried = spec.description.state if words == ("--state",) else spec.description.input
    kept = [feature.type.WhichOneof("Type") for feature in carried if feature.name.startswith("kept_")]
    assert kept == 5 * ["stateType" if words == ("--state",) else "multiArrayType"]
    load(out / "decoder.mlpackage")


# ---------------------------------------------------------------------------------------- weights

def weights():
    """(constant of a package, tensor of the checkpoint, what is done to it)"""
    encoder, decoder = "model.encoder.", "model.decoder."
    yield "embedder_linear_weight", encoder + "embedder.linear.weight", "whole"
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            yield f"embedder_{name}_{part}", f"{encoder}embedder.{name}.{part}", ""
    yield "encoder_layer_norm_weight", encoder + "final_norm.gamma", "and one"
    for i in range(4):
        ours, theirs = f"encoder_{i}_", f"{encoder}layers.{i}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{ours}{norm}_weight", f"{theirs}{norm}.gamma", "and one"
        for name in "qkvo":
            for part in ("weight", "bias"):
                yield (f"{ours}{name}_proj_{part}", f"{theirs}self_attn.{name}_proj.{part}",
                       "scaled" if name == "q" else "")
    yield "decoder_pos_emb", decoder + "pos_emb.weight", "rows, whole"
    yield "decoder_proj_weight", decoder + "proj.weight", ""
    yield "proj_out", "proj_out.weight", ""


@pytest.mark.parametrize("precision", ["float16", "int8", "palette6"])
def test_weights_are_those_we_meant(convert, precision):  # noqa: F811
    found = stored(packages(convert(MICRO, "--precision", precision, "--seconds", "2")))
    tensors = load_file(MICRO / "model.safetensors")
    compressed = 0
    for ours, theirs, how in weights():
        meant = tensors[theirs].astype(numpy.float64)
        meant = meant[:100] if "rows" in how else meant  # of the frames of two seconds
        meant = meant + 1 if how == "and one" else meant * 12 ** -0.5 if how == "scaled" else meant
        value = found[ours].reshape(meant.shape)
        if precision == "float16" or meant.ndim == 1 or meant.size <= 2048 or "whole" in how:
            assert numpy.array_equal(value, meant.astype(numpy.float16)), ours
            continue
        compressed += 1
        if precision == "int8":
            assert numpy.allclose(value, int8(meant), rtol=2.0 ** -11, atol=2.0 ** -24), ours
        else:
            check_palette(value, meant, 6)
    assert (compressed > 0) == (precision != "float16")


# --------------------------------------------------------------------------------------- computing

@pytest.mark.parametrize("name", SHAPES)
def test_float32_gives_what_the_engine_gives(convert, engine, tmp_path, name):  # noqa: F811
    encoder, decoder = SHAPES[name]
    folder = tmp_path / re.sub(r"\W", "-", name)
    make(folder, {**ENCODER, **encoder}, {**DECODER, **decoder})
    (folder / "tokenizer.json").write_bytes((MICRO / "tokenizer.json").read_bytes())
    heard = [clip(samples, samples) for samples in (80, 1119, 20000, 32000)]
    expected = [found["tokens"][1:] for found in
                engine.decode(folder, [(audio, {"num_beams": 1, "max_length": 20}) for audio in heard])]
    out = convert(folder, "--precision", "float32", "--seconds", "2")
    found = interpret(out, 2, "f32", folder, [engine.samples_file(audio) for audio in heard])
    for (tokens, memory, scores), meant in zip(found, expected):
        assert tokens[:len(meant)] == meant and memory <= SAME and scores <= SAME


def test_published_size_converts(convert, engine, tmp_path):  # noqa: F811
    """The widths of the small model, whose encoder and decoder differ, in a few layers."""
    encoder, decoder = published("small")
    encoder.update(num_hidden_layers=2, sliding_windows=[[16, 4], [16, 0]])
    decoder.update(num_hidden_layers=1, vocab_size=300, max_position_embeddings=200)
    folder = make(tmp_path / "small", encoder, decoder, gain=1.0)
    (folder / "tokenizer.json").write_bytes((MICRO / "tokenizer.json").read_bytes())
    out = convert(folder, "--precision", "float32", "--seconds", "2")
    for path in packages(out):
        load(path)
    (_, memory, scores), = interpret(out, 2, "f32", folder, [engine.samples_file(clip(20000))])
    assert memory <= SAME and scores <= SAME
