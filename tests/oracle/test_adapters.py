"""Adapted models: every adapter PEFT writes for adapter_cases.py, unmerged on both sides."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import adapter_cases  # noqa: E402
from adapted import check_adapter  # noqa: E402
from conftest import spread  # noqa: E402


@pytest.fixture(scope="module")
def adapters(model_dir, tmp_path_factory):
    return adapter_cases.make_all(model_dir, tmp_path_factory.mktemp("adapters"))


# Together: what each adds is summed in this order, with these weights. (PEFT cannot load an adapter
# after one with tokens, nor run several beside a saved proj_out.)
TOGETHER = {
    "two": [("seed", 1), ("attention", 1)],
    "two_weighted": [("seed", 0.5), ("convolutions_too", -1.25)],
    "three": [("rank_1", 1), ("embedding_and_output", 2), ("lora_bias", 0.7)],
    "same_twice": [("attention", 0.25), ("attention", 0.25)],
    "dora_first": [("dora", 1), ("attention", 1), ("saved_norms", 1)],
    "dora_last": [("attention", 0.8), ("convolutions_too", 1), ("dora", 0.6)],
    "dora_twice": [("dora", 1.3), ("dora_convolutions", 0.9), ("dora_rslora_negative", 0.4)],
    "dora_embeddings": [("embedding", 0.5), ("dora_embedding", 1.5), ("output_layer", 1)],
    "saved": [("saved_layernorms", 0.5), ("attention", 1)],
    "tokens": [("seed", 0.5), ("tokens", 0.5)],
    "pissa": [("pissa", 1), ("convolutions", 0.5)],
}


def test_adapters_together(adapters, engine, model_dir, clips, subtests):
    folders = dict(adapters)
    for name, parts in TOGETHER.items():
        with subtests.test(name):
            several = [(folders[part], weight) for part, weight in parts]
            check_adapter(f"together_{name}", several, engine, model_dir, clips)


def test_every_adapter(adapters, engine, model_dir, clips, subtests):
    texts = set()
    for name, folder in spread(adapters):
        with subtests.test(name):
            texts.add(str(check_adapter(name, folder, engine, model_dir, clips)))
    assert len(texts) > len(spread(adapters)) // 3, "the adapters hardly change the text: a weak test"
