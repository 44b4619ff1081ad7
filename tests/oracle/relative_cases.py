"""Adapters of PEFT's other methods, other files and other folders, of random content.

    make_all(model_dir, out_dir) -> [(name, folder for the engine, folder for PEFT), ...]

As in adapter_cases.py PEFT chooses modules, shapes and files; only the numbers are ours. The two folders
differ where PEFT is to be shown the same adapter in another form than the engine.
"""

import pathlib
import warnings
import zlib

import peft
import torch
from adapter_cases import CONVOLUTIONS, ENDINGS, STRENGTH, fill_saved, load
from peft.tuners.adalora.layer import AdaLoraLayer
from peft.tuners.ia3.layer import IA3Layer
from peft.tuners.lycoris_utils import LycorisLayer
from safetensors.torch import save_file


def cases():
    """name -> config."""
    some = dict(r=4, alpha=8, target_modules=["q_proj", "v_proj", "fc2"])
    every = dict(r=4, alpha=6, target_modules=ENDINGS)
    ada = dict(init_r=6, target_r=3, lora_alpha=16, total_step=10, target_modules=ENDINGS)
    return {
        "loha": peft.LoHaConfig(**every),
        "loha_patterns": peft.LoHaConfig(**some, rank_pattern={"v_proj": 7},
                                         alpha_pattern={"decoder.*": 3}),
        "loha_layers": peft.LoHaConfig(**some, layers_to_transform=[0, 2], layers_pattern="layers"),
        "loha_conv": peft.LoHaConfig(r=4, alpha=8, target_modules=[*CONVOLUTIONS, "q_proj"]),
        "loha_conv_core": peft.LoHaConfig(r=3, alpha=8, target_modules=CONVOLUTIONS,
                                          use_effective_conv2d=True),
        "lokr": peft.LoKrConfig(**every),
        "lokr_both": peft.LoKrConfig(**dict(every, r=2), decompose_both=True),
        "lokr_factor": peft.LoKrConfig(**every, decompose_factor=8),
        "lokr_factor_odd": peft.LoKrConfig(**every, decompose_factor=5, init_weights="lycoris"),
        "lokr_whole": peft.LoKrConfig(**dict(some, r=64), decompose_both=True,
                                      exclude_modules=["encoder_attn.q_proj"]),
        "lokr_regex": peft.LoKrConfig(r=4, alpha=2, target_modules=r".*decoder.*(fc1|k_proj)"),
        "lokr_conv": peft.LoKrConfig(r=2, alpha=8, target_modules=CONVOLUTIONS),
        "lokr_conv_core": peft.LoKrConfig(r=3, alpha=8, target_modules=CONVOLUTIONS,
                                          use_effective_conv2d=True, decompose_both=True),
        "lokr_conv_whole": peft.LoKrConfig(r=64, alpha=8, target_modules=CONVOLUTIONS),
        "adalora": peft.AdaLoraConfig(**ada),
        "adalora_alpha": peft.AdaLoraConfig(**dict(ada, lora_alpha=-1)),
        "adalora_masks": peft.AdaLoraConfig(**ada),
        "adalora_masks_alpha": peft.AdaLoraConfig(**dict(ada, lora_alpha=0)),
        "ia3": peft.IA3Config(target_modules=["k_proj", "v_proj", "fc1", "fc2"],
                              feedforward_modules=["fc2"]),
        "loha_saved": peft.LoHaConfig(**some, modules_to_save=["fc1"]),
        "ia3_saved": peft.IA3Config(target_modules=["v_proj"], feedforward_modules=[],
                                    modules_to_save=["layer_norm", "proj_out"]),
        "ia3_outputs": peft.IA3Config(target_modules=ENDINGS, feedforward_modules=[]),
        "ia3_inputs": peft.IA3Config(target_modules=[*ENDINGS, "proj_out"],
                                     feedforward_modules=r".*(fc\d|o_proj|proj_out)"),
    }


def put(parameter, generator, mean=0.0, deviation=1.0):
    parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=generator))


def fill(model, generator):
    """Random numbers everywhere, with one factor of each module scaled to give the change STRENGTH."""
    with torch.no_grad():
        fill_saved(model, generator)
        for module in model.modules():
            if isinstance(module, IA3Layer):
                put(module.ia3_l["default"], generator, 1, STRENGTH)
                continue
            if not isinstance(module, (AdaLoraLayer, LycorisLayer)):
                continue
            linear = None
            for kind in module.adapter_layer_names:
                if "default" in getattr(module, kind, {}):
                    put(getattr(module, kind)["default"], generator)
                    linear = linear if linear is not None else getattr(module, kind)["default"]
            weight = torch.linalg.norm(module.get_base_layer().weight)
            linear.mul_(STRENGTH * weight / torch.linalg.norm(module.get_delta_weight("default")))


def mask(model, config, generator):
    """Cuts ranks off as the end of training does: some modules lose all, some none."""
    config.rank_pattern = {}
    with torch.no_grad():
        for number, (name, module) in enumerate(model.base_model.model.named_modules()):
            if not isinstance(module, AdaLoraLayer):
                continue
            kept = torch.rand(config.init_r, generator=generator) < (number % 4) / 3
            module.lora_E["default"].masked_fill_(~kept.unsqueeze(-1), 0)
            config.rank_pattern[f"{name}.lora_E.default"] = kept.tolist()


def make_one(model_dir, folder, name, config, **options):
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(load(model_dir), config)
        fill(model, generator)
        if "masks" in name:
            mask(model, model.peft_config["default"], generator)
        model.save_pretrained(str(folder), save_embedding_layers=False, **options)


def make_lora(model_dir, folder, adapter, **options):
    """Plain LoRA, of which only the file or the folder is unusual."""
    generator = torch.Generator().manual_seed(zlib.crc32(adapter.encode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(load(model_dir), peft.LoraConfig(
            r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]), adapter_name=adapter)
        with torch.no_grad():
            for key, value in model.named_parameters():
                if "lora_" in key:
                    put(value, generator, deviation=0.03)
        model.save_pretrained(str(folder), save_embedding_layers=False, **options)


def make_by_trainer(model_dir, folder, peft_folder):
    """What Moonshine's trainer would write for this base, and the same as a PEFT adapter."""
    generator = torch.Generator().manual_seed(10)
    base = load(model_dir)
    config = peft.LoraConfig(r=3, lora_alpha=3,
                             target_modules=r".*decoder\.layers\.\d+\.self_attn\.(q|k|v)_proj")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(base, config)
        tensors = {}
        with torch.no_grad():
            for layer, block in enumerate(model.base_model.model.model.decoder.layers):
                width = base.config.hidden_size
                down = torch.randn(3, width, generator=generator) / width ** 0.5
                tensors[f"decoder.{layer}.down"] = down
                for role in ("q_proj", "k_proj", "v_proj"):
                    module = getattr(block.self_attn, role)
                    up = 0.3 * torch.randn(module.out_features, 3, generator=generator)
                    tensors[f"decoder.{layer}.{role}.up"] = up
                    module.lora_A["default"].weight.copy_(down)
                    module.lora_B["default"].weight.copy_(up)
        model.save_pretrained(str(peft_folder), save_embedding_layers=False)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter.safetensors")
    (folder / "summary.json").write_text('{"model": "some/base", "rank": 3}')


def make_all(model_dir, out_dir):
    out_dir = pathlib.Path(out_dir)
    made = []
    for name, config in cases().items():
        make_one(model_dir, out_dir / name, name, config)
        made.append((name, out_dir / name, out_dir / name))
    make_lora(model_dir, out_dir / "pickle", "default", safe_serialization=False)
    assert not (out_dir / "pickle" / "adapter_model.safetensors").exists()
    made.append(("pickle", out_dir / "pickle", out_dir / "pickle"))
    make_one(model_dir, out_dir / "pickle_loha", "pickle_loha",
             peft.LoHaConfig(r=2, alpha=4, target_modules=["fc1"]), safe_serialization=False)
    made.append(("pickle_loha", out_dir / "pickle_loha", out_dir / "pickle_loha"))
    make_lora(model_dir, out_dir / "named", "other")
    made.append(("named", out_dir / "named", out_dir / "named" / "other"))
    make_by_trainer(model_dir, out_dir / "trainer", out_dir / "trainer_peft")
    made.append(("trainer", out_dir / "trainer", out_dir / "trainer_peft"))
    return made


if __name__ == "__main__":
    import sys
    for case, path, _ in make_all(sys.argv[1], sys.argv[2]):
        print(case, path)
