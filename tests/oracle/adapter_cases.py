"""Adapters of random content, one for each PEFT LoRA option that is applied: written by PEFT itself.

    make_all(model_dir, out_dir) -> [(name, folder), ...]

The one idea: PEFT chooses the modules, shapes and file format; only the numbers are ours. What training
would have moved is moved at random, or the adapter would change nothing and prove nothing. The same name
gives the same numbers on every run. What must be refused is in tests/bad/adapter.
"""

import json
import math
import pathlib
import warnings
import zlib

import peft
import reference
import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.logging.disable_progress_bar()

# Size of the change, as the ratio of the norms of delta and weight: enough to move every logit, not
# enough to turn speech into noise.
STRENGTH = 0.05

ENDINGS = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]
CONVOLUTIONS = ["conv1", "conv2", "conv3"]
# Frequent ones, so that a transcript meets them: ",", ".", " the", " of", " and", " to", ...
TOKENS = [29892, 29889, 278, 310, 322, 304, 263, 471, 372, 297]


def parts(model, attention, seed):
    """What goes beyond matrices on linear maps: kinds of modules, DoRA, biases, tensors replaced."""
    vocab = model.config.vocab_size
    tokens = sorted({token % vocab for token in TOKENS}, reverse=True)
    some = dict(attention, r=4)
    return {
        "convolutions": dict(some, target_modules=CONVOLUTIONS),
        "convolution_first": dict(some, target_modules=["conv1"], use_rslora=True),
        "convolutions_too": dict(seed, target_modules=ENDINGS + CONVOLUTIONS),
        "embedding": dict(some, target_modules=["embed_tokens"]),
        "embedding_and_output": dict(some, target_modules=["embed_tokens", "proj_out"]),
        "lora_bias": dict(some, target_modules=["fc1", "fc2", "conv2", "conv3", "q_proj"],
                          lora_bias=True, init_lora_weights=True),
        "dora": dict(seed, use_dora=True),
        "dora_rslora_negative": dict(attention, use_dora=True, use_rslora=True, lora_alpha=-6),
        "dora_convolutions": dict(some, target_modules=CONVOLUTIONS, use_dora=True),
        "dora_embedding": dict(some, target_modules=["embed_tokens", "q_proj"], use_dora=True),
        "dora_output": dict(some, target_modules=["proj_out", "fc1"], use_dora=True),
        "bias_all": dict(seed, bias="all"),
        "bias_lora_only": dict(seed, bias="lora_only", target_modules=["fc2", "conv2", "q_proj"]),
        "dora_bias_all": dict(seed, use_dora=True, bias="all"),
        "saved_norms": dict(some, modules_to_save=["norm"]),
        "saved_layernorms": dict(some, modules_to_save=["input_layernorm", "groupnorm"]),
        "saved_output": dict(some, modules_to_save=["proj_out"]),
        "saved_embedding": dict(some, modules_to_save=["embed_tokens"]),
        "saved_tied": dict(some, modules_to_save=["embed_tokens"], ensure_weight_tying=True),
        "saved_block": dict(some, modules_to_save=["layers.0.mlp", "conv1", "conv3"]),
        "tokens": dict(some, trainable_token_indices=tokens),
        "tokens_table": dict(some, trainable_token_indices={"embed_tokens": tokens[::-1]}),
        "tokens_output": dict(some, trainable_token_indices={"proj_out": tokens}),
        "pissa": dict(attention, init_lora_weights="pissa"),
        "pissa_wide": dict(seed, init_lora_weights="pissa", r=16, lora_alpha=8),
        "pissa_rslora": dict(attention, init_lora_weights="pissa", use_rslora=True),
        "pissa_dora": dict(attention, init_lora_weights="pissa", use_dora=True),
        "olora": dict(attention, init_lora_weights="olora"),
        "olora_wide": dict(seed, init_lora_weights="olora", r=16, lora_alpha=8),
        "all_at_once": dict(seed, target_modules=ENDINGS + CONVOLUTIONS, use_dora=True, bias="all",
                            modules_to_save=["layer_norm"],
                            trainable_token_indices=tokens[:4]),
    }


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
    plain.update(parts(model, attention, seed))
    made = {name: (arguments, torch.float32) for name, arguments in plain.items()}
    made["float16"] = seed, torch.float16
    made["bfloat16"] = seed, torch.bfloat16
    made["float64"] = attention, torch.float64
    made["dora_float16"] = dict(seed, use_dora=True, target_modules=ENDINGS + CONVOLUTIONS,
                                bias="all"), torch.float16
    return made


def load(model_dir):
    return transformers.MoonshineForConditionalGeneration.from_pretrained(
        str(model_dir), dtype=torch.float32)


def shake(tensor, generator, strength=STRENGTH):
    """Moves every value by a part of what is usual in the tensor."""
    with torch.no_grad():
        tensor.add_(torch.randn(tensor.shape, generator=generator) *
                    (strength * tensor.square().mean().sqrt()))


def fill_matrices(layer, generator):
    """Random lora_A and lora_B, scaled so that the change has STRENGTH."""
    if isinstance(layer, peft.tuners.lora.Embedding):
        a, b = layer.lora_embedding_A["default"], layer.lora_embedding_B["default"]
    else:
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    a.copy_(torch.randn(a.shape, generator=generator) / math.sqrt(a[0].numel()))
    b.copy_(torch.randn(b.shape, generator=generator))
    weight = torch.linalg.norm(layer.get_base_layer().weight)
    b.mul_(STRENGTH * weight / torch.linalg.norm(layer.get_delta_weight("default")))


def lengths(layer):
    """The norms that DoRA compares its magnitudes with."""
    weight = layer.get_base_layer().weight + layer.get_delta_weight("default")
    if isinstance(layer, peft.tuners.lora.Embedding):
        return torch.linalg.norm(weight, dim=0)
    return torch.linalg.norm(weight.flatten(1), dim=1)


def fill_saved(model, generator):
    """Moves what modules_to_save trains as copies."""
    for name, parameter in model.named_parameters():
        if ".modules_to_save." in name:
            parameter.add_(torch.randn(parameter.shape, generator=generator) *
                           STRENGTH * parameter.abs().mean())


def fill_layer(layer, config, generator):
    if config.init_lora_weights in ("pissa", "olora"):
        shake(layer.lora_A["default"].weight, generator)
        shake(layer.lora_B["default"].weight, generator)
    else:
        fill_matrices(layer, generator)
    if config.lora_bias:
        bias = layer.lora_B["default"].bias
        bias.copy_(torch.randn(bias.shape, generator=generator) * 0.01)
    if config.use_dora:
        magnitude = layer.lora_magnitude_vector["default"].weight
        magnitude.copy_(lengths(layer).reshape(magnitude.shape))
        shake(magnitude, generator)
    if config.bias != "none" and getattr(layer.get_base_layer(), "bias", None) is not None:
        shake(layer.get_base_layer().bias, generator)


def fill(model, generator):
    """Moves everything that the adapter trains."""
    config = model.peft_config["default"]
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, peft.tuners.lora.LoraLayer):
                fill_layer(module, config, generator)
            elif isinstance(module, peft.utils.other.ModulesToSaveWrapper):
                for parameter in module.modules_to_save["default"].parameters():
                    shake(parameter, generator)
            elif isinstance(module, peft.tuners.trainable_tokens.TrainableTokensLayer):
                if module.tied_adapter is None:
                    shake(module.trainable_tokens_delta["default"], generator, 0.3)
        for name, parameter in model.named_parameters():
            wrapped = "lora_" in name or ".base_layer." in name or ".modules_to_save." in name
            if config.bias == "all" and name.endswith(".bias") and not wrapped:
                shake(parameter, generator)


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


def make_one(model_dir, folder, name, arguments, whole_embeddings=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with reference.factored_in(torch.float64):  # a float32 SVD is another on every CPU
            model = peft.get_peft_model(load(model_dir), peft.LoraConfig(**arguments))
        fill(model, torch.Generator().manual_seed(zlib.crc32(name.encode())))
        model.save_pretrained(str(folder), save_embedding_layers=whole_embeddings)


def make_moved_embedding(model_dir, folder):
    """Embeddings stored whole that are not the base's: loading puts them into the base, both sides."""
    make_one(model_dir, folder, "embedding_moved",
             dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "v_proj"]), "auto")
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    shake(tensors["base_model.model.model.decoder.embed_tokens.base_layer.weight"],
          torch.Generator().manual_seed(9), 0.02)
    save_file(tensors, path, metadata={"format": "pt"})


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
    # Stored whole: the embedding beside its matrices, as PEFT does unless told not to.
    make_one(model_dir, out_dir / "embedding_whole", "embedding_whole",
             dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "v_proj"]), "auto")
    made.append(("embedding_whole", out_dir / "embedding_whole"))
    make_moved_embedding(model_dir, out_dir / "embedding_moved")
    made.append(("embedding_moved", out_dir / "embedding_moved"))
    make_converted(model_dir, out_dir / "pissa_converted")
    made.append(("pissa_converted", out_dir / "pissa_converted"))
    return made


if __name__ == "__main__":
    import sys
    for case, path in make_all(sys.argv[1], sys.argv[2]):
        print(case, path)
