"""Asks lora_driver, a program over the engine's internals, what adapters mean for a model's modules."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POTSTILL_BUILD", ROOT / "build" / "release"))
DRIVER = BUILD / "tests" / "lora_driver"

KINDS = {"Linear": "linear", "Conv1d": "conv1d", "Embedding": "embedding", "LayerNorm": "norm",
         "GroupNorm": "norm"}


def describe(name, module):
    kind = KINDS.get(type(module).__name__)
    if kind is None:
        return ""
    out, inputs = (*module.weight.shape, 1)[:2]
    return f"{kind} {out} {inputs} {name}\n"


def ask(model, paths, scratch):
    """For each config file {module: (rank, scale)}, or the error."""
    names = scratch / "modules"
    names.write_text("".join(describe(*named) for named in model.named_modules()))
    return ask_about(names, paths)


def ask_about(modules, paths):
    """The same of adapter folders, with delta_norm, when `modules` is the folder of a model."""
    run = subprocess.run([DRIVER, modules, *paths], capture_output=True, text=True, check=True)
    answers = []
    for line in run.stdout.splitlines():
        if line.startswith("= "):
            answers.append({})
        elif line.startswith("! "):
            answers[-1] = line[2:]
        else:
            name, rank, *numbers = line.split()
            answers[-1][name] = (int(rank), *map(float, numbers))
    assert len(answers) == len(paths)
    return answers
