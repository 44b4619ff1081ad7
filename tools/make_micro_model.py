"""Makes the micro Moonshine models of tests/golden: the true architecture, too small to be of use.

The one idea: random weights are only good test material when the network they make is lively. A
default initialisation gives flat logits and one token for ever; the gains below give distinct
choices, loops for the repetition rules to break, and an end token that comes now and then.

    python tools/make_micro_model.py [tests/golden]

Everything follows from fixed seeds, so a second run gives the same bytes with the same stack
(tools/requirements.txt). The expected outputs beside the models come from tools/make_goldens.py.
"""

import json
import pathlib
import shutil
import sys

import numpy
import torch
import transformers
from peft import LoraConfig, get_peft_model

transformers.logging.disable_progress_bar()
ROOT = pathlib.Path(__file__).resolve().parent.parent
VOCAB = 328

# Merges in order of rank; every left and right part must be a letter or an earlier merge.
MERGES = [
    "▁ t", "h e", "▁ a", "i n", "e r", "▁t he", "o n", "a n", "in g", "▁ s", "e n", "r e",
    "▁a n", "s t", "▁an d", "o r", "▁s t", "e s", "l l", "a t",
]
LETTERS = list("▁etaoinshrdlucmfwygpbvk.,'EéT")
SPECIAL = {"<unk>": 0, "<s>": 1, "</s>": 2}


def tokenizer_json():
    """A byte-fallback BPE tokenizer with the structure of the published one, and 328 entries."""
    vocab = dict(SPECIAL)
    for byte in range(256):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    for merge in MERGES:
        vocab[merge.replace(" ", "")] = len(vocab)
    for letter in LETTERS:
        vocab[letter] = len(vocab)
    markers = [f"<<ST_{i}>>" for i in range(VOCAB - len(vocab))]
    added = list(SPECIAL.items()) + [(text, len(vocab) + i) for i, text in enumerate(markers)]
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    second = {"SpecialToken": {"id": "<s>", "type_id": 1}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for text, id in added
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [start, {"Sequence": {"id": "A", "type_id": 0}},
                     second, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>",
            "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
            "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": MERGES,
        },
    }


def config(dim, heads, ffn, decoder_layers, rotary_factor, **changes):
    # A head that is no multiple of eight takes the padding path of the reference stack, as the
    # published models do (36 -> 40).
    values = dict(
        vocab_size=VOCAB, hidden_size=dim, intermediate_size=ffn, encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=decoder_layers, encoder_num_attention_heads=heads,
        decoder_num_attention_heads=heads, partial_rotary_factor=rotary_factor,
        pad_head_dim_to_multiple_of=8, max_position_embeddings=194, pad_token_id=2,
    )
    values.update(changes)
    return transformers.MoonshineConfig(**values)


def wake(model, seed):
    """Fills `model` with random weights of the gains that keep it lively."""
    random = torch.Generator().manual_seed(seed)

    def normal(tensor, mean, std):
        tensor.copy_(torch.randn(tensor.shape, generator=random) * std + mean)

    with torch.no_grad():
        for name, tensor in sorted(model.named_parameters()):
            if name == "model.decoder.norm.weight":
                # Signs by chance: with tied embeddings a positive norm makes every token ask for
                # itself, and the text would be one token for ever.
                normal(tensor, 0.0, 0.6)
            elif "norm" in name:
                # Near one, but no two alike: a norm used in another's place must show.
                normal(tensor, 1.0 if name.endswith("weight") else 0.0, 0.2)
            elif name.endswith("bias"):
                normal(tensor, 0.0, 0.2)
            elif name.endswith("log_k"):
                tensor.fill_(-0.45)  # as the published models
            elif name == "model.encoder.conv1.weight":
                normal(tensor, 0.0, 0.6)  # 127 taps on audio of about 0.1: tanh leaves its line
            elif "embed_tokens" in name or "proj_out" in name:
                normal(tensor, 0.0, 1.2)
                tensor[3:259] *= 0.7  # bytes, or the text would be replacement characters alone
                tensor[2] *= 1.15     # the end token
            else:
                fan_in = tensor.numel() / tensor.shape[0]
                # Attention that looks at something, and a decoder that listens to the encoder.
                gain = 1.6 if "q_proj" in name or "k_proj" in name else 1.0
                normal(tensor, 0.0, gain * fan_in ** -0.5)
    return model


def micro(seed=25, **changes):
    return wake(transformers.MoonshineForConditionalGeneration(
        config(32, 4, 64, 3, 0.75, **changes)), seed)


def streaming(seed=31):
    """The second family: its windows differ from layer to layer, its encoder is wider than its decoder and
    shares keys and values between heads."""
    encoder = dict(
        hidden_size=40, intermediate_size=80, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=12, attention_bias=True,
        sliding_windows=[[16, 4], [6, 0], [3, 1], [5, 3]])
    return wake(transformers.MoonshineStreamingForConditionalGeneration(
        transformers.MoonshineStreamingConfig(
            encoder_config=encoder, vocab_size=VOCAB, hidden_size=32, intermediate_size=64,
            num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, head_dim=8,
            max_position_embeddings=200, decoder_start_token_id=1, rope_parameters={
                "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75})), seed)


def mini(seed=29, **changes):
    """Smaller still, for the variants that differ in spelling or storage only."""
    return wake(transformers.MoonshineForConditionalGeneration(
        config(14, 2, 28, 2, 0.9, **changes)), seed)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


FEATURES = {
    "do_normalize": False, "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1, "padding_side": "right", "padding_value": 0.0,
    "return_attention_mask": True, "sampling_rate": 16000,
}


def save(model, folder, max_shard_size="1GB", features="preprocessor"):
    shutil.rmtree(folder, ignore_errors=True)
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=1, decoder_start_token_id=1, eos_token_id=2, pad_token_id=2, max_length=194)
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    if features == "preprocessor":
        write_json(folder / "preprocessor_config.json", FEATURES)
    else:
        write_json(folder / "processor_config.json", {
            "feature_extractor": FEATURES, "processor_class": "Wav2Vec2Processor"})
    tokenizer = json.dumps(tokenizer_json(), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")


def respell_v4(folder):
    """Rewrites config.json with the keys transformers 4 writes, as the published models have."""
    path = folder / "config.json"
    values = json.loads(path.read_text())
    rope = values.pop("rope_parameters")
    values["torch_dtype"] = values.pop("dtype")
    values["rope_theta"] = rope["rope_theta"]
    values["rope_scaling"] = None
    values["partial_rotary_factor"] = rope["partial_rotary_factor"]
    values.pop("tie_word_embeddings")  # absent there: the library's default, true
    values["transformers_version"] = "4.48.0.dev0"
    write_json(path, dict(sorted(values.items())))


def save_adapter(model, folder, seed=9):
    """A LoRA adapter on all linear layers but the head, with a rank and a scale of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    adapted = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"],
        rank_pattern={"encoder_attn.v_proj": 6}, alpha_pattern={"encoder_attn.q_proj": 3}))
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in sorted(adapted.named_parameters()):
            if "lora_" in name:
                tensor.copy_(torch.randn(tensor.shape, generator=random) * 0.12)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    values = json.loads(path.read_text())
    values["target_modules"] = sorted(values["target_modules"])  # a set: its order is by chance
    values["base_model_name_or_path"] = "micro"
    write_json(path, values)


def main(target):
    numpy.random.seed(0)
    save(micro(), target / "micro")
    save_adapter(micro(), target / "adapter")
    save(mini(seed=21, tie_word_embeddings=False, attention_bias=True), target / "micro_untied")
    save(mini().to(torch.bfloat16), target / "micro_bf16")
    save(mini().to(torch.float16), target / "micro_f16")
    save(mini(), target / "micro_sharded", max_shard_size="40KB")
    save(mini(), target / "micro_v4")
    respell_v4(target / "micro_v4")
    save(mini(), target / "micro_v5", features="processor")
    save(streaming(), target / "micro_streaming")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "golden")
