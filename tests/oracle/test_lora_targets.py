"""Which modules does an adapter config mean? The engine's answer against that of PEFT itself.

Each config is loaded by PEFT (LoraConfig.from_pretrained, get_peft_model) onto a small model of the
true architecture, and read by lora_driver; both must name the same modules with the same rank
and the same scale to the last bit. Where PEFT raises, the engine must refuse.
"""

import json
import random
import warnings

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

import lora_driver

CONFIGS = {
    "endings": {"target_modules": ["q_proj", "v_proj"]},
    "longer ending": {"target_modules": ["self_attn.q_proj", "encoder_attn.o_proj"]},
    "part of a name": {"target_modules": ["proj"]},
    "full names": {"target_modules": ["model.decoder.layers.3.mlp.fc1",
                                      "model.encoder.layers.11.self_attn.q_proj"]},
    "many full names": {"target_modules": [
        f"model.decoder.layers.{i}.{m}" for i in range(12)
        for m in ("self_attn.q_proj", "encoder_attn.v_proj", "mlp.fc2")]},
    "many endings": {"target_modules": [f"layers.{i}.mlp.fc1" for i in range(25)] + ["q_proj"]},
    "expression": {"target_modules": r".*decoder.*\.(q|v)_proj"},
    "expression, not whole": {"target_modules": r"decoder.*q_proj"},
    "expression, alternatives": {"target_modules": r".*encoder_attn\..*|.*\.fc\d"},
    "expression, lookaround": {"target_modules": r".*(?<!encoder_attn)\.(?!k)[a-z]_proj"},
    "expression, named group": {"target_modules": r".*\.(?P<n>\d)\.mlp\.fc(?:1|2)"},
    "expression, any case": {"target_modules": r"(?i).*\.FC1"},
    "expression, counted": {"target_modules": r".*\.\d{2,}\..*_proj"},
    "expression, lazy": {"target_modules": r".*?layers\.1.*?fc1"},
    "all-linear": {"target_modules": "all-linear"},
    "ALL-Linear": {"target_modules": "ALL-Linear"},
    "all-linear but": {"target_modules": "all-linear", "exclude_modules": ["fc1", "fc2"]},
    "output layer": {"target_modules": ["proj_out"]},
    "output layer too": {"target_modules": ["proj_out", "q_proj"]},
    "exclude endings": {"target_modules": ["q_proj"], "exclude_modules": ["encoder_attn.q_proj"]},
    "exclude full": {"target_modules": ["fc1"],
                     "exclude_modules": ["model.encoder.layers.1.mlp.fc1"]},
    "exclude expression": {"target_modules": ["fc1"], "exclude_modules": r".*encoder.*"},
    "exclude, not whole": {"target_modules": ["fc1"], "exclude_modules": r"encoder.*"},
    "exclude nothing": {"target_modules": ["fc1"], "exclude_modules": ""},
    "exclude all": {"target_modules": ["fc1"], "exclude_modules": [".*fc1", "fc1"]},
    "save encoder": {"target_modules": ["q_proj"], "modules_to_save": ["layer_norm", "proj_out"]},
    "save part": {"target_modules": ["q_proj", "fc1"], "modules_to_save": ["mlp"]},
    "one layer": {"target_modules": ["q_proj"], "layers_to_transform": 1},
    "layer zero": {"target_modules": ["q_proj"], "layers_to_transform": 0},
    "layers": {"target_modules": ["q_proj", "fc1"], "layers_to_transform": [0, 10, 11, 99]},
    "no layers": {"target_modules": ["q_proj"], "layers_to_transform": []},
    "layer, full name": {"target_modules": ["model.encoder.layers.2.mlp.fc1", "fc2"],
                         "layers_to_transform": [4]},
    "layer, no number": {"target_modules": ["proj_out", "q_proj"], "layers_to_transform": [4]},
    "layer by pattern": {"target_modules": ["q_proj"], "layers_to_transform": [4],
                         "layers_pattern": "layers"},
    "layer by patterns": {"target_modules": ["q_proj"], "layers_to_transform": [4],
                          "layers_pattern": ["blocks", "l.*s"]},
    "layer by empty pattern": {"target_modules": ["q_proj"], "layers_to_transform": [4],
                               "layers_pattern": []},
    "layer by other pattern": {"target_modules": ["q_proj"], "layers_to_transform": [4],
                               "layers_pattern": "h"},
    "pattern alone": {"target_modules": ["q_proj"], "layers_pattern": "layers"},
    "layers with expression": {"target_modules": ".*q_proj", "layers_to_transform": [1]},
    "rank and alpha": {"target_modules": ["q_proj", "k_proj", "fc1"], "r": 6, "lora_alpha": 5},
    "rslora": {"target_modules": ["q_proj"], "r": 6, "lora_alpha": 5, "use_rslora": True},
    "alpha with a point": {"target_modules": ["q_proj"], "r": 7, "lora_alpha": 0.3},
    "negative alpha": {"target_modules": ["q_proj"], "r": 7, "lora_alpha": -3},
    "rank pattern": {"target_modules": ["q_proj", "fc1"],
                     "rank_pattern": {"q_proj": 2, "decoder.*": 3, "layers.1.mlp.fc1": 5}},
    "first pattern wins": {"target_modules": ["q_proj", "fc1"],
                           "rank_pattern": {"z*q_proj": 9, "q_proj": 2, "(self_attn.)?q_proj": 4}},
    "anchored pattern": {"target_modules": ["q_proj"],
                         "rank_pattern": {"^q_proj": 2, r"^model\.encoder\..*": 3}},
    "alpha pattern": {"target_modules": "all-linear", "r": 3,
                      "alpha_pattern": {r"fc\d": 17, r"model.*\.1\d\..*": 1.5}},
    "both patterns, rslora": {"target_modules": ["v_proj", "o_proj"], "use_rslora": True, "r": 5,
                              "rank_pattern": {"o_proj": 3}, "alpha_pattern": {"v_proj": 2}},
    "pattern of alternatives": {"target_modules": ["q_proj", "v_proj"],
                                "rank_pattern": {"q_proj|v_proj": 3}},
    "nothing matches": {"target_modules": ["query"]},
    "no targets": {"target_modules": []},
    "targets null": {"target_modules": None},
    "convolution": {"target_modules": ["conv1", "q_proj"]},
    "embedding": {"target_modules": ["embed_tokens"]},
    "norm": {"target_modules": ["q_proj", "input_layernorm"]},
    "group norm": {"target_modules": ["groupnorm"]},
    "attention": {"target_modules": ["self_attn"]},
    "everything below": {"target_modules": r"model\.decoder\..*"},
    "activation": {"target_modules": r".*\.mlp\..*"},
    "rotary": {"target_modules": ["rotary_emb"]},
    "broken expression": {"target_modules": ".*(q_proj"},
    "broken pattern": {"target_modules": ["q_proj"], "rank_pattern": {"*": 2}},
    "rank zero": {"target_modules": ["q_proj"], "r": 0},
}


def random_config(seed):
    """A config that combines options as no hand would."""
    rng = random.Random(seed)
    leaves = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2", "proj_out", "nothing"]
    fragments = ["q_proj", "fc1", r"fc\d", "decoder.*", r".*\.1\d?\..*", "self_attn.q_proj",
                 r"layers\.\d+\.mlp\.fc[12]", "(q|v)_proj", "^model.*_proj", r"[^.]*", r".+\.o_proj",
                 r"(?:en|de)coder\..*\.(?!fc)\w+", r"encoder_attn\..*"]
    config = {"r": rng.randint(1, 9), "lora_alpha": rng.choice([1, 4, 7, 16, 0.7]),
              "use_rslora": rng.random() < 0.3}
    kind = rng.choice(["endings", "endings", "full", "expression", "all-linear"])
    if kind == "endings":
        config["target_modules"] = rng.sample(leaves, rng.randint(1, 4))
    elif kind == "full":
        config["target_modules"] = [
            f"model.{rng.choice(['encoder', 'decoder'])}.layers.{rng.randint(0, 12)}."
            f"{rng.choice(['self_attn', 'encoder_attn', 'mlp'])}.{rng.choice(leaves)}"
            for _ in range(rng.randint(1, 40))] + rng.sample(leaves, rng.randint(0, 1))
    elif kind == "expression":
        config["target_modules"] = rng.choice([".*", r"model\.", ""]) + rng.choice(fragments)
    else:
        config["target_modules"] = "all-linear"
    if rng.random() < 0.3:
        config["exclude_modules"] = rng.choice(
            [rng.sample(leaves, 2), ".*" + rng.choice(fragments), [], ["layers.1.mlp.fc1"]])
    if isinstance(config["target_modules"], list) and rng.random() < 0.4:
        config["layers_to_transform"] = rng.choice([1, 11, [0, 1, 10], [5], []])
        if config["layers_to_transform"] and rng.random() < 0.5:
            config["layers_pattern"] = rng.choice(["layers", ["h", "layers"], [], r"\w+"])
    for option, values in (("rank_pattern", [1, 2, 3, 30]), ("alpha_pattern", [1, 2.5, 64])):
        if rng.random() < 0.5:
            config[option] = {key: rng.choice(values)
                              for key in rng.sample(fragments, rng.randint(1, 4))}
    return config


def build_model():
    """Twelve layers a side, so that numbers of two digits occur; no weights, names suffice."""
    config = transformers.MoonshineConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, encoder_num_hidden_layers=12,
        decoder_num_hidden_layers=12, encoder_num_attention_heads=2, decoder_num_attention_heads=2,
        encoder_num_key_value_heads=2, decoder_num_key_value_heads=2)
    with torch.device("meta"):
        return transformers.MoonshineForConditionalGeneration(config)


def ask_peft(folder):
    """{module: (rank, scale)}, or the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = peft.LoraConfig.from_pretrained(str(folder))
            config.inference_mode = True
            model = peft.get_peft_model(build_model(), config, low_cpu_mem_usage=True)
    except Exception as error:  # every kind of refusal counts: ValueError, re.error, KeyError
        return error
    found = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            found[name] = (module.r["default"], module.scaling["default"])
    return found


def complaint(peft_answer, engine_answer):
    """What is wrong with the engine's answer; None when nothing is."""
    if isinstance(peft_answer, Exception):
        return None if isinstance(engine_answer, str) else f"PEFT raises {peft_answer!r}"
    if isinstance(engine_answer, str):
        if "depends on PEFT" in engine_answer:  # refused on purpose, docs/ADAPTERS.md says why
            return None
        return f"the engine refuses: {engine_answer}"
    if engine_answer != peft_answer:
        return f"PEFT has {peft_answer}, the engine {engine_answer}"
    return None


def check(configs, tmp_path):
    model = build_model()
    folders = []
    for index, config in enumerate(configs):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
        folders.append(folder)
    answers = lora_driver.ask(
        model, [folder / "adapter_config.json" for folder in folders], tmp_path)
    faults = []
    targeted = 0
    for config, folder, answer in zip(configs, folders, answers):
        fault = complaint(ask_peft(folder), answer)
        targeted += isinstance(answer, dict)
        if fault:
            faults.append(f"{config}\n    {fault}")
    assert not faults, "\n".join(faults)
    return targeted


needs_driver = pytest.mark.skipif(not lora_driver.DRIVER.exists(),
                                  reason=f"{lora_driver.DRIVER} is not built")


@needs_driver
def test_every_rule(tmp_path):
    assert check(list(CONFIGS.values()), tmp_path) >= 40


@needs_driver
@pytest.mark.parametrize("start", [0, 100, 200])
def test_random_combinations(start, tmp_path):
    assert check([random_config(seed) for seed in range(start, start + 100)], tmp_path) >= 40
