"""The streaming family: random models, whose every stage and token must be what transformers computes."""

import json
import shutil

import numpy
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
import reference  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from compare import check_answer, check_stages  # noqa: E402

if not hasattr(transformers, "MoonshineStreamingConfig"):
    pytest.skip("this transformers has no streaming family", allow_module_level=True)

PROCESSOR = {"do_normalize": False, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1,
             "padding_side": "right", "padding_value": 0.0, "return_attention_mask": True,
             "sampling_rate": 16000}
WINDOWS = [[16, 4], [6, 0], [3, 1], [5, 3]]
ENCODER = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
           "num_key_value_heads": 4, "head_dim": 12, "sliding_windows": WINDOWS}
DECODER = {"vocab_size": 288, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
           "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "decoder_start_token_id": 1,
           "max_position_embeddings": 600,
           "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}
SHAPES = {
    "micro": ({}, {}),
    "same width": ({"hidden_size": 32, "head_dim": 8}, {}),
    "grouped heads and biases": ({"num_key_value_heads": 2, "attention_bias": True},
                                 {"attention_bias": True}),
}
PUBLISHED = {  # the sizes of the published models
    "tiny": (320, 8, 40, 6, 320, 8, 40, 6, 0.8),
    "small": (620, 8, 64, 10, 512, 8, 64, 10, 0.5),
    "medium": (768, 10, 64, 14, 640, 10, 64, 14, 0.5),
}


def published(name):
    e, eh, ed, el, d, h, hd, n, rotary = PUBLISHED[name]
    windows = [[16, 4]] * 2 + [[16, 0]] * (el - 4) + [[16, 4]] * 2
    encoder = {"hidden_size": e, "intermediate_size": 4 * e, "num_hidden_layers": el,
               "num_attention_heads": eh, "num_key_value_heads": eh, "head_dim": ed,
               "sliding_windows": windows}
    return encoder, {"hidden_size": d, "intermediate_size": 4 * d, "num_hidden_layers": n,
                     "num_attention_heads": h, "num_key_value_heads": h, "head_dim": hd,
                     "decoder_start_token_id": 1,
                     "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                         "partial_rotary_factor": rotary}}


def make(folder, encoder, decoder, seed=0, gain=3.0):
    """A checkpoint with random weights, so large that outputs differ from frame to frame."""
    torch.manual_seed(seed)
    config = transformers.MoonshineStreamingConfig(encoder_config=encoder, **decoder)
    model = transformers.MoonshineStreamingForConditionalGeneration(config)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            weight.mul_(gain)
        elif "log_k" not in name:
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("streaming") / "model"
            if name in PUBLISHED:
                made[name] = make(folder, *published(name))
            else:
                encoder, decoder = SHAPES[name]
                made[name] = make(folder, {**ENCODER, **encoder}, {**DECODER, **decoder})
        return made[name]
    return get


def clip(samples, seed=0):
    random = numpy.random.default_rng(seed)
    time = numpy.arange(samples) / 16000
    audio = 0.2 * numpy.sin(2 * numpy.pi * (180 + 90 * time) * time) + 0.05 * random.standard_normal(samples)
    return (audio * (1 + numpy.sin(9 * time))).astype(numpy.float32)


# One frame, part of a second, every remainder of the two strides, more frames than a block has.
LENGTHS = [80, 81, 159, 160, 320, 400, 1119, 16000, 16079, 16080, 52345]


@pytest.mark.parametrize("name", SHAPES)
def test_stages(engine, checkpoints, name):
    folder = checkpoints(name)
    model, exact = reference.load(folder), reference.load(folder, dtype=torch.float64)
    for samples in LENGTHS:
        audio, tokens = clip(samples), [1, 5, 77, 200, 3]
        check_stages(f"{name}, {samples} samples", engine.stages(folder, audio, tokens),
                     reference.stages(model, audio, tokens), reference.stages(exact, audio, tokens))


@pytest.mark.parametrize("name", PUBLISHED)
def test_stages_of_published_sizes(engine, checkpoints, name):
    folder = checkpoints(name)
    model, exact = reference.load(folder), reference.load(folder, dtype=torch.float64)
    audio, tokens = clip(80001), [1, 5, 7777, 200, 3]
    check_stages(name, engine.stages(folder, audio, tokens), reference.stages(model, audio, tokens),
                 reference.stages(exact, audio, tokens))


OPTIONS = [{"max_new_tokens": 24}, {"max_new_tokens": 16, "num_beams": 4},
           {"max_new_tokens": 20, "num_beams": 3, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2}]


@pytest.mark.parametrize("name", [*SHAPES, "tiny"])
def test_tokens(engine, checkpoints, name):
    folder = checkpoints(name)
    model, exact = reference.load(folder), reference.load(folder, dtype=torch.float64)
    cases = [(clip(samples, samples), options) for samples in (4000, 16079, 40000) for options in OPTIONS]
    answers = engine.decode(folder, cases)
    for (audio, options), answer in zip(cases, answers):
        check_answer(f"{name}, {len(audio)} samples, {options}", answer["tokens"],
                     lambda m: reference.generate(m, audio, options)["tokens"], model, exact)


ROPES = [
    {}, {"rope_parameters": {"rope_theta": 5000.0}},
    {"rope_parameters": {"rope_theta": 5000.0}, "partial_rotary_factor": 0.5},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "rope_theta": 3000.0},
    {"rope_scaling": {"rope_type": "default", "partial_rotary_factor": 0.25}, "rope_theta": 3000.0},
    {"partial_rotary_factor": 0.5, "rope_theta": 3000.0},
    {"rope_scaling": None, "partial_rotary_factor": 0.5}, {"rope_parameters": None, "partial_rotary_factor": 0.5},
]


@pytest.mark.parametrize("index", range(len(ROPES)))
def test_spellings_of_rope(engine, checkpoints, tmp_path, index):
    """Each as upstream reads it: which keys count depends on which are there."""
    if reference.NEWER and ROPES[index].get("rope_parameters", {}) is None:
        pytest.skip("the newest transformers takes null as a missing key, where 5.2 reads the keys beside it")
    folder = tmp_path / "model"
    shutil.copytree(checkpoints("micro"), folder)
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"]
    (folder / "config.json").write_text(json.dumps({**config, **ROPES[index]}))
    model, exact = reference.load(folder), reference.load(folder, dtype=torch.float64)
    audio, tokens = clip(4000), [1, 5, 77, 200, 3]
    check_stages(str(ROPES[index]), engine.stages(folder, audio, tokens),
                 reference.stages(model, audio, tokens), reference.stages(exact, audio, tokens))


TARGETS = {
    "attention": ["q_proj", "v_proj"],
    "every linear layer": ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2", "linear", "proj", "proj_out"],
    "embeddings": ["embed_tokens", "pos_emb", "q_proj"],
}


def merge_as_peft(base, adapter, potstill, run, folder):
    """Merges into folder / "ours" what peft merges into folder / "theirs", and compares the two."""
    theirs, ours = folder / "theirs", folder / "ours"
    reference.load(base, adapter).merge_and_unload().save_pretrained(theirs)
    run(potstill, "merge", "--model", base, "--adapter", adapter, "-o", ours)
    saved, merged = load_file(theirs / "model.safetensors"), load_file(ours / "model.safetensors")
    assert {key: value.shape for key, value in merged.items()} == {key: value.shape for key, value in saved.items()}
    for key, value in merged.items():
        assert numpy.abs(value - saved[key]).max() <= 1e-6 * max(1, numpy.abs(value).max()), key
    if transformers.__version__.startswith("5.2."):  # whose spelling we write
        assert (ours / "config.json").read_bytes() == (theirs / "config.json").read_bytes()


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("name", TARGETS)
def test_adapters(engine, checkpoints, potstill, run, tmp_path, name, dora):
    """LoRA and DoRA as peft runs them, unmerged and merged."""
    peft = pytest.importorskip("peft")
    base, adapter = checkpoints("micro"), tmp_path / "adapter"
    adapted = peft.get_peft_model(reference.from_pretrained(base), peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=TARGETS[name], use_dora=dora))
    torch.manual_seed(7)
    for part, weight in adapted.named_parameters():
        if "lora_" in part and "magnitude" not in part:
            weight.copy_(torch.randn_like(weight) * 0.1)
    adapted.save_pretrained(adapter)
    audio, tokens = clip(16000), [1, 5, 77, 200, 3]
    model, exact = reference.load(base, adapter), reference.load(base, adapter, torch.float64)
    check_stages(f"{name}, dora {dora}", engine.stages(base, audio, tokens, adapter=adapter),
                 reference.stages(model, audio, tokens), reference.stages(exact, audio, tokens))

    merge_as_peft(base, adapter, potstill, run, tmp_path)
    check_stages("merged", engine.stages(tmp_path / "ours", audio, tokens), reference.stages(model, audio, tokens),
                 reference.stages(exact, audio, tokens))


SAVED = {
    "norms of both sides": ["input_layernorm", "final_norm"],
    "the front end": ["embedder"],
    "every norm, by letters": ["norm"],
}


@pytest.mark.parametrize("name", [*SAVED, "LN_TUNING"])
def test_trained_norms(engine, checkpoints, potstill, run, tmp_path, name):
    """Norms of the encoder are stored less by 1, under another name; the compression is one number."""
    peft = pytest.importorskip("peft")
    base, adapter = checkpoints("micro"), tmp_path / "adapter"
    config = (peft.LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=SAVED[name]) if name in SAVED else
              peft.LNTuningConfig(target_modules=["input_layernorm", "final_norm", "comp"]))
    adapted = peft.get_peft_model(reference.from_pretrained(base), config)
    torch.manual_seed(11)
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.add_(torch.randn_like(weight) * 0.1)
    adapted.save_pretrained(adapter)
    audio, tokens = clip(16000), [1, 5, 77, 200, 3]
    model, exact = reference.load(base, adapter), reference.load(base, adapter, torch.float64)
    expected = reference.stages(model, audio, tokens), reference.stages(exact, audio, tokens)
    check_stages(name, engine.stages(base, audio, tokens, adapter=adapter), *expected)
    if name in SAVED:
        merge_as_peft(base, adapter, potstill, run, tmp_path)
    else:  # which peft cannot merge here: it looks for a weight that these modules do not have
        run(potstill, "merge", "--model", base, "--adapter", adapter, "-o", tmp_path / "ours")
    check_stages("merged", engine.stages(tmp_path / "ours", audio, tokens), *expected)


def test_output_that_is_the_embedding(engine, checkpoints, tmp_path):
    """Stored twice, held once; the tokens are upstream's."""
    model = reference.from_pretrained(checkpoints("micro"))
    model.proj_out.weight.copy_(model.get_input_embeddings().weight)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    assert "proj_out.weight" in load_file(tmp_path / "model.safetensors")
    model, exact = reference.load(tmp_path), reference.load(tmp_path, dtype=torch.float64)
    audio, options = clip(16079), {"max_new_tokens": 24}
    check_answer("output that is the embedding", engine.decode(tmp_path, [(audio, options)])[0]["tokens"],
                 lambda m: reference.generate(m, audio, options)["tokens"], model, exact)
