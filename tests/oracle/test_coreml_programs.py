"""The interpreter of Core ML programs against others: programs it was not written for, numbers it did not make.

Three judges: onnxruntime on the model that the Silero packages were made from, torch on transformers' Moonshine
encoder as coremltools' own converter turns it into a package, and numpy, by which coremltools computes operations
on constants.

The ONNX model is that of the wheel silero-vad 6.0.0, and so are the weights that are put into the programs of
tests/coreml: pip install --no-deps.
"""

import importlib.util
import json
import pathlib
import shutil
import struct
import subprocess

import numpy
import pytest

from conftest import ROOT, program
from coreml_package import coremltools

from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.frontend.torch import ops as torch_ops

SAME = 1e-4  # float32 in another order
NEAR = 3e-2  # of the largest number, when every result is rounded to float16


@pytest.fixture(scope="module")
def interpret(tmp_path_factory):
    """(package, {name: array}, words...) to {name: array}."""
    driver, scratch = program("tests/mil_driver"), tmp_path_factory.mktemp("run")

    def go(package, inputs, *words):
        given = []
        for name, array in inputs.items():
            path = scratch / f"in_{name}"
            kind = numpy.int32 if array.dtype.kind in "iub" else numpy.float32
            path.write_bytes(numpy.ascontiguousarray(array, dtype=kind).tobytes())
            given.append(f"{name}={path}" + (":" + ",".join(map(str, array.shape)) if array.ndim else ""))
        done = subprocess.run([str(w) for w in (driver, *words, package, scratch, *given)],
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        results = {}
        for line in done.stdout.splitlines():
            name, kind, *dims = line.split()
            data = (scratch / f"{name}.bin").read_bytes()
            results[name] = numpy.frombuffer(data, "f4" if kind.startswith("fp") else "i4").reshape(
                [int(d) for d in dims])
        return results
    return go


# ----------------------------------------------------------------------------------------- Silero

@pytest.fixture(scope="module")
def silero_data():
    """The folder of models in the wheel, which is not imported: it wants torchaudio."""
    found = importlib.util.find_spec("silero_vad")
    if found is None:
        pytest.skip("silero-vad is not installed (pip install --no-deps silero-vad==6.0.0)")
    return pathlib.Path(found.origin).parent / "data"


@pytest.fixture(scope="module")
def silero(silero_data):
    """The detector in onnxruntime: (window [1, 576], state [2, 1, 128]) to (probability, state)."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(silero_data / "silero_vad.onnx"), providers=["CPUExecutionProvider"])

    def go(window, state):
        return session.run(None, {"input": window, "state": state,
                                  "sr": numpy.array(16000, dtype=numpy.int64)})
    return go


def silero_weights(path):
    """The weights of each program, in the order of its weight file."""
    import torch
    given = {name: tensor.numpy() for name, tensor in torch.jit.load(str(path)).state_dict().items()}

    def gates(rows):  # torch has input, forget, cell, output; Core ML input, forget, output, cell
        i, f, c, o = numpy.split(rows, 4)
        return numpy.concatenate([i, f, o, c])
    encoder = [given[f"_model.encoder.{layer}.reparam_conv.{part}"]
               for layer in range(4) for part in ("weight", "bias")]
    rnn = "_model.decoder.rnn."
    decoder = [gates(given[rnn + "bias_ih"] + given[rnn + "bias_hh"]), gates(given[rnn + "weight_ih"]),
               gates(given[rnn + "weight_hh"]), given["_model.decoder.decoder.2.weight"]]
    return {"encoder": encoder, "decoder": decoder,
            "unified": [given["_model.stft.forward_basis_buffer"], *encoder, *decoder]}


def write_package(folder, name, weights):
    """The program tests/coreml/NAME.mlmodel with a weight file of the records that NAME.weights lists."""
    data = folder / "Data" / "com.apple.CoreML"
    (data / "weights").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "coreml" / f"{name}.mlmodel", data / "model.mlmodel")
    items = {part: {"author": "com.apple.CoreML", "description": part, "name": part,
                    "path": f"com.apple.CoreML/{part}"} for part in ("model.mlmodel", "weights")}
    (folder / "Manifest.json").write_text(json.dumps({
        "fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": "model.mlmodel"}))
    lines = (ROOT / "tests" / "coreml" / f"{name}.weights").read_text().splitlines()
    assert len(lines) == len(weights)
    file = bytearray(struct.pack("<II56x", len(lines), 2))
    for line, weight in zip(lines, weights):
        kind, size = map(int, line.split())
        values = weight.astype({1: "<f2", 2: "<f4"}[kind]).tobytes()
        assert len(values) == size
        file += struct.pack("<IIQQ40x", 0xdeadbeef, kind, size, len(file) + 64) + values + bytes(-size % 64)
    (data / "weights" / "weight.bin").write_bytes(file)


@pytest.fixture(scope="module")
def sample(silero_data, tmp_path_factory):
    """A function from the name of a program to its package."""
    weights, folder = silero_weights(silero_data / "silero_vad.jit"), tmp_path_factory.mktemp("silero")
    for name in weights:
        write_package(folder / f"{name}.mlpackage", name, weights[name])
    return lambda name: folder / f"{name}.mlpackage"


def windows(count):
    """Something like speech: a tone that comes and goes, and noise."""
    random = numpy.random.default_rng(5)
    t = numpy.arange(576 * count) / 16000
    wave = numpy.sin(2 * numpy.pi * 180 * t) * numpy.sin(2 * numpy.pi * 3 * t) ** 2 * 0.4
    wave += random.standard_normal(wave.size) * 0.01
    return wave.astype(numpy.float32).reshape(count, 1, 576)


def test_silero_unified_is_the_onnx_model(silero, sample, interpret):
    path = sample("unified")
    state = numpy.zeros((2, 1, 128), numpy.float32)
    h, c = state[0], state[1]
    for window in windows(12):
        probability, state = silero(window, state)
        out = interpret(path, {"audio_input": window, "hidden_state": h, "cell_state": c})
        h, c = out["new_hidden_state"], out["new_cell_state"]
        assert abs(out["vad_output"].item() - probability.item()) < 2e-3
        assert numpy.abs(h - state[0]).max() < 5e-3
        assert numpy.abs(c - state[1]).max() < 2e-2


def test_silero_encoder_and_decoder_are_the_onnx_model(silero, sample, interpret):
    encoder, decoder, unified = sample("encoder"), sample("decoder"), sample("unified")
    state = numpy.zeros((2, 1, 128), numpy.float32)
    h, c = state[0], state[1]
    for window in windows(6):
        probability, state = silero(window, state)
        trace = interpret(unified, {"audio_input": window, "hidden_state": h, "cell_state": c}, "--trace")
        # The last of that shape is the magnitude of the spectrum, which the encoder takes.
        features = [value for value in trace.values() if value.shape == (1, 129, 4)][-1]
        heard = interpret(encoder, {"stft_features": features})["encoder_output"]
        out = interpret(decoder, {"encoder_output": heard, "hidden_state": h, "cell_state": c})
        h, c = out["new_hidden_state"], out["new_cell_state"]
        assert abs(out["vad_output"].item() - probability.item()) < 2e-3
        assert numpy.abs(h - state[0]).max() < 5e-3


# -------------------------------------------------------------------------------------- Moonshine

@pytest.fixture
def converter(monkeypatch):
    """coremltools' converter, which asks numpy for a number in a way that numpy refuses since 2.4."""
    original = torch_ops._cast

    def cast(context, node, dtype, name):
        x = torch_ops._get_inputs(context, node, expected=1)[0]
        if not x.can_be_folded_to_const() or isinstance(x.val, dtype):
            return original(context, node, dtype, name)
        context.add(mb.const(val=dtype(numpy.asarray(x.val).item()), name=node.name), node.name)
    monkeypatch.setattr(torch_ops, "_cast", cast)
    return coremltools.convert


def encoder_package(converter, model, precision, path, samples):
    """transformers' encoder through torch.jit: its modules, without its handling of masks. Returns the clip."""
    import torch
    encoder = model.model.encoder
    clip = torch.rand(1, samples, generator=torch.Generator().manual_seed(3)) * 0.2 - 0.1
    memory = encoder(clip, attention_mask=torch.ones(1, samples, dtype=torch.long)).last_hidden_state
    positions = torch.arange(memory.shape[1])[None]
    rope = encoder.rotary_emb(memory, positions)

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, x):
            gelu = torch.nn.functional.gelu
            h = encoder.groupnorm(torch.tanh(encoder.conv1(x.unsqueeze(1))))
            h = gelu(encoder.conv3(gelu(encoder.conv2(h)))).permute(0, 2, 1)
            for layer in encoder.layers:
                h = layer(h, attention_mask=None, position_embeddings=rope)
            return encoder.layer_norm(h)

    traced = torch.jit.trace(Encoder().eval(), clip, strict=False, check_trace=False)
    package = converter(traced, inputs=[coremltools.TensorType(name="input_values", shape=clip.shape)],
                        compute_precision=getattr(coremltools.precision, precision),
                        minimum_deployment_target=coremltools.target.iOS16, skip_model_load=True)
    package.save(str(path))
    return clip.numpy()


@pytest.mark.parametrize("precision", ["FLOAT32", "FLOAT16"])
def test_a_converted_encoder_is_transformers_encoder(converter, interpret, reference_model, exact_model, tmp_path,
                                                     precision):
    import reference
    clip = encoder_package(converter, reference_model, precision, tmp_path / "e.mlpackage", 24000)
    memory = reference.stages(exact_model, clip[0], [1])["memory"]
    for words in ((), ("--f16",)):
        got = list(interpret(tmp_path / "e.mlpackage", {"input_values": clip}, *words).values())[-1]
        limit = SAME if precision == "FLOAT32" else NEAR * numpy.abs(memory).max()
        assert numpy.abs(got[0] - memory).max() < limit


# ------------------------------------------------------------------------------------------ numpy

def numbers(*shape, seed=0, low=-2.0, high=2.0):
    return numpy.random.default_rng(seed).uniform(low, high, shape).astype(numpy.float32)


def whole(values):
    return numpy.array(values, dtype=numpy.int32)


X, Y, POSITIVE = numbers(2, 3, 4), numbers(2, 1, 4, seed=1), numbers(2, 3, 4, seed=2, low=0.1)
INDICES = whole([[0, 2], [1, 1]])
SPEC7, SPEC9 = coremltools.target.iOS16, coremltools.target.iOS18

# What is computed of x, and of what; by numpy when x is a constant.
OPERATIONS = {
    **{name: (lambda x, f=name: getattr(mb, f)(x=x), X) for name in (
        "abs", "ceil", "cos", "erf", "exp", "floor", "relu", "sigmoid", "sign", "sin", "softplus", "square", "tanh")},
    **{name: (lambda x, f=name: getattr(mb, f)(x=x), POSITIVE) for name in ("sqrt", "rsqrt", "log", "inverse")},
    **{f"{name}_y": (lambda x, f=name: getattr(mb, f)(x=x, y=Y), X) for name in (
        "add", "sub", "mul", "real_div", "floor_div", "mod", "maximum", "minimum", "equal", "greater", "less_equal")},
    **{f"{name}_axes": (lambda x, f=name: getattr(mb, f)(x=x, axes=[-1, 0], keep_dims=True), POSITIVE) for name in (
        "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_sum_square")},
    "pow": (lambda x: mb.pow(x=x, y=numpy.float32(1.5)), POSITIVE),
    "gelu": (lambda x: mb.gelu(x=x, mode="EXACT"), X),
    "gelu_tanh": (lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"), X),
    "gelu_sigmoid": (lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"), X),
    "elu": (lambda x: mb.elu(x=x, alpha=numpy.float32(0.5)), X),
    "clip": (lambda x: mb.clip(x=x, alpha=numpy.float32(-1), beta=numpy.float32(0.5)), X),
    "softmax": (lambda x: mb.softmax(x=x, axis=1), X),
    "argmax": (lambda x: mb.reduce_argmax(x=x, axis=-2, keep_dims=False), X),
    "argmin": (lambda x: mb.reduce_argmin(x=x, axis=1, keep_dims=True), X),
    "matmul": (lambda x: mb.matmul(x=x, y=numbers(2, 5, 4, seed=3), transpose_y=True), X),
    "matmul_both": (lambda x: mb.matmul(x=x, y=numbers(5, 3, seed=4), transpose_x=True, transpose_y=True), X),
    "matmul_integers": (lambda x: mb.matmul(x=x, y=whole([[1, -2, 3], [4, 5, -6]])), INDICES),
    "einsum": (lambda x: mb.einsum(values=(x, numbers(4, 3, 5, seed=9)), equation="chw,whr->chr"), X),
    "linear": (lambda x: mb.linear(x=x, weight=numbers(5, 4, seed=5), bias=numbers(5, seed=6)), X),
    "layer_norm": (lambda x: mb.layer_norm(x=x, axes=[1], gamma=numbers(3, seed=7), beta=numbers(3, seed=8),
                                           epsilon=numpy.float32(1e-3)), X),
    "layer_norm_two": (lambda x: mb.layer_norm(x=x, axes=[-2, -1], epsilon=numpy.float32(1e-5)), X),
    "reshape": (lambda x: mb.reshape(x=x, shape=[4, -1]), X),
    "reshape_zero": (lambda x: mb.reshape(x=x, shape=[0, -1, 2]), X),
    "transpose": (lambda x: mb.transpose(x=x, perm=[2, 0, 1]), X),
    "expand_dims": (lambda x: mb.expand_dims(x=x, axes=[0, -1]), X),
    "squeeze": (lambda x: mb.squeeze(x=x, axes=[1]), Y),
    "slice": (lambda x: mb.slice_by_index(x=x, begin=[0, -1, 3], end=[0, 0, 0], stride=[1, -1, -2],
                                          begin_mask=[True, False, False], end_mask=[True, True, True]), X),
    "slice_squeeze": (lambda x: mb.slice_by_index(x=x, begin=[1, 0, -3], end=[2, 2, 9],
                                                  squeeze_mask=[True, False, False]), X),
    "slice_by_size": (lambda x: mb.slice_by_size(x=x, begin=[0, 1, 0], size=[1, -1, 3]), X),
    "split": (lambda x: mb.split(x=x, split_sizes=[1, 3], axis=-1), X),
    "concat": (lambda x: mb.concat(values=[x, x], axis=1), X),
    "stack": (lambda x: mb.stack(values=[x, x], axis=-1), X),
    "tile": (lambda x: mb.tile(x=x, reps=[2, 1, 3]), X),
    "pad": (lambda x: mb.pad(x=x, pad=[1, 0, 2, 3], mode="constant", constant_val=numpy.float32(7)), X),
    "pad_reflect": (lambda x: mb.pad(x=x, pad=[1, 2, 3, 1], mode="reflect"), X),
    "pad_replicate": (lambda x: mb.pad(x=x, pad=[1, 2, 3, 1], mode="replicate"), X),
    "cumsum": (lambda x: mb.cumsum(x=x, axis=1, reverse=True), X),
    "band_part": (lambda x: mb.band_part(x=x, lower=1, upper=0), X),
    "gather": (lambda x: mb.gather(x=x, indices=INDICES, axis=1), X),
    "gather_batch": (lambda x: mb.gather(x=x, indices=INDICES, axis=1, batch_dims=1), X),
    "gather_along_axis": (lambda x: mb.gather_along_axis(x=x, indices=whole([[[2, 0, 1, 1]]] * 2), axis=1), X),
    "topk": (lambda x: mb.topk(x=x, k=2, axis=1), X),
    "select": (lambda x: mb.select(cond=X > 0, a=x, b=Y), X),
    "cast": (lambda x: mb.cast(x=x, dtype="int32"), 3 * X),
    "one_hot": (lambda x: mb.one_hot(indices=x, one_hot_vector_size=3, axis=0), INDICES),
}
# What coremltools leaves to the runtime.
ANSWERS = {"one_hot": numpy.eye(3)[:, INDICES]}


@pytest.mark.parametrize("target", [SPEC7, SPEC9], ids=["ios16", "ios18"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_numpys(interpret, tmp_path, name, target):
    make, given = OPERATIONS[name]
    integer = given.dtype == numpy.int32
    wanted = []

    @mb.program(input_specs=[], opset_version=target)
    def constant():
        results = make(mb.const(val=given))
        for result in results if isinstance(results, (list, tuple)) else [results]:
            wanted.append(result.val)
        return results
    if name in ANSWERS:
        wanted = [ANSWERS[name]]

    kind = coremltools.converters.mil.mil.types.int32 if integer else coremltools.converters.mil.mil.types.fp32

    @mb.program(input_specs=[mb.TensorSpec(shape=given.shape, dtype=kind)], opset_version=target)
    def variable(x):
        return make(x)
    package = coremltools.convert(variable, minimum_deployment_target=target, skip_model_load=True,
                                  compute_precision=coremltools.precision.FLOAT32,
                                  pass_pipeline=coremltools.PassPipeline.EMPTY)
    package.save(str(tmp_path / "one.mlpackage"))
    got = list(interpret(tmp_path / "one.mlpackage", {"x": given}).values())
    assert len(got) == len(wanted)
    for ours, theirs in zip(got, wanted):
        assert ours.shape == numpy.shape(theirs)
        assert numpy.allclose(ours, theirs, rtol=1e-5, atol=2e-6)
