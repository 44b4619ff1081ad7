"""Packages of ours before coremltools, and packages of coremltools through our reader and writer.

coremltools cannot run programs here, but it loads them: milproto rebuilds every operation through its typed
builder and compares the types it infers with the declared ones, reading every weight on the way."""

import filecmp
import os
import subprocess

import numpy
import pytest

from conftest import program
from coreml_package import contents, coremltools, load
from coremltools.converters.mil import Builder
from coremltools.converters.mil.mil import types

DRIVER = program("tests/package_driver")
NAMES = ["ios15", "ios16", "ios17", "ios18", "functions", "state", "loop", "range", "shapes"]


def drive(*arguments):
    result = subprocess.run([DRIVER, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def verify(path):
    result = subprocess.run([program("potstill"), "verify", str(path)], capture_output=True, text=True)
    assert result.returncode == 0 and "0 problems" in result.stdout, result.stdout + result.stderr


def same_files(a, b):
    found = filecmp.dircmp(a, b)
    return (not found.left_only and not found.right_only and
            not filecmp.cmpfiles(a, b, found.common_files, shallow=False)[1] and
            all(same_files(os.path.join(a, d), os.path.join(b, d)) for d in found.common_dirs))


@pytest.mark.parametrize("name", NAMES)
def test_ours_load(name, tmp_path):
    path = tmp_path / "ours.mlpackage"
    drive("write", name, path)
    verify(path)
    spec, model, program = load(path)
    assert spec.specificationVersion == {"ios15": 6, "ios17": 8, "ios18": 9, "functions": 9,
                                         "state": 9}.get(name, 7)
    assert set(program.functions) == ({"one", "two"} if name == "functions" else {"main"})
    model.save(str(tmp_path / "again.mlpackage"))
    assert contents(tmp_path / "again.mlpackage") == contents(path)


@pytest.mark.parametrize("name", NAMES)
def test_ours_survive_reading(name, tmp_path):
    drive("write", name, tmp_path / "a.mlpackage")
    drive("copy", tmp_path / "a.mlpackage", tmp_path / "b.mlpackage")
    assert same_files(tmp_path / "a.mlpackage", tmp_path / "b.mlpackage")


def small_network(target, precision):
    """Operations of every sort, with weights large enough to be quantised."""
    rng = numpy.random.default_rng(7)

    def weights(*shape):
        return rng.standard_normal(shape).astype(numpy.float32)

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 16, 64))], opset_version=target)
    def program(x):
        x = Builder.conv(x=x, weight=weights(32, 16, 5), bias=weights(32), pad_type="same")
        x = Builder.transpose(x=x, perm=[0, 2, 1])
        x = Builder.layer_norm(x=x, axes=[-1], gamma=weights(32), epsilon=1e-5)
        x = Builder.linear(x=x, weight=weights(128, 32), bias=weights(128))
        x = Builder.gelu(x=x, mode="EXACT")
        a, b = Builder.split(x=x, num_splits=2, axis=-1)
        x = Builder.concat(values=[Builder.mul(x=a, y=Builder.silu(x=b)), a], axis=1)
        x = Builder.slice_by_index(x=x, begin=[0, 1, 0], end=[1, 0, 64], stride=[1, 2, 1],
                                   end_mask=[True, True, False])
        return Builder.softmax(x=x, axis=-1)

    return coremltools.convert(program, convert_to="mlprogram", minimum_deployment_target=target,
                               compute_precision=precision)


FULL, HALF = coremltools.precision.FLOAT32, coremltools.precision.FLOAT16


def theirs():
    opt = coremltools.optimize.coreml
    ios15, ios16, ios18 = (getattr(coremltools.target, n) for n in ("iOS15", "iOS16", "iOS18"))
    yield "float32", small_network(ios15, FULL)
    yield "float16", small_network(ios16, HALF)

    def config(op):
        return opt.OptimizationConfig(global_config=op)

    int8 = config(opt.OpLinearQuantizerConfig(mode="linear_symmetric"))
    yield "int8", opt.linear_quantize_weights(small_network(ios16, HALF), int8)
    affine = config(opt.OpLinearQuantizerConfig(mode="linear"))
    yield "affine", opt.linear_quantize_weights(small_network(ios16, HALF), affine)
    for bits in (4, 6):
        palette = config(opt.OpPalettizerConfig(nbits=bits, mode="uniform"))
        yield f"palette{bits}", opt.palettize_weights(small_network(ios16, HALF), palette)
    sparse = config(opt.OpMagnitudePrunerConfig(target_sparsity=0.5))
    yield "sparse", opt.prune_weights(small_network(ios16, HALF), sparse)
    int4 = config(opt.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=16))
    yield "int4", opt.linear_quantize_weights(small_network(ios18, HALF), int4)
    palette = config(opt.OpPalettizerConfig(nbits=3, mode="uniform"))
    yield "palette3", opt.palettize_weights(small_network(ios18, HALF), palette)


def loop():
    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1,), dtype=types.int32),
                                  Builder.TensorSpec(shape=(2, 3))])
    def program(limit, x):
        end = Builder.squeeze(x=limit)
        count, x = Builder.while_loop(
            _cond=lambda i, y: Builder.less(x=i, y=end),
            _body=lambda i, y: (Builder.add(x=i, y=1), Builder.mul(x=y, y=y)),
            loop_vars=(Builder.const(val=0), x))
        return Builder.cond(pred=Builder.greater(x=count, y=3), _true_fn=lambda: Builder.tanh(x=x),
                            _false_fn=lambda: Builder.identity(x=x))

    return coremltools.convert(program, convert_to="mlprogram",
                               minimum_deployment_target=coremltools.target.iOS16)


def states():
    @Builder.program(input_specs=[Builder.TensorSpec(shape=(4, 32), dtype=types.fp16),
                                  Builder.StateTensorSpec(shape=(4, 32), dtype=types.fp16)],
                     opset_version=coremltools.target.iOS18)
    def program(x, cache):
        old = Builder.read_state(input=cache)
        new = Builder.coreml_update_state(state=cache, value=Builder.add(x=old, y=x))
        return Builder.tanh(x=new)

    return coremltools.convert(program, convert_to="mlprogram",
                               minimum_deployment_target=coremltools.target.iOS18)


def copied(model, tmp_path):
    path, copy = tmp_path / "theirs.mlpackage", tmp_path / "copy.mlpackage"
    if not isinstance(model, (str, os.PathLike)):
        model.save(str(path))
    else:
        path = model
    verify(path)
    drive("copy", path, copy)
    verify(copy)
    load(copy)
    assert contents(path) == contents(copy)


def test_theirs_survive(tmp_path):
    for name, model in theirs():
        folder = tmp_path / name
        folder.mkdir()
        copied(model, folder)


@pytest.mark.parametrize("make", [loop, states])
def test_blocks_and_states_survive(make, tmp_path):
    copied(make(), tmp_path)


def test_several_functions_survive(tmp_path):
    target = coremltools.target.iOS18
    small_network(target, HALF).save(str(tmp_path / "one.mlpackage"))
    description = coremltools.utils.MultiFunctionDescriptor()
    for name in ("first", "second"):
        description.add_function(str(tmp_path / "one.mlpackage"), src_function_name="main",
                                 target_function_name=name)
    description.default_function_name = "first"
    coremltools.utils.save_multifunction(description, str(tmp_path / "both.mlpackage"))
    copied(tmp_path / "both.mlpackage", tmp_path)
