"""The reference stack behind small functions: transformers and peft decide what is right.

The one idea: a trace is what the unchanged upstream modules produced, caught by hooks; nothing here
repeats their arithmetic. The same tensor names and layouts ([frames or tokens, channels]) are used
by the committed goldens, by the program potstill_trace, and by the live tests.

Leaves comparing to compare.py, and the report of run-stt to reference_script.py.
"""

import contextlib
import copy
import pathlib

import numpy
import torch
import transformers
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from tokenizers import Tokenizer

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_grad_enabled(False)
# Newer than the pinned one, which decides where they differ.
NEWER = tuple(map(int, transformers.__version__.split(".")[:2])) > (5, 2)


@contextlib.contextmanager
def factored_in(dtype):
    """PiSSA and OLoRA factor the weights while an adapter is loaded, and LAPACK in float32 is up to 1e-5
    off: the truth to compare with is factored in float64."""
    svd, qr = torch.linalg.svd, torch.linalg.qr

    def widened(factor):
        return lambda weight, **options: tuple(part.to(weight.dtype) for part in
                                               factor(weight.to(dtype), **options))

    torch.linalg.svd, torch.linalg.qr = widened(svd), widened(qr)
    try:
        yield
    finally:
        torch.linalg.svd, torch.linalg.qr = svd, qr


def from_pretrained(model_dir):
    """The model of either family, in float32."""
    config = transformers.AutoConfig.from_pretrained(str(model_dir))
    family = (transformers.MoonshineStreamingForConditionalGeneration
              if config.model_type == "moonshine_streaming"
              else transformers.MoonshineForConditionalGeneration)
    return family.from_pretrained(str(model_dir), dtype=torch.float32)


def load(model_dir, adapter_dir=None, dtype=torch.float32):
    """The model as upstream opens it, computing in `dtype`; the adapter stays unmerged.

    Weights stored as float16 or bfloat16 are widened before anything is computed: potstill always
    computes in float32, and so does this oracle.
    """
    model = from_pretrained(model_dir)
    if adapter_dir is not None:
        with factored_in(dtype):
            model = PeftModel.from_pretrained(model, str(adapter_dir))
    return model.to(dtype).eval()


def load_several(model_dir, adapters, dtype=torch.float32):
    """The model with [(folder, weight), ...] active together, scales multiplied by the weights."""
    model = from_pretrained(model_dir)
    names = [f"adapter{number}" for number in range(len(adapters))]
    for name, (folder, weight) in zip(names, adapters):
        with factored_in(dtype):
            if isinstance(model, PeftModel):
                model.load_adapter(str(folder), name)
            else:
                model = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
        for module in model.modules():
            if isinstance(module, LoraLayer) and name in module.scaling:
                module.scaling[name] *= weight
    model.base_model.set_adapter(names)
    return model.to(dtype).eval()


def moonshine(model):
    """The MoonshineForConditionalGeneration inside `model`, adapted or not."""
    return model.base_model.model if isinstance(model, PeftModel) else model


def dtype_of(model):
    return next(model.parameters()).dtype


def is_streaming(model):
    return moonshine(model).config.model_type == "moonshine_streaming"


def inputs(model, audio):
    """What the processor makes of `audio` [samples]: a streaming model's is padded to whole frames, and
    masked there."""
    audio = torch.from_numpy(numpy.asarray(audio, dtype=numpy.float32)).to(dtype_of(model))
    padding = -len(audio) % 80 if is_streaming(model) else 0
    mask = torch.cat([torch.ones(len(audio), dtype=torch.long), torch.zeros(padding, dtype=torch.long)])
    return {"input_values": torch.nn.functional.pad(audio, (0, padding))[None],
            "attention_mask": mask[None]}


def stages(model, audio, decoder_tokens):
    """Every stage for `audio` [samples] and forced `decoder_tokens`: name -> array, time first."""
    inner = moonshine(model)
    encoder, decoder = inner.model.encoder, inner.model.decoder
    seen = {}
    hooks = []

    def keep(name, value, channels_first=False):
        value = value[0] if isinstance(value, tuple) else value
        value = value[0].T if channels_first else value[0]
        seen[name] = value.detach().double().numpy().copy()

    def before(module, name, channels_first=True):
        hooks.append(module.register_forward_pre_hook(
            lambda _, args: keep(name, args[0], channels_first)))

    def after(module, name, channels_first=False):
        hooks.append(module.register_forward_hook(
            lambda _, args, out: keep(name, out, channels_first)))

    if is_streaming(model):
        before(encoder.layers[0], "embedder", channels_first=False)
    else:
        before(encoder.groupnorm, "conv1")  # the input of a stage is the output of the one before,
        after(encoder.groupnorm, "groupnorm", channels_first=True)
        before(encoder.conv3, "conv2")      # its activation included
        before(encoder.layers[0], "conv3", channels_first=False)
    for i, layer in enumerate(encoder.layers):
        after(layer, f"encoder.{i}")
    after(encoder.final_norm if is_streaming(model) else encoder.layer_norm, "memory")
    for i, layer in enumerate(decoder.layers):
        after(layer, f"decoder.{i}")
    try:
        given = inputs(model, audio)
        if not is_streaming(model):
            del given["attention_mask"]
        out = model(**given, decoder_input_ids=torch.tensor([list(decoder_tokens)]))
    finally:
        for hook in hooks:
            hook.remove()
    seen["logits"] = out.logits[0].double().numpy().copy()
    return seen


def generate_arguments(options):
    """Options as the JSON of goldens and of potstill_trace spells them, to generate()'s arguments."""
    arguments = dict(options)
    if "sequence_bias" in arguments:
        arguments["sequence_bias"] = {
            tuple(tokens): float(bias) for tokens, bias in arguments["sequence_bias"]}
    return arguments


def generate(model, audio, options):
    """generate() on one clip: {"tokens": row as returned, "score": of the winning beam, else 0}."""
    out = model.generate(
        **inputs(model, audio),
        return_dict_in_generate=True, output_scores=True, do_sample=False,
        **generate_arguments(options))
    score = getattr(out, "sequences_scores", None)
    return {
        "tokens": out.sequences[0].tolist(),
        "score": 0.0 if score is None else float(score[0]),
    }


def avg_logprob(model, audio, tokens):
    """Mean log-probability of the generated tokens, before any rule, by one forced pass."""
    logits = model(**inputs(model, audio), decoder_input_ids=torch.tensor([tokens[:-1]])).logits[0]
    chosen = torch.log_softmax(logits.double(), dim=-1)[
        torch.arange(len(tokens) - 1), torch.tensor(tokens[1:])]
    return float(chosen.mean())


def shaken(model, relative=2e-6, seed=0):
    """A copy of `model` with every weight off by about `relative`: whatever changes with it hangs on
    rounding, and no two correct implementations need agree on it."""
    twin = copy.deepcopy(model)
    random = torch.Generator().manual_seed(seed)
    for tensor in twin.parameters():
        noise = torch.randn(tensor.shape, generator=random, dtype=torch.float64)
        tensor.mul_((1 + relative * noise).to(tensor.dtype))
    return twin


def tokenizer(folder):
    return Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))


def text_of(tokenizer, tokens):
    return tokenizer.decode(tokens, skip_special_tokens=True)
