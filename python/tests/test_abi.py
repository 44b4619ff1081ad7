"""What Python declares is what the headers declare: names and order here, sizes at every import."""

import ctypes
import re
import subprocess
import sys

import potstill
import pytest
from conftest import ROOT
from potstill import abi, library


def structs():
    """Fields of every struct of the headers, in their order."""
    text = "".join((ROOT / "include" / n).read_text() for n in ("potstill.h", "potstill_tools.h"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = {}
    for name, body in re.findall(r"typedef struct (pst_\w+) \{(.*?)\n\} \1;", text, flags=re.S):
        fields = []
        for declaration in body.split(";")[:-1]:
            pointer = re.search(r"\(\*(\w+)\)\(", declaration)
            if pointer:
                fields.append(pointer[1])
            else:
                fields += [re.search(r"(\w+)(\[\d+\])?$", p.strip())[1] for p in declaration.split(",")]
        found[name] = fields
    return found


def declared():
    return [
        kind
        for kind in vars(abi).values()
        if isinstance(kind, type)
        and issubclass(kind, ctypes.Structure)
        and kind is not ctypes.Structure
    ]


@pytest.mark.parametrize("kind", declared(), ids=lambda kind: kind.__name__)
def test_fields_are_those_of_the_header(kind):
    assert [f[0] for f in kind._fields_] == structs()[library._struct_name(kind)]


def test_every_struct_has_a_size():
    library._library.pst_struct_size.restype = ctypes.c_size_t
    for name in structs():
        assert library._library.pst_struct_size(name.encode()) > 0, name


def test_another_size_is_refused(monkeypatch):
    class Clip(ctypes.Structure):
        _fields_ = [("path", ctypes.c_char_p)]

    true = ctypes.sizeof(abi.Clip)
    monkeypatch.setattr(abi, "Clip", Clip)
    with pytest.raises(ImportError, match=f"pst_clip has {true} bytes, this package expects 8"):
        library._check_sizes(library._library)


def test_every_status_has_an_exception():
    statuses = re.findall(r"PST_ERR_\w+ = (\d+)", (ROOT / "include/potstill.h").read_text())
    assert sorted(map(int, statuses)) == sorted(potstill.errors.BY_STATUS)


def test_import_is_light():
    code = "import sys, potstill; print([m for m in ('numpy', 'inspect') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_names_are_there():
    for name in potstill.__all__:
        assert getattr(potstill, name) is not None if name != "TrainerCallback" else True
    with pytest.raises(AttributeError, match="nothing"):
        potstill.nothing
    assert potstill.__version__ in potstill.run_command("--version")[0]
