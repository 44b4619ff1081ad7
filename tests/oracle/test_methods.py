"""Adapted models: every method of method_cases.py, unmerged and merged, against the installed PEFT.

All cases run on the micro model, one of each method on the real one.
"""

import subprocess

import numpy
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import method_cases  # noqa: E402
import reference  # noqa: E402
import torch  # noqa: E402
from compare import check_decoding, check_stages  # noqa: E402
from conftest import GOLDEN, spread  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

MICRO = GOLDEN / "micro"
TOKENS = [1, 45, 216, 310, 267, 5, 77, 50]
# Of the largest value of a weight. Ours computes a change or a weight in double, rounds it to float32, and
# rounds once more when it is merged; a product of two rounded matrices has the rest.
MERGED_BOUND = 4 * 2.0 ** -24
KASA_BOUND = 16 * 2.0 ** -24  # PEFT multiplies its factors of the base in float32, also in a float64 model
EMBEDDING, OUTPUT = "model.decoder.embed_tokens.weight", "proj_out.weight"


NOT_MERGED = {"beft"}  # its q_proj has no bias to merge into


@pytest.fixture(scope="module")
def micro_adapters(tmp_path_factory):
    return method_cases.make_all(MICRO, tmp_path_factory.mktemp("micro"))


def say_skipped(skipped, subtests):
    for name, why in skipped:
        with subtests.test(name):
            pytest.skip(why)


def test_stages(micro_adapters, engine, subtests):
    made, skipped = micro_adapters
    audio = numpy.random.default_rng(7).normal(0, 0.1, 24000).astype(numpy.float32)
    base = reference.stages(reference.load(MICRO), audio, TOKENS)["logits"]
    for name, folder in made:
        with subtests.test(name):
            upstream = reference.stages(reference.load(MICRO, folder), audio, TOKENS)
            exact = reference.stages(reference.load(MICRO, folder, torch.float64), audio, TOKENS)
            check_stages(name, engine.stages(MICRO, audio, TOKENS, adapter=folder), upstream, exact)
            assert numpy.abs(exact["logits"] - base).max() > 0.01, "it hardly changes anything: a weak test"
    say_skipped(skipped, subtests)


def check_on_speech(name, folder, engine, model_dir, audio):
    """Every stage, and the text of a short clip, on real weights; returns the tokens."""
    model = reference.load(model_dir, folder)
    exact = reference.load(model_dir, folder, torch.float64)
    asked = {"max_new_tokens": 20}
    ours = engine.decode(model_dir, [(audio, asked)], adapter=folder)[0]
    forced = ours["tokens"][:8]
    check_stages(name, engine.stages(model_dir, audio, forced, adapter=folder),
                 reference.stages(model, audio, forced), reference.stages(exact, audio, forced))
    check_decoding(name, ours, model, exact, audio, asked)
    return ours["tokens"]


def test_real_model(engine, model_dir, clips, tmp_path, subtests):
    made, skipped = method_cases.make_all(model_dir, tmp_path, one_each=True)
    for name, folder in spread(made):
        with subtests.test(name):
            check_on_speech(name, folder, engine, model_dir, clips["beckett_1"])
    say_skipped(skipped, subtests)


def exact_merge(folder):
    """name -> tensor in float64, as PEFT merges; tied tensors once."""
    model = reference.load(MICRO, folder, torch.float64).merge_and_unload()
    tensors = dict(model.state_dict())
    if tensors[OUTPUT].data_ptr() == tensors[EMBEDDING].data_ptr():
        del tensors[OUTPUT]
    return tensors


def check_merged(name, ours, exact, base):
    """Fails unless every merged weight is PEFT's in float64 but for rounding. What PEFT merges into tied
    weights changes both sides, ours the one that is adapted: theirs is compared with that one."""
    changed = 0
    if OUTPUT in ours and OUTPUT not in exact:
        exact[EMBEDDING if torch.equal(ours[OUTPUT], base[EMBEDDING]) else OUTPUT] = exact.pop(EMBEDDING)
    for key, tensor in ours.items():
        if key not in exact:
            continue
        changed += key not in base or not torch.equal(tensor, base[key])
        off = (tensor.double() - exact[key]).abs().max()
        bound = (KASA_BOUND if name.startswith("kasa") else MERGED_BOUND) * exact[key].abs().max()
        assert off <= bound, f"{name}: {key} is {off:.2e} from PEFT in float64, allowed {bound:.2e}"
    assert changed, f"{name}: nothing was merged"


def test_merged(micro_adapters, potstill, run, tmp_path, subtests):
    base = load_file(MICRO / "model.safetensors")
    for name, folder in micro_adapters[0]:
        if name in NOT_MERGED:
            with pytest.raises(ValueError, match="Base layer has no bias"):
                exact_merge(folder)
            done = subprocess.run([potstill, "merge", "--model", MICRO, "--adapter", folder, "-o", tmp_path / "no"],
                                  capture_output=True, text=True)
            assert done.returncode == 3 and "has no bias, which beft_bias would have" in done.stderr
            continue
        with subtests.test(name):
            run(potstill, "merge", "--model", MICRO, "--adapter", folder, "-o", tmp_path / "out", "--force")
            check_merged(name, load_file(tmp_path / "out" / "model.safetensors"), exact_merge(folder), base)
