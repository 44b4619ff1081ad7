"""Merging against PEFT's merge_and_unload() and transformers' save_pretrained(), on the real model.

The one idea: PEFT in float64 is the exact merge, so `potstill merge`, which sums in double and rounds
once, must give its values to the last bit (one unit in the last place is allowed for the order of the
sums). PEFT in float32 rounds on the way; how far that may take it is bounded by the products it sums.
"""

import json
import subprocess

import numpy
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
import adapter_cases  # noqa: E402
import reference  # noqa: E402
from compare import TIE  # noqa: E402
from conftest import spread  # noqa: E402
from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

REFUSED = {"lora_bias"}  # its q_proj has no bias to merge into
# Where PEFT's merge would change both sides of tied weights, the judge is its unmerged model.
TIED = {"output_layer_too", "embedding_and_output", "embedding_moved", "dora_embedding"}
CLIPS = ["city_20_5", "beckett_1", "city_13_10"]
EPSILON = 2.0 ** -24
# Of a weight's norm, for PiSSA and OLoRA: PEFT rounds both factors, their product of `rank` terms, its scale and
# the difference to float32, we the result; scale |B| |A| is at most the root of the rank times the norm.
CORRECTED = (16 + 5) * 16 ** 0.5 * EPSILON  # 16: the widest of the cases
LOGITS = 1e-5  # of the largest logit: what 160 tensors off by one rounding come to, in float64
TOKENS = {"max_new_tokens": 30}


@pytest.fixture(scope="module")
def adapters(model_dir, tmp_path_factory):
    return dict(adapter_cases.make_all(model_dir, tmp_path_factory.mktemp("adapters")))


@pytest.fixture(scope="module")
def merge(potstill, run, model_dir, tmp_path_factory):
    """Merges with the program; returns the folder."""
    root = tmp_path_factory.mktemp("merged")

    def go(name, *adapters, options=(), model=model_dir):
        words = [word for adapter in adapters for word in ("--adapter", adapter)]
        run(potstill, "merge", "--model", model, *words, "-o", root / name, "--force", *options)
        return root / name
    return go


def peft_merge(model_dir, folder, dtype):
    return reference.load(model_dir, folder, dtype).merge_and_unload()


EMBEDDING, OUTPUT = "model.decoder.embed_tokens.weight", "proj_out.weight"


def stored(model):
    """name -> tensor in the model's own type, tied ones once."""
    tensors = dict(model.state_dict())
    if tensors[OUTPUT].data_ptr() == tensors[EMBEDDING].data_ptr():
        del tensors[OUTPUT]
    return tensors


def sides(ours, theirs, base):
    """What PEFT 0.18.1 merges into tied weights changes both sides, ours the one that is adapted:
    their one tensor is that one. Where both are adapted, theirs is neither."""
    if OUTPUT not in ours or OUTPUT in theirs:
        return theirs
    if torch.equal(ours[EMBEDDING], base[EMBEDDING]):
        theirs[OUTPUT] = theirs.pop(EMBEDDING)
    elif not torch.equal(ours[OUTPUT], base[EMBEDDING]):
        del theirs[EMBEDDING]
    return theirs


def ulps(a, b):
    """Distance in units in the last place, for float32."""
    def order(x):
        bits = x.contiguous().view(torch.int32).to(torch.int64)
        return torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    return (order(a) - order(b)).abs()


def bound_of(model):
    """For each adapted module how far PEFT's float32 product may be from the exact one."""
    bounds = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.Linear) and not module.lora_variant:
            a = module.lora_A["default"].weight.double().abs()
            b = module.lora_B["default"].weight.double().abs()
            scale = abs(module.scaling["default"])
            # Any order of the sum, the product with the scale, and the addition to the weight.
            bounds[f"{name}.weight"] = (a.shape[0] + 2) * EPSILON * scale * (b @ a)
    return bounds


def check_values(name, model_dir, folder, merged):
    ours = load_file(merged / "model.safetensors")
    base = load_file(model_dir / "model.safetensors")
    exact = sides(ours, stored(peft_merge(model_dir, folder, torch.float64)), base)
    plain = sides(ours, stored(peft_merge(model_dir, folder, torch.float32)), base)
    bounds = bound_of(reference.load(model_dir, folder))
    equal = total = changed = near = 0
    corrected, worst = name.startswith(("pissa", "olora")) and "converted" not in name, 0
    for key, tensor in ours.items():
        same = key in base and torch.equal(tensor, base[key])
        changed += 0 if same else tensor.numel()
        if key not in exact:  # a side of tied weights that PEFT has no like of
            continue
        apart = ulps(tensor, exact[key].float())
        if corrected:
            off = float((tensor - exact[key]).norm() / exact[key].norm())
            worst = max(worst, off)
            assert off <= CORRECTED, f"{name}: {key} is {off:.1e} of its norm from PEFT's merge"
            continue
        assert apart.max() <= 1, f"{name}: {key} is {apart.max()} ulp from the exact merge"
        equal += int((apart == 0).sum())
        total += tensor.numel()
        if same:
            continue
        near += int((ulps(tensor, plain[key]) <= 1).sum())
        if key in bounds:  # other methods than plain LoRA are compared in float64 only
            error = (tensor.double() - plain[key].double()).abs()
            allowed = bounds[key] + 2 * EPSILON * plain[key].double().abs()
            assert bool((error <= allowed).all()), f"{name}: {key} is far from PEFT in float32"
    if corrected:
        print(f"{name:18} at most {worst:.1e} of a weight's norm from PEFT in float64")
        return
    print(f"{name:18} {total - equal} of {total} values not bit-equal to PEFT in float64; "
          f"{100 * near / max(changed, 1):.2f} % of merged values within 1 ulp of PEFT in float32")
    assert changed, f"{name}: nothing was merged"
    assert equal > 0.9999 * total


def test_values(adapters, merge, model_dir, subtests):
    for name, folder in spread(list(adapters.items())):
        if name in REFUSED:
            continue
        with subtests.test(name):
            check_values(name, model_dir, folder, merge(name, folder))


def test_refused(adapters, potstill, model_dir, tmp_path):
    """What has no place in the merged model, PEFT refuses to merge and so do we."""
    for name in REFUSED:
        with pytest.raises(RuntimeError, match="Impossible to merge"):
            peft_merge(model_dir, adapters[name], torch.float32)
        done = subprocess.run([potstill, "merge", "--model", model_dir, "--adapter", adapters[name],
                               "-o", tmp_path / "no"], capture_output=True, text=True)
        assert done.returncode == 3 and "q_proj has no bias" in done.stderr, done
        assert not list(tmp_path.iterdir())


def test_logits_and_tokens(adapters, merge, engine, model_dir, clips, subtests):
    """The folder in transformers, beside PEFT's own merge; and in the engine, beside the adapter."""
    plain = ("seed", "rank_wide", "alpha_negative", "patterns_rslora", "dora", "all_at_once",
             "saved_output", "tokens")
    for name in spread((*plain, *sorted(TIED))):
        with subtests.test(name):
            folder = adapters[name]
            merged = merge(name, folder)
            ours = reference.load(merged, dtype=torch.float64)
            unmerged = reference.load(model_dir, folder, torch.float64)
            theirs = unmerged if name in TIED else peft_merge(model_dir, folder, torch.float64)
            for clip in CLIPS:
                forced = reference.generate(unmerged, clips[clip], TOKENS)["tokens"]
                logits = reference.stages(ours, clips[clip], forced)["logits"]
                expected = reference.stages(theirs, clips[clip], forced)["logits"]
                off = numpy.abs(logits - expected).max() / numpy.abs(expected).max()
                print(f"{name:18} {clip:12} logits {off:.1e} of the largest apart")
                assert off <= LOGITS
            asked = [(clips[clip], TOKENS) for clip in CLIPS]
            for clip, one, other in zip(CLIPS, engine.decode(merged, asked),
                                        engine.decode(model_dir, asked, adapter=folder)):
                # Merged, weights are rounded once more than unmerged: only a near-tie may differ.
                assert one["tokens"] == other["tokens"] or min(
                    one["margin"], other["margin"]) < TIE, f"{name} {clip}"


SAVES = """
import sys, warnings, transformers
warnings.simplefilter("error")
model = transformers.MoonshineForConditionalGeneration.from_pretrained(sys.argv[1])
transformers.AutoProcessor.from_pretrained(sys.argv[1])
assert model.config.tie_word_embeddings == (sys.argv[3] == "tied"), model.config
assert str(model.dtype) == "torch." + sys.argv[4], model.dtype
model.save_pretrained(sys.argv[2])
"""


def save_again(merged, out, tied, dtype):
    """Loads in a fresh process, where every warning is seen, and saves."""
    import sys
    done = subprocess.run([sys.executable, "-c", SAVES, str(merged), str(out), tied, dtype],
                          capture_output=True, text=True, timeout=600,
                          env={"TRANSFORMERS_VERBOSITY": "warning", "HF_HUB_OFFLINE": "1",
                               "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.replace("\r", "\n").splitlines()
            if line.strip() and "Loading weights" not in line and "Writing model" not in line]
    assert not said, said


@pytest.mark.parametrize("name, dtype, tied", [
    ("seed", "float32", "tied"), ("seed", "float16", "tied"), ("seed", "bfloat16", "tied"),
    ("output_layer", "float32", "untied")])
def test_transformers_saves_the_same_files(adapters, merge, tmp_path, name, dtype, tied):
    """Loads without a word, and what save_pretrained() makes of it is what we wrote, to the byte."""
    merged = merge(f"{name}-{dtype}", adapters[name], options=("--dtype", dtype))
    save_again(merged, tmp_path, tied, dtype)
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        assert (merged / file).read_bytes() == (tmp_path / file).read_bytes(), file


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(adapters, merge, model_dir, dtype):
    """Rounded once, straight from the exact sum."""
    ours = load_file(merge("half", adapters["seed"], options=("--dtype", dtype)) /
                     "model.safetensors")
    exact = stored(peft_merge(model_dir, adapters["seed"], torch.float64))
    wrong = 0
    for key, tensor in ours.items():
        assert tensor.dtype == getattr(torch, dtype)
        # torch rounds double to half by way of float: equal, or a double rounding apart.
        theirs = exact[key].to(tensor.dtype)
        differ = tensor != theirs
        wrong += int(differ.sum())
        if differ.any():
            mine = (tensor.double() - exact[key]).abs()[differ]
            assert bool((mine <= (theirs.double() - exact[key]).abs()[differ]).all()), key
    print(f"{dtype}: {wrong} values that torch rounds twice")


def test_half_precision_base(adapters, merge, model_dir, tmp_path):
    """A base stored in float16 stays so, as in transformers, and is merged from its exact values."""
    base = tmp_path / "half"
    reference.load(model_dir).half().save_pretrained(base)
    merged = merge("half-base", adapters["seed"], model=base)
    assert json.loads((merged / "config.json").read_text())["dtype"] == "float16"
    ours = load_file(merged / "model.safetensors")
    exact = stored(peft_merge(base, adapters["seed"], torch.float64))
    for key, tensor in ours.items():
        off = (tensor.double() - exact[key]).abs()
        assert bool((off <= 2.0 ** -11 * exact[key].abs() + 2.0 ** -25).all()), key


def test_several_adapters(adapters, merge, model_dir):
    """The sum of the weighted deltas: what add_weighted_adapter() gives as `cat`."""
    names = {"attention": 0.75, "rank_odd": -0.5, "rslora": 1.25}
    model = PeftModel.from_pretrained(reference.load(model_dir), adapters["attention"],
                                      adapter_name="attention")
    for name in list(names)[1:]:
        model.load_adapter(adapters[name], adapter_name=name)
    model.add_weighted_adapter(list(names), list(names.values()), "sum", combination_type="cat")
    model.set_adapter("sum")
    exact = stored(model.to(torch.float64).merge_and_unload())
    ours = load_file(merge("several", *(f"{adapters[name]}:{weight}" for name, weight
                                        in names.items())) / "model.safetensors")
    base = load_file(model_dir / "model.safetensors")
    for key, tensor in ours.items():
        # `cat` multiplies lora_A by weight and scale in float32; the sum itself is exact.
        off = (tensor.double() - exact[key]).abs()
        delta = (exact[key] - base[key].double()).abs().max()
        assert bool((off <= EPSILON * exact[key].abs() + 8 * EPSILON * delta).all()), key


def test_diff(adapters, merge, potstill, run, model_dir):
    """Norm and rank as numpy has them, for every tensor that was merged."""
    merged = merge("pattern", adapters["rank_pattern"])
    found = json.loads(run(potstill, "diff", "--format", "json", model_dir, merged).stdout)
    base, ours = (load_file(folder / "model.safetensors") for folder in (model_dir, merged))
    ranks = {f"{name}.weight": module.r["default"] for name, module in
             reference.load(model_dir, adapters["rank_pattern"]).base_model.model.named_modules()
             if hasattr(module, "lora_A") and "default" in module.lora_A}
    assert {row["tensor"]: row["rank"] for row in found["tensors"]} == ranks
    for row in found["tensors"]:
        a, b = base[row["tensor"]].double(), ours[row["tensor"]].double()
        assert row["norm"] == pytest.approx(float((b - a).norm()), rel=1e-7)
        assert row["relative"] == pytest.approx(float((b - a).norm() / a.norm()), rel=1e-7)
        assert row["max_abs"] == pytest.approx(float((b - a).abs().max()), rel=1e-7)


def test_verify(adapters, merge, potstill, run, model_dir, tmp_path):
    run(potstill, "verify", model_dir)
    run(potstill, "verify", "--model", model_dir, adapters["seed"])
    merged = merge("verified", adapters["seed"])
    run(potstill, "verify", merged)
    tensors = load_file(merged / "model.safetensors")
    tensors["model.decoder.norm.weight"][3] = float("nan")
    save_file(tensors, merged / "model.safetensors", metadata={"format": "pt"})
    done = subprocess.run([potstill, "verify", merged], capture_output=True, text=True)
    assert done.returncode == 3
    assert "problem: model.safetensors: model.decoder.norm.weight has NaN at [3]" in done.stdout
