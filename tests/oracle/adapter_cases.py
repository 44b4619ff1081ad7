"""Adapters of random content, one for each PEFT LoRA option that is applied: written by PEFT itself.

    make_all(model_dir, out_dir) -> [(name, folder), ...]

The one idea: PEFT chooses the modules, shapes and file format; only the numbers are ours. lora_B is
drawn at random instead of zero, or the adapter would change nothing and prove nothing. The same name
gives the same numbers on every run. What must be refused is in tests/bad/adapter.
"""

import json
import math
import pathlib
import warnings
import zlib

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.logging.disable_progress_bar()

# Size of the change, as the ratio of the norms of delta and weight: enough to move every logit, not
# enough to turn speech into noise.
STRENGTH = 0.05

ENDINGS = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]


def cases(model):
    """name -> (arguments of LoraConfig, dtype to store the tensors in)."""
    encoder_layers = model.config.encoder_num_hidden_layers
    decoder_layers = model.config.decoder_num_hidden_layers
    last = min(encoder_layers, decoder_layers) - 1
    linear = [name for name, module in model.named_modules()
              if isinstance(module, torch.nn.Linear) and name != "proj_out"]
    seed = dict(r=8, lora_alpha=16, lora_dropout=0.05, init_lora_weights="gaussian",
                target_modules=ENDINGS)
    attention = dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    plain = {
        "seed": seed,
        "attention": attention,
        "rank_1": dict(seed, r=1, lora_alpha=1),
        "rank_odd": dict(seed, r=7, lora_alpha=3),
        "rank_wide": dict(attention, r=64, lora_alpha=64),
        "alpha_fraction": dict(attention, lora_alpha=0.3),
        "alpha_negative": dict(attention, lora_alpha=-8),
        "rslora": dict(seed, r=6, use_rslora=True),
        # In sorted order: save_pretrained() sorts the patterns, and the first match counts.
        "rank_pattern": dict(seed, rank_pattern={"^model.decoder.*q_proj": 2,
                                                 r"encoder\.layers\.\d+\.mlp.*": 5, "fc1": 3}),
        "alpha_pattern": dict(seed, alpha_pattern={r"decoder.*": 40, "v_proj": 4}),
        "patterns_rslora": dict(seed, use_rslora=True, rank_pattern={"o_proj": 2},
                                alpha_pattern={"fc[12]": 5}),
        "regex": dict(attention, target_modules=r".*decoder.*\.(q|v)_proj|.*encoder.*\.fc2"),
        "all_linear": dict(attention, target_modules="all-linear"),
        "full_names": dict(attention, target_modules=linear[::3]),
        "one_module": dict(attention, target_modules=[linear[-1]]),
        "encoder_only": dict(attention, target_modules=r".*\.encoder\..*(_proj|fc\d)"),
        "decoder_only": dict(attention, target_modules=r".*\.decoder\..*(_proj|fc\d)"),
        "cross_attention": dict(attention, target_modules=["encoder_attn.k_proj",
                                                           "encoder_attn.v_proj"]),
        "exclude_list": dict(seed, exclude_modules=["encoder_attn.q_proj", "fc2"]),
        "exclude_regex": dict(seed, exclude_modules=r".*encoder\.layers.*"),
        "one_layer": dict(seed, layers_to_transform=last),
        "layers": dict(seed, layers_to_transform=[0, last], layers_pattern="layers"),
        "output_layer": dict(attention, target_modules=["proj_out"]),
        "output_layer_too": dict(seed, target_modules=ENDINGS + ["proj_out"]),
        "orthogonal": dict(attention, init_lora_weights="orthogonal"),
        "eva": dict(attention, init_lora_weights="eva", eva_config=peft.EvaConfig()),
        "random_init": dict(attention, init_lora_weights=False),
    }
    made = {name: (arguments, torch.float32) for name, arguments in plain.items()}
    made["float16"] = seed, torch.float16
    made["bfloat16"] = seed, torch.bfloat16
    made["float64"] = attention, torch.float64
    return made


def load(model_dir):
    return transformers.MoonshineForConditionalGeneration.from_pretrained(
        str(model_dir), dtype=torch.float32)


def fill(model, generator):
    """Random lora_A and lora_B for every adapted module, scaled so that the change has STRENGTH."""
    with torch.no_grad():
        for module in model.modules():
            if not isinstance(module, peft.tuners.lora.Linear):
                continue
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            a.copy_(torch.randn(a.shape, generator=generator) / math.sqrt(a.shape[1]))
            b.copy_(torch.randn(b.shape, generator=generator))
            delta = torch.linalg.norm((b @ a) * module.scaling["default"])
            b.mul_(STRENGTH * torch.linalg.norm(module.get_base_layer().weight) / delta)


def store_as(folder, dtype):
    path = folder / "adapter_model.safetensors"
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def with_unused_tensors(folder):
    """PEFT ignores tensors of modules that are not targeted, and so must we."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["exclude_modules"] = r".*\.fc1"
    path.write_text(json.dumps(config))


def with_missing_tensors(folder):
    """Targeted modules without a stored lora_B keep a lora_B of zeros in PEFT."""
    path = folder / "adapter_model.safetensors"
    tensors = {name: tensor for name, tensor in load_file(path).items()
               if "fc1" not in name and not name.endswith("o_proj.lora_B.weight")}
    save_file(tensors, path, metadata={"format": "pt"})


def make_one(model_dir, folder, name, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(load(model_dir), peft.LoraConfig(**arguments))
        fill(model, torch.Generator().manual_seed(zlib.crc32(name.encode())))
        model.save_pretrained(str(folder), save_embedding_layers=False)


def make_converted(model_dir, folder):
    """A PiSSA adapter saved against its initial state: plain LoRA of twice the rank, which is how such
    an adapter is to be passed on."""
    initial = folder / "initial"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(load(model_dir), peft.LoraConfig(
            r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], init_lora_weights="pissa"))
        model.peft_config["default"].init_lora_weights = True  # as the PEFT guide says, for `initial`
        model.save_pretrained(str(initial))
        model.peft_config["default"].init_lora_weights = "pissa"
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for key, value in model.named_parameters():
                if "lora_" in key:
                    value.add_(torch.randn(value.shape, generator=generator) *
                               (STRENGTH * value.std()))
        model.save_pretrained(str(folder),
                              path_initial_model_for_weight_conversion=str(initial))


def make_all(model_dir, out_dir):
    """Writes every case below `out_dir`; returns [(name, folder)]."""
    out_dir = pathlib.Path(out_dir)
    made = []
    for name, (arguments, dtype) in cases(load(model_dir)).items():
        folder = out_dir / name
        make_one(model_dir, folder, name, arguments)
        if dtype != torch.float32:
            store_as(folder, dtype)
        made.append((name, folder))
    for name, change in (("unused_tensors", with_unused_tensors),
                         ("missing_tensors", with_missing_tensors)):
        folder = out_dir / name
        make_one(model_dir, folder, name, dict(r=4, lora_alpha=8, target_modules=ENDINGS))
        change(folder)
        made.append((name, folder))
    make_converted(model_dir, out_dir / "pissa_converted")
    made.append(("pissa_converted", out_dir / "pissa_converted"))
    return made


if __name__ == "__main__":
    import sys
    for case, path in make_all(sys.argv[1], sys.argv[2]):
        print(case, path)
