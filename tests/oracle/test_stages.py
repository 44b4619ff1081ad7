"""Every stage of the network on the official tiny model, against transformers."""

import pytest

pytest.importorskip("torch")
import reference  # noqa: E402
from clips import VOICES, have_voices  # noqa: E402
from compare import check_stages  # noqa: E402

CLIPS = ["beckett", "city_20_5", "city_14_30", "city_10_1", "voice_repeats", "noise", "quiet",
         "silence", "tone", "shortest"]
STEPS = 48


@pytest.mark.parametrize("name", CLIPS)
def test_stages(engine, model_dir, clips, reference_model, exact_model, name):
    if name in VOICES and not have_voices():
        pytest.skip("espeak-ng is not installed")
    audio = clips[name]
    tokens = reference.generate(exact_model, audio, {"max_new_tokens": STEPS})["tokens"][:STEPS]
    check_stages(name, engine.stages(model_dir, audio, tokens),
                 reference.stages(reference_model, audio, tokens),
                 reference.stages(exact_model, audio, tokens))
