"""Silero VAD for 16 kHz as the safetensors file that Potstill reads, from the wheel silero-vad 6.2.1.

    python3 tools/silero_weights.py WHEEL SHA256 FOLDER

checks the wheel and writes FOLDER/silero_vad_16k.safetensors and FOLDER/LICENSE. Names and shapes are those of the file of that name in
the wheel; the values are those of the wheel's .onnx, which everybody runs. The wheel's own safetensors has others: an
earlier training, by its probabilities. Needs nothing but Python: of ONNX's protobuf only the path from the model to its
initializers is walked.
"""

import hashlib
import json
import pathlib
import struct
import sys
import zipfile

NAMES = {
    "stft_conv.weight": ("stft.forward_basis_buffer", [258, 1, 256]),
    "conv1.weight": ("encoder.0.reparam_conv.weight", [128, 129, 3]),
    "conv1.bias": ("encoder.0.reparam_conv.bias", [128]),
    "conv2.weight": ("encoder.1.reparam_conv.weight", [64, 128, 3]),
    "conv2.bias": ("encoder.1.reparam_conv.bias", [64]),
    "conv3.weight": ("encoder.2.reparam_conv.weight", [64, 64, 3]),
    "conv3.bias": ("encoder.2.reparam_conv.bias", [64]),
    "conv4.weight": ("encoder.3.reparam_conv.weight", [128, 64, 3]),
    "conv4.bias": ("encoder.3.reparam_conv.bias", [128]),
    "lstm_cell.weight_ih": ("decoder.rnn.weight_ih", [512, 128]),
    "lstm_cell.weight_hh": ("decoder.rnn.weight_hh", [512, 128]),
    "lstm_cell.bias_ih": ("decoder.rnn.bias_ih", [512]),
    "lstm_cell.bias_hh": ("decoder.rnn.bias_hh", [512]),
    "final_conv.weight": ("decoder.decoder.2.weight", [1, 128, 1]),
    "final_conv.bias": ("decoder.decoder.2.bias", [1]),
}
MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_NAME, TENSOR_RAW = 7, 5, 8, 9


def fields(data):
    """(number, value) of each field of a protobuf message; bytes for those with a length."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at:at + size]
        at += size


def initializers(onnx):
    for number, graph in fields(onnx):
        if number == MODEL_GRAPH:
            for kind, tensor in fields(graph):
                if kind == GRAPH_INITIALIZER:
                    parts = dict(fields(tensor))
                    yield parts[TENSOR_NAME].decode(), parts.get(TENSOR_RAW, b"")


def weights(onnx):
    """The bytes of a safetensors file."""
    given = dict(initializers(onnx))
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (source, shape) in NAMES.items():
        raw = given["model." + source]
        count = 1
        for size in shape:
            count *= size
        if len(raw) != 4 * count:
            sys.exit(f"{source} has {len(raw)} bytes, expected {4 * count}")
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def main(wheel, sha256, folder):
    found = hashlib.sha256(pathlib.Path(wheel).read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{wheel}: SHA-256 is {found}, expected {sha256}")
    folder = pathlib.Path(folder)
    with zipfile.ZipFile(wheel) as archive:
        made = weights(archive.read("silero_vad/data/silero_vad_16k_op15.onnx"))
        (folder / "LICENSE").write_bytes(archive.read("silero_vad-6.2.1.dist-info/licenses/LICENSE"))
    (folder / "silero_vad_16k.safetensors").write_bytes(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
