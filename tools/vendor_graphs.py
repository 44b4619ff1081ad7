#!/usr/bin/env python3
"""A streaming checkpoint as the vendor's own export computes it: the graphs of moonshine-voice in onnxruntime.

Their windows see the frames at both ends (--window-bounds inclusive of potstill). This is an oracle that
shares no code with transformers beyond the layers that the export itself takes from there.

    tools/vendor_graphs.py --model FOLDER --output-dir GRAPHS     makes the graphs
    tools/vendor_graphs.py --model FOLDER --graphs GRAPHS [--seconds 10] [--tokens 32] [--threads 2]
                           largest difference of the encoder's output, whether the tokens agree, and times

It needs the newest reference stack: scripts/oracle.sh --newest --prepare makes it in .venv-newest.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

PACKAGES = ["moonshine_voice", "onnx", "onnxscript", "onnxruntime", "torch", "transformers"]
FRAME_SAMPLES = 80  # the graphs keep a part of a frame for the next chunk: clips here have whole ones


def missing():
    """The packages that are not there."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def export(model, folder):
    """Runs the export alone: the package itself asks for what records and plays sound."""
    package = importlib.util.find_spec("moonshine_voice").submodule_search_locations[0]
    path = pathlib.Path(package) / "lora" / "export.py"
    spec = importlib.util.spec_from_file_location("moonshine_export", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--model", str(model), "--output-dir", str(folder)])


class VendorGraphs:
    """The five graphs over whole clips, greedily."""

    def __init__(self, folder, threads=2):
        import onnxruntime
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        folder = pathlib.Path(folder)
        self.graphs = {name: onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), settings,
                                                          providers=["CPUExecutionProvider"])
                       for name in ("frontend", "encoder", "adapter", "cross_kv", "decoder_kv")}
        self.config = json.loads((folder / "streaming_config.json").read_text())

    def ask(self, graph, *values):
        session = self.graphs[graph]
        return session.run(None, dict(zip((i.name for i in session.get_inputs()), values)))

    def encode(self, samples):
        """[frames, encoder_dim]: the output of the encoder, before positions are added."""
        shapes = self.config["frontend_state_shapes"]
        state = [np.zeros(shapes[name], np.int64 if name in ("sample_len", "frame_count") else np.float32)
                 for name in ("sample_buffer", "sample_len", "conv1_buffer", "conv2_buffer", "frame_count")]
        features = self.ask("frontend", samples[None], *state)[0]
        return self.ask("encoder", features)[0][0]

    def decode(self, encoded, count):
        """The first `count` tokens after the start token; the end token is never chosen."""
        memory = self.ask("adapter", encoded[None], np.zeros(1, np.int64))[0]
        cross = self.ask("cross_kv", memory)
        c = self.config
        own = [np.zeros((c["depth"], 1, c["nheads"], 0, c["head_dim"]), np.float32)] * 2
        tokens, last = [], c["bos_id"]
        for _ in range(count):
            logits, *own = self.ask("decoder_kv", np.array([[last]]), *own, *cross)[:3]
            logits[0, -1, c["eos_id"]] = -np.inf
            last = int(logits[0, -1].argmax())
            tokens.append(last)
        return tokens


def clip(seconds, seed=0):
    random = np.random.default_rng(seed)
    count = int(seconds * 16000) // FRAME_SAMPLES * FRAME_SAMPLES
    at = np.arange(count) / 16000
    audio = 0.2 * np.sin(2 * np.pi * (180 + 90 * at) * at) + 0.05 * random.standard_normal(count)
    return (audio * (1 + np.sin(9 * at))).astype(np.float32)


def fastest(run, runs):
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e3)
    return min(times), statistics.median(times)


def ours(options, samples, tokens):
    """(encoder's output, tokens) of the engine, with inclusive windows."""
    from safetensors.numpy import load_file
    trace = pathlib.Path(options.build) / "tests" / "potstill_trace"
    with tempfile.TemporaryDirectory() as folder:
        audio, cases = pathlib.Path(folder) / "audio.f32", pathlib.Path(folder) / "cases.json"
        audio.write_bytes(samples.tobytes())
        rules = {"max_new_tokens": tokens, "min_new_tokens": tokens}
        cases.write_text(json.dumps([{"audio": str(audio), "options": rules}]))
        common = ["--inclusive", "--threads", str(options.threads)]
        subprocess.run([trace, options.model, audio, f"{folder}/stages", *common], check=True)
        subprocess.run([trace, options.model, "--cases", cases, f"{folder}/answers", *common], check=True)
        answer = json.loads(pathlib.Path(folder, "answers").read_text())[0]["tokens"]
        return load_file(f"{folder}/stages")["memory"], answer[-tokens:]


def compare(options):
    samples = clip(options.seconds)
    graphs = VendorGraphs(options.graphs, options.threads)
    encoded = graphs.encode(samples)
    memory, tokens = ours(options, samples, options.tokens)
    print(f"encoder's output {list(encoded.shape)}: largest {np.abs(encoded).max():.3f}, "
          f"apart by at most {np.abs(encoded - memory).max():.2e}")
    theirs = graphs.decode(encoded, options.tokens)
    same = next((i for i, (a, b) in enumerate(zip(theirs, tokens)) if a != b), len(theirs))
    print(f"tokens: the first {same} of {len(theirs)} agree")
    for what, run in (("encoder", lambda: graphs.encode(samples)),
                      ("whole", lambda: graphs.decode(graphs.encode(samples), options.tokens))):
        least, median = fastest(run, options.runs)
        print(f"graphs, {what}: min {least:.1f} ms, median {median:.1f} ms")
    print(f"(of potstill: bench --window-bounds inclusive --max-new-tokens {options.tokens})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="folder of a streaming checkpoint")
    parser.add_argument("--output-dir", help="export there, and no more")
    parser.add_argument("--graphs", help="folder of graphs that were exported")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--build", default="build/release")
    options = parser.parse_args()
    if missing():
        parser.error(f"not installed: {', '.join(missing())}")
    if options.output_dir:
        export(options.model, options.output_dir)
    else:
        compare(options)


if __name__ == "__main__":
    main()
