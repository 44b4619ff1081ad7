"""Writes the malformed inputs of the importer's readers, and the seeds of their fuzz targets.

    python3 tools/make_bad_imports.py        (from the top of the tree; needs nothing but Python)

tests/bad/ort/ and tests/bad/tokenizer_bin/ hold files that must be refused, named after what is
wrong with them; tests/unit/import/test_ort_file.c and test_tokenizer_bin.c know the message each must give.
The files are committed; run this again only to add one.
"""
import pathlib
import struct

SLOTS = 14  # the widest table of the format, and some


class Builder:
    """A FlatBuffer written front to back: parents first, offsets filled in as children appear."""

    def __init__(self):
        self.data = bytearray(8)
        self.data[4:8] = b"ORTM"

    def point(self, at, target):
        struct.pack_into("<I", self.data, at, target - at)

    def append(self, data):
        at = len(self.data)
        self.data += data
        return at

    def table(self):
        """Every slot has room for eight bytes; a slot that is not set is absent."""
        vtable = self.append(struct.pack("<HH", 4 + 2 * SLOTS, 4 + 8 * SLOTS) + bytes(2 * SLOTS))
        return self.append(struct.pack("<i", len(self.data) - vtable) + bytes(8 * SLOTS))

    def field(self, table, slot):
        vtable = table - struct.unpack_from("<i", self.data, table)[0]
        offset = 4 + (slot - 4) // 2 * 8
        struct.pack_into("<H", self.data, vtable + slot, offset)
        return table + offset

    def number(self, table, slot, value):
        struct.pack_into("<q", self.data, self.field(table, slot), value)

    def text(self, text):
        text = text.encode()
        return self.append(struct.pack("<I", len(text)) + text + b"\0")

    def vector(self, table, slot, targets):
        at = self.append(struct.pack("<I", len(targets)) + bytes(4 * len(targets)))
        self.point(self.field(table, slot), at)
        for i, make in enumerate(targets):
            self.point(at + 4 + 4 * i, make())

    def tensor(self, name, kind, dims, data, external=None):
        table = self.table()
        self.point(self.field(table, 4), self.text(name))
        dims_at = self.append(struct.pack(f"<I{len(dims)}q", len(dims), *dims))
        self.point(self.field(table, 8), dims_at)
        self.number(table, 10, kind)
        raw_at = self.append(struct.pack("<I", len(data)) + data)
        self.point(self.field(table, 12), raw_at)
        if external is not None:
            self.number(table, 16, external)
        return table

    def node(self, name, op, inputs, outputs, graph=None):
        table = self.table()
        self.point(self.field(table, 4), self.text(name))
        self.point(self.field(table, 14), self.text(op))
        self.vector(table, 20, [lambda t=t: self.text(t) for t in inputs])
        self.vector(table, 22, [lambda t=t: self.text(t) for t in outputs])
        if graph:
            def attribute():
                inner = self.table()
                self.point(self.field(inner, 18), graph())
                return inner
            self.vector(table, 24, [attribute])
        return table

    def graph(self, tensors, nodes):
        table = self.table()
        self.vector(table, 4, tensors)
        self.vector(table, 8, nodes)
        return table

    def session(self, graph):
        session = self.table()
        self.point(0, session)
        model = self.table()
        self.point(self.field(session, 6), model)
        self.point(self.field(model, 18), graph())
        return bytes(self.data)


FLOAT, UINT8, INT64 = 1, 2, 7


def build(tensors=(), nodes=(), inner=True):
    """A small good file; `tensors` and `nodes` are added to it as functions of the builder."""
    b = Builder()

    def inner_graph():
        return b.graph([lambda: b.tensor("inner", FLOAT, [2], struct.pack("<2f", 1, 2))],
                       [lambda: b.node("/inner/Add", "Add", ["w_scale", "inner"], ["sum"])])

    return b.session(lambda: b.graph(
        [lambda: b.tensor("w", UINT8, [2, 3], bytes(range(6))),
         lambda: b.tensor("w_scale", FLOAT, [], struct.pack("<f", 0.5)),
         lambda: b.tensor("axes", INT64, [1], bytes(8))] + [lambda t=t: t(b) for t in tensors],
        [lambda: b.node("/fc/MatMul_quant", "DynamicQuantizeMatMul",
                        ["x", "w", "w_scale", ""], ["y"]),
         lambda: b.node("/if", "If", ["c"], ["z"], inner_graph if inner else None)]
        + [lambda n=n: n(b) for n in nodes]))


def nested(depth):
    b = Builder()

    def graph(level):
        return b.graph([], [lambda: b.node("", "If", [], [], lambda: graph(level + 1))]
                       if level < depth else [])

    return b.session(lambda: graph(0))


def many_times(levels, times):
    """Each graph lists one node `times` times over: few bytes, times ** levels tables."""
    b = Builder()

    def graph(level):
        made = []

        def node():
            if not made:
                made.append(b.node("", "If", [], [], lambda: graph(level + 1)))
            return made[0]

        return b.graph([], [node] * times if level < levels else [])

    return b.session(lambda: graph(0))


def patched(data, find, replace, count=1):
    assert data.count(find) >= 1, find
    return data.replace(find, replace, count)


def bad_ort():
    good = build()
    root = struct.unpack_from("<I", good, 0)[0]
    vtable = root - struct.unpack_from("<i", good, root)[0]

    def poke(at, form, *values):
        data = bytearray(good)
        struct.pack_into(form, data, at, *values)
        return bytes(data)

    w_length = good.index(b"\x01\0\0\0w\0")
    return {
        "empty": b"",
        "not_ort": b"\x08\0\0\0TFL3" + good[8:],
        "root_outside": poke(0, "<I", len(good)),
        "root_zero": poke(0, "<I", 0),
        "vtable_before_file": poke(root, "<i", root + 1),
        "vtable_after_file": poke(root, "<i", -len(good)),
        "vtable_odd": poke(vtable, "<H", 7),
        "vtable_long": poke(vtable, "<H", 65534),
        "table_long": poke(vtable + 2, "<H", 65535),
        "field_outside": poke(vtable + 6, "<H", 4 + 8 * SLOTS),
        "field_over_head": poke(vtable + 6, "<H", 2),
        "no_model": poke(vtable + 6, "<H", 0),
        "cut": good[:len(good) - 20],
        "vector_long": poke(good.index(struct.pack("<I6B", 6, *range(6))), "<I", 0x7FFFFFFF),
        "name_without_end": poke(w_length + 5, "<B", 65),
        "name_with_zero": patched(good, b"w_scale\0", b"w\0scale\0"),
        "name_long": build([lambda b: b.tensor("n" * 600, UINT8, [1], b"1")]),
        "name_past_end": poke(w_length, "<I", 500)[:w_length + 300],
        "same_name": build([lambda b: b.tensor("w", UINT8, [1], b"1")]),
        "data_short": build([lambda b: b.tensor("v", FLOAT, [3], bytes(8))]),
        "data_long": build([lambda b: b.tensor("v", UINT8, [3], bytes(8))]),
        "data_missing": build([lambda b: b.tensor("v", UINT8, [3], b"")]),
        "shape_overflow": build([lambda b: b.tensor("v", UINT8, [1 << 33, 1 << 33], b"")]),
        "shape_bytes_overflow": build([lambda b: b.tensor("v", FLOAT, [1 << 62], b"")]),
        "shape_negative": build([lambda b: b.tensor("v", UINT8, [2, -1], b"")]),
        "shape_of_nine": build([lambda b: b.tensor("v", UINT8, [1] * 9, b"1")]),
        "external": build([lambda b: b.tensor("v", UINT8, [1], b"", external=0)]),
        "nested_deeply": nested(9),
        "many_times": many_times(8, 30),
    }


def tokenizer(words=(), special=0, first=(b"<unk>", b"<s>", b"</s>")):
    records = list(first) + [bytes([i]) for i in range(256)]
    records += [w if isinstance(w, bytes) else w.encode() for w in words]
    records += [b"<<ST_%d>>" % i for i in range(special)]
    return b"".join(record(r) for r in records)


def record(text):
    n = len(text)
    return (bytes([n]) if n < 128 else bytes([n % 128 + 128, n // 128])) + text


def bad_tokenizer_bin():
    good = tokenizer(["\u2581a", "a"], 2)
    return {
        "empty": b"",
        "few": tokenizer()[:99],
        "cut": good[:-1],
        "cut_length": good + b"\x80",
        "long_token": tokenizer(["a" * 257]),
        "first_token": tokenizer(first=(b"<unk>", b"<bos>", b"</s>")),
        "wrong_byte": patched(good, b"\x01B", b"\x01C"),
        "same_text": tokenizer(["ab", "a", "ab"]),
        "same_as_byte": tokenizer(["<0x41>"]),
        "same_as_special": tokenizer(["<s>"]),
        "not_utf8": tokenizer([b"\xff\xfe"]),
        "surrogate": tokenizer([b"\xed\xa0\x80"]),
        "space": tokenizer(["a b"]),
        "nul": tokenizer(["a\0b"]),
        "special_order": tokenizer(["<<ST_0>>", "<<ST_2>>"]),
        "word_after_special": tokenizer(["<<ST_0>>", "a"]),
    }


def write(folder, files):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    bad_tokenizers = bad_tokenizer_bin()
    write("tests/bad/ort", bad_ort())
    write("tests/bad/tokenizer_bin", bad_tokenizers)
    write("tests/fuzz/corpus/ort", {"small": build(), "flat": build(inner=False),
                                    "nested": nested(3), **bad_ort()})
    write("tests/fuzz/corpus/tokenizer_bin", {
        "bytes": tokenizer(),
        "words": tokenizer(
            ["\u2581\u2581", "\u2581a", "ab", "\u2581ab", "a", "b", "\u2581", ""], 3),
        "escapes": tokenizer(['"\\', "\t\n", "\x01", "\x7f"], 1), **bad_tokenizers})
