#!/usr/bin/env python3
"""Makes tests/fuzz/corpus/pickle and tests/bad/pickle: small files of torch.save(), right and wrong.

The right ones are torch's own. The wrong ones are torch's with one thing changed, or programs for the
pickle machine written out by hand. Nothing here is ever loaded. Needs torch:

    tools/make_pickles.py
"""
import collections
import io
import os
import pathlib
import pickle
import struct
import warnings
import zipfile

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests" / "fuzz" / "corpus" / "pickle"
BAD = ROOT / "tests" / "bad" / "pickle"


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def right():
    linear = torch.nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.arange(6.0).reshape(2, 3))
        linear.bias.copy_(torch.tensor([-1.0, 0.5]))
    six = torch.arange(6.0).reshape(2, 3)
    cube = torch.arange(24.0).reshape(2, 3, 4)
    return {
        "state_dict": linear.state_dict(),
        "types": {"half": six.half(), "brain": six.bfloat16(), "double": six.double(),
                  "long": six.long(), "int": six.int(), "bool": six > 2, "byte": six.byte(),
                  "parameter": torch.nn.Parameter(six)},
        "views": {"whole": cube, "turned": cube.permute(2, 0, 1), "column": cube[:, 1, 2],
                  "tail": cube[1], "every_other": cube[:, :, ::2], "one": cube[1, 2, 3],
                  "none": cube[:0], "flat_row": cube[:1, :1, :]},
        "many": {f"layer.{i}": torch.full((1,), float(i)) for i in range(100)},
        "nothing": {},
    }


def global_(module, name):
    return f"c{module}\n{name}\n".encode()


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(data)) + data


def tensor(count=4, shape=(4,), strides=(1,), offset=0, key="0", kind="FloatStorage", dims=None):
    def numbers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"
    return (global_("torch._utils", "_rebuild_tensor_v2") + b"((" + text("storage") +
            global_("torch", kind) + text(key) + text("cpu") + b"\x8a\x08" + struct.pack("<q", count) +
            b"tQ" + b"\x8a\x08" + struct.pack("<q", offset) + numbers(shape) + numbers(strides) +
            b"\x89" + global_("collections", "OrderedDict") + b")RtR")


def dict_of(*items):
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in items) + b"u."


def archive(program, storage=struct.pack("<4f", 1, 2, 3, 4), byte_order=b"little", extra=None,
            **options):
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", **options) as out:
        warnings.simplefilter("ignore")  # of a name that is there twice
        out.writestr("archive/data.pkl", program)
        if byte_order:
            out.writestr("archive/byteorder", byte_order)
        out.writestr("archive/data/0", storage)
        if extra:
            out.writestr(extra, b"")
    return stream.getvalue()


class Stranger:
    def __reduce__(self):
        return os.system, ("true",)


def rename(data, old, new):
    assert len(old) == len(new) and old in data
    return data.replace(old, new)


def set_end(data, at, value):
    """Overwrites 4 bytes of the end record, which is the last 22 bytes of the file."""
    place = len(data) - 22 + at
    return data[:place] + struct.pack("<I", value) + data[place + 4:]


def wrong():
    good = archive(dict_of(("a", tensor())))
    real = saved({"a": torch.arange(4.0)})
    end64 = real.rindex(b"PK\x06\x06")
    huge = torch.arange(4.0)
    return {
        # The archive.
        "empty": b"",
        "not_zip": b"GIF89a, or anything else",
        "legacy": saved({"a": torch.arange(4.0)}, _use_new_zipfile_serialization=False),
        "cut": real[:-30],
        "cut_to_head": b"PK\x03\x04",
        "end64_missing": set_end(real, 16, 0xFFFFFFFF).replace(b"PK\x06\x07", b"PK\x06\x08"),
        "directory_far": set_end(good, 16, 0x7FFFFFFF),
        "directory_long": set_end(good, 12, 0x7FFFFFFF),
        "directory_short": set_end(good, 12, len("archive/data.pkl") + 46),
        "directory_other": rename(good, b"PK\x01\x02", b"PK\x01\x09"),
        "compressed": archive(dict_of(("a", tensor())), compression=zipfile.ZIP_DEFLATED),
        "name_twice": archive(dict_of(("a", tensor())), extra="archive/data.pkl"),
        "local_missing": good[:good.index(b"PK\x03\x04", 4)] +
            b"XX" + good[good.index(b"PK\x03\x04", 4) + 2:],
        "no_pickle": rename(good, b"data.pkl", b"data.txt"),
        "big_endian": archive(dict_of(("a", tensor())), byte_order=b"big"),
        "entry_long": good[:good.rindex(b"PK\x01\x02") + 20] + struct.pack("<II", 99999, 99999) +
            good[good.rindex(b"PK\x01\x02") + 28:],
        "sizes_differ": good[:good.rindex(b"PK\x01\x02") + 20] + struct.pack("<II", 8, 16) +
            good[good.rindex(b"PK\x01\x02") + 28:],
        # The program.
        "stranger": saved({"a": Stranger()}),
        "code": archive(b"\x80\x02c__builtin__\neval\n" + text("1") + b"\x85R."),
        "object": saved({"a": collections.Counter()}),
        "list": archive(b"\x80\x02]."),
        "protocol_4": saved({"a": torch.arange(4.0)}, pickle_protocol=4),
        "number": archive(b"\x80\x02K\x01."),
        "tensor_alone": saved(torch.arange(4.0)),
        "nested": archive(dict_of(("a", b"}"))),
        "key_number": archive(b"\x80\x02}K\x01K\x02s."),
        "no_stop": archive(dict_of(("a", tensor()))[:-1]),
        "after_stop": archive(dict_of(("a", tensor())) + b"N."),
        "text_long": archive(b"\x80\x02X\xff\xff\xff\x7fabc."),
        "text_latin1": archive(dict_of((b"\xe9", tensor()))),
        "text_nul": archive(dict_of(("a\0b", tensor()))),
        "memo_never": archive(b"\x80\x02h\x07."),
        "memo_far": archive(b"\x80\x02}r\xff\xff\xff\x7f."),
        "stack_empty": archive(b"\x80\x02\x87."),
        "mark_missing": archive(b"\x80\x02K\x01t."),
        "call_number": archive(b"\x80\x02K\x01)R."),
        "dict_of_items": archive(b"\x80\x02" + global_("collections", "OrderedDict") + b"N\x85R."),
        "state_of_number": archive(b"\x80\x02K\x01}b."),
        "items_without_dict": archive(b"\x80\x02K\x01(K\x01K\x02u."),
        "item_odd": archive(b"\x80\x02}(K\x01u."),
        "reference_other": archive(b"\x80\x02" + text("storage") + b"\x85Q."),
        "marks": archive(b"\x80\x02" + b"(" * 5000 + b"."),
        # The tensors.
        "arguments_few": archive(dict_of(("a", global_("torch._utils", "_rebuild_tensor_v2") +
                                          b")R"))),
        "dims_many": archive(dict_of(("a", tensor(shape=(1,) * 9, strides=(1,) * 9)))),
        "dims_differ": archive(dict_of(("a", tensor(shape=(2, 2), strides=(1,))))),
        "shape_negative": archive(dict_of(("a", tensor(shape=(-4,))))),
        "shape_overflow": archive(dict_of(("a", tensor(shape=(2 ** 40, 2 ** 40), strides=(0, 0))))),
        "stride_overflow": archive(dict_of(("a", tensor(shape=(3,), strides=(2 ** 62,))))),
        "past_storage": archive(dict_of(("a", tensor(offset=1)))),
        "offset_far": archive(dict_of(("a", tensor(offset=2 ** 62)))),
        "storage_missing": archive(dict_of(("a", tensor(key="1")))),
        "storage_short": archive(dict_of(("a", tensor())), storage=b"\0" * 12),
        "storage_count": archive(dict_of(("a", tensor(count=2 ** 62)))),
        "repeated": saved({"a": huge[:1].expand(10, 10)}),
        "copies": archive(dict_of(("a", tensor(64, (8, 8), (1, 8)) + b"q\0"),
                                  *[(f"a{i}", b"h\0") for i in range(20)]),
                          storage=bytes(256)),
        "twice": archive(dict_of(("a", tensor()), ("a", tensor()))),
    }


def programs():
    """Bare pickles, which the fuzz target tries as such."""
    names = {name: zipfile.ZipFile(io.BytesIO(saved(value))).read("archive/data.pkl")
             for name, value in right().items()}
    names["python"] = pickle.dumps({"a": [1, 2.5, "text"]}, protocol=2)
    return {f"program_{name}": data for name, data in names.items()}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def main():
    bad = wrong()
    write(BAD, bad)
    write(CORPUS, {**{name: saved(value) for name, value in right().items()}, **programs(),
                   **{f"bad_{name}": data for name, data in bad.items()}})


if __name__ == "__main__":
    main()
