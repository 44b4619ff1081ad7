"""coreml_package.py - what coremltools makes of a package, in a form that two packages can be compared in."""

import logging
import os
import warnings

import pytest

# It greets every torch it was not tested with, and misses what only a Mac has.
logging.getLogger("coremltools").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="coremltools")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
coremltools = pytest.importorskip("coremltools")

from coremltools.converters.mil.frontend.milproto.load import load as milproto_load  # noqa: E402
from coremltools.libmilstoragepython import _BlobStorageReader as BlobReader  # noqa: E402

# Where constants of a type can be; the reader of coremltools has a function for each.
READERS = {
    10: "read_fp16_data", 11: "read_float_data", 21: "read_int8_data", 22: "read_int16_data",
    23: "read_int32_data", 25: "read_int4_data", 31: "read_uint8_data", 32: "read_uint16_data",
    33: "read_uint32_data", 35: "read_uint4_data", 36: "read_uint2_data", 37: "read_uint1_data",
    38: "read_uint6_data", 39: "read_uint3_data",
}


def load(path):
    """All that coremltools can do with a package where there is no Mac; its type inference included."""
    spec = coremltools.utils.load_spec(str(path))
    model = coremltools.models.MLModel(str(path), skip_model_load=True)
    program = milproto_load(spec, specification_version=spec.specificationVersion,
                            file_weights_dir=model.weights_dir or "")
    return spec, model, program


def _value(value, blobs):
    if value.WhichOneof("value") == "blobFileValue":
        assert value.blobFileValue.fileName == "@model_path/weights/weight.bin"
        reader = getattr(blobs, READERS[value.type.tensorType.dataType])
        return value.type.SerializeToString(), tuple(reader(value.blobFileValue.offset).tolist())
    return value.type.SerializeToString(), value.immediateValue.SerializeToString()


def _block(block, blobs):
    operations = []
    for operation in block.operations:
        inputs = {}
        for key, argument in operation.inputs.items():
            inputs[key] = [b.name if b.WhichOneof("binding") == "name" else _value(b.value, blobs)
                           for b in argument.arguments]
        operations.append((
            operation.type, inputs, [o.SerializeToString() for o in operation.outputs],
            {k: _value(v, blobs) for k, v in operation.attributes.items()},
            [_block(b, blobs) for b in operation.blocks]))
    return ([i.SerializeToString() for i in block.inputs], list(block.outputs), operations)


def contents(path):
    """The package as plain Python: equal for packages that say the same, wherever the weights lie."""
    spec = coremltools.utils.load_spec(str(path))
    weights = os.path.join(path, "Data/com.apple.CoreML/weights/weight.bin")
    blobs = BlobReader(weights) if os.path.exists(weights) else None
    functions = {}
    for name, function in spec.mlProgram.functions.items():
        (opset, block), = function.block_specializations.items()
        functions[name] = (opset, function.opset, [i.SerializeToString() for i in function.inputs],
                           _block(block, blobs))
    description = spec.description
    metadata = dict(description.metadata.userDefined)
    description.metadata.userDefined.clear()  # a map: its order on the wire is free
    return (spec.specificationVersion, description.SerializeToString(deterministic=True), metadata,
            functions)
