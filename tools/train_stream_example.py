#!/usr/bin/env python3
"""Makes examples/commands: a small streaming model that hears spoken commands, trained from nothing,
a LoRA adapter for a voice it does not know, and the clips that show both.

The idea to hold: everything comes from four files. commands_language.py composes sentences,
espeak.py speaks them, commands_sound.py makes them sound like a room, and this file makes
tokenizer, model and adapter of them; no recording, no corpus and no other model is used. Seeds are
fixed and sums are made by one thread.

    tools/train_stream_example.py --out examples/commands

Run it from the root of the checkout: the manifest names clips relative to it. Needs espeak-ng and
the packages of tools/requirements.txt.
"""
import argparse
import json
import math
import pathlib
import pickle
import random
import shutil
import tempfile
import time

import commands_language
import jiwer
import numpy as np
import peft
import soundfile as sf
import tokenizers
import torch
import transformers
from commands_sound import Augmenter, hiss, record, stranger
from safetensors.torch import load_file, save_file
from torch.nn import functional

RATE_HZ = 16000
SEED = 11
STRANGERS = 8  # of the clips: those by the voice that the base does not know
ADAPTED = 500  # sentences to train its adapter on
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]
BOS, EOS, PAD = 1, 2, 0
WORDS, WORDS_MOST = {}, 512  # what espeak-ng says in one go, to a number

# ------------------------------------------------------------------------------------ tokenizer


def make_tokenizer(texts, pieces=704):
    """Byte pairs in the layout of the published Moonshine tokenizers, learned from `texts`."""
    split = {"type": "Split", "pattern": {"String": "\u2581"}, "behavior": "MergedWithNext",
             "invert": False}
    spaces = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    marks = ["<unk>", "<s>", "</s>"]
    fixed = marks + [f"<0x{byte:02X}>" for byte in range(256)]
    empty = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
             "normalizer": spaces, "pre_tokenizer": split, "post_processor": None, "decoder": None,
             "model": {"type": "BPE", "vocab": {}, "merges": []}}
    learner = tokenizers.Tokenizer.from_str(json.dumps(empty))
    # Within words only, which the learner's split sees to: the published layout has no split.
    learner.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(
        vocab_size=pieces - len(fixed), show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    vocab = fixed + sorted(learned["vocab"], key=learned["vocab"].get)
    made = {
        **empty,
        "added_tokens": [{"id": place, "content": mark, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}
                         for place, mark in enumerate(marks)],
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                     {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                  "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "ignore_merges": False,
                  "vocab": {piece: place for place, piece in enumerate(vocab)},
                  "merges": learned["merges"]},
    }
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer.from_str(json.dumps(made)), unk_token="<unk>",
        bos_token="<s>", eos_token="</s>", pad_token="<unk>")


def make_processor(texts):
    listener = transformers.Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=RATE_HZ, padding_value=0.0, do_normalize=False,
        return_attention_mask=True)
    return transformers.MoonshineStreamingProcessor(listener, make_tokenizer(texts))


# ---------------------------------------------------------------------------------------- model

WIDTH, HEADS, LAYERS = 96, 4, 5


def make_model(vocab):
    encoder = dict(hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
                   num_attention_heads=HEADS, num_key_value_heads=HEADS, head_dim=WIDTH // HEADS,
                   max_position_embeddings=1024,
                   sliding_windows=[[16, 4], [16, 4], [16, 0], [16, 4], [16, 4]])
    config = transformers.MoonshineStreamingConfig(
        encoder_config=encoder, vocab_size=vocab, hidden_size=WIDTH, intermediate_size=2 * WIDTH,
        num_hidden_layers=2, num_attention_heads=HEADS, head_dim=WIDTH // HEADS,
        decoder_start_token_id=BOS, max_position_embeddings=1024,  # 20 seconds of sound
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.75))
    model = transformers.MoonshineStreamingForConditionalGeneration(config)
    model.generation_config.max_length = 96  # more than two commands have
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "emb" not in name:
                weight.mul_(3)  # the library's start suits models ten times as wide
        embedder, decoder = model.model.encoder.embedder, model.model.decoder
        embedder.linear.weight.copy_(filters(embedder.frame_len, WIDTH))
        decoder.pos_emb.weight.copy_(waves(*decoder.pos_emb.weight.shape))
    return model


def filters(samples, count):
    """A start for the first layer [count, samples]: tones of count/4 frequencies, each as sine and
    cosine of both signs, whose rectified sum tells how loud the frequency is."""
    highest = 3.2 * math.log10(1 + 7600 / 700)
    mel = torch.linspace(3.2 * math.log10(1 + 150 / 700), highest, count // 4)
    hz = 700 * (10 ** (mel / 3.2) - 1)
    time_s = (torch.arange(samples) - (samples - 1) / 2) / RATE_HZ
    angle = 2 * math.pi * hz[:, None] * time_s
    window = torch.hann_window(samples, periodic=False)
    tones = torch.cat([angle.cos(), -angle.cos(), angle.sin(), -angle.sin()]) * window
    return tones / tones.norm(dim=1, keepdim=True)


def waves(positions, width):
    """A start for the positions [positions, width]: sines, so that what lies beyond the longest clip
    continues what was learned."""
    rate = torch.exp(-torch.arange(0, width, 2) / width * math.log(1000.0))
    angle = torch.arange(positions)[:, None] * rate
    return 0.3 * torch.cat([angle.sin(), angle.cos()], dim=1)


# ------------------------------------------------------------------------------------- training


def batches(augmenter, processor, order, seconds=20.0):
    """Clips of like lengths side by side, `seconds` of sound a batch."""
    pool = 512
    for first in range(0, len(order), pool):
        clips = [augmenter.clip(index) for index in order[first:first + pool]]
        clips.sort(key=lambda clip: len(clip[0]))
        made, batch = [], []
        for clip in clips:
            if batch and len(clip[0]) * (len(batch) + 1) > seconds * RATE_HZ:
                made.append(batch)
                batch = []
            batch.append(clip)
        made.append(batch)
        augmenter.random.shuffle(made)
        for batch in made:
            yield collate(batch, processor)


def collate(batch, processor):
    longest = max(len(samples) for samples, _, _ in batch)
    longest += -longest % 80
    sound = torch.zeros(len(batch), longest)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    ids = [processor.tokenizer(text).input_ids + [EOS] for _, text, _ in batch]
    tokens = torch.full((len(batch), max(map(len, ids))), PAD)
    words = torch.zeros(len(batch), (longest // 80 + 3) // 4, dtype=torch.long)
    for row, ((samples, _, spans), line) in enumerate(zip(batch, ids)):
        sound[row, :len(samples)] = torch.from_numpy(samples)
        mask[row, :len(samples)] = 1
        tokens[row, :len(line)] = torch.tensor(line)
        for word, first, last in spans:
            known = WORDS.setdefault(word, len(WORDS) + 1)
            begin, middle, end = (int(place // 320) for place in (first, first + 0.3 * (last - first), last))
            words[row, begin:middle] = -100
            words[row, middle:end] = known
    return sound, mask, tokens, words


def loss_of(model, head, batch, share):
    """Teacher forcing, and for a `share` which word is being said in each frame of the encoder, told by a
    `head` that is thrown away: espeak-ng says where words begin, so that the encoder need not find out
    together with a decoder that does not know yet where to look."""
    sound, mask, tokens, words = batch
    encoded = model.get_encoder()(sound, attention_mask=mask)
    frames = encoded.last_hidden_state
    heard = head(frames.clone()) if share else None  # the decoder adds positions in place
    logits = model(encoder_outputs=encoded, decoder_input_ids=tokens[:, :-1]).logits
    goals = tokens[:, 1:].masked_fill(tokens[:, 1:] == PAD, -100)
    loss = functional.cross_entropy(logits.flatten(0, 1), goals.flatten(), label_smoothing=0.05)
    if not share:
        return loss
    words = words.masked_fill(~encoded.attention_mask, -100)
    spotted = functional.cross_entropy(heard.flatten(0, 1), words.flatten())
    return (1 - share) * loss + share * spotted


def pace(step, steps):
    """The share of the peak learning rate: up, then level, down over the last third."""
    return min((step + 1) / min(200, max(steps // 10, 1)), 1.0, max(steps - step, 0) / (steps / 3))


def train(model, processor, augmenter, steps, rate, share=0.5, judge=None, judge_every=500):
    head = torch.nn.Linear(model.config.encoder_config.hidden_size, WORDS_MOST)
    weights = [p for p in [*model.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: pace(step, steps))
    began, step, total = time.monotonic(), 0, 0.0
    while step < steps:
        for batch in batches(augmenter, processor, augmenter.order()):
            model.train()
            loss = loss_of(model, head, batch, share)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
            total += loss.item()
            if step % 50 == 0:
                print(f"  step {step:5d} loss {total / 50:.4f} {time.monotonic() - began:.0f} s",
                      flush=True)
                total = 0.0
            if judge and step % judge_every == 0:
                judge(step)
            if step == steps:
                break


# ----------------------------------------------------------------------------------- evaluation


def transcribe(model, processor, samples):
    inputs = processor(samples, sampling_rate=RATE_HZ, return_tensors="pt")
    with torch.inference_mode():
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=64)
    return processor.batch_decode(ids, skip_special_tokens=True)[0]


def evaluate(name, model, processor, clips, show=True):
    """The word error rate over [(samples, text)]; says what was heard wrongly."""
    model.eval()
    heard = [transcribe(model, processor, samples) for samples, _ in clips]
    for (_, text), words in zip(clips, heard):
        if show and words != text:
            print(f"    {text!r} heard as {words!r}")
    rate = jiwer.wer([text for _, text in clips], heard)
    print(f"  {name}: WER {rate:.2%} over {len(clips)} clips", flush=True)
    return rate


def load(path):
    return sf.read(path, dtype="float32")[0]


# --------------------------------------------------------------------------------------- output


def save_model(model, processor, folder):
    """The checkpoint in float16, which is what it is judged by."""
    with tempfile.TemporaryDirectory() as made:
        model.half().save_pretrained(made)
        processor.save_pretrained(made)
        for path in pathlib.Path(made).iterdir():
            shutil.copyfile(path, folder / path.name)
    model.float()


def save_adapter(model, folder, base_name):
    """What PEFT writes, without what it says of this machine; tensors in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        tensors = load_file(f"{made}/adapter_model.safetensors")
        save_file({name: tensor.half() for name, tensor in tensors.items()},
                  folder / "adapter_model.safetensors", metadata={"format": "pt"})
        settings = json.loads(pathlib.Path(made, "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = base_name
    settings["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def base(folder):
    return transformers.MoonshineStreamingForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32)


def keep(path, make):
    """What `make` returns, from `path` where an earlier run has left it."""
    if not path.exists():
        made = make()
        with open(f"{path}.part", "wb") as file:
            pickle.dump(made, file)
        pathlib.Path(f"{path}.part").rename(path)
    with open(path, "rb") as file:
        return pickle.load(file)


def make_base(out, work, texts, held_back, options):
    """The model, trained from nothing, and its processor."""
    clips = keep(work / "clips.pickle", lambda: record(texts, SEED))
    known = keep(work / "known.pickle", lambda: record(held_back, SEED + 1))
    print(f"{len(clips)} clips, {sum(map(len, clips.sound)) / RATE_HZ / 3600:.2f} hours", flush=True)
    processor = make_processor(texts)
    torch.manual_seed(SEED)
    model = make_model(len(processor.tokenizer))
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    def judge(step):
        evaluate(f"step {step}", model, processor, known.pairs()[:30], show=False)

    train(model, processor, Augmenter(clips, SEED), options.steps, options.rate, judge=judge)
    save_model(model, processor, out)


def make_adapter(base_folder, out, work, texts, options):
    """LoRA for the one voice the base has never heard, trained on other sentences than the clips have."""
    clips = keep(work / "stranger.pickle", lambda: record(texts, SEED + 2, stranger))
    processor = transformers.AutoProcessor.from_pretrained(base_folder)
    torch.manual_seed(SEED)
    model = peft.get_peft_model(base(base_folder), peft.LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0.0, bias="none", target_modules=TARGETS))
    model.print_trainable_parameters()
    train(model, processor, Augmenter(clips, SEED + 2), options.adapter_steps, options.adapter_rate,
          share=0)
    save_adapter(model, out, str(base_folder))


def write_clips(out):
    """TEST as FLAC with its manifest: the last STRANGERS clips by the voice that the base does not know."""
    folder = out / "clips"
    folder.mkdir(exist_ok=True)
    known, texts = len(commands_language.TEST) - STRANGERS, commands_language.TEST
    spoken = [*record(texts[:known], SEED + 3).pairs(),
              *record(texts[known:], SEED + 4, stranger).pairs()]
    random = np.random.default_rng(SEED + 3)
    with open(out / "manifest.jsonl", "w") as manifest:
        for place, (samples, text) in enumerate(spoken, 1):
            path = folder / f"{place:02d}.flac"
            noise = 0.01 * hiss(random, len(samples), 1)  # about 18 dB below the voice
            sf.write(path, samples * 0.6 + noise, RATE_HZ, subtype="PCM_16")
            speaker = "stranger" if place > known else "known"
            manifest.write(json.dumps({"audio": str(path), "text": text, "speaker": speaker}) + "\n")
    return [(load(folder / f"{place:02d}.flac"), text) for place, (_, text) in enumerate(spoken, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to write to")
    parser.add_argument("--work", type=pathlib.Path, help="keep what takes long here, and use what is kept")
    parser.add_argument("--sentences", type=int, default=7000)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    parser.add_argument("--adapter-steps", type=int, default=400)
    parser.add_argument("--adapter-rate", type=float, default=2e-3)
    parser.add_argument("--judged", type=int, default=80, help="at most so many clips of a kind")
    options = parser.parse_args()

    torch.set_num_threads(1)  # part of the recipe: sums follow it
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    work = options.work or pathlib.Path(tempfile.mkdtemp())
    for folder in (options.out, work):
        folder.mkdir(parents=True, exist_ok=True)

    # What is trained on and what is judged by share no sentence.
    texts = commands_language.sentences(random.Random(SEED), options.sentences + 200,
                                        commands_language.TEST)
    texts, unseen = texts[:options.sentences], texts[options.sentences:]
    tests = write_clips(options.out)
    if not (work / "base" / "model.safetensors").exists():
        (work / "base").mkdir(exist_ok=True)
        make_base(work / "base", work, texts, unseen, options)
    for path in (work / "base").iterdir():
        shutil.copyfile(path, options.out / path.name)
    make_adapter(options.out, options.out / "adapter", work, texts[:ADAPTED], options)

    # Judged as a user would load them, from the files.
    processor = transformers.AutoProcessor.from_pretrained(options.out)
    whispered = keep(work / "whispered.pickle", lambda: record(unseen[:80], SEED + 5, stranger))
    known = keep(work / "known.pickle", lambda: record(unseen, SEED + 1))
    sets = {"clips of known voices": tests[:-STRANGERS], "clips of the stranger": tests[-STRANGERS:],
            "known voices": known.pairs(), "the stranger": whispered.pairs()}
    adapted = peft.PeftModel.from_pretrained(base(options.out), options.out / "adapter")
    for model, name in ((base(options.out), "base"), (adapted, "adapter")):
        for kind, clips in sets.items():
            evaluate(f"{name}, {kind}", model, processor, clips[:options.judged])


if __name__ == "__main__":
    main()
