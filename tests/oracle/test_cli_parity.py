"""`potstill transcribe` on several kinds of sound files, against the stack fed by the same."""

import json

import numpy
import pytest

pytest.importorskip("torch")
import reference  # noqa: E402
import soundfile  # noqa: E402
from clips import load  # noqa: E402
from compare import check_answer  # noqa: E402

EXACT = ["transcribe", "--precision", "f32", "--window", "0"]
BEAM = {"num_beams": 5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2,
        "early_stopping": True, "max_new_tokens": 40}
BEAM_WORDS = ["--decode", "beam", "--repetition-penalty", "1.3", "--no-repeat-ngram-size", "2",
              "--early-stopping", "true", "--max-new-tokens", "40"]


@pytest.fixture(scope="module")
def files(clips, tmp_path_factory):
    """The same ten seconds in five guises, and a long recording."""
    folder = tmp_path_factory.mktemp("files")
    beckett = clips["beckett"]
    side = 0.5 * numpy.roll(beckett, 40)
    soundfile.write(folder / "mono.flac", beckett, 16000)
    soundfile.write(folder / "stereo.wav", numpy.stack([beckett, side], 1), 16000)
    soundfile.write(folder / "float.wav", beckett, 16000, subtype="FLOAT")
    soundfile.write(folder / "rate44.wav", beckett[::2], 44100)  # another pitch: other words
    soundfile.write(folder / "rate8.ogg", beckett[::2], 8000)
    return sorted(folder.iterdir()) + [clips.audio_dir / "two_cities.wav"]


@pytest.mark.parametrize("options, words", [({}, []), (BEAM, BEAM_WORDS)], ids=["greedy", "beam"])
def test_files(potstill, run, files, model_dir, reference_model, exact_model, options, words):
    done = run(potstill, *EXACT, "--model", model_dir, "--format", "json", *words, *files)
    results = json.loads(done.stdout)
    assert [result["file"] for result in results] == [str(path) for path in files]
    for path, result in zip(files, results):
        check_answer(path.name, result["tokens"],
                     lambda model: reference.generate(model, load(path), options)["tokens"],
                     reference_model, exact_model)
        assert result["text"] == reference.text_of(reference.tokenizer(model_dir),
                                                   result["tokens"])


def test_text_is_a_line(potstill, run, files, model_dir):
    words = [potstill, *EXACT, "--model", model_dir, files[0]]
    result, = json.loads(run(*words, "--format", "json").stdout)
    assert run(*words).stdout == result["text"] + "\n"
