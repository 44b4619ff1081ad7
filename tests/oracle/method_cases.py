"""Adapters of the methods that PEFT has beside LoRA and its relatives, of random content.

    make_all(model_dir, out_dir[, one_each]) -> ([(name, folder), ...], [(name, why skipped), ...])

As in adapter_cases.py PEFT chooses modules, shapes and files; only the numbers are ours. Methods differ
between versions of PEFT: a case whose method the installed one lacks is skipped, and named. Block sizes
divide the sides of the micro model as well as those of real ones.
"""

import pathlib
import warnings
import zlib

import peft
import torch
from adapter_cases import CONVOLUTIONS, ENDINGS, STRENGTH, TOKENS, fill_saved, load

NORMS = ["input_layernorm", "post_attention_layernorm", "final_layernorm", "layer_norm"]

# Parameters that a change is not linear in: mean and deviation.
SPREAD = {
    "hra_u": (0, 1),
    "oft_R": (0, 0.02), "oft_embedding_R": (0, 0.02),
    "boft_R": (0, 0.05), "boft_s": (1, STRENGTH),
    "beft_bias": (0, 0.1),
    "road_theta": (0, STRENGTH), "road_alpha": (1, STRENGTH),
}
# Parameters that it is linear in, of which one is scaled until the change has STRENGTH.
LINEAR = ("vera_lambda_b", "pvera_lambda_b", "randlora_lambda", "miss_block", "c3a_kernel", "shira_weight",
          "delora_lambda", "hira_B", "hira_embedding_B")


def cases(model):
    """name -> (method, arguments)"""
    tokens = sorted({token % model.config.vocab_size for token in TOKENS}, reverse=True)
    some = dict(target_modules=["q_proj", "v_proj", "fc2"])
    every = dict(target_modules=ENDINGS)
    output = dict(target_modules=["proj_out", "fc1"])
    layers = dict(some, layers_to_transform=[0, 2], layers_pattern="layers")
    return {
        "trainable_tokens": ("TRAINABLE_TOKENS", dict(token_indices=tokens)),
        "trainable_tokens_named": ("TRAINABLE_TOKENS", dict(token_indices=tokens[::-1],
                                                            target_modules=["embed_tokens"])),
        "trainable_tokens_output": ("TRAINABLE_TOKENS", dict(token_indices=tokens,
                                                             target_modules=["proj_out"])),
        "ln_tuning": ("LN_TUNING", dict(target_modules=NORMS)),
        "ln_tuning_one": ("LN_TUNING", dict(target_modules=r".*decoder\.(norm|layers\.1\..*norm)")),
        "ln_tuning_others": ("LN_TUNING", dict(target_modules=["groupnorm", "conv2", "fc1", "o_proj"])),
        "ln_tuning_embedding": ("LN_TUNING", dict(target_modules=["embed_tokens"])),
        "vera": ("VERA", dict(every, r=16)),
        "vera_wide": ("VERA", dict(some, r=256)),
        "vera_layers": ("VERA", dict(layers, r=8)),
        "vera_output": ("VERA", dict(output, r=8)),
        "pvera": ("PVERA", dict(every, r=16)),
        "randlora": ("RANDLORA", dict(every, r=12)),
        "randlora_odd": ("RANDLORA", dict(some, r=50, randlora_alpha=100, sparse=True)),
        "hra": ("HRA", dict(every, r=8)),
        "hra_odd": ("HRA", dict(layers, r=3)),
        "hra_gs": ("HRA", dict(some, r=4, apply_GS=True)),
        "hra_output": ("HRA", dict(output, r=2)),
        "miss": ("MISS", dict(every, r=16)),
        "miss_odd": ("MISS", dict(some, r=7)),
        "miss_mini": ("MISS", dict(every, r=16, mini_r=8, init_weights="mini")),
        "miss_bat": ("MISS", dict(every, r=16, init_weights="bat")),
        "oft": ("OFT", dict(every)),
        "oft_shared": ("OFT", dict(some, oft_block_size=16, block_share=True)),
        "oft_r": ("OFT", dict(some, r=7, oft_block_size=0)),
        "oft_exact": ("OFT", dict(layers, oft_block_size=16, use_cayley_neumann=False)),
        "oft_terms": ("OFT", dict(some, num_cayley_neumann_terms=3)),
        "oft_coft": ("OFT", dict(some, coft=True, eps=0.5)),
        "oft_output": ("OFT", dict(output)),
        "oft_embedding": ("OFT", dict(target_modules=["embed_tokens"])),
        "boft": ("BOFT", dict(every)),
        "boft_number": ("BOFT", dict(some, boft_block_size=0, boft_block_num=8)),
        "boft_factors": ("BOFT", dict(layers, boft_block_size=8, boft_n_butterfly_factor=2)),
        "road_1": ("ROAD", dict(every, group_size=32)),
        "road_2": ("ROAD", dict(some, variant="road_2", group_size=16)),
        "road_4": ("ROAD", dict(every, variant="road_4", group_size=8)),
        "c3a": ("C3A", dict(every, block_size=8)),
        "c3a_patterns": ("C3A", dict(some, block_size=4, block_size_pattern={"fc2": 16})),
        "shira": ("SHIRA", dict(every, r=4)),
        "delora": ("DELORA", dict(every, r=8)),
        "delora_patterns": ("DELORA", dict(layers, r=4, rank_pattern={"v_proj": 2},
                                           lambda_pattern={"fc2": 3})),
        "hira": ("HIRA", dict(every, r=8)),
        "hira_patterns": ("HIRA", dict(some, r=4, rank_pattern={"v_proj": 2})),
        "hira_conv": ("HIRA", dict(target_modules=[*CONVOLUTIONS, "q_proj"], r=4)),
        "hira_embedding": ("HIRA", dict(target_modules=["embed_tokens"], r=4)),
        "gralora": ("GRALORA", dict(every, r=8)),
        "gralora_hybrid": ("GRALORA", dict(layers, r=12, gralora_k=4, hybrid_r=4, alpha=16)),
        "bd_a": ("LORA", dict(every, r=8, use_bdlora=dict(
            target_modules_bd_a=["o_proj", "fc2"], target_modules_bd_b=["q_proj", "k_proj", "v_proj", "fc1"],
            nblocks=4))),
        "bd_mixed": ("LORA", dict(every, r=4, lora_alpha=6, use_rslora=True, use_bdlora=dict(
            target_modules_bd_b=["encoder_attn"], nblocks=2, match_strict=False))),
        "kasa": ("LORA", dict(every, r=4, kasa_config=dict(beta=1e-4))),
        "kasa_rslora": ("LORA", dict(layers, r=3, lora_alpha=5, use_rslora=True, kasa_config={"gamma": 1e-3})),
        "velora": ("LORA", dict(some, r=4, velora_config=dict(num_groups=4))),
        "mica": ("LORA", dict(some, r=4, init_lora_weights="mica")),
        "beft": ("BEFT", dict(target_modules=["fc1", "fc2", "q_proj"])),
        "beft_merges": ("BEFT", dict(target_modules=["fc1", "fc2"])),
        "hra_saved": ("HRA", dict(some, r=4, modules_to_save=["layer_norm"])),
    }


def config_of(method):
    """The class of a method's config; None: this PEFT has none."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    kind = getattr(peft.PeftType, method, None)
    return PEFT_TYPE_TO_CONFIG_MAPPING.get(kind) if kind else None


def noise(parameter, generator, mean=0.0, deviation=1.0):
    parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=generator))


def change_of(module, name):
    """The change of the weight as it is now, whatever the method calls it."""
    weight = module.get_base_layer().weight
    if name == "miss_block" and module.miss_fn != "bat":
        return module.get_delta_weight_miss("default", weight.clone()) - weight
    if name == "miss_block":
        return module.get_delta_weight("default", weight.clone())
    delta = module.get_delta_weight("default")
    delta = delta.to_dense() if delta.is_sparse else delta
    return delta * weight if name.startswith("hira") else delta


def scale_lora(module):
    """LoRA and its variants, whose B may be in blocks."""
    b = module.lora_B["default"].weight
    from peft.tuners.lora.variants import BdLoraLinearVariant, KasaLinearVariant
    variant = module.lora_variant.get("default")
    delta = module.get_delta_weight("default") if variant is None else None
    if isinstance(variant, BdLoraLinearVariant):
        delta = variant._get_bdlora_delta_weight(module, "default")
    if isinstance(variant, KasaLinearVariant):
        delta = variant._get_delta_weight(module, "default")
    delta = module.get_delta_weight("default") if delta is None else delta
    b.mul_(STRENGTH * torch.linalg.norm(module.get_base_layer().weight) / torch.linalg.norm(delta))


def fill_layer(module, generator):
    for name in module.adapter_layer_names:
        held = getattr(module, name, {})
        if "default" not in held:
            continue
        held = held["default"]
        if isinstance(held, torch.nn.Identity):
            continue
        for parameter in held.parameters() if isinstance(held, torch.nn.Module) else [held]:
            if name == "ln_tuning_layers" or name == "trainable_tokens_delta":
                parameter.add_(torch.randn(parameter.shape, generator=generator) * STRENGTH *
                               parameter.abs().mean())
            else:
                noise(parameter, generator, *SPREAD.get(name, (0, 1)))
    for name in LINEAR:
        if "default" in getattr(module, name, {}):
            norm = torch.linalg.norm(change_of(module, name))
            weight = torch.linalg.norm(module.get_base_layer().weight)
            getattr(module, name)["default"].mul_(STRENGTH * weight / norm)
    if hasattr(module, "lora_B"):
        scale_lora(module)
    if hasattr(module, "gralora_B"):
        factor = STRENGTH * torch.linalg.norm(module.get_base_layer().weight) / torch.linalg.norm(
            module.get_delta_weight("default"))
        module.gralora_B["default"].mul_(factor)
        for parameter in module.gralora_B_general["default"].parameters():
            parameter.mul_(factor)


def fill(model, generator):
    from peft.tuners.tuners_utils import BaseTunerLayer
    with torch.no_grad():
        fill_saved(model, generator)
        for module in model.modules():
            if isinstance(module, BaseTunerLayer) and hasattr(module, "adapter_layer_names"):
                fill_layer(module, generator)


def make_one(model_dir, folder, name, config):
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)  # SHiRA draws its places
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(load(model_dir), config)
        fill(model, torch.Generator().manual_seed(seed))
        model.save_pretrained(str(folder))


def make_all(model_dir, out_dir, one_each=False):
    out_dir = pathlib.Path(out_dir)
    made, skipped, seen = [], [], set()
    for name, (method, arguments) in cases(load(model_dir)).items():
        config = config_of(method)
        if one_each and method in seen:
            continue
        seen.add(method)
        if config is None:
            skipped.append((name, f"PEFT {peft.__version__} has no {method}"))
            continue
        try:
            make_one(model_dir, out_dir / name, name, config(**arguments))
        except (TypeError, ValueError) as error:
            skipped.append((name, f"PEFT {peft.__version__}: {error}"))
            continue
        made.append((name, out_dir / name))
    return made, skipped


if __name__ == "__main__":
    import sys
    cases_made, cases_skipped = make_all(*sys.argv[1:3])
    for case, path in cases_made:
        print(case, path)
    for case, why in cases_skipped:
        print(case, "skipped:", why)
