"""Adapted models: the methods, files and folders of relative_cases.py, unmerged on both sides."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import reference  # noqa: E402
import relative_cases  # noqa: E402
import torch  # noqa: E402
from compare import check_decoding, check_stages  # noqa: E402
from conftest import spread  # noqa: E402

SCRIPT = {"num_beams": 5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2,
          "early_stopping": True, "max_new_tokens": 40}
ASKED = [("city_20_5", {}), ("city_20_5", SCRIPT), ("beckett_1", {"max_new_tokens": 20})]
STEPS = 16


@pytest.fixture(scope="module")
def adapters(model_dir, tmp_path_factory):
    return relative_cases.make_all(model_dir, tmp_path_factory.mktemp("relatives"))


def check_adapter(name, folder, peft_folder, engine, model_dir, clips):
    model = reference.load(model_dir, peft_folder)
    exact = reference.load(model_dir, peft_folder, torch.float64)
    audio = clips["city_20_5"]
    asked = [(clips[clip], options) for clip, options in ASKED]
    answers = engine.decode(model_dir, asked, adapter=folder)
    forced = answers[0]["tokens"][:STEPS]
    check_stages(name, engine.stages(model_dir, audio, forced, adapter=folder),
                 reference.stages(model, audio, forced), reference.stages(exact, audio, forced))
    for number, (question, ours) in enumerate(zip(asked, answers)):
        check_decoding(f"{name}-{number}", ours, model, exact, *question)
    return [ours["tokens"] for ours in answers]


def test_every_relative(adapters, engine, model_dir, clips, subtests):
    texts = set()
    for name, folder, peft_folder in spread(adapters):
        with subtests.test(name):
            texts.add(str(check_adapter(name, folder, peft_folder, engine, model_dir, clips)))
    assert len(texts) > len(spread(adapters)) // 3, "the adapters hardly change the text: a weak test"
