"""Writes the folders beside it: adapters that must be refused, each with the words expected.

Every case is an adapter for the nine modules of tests/few_modules.h that is right but for one thing.
`expected` holds the status and the message after "<folder>/". Run it again after a change; the folders
are committed, so that the tests need no Python.
"""

import json
import pathlib
import shutil
import struct

HERE = pathlib.Path(__file__).parent
Q = "base_model.model.model.encoder.layers.0.self_attn.q_proj"
FC1 = "base_model.model.model.encoder.layers.0.mlp.fc1"
CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none",
          "target_modules": ["q_proj", "fc1"]}
WIDTHS = {"F32": "f", "F16": "e", "F64": "d", "I32": "i", "BF16": "H"}


def tensor(*shape, dtype="F32", value=1):
    count = 1
    for size in shape:
        count *= size
    return dtype, list(shape), struct.pack(f"<{count}{WIDTHS[dtype]}", *[value] * count)


def right():
    return {f"{Q}.lora_A.weight": tensor(2, 4), f"{Q}.lora_B.weight": tensor(4, 2),
            f"{FC1}.lora_A.weight": tensor(2, 4), f"{FC1}.lora_B.weight": tensor(6, 2)}


def with_nan():
    tensors = right()
    dtype, shape, data = tensors[f"{Q}.lora_B.weight"]
    tensors[f"{Q}.lora_B.weight"] = dtype, shape, data[:20] + struct.pack("<f", float("nan")) + data[24:]
    return tensors


def pack(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


UNSUPPORTED = "is set ({}): not supported"
NOT_STORED = ('init_lora_weights is "{}": it changed the base weights when training began, and the '
              "adapter does not hold them; save it again with save_pretrained(..., "
              "path_initial_model_for_weight_conversion=...)")

# name: (changes of the config or its text, tensors or bytes or None, status, message)
CASES = {
    "no_config": (None, right(), "model", "adapter_config.json: no such file"),
    "config_cut": ('{"peft_type": "LORA", "r": 2', None, "model",
                   "adapter_config.json: line 1 column 28: '}' expected near end of file"),
    "config_list": ("[]", None, "model", "adapter_config.json: holds a list, expected an object"),
    "config_twice": ('{"r": 1, "r": 2}', None, "model",
                     'adapter_config.json: line 1 column 12: duplicate object key near \'"r"\''),
    "loha": ({"peft_type": "LOHA"}, None, "unsupported",
             'adapter_config.json: peft_type is "LOHA": only LORA adapters are supported'),
    "rank_zero": ({"r": 0}, right(), "model",
                  "adapter_config.json: r is 0, expected 1 to 8192"),
    "dora": ({"use_dora": True}, right(), "unsupported", "adapter_config.json: use_dora " +
             UNSUPPORTED.format("DoRA rescales every row of the weight")),
    "lora_bias": ({"lora_bias": True}, right(), "unsupported", "adapter_config.json: lora_bias " +
                  UNSUPPORTED.format("its lora_B has a bias")),
    "bias_all": ({"bias": "all"}, right(), "unsupported",
                 'adapter_config.json: bias is all, expected "none": an adapter that replaces '
                 "biases of the base is not supported"),
    "modules_to_save": ({"modules_to_save": ["proj_out"]}, right(), "unsupported",
                        "adapter_config.json: modules_to_save " +
                        UNSUPPORTED.format("the file replaces whole modules of the base")),
    "trainable_tokens": ({"trainable_token_indices": [3]}, right(), "unsupported",
                         "adapter_config.json: trainable_token_indices " +
                         UNSUPPORTED.format("the file replaces rows of the embedding")),
    "alora": ({"alora_invocation_tokens": [1, 2]}, right(), "unsupported",
              "adapter_config.json: alora_invocation_tokens " +
              UNSUPPORTED.format("the adapter acts only after these tokens")),
    "pissa": ({"init_lora_weights": "pissa"}, right(), "unsupported",
              "adapter_config.json: " + NOT_STORED.format("pissa")),
    "olora": ({"init_lora_weights": "olora"}, right(), "unsupported",
              "adapter_config.json: " + NOT_STORED.format("olora")),
    "no_targets": ({"target_modules": None}, right(), "model",
                   "adapter_config.json: target_modules is missing, and PEFT has no default for "
                   "this model"),
    "other_model": ({"target_modules": ["query", "value"]}, right(), "model",
                    "adapter_config.json: target_modules matches no module of the model, as "
                    "exclude_modules and layers_to_transform restrict it (is this adapter for "
                    "another model?)"),
    "convolution": ({"target_modules": ["conv1"]}, right(), "unsupported",
                    "adapter_config.json: target_modules matches model.encoder.conv1, a "
                    "convolution: only linear modules are supported"),
    "embedding": ({"target_modules": ["embed_tokens"]}, right(), "unsupported",
                  "adapter_config.json: target_modules matches model.decoder.embed_tokens, an "
                  "embedding: only linear modules are supported"),
    "norm": ({"target_modules": ["layer_norm"]}, right(), "model",
             "adapter_config.json: target_modules matches model.encoder.layer_norm, which is no "
             "linear module (PEFT refuses it too)"),
    "broken_pattern": ({"target_modules": ".*(q_proj"}, right(), "model",
                       'adapter_config.json: target_modules: pattern ".*(q_proj": missing closing '
                       "parenthesis, at offset 9"),
    "slow_pattern": ({"rank_pattern": {"(([a-z.0-9_]+)+)+[!?]": 3}}, right(), "model",
                     'adapter_config.json: rank_pattern: pattern "(([a-z.0-9_]+)+)+[!?]" on '
                     '"model.encoder.layers.0.self_attn.q_proj": match limit exceeded'),
    "no_tensors": ({}, None, "model", "adapter_model.safetensors: no such file"),
    "pickle": ({}, "bin", "unsupported",
               "adapter_model.bin: is a Python pickle: load the adapter with PEFT and save it with "
               "save_pretrained(dir), which writes adapter_model.safetensors"),
    "tensors_cut": ({}, pack(right())[:-8], "model",
                    f"adapter_model.safetensors: {FC1}.lora_B.weight: data ends at byte 144, the "
                    "file has 136 (cut short?)"),
    "tensors_empty_file": ({}, b"", "model", "adapter_model.safetensors: is 0 bytes, too short for "
                           "a safetensors header"),
    "no_tensor_inside": ({}, {}, "model",
                         "adapter_model.safetensors: holds none of the tensors that "
                         "adapter_config.json targets, such as base_model.model.model.encoder."
                         "layers.0.self_attn.q_proj.lora_B.weight; it has nothing"),
    "other_size": ({}, {**right(), f"{FC1}.lora_B.weight": tensor(3, 2)}, "model",
                   "adapter_model.safetensors: encoder.layers.0.mlp.fc1 lora_B is [3, 2], the base "
                   "model needs [6, 2] (is this adapter for another size?)"),
    "other_input": ({}, {**right(), f"{Q}.lora_A.weight": tensor(2, 5)}, "model",
                    "adapter_model.safetensors: encoder.layers.0.self_attn.q_proj lora_A is [2, 5],"
                    " the base model needs [2, 4] (is this adapter for another size?)"),
    "other_rank": ({}, {**right(), f"{Q}.lora_A.weight": tensor(3, 4)}, "model",
                   "adapter_model.safetensors: encoder.layers.0.self_attn.q_proj lora_A is [3, 4], "
                   "the rank in adapter_config.json needs [2, 4]"),
    "other_rank_b": ({"rank_pattern": {"fc1": 3}}, {**right(), f"{FC1}.lora_A.weight": tensor(3, 4)},
                     "model",
                     "adapter_model.safetensors: encoder.layers.0.mlp.fc1 lora_B is [6, 2], the "
                     "rank in adapter_config.json needs [6, 3]"),
    "transposed": ({}, {**right(), f"{FC1}.lora_B.weight": tensor(2, 6)}, "model",
                   "adapter_model.safetensors: encoder.layers.0.mlp.fc1 lora_B is [2, 6], the base "
                   "model needs [6, 2] (is this adapter for another size?)"),
    "three_dims": ({}, {**right(), f"{Q}.lora_A.weight": tensor(2, 4, 1)}, "model",
                   "adapter_model.safetensors: encoder.layers.0.self_attn.q_proj lora_A is "
                   "[2, 4, 1], the base model needs [2, 4] (is this adapter for another size?)"),
    "nan": ({}, with_nan(), "model",
            f"adapter_model.safetensors: {Q}.lora_B.weight has NaN at [2, 1]"),
    "infinite_half": ({}, {**right(), f"{Q}.lora_A.weight":
                           tensor(2, 4, dtype="F16", value=float("inf"))}, "model",
                      f"adapter_model.safetensors: {Q}.lora_A.weight has infinity at [0, 0]"),
    "too_large_double": ({}, {**right(), f"{Q}.lora_A.weight": tensor(2, 4, dtype="F64", value=1e300)},
                         "model",
                         f"adapter_model.safetensors: {Q}.lora_A.weight has infinity at [0, 0]"),
    "integers": ({}, {**right(), f"{Q}.lora_A.weight": tensor(2, 4, dtype="I32")}, "model",
                 f"adapter_model.safetensors: {Q}.lora_A.weight is I32, expected F32, F16, BF16 or "
                 "F64"),
    "only_b": ({}, {k: v for k, v in right().items() if k != f"{FC1}.lora_A.weight"}, "model",
               "adapter_model.safetensors: targeted module encoder.layers.0.mlp.fc1 has no lora_A: "
               "PEFT would use random numbers for it"),
    "random_b": ({"init_lora_weights": False},
                 {k: v for k, v in right().items() if k != f"{FC1}.lora_B.weight"}, "model",
                 "adapter_model.safetensors: targeted module encoder.layers.0.mlp.fc1 has no lora_B:"
                 " PEFT would use random numbers for it"),
    "adapter_name_inside": ({}, {k.replace("weight", "default.weight"): v
                                 for k, v in right().items()}, "model",
                            "adapter_model.safetensors: holds none of the tensors that "
                            "adapter_config.json targets, such as base_model.model.model.encoder."
                            "layers.0.self_attn.q_proj.lora_B.weight; it has "
                            f"{FC1}.lora_A.default.weight; keys hold no adapter name between lora_A "
                            "or lora_B and weight in files that PEFT writes"),
    "no_prefix": ({}, {k.replace("base_model.model.", ""): v for k, v in right().items()}, "model",
                  "adapter_model.safetensors: holds none of the tensors that adapter_config.json "
                  "targets, such as base_model.model.model.encoder.layers.0.self_attn.q_proj.lora_B."
                  "weight; it has model.encoder.layers.0.mlp.fc1.lora_A.weight; keys begin with "
                  "base_model.model. in files that PEFT writes"),
    "dora_tensor": ({}, {**right(), f"{Q}.lora_magnitude_vector": tensor(4)}, "unsupported",
                    f"adapter_model.safetensors: tensor {Q}.lora_magnitude_vector: it belongs to "
                    "DoRA (use_dora): not supported"),
    "bias_tensor": ({}, {**right(), f"{Q}.lora_B.bias": tensor(4)}, "unsupported",
                    f"adapter_model.safetensors: tensor {Q}.lora_B.bias: it is a bias of lora_B "
                    "(lora_bias): not supported"),
    "embedding_tensor": ({}, {**right(),
                              "base_model.model.model.decoder.embed_tokens.lora_embedding_A":
                              tensor(2, 8)}, "unsupported",
                         "adapter_model.safetensors: tensor base_model.model.model.decoder."
                         "embed_tokens.lora_embedding_A: it adapts an embedding: not supported"),
    "base_layer_tensor": ({}, {**right(), f"{FC1}.base_layer.bias": tensor(6)}, "unsupported",
                          f"adapter_model.safetensors: tensor {FC1}.base_layer.bias: it replaces a "
                          "tensor of the base: not supported"),
    "base_tensor": ({}, {**right(), "base_model.model.model.encoder.layer_norm.weight": tensor(4)},
                    "unsupported",
                    "adapter_model.safetensors: tensor base_model.model.model.encoder.layer_norm."
                    "weight: it replaces a tensor of the base (bias, modules_to_save or "
                    "save_embedding_layers): not supported"),
    "token_rows": ({}, {**right(), "base_model.model.model.decoder.embed_tokens.token_adapter."
                        "trainable_tokens_delta": tensor(1, 4)}, "unsupported",
                   "adapter_model.safetensors: tensor base_model.model.model.decoder.embed_tokens."
                   "token_adapter.trainable_tokens_delta: it replaces rows of the embedding: not "
                   "supported"),
}


def main():
    for old in HERE.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    for name, (config, tensors, status, message) in CASES.items():
        folder = HERE / name
        folder.mkdir()
        if config is not None:
            text = config if isinstance(config, str) else json.dumps({**CONFIG, **config}, indent=1)
            (folder / "adapter_config.json").write_text(text)
        if tensors == "bin":
            (folder / "adapter_model.bin").write_bytes(b"PK\x03\x04")
        elif tensors is not None:
            data = tensors if isinstance(tensors, bytes) else pack(tensors)
            (folder / "adapter_model.safetensors").write_bytes(data)
        (folder / "expected").write_text(f"{status}\n{message}\n")


if __name__ == "__main__":
    main()
