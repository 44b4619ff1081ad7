"""Does the engine read the same change out of an adapter folder as PEFT does?

Every case of adapter_cases.py is opened by both over a small model: the same modules, rank and scale to
the last bit, and the norm of scale * B * A within the rounding of sums in double. (Where DoRA or PiSSA is
in it too, the norm is that of more than B * A, and left to the tests of tokens.)
"""

import math
import warnings

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

import adapter_cases
import lora_driver

pytestmark = pytest.mark.skipif(not lora_driver.DRIVER.exists(),
                                reason=f"{lora_driver.DRIVER} is not built")


def save_model(folder):
    torch.manual_seed(5)
    transformers.MoonshineForConditionalGeneration(transformers.MoonshineConfig(
        vocab_size=96, hidden_size=32, intermediate_size=48, encoder_num_hidden_layers=3,
        decoder_num_hidden_layers=3, encoder_num_attention_heads=2, decoder_num_attention_heads=2,
        encoder_num_key_value_heads=2, decoder_num_key_value_heads=2)).save_pretrained(folder)


def ask_peft(model_dir, folder):
    """{module: (rank, scale, norm)} of the modules that PEFT wraps, and: is that all they do?"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.PeftModel.from_pretrained(adapter_cases.load(model_dir), str(folder))
    found = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            if isinstance(module, peft.tuners.lora.Embedding):
                a, b = module.lora_embedding_A["default"], module.lora_embedding_B["default"]
            else:
                a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            assert a.dtype == b.dtype == torch.float32
            scale = module.scaling["default"]
            norm = abs(scale) * torch.linalg.norm(b.detach().double().flatten(1) @
                                                  a.detach().double().flatten(1)).item()
            if norm > 0:
                found[name] = module.r["default"], scale, norm
    config = model.peft_config["default"]
    return found, not (config.use_dora or config.init_lora_weights in ("pissa", "olora"))


def test_every_case(tmp_path):
    model_dir = tmp_path / "model"
    save_model(model_dir)
    made = adapter_cases.make_all(model_dir, tmp_path / "adapters")
    answers = lora_driver.ask_about(model_dir, [folder for _, folder in made])
    for (name, folder), answer in zip(made, answers):
        expected, plain = ask_peft(model_dir, folder)
        assert not isinstance(answer, str), f"{name}: {answer}"
        wrapped = [module for module, (rank, _, _) in answer.items() if rank]
        assert sorted(wrapped) == sorted(expected), name
        for module, (rank, scale, norm) in expected.items():
            assert answer[module][:2] == (rank, scale), f"{name}: {module}"
            assert not plain or name == "embedding_moved" or \
                math.isclose(answer[module][2], norm, rel_tol=1e-11), f"{name}: {module}"
