"""make_expected.py - what transformers and peft give for the clips and settings of tests/cli.

Writes expected/decoding.txt (options of `potstill transcribe` and the token ids they lead to) and
expected/report_*.json (what the reference script would write). Run it when the micro model or the
clips change:

    python tests/cli/make_expected.py        # with tools/requirements.txt installed
"""
import json
import os
import re
import wave

import jiwer
import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import MoonshineForConditionalGeneration

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
MODEL = os.path.join(GOLDEN, "micro")
tokenizer = Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json"))


def load(path):
    with wave.open(os.path.join(HERE, path), "rb") as clip:
        data = clip.readframes(clip.getnframes())
    return torch.frombuffer(bytearray(data), dtype=torch.int16).float() / 32768


def normalize_loudness(samples):
    return (samples * (0.075 / samples.pow(2).mean().sqrt().item())).clamp(-1, 1)


def generate(model, samples, **settings):
    mask = torch.ones(1, len(samples), dtype=torch.long)
    with torch.no_grad():
        ids = model.generate(input_values=samples[None], attention_mask=mask, **settings)
    return ids[0].tolist()


def phrase(text, bias):
    return {tuple(tokenizer.encode(text, add_special_tokens=False).ids): bias}


# The options of the program, and the same as keywords of generate().
DECODING = [
    ("", {}),
    ("--decode greedy", {}),
    ("--num-beams 1", {}),
    ("--decode beam", {"num_beams": 5}),
    ("--decode beam --num-beams 3", {"num_beams": 3}),
    ("--num-beams 2", {"num_beams": 2}),
    ("--repetition-penalty 1.7", {"repetition_penalty": 1.7}),
    ("--no-repeat-ngram-size 1", {"no_repeat_ngram_size": 1}),
    ("--decode beam --no-repeat-ngram-size 2", {"num_beams": 5, "no_repeat_ngram_size": 2}),
    ("--suppress-tokens 262,301", {"suppress_tokens": [262, 301]}),
    ("--begin-suppress-tokens 262", {"begin_suppress_tokens": [262]}),
    ("--begin-suppress-tokens 301", {"begin_suppress_tokens": [301]}),
    ("--forced-bos-token-id 300", {"forced_bos_token_id": 300}),
    ("--forced-eos-token-id 2", {"forced_eos_token_id": 2}),
    ("--max-new-tokens 15 --min-length 14", {"max_new_tokens": 15, "min_length": 14}),
    ("--max-new-tokens 15 --min-new-tokens 14", {"max_new_tokens": 15, "min_new_tokens": 14}),
    ("--sequence-bias and=5", {"sequence_bias": phrase("and", 5.0)}),
    ("--sequence-bias and1=-9", {"sequence_bias": phrase("and1", -9.0)}),
    (
        "--sequence-bias and=4 --sequence-bias and1=-9",
        {"sequence_bias": phrase("and", 4.0) | phrase("and1", -9.0)},
    ),
]
# What ends a beam search, once its end is made likely enough.
EARLY_OPTIONS = "--max-new-tokens 20 --num-beams 3 --sequence-bias </s>=3"
EARLY = {"max_new_tokens": 20, "num_beams": 3, "sequence_bias": {(2,): 3.0}}
DECODING += [
    (EARLY_OPTIONS, EARLY),
    (f"{EARLY_OPTIONS} --early-stopping false", EARLY | {"early_stopping": False}),
    (f"{EARLY_OPTIONS} --early-stopping true", EARLY | {"early_stopping": True}),
    (f"{EARLY_OPTIONS} --early-stopping never", EARLY | {"early_stopping": "never"}),
    (
        f"{EARLY_OPTIONS} --early-stopping true --length-penalty 2",
        EARLY | {"early_stopping": True, "length_penalty": 2.0},
    ),
]


def write_decoding(model):
    clip = load("audio/chirp.wav")
    with open(os.path.join(HERE, "expected", "decoding.txt"), "w", encoding="utf-8") as out:
        for options, settings in DECODING:
            ids = generate(model, clip, **({"max_new_tokens": 10} | settings))
            out.write(f"{options}|{', '.join(map(str, ids))}\n")


# The manifest that test_run_stt.sh makes.
MANIFEST = [
    ("audio/chirp.wav", "It's InkdgwVwm!"),
    ("audio/hum.wav", "caf\u00e9"),
    ([round((i % 40) / 40 - 0.5, 3) for i in range(1600)], ""),
]


def normalize_text(text):
    return re.sub(r"[^\w\s]", "", text).lower().strip()


def write_report(name, model, adapter=None, loudness=True, num_beams=5):
    samples, references, predictions = [], [], []
    for index, (audio, reference) in enumerate(MANIFEST):
        clip = torch.tensor(audio) if isinstance(audio, list) else load(audio)
        clip = normalize_loudness(clip) if loudness else clip
        ids = generate(
            model,
            clip,
            num_beams=num_beams,
            repetition_penalty=1.3,
            no_repeat_ngram_size=2,
            early_stopping=True,
            max_new_tokens=max(10, min(int(len(clip) / 16000 * 5), 150)),
        )
        prediction = tokenizer.decode(ids)
        samples.append(
            {
                "index": index,
                "prediction": prediction,
                "reference": reference,
                "audio_path": audio if isinstance(audio, str) else None,
            }
        )
        if normalize_text(reference):
            references.append(normalize_text(reference))
            predictions.append(normalize_text(prediction))
    report = {
        "model_id": "micro",
        "adapter_dir": adapter,
        "processor_dir": None,
        "device": "cpu",
        "wer": jiwer.wer(references, predictions),
        "samples": samples,
    }
    path = os.path.join(HERE, "expected", f"report_{name}.json")
    with open(path, "w", encoding="utf-8") as out:
        out.write(json.dumps(report, indent=2))


def main():
    model = MoonshineForConditionalGeneration.from_pretrained(MODEL).eval()
    write_decoding(model)
    write_report("base", model)
    write_report("greedy", model, num_beams=1)
    write_report("loud", model, loudness=False)
    adapted = PeftModel.from_pretrained(model, os.path.join(GOLDEN, "adapter")).eval()
    write_report("adapter", adapted, adapter="adapter")


if __name__ == "__main__":
    main()
