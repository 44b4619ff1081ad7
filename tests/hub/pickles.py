"""pickles.py - weights as torch.save() writes them, by the standard library alone.

The pickle names classes and functions of torch, which are stood in for by empty ones while it is written.
"""

import io
import json
import pickle
import struct
import sys
import types
import zipfile
from unittest import mock


def read_safetensors(data):
    """name: (shape, bytes) of a file of float32 tensors."""
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    body = data[8 + size:]
    return {name: (tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
            for name, entry in head.items() if name != "__metadata__"}


class FloatStorage:
    pass


def _rebuild_tensor_v2():
    pass


FloatStorage.__module__ = "torch"
_rebuild_tensor_v2.__module__ = "torch._utils"


class Storage:
    def __init__(self, key, count):
        self.key, self.count = key, count


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        strides = [1]
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        strides = tuple(strides[:len(self.shape)])
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, strides, False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", FloatStorage, value.key, "cpu", value.count)
        return None


def torch_save(tensors):
    """The bytes of a file with these float32 tensors, name: (shape, bytes)."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2
    values = {name: Tensor(Storage(str(i), len(data) // 4), shape)
              for i, (name, (shape, data)) in enumerate(tensors.items())}
    text = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        Pickler(text, protocol=2).dump(values)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", text.getvalue())
        for i, (_, data) in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{i}", data)
        archive.writestr("archive/version", "3\n")
    return out.getvalue()
