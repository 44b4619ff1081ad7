"""Transcribes a clip with the packages that `potstill convert` makes, by coremltools.

    potstill convert --model M -o OUT
    python transcribe.py OUT clip.wav              macOS
    python transcribe.py OUT clip.wav --plan       also where operations run, and times
    python transcribe.py OUT --check               anywhere: runs nothing

The clip is WAV, 16 kHz, mono, 16 bit. All names and shapes come from OUT/potstill.json.
"""

import argparse
import collections
import json
import pathlib
import sys
import time
import wave

import coremltools
import numpy

KINDS = {65552: "float16", 65568: "float32", 131104: "int32"}  # of ArrayFeatureType
UNITS = {"all": "ALL", "ane": "CPU_AND_NE", "gpu": "CPU_AND_GPU", "cpu": "CPU_ONLY"}


def read_wav(path):
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (16000, 1, 2):
            sys.exit(f"{path}: expected 16 kHz, mono, 16 bit")
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype("f4") / 32768


def array_of(feature):
    kind = feature.type.stateType.arrayType if feature.type.WhichOneof("Type") == "stateType" \
        else feature.type.multiArrayType
    return feature.name, KINDS[kind.dataType], list(kind.shape)


def check(folder, index):
    """Do the packages take and give what the index says?"""
    for length in index["lengths"]:
        for part in filter(None, map(length.get, ("encoder", "decoder", "verifier"))):
            spec = coremltools.utils.load_spec(str(folder / part["package"]))
            faces = {f.name: f for f in spec.description.functions}
            face = faces[part["function"]] if part["function"] else spec.description
            for side, features in (("inputs", face.input), ("outputs", face.output), ("states", face.state)):
                there = sorted(map(array_of, features))
                told = sorted((f["name"], f["dtype"], f["shape"]) for f in part.get(side, []))
                if there != told:
                    sys.exit(f"{part['package']}: {side} are {there}, the index says {told}")
            print(f"{length['seconds']} s: {part['package']} {part['function'] or ''}".rstrip(), "is as told")


def load(folder, part, units):
    return coremltools.models.MLModel(
        str(folder / part["package"]), function_name=part["function"],
        compute_units=getattr(coremltools.ComputeUnit, UNITS[units]),
        skip_model_load=sys.platform != "darwin")


def print_plan(model, name):
    """On which device Core ML means to run the operations."""
    from coremltools.models.compute_plan import MLComputePlan
    plan = MLComputePlan.load_from_path(model.get_compiled_model_path(), model.compute_unit)
    devices = collections.Counter()
    for function in plan.model_structure.program.functions.values():
        for operation in function.block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            devices[type(usage.preferred_compute_device).__name__ if usage else "none"] += 1
    print(name, dict(devices))


def row(count, first, first_count, rest):
    """[1, 1, 1, count]: `first` up to first_count, then `rest`."""
    return numpy.where(numpy.arange(count) < first_count, first, rest).astype("f4").reshape(1, 1, 1, count)


def is_streaming(index):
    return index.get("model_type") == "moonshine_streaming"


def shape_of(features, name):
    return next(f["shape"] for f in features if f["name"] == name)


def encoder_inputs(index, length, samples):
    """What the encoder takes for a clip; how many frames of it are heard."""
    n = len(samples)
    streaming = is_streaming(index)
    frames1 = (n + 79) // 80 if streaming else (n - 127) // 64 + 1
    frames = (frames1 + 3) // 4 if streaming else ((frames1 - 7) // 3 + 1 - 3) // 2 + 1
    if index["do_normalize"]:
        samples = (samples - samples.mean()) / numpy.sqrt(samples.var() + 1e-7)
    if streaming:  # a frame of 5 ms that is not whole counts as silence
        n -= n % 80
    padded = numpy.zeros((1, length["samples"]), "f4")
    padded[0, :n] = samples[:n]
    padded = padded.reshape(shape_of(length["encoder"]["inputs"], "input_values"))  # in blocks of 64, or as it is
    if streaming:
        return frames, {"input_values": padded, "key_mask": row(length["frames"], 0, frames, index["masked"])}
    return frames, {
        "input_values": padded,
        "frame_weights": row(length["frames1"], length["frames1"] / frames1, frames1, 0),
        "key_mask": row(length["frames"], 0, frames, index["masked"]),
    }


def transcribe(index, length, encoder, decoder, samples):
    """Greedy: the most likely token, one after the other."""
    frames, inputs = encoder_inputs(index, length, samples)
    heard = encoder.predict(inputs)
    state = decoder.make_state() if index["state"] else None
    step = {"cross_k": heard["cross_k"], "cross_v": heard["cross_v"],
            "cross_mask": row(length["memory"], 0, frames, index["masked"])}
    if state is None:
        for name in ("self_k", "self_v"):
            step[name] = numpy.zeros(shape_of(length["decoder"]["inputs"], name), "f4")
    ids = [index["tokens"]["start"]]
    ends = index["tokens"].get("ends", [index["tokens"]["end"]])
    while len(ids) < index["tokens"]["max"] and (len(ids) == 1 or ids[-1] not in ends):
        position = len(ids) - 1
        step["input_ids"] = numpy.array([[ids[-1]]], "i4")
        step["position"] = numpy.array([position], "i4")
        result = decoder.predict(step, state) if state else decoder.predict(step)
        if state is None:
            step["self_k"][..., position] = result["new_k"][..., 0]
            step["self_v"][..., position] = result["new_v"][..., 0]
        best = result["token"].item() if index.get("outputs") == "token" else result["logits"].argmax()
        ids.append(int(best))
    return ids


def detokenize(path, ids):
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    words = {i: word for word, i in tokenizer["model"]["vocab"].items()}
    special = {token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    words.update((token["id"], token["content"]) for token in tokenizer["added_tokens"])
    out = bytearray()
    for word in (words[i] for i in ids if i not in special):
        is_byte = len(word) == 6 and word.startswith("<0x") and word.endswith(">")
        out += bytes([int(word[3:5], 16)]) if is_byte else word.replace("\u2581", " ").encode()
    return out.decode("utf-8", "replace").removeprefix(" ")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what potstill convert made")
    parser.add_argument("clip", nargs="?", help="WAV, 16 kHz, mono, 16 bit")
    parser.add_argument("--units", choices=UNITS, default="all")
    parser.add_argument("--check", action="store_true", help="compare packages and index; run nothing")
    parser.add_argument("--plan", action="store_true", help="also print where operations run, and times")
    words = parser.parse_args()
    index = json.loads((words.folder / "potstill.json").read_text())
    if words.check:
        return check(words.folder, index)
    if not words.clip:
        parser.error("expected a clip, or --check")
    samples = read_wav(words.clip)
    fit = [length for length in index["lengths"] if length["samples"] >= len(samples)]
    least = 80 if is_streaming(index) else 895
    if not fit or len(samples) < least:
        sys.exit(f"{words.clip}: {len(samples)} samples; expected {least} to {index['lengths'][-1]['samples']}")
    encoder, decoder = (load(words.folder, fit[0][part], words.units) for part in ("encoder", "decoder"))
    if sys.platform != "darwin":
        sys.exit("the packages load; to run them needs macOS")
    ids = transcribe(index, fit[0], encoder, decoder, samples)
    print(detokenize(words.folder / "tokenizer.json", ids))
    if words.plan:
        print_plan(encoder, "encoder")
        print_plan(decoder, "decoder")
        inputs = encoder_inputs(index, fit[0], samples)[1]
        start = time.perf_counter()
        encoder.predict(inputs)
        heard = time.perf_counter()
        transcribe(index, fit[0], encoder, decoder, samples)
        steps = time.perf_counter() - heard - (heard - start)
        print(f"encoder {1e3 * (heard - start):.2f} ms, step {1e3 * steps / (len(ids) - 1):.2f} ms")


if __name__ == "__main__":
    main()
