"""Reports and numbers byte for byte as Python's json writes them, the rate as jiwer counts it.

    POTSTILL_AUDIO_DRIVER=build/release/tests/audio_driver \\
    POTSTILL_REPORT_DRIVER=build/release/tests/report_driver pytest tests/oracle/test_report.py
"""

import json
import os
import random
import re
import struct
import subprocess

import pytest

AUDIO_DRIVER = os.environ.get("POTSTILL_AUDIO_DRIVER", "")
REPORT_DRIVER = os.environ.get("POTSTILL_REPORT_DRIVER", "")
needs_numbers = pytest.mark.skipif(
    not os.path.isfile(AUDIO_DRIVER), reason="POTSTILL_AUDIO_DRIVER does not name the driver"
)
needs_reports = pytest.mark.skipif(
    not os.path.isfile(REPORT_DRIVER), reason="POTSTILL_REPORT_DRIVER does not name the driver"
)


def check_numbers(values):
    text = "".join(value.hex() + "\n" for value in values)
    result = subprocess.run([AUDIO_DRIVER, "repr"], input=text, capture_output=True, text=True,
                            check=True)
    got = result.stdout.splitlines()
    assert len(got) == len(values)
    wrong = [(repr(v), g) for v, g in zip(values, got) if repr(v) != g]
    assert not wrong, wrong[:10]


@needs_numbers
def test_every_rate_of_a_small_corpus():
    check_numbers([a / b for b in range(1, 300) for a in range(0, b + 20)])


@needs_numbers
def test_powers_of_two_and_ten_and_their_neighbours():
    values = [2.0**e for e in range(-1073, 1024)] + [float(f"1e{e}") for e in range(-322, 309)]
    bits = [struct.unpack("<q", struct.pack("<d", v))[0] for v in values]
    near = [struct.unpack("<d", struct.pack("<q", b + d))[0] for b in bits for d in (-1, 1)]
    check_numbers(values + near)


@needs_numbers
def test_random_bits():
    rng = random.Random(5)
    values = [struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0] for _ in range(50000)]
    check_numbers([v for v in values if v == v])


def normalize_text(text):
    return re.sub(r"[^\w\s]", "", text).lower().strip()


def expected_report(head, samples):
    jiwer = pytest.importorskip("jiwer")
    errors = words = 0
    items = []
    for index, (prediction, reference, audio_path, error) in enumerate(samples):
        item = {"index": index, "prediction": None if error else prediction,
                "reference": reference, "audio_path": audio_path}
        if error:
            item["error"] = error
        elif reference and normalize_text(reference):
            out = jiwer.process_words(normalize_text(reference), normalize_text(prediction))
            errors += out.substitutions + out.deletions + out.insertions
            words += out.substitutions + out.deletions + out.hits
        items.append(item)
    keys = ("model_id", "adapter_dir", "processor_dir", "device")
    report = dict(zip(keys, head), wer=errors / words if words else None, samples=items)
    return json.dumps(report, indent=2)


def check_report(head, samples):
    result = subprocess.run([REPORT_DRIVER], input=json.dumps([*head, samples]).encode(),
                            capture_output=True, check=True)
    assert result.stdout.decode("ascii") == expected_report(head, samples)


HEAD = ("UsefulSensors/moonshine-tiny", "out/adapter", None, "cpu")


@needs_reports
def test_empty():
    check_report(HEAD, [])
    check_report(("a\"\\\n\t\x7f\u00e9\u4f60\U0001f600", None, "", "cpu"), [])


@needs_reports
def test_all_kinds_of_samples():
    check_report(HEAD, [
        (" The cat sat on the mat.", "The cat sat on the mat", "clips/caf\u00e9.wav", None),
        (" Don't stop, it's twenty-one!", "dont stop its twenty one", None, None),
        ("anything", "", "a.wav", None),
        ("anything", None, "a.wav", None),
        ("anything", " ... ?!", "a.wav", None),
        (None, "never heard", "gone.wav", "gone.wav: no such file"),
        ("", "all of it missing", "b.wav", None),
        (" \U0001f600 \u2581 tab\there", "tab here", "c.wav", None),
    ])


@needs_reports
def test_random_corpora():
    rng = random.Random(11)
    words = "a the cat dog's sat on it \u00dcber stra\u00dfe na\u00efve 12 x-ray caf\u00e9".split()

    def sentence():
        return " ".join(rng.choice(words) + rng.choice(["", "", ",", "."])
                        for _ in range(rng.randrange(0, 12)))

    for _ in range(40):
        samples = [(sentence(), rng.choice([None, sentence(), sentence()]), None,
                    rng.choice([None, None, None, "failed"])) for _ in range(rng.randrange(0, 9))]
        check_report(HEAD, samples)
