"""Adapters of Moonshine's own trainer, as its package makes and merges them, on a streaming model."""

import importlib.util
import pathlib

import numpy
import pytest

torch = pytest.importorskip("torch")
import reference  # noqa: E402
from compare import check_stages  # noqa: E402
from conftest import GOLDEN  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

BASE = GOLDEN / "micro_streaming"
RANK = 4


def load_trainer():
    """The one file that adapts: the package itself asks for what records and plays sound."""
    package = importlib.util.find_spec("moonshine_voice")
    if package is None:
        pytest.skip("moonshine-voice is not installed (pip install --no-deps moonshine-voice==0.1.5)",
                    allow_module_level=True)
    path = pathlib.Path(package.submodule_search_locations[0]) / "lora" / "adapter.py"
    spec = importlib.util.spec_from_file_location("moonshine_trainer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trainer = load_trainer()


def clip(samples):
    random = numpy.random.default_rng(3)
    return (0.2 * random.standard_normal(samples)).astype(numpy.float32)


def adapted_model(sites, alpha, dtype=torch.float32):
    model = reference.load(BASE)
    wrapped = trainer.add_lora(model, rank=RANK, alpha=alpha, sites=sites)
    random = torch.Generator().manual_seed(5)
    for parameter in trainer.adapter_parameters(wrapped):
        parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.2)
    return model.to(dtype), wrapped


@pytest.mark.parametrize("alpha", [RANK, 12, 0.3])
@pytest.mark.parametrize("sites", ["decoder", "encoder", "both"])
def test_trainer(engine, potstill, run, tmp_path, sites, alpha):
    """Unmerged and merged; a scale that is not 1 is stored nowhere and given as a weight."""
    adapter, theirs, ours = tmp_path / "adapter", tmp_path / "adapted", tmp_path / "merged"
    adapter.mkdir()
    model, wrapped = adapted_model(sites, alpha)
    save_file(trainer.adapter_state(wrapped), adapter / "adapter.safetensors")
    audio, tokens = clip(9000), [1, 5, 77, 200, 3]
    exact, _ = adapted_model(sites, alpha, torch.float64)
    upstream, truth = reference.stages(model, audio, tokens), reference.stages(exact, audio, tokens)

    scale = alpha / RANK
    run(potstill, "merge", "--model", BASE, "--adapter", f"{adapter}:{scale}", "-o", ours)
    check_stages(f"{sites}, merged", engine.stages(ours, audio, tokens), upstream, truth)
    check_stages(f"{sites}, unmerged", engine.stages(BASE, audio, tokens, adapter=[(adapter, scale)]), upstream,
                 truth)

    trainer.merge_and_restore(model, wrapped)
    model.save_pretrained(theirs)
    saved, merged = load_file(theirs / "model.safetensors"), load_file(ours / "model.safetensors")
    assert set(saved) == set(merged)
    for name, value in merged.items():
        assert numpy.array_equal(value.view(numpy.uint32), saved[name].view(numpy.uint32)), name
