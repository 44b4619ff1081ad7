"""What `potstill run-stt` stands in for: manifest in, report with word error rate out, in Python.

Written from the described behaviour of that script, on the stack it ran on. Loudness, search
settings and the report's keys are part of the description; nothing here is tuned to the engine.
"""

import json
import re

import jiwer
import numpy
import reference
import torch
from clips import RATE, load
from transformers import AutoProcessor

TARGET_RMS = 0.075
LEAST_RMS = 0.001


def read_manifest(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def samples_of(audio):
    if isinstance(audio, str):
        return load(audio)
    if isinstance(audio, dict):
        audio = audio["array"]
    return numpy.asarray(audio, dtype=numpy.float32)


def normalize_rms(samples):
    x = torch.from_numpy(samples)
    rms = torch.sqrt(torch.mean(x ** 2)).item()
    if rms <= LEAST_RMS:
        raise ValueError(f"Audio RMS ({rms}) is too low to normalize safely.")
    return torch.clamp(x * (TARGET_RMS / rms), -1.0, 1.0).numpy()


def generate_options(samples):
    duration = len(samples) / RATE
    return {
        "max_new_tokens": max(10, min(int(duration * 5), 150)), "num_beams": 5,
        "repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "early_stopping": True,
    }


def transcribe(model, processor, audio):
    samples = normalize_rms(samples_of(audio))
    inputs = processor(samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
    inputs["input_values"] = inputs["input_values"].to(reference.dtype_of(model))
    rows = model.generate(**inputs, do_sample=False, **generate_options(samples))
    return processor.tokenizer.batch_decode(rows, skip_special_tokens=True)[0]


def normalize_text(text):
    return re.sub(r"[^\w\s]", "", text).lower().strip()


def word_error_rate(samples):
    pairs = [(normalize_text(s["reference"]), normalize_text(s["prediction"]))
             for s in samples if s["reference"]]
    pairs = [(reference_text, text) for reference_text, text in pairs if reference_text]
    if not pairs:
        return None
    counts = [jiwer.process_words(reference_text, text) for reference_text, text in pairs]
    wrong = sum(c.substitutions + c.deletions + c.insertions for c in counts)
    return wrong / sum(c.substitutions + c.deletions + c.hits for c in counts)


def run(model, entries, model_id, adapter_dir=None, processor_dir=None):
    """The report as the text of the file; `model` is what reference.load() made of the folders."""
    processor = AutoProcessor.from_pretrained(processor_dir or model_id)
    samples = []
    for index, entry in enumerate(entries):
        audio = entry["audio"]
        samples.append({
            "index": index,
            "prediction": transcribe(model, processor, audio),
            "reference": entry.get("text", ""),
            "audio_path": audio if isinstance(audio, str) else None,
        })
    report = {
        "model_id": model_id, "adapter_dir": adapter_dir, "processor_dir": processor_dir,
        "device": "cpu", "wer": word_error_rate(samples), "samples": samples,
    }
    return json.dumps(report, indent=2)
