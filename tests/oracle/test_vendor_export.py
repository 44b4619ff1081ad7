"""The streaming family against the graphs that the vendor's own package exports, run by onnxruntime.

It shares no forward pass with transformers: front end, windows, positions and caches are written again there.
Skipped where its packages are not installed (tools/vendor_graphs.py says which)."""

import sys

import numpy
import pytest
from conftest import GOLDEN, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import vendor_graphs  # noqa: E402

if vendor_graphs.missing():
    pytest.skip(f"not installed: {', '.join(vendor_graphs.missing())}", allow_module_level=True)

from compare import STAGE_BOUND  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

MODEL, TOKENS = GOLDEN / "micro_streaming", 24


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    vendor_graphs.export(MODEL, folder)
    return vendor_graphs.VendorGraphs(folder)


@pytest.mark.parametrize("seconds", [0.5, 2, 3.9])
def test_graphs(engine, graphs, seconds):
    samples = vendor_graphs.clip(seconds)
    encoded = graphs.encode(samples)
    out = engine.scratch / "inclusive.safetensors"
    engine.run(MODEL, engine.samples_file(samples), out, "--inclusive")
    apart = numpy.abs(load_file(out)["memory"] - encoded).max()
    print(f"{seconds} s: memory apart by {apart:.2e}, largest {numpy.abs(encoded).max():.2f}")
    assert apart <= STAGE_BOUND
    options = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS}
    answer = engine.decode(MODEL, [(samples, options)], extra=["--inclusive"])[0]
    assert answer["tokens"][-TOKENS:] == graphs.decode(encoded, TOKENS)
