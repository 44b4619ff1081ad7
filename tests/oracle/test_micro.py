"""The committed goldens against the stack of today, and the command line against the goldens.

The unit tests hold the engine to the goldens; here the goldens are held to what transformers
computes now, so that neither can drift alone.
"""

import json

import pytest
from conftest import GOLDEN

numpy = pytest.importorskip("numpy")
pytest.importorskip("torch")
import reference  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

# The tones of the tests are no speech.
ALL_SOUND = ["--vad", "off", "--no-guard"]

MODELS = {folder.name: (folder, None) for folder in sorted(GOLDEN.glob("micro*"))}
MODELS["adapter"] = GOLDEN / "micro", GOLDEN / "adapter"
EVERY = 7  # of the some hundred cases of one model

FLAGS = {  # option of generate() -> option of the command line, where the value is spelled the same
    "num_beams": "--num-beams", "max_new_tokens": "--max-new-tokens",
    "repetition_penalty": "--repetition-penalty", "length_penalty": "--length-penalty",
    "no_repeat_ngram_size": "--no-repeat-ngram-size", "min_length": "--min-length",
    "min_new_tokens": "--min-new-tokens", "forced_bos_token_id": "--forced-bos-token-id",
    "forced_eos_token_id": "--forced-eos-token-id",
}


def golden(name):
    folder = GOLDEN / name
    return (load_file(folder / "trace.safetensors"),
            json.loads((folder / "decoding.json").read_text()))


@pytest.mark.parametrize("name", MODELS)
def test_goldens_are_what_transformers_gives(name):
    trace, cases = golden(name)
    model = reference.load(*MODELS[name], torch.float64)
    stages = reference.stages(model, trace["audio0"], trace["decoder_tokens"])
    for stage, values in stages.items():
        numpy.testing.assert_allclose(trace[stage], values, rtol=1e-6, atol=1e-7, err_msg=stage)
    for case in cases[::EVERY if len(cases) > 50 else 1]:
        given = reference.generate(model, trace[case["audio"]], case["options"])
        assert given["tokens"] == case["tokens"], case["options"]
        assert given["score"] == pytest.approx(case["score"], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_engine_gives_the_goldens(engine, name):
    trace, cases = golden(name)
    model_dir, adapter = MODELS[name]
    asked = [(trace[case["audio"]], case["options"]) for case in cases]
    answers = engine.decode(model_dir, asked, adapter=adapter)
    for case, answer in zip(cases, answers):
        assert answer["tokens"] == case["tokens"], case["options"]
        assert answer["text"] == case["text"]
        assert answer["score"] == pytest.approx(case["score"], rel=2e-4, abs=2e-4)
        assert answer["avg_logprob"] == pytest.approx(case["avg_logprob"], abs=1e-4)


def arguments(options):
    """`options` as the command line spells them; None where it cannot (biases are texts there)."""
    words = []
    for key, value in options.items():
        if key in ("suppress_tokens", "begin_suppress_tokens"):
            words += ["--" + key.replace("_", "-"), ",".join(map(str, value))]
        elif key == "early_stopping":
            words += ["--early-stopping", str(value).lower()]
        elif key in FLAGS:
            words += [FLAGS[key], str(value)]
        else:
            return None
    return words


@pytest.mark.parametrize("name", MODELS)
def test_command_line_gives_the_goldens(potstill, run, tmp_path, name):
    trace, cases = golden(name)
    model_dir, adapter = MODELS[name]
    for key, samples in trace.items():
        if key.startswith("audio"):
            soundfile.write(tmp_path / f"{key}.wav", samples, 16000, subtype="FLOAT")
    tried = 0
    for case in cases[::EVERY if len(cases) > 50 else 1]:
        words = arguments(case["options"])
        if words is None:
            continue
        adapted = ["--adapter", adapter] if adapter else []
        done = run(potstill, "transcribe", *ALL_SOUND, "--precision", "f32", "--model", model_dir, *adapted,
                   "--format", "json", *words, tmp_path / f"{case['audio']}.wav")
        given, = json.loads(done.stdout)
        assert given["tokens"] == case["tokens"], case["options"]
        assert given["text"] == case["text"]
        tried += 1
    assert tried >= 4
