"""What Python costs beside the library: a call, an evaluation while training, a run on Ray.

    python tools/measure_python.py call MODEL
    python tools/measure_python.py training MODEL ADAPTER [CLIPS]
    python tools/measure_python.py ray MODEL [CLIPS]

Numbers are of the clock: nothing else should run. Needs an installed potstill; `training` torch, transformers
and peft, `ray` potstill[ray]. The clips are those of examples/, cut to other lengths until there are enough.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count, islice
from pathlib import Path

import numpy as np
import potstill
from potstill import audio, batch, command, library

ROOT = Path(__file__).resolve().parents[1]


def rows():
    """(samples, text) without end: the clips as they are, then again a little shorter each time."""
    known = []
    for folder in ("tower", "commands"):
        for line in (ROOT / "examples" / folder / "manifest.jsonl").open():
            row = json.loads(line)
            known.append((audio.read(str(ROOT / row["audio"])), row["text"]))
    for shorter in count():
        for samples, text in known:
            yield samples[: len(samples) - 160 * (shorter % 20)], text


# ----------------------------------------------------------------------------------------- a call


class Watch:
    """Time inside the library, without that inside what it calls back."""

    def __init__(self):
        self.library = self.back = 0.0

    @contextlib.contextmanager
    def watching(self):
        call, (take, give) = library.call, (batch._Run.next, batch._Run.deliver)

        def timed(field, function):
            def run(*arguments):
                began = time.perf_counter()
                try:
                    return function(*arguments)
                finally:
                    setattr(self, field, getattr(self, field) + time.perf_counter() - began)

            return run

        library.call = timed("library", call)
        batch._NEXT = batch._callback(batch.abi.NEXT, timed("back", take), failed=0)
        batch._DELIVER = batch._callback(batch.abi.DELIVER, timed("back", give), failed=1)
        try:
            yield self
        finally:
            library.call = call


def measure_call(model, times=300):
    """Python's part of transcribe() of three seconds, by default options and in one piece."""
    engine = potstill.load(model)
    print(engine, library.build_info().split(";")[0])
    samples = np.concatenate([s for s, _ in islice(rows(), 2)])[:48000]
    for options in ({}, {"window": 0}):
        whole, inside = [], []
        with Watch().watching() as watch:
            for _ in range(times + 5):
                watch.library = watch.back = 0.0
                began = time.perf_counter()
                engine.transcribe(samples, **options)
                whole.append(time.perf_counter() - began)
                inside.append(watch.library - watch.back)
        own = [1000 * (a - b) for a, b in zip(whole, inside)][5:]
        print(
            f"{options or 'default'}: transcribe() {1000 * statistics.median(whole[5:]):.2f} ms, of that Python "
            f"{statistics.median(own):.3f} ms (90 % below {sorted(own)[int(0.9 * len(own))]:.3f})"
        )


# --------------------------------------------------------------------------------------- training


def generated(model, processor, sounds, size):
    import torch

    texts = []
    with torch.no_grad():
        for at in range(0, len(sounds), size):
            inputs = processor(sounds[at : at + size], sampling_rate=audio.RATE_HZ, padding=True, return_tensors="pt")
            longest = max(map(len, sounds[at : at + size]))
            ids = model.generate(**inputs, max_new_tokens=int(longest * 6.5 / audio.RATE_HZ))
            texts += processor.batch_decode(ids, skip_special_tokens=True)
    return texts


def measure_training(folder, adapter, clips=200):
    """An evaluation of a live PEFT model by generate(), and by the engine with the weights handed over."""
    import peft
    import transformers

    model = transformers.MoonshineForConditionalGeneration.from_pretrained(folder).float().eval()
    model = peft.PeftModel.from_pretrained(model, adapter).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    sounds, texts = zip(*islice(rows(), clips))
    print(f"{clips} clips, {sum(map(len, sounds)) / audio.RATE_HZ:.0f} s of sound")
    slowest = None
    for size in (1, 8):
        began = time.perf_counter()
        heard = generated(model, processor, list(sounds), size)
        took = time.perf_counter() - began
        slowest = slowest or took
        print(f"generate(), {size} at a time: {took:.1f} s, WER {potstill.word_errors(texts, heard).wer:.4f}")
    for precision in ("f32", "bf16", "int8"):
        began = time.perf_counter()
        engine = potstill.from_pretrained(model, processor, precision=precision)
        handed = time.perf_counter() - began
        found = [result.text for result in engine.transcribe(iter(sounds), window=0, progress=False)]
        took = time.perf_counter() - began
        wer = potstill.word_errors(texts, found).wer
        print(f"potstill {precision}: {took:.1f} s ({handed:.1f} s of it handing over), {slowest / took:.1f} times "
              f"as fast as one at a time, WER {wer:.4f}")


# -------------------------------------------------------------------------------------------- Ray


def write_clips(folder, clips):
    import wave

    paths = []
    for number, (samples, _) in enumerate(islice(rows(), clips)):
        paths.append(folder / f"{number:05}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setparams((1, 2, audio.RATE_HZ, 0, "NONE", ""))
            file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return paths


def measure_ray(model, clips=2000, precision="int8"):
    """potstill-batch with a Ray that it begins, beside potstill transcribe on all cores."""
    with tempfile.TemporaryDirectory(prefix="measure-") as made:
        folder = Path(made)
        paths = write_clips(folder, clips)
        (folder / "set.jsonl").write_text("".join(json.dumps({"audio": str(p), "id": p.stem}) + "\n" for p in paths))
        shared = ["--model", model, "--precision", precision]
        engine = [os.fspath(command.PATH), "transcribe", *shared, "--format", "jsonl"]
        ray = [sys.executable, "-m", "potstill.cluster", folder / "set.jsonl", "-o", folder / "out", *shared]
        subprocess.run([*engine, paths[0]], check=True, capture_output=True)  # packs the weights
        took = {}
        for name, words in (("potstill transcribe", [*engine, *paths]), ("potstill-batch", ray)):
            began = time.perf_counter()
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            took[name] = time.perf_counter() - began
            print(f"{name}: {took[name]:.1f} s", flush=True)
        alone, by_ray = took.values()
        summary = json.loads(done.stdout)
        print(f"potstill-batch does {alone / by_ray:.2f} of it; {summary['hours'] * 3600:.0f} s of sound, of its time "
              f"{summary['wall_seconds']:.1f} s are Ray's", summary["nodes"])


if __name__ == "__main__":
    measures = {"call": measure_call, "training": measure_training, "ray": measure_ray}
    if len(sys.argv) < 3 or sys.argv[1] not in measures:
        sys.exit(__doc__)
    measures[sys.argv[1]](*sys.argv[2:-1], *(int(w) if w.isdigit() else w for w in sys.argv[-1:]))
