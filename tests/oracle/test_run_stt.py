"""`potstill run-stt` against the script it replaces: whole reports, byte for byte."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import adapter_cases  # noqa: E402
import reference  # noqa: E402
import reference_script  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from clips import VOICES, have_voices, say  # noqa: E402
from compare import check_answer  # noqa: E402

BECKETT = ("Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.")


@pytest.fixture(scope="module")
def manifests(clips, tmp_path_factory):
    """name -> entries"""
    folder = tmp_path_factory.mktemp("manifests")
    beckett = str(clips.audio_dir / "beckett.wav")
    stereo = folder / "naïve \"stereo\".flac"
    soundfile.write(stereo, clips["city_13_10"][:, None].repeat(2, 1), 16000)
    made = {
        "scored": [
            {"audio": beckett, "text": BECKETT, "speaker_id": 3},
            {"audio": str(stereo), "text": "It was the winter of despair — don't you “know”?"},
        ],
        "no_text": [{"audio": beckett}],
        "some_text": [
            {"audio": beckett, "text": ""},
            {"audio": clips["city_20_5"].astype(float).tolist(), "text": "Éva, it was the epoch"},
            {"audio": {"array": clips["city_10_1"].astype(float).tolist(),
                       "sampling_rate": 16000}, "text": "...", "extra": [1]},
        ],
        "loud_and_long": [
            {"audio": clips["beckett_loud"].astype(float).tolist(), "text": BECKETT},
            {"audio": str(clips.audio_dir / "two_cities.wav"), "text": "It was the best of times"},
        ],
    }
    if have_voices():
        made["voices"] = []
        for name, voice in VOICES.items():
            say(str(folder / f"{name}.wav"), *voice)
            made["voices"].append({"audio": str(folder / f"{name}.wav"), "text": voice[2]})
    for name, entries in made.items():
        lines = [json.dumps(entry, ensure_ascii=name != "scored") for entry in entries]
        (folder / f"{name}.jsonl").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return folder, made


def report(potstill, run, folder, name, model, adapter=None, processor=None, words=()):
    out = folder / f"{name}.report.json"
    chosen = ["--adapter-dir", adapter] if adapter else []
    chosen += ["--processor-dir", processor] if processor else []
    run(potstill, "run-stt", "--model-id", model, *chosen, "--audio-list", folder / f"{name}.jsonl",
        "--output", out, *words)
    return out.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["scored", "no_text", "some_text", "loud_and_long", "voices"])
def test_report(potstill, run, manifests, model_dir, reference_model, exact_model, name):
    folder, made = manifests
    if name not in made:
        pytest.skip("espeak-ng is not installed")
    check_answer(name, report(potstill, run, folder, name, str(model_dir)),
                 lambda model: reference_script.run(model, made[name], str(model_dir)),
                 reference_model, exact_model)


def test_report_of_an_adapted_model(potstill, run, manifests, model_dir, tmp_path):
    folder, made = manifests
    adapter_cases.make_one(model_dir, tmp_path / "seed", "seed",
                           dict(r=8, lora_alpha=16, target_modules=adapter_cases.ENDINGS))
    where = str(model_dir), str(tmp_path / "seed"), str(model_dir)
    given = report(potstill, run, folder, "scored", *where, words=["--device", "cpu"])
    adapted = [reference.load(*where[:2], dtype) for dtype in (torch.float32, torch.float64)]
    check_answer("adapted", given, lambda model: reference_script.run(
        model, made["scored"], *where), *adapted)
    text = [sample["prediction"] for sample in json.loads(given)["samples"]]
    plain = json.loads(report(potstill, run, folder, "scored", str(model_dir)))
    assert text != [sample["prediction"] for sample in plain["samples"]]
