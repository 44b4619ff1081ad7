#!/usr/bin/env python3
"""Makes examples/tower: a PEFT LoRA adapter that teaches moonshine-tiny to write down what air
traffic control says, and the clips that show it.

The idea to hold: everything comes from this file. Phrases are composed from the word lists below,
espeak-ng speaks them, numpy makes them sound like a radio, PEFT trains on them. No recording, no
corpus, no download but the base model. TEST is written out by hand so that the example's clips do
not depend on any generator; no phrase of it is ever trained on.

    tools/train_example_adapter.py --model models/moonshine-tiny \\
        --out examples/tower/adapter --clips examples/tower/clips

Run it from the root of the checkout: the manifest written beside the clips' folder names them
relative to the working directory. Needs espeak-ng and the packages of tools/requirements.txt.
OMP_WAIT_POLICY=passive in the environment helps where the cores are shared, and changes no result.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time

import jiwer
import numpy as np
import soundfile as sf
import soxr
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

RATE_HZ = 16000
SEED = 7

# ------------------------------------------------------------------------------------- language

AIRLINES = ("Lufthansa Speedbird Ryanair Delta United Emirates Swissair Cactus Finnair "
            "Shamrock").split()
DIGITS = "zero one two three four five six seven eight niner".split()
FIXES = "Rokan Budop Larma Tensa Vebit Oskun Madog Kelip".split()  # invented waypoints
UNITS = "tower ground approach".split()
LETTERS = "alpha bravo charlie delta echo foxtrot golf hotel kilo lima".split()

# Seven ways English sounds in espeak-ng: four accents, three of them with another speaker's pitch
# and formants (+f: female, +m: male).
VOICES = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us+f3", "en-gb+f2", "en-us+m3"]

# (voice, words per minute, what is said). Two of the voices, en-029 and en-gb-x-gbclan, are never
# trained on. No phrase repeats a pair of words: the reference script decodes with
# no_repeat_ngram_size 2, under which no model can write "zero zero zero".
TEST = [
    ("en-us", 150, "Lufthansa four five niner descend and maintain flight level two one zero"),
    ("en-gb", 160, "Speedbird seven two turn left heading three zero five"),
    ("en-gb-scotland", 145, "Ryanair six one eight contact tower on one two four decimal seven"),
    ("en-us+f3", 155, "Delta eight three cleared to land runway two six left"),
    ("en-gb-x-rp", 150, "United five zero niner squawk four seven one three"),
    ("en-gb+f2", 145, "Emirates two eight proceed direct Budop"),
    ("en-us+m3", 160, "Finnair three six one climb to flight level two eight zero expedite"),
    ("en-029", 150, "Swissair niner four hold short of runway one five right"),
    ("en-us", 145, "Cactus one seven six reduce speed two three zero knots"),
    ("en-gb", 150, "Shamrock five eight wind two seven zero degrees one niner knots"),
    ("en-gb-scotland", 155, "Lufthansa three eight taxi to holding point kilo via echo"),
    ("en-us+f3", 150, "Speedbird six niner one cleared for takeoff runway zero eight"),
    ("en-gb-x-gbclan", 150, "Ryanair two five seven proceed direct Vebit"),
    ("en-gb-x-rp", 160, "Delta niner one four turn right heading zero six eight"),
    ("en-us+m3", 145, "United three seven contact ground on one two one decimal niner"),
    ("en-gb+f2", 150, "Emirates two seven one go around climb straight ahead"),
    ("en-us", 160, "Swissair eight one squawk six three five zero"),
    ("en-029", 145, "Finnair five two niner descend and maintain flight level one six zero"),
    ("en-gb", 155, "Cactus seven four line up and wait runway three one"),
    ("en-gb-x-rp", 145, "Shamrock one niner eight proceed direct Oskun then turn left heading two "
                        "four zero"),
]


def compose(rng):
    """One phrase as a controller would say it."""

    def num(count):
        return " ".join(rng.choice(DIGITS) for _ in range(count))

    def side():
        return rng.choice(["left", "right"])

    orders = [
        lambda: f"descend and maintain flight level {num(3)}",
        lambda: f"climb to flight level {num(3)}" + rng.choice(["", " expedite"]),
        lambda: f"turn {side()} heading {num(3)}",
        lambda: f"contact {rng.choice(UNITS)} on {num(3)} decimal {num(1)}",
        lambda: f"cleared to land runway {num(2)} {side()}",
        lambda: f"cleared for takeoff runway {num(2)}",
        lambda: f"squawk {num(4)}",
        lambda: f"proceed direct {rng.choice(FIXES)}",
        lambda: f"proceed direct {rng.choice(FIXES)} then turn {side()} heading {num(3)}",
        lambda: f"hold short of runway {num(2)} {side()}",
        lambda: f"reduce speed {num(3)} knots",
        lambda: f"wind {num(3)} degrees {num(2)} knots",
        lambda: f"taxi to holding point {rng.choice(LETTERS)} via {rng.choice(LETTERS)}",
        lambda: "go around climb straight ahead",
        lambda: f"line up and wait runway {num(2)}",
    ]
    return f"{rng.choice(AIRLINES)} {num(rng.randint(2, 3))} {rng.choice(orders)()}"


def training_set(count):
    """`count` different (voice, words per minute, phrase), none of them in TEST."""
    rng = random.Random(SEED)
    seen = {text for _, _, text in TEST}
    phrases = []
    while len(phrases) < count:
        text = compose(rng)
        if text not in seen:
            seen.add(text)
            i = len(phrases)
            phrases.append((VOICES[i % len(VOICES)], 140 + 7 * i % 30, text))
    return phrases


# ---------------------------------------------------------------------------------------- sound


def radio(samples, rng):
    """What an aircraft radio leaves of a voice: 300 to 3400 Hz, with some hiss in the same band."""
    hiss = rng.standard_normal(len(samples)).astype(np.float32)
    hiss *= 0.03 * np.sqrt(np.mean(samples**2))  # 30 dB below the voice
    spectrum = np.fft.rfft(samples + hiss)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def speak(voice, words_per_minute, text, path, seed):
    """Writes the phrase as 16-bit mono FLAC at 16 kHz."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", wav.name, text]
        subprocess.run(command, check=True)
        samples, rate = sf.read(wav.name, dtype="float32")
    samples = radio(soxr.resample(samples, rate, RATE_HZ), np.random.default_rng(seed))
    samples *= 0.6 / np.abs(samples).max()
    sf.write(path, samples, RATE_HZ, subtype="PCM_16")


def load(path):
    """Samples at the loudness the reference script gives every clip: an RMS of 0.075."""
    samples, _ = sf.read(path, dtype="float32")
    return np.clip(samples * (0.075 / np.sqrt(np.mean(samples**2))), -1, 1).astype(np.float32)


# ------------------------------------------------------------------------------------- training


def train(model, processor, examples, epochs, rate, accumulate=4):
    """Teacher forcing, one clip at a time.

    Clips are not padded into batches: the encoder's GroupNorm takes its statistics over the whole
    clip, padding included, and at run time there is none. Gradients of `accumulate` clips add up to
    one step instead.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate)
    steps = epochs * len(examples) // accumulate
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, steps // 20, steps)
    rng = random.Random(SEED)
    began = time.monotonic()
    for epoch in range(epochs):
        model.train()
        rng.shuffle(examples)
        total = 0.0
        for i, (text, samples) in enumerate(examples):
            inputs = processor(samples, sampling_rate=RATE_HZ, return_tensors="pt")
            # <s> comes from the tokenizer; the end token is ours to add.
            ids = torch.tensor([processor.tokenizer(text).input_ids + [model.config.eos_token_id]])
            logits = model(**inputs, decoder_input_ids=ids[:, :-1]).logits
            loss = torch.nn.functional.cross_entropy(logits[0], ids[0, 1:])
            (loss / accumulate).backward()
            total += loss.item()
            if i % accumulate == accumulate - 1:
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
            if i % 50 == 49:
                print(f"  epoch {epoch + 1} clip {i + 1:3d} mean loss {total / (i + 1):.4f} "
                      f"{time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began


# ----------------------------------------------------------------------------------- evaluation


def decodings(samples):
    """The two ways to decode that the example is judged by: plain, and the reference script's."""
    limit = max(10, min(int(len(samples) / RATE_HZ * 5), 150))
    return {
        "greedy": {},
        "run-stt": dict(num_beams=5, repetition_penalty=1.3, no_repeat_ngram_size=2,
                        early_stopping=True, max_new_tokens=limit),
    }


def transcribe(model, processor, samples, settings):
    inputs = processor(samples, sampling_rate=RATE_HZ, return_tensors="pt")
    with torch.inference_mode():
        ids = model.generate(**inputs, do_sample=False, **settings)
    return processor.batch_decode(ids, skip_special_tokens=True)[0]


def normalize(text):
    return re.sub(r"[^\w\s]", "", text).lower().strip()


def spell(text):
    """Figures as the words a controller says: what of the error is more than a way of writing."""
    return re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text)


def evaluate(name, model, processor, clips):
    """Prints each transcript and the word error rates. Returns {decoding: rate}."""
    model.eval()
    rates = {}
    for decoding in ("greedy", "run-stt"):
        heard = []
        for path, text in clips:
            samples = load(path)
            heard.append(transcribe(model, processor, samples, decodings(samples)[decoding]))
            mark = " " if normalize(heard[-1]) == normalize(text) else "*"
            print(f"  {os.path.basename(path)} {mark} {heard[-1]}")
        references = [normalize(text) for _, text in clips]
        rates[decoding] = jiwer.wer(references, [normalize(h) for h in heard])
        spelled = jiwer.wer(references, [normalize(spell(h)) for h in heard])
        print(f"{name}, {decoding}: WER {rates[decoding]:.2%} over {len(clips)} clips "
              f"({spelled:.2%} with figures spelled out)", flush=True)
    return rates


# --------------------------------------------------------------------------------------- output


def write_clips(folder):
    """TEST as FLAC, with its manifest beside the folder. Returns [(path, text)]."""
    os.makedirs(folder, exist_ok=True)
    clips = []
    for i, (voice, words_per_minute, text) in enumerate(TEST):
        path = os.path.join(folder, f"{i + 1:02d}.flac")
        speak(voice, words_per_minute, text, path, seed=1000000 + i)
        clips.append((path, text))
    with open(os.path.join(os.path.dirname(folder), "manifest.jsonl"), "w") as manifest:
        for path, text in clips:
            manifest.write(json.dumps({"audio": path, "text": text}) + "\n")
    return clips


def save(model, folder, base_name):
    """The adapter and its settings; of what else PEFT writes, nothing.

    What the settings say of this machine (a path, the order of a set) is put right, so that the
    same training writes the same bytes.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        shutil.copy(os.path.join(made, "adapter_model.safetensors"), folder)
        with open(os.path.join(made, "adapter_config.json")) as file:
            settings = json.load(file)
    settings["base_model_name_or_path"] = base_name
    settings["target_modules"].sort()
    with open(os.path.join(folder, "adapter_config.json"), "w") as file:
        json.dump(settings, file, indent=2, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="Hugging Face folder of moonshine-tiny")
    parser.add_argument("--out", required=True, help="folder to write the adapter to")
    parser.add_argument("--clips", required=True, help="folder to write the test clips to")
    parser.add_argument("--base-name", default="UsefulSensors/moonshine-tiny",
                        help="base_model_name_or_path to record in the adapter")
    parser.add_argument("--phrases", type=int, default=420)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=2, help="part of the recipe: sums follow it")
    options = parser.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    processor = transformers.AutoProcessor.from_pretrained(options.model)

    def base():
        return transformers.MoonshineForConditionalGeneration.from_pretrained(
            options.model, dtype=torch.float32)

    clips = write_clips(options.clips.rstrip("/"))
    print(f"{len(clips)} clips, {sum(os.path.getsize(p) for p, _ in clips)} bytes", flush=True)
    before = evaluate("base", base(), processor, clips)

    with tempfile.TemporaryDirectory() as folder:
        examples = []
        for i, (voice, words_per_minute, text) in enumerate(training_set(options.phrases)):
            path = os.path.join(folder, f"{i:04d}.flac")
            speak(voice, words_per_minute, text, path, seed=i)
            examples.append((text, load(path)))

    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]
    model = get_peft_model(base(), LoraConfig(r=8, lora_alpha=16, lora_dropout=0.05, bias="none",
                                              target_modules=targets))
    model.print_trainable_parameters()
    seconds = train(model, processor, examples, options.epochs, options.rate)
    print(f"trained {options.epochs} epochs of {len(examples)} phrases in {seconds:.0f} s")
    save(model, options.out, options.base_name)

    # Judged as a user would load it, from the files.
    after = evaluate("adapter", PeftModel.from_pretrained(base(), options.out), processor, clips)
    for decoding in before:
        print(f"{decoding}: WER {before[decoding]:.2%} -> {after[decoding]:.2%}")


if __name__ == "__main__":
    main()
