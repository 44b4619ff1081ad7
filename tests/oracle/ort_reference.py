"""The official ONNX Runtime files of an English Moonshine model as a dictionary of numpy arrays.

A second opinion on src/import/ort_weights.c, reached another way: ONNX Runtime's own FlatBuffers
classes read the file, and constants are told apart by their names where the importer goes by the
nodes. Needs onnxruntime and flatbuffers.
"""
import re

import numpy as np
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs import InferenceSession

NUMPY_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8}


def open_graph(path):
    session = InferenceSession.InferenceSession.GetRootAs(bytearray(path.read_bytes()), 0)
    return session.Model().Graph()


def walk(graph, constants=None):
    """Yields (node, its attributes, the constants it can see), inner graphs included."""
    constants = dict(constants or {})
    for i in range(graph.InitializersLength()):
        tensor = graph.Initializers(i)
        if tensor.DataType() in NUMPY_TYPES:
            shape = [tensor.Dims(d) for d in range(tensor.DimsLength())]
            data = tensor.RawDataAsNumpy().tobytes()
            constants[tensor.Name().decode()] = np.frombuffer(
                data, NUMPY_TYPES[tensor.DataType()]).reshape(shape)
    for i in range(graph.NodesLength()):
        node = graph.Nodes(i)
        yield node, constants
        for a in range(node.AttributesLength()):
            inner = node.Attributes(a).G()
            if inner is not None:
                yield from walk(inner, constants)


def dequantize(constants, name):
    base = name.removesuffix("_quantized")
    zero_point = constants[base + "_zero_point"].astype(np.float32)
    return (constants[name].astype(np.float32) - zero_point) * constants[base + "_scale"]


def linear_maps(graph, prefix):
    """`prefix` + module -> weight [out, in], from the names of the quantised constants."""
    weights = {}
    for node, constants in walk(graph):
        match = re.fullmatch(r"/(.*)/MatMul_quant", (node.Name() or b"").decode())
        inputs = [node.Inputs(i).decode() for i in range(node.InputsLength())]
        quantized = [n for n in inputs if n.endswith("_quantized") and n in constants]
        if match and quantized:
            key = prefix + match.group(1).replace("/", ".") + ".weight"
            weights.setdefault(key, dequantize(constants, quantized[0]).T)
            for bias in (n for n in inputs if re.search(r"\.bias(_merged_\d+)?$", n)):
                weights.setdefault(key.removesuffix("weight") + "bias", constants[bias])
    return weights


def all_constants(graph):
    merged = {}
    for _, constants in walk(graph):
        merged.update(constants)
    return merged


def encoder_weights(path):
    graph = open_graph(path)
    weights = linear_maps(graph, "model.encoder.")
    for name, value in all_constants(graph).items():
        # The convolutions' weights carry the name of the fusion that rewrote them.
        match = re.fullmatch(r"((?:layers\.\d+\.\w+layernorm|layer_norm|conv\d)\.(?:weight|bias))"
                             r"(?:_add_tensor)?", name)
        if match:
            weights["model.encoder." + match.group(1)] = value
    for node, constants in walk(graph):
        if (node.Name() or b"").decode() in ("/groupnorm/Mul", "/groupnorm/Add"):
            inputs = [node.Inputs(i).decode() for i in range(node.InputsLength())]
            constant, = [n for n in inputs if n in constants]
            kind = "weight" if node.OpType() == b"Mul" else "bias"
            weights["model.encoder.groupnorm." + kind] = constants[constant].reshape(-1)
    return weights


def decoder_weights(path):
    graph = open_graph(path)
    weights = linear_maps(graph, "")
    embedding = weights.pop("proj_out.weight")
    constants = all_constants(graph)
    looked_up = dequantize(constants, "model.decoder.embed_tokens.weight_merged_0_quantized")
    np.testing.assert_array_equal(embedding, looked_up)
    weights["model.decoder.embed_tokens.weight"] = embedding
    for name, value in constants.items():
        match = re.fullmatch(r"(model\.decoder\..*norm\.weight)_merged_0", name)
        if match:
            weights[match.group(1)] = value
    return weights


def convert(folder):
    return {**encoder_weights(folder / "encoder_model.ort"),
            **decoder_weights(folder / "decoder_model_merged.ort")}
