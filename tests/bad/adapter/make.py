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
NOT_REPEATED = ('init_lora_weights is "{}": it changed the base weights when training began, in a way that '
                "cannot be repeated; save it again with save_pretrained(..., "
                "path_initial_model_for_weight_conversion=...)")
CONV = "base_model.model.model.encoder.conv1"
EMBED = "base_model.model.model.decoder.embed_tokens"
NORM = "base_model.model.model.encoder.layer_norm"
OTHER_SIZE = "(is this adapter for another size?)"
IN_FILE = "adapter_model.safetensors: "


def dora():
    return {**right(), f"{Q}.lora_magnitude_vector": tensor(4),
            f"{FC1}.lora_magnitude_vector": tensor(6)}


def embedding():
    return {f"{EMBED}.lora_embedding_A": tensor(2, 8), f"{EMBED}.lora_embedding_B": tensor(4, 2)}


def convolution():
    return {f"{CONV}.lora_A.weight": tensor(2, 1, 3), f"{CONV}.lora_B.weight": tensor(4, 2, 1)}


def rows(count, dim=4):
    return {**right(), f"{EMBED}.token_adapter.trainable_tokens_delta": tensor(count, dim)}


# name: (changes of the config or its text, tensors or bytes or None, status, message)
CASES = {
    "no_config": (None, right(), "model",
                  " holds no adapter: there is no adapter_config.json in it or in a folder inside it"),
    "config_cut": ('{"peft_type": "LORA", "r": 2', None, "model",
                   "adapter_config.json: line 1 column 28: '}' expected near end of file"),
    "config_list": ("[]", None, "model", "adapter_config.json: holds a list, expected an object"),
    "config_twice": ('{"r": 1, "r": 2}', None, "model",
                     'adapter_config.json: line 1 column 12: duplicate object key near \'"r"\''),
    "vera": ({"peft_type": "VERA", "save_projection": False}, right(), "unsupported",
             "adapter_config.json: save_projection is false: the file lacks matrices that PEFT draws anew from "
             "torch's random numbers; in Python, model.merge_and_unload().save_pretrained(DIR) makes a model "
             "that can be used"),
    "fourierft": ({"peft_type": "FOURIERFT"}, None, "unsupported",
                  'adapter_config.json: peft_type is "FOURIERFT" (the places of its numbers come from torch\'s '
                  "random numbers): not supported; in Python, model.merge_and_unload().save_pretrained(DIR) "
                  "makes a model of it that can be used"),
    "prompts": ({"peft_type": "PROMPT_TUNING"}, None, "unsupported",
                'adapter_config.json: peft_type is "PROMPT_TUNING" (it puts learnt tokens before the text): not '
                "supported; PEFT cannot merge it into a model either: train one that it can, such as LORA"),
    "no_method": ({"peft_type": "lora"}, None, "unsupported",
                  'adapter_config.json: peft_type is "lora" (no method of PEFT 0.21): not '
                  "supported, expected LORA or another that docs/ADAPTERS.md lists"),
    "rank_zero": ({"r": 0}, right(), "model",
                  "adapter_config.json: r is 0, expected 1 to 8192"),
    "alora": ({"alora_invocation_tokens": [1, 2]}, right(), "unsupported",
              "adapter_config.json: alora_invocation_tokens " +
              UNSUPPORTED.format("the adapter acts only after these tokens")),
    "no_targets": ({"target_modules": None}, right(), "model",
                   "adapter_config.json: target_modules is missing, and PEFT has no default for "
                   "this model"),
    "other_model": ({"target_modules": ["query", "value"]}, right(), "model",
                    "adapter_config.json: target_modules matches no module of the model, as "
                    "exclude_modules and layers_to_transform restrict it (is this adapter for "
                    "another model?)"),
    "norm": ({"target_modules": ["layer_norm"]}, right(), "model",
             "adapter_config.json: target_modules matches model.encoder.layer_norm, which is not a "
             "linear module, convolution or embedding (PEFT refuses it too)"),
    "broken_pattern": ({"target_modules": ".*(q_proj"}, right(), "model",
                       'adapter_config.json: target_modules: pattern ".*(q_proj": missing closing '
                       "parenthesis, at offset 9"),
    "slow_pattern": ({"rank_pattern": {"(([a-z.0-9_]+)+)+[!?]": 3}}, right(), "model",
                     'adapter_config.json: rank_pattern: pattern "(([a-z.0-9_]+)+)+[!?]" on '
                     '"model.encoder.layers.0.self_attn.q_proj": match limit exceeded'),
    "no_tensors": ({}, None, "model", "adapter_model.safetensors: no such file"),
    "pickle": ({}, "bin", "model",
               "adapter_model.bin: has no end record of a zip archive (cut short?)"),
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
                            f"{FC1}.lora_A.default.weight; PEFT looks for {FC1}.lora_A.weight and runs the base "
                            "without it"),
    "no_prefix": ({}, {k.replace("base_model.model.", ""): v for k, v in right().items()}, "model",
                  "adapter_model.safetensors: holds none of the tensors that adapter_config.json "
                  "targets, such as base_model.model.model.encoder.layers.0.self_attn.q_proj.lora_B."
                  "weight; it has model.encoder.layers.0.mlp.fc1.lora_A.weight; PEFT looks for "
                  f"{FC1}.lora_A.weight and runs the base without it"),
    "compiled": ({}, {k.replace("model.model.", "model._orig_mod.model."): v for k, v in right().items()}, "model",
                 "adapter_model.safetensors: holds none of the tensors that adapter_config.json targets, such as "
                 f"{Q}.lora_B.weight; it has {FC1.replace('model.model.', 'model._orig_mod.model.')}.lora_A.weight; "
                 f"PEFT looks for {FC1}.lora_A.weight and runs the base without it"),
    "dora_and_bias": ({"use_dora": True, "lora_bias": True}, right(), "model",
                      "adapter_config.json: use_dora and lora_bias are both set (PEFT refuses it "
                      "too)"),
    "bias_unknown": ({"bias": "most"}, right(), "model",
                     'adapter_config.json: bias is most, expected "none", "all" or "lora_only"'),
    "pissa_niter": ({"init_lora_weights": "pissa_niter_4"}, right(), "unsupported",
                    "adapter_config.json: " + NOT_REPEATED.format("pissa_niter_4")),
    "corda": ({"init_lora_weights": "corda"}, right(), "unsupported",
              "adapter_config.json: " + NOT_REPEATED.format("corda")),
    "loftq": ({"init_lora_weights": "loftq"}, right(), "unsupported",
              "adapter_config.json: " + NOT_REPEATED.format("loftq")),
    "lora_ga": ({"init_lora_weights": "lora_ga"}, right(), "unsupported",
                "adapter_config.json: " + NOT_REPEATED.format("lora_ga")),
    "pissa_wide": ({"init_lora_weights": "pissa", "r": 5, "target_modules": ["q_proj"]},
                   {f"{Q}.lora_A.weight": tensor(5, 4), f"{Q}.lora_B.weight": tensor(4, 5)}, "model",
                   'adapter_config.json: init_lora_weights is "pissa", but the weight of model.'
                   "encoder.layers.0.self_attn.q_proj has no rank of 5"),
    "pissa_negative": ({"init_lora_weights": "pissa", "lora_alpha": -4}, right(), "model",
                       f"{IN_FILE}encoder.layers.0.self_attn.q_proj: PiSSA divides by its scale, "
                       "which is -2 here, expected more than 0"),
    "olora_dependent": ({"init_lora_weights": "olora"}, right(), "unsupported",
                        f"{IN_FILE}encoder.layers.0.self_attn.q_proj: column 1 of the weight "
                        "depends on those before it, so OLoRA has no unique factors"),
    "pissa_convolution": ({"init_lora_weights": "pissa", "target_modules": ["conv1"]}, convolution(),
                          "model", 'adapter_config.json: init_lora_weights is "pissa" and '
                          "target_modules matches model.encoder.conv1, a convolution (PEFT refuses "
                          "it too)"),
    "embedding_bias": ({"lora_bias": True, "target_modules": ["embed_tokens"]}, embedding(), "model",
                       "adapter_config.json: lora_bias is set and target_modules matches "
                       "model.decoder.embed_tokens, an embedding (PEFT refuses it too)"),
    "convolution_flat": ({"target_modules": ["conv1"]}, {**convolution(),
                         f"{CONV}.lora_A.weight": tensor(2, 3)}, "model",
                         f"{IN_FILE}encoder.conv1 lora_A is [2, 3], the base model needs [2, 1, 3] "
                         + OTHER_SIZE),
    "convolution_rank": ({"target_modules": ["conv1"]}, {**convolution(),
                         f"{CONV}.lora_B.weight": tensor(4, 3, 1)}, "model",
                         f"{IN_FILE}encoder.conv1 lora_B is [4, 3, 1], the rank in "
                         "adapter_config.json needs [4, 2, 1]"),
    "embedding_vocabulary": ({"target_modules": ["embed_tokens"]}, {**embedding(),
                             f"{EMBED}.lora_embedding_A": tensor(2, 9)}, "model",
                             f"{IN_FILE}decoder.embed_tokens lora_embedding_A is [2, 9], the base "
                             "model needs [2, 8] " + OTHER_SIZE),
    "embedding_random": ({"target_modules": ["embed_tokens"]},
                         {f"{EMBED}.lora_embedding_A": tensor(2, 8)}, "model",
                         f"{IN_FILE}targeted module decoder.embed_tokens has no lora_embedding_B: "
                         "PEFT would use random numbers for it"),
    "embedding_resized": ({"target_modules": ["embed_tokens"]}, {**embedding(),
                          f"{EMBED}.base_layer.weight": tensor(9, 4)}, "model",
                          f"{IN_FILE}{EMBED}.base_layer.weight is [9, 4], the base model needs "
                          "[8, 4] (was its vocabulary resized?)"),
    "dora_no_magnitude": ({"use_dora": True}, right(), "model",
                          f"{IN_FILE}targeted module encoder.layers.0.self_attn.q_proj has no "
                          "lora_magnitude_vector"),
    "dora_other_size": ({"use_dora": True}, {**dora(), f"{Q}.lora_magnitude_vector": tensor(5)},
                        "model", f"{IN_FILE}encoder.layers.0.self_attn.q_proj lora_magnitude_vector "
                        f"is [5], the base model needs 4 values {OTHER_SIZE}"),
    "dora_zero": ({"use_dora": True}, {**dora(), f"{Q}.lora_A.weight": tensor(2, 4, value=-0.25),
                  f"{Q}.lora_B.weight": tensor(4, 2)}, "model",
                  f"{IN_FILE}output 0 of encoder.layers.0.self_attn.q_proj has a weight of length 0, "
                  "which DoRA divides by"),
    "bias_missing": ({"lora_bias": True}, right(), "model",
                     f"{IN_FILE}targeted module encoder.layers.0.self_attn.q_proj has no "
                     "lora_B.bias"),
    "saved_missing": ({"modules_to_save": ["layer_norm"]}, right(), "model",
                      f"{IN_FILE}modules_to_save means model.encoder.layer_norm, but the file has no "
                      "weight of it"),
    "saved_other_size": ({"modules_to_save": ["layer_norm"]},
                         {**right(), f"{NORM}.weight": tensor(5)}, "model",
                         f"{IN_FILE}{NORM}.weight is [5], the base model needs [4] {OTHER_SIZE}"),
    "saved_and_targeted": ({"modules_to_save": ["_proj"]}, right(), "unsupported",
                           f"{IN_FILE}modules_to_save and target_modules both mean model.encoder."
                           "layers.0.self_attn.q_proj"),
    "saved_nan": ({"modules_to_save": ["layer_norm"]},
                  {**right(), f"{NORM}.weight": tensor(4, value=float("nan"))}, "model",
                  f"{IN_FILE}{NORM}.weight has NaN at [0]"),
    "tokens_missing": ({"trainable_token_indices": [3]}, right(), "model",
                       f"{IN_FILE}has no model.decoder.embed_tokens.token_adapter."
                       "trainable_tokens_delta"),
    "tokens_count": ({"trainable_token_indices": [3]}, rows(2), "model",
                     f"{IN_FILE}decoder.embed_tokens token_adapter.trainable_tokens_delta is [2, 4],"
                     " trainable_token_indices and the base model need [1, 4]"),
    "tokens_beyond": ({"trainable_token_indices": [3, 8]}, rows(2), "model",
                      "adapter_config.json: trainable_token_indices has 8, the base model has 8 "
                      "tokens"),
    "tokens_twice": ({"trainable_token_indices": [3, 3]}, rows(2), "model",
                     "adapter_config.json: trainable_token_indices has 3 twice"),
    "tokens_elsewhere": ({"trainable_token_indices": {"fc1": [3]}}, rows(1), "model",
                         "adapter_config.json: trainable_token_indices names fc1, expected "
                         "embed_tokens or proj_out"),
    "blocks_both": ({"use_bdlora": {"target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["self_attn"]}},
                    right(), "model", "adapter_config.json: use_bdlora means both matrices of "
                    "model.encoder.layers.0.self_attn.q_proj (PEFT refuses it too)"),
    "blocks_strict": ({"use_bdlora": {"target_modules_bd_a": ["fc1"]}}, right(), "model",
                      "adapter_config.json: use_bdlora means no matrix of model.encoder.layers.0.self_attn.q_proj, "
                      "and match_strict is true (PEFT refuses it too)"),
    "blocks_odd": ({"use_bdlora": {"target_modules_bd_a": ["q_proj", "fc1"], "nblocks": 3}}, right(), "model",
                   "adapter_config.json: nblocks is 3, which does not divide the rank 2 or a side of "
                   "model.encoder.layers.0.self_attn.q_proj [4, 4] (PEFT refuses it too)"),
    "blocks_whole": ({"use_bdlora": {"target_modules_bd_a": ["q_proj", "fc1"], "nblocks": 2}}, right(), "model",
                     IN_FILE + "encoder.layers.0.self_attn.q_proj lora_A is [2, 4], the base model needs [2, 2] "
                     "(is this adapter for another size?)"),
    "blocks_dora": ({"use_bdlora": {"target_modules_bd_a": ["q_proj", "fc1"]}, "use_dora": True}, right(),
                    "unsupported", "adapter_config.json: use_bdlora, kasa_config, use_dora, lora_bias and an "
                    "init_lora_weights that changes the base do not go together"),
    "kasa_no_diagonal": ({"kasa_config": {"beta": 1e-4}}, right(), "model",
                         IN_FILE + "targeted module encoder.layers.0.self_attn.q_proj has no lora_diag"),
    "kasa_wide": ({"kasa_config": {"beta": 1e-4}, "r": 4, "target_modules": ["q_proj"]},
                  {f"{Q}.lora_A.weight": tensor(4, 4), f"{Q}.lora_B.weight": tensor(4, 4),
                   f"{Q}.lora_diag": tensor(4)}, "model",
                  'adapter_config.json: kasa_config is "set", but the weight of model.encoder.layers.0.self_attn.q_proj has no '
                  "rank of 5"),
    "miss_shape": ({"peft_type": "MISS"}, {f"{Q}.miss_block": tensor(4, 2)}, "model",
                   IN_FILE + "encoder.layers.0.self_attn.q_proj miss_block is [4, 2], the base model and "
                   "adapter_config.json need [2, 4]"),
    "miss_bat": ({"peft_type": "MISS", "r": 4, "init_weights": "bat"}, {}, "model",
                 "adapter_config.json: r is 4, which does not divide model.encoder.layers.0.mlp.fc1 [6, 4] "
                 "(PEFT refuses it too)"),
    "miss_variant": ({"peft_type": "MISS", "init_weights": "cat"}, {}, "model",
                     'adapter_config.json: init_weights is cat, expected true, false, "bat" or "mini"'),
    "vera_no_matrices": ({"peft_type": "VERA"}, {f"{Q}.vera_lambda_b": tensor(4)}, "model",
                         IN_FILE + "has no base_model.vera_A (PEFT does not load it either)"),
    "vera_narrow": ({"peft_type": "VERA"}, {"base_model.vera_A": tensor(2, 3), "base_model.vera_B": tensor(6, 2)},
                    "model", IN_FILE + "base_model.vera_A is [2, 3], the base model and adapter_config.json need "
                    "[2, 4]"),
    "vera_half": ({"peft_type": "VERA"},
                  {"base_model.vera_A": tensor(2, 4), "base_model.vera_B": tensor(6, 2),
                   f"{Q}.vera_lambda_b": tensor(4)}, "model",
                  IN_FILE + "targeted module encoder.layers.0.self_attn.q_proj has no vera_lambda_d: PEFT would "
                  "use random numbers for it"),
    "pvera_samples": ({"peft_type": "PVERA", "sample_at_inference": True}, {}, "unsupported",
                      "adapter_config.json: sample_at_inference is true: every answer would be another; set it to "
                      "false, which uses the mean"),
    "randlora_copy": ({"peft_type": "RANDLORA", "target_modules": ["q_proj"]},
                      {"base_model.randlora_A": tensor(2, 1, 4), "base_model.randlora_B": tensor(4, 2, 2),
                       f"{Q}.randlora_A": tensor(2, 1, 4, value=2)}, "model",
                      IN_FILE + f"{Q}.randlora_A differs from base_model.randlora_A, which PEFT keeps as one "
                      "tensor"),
    "c3a_block": ({"peft_type": "C3A", "block_size": 4}, {f"{Q}.c3a_kernel": tensor(1, 1, 4)}, "model",
                  "adapter_config.json: the block size 4 does not divide model.encoder.layers.0.mlp.fc1 [6, 4] "
                  "(PEFT refuses it too)"),
    "c3a_random": ({"peft_type": "C3A", "block_size": 2}, {f"{Q}.c3a_kernel": tensor(2, 2, 2)}, "model",
                   IN_FILE + "targeted module encoder.layers.0.mlp.fc1 has no c3a_kernel: PEFT would use random "
                   "numbers for it"),
    "shira_no_places": ({"peft_type": "SHIRA", "r": 1}, {f"{Q}.shira_weight": tensor(8)}, "model",
                        IN_FILE + "targeted module encoder.layers.0.self_attn.q_proj has no shira_indices: PEFT "
                        "would use random places"),
    "shira_outside": ({"peft_type": "SHIRA", "r": 1},
                      {f"{Q}.shira_weight": tensor(8), f"{Q}.shira_indices": tensor(2, 8, dtype="I32", value=4)},
                      "model", IN_FILE + "encoder.layers.0.self_attn.q_proj shira_indices[0] is outside the weight "
                      "[4, 4]"),
    "shira_many": ({"peft_type": "SHIRA", "r": 3}, {}, "model",
                   "adapter_config.json: r is 3, which is more numbers than encoder.layers.0.self_attn.q_proj has "
                   "(PEFT refuses it too)"),
    "delora_no_norm": ({"peft_type": "DELORA"},
                       {f"{Q}.delora_A": tensor(2, 4), f"{Q}.delora_B": tensor(4, 2),
                        f"{Q}.delora_lambda": tensor(1)}, "model",
                       IN_FILE + "targeted module encoder.layers.0.self_attn.q_proj has no delora_w_norm: PEFT "
                       "would use random numbers for it"),
    "hira_shape": ({"peft_type": "HIRA"}, {f"{Q}.hira_A": tensor(4, 2), f"{Q}.hira_B": tensor(4, 2)}, "model",
                   IN_FILE + "encoder.layers.0.self_attn.q_proj hira_A is [4, 2], the base model and "
                   "adapter_config.json need [2, 4]"),
    "gralora_blocks": ({"peft_type": "GRALORA", "gralora_k": 3}, {}, "model",
                       "adapter_config.json: gralora_k is 3, which does not divide r, 2, or a side of "
                       "model.encoder.layers.0.self_attn.q_proj [4, 4] (PEFT cannot use it either)"),
    "hra_zero": ({"peft_type": "HRA"}, {f"{Q}.hra_u": tensor(4, 2, value=0)}, "model",
                 IN_FILE + "column 0 of encoder.layers.0.self_attn.q_proj hra_u has no direction of its own, and "
                 "HRA divides by its length"),
    "hra_same": ({"peft_type": "HRA", "apply_GS": True}, {f"{Q}.hra_u": tensor(4, 2)}, "model",
                 IN_FILE + "column 1 of encoder.layers.0.self_attn.q_proj hra_u has no direction of its own, and "
                 "HRA divides by its length"),
    "oft_both": ({"peft_type": "OFT"}, {}, "model",
                 "adapter_config.json: r is 2 and oft_block_size is 32, expected one of them to be 0 (PEFT refuses "
                 "it too)"),
    "oft_shape": ({"peft_type": "OFT", "r": 0, "oft_block_size": 2}, {f"{Q}.oft_R.weight": tensor(2, 2)}, "model",
                  IN_FILE + "encoder.layers.0.self_attn.q_proj oft_R.weight is [2, 2], the base model and "
                  "adapter_config.json need [2, 1]"),
    "boft_factors": ({"peft_type": "BOFT", "boft_block_size": 2},
                     {f"{Q}.boft_R": tensor(2, 2, 2, 2), f"{Q}.boft_s": tensor(4, 1)}, "unsupported",
                     IN_FILE + "encoder.layers.0.self_attn.q_proj boft_R has 2 factors, which PEFT computes with "
                     "its extension for CUDA only: not supported; there, model.merge_and_unload()"
                     ".save_pretrained(DIR) makes a model that can be used"),
    "boft_block": ({"peft_type": "BOFT", "boft_block_size": 3}, {}, "model",
                   "adapter_config.json: boft_block_size is 3 and boft_block_num is 0, expected one of them to be 0 "
                   "and the other to divide the 4 inputs of model.encoder.layers.0.self_attn.q_proj (PEFT refuses "
                   "it too)"),
    "road_group": ({"peft_type": "ROAD", "group_size": 4}, {f"{Q}.road_theta": tensor(2),
                                                            f"{Q}.road_alpha": tensor(2)}, "model",
                   "adapter_config.json: group_size is 4, expected an even number that divides the 6 outputs of "
                   "model.encoder.layers.0.mlp.fc1 (PEFT refuses it too)"),
    "road_variant": ({"peft_type": "ROAD", "variant": "road_3"}, {}, "model",
                     'adapter_config.json: variant is "road_3", expected "road_1", "road_2" or "road_4"'),
    "ln_tuning_shape": ({"peft_type": "LN_TUNING", "target_modules": ["layer_norm"]},
                        {f"{NORM}.ln_tuning_layers.weight": tensor(5)}, "model",
                        IN_FILE + "encoder.layer_norm ln_tuning_layers.weight is [5], the base model and "
                        "adapter_config.json need [4]"),
    "ln_tuning_block": ({"peft_type": "LN_TUNING", "target_modules": ["mlp"]}, {}, "unsupported",
                        "adapter_config.json: target_modules matches model.encoder.layers.0.mlp, which holds other "
                        "modules: name those, or merge the adapter in Python with merge_and_unload()"),
    "indices_missing": ({"peft_type": "TRAINABLE_TOKENS", "target_modules": None}, {}, "model",
                        "adapter_config.json: token_indices holds nothing for embed_tokens, expected a list of "
                        "tokens"),
    "indices_elsewhere": ({"peft_type": "TRAINABLE_TOKENS", "token_indices": [1]}, {}, "unsupported",
                          "adapter_config.json: target_modules matches model.encoder.layers.0.self_attn.q_proj: "
                          "tokens are rows of embed_tokens and proj_out only"),
    "indices_beyond": ({"peft_type": "TRAINABLE_TOKENS", "target_modules": None, "token_indices": [8]},
                       {f"{EMBED}.trainable_tokens_delta": tensor(1, 4)}, "model",
                       "adapter_config.json: token_indices has 8, the base model has 8 tokens"),
    "tokens_of_target": ({"trainable_token_indices": [3], "target_modules": ["embed_tokens"]},
                         {**embedding(), **rows(1)}, "unsupported",
                         "adapter_config.json: trainable_token_indices and target_modules both mean "
                         "model.decoder.embed_tokens"),
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
