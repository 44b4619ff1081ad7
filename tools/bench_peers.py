#!/usr/bin/env python3
"""Times potstill beside the other engines that run the same model on the same clip, in one run.

The idea to hold: machines drift and share their cores, so engines are timed in turns (A B C, A B C,
...), each from samples in memory to text, on the same samples, and medians are compared.
A time is only worth reading when the texts agree, and on a machine with nothing else to do, so both
are printed: the load average should be near zero at the start.

    tools/bench_peers.py --model models/moonshine-tiny --wav clip.wav [clip.wav ...]
    tools/bench_peers.py --model models/moonshine-tiny --wav clip.flac \\
        --adapter examples/tower/adapter --decode run-stt
    tools/bench_peers.py --model models/moonshine-tiny --wav ... --machine "AMD EPYC" # into the chart

Peers: potstill (build/release/libpotstill.so), transformers (float32; peft when there is an
adapter), and with --ort, the folder of the official .ort files, those that are installed of
onnxruntime, sherpa-onnx and moonshine-voice. The last three run int8 weights, greedily, without
adapters: their texts may differ for that reason.
"""
import argparse
import base64
import ctypes
import functools
import gc
import importlib.metadata
import json
import os
import platform
import re
import statistics
import tempfile
import time

import numpy as np
import soundfile as sf
import soxr
import speed_chart

RATE_HZ = 16000
WARM_UPS = 2

# After its work a thread pool spins for a while before it sleeps (OpenMP, onnxruntime); on a small
# machine that would be charged to whoever is timed next.
SETTLE_SECONDS = 0.2


def run_stt(seconds):
    """The generation settings of the reference script."""
    return dict(num_beams=5, repetition_penalty=1.3, no_repeat_ngram_size=2,
                max_new_tokens=max(10, min(int(seconds * 5), 150)))


# ------------------------------------------------------------------------------------- potstill


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 512)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_uint32)]


class ModelOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("processor_dir", ctypes.c_char_p),
        ("cpu", ctypes.c_int),
        ("precision", ctypes.c_int),
        ("cache_dir", ctypes.c_char_p),
    ]


PRECISIONS = ["f32", "bf16", "int8", "auto"]  # enum pst_precision


class DecodeOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("num_beams", ctypes.c_uint32),
        ("max_new_tokens", ctypes.c_uint32),
        ("max_length", ctypes.c_uint32),
        ("min_length", ctypes.c_uint32),
        ("min_new_tokens", ctypes.c_uint32),
        ("repetition_penalty", ctypes.c_float),
        ("no_repeat_ngram_size", ctypes.c_uint32),
        ("length_penalty", ctypes.c_float),
        ("early_stopping", ctypes.c_int),
        ("suppress_tokens", ctypes.POINTER(ctypes.c_int32)),
        ("suppress_tokens_count", ctypes.c_size_t),
        ("begin_suppress_tokens", ctypes.POINTER(ctypes.c_int32)),
        ("begin_suppress_tokens_count", ctypes.c_size_t),
        ("sequence_bias", ctypes.c_void_p),
        ("sequence_bias_count", ctypes.c_size_t),
        ("forced_bos_token_id", ctypes.c_int32),
        ("forced_eos_token_id", ctypes.c_int32),
        ("skip_logprob", ctypes.c_int),
    ]


class Transcript(ctypes.Structure):
    _fields_ = [
        ("text", ctypes.c_char_p),
        ("tokens", ctypes.POINTER(ctypes.c_int32)),
        ("token_count", ctypes.c_size_t),
        ("avg_logprob", ctypes.c_double),
        ("score", ctypes.c_float),
        ("margin", ctypes.c_float),
        ("truncated", ctypes.c_int),
    ]


class Potstill:
    """The C library through its public header; the structures above mirror include/potstill.h."""

    name = "potstill"

    def __init__(self, options, precision):
        self.name = f"potstill {precision}"
        self.library = ctypes.CDLL(options.library)
        self.library.pst_version.restype = ctypes.c_char_p
        self.model, self.adapter, self.session = (ctypes.c_void_p() for _ in range(3))
        opening = self.filled("pst_model_options_init_sized", ModelOptions)
        opening.precision = PRECISIONS.index(precision)
        self.call("pst_model_open", os.fsencode(options.model), ctypes.byref(opening),
                  ctypes.byref(self.model))
        settings = self.filled("pst_session_options_init_sized", SessionOptions)
        settings.threads = options.threads
        self.call("pst_session_new", self.model, ctypes.byref(settings), ctypes.byref(self.session))
        if options.adapter:
            self.call("pst_adapter_open", self.model, os.fsencode(options.adapter), None,
                      ctypes.byref(self.adapter))
            self.call("pst_session_use_adapter", self.session, self.adapter)

    def version(self):
        self.library.pst_build_info.restype = ctypes.c_size_t
        text = ctypes.create_string_buffer(512)
        self.library.pst_build_info(text, ctypes.c_size_t(len(text)))
        return text.value.decode()

    def call(self, function, *arguments):
        error = Error()
        if getattr(self.library, function)(*arguments, ctypes.byref(error)):
            raise RuntimeError(f"{function}: {error.message.decode()}")

    def filled(self, function, kind, *before):
        """An options structure as its _init fills it; fields that are newer than ours stay away."""
        settings = kind()
        size = ctypes.c_size_t(ctypes.sizeof(kind))
        getattr(self.library, function)(*before, ctypes.byref(settings), size)
        return settings

    def prepare(self, samples, decode):
        settings = self.filled("pst_model_decode_options_sized", DecodeOptions, self.model)
        for name, value in decode.items():
            setattr(settings, name, value)
        settings.skip_logprob = 1  # no other engine here computes it
        settings.early_stopping = 1 if decode.get("num_beams", 1) > 1 else 0  # PST_STOP_FIRST
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        count = ctypes.c_size_t(len(samples))

        def run(samples=samples):  # holds the array the pointer points into
            out = ctypes.POINTER(Transcript)()
            self.call("pst_transcribe", self.session, pointer, count, ctypes.byref(settings),
                      ctypes.byref(out))
            text = out.contents.text.decode()
            tokens = out.contents.tokens[: out.contents.token_count]
            self.library.pst_transcript_free(out)
            return text, tokens

        return run


# ----------------------------------------------------------------------------------- the others


class Transformers:
    """transformers' generate() on float32 weights, the adapter unmerged as peft runs it."""

    name = "transformers"

    def __init__(self, options):
        import torch
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        torch.set_num_threads(options.threads)
        self.torch = torch
        self.processor = transformers.AutoProcessor.from_pretrained(options.model)
        with open(os.path.join(options.model, "config.json")) as file:
            streaming = json.load(file)["model_type"] == "moonshine_streaming"
        kind = "MoonshineStreamingForConditionalGeneration" if streaming else "MoonshineForConditionalGeneration"
        self.model = getattr(transformers, kind).from_pretrained(options.model, dtype=torch.float32)
        if options.adapter:
            from peft import PeftModel

            self.model = PeftModel.from_pretrained(self.model, options.adapter)
            self.name = "transformers + peft"
        self.model.eval()

    def version(self):
        packages = ["transformers", "torch"] + (["peft"] if "peft" in self.name else [])
        return ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)

    def prepare(self, samples, decode):
        if decode.get("num_beams", 1) > 1:
            decode = dict(decode, early_stopping=True)

        def run():
            with self.torch.inference_mode():
                inputs = self.processor(samples, sampling_rate=RATE_HZ, return_tensors="pt",
                                        return_attention_mask=True)
                ids = self.model.generate(**inputs, do_sample=False, **decode)
            text = self.processor.batch_decode(ids, skip_special_tokens=True)[0]
            return text, ids[0].tolist()

        return run


class OnnxRuntime:
    """The official int8 files in onnxruntime, with the shortest honest greedy loop in Python."""

    name = "onnxruntime int8"

    def __init__(self, options):
        import onnxruntime
        from tokenizers import Tokenizer

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(os.path.join(options.ort, name), settings)
            for name in ("encoder_model.ort", "decoder_model_merged.ort"))
        self.tokenizer = Tokenizer.from_file(os.path.join(options.model, "tokenizer.json"))
        with open(os.path.join(options.model, "config.json")) as file:
            config = json.load(file)
        self.heads = config["decoder_num_key_value_heads"]
        self.head_dim = config["hidden_size"] // config["decoder_num_attention_heads"]
        self.max_length = config["max_position_embeddings"]

    def version(self):
        return "onnxruntime " + importlib.metadata.version("onnxruntime")

    def empty_cache(self):
        # The graph wants a past even for the first token, when it looks at none of it.
        return {i.name: np.zeros((1, self.heads, 0 if ".decoder." in i.name else 1, self.head_dim),
                                 np.float32)
                for i in self.decoder.get_inputs() if i.name.startswith("past")}

    def prepare(self, samples, decode):
        mask = np.ones((1, len(samples)), np.int64)
        names = [o.name.replace("present", "past_key_values") for o in self.decoder.get_outputs()]

        def run():
            memory = self.encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
            cache = self.empty_cache()
            ids = [1]  # <s>; 2 is </s>
            while ids[-1] != 2 and len(ids) < self.max_length:
                logits, *present = self.decoder.run(None, {
                    "encoder_attention_mask": mask, "encoder_hidden_states": memory[0],
                    "input_ids": np.array([ids[-1:]]), "use_cache_branch": np.array([len(ids) > 1]),
                    **cache})
                for name, value in zip(names[1:], present):
                    # Keys and values of the audio are computed once, with the first token.
                    if ".decoder." in name or len(ids) == 1:
                        cache[name] = value
                ids.append(int(logits[0, -1].argmax()))
            return self.tokenizer.decode(ids), ids

        return run


class SherpaOnnx:
    """sherpa-onnx on the official int8 files."""

    name = "sherpa-onnx int8"

    def __init__(self, options):
        import sherpa_onnx

        with tempfile.NamedTemporaryFile("w", suffix=".txt") as table:
            self.write_tokens(os.path.join(options.model, "tokenizer.json"), table)
            table.flush()
            self.recognizer = sherpa_onnx.OfflineRecognizer.from_moonshine_v2(
                encoder=os.path.join(options.ort, "encoder_model.ort"),
                decoder=os.path.join(options.ort, "decoder_model_merged.ort"),
                tokens=table.name, num_threads=options.threads)

    def version(self):
        return "sherpa-onnx " + importlib.metadata.version("sherpa-onnx")

    @staticmethod
    def write_tokens(tokenizer_json, table):
        """sherpa-onnx wants lines of "base64 id"."""
        with open(tokenizer_json, encoding="utf-8") as file:
            tokenizer = json.load(file)
        words = {i: word for word, i in tokenizer["model"]["vocab"].items()}
        words.update((token["id"], token["content"]) for token in tokenizer["added_tokens"])
        for i in range(max(words) + 1):
            byte = re.fullmatch(r"<0x([0-9A-F]{2})>", words.get(i, ""))
            raw = bytes([int(byte[1], 16)]) if byte else words.get(i, "").encode()
            table.write(f"{base64.b64encode(raw).decode() or '='} {i}\n")

    def prepare(self, samples, decode):
        def run():
            stream = self.recognizer.create_stream()
            stream.accept_waveform(RATE_HZ, samples)
            self.recognizer.decode_stream(stream)
            return stream.result.text, None

        return run


class MoonshineVoice:
    """The publisher's own library, voice activity detection included; it picks its own threads."""

    name = "moonshine-voice int8"

    def __init__(self, options):
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber

        self.transcriber = Transcriber(options.ort, ModelArch.TINY)

    def version(self):
        return "moonshine-voice " + importlib.metadata.version("moonshine-voice")

    def prepare(self, samples, decode):
        values = samples.tolist()  # its interface takes a list; the conversion is not timed

        def run():
            lines = self.transcriber.transcribe_without_streaming(values, RATE_HZ).lines
            return " ".join(line.text for line in lines), None

        return run


# --------------------------------------------------------------------------------- measurements


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load(path, seconds, rms):
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    samples = samples.mean(axis=1)
    if rate != RATE_HZ:
        samples = soxr.resample(samples, rate, RATE_HZ)
    if seconds:
        samples = samples[: int(seconds * RATE_HZ)]
    if rms:
        samples = np.clip(samples * (0.075 / np.sqrt(np.mean(samples**2))), -1, 1)
    return np.ascontiguousarray(samples, dtype=np.float32)


def take_turns(runs, rounds):
    """{name: (milliseconds of each round, text, tokens)}"""
    results = {}
    for _ in range(WARM_UPS):
        for run in runs.values():
            run()
    times = {name: [] for name in runs}
    gc.disable()
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(SETTLE_SECONDS)
            began = time.perf_counter()
            text, tokens = run()
            times[name].append((time.perf_counter() - began) * 1e3)
            results[name] = (times[name], text, tokens)
    gc.enable()
    return results


def report(path, seconds, results, references):
    """Medians and their ratios to each reference; minima beside them, for noisy machines."""
    present = [name for name in references if name in results]
    print(f"\n{path}: {seconds:.2f} s")
    print(f"  {'':24s}{'min ms':>9s}{'median':>9s}{'x real time':>13s}"
          + "".join(f"{'of ' + name.split()[0]:>18s}" for name in present) + "  same")
    for name, (times, text, tokens) in results.items():
        median = statistics.median(times)
        ratios = "".join(f"{median / statistics.median(results[r][0]):18.3f}" for r in present)
        same = ""
        if present:
            base = results[present[0]]
            same = "tokens" if tokens == base[2] else "text" if text == base[1] else "no"
        print(f"  {name:24s}{min(times):9.1f}{median:9.1f}{seconds * 1e3 / median:13.1f}"
              f"{ratios}  {same}")
    printed = set()
    for name, (_, text, _) in results.items():
        if text not in printed:
            printed.add(text)
            print(f"  {name}: {text}")


def medians(table):
    """{clip: {engine: milliseconds}}"""
    return {clip: {name: round(statistics.median(times), 1) for name, (times, _, _) in results.items()}
            for clip, results in table.items()}


def open_peers(options):
    kinds = [functools.partial(Potstill, precision=p) for p in options.precision.split(",")]
    kinds += [Transformers]
    if options.ort and not options.adapter and options.decode == "greedy":
        kinds += [OnnxRuntime, SherpaOnnx, MoonshineVoice]
    peers = []
    for kind in kinds:
        try:
            peers.append(kind(options))
            print(f"{peers[-1].name}: {peers[-1].version()}")
        except (ImportError, OSError, RuntimeError) as error:
            name = getattr(kind, "name", "potstill")
            print(f"{name}: not measured: {error}")
    return peers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="Hugging Face folder of the model")
    parser.add_argument("--wav", required=True, nargs="+", help="clips, any rate and format")
    parser.add_argument("--seconds", type=float, help="use only the beginning of each clip")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=10, help="timed rounds")
    parser.add_argument("--adapter", help="folder of a PEFT adapter")
    parser.add_argument("--decode", choices=["greedy", "run-stt"], default="greedy",
                        help="generate()'s defaults, or the reference script's beam search")
    parser.add_argument("--max-new-tokens", type=int, help="as many tokens, no fewer: for models whose weights "
                        "are random, which never end")
    parser.add_argument("--ort", help="folder of the official .ort files, for the int8 peers")
    parser.add_argument("--precision", default="f32,int8", help="those of potstill to measure")
    parser.add_argument("--machine", help="put the medians under this name into tools/speed.json, "
                        "and draw docs/speed.svg")
    parser.add_argument("--library", default="build/release/libpotstill.so")
    options = parser.parse_args()
    options.library = os.path.abspath(options.library)

    print(f"CPU: {cpu_name()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}, "
          f"Python {platform.python_version()}")
    print(f"{options.threads} threads, {options.decode}, {options.runs} rounds, "
          f"load average at the start {os.getloadavg()[0]:.2f}")
    peers = open_peers(options)
    references = [p.name for p in peers if isinstance(p, (Transformers, OnnxRuntime, SherpaOnnx))]
    table = {}
    for path in options.wav:
        samples = load(path, options.seconds, rms=options.decode == "run-stt")
        seconds = len(samples) / RATE_HZ
        decode = run_stt(seconds) if options.decode == "run-stt" else {}
        if options.max_new_tokens:
            decode["max_new_tokens"] = decode["min_new_tokens"] = options.max_new_tokens
        runs = {peer.name: peer.prepare(samples, decode) for peer in peers}
        results = take_turns(runs, options.runs)
        report(path, seconds, results, references)
        table[f"{os.path.basename(path)}, {seconds:.0f} s"] = results
    row = {"machine": options.machine or cpu_name(), "clips": medians(table)}
    print()
    speed_chart.table([row])
    if options.machine:
        speed_chart.replace(**row)
        speed_chart.main()


if __name__ == "__main__":
    main()
