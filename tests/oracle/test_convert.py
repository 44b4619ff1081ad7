"""Conversions before coremltools, their weights against numpy, and what they compute against the engine.

The one idea: a package is right when coremltools rebuilds it operation by operation, when every weight in
it is the one we meant, and when a program that runs it says what the engine says. The last is our own
interpreter, driven by convert_driver; test_coreml_programs.py judges the interpreter by programs of others.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from conftest import GOLDEN, MODELS, ROOT, program
from coreml_package import coremltools, load

MICRO = GOLDEN / "micro"
EXAMPLE = ROOT / "examples/coreml_python/transcribe.py"
PRECISIONS = ["float16", "float32", "int8", "palette8", "palette6", "palette4"]
COMPRESSED = PRECISIONS[2:]
CASES = [(target, precision, layout)
         for target in ("ios15", "ios16", "ios18") for precision in PRECISIONS
         for layout in ("split", "single")
         if target != "ios15" or precision not in COMPRESSED]
THRESHOLD = 2048  # numbers that a tensor has at most when it is not compressed
SAME = 1e-4       # float32 in another order
NEAR = 2e-2       # the same weights, with angles and epsilons in float16; compression itself: 0.2 to 20


@pytest.fixture(scope="module")
def convert(potstill, run, tmp_path_factory):
    """Converts, checks the structure, and returns where."""
    root = tmp_path_factory.mktemp("converted")

    def go(model, *words, single=False):
        name = re.sub(r"\W+", "-", "-".join(map(str, (model.name, *words))))
        out = root / (name + (".mlpackage" if single else ""))
        if not out.exists():
            layout = ("--layout", "single") if single else ()
            run(potstill, "convert", "--model", model, "-o", out, *layout, *words)
            assert "0 problems, 0 warnings" in run(potstill, "verify", out).stdout
        return out
    return go


def packages(out):
    return [out] if out.suffix == ".mlpackage" else sorted(out.glob("*.mlpackage"))


# --------------------------------------------------------------------------------------- loading

@pytest.mark.parametrize("target,precision,layout", CASES)
def test_coremltools_loads_every_kind(convert, tmp_path, target, precision, layout):
    single = layout == "single"
    out = convert(MICRO, "--target", target, "--precision", precision,
                  "--seconds", "1" if single else "2,1", single=single)
    for path in packages(out):
        spec, model, loaded = load(path)
        assert spec.specificationVersion == {"ios15": 6, "ios16": 7, "ios18": 9}[target]
        assert spec.description.metadata.author == "converted by Potstill"
        if target == "ios18" and not single:
            part = "encode" if "encoder" in path.name else "decode"
            assert set(loaded.functions) == {f"{part}_1s", f"{part}_2s"}
        model.save(str(tmp_path / "again.mlpackage"))
        load(tmp_path / "again.mlpackage")
        shutil.rmtree(tmp_path / "again.mlpackage")


@pytest.mark.parametrize("target", ["ios15", "ios18"])
def test_coremltools_loads_several_ends(convert, tmp_path, target):
    model = shutil.copytree(MICRO, tmp_path / "ends")
    settings = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [2, 255, 76]}))
    spec, _, _ = load(convert(model, "--target", target, "--precision", "float32", "--seconds", "1", single=True))
    assert spec.description.metadata.userDefined["potstill.ends"] == "2 255 76"


def test_coremltools_loads_states(convert):
    out = convert(MICRO, "--target", "ios18", "--state", "--seconds", "1")
    spec, _, _ = load(out / "decoder.mlpackage")
    assert [state.name for state in spec.description.state] == ["self_k", "self_v"]
    assert {state.type.WhichOneof("Type") for state in spec.description.state} == {"stateType"}
    assert [output.name for output in spec.description.output] == ["logits"]


@pytest.mark.parametrize("target", ["ios15", "ios16", "ios18"])
def test_coremltools_loads_several_tokens_a_call(convert, target):
    out = convert(MICRO, "--target", target, "--ahead", "8", "--seconds", "1")
    for path in packages(out):
        load(path)
    name = "decoder" if target == "ios18" else "verify-8"
    spec, _, loaded = load(out / f"{name}.mlpackage")
    assert "verify_8_1s" in loaded.functions or target != "ios18"
    description = spec.description.functions[-1] if target == "ios18" else spec.description
    shapes = {f.name: list(f.type.multiArrayType.shape) for f in [*description.input, *description.output]}
    assert shapes["input_ids"] == [1, 8] and shapes["position"] == [8] and shapes["logits"][0] == 8


def forms():
    """(words, ...) of every form of the layout split; every ninth of them where PROOF is not set."""
    every = [(target, precision, *state, *outputs, *form, *ahead)
             for target in ("ios15", "ios16", "ios18") for precision in PRECISIONS
             for state in ((), ("--state",)) for outputs in ((), ("--outputs", "token"))
             for form in ((), ("--input", "blocks")) for ahead in ((), ("--ahead", "4"))
             if not (target == "ios15" and (precision in COMPRESSED or form))
             and not (state and (target != "ios18" or precision == "float32" or ahead))
             and (outputs or form)]
    return every if os.environ.get("PROOF") else every[::9]


@pytest.mark.parametrize("words", forms(), ids=" ".join)
def test_coremltools_loads_every_form(convert, words):
    target, precision, *rest = words
    out = convert(MICRO, "--target", target, "--precision", precision, "--seconds", "1", *rest)
    for path in packages(out):
        load(path)
    done = subprocess.run([sys.executable, EXAMPLE, out, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_functions_share_their_weights(convert):
    one = convert(MICRO, "--target", "ios18", "--seconds", "1")
    two = convert(MICRO, "--target", "ios18", "--seconds", "1,2")
    weights = "Data/com.apple.CoreML/weights/weight.bin"
    alone = (one / "decoder.mlpackage" / weights).stat().st_size
    assert (two / "decoder.mlpackage" / weights).stat().st_size == alone
    ahead = convert(MICRO, "--target", "ios18", "--ahead", "8", "--seconds", "1")
    assert (ahead / "decoder.mlpackage" / weights).stat().st_size == alone
    alone = (one / "encoder-1s.mlpackage" / weights).stat().st_size
    # The angles of the second length are its own.
    assert (two / "encoder.mlpackage" / weights).stat().st_size < 1.2 * alone


@pytest.mark.parametrize("words", [
    (), ("--precision", "int8"), ("--precision", "palette4"),
    ("--target", "ios18", "--precision", "int8"), ("--target", "ios18", "--state"),
    ("--target", "ios15", "--precision", "float32")], ids=" ".join)
def test_coremltools_loads_tiny(convert, model_dir, words):
    for path in packages(convert(model_dir, "--seconds", "10", *words)):
        load(path)


def test_coremltools_loads_tiny_whole(convert, model_dir):
    load(convert(model_dir, single=True))


# --------------------------------------------------------------------------------------- weights

def places(config):
    """(constant of a package, tensor of the checkpoint, arrangement) of every weight."""
    encoder, decoder = "model.encoder.", "model.decoder."
    yield "stem_conv1_weight", encoder + "conv1.weight", "blocked"
    for name in ("conv2", "conv3"):
        for part in ("weight", "bias"):
            yield f"stem_{name}_{part}", f"{encoder}{name}.{part}", ""
    for part in ("weight", "bias"):
        yield f"stem_groupnorm_{part}", f"{encoder}groupnorm.{part}", ""
    yield "encoder_layer_norm_weight", encoder + "layer_norm.weight", ""
    yield "decoder_norm_weight", decoder + "norm.weight", ""
    yield "embed_tokens", decoder + "embed_tokens.weight", ""
    for side, layers, norms in (
            ("encoder", config["encoder_num_hidden_layers"],
             ("input_layernorm", "post_attention_layernorm")),
            ("decoder", config["decoder_num_hidden_layers"],
             ("input_layernorm", "post_attention_layernorm", "final_layernorm"))):
        for i in range(layers):
            ours, theirs = f"{side}_{i}_", f"model.{side}.layers.{i}."
            for norm in norms:
                yield f"{ours}{norm}_weight", f"{theirs}{norm}.weight", ""
            for name, how in (("q", "paired scaled"), ("k", "paired"), ("v", ""), ("o", side)):
                yield f"{ours}{name}_proj_weight", f"{theirs}self_attn.{name}_proj.weight", how
                if side == "decoder":
                    yield (f"{ours}cross_{name}_proj_weight",
                           f"{theirs}encoder_attn.{name}_proj.weight",
                           {"q": "scaled", "o": side}.get(name, ""))
            for name in ("fc1", "fc2"):
                for part in ("weight", "bias"):
                    yield f"{ours}{name}_{part}", f"{theirs}mlp.{name}.{part}", side if name == "fc2" else ""


class Arrangement:
    """How rows of the checkpoint become those of the package, and back."""

    def __init__(self, config):
        heads = config["decoder_num_attention_heads"]
        self.dim = config["hidden_size"] // heads
        rotary = int(self.dim * config["partial_rotary_factor"])
        head = [*range(0, rotary, 2), *range(1, rotary, 2), *range(rotary, self.dim)]
        self.rows = numpy.concatenate([numpy.array(head) + self.dim * h for h in range(heads)])

    def apply(self, tensor, how):
        tensor = tensor.astype(numpy.float64)
        if how == "blocked":  # [out, 1, 127] to [out, 64, 2]
            padded = numpy.pad(tensor[:, 0], ((0, 0), (0, 1)))
            return padded.reshape(-1, 2, 64).transpose(0, 2, 1)
        if "paired" in how:
            tensor = tensor[self.rows]
        return tensor * self.dim ** -0.5 if "scaled" in how else tensor

    def undo(self, tensor, how, shape):
        tensor = tensor.astype(numpy.float64)
        if how == "blocked":
            taps = tensor.reshape(-1, 64, 2).transpose(0, 2, 1).reshape(-1, 128)
            return taps[:, :127].reshape(shape)
        tensor = tensor.reshape(shape)
        if "paired" in how:
            straight = numpy.empty_like(tensor)
            straight[self.rows] = tensor
            tensor = straight
        return tensor * self.dim ** 0.5 if "scaled" in how else tensor


def residual_scales(paths):
    """What was taken into the weights that add to a residual stream, {"encoder": 2^-6, ...}."""
    for path in paths:
        said = load(path)[0].description.metadata.userDefined.get("potstill.residual_scales", "0 0")
        scales = [float(word) or 1.0 for word in said.split()]
    return dict(zip(("encoder", "decoder"), scales))


def stored(paths, exact=False):
    """name -> value, decompressed by coremltools, which rounds int8 times scale to float16, or exactly."""
    found = {}
    for path in paths:
        for function in load(path)[2].functions.values():
            for op in function.operations:
                if op.op_type == "const":
                    found[op.outputs[0].name] = op.outputs[0].val
                elif exact and op.op_type == "constexpr_affine_dequantize":
                    data = op.quantized_data.val.astype(numpy.float64)
                    scale = op.scale.val.astype(numpy.float64)
                    found[op.outputs[0].name] = data * scale.reshape(-1, *[1] * (data.ndim - 1))
                elif op.op_type.startswith("constexpr"):
                    found[op.outputs[0].name] = op.materialized_val_inference()
    if "embed_tokens_0" in found:  # tables of more than 16,384 tokens are cut
        parts = [found.pop(f"embed_tokens_{i}") for i in range(len(found)) if f"embed_tokens_{i}" in found]
        found["embed_tokens"] = numpy.concatenate(parts)
    return found


def int8(rows):
    flat = rows.reshape(len(rows), -1)
    scale = (abs(flat).max(1) / 127).astype(numpy.float16).astype(numpy.float64)
    scale[scale == 0] = 1
    steps = numpy.clip(numpy.rint(flat / scale[:, None]), -127, 127)
    return (steps * scale[:, None]).reshape(rows.shape)


def check_palette(value, meant, bits, scale=1.0):
    """Every number became the nearest entry, and every entry is the mean of what became it."""
    halves = meant.astype(numpy.float16).astype(numpy.float64).ravel()
    entries, chosen = numpy.unique(value.astype(numpy.float64) / scale, return_inverse=True)
    chosen = chosen.ravel()
    assert len(entries) <= 2 ** bits
    distance = abs(halves - entries[chosen])
    for entry in entries:  # entries are rounded to float16, and the borders moved with them
        assert (distance <= abs(halves - entry) + 2.0 ** -10 * abs(entries).max()).all()
    means = (numpy.bincount(chosen, halves, len(entries)) /
             numpy.bincount(chosen, minlength=len(entries)))
    assert numpy.allclose(entries, means, rtol=2.0 ** -10, atol=2.0 ** -24 / scale)


def check_weights(paths, model, precision):
    config = json.loads((model / "config.json").read_text())
    tensors = load_file(model / "model.safetensors")
    found, arrangement, scales = stored(paths), Arrangement(config), residual_scales(paths)
    compressed = 0
    for ours, theirs, how in places(config):
        meant = arrangement.apply(tensors[theirs], how)
        value, scale = found[ours].reshape(meant.shape), scales.get(how, 1.0)
        small = meant.size <= THRESHOLD or meant.ndim == 1 or how == "blocked"
        if precision == "float32":
            assert numpy.array_equal(value, meant.astype(numpy.float32)), ours
        elif precision == "float16" or small:
            halves = meant.astype(numpy.float16)
            assert numpy.array_equal(value, halves * numpy.float16(scale)), ours
        elif precision == "int8":
            assert numpy.allclose(value, int8(meant), rtol=2.0 ** -11, atol=2.0 ** -24), ours
        else:
            check_palette(value, meant, int(precision[-1]), scale)
        compressed += not small
    return compressed


@pytest.mark.parametrize("target", ["ios16", "ios18"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_are_those_we_meant(convert, target, precision):
    out = convert(MICRO, "--target", target, "--precision", precision, "--seconds", "1")
    assert check_weights(packages(out), MICRO, precision) > 5


@pytest.mark.parametrize("precision", ["float16", "int8", "palette6"])
def test_weights_of_tiny(convert, model_dir, precision):
    out = convert(model_dir, "--precision", precision, "--seconds", "10")
    assert check_weights(packages(out), model_dir, precision) > 90


@pytest.mark.parametrize("part, most", [("encoder-10s", 255), ("decoder", 365)])
def test_tiny_has_few_operations(convert, model_dir, part, most):
    """Its residual streams fit float16 when they are scaled, so that norms need not limit what they take."""
    out = convert(model_dir, "--seconds", "10")
    done = subprocess.run([program("potstill"), "inspect", out / f"{part}.mlpackage"], capture_output=True, text=True)
    assert int(re.search(r"obstacles in (\d+) operations", done.stdout)[1]) < most


@pytest.mark.parametrize("target", ["ios16", "ios18"])
@pytest.mark.parametrize("precision", COMPRESSED)
def test_coremltools_decompresses(convert, tmp_path, target, precision):
    out = convert(MICRO, "--target", target, "--precision", precision, "--seconds", "1")
    for path in packages(out):
        model = coremltools.models.MLModel(str(path), skip_model_load=True)
        plain = coremltools.optimize.coreml.decompress_weights(model)
        plain.save(str(tmp_path / path.name))
        _, _, loaded = load(tmp_path / path.name)
        assert not any(op.op_type.startswith("constexpr")
                       for op in loaded.functions["main"].operations)
        # Its passes rename and fuse: the largest weights are found by their values.
        values = [op.outputs[0].val for op in loaded.functions["main"].operations
                  if op.op_type == "const" and numpy.size(op.outputs[0].val) > THRESHOLD]
        for name, value in stored([path]).items():
            if numpy.size(value) > THRESHOLD and name.endswith(("_weight", "embed_tokens")):
                assert any(v.size == value.size and numpy.array_equal(v.ravel(), value.ravel())
                           for v in values), name


# ----------------------------------------------------------------------------------- computing

def interpret(out, seconds, rounding, model, files):
    """[(token ids, difference of the encoder's output, of the scores)] of the clips."""
    done = subprocess.run([str(word) for word in (
        program("tests/convert_driver"), out, seconds, rounding, model, *files)],
        capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    answers = []
    for line in done.stdout.splitlines():
        ids, _, rest = line.partition("memory")
        numbers = re.findall(r"[-+.\de]+", rest.replace("scores", ""))
        answers.append(([int(i) for i in ids.split()], *map(float, numbers)))
    return answers


# The closest call of each is over twice what float16 moves its scores by (0.10 to 0.05): a hair decides nowhere.
CLIPS = ["city_0_5", "city_20_5", "city_3_1", "city_0_10", "city_30_10", "beckett_1"]


@pytest.fixture(scope="module")
def spoken(clips, engine):
    """name -> (file of samples, the clip)"""
    return {name: (engine.samples_file(clips[name]), clips[name]) for name in CLIPS}


def greedy(engine, model, spoken, adapter=None):
    cases = [(clip, {"num_beams": 1, "max_length": 194}) for _, clip in spoken.values()]
    return [found["tokens"][1:] for found in engine.decode(model, cases, adapter=adapter)]


def test_float32_gives_what_the_engine_gives(convert, model_dir, spoken, engine):
    out = convert(model_dir, "--precision", "float32", "--seconds", "10,30")
    expected = greedy(engine, model_dir, spoken)
    for seconds in (10, 30):  # exact and padded lengths
        found = interpret(out, seconds, "f32", model_dir, [file for file, _ in spoken.values()])
        for (tokens, memory, scores), meant in zip(found, expected):
            assert tokens == meant and memory <= SAME and scores <= SAME


def test_float16_gives_the_engines_tokens(convert, model_dir, spoken, engine):
    out = convert(model_dir, "--seconds", "10")
    found = interpret(out, 10, "f16", model_dir, [file for file, _ in spoken.values()])
    assert [tokens for tokens, *_ in found] == greedy(engine, model_dir, spoken)


@pytest.mark.parametrize("words", [
    ("--outputs", "token", "--input", "blocks"), ("--target", "ios18", "--outputs", "token", "--state"),
    ("--target", "ios18", "--outputs", "token", "--input", "blocks", "--ahead", "8"),
    ("--target", "ios15", "--outputs", "token", "--precision", "float32")], ids=" ".join)
def test_forms_give_the_engines_text(convert, model_dir, potstill, run, words):
    clip = MODELS / "audio" / "beckett.wav"
    if not clip.exists():
        pytest.skip(f"needs {clip}")
    out = convert(model_dir, "--seconds", "10", *words)
    engine = run(potstill, "transcribe", "--model", model_dir, "--precision", "f32", clip).stdout
    assert run(potstill, "transcribe", "--model", out, "--device", "mil", clip).stdout == engine != ""


def test_single_gives_the_engines_tokens(convert, model_dir, spoken, engine):
    out = convert(model_dir, "--seconds", "5", single=True)
    exact = {name: pair for name, pair in spoken.items() if len(pair[1]) == 5 * 16000}
    found = interpret(out, 0, "f16", model_dir, [file for file, _ in exact.values()])
    assert exact and [tokens for tokens, *_ in found] == greedy(engine, model_dir, exact)


def decompressed(out, model, folder):
    """A checkpoint of the weights that the packages stand for."""
    config = json.loads((model / "config.json").read_text())
    tensors = load_file(model / "model.safetensors")
    found, arrangement = stored(packages(out), exact=True), Arrangement(config)
    scales = residual_scales(packages(out))
    for ours, theirs, how in places(config):
        value = arrangement.undo(found[ours], how, tensors[theirs].shape) / scales.get(how, 1.0)
        tensors[theirs] = numpy.ascontiguousarray(value.astype(numpy.float32))
    for name in ("config.json", "generation_config.json", "preprocessor_config.json",
                 "tokenizer.json"):
        shutil.copy(model / name, folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("precision", COMPRESSED)
def test_compressed_gives_what_its_weights_give(convert, model_dir, spoken, engine, tmp_path,
                                              precision):
    out = convert(model_dir, "--precision", precision, "--seconds", "10")
    plain = decompressed(out, model_dir, tmp_path)
    names = dict(list(spoken.items())[:3])
    files = [file for file, _ in names.values()]
    expected = greedy(engine, plain, names)
    for (tokens, memory, scores), meant in zip(interpret(out, 10, "f32", plain, files), expected):
        assert tokens == meant and memory <= NEAR and scores <= NEAR


# ------------------------------------------------------------------------------------- other sizes

def random_checkpoint(folder, config, seed=0):
    """Random weights of the shapes that `config` asks for."""
    rng = numpy.random.default_rng(seed)
    dim, ffn = config["hidden_size"], config["intermediate_size"]
    shapes = {"model.encoder.conv1.weight": (dim, 1, 127),
              "model.encoder.conv2.weight": (2 * dim, dim, 7),
              "model.encoder.conv3.weight": (dim, 2 * dim, 3)}
    for _, name, _ in places(config):
        if name in shapes:
            continue
        wide = 2 * ffn if "decoder" in name else ffn
        shapes[name] = ((config["vocab_size"], dim) if "embed_tokens" in name else
                        (wide, dim) if name.endswith("fc1.weight") else
                        (dim, ffn) if name.endswith("fc2.weight") else
                        (wide,) if name.endswith("fc1.bias") else
                        (dim, dim) if "_proj" in name else
                        (2 * dim,) if name.endswith("conv2.bias") else (dim,))
    tensors = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape, dtype=numpy.float32)
        scale = (0.7 / float(numpy.prod(shape[1:]))) ** 0.5 if len(shape) > 1 else 0.1
        tensors[name] = scale * values + (1 if "norm.weight" in name else 0)
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(MICRO / "tokenizer.json", folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory):
    """The shapes of the published base model."""
    config = json.loads((MICRO / "config.json").read_text())
    config.update(hidden_size=416, intermediate_size=1664, encoder_num_hidden_layers=8,
                  decoder_num_hidden_layers=8, encoder_num_attention_heads=8,
                  decoder_num_attention_heads=8, encoder_num_key_value_heads=8,
                  decoder_num_key_value_heads=8, partial_rotary_factor=0.62, vocab_size=32768)
    config["rope_parameters"]["partial_rotary_factor"] = 0.62
    return random_checkpoint(tmp_path_factory.mktemp("base"), config)


@pytest.mark.parametrize("words", [(), ("--precision", "palette6", "--target", "ios18")],
                         ids=" ".join)
def test_base_converts(convert, base_dir, words):
    for path in packages(convert(base_dir, "--seconds", "10", *words)):
        load(path)


def test_base_computes_what_the_engine_computes(convert, base_dir, engine):
    clip = numpy.random.default_rng(1).standard_normal(30000).astype(numpy.float32) * 0.1
    out = convert(base_dir, "--precision", "float32", "--seconds", "2")
    (_, memory, scores), = interpret(out, 2, "f32", base_dir, [engine.samples_file(clip)])
    assert memory <= SAME and scores <= SAME
