"""The notebook of docs/, cell by cell, on a micro model."""

import ast
import json

import pytest
from conftest import MICRO, ROOT

for needed in ("torch", "transformers", "peft", "soundfile"):
    pytest.importorskip(needed)


def run(source, names):
    """Runs a cell; gives the value of its last line, where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None


def test_every_cell_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    cells = json.loads((ROOT / "docs/python.ipynb").read_text(encoding="utf-8"))["cells"]
    names, values = {}, []
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(MODEL=str(MICRO), EPOCHS=1, OUT=str(tmp_path / "tower"))
            continue
        value = run("".join(cell["source"]), names)
        if "rows" in names and len(names["train"]) > 2:
            names["train"], names["test"] = names["train"][:2], names["test"][:2]
        values.append(value)
    assert len(names["history"]) == 1 and names["history"][0].words > 0
    shown = [value._repr_html_() for value in values if hasattr(value, "_repr_html_")]
    assert len(shown) >= 3 and all("<" in html for html in shown)
    first = names["texts"]
    assert first[0] == first[1]
