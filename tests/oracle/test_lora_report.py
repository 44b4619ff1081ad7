"""Does the engine read the same change out of an adapter folder as PEFT does?

Every case of adapter_cases.py is opened by both over a small model: the same modules, rank and scale to
the last bit, and the norm of scale * B * A within the rounding of sums in double.
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
    """{module: (rank, scale, norm)} of the modules that PEFT changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.PeftModel.from_pretrained(adapter_cases.load(model_dir), str(folder))
    found = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            assert a.dtype == b.dtype == torch.float32
            scale = module.scaling["default"]
            norm = abs(scale) * torch.linalg.norm(b.detach().double() @ a.detach().double()).item()
            if norm > 0:
                found[name] = module.r["default"], scale, norm
    return found


def test_every_case(tmp_path):
    model_dir = tmp_path / "model"
    save_model(model_dir)
    made = adapter_cases.make_all(model_dir, tmp_path / "adapters")
    answers = lora_driver.ask(adapter_cases.load(model_dir), [folder for _, folder in made], tmp_path)
    for (name, folder), answer in zip(made, answers):
        expected = ask_peft(model_dir, folder)
        assert not isinstance(answer, str), f"{name}: {answer}"
        assert list(answer) == list(expected), name
        for module, (rank, scale, norm) in expected.items():
            assert answer[module][:2] == (rank, scale), f"{name}: {module}"
            assert math.isclose(answer[module][2], norm, rel_tol=1e-11), f"{name}: {module}"
