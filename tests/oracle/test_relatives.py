"""Adapted models: the methods, files and folders of relative_cases.py, unmerged on both sides."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import relative_cases  # noqa: E402
from adapted import check_adapter  # noqa: E402
from conftest import spread  # noqa: E402


@pytest.fixture(scope="module")
def adapters(model_dir, tmp_path_factory):
    return relative_cases.make_all(model_dir, tmp_path_factory.mktemp("relatives"))


def test_every_relative(adapters, engine, model_dir, clips, subtests):
    texts = set()
    for name, folder, peft_folder in spread(adapters):
        with subtests.test(name):
            texts.add(str(check_adapter(name, folder, engine, model_dir, clips, peft_folder)))
    assert len(texts) > len(spread(adapters)) // 3, "the adapters hardly change the text: a weak test"
