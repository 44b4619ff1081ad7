"""The command ``potstill`` that is in the package: for what the library itself does not offer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import environment
from .errors import CommandError

PATH = Path(__file__).with_name("bin") / "potstill"


def arguments(options: Mapping[str, Any]) -> list[str]:
    """Keywords as options: ``max_wer=0.1`` is ``--max-wer 0.1``; True is a flag, a list repeats.

    >>> arguments({"max_wer": 0.1, "adapter": ["a", ("b", 0.7)], "show_errors": True, "map": None})
    ['--max-wer', '0.1', '--adapter', 'a', '--adapter', 'b:0.7', '--show-errors']
    """
    words = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        many = value if isinstance(value, list) else [value]
        for one in many:
            if one is None or one is False:
                continue
            if one is True:
                words.append(option)
            elif isinstance(one, tuple):
                words += [option, ":".join(_word(part) for part in one)]
            else:
                words += [option, _word(one)]
    return words


def _word(value: Any) -> str:
    return os.fspath(value) if hasattr(value, "__fspath__") else str(value)


def run_command(
    name: str, *operands: Any, accept: Sequence[int] = (0,), **options: Any
) -> tuple[str, int]:
    """Runs ``potstill NAME [OPTIONS] OPERANDS`` and waits for it.

    Args:
        name: of the command: "inspect", "diff", "bench" ...
        operands: files and folders.
        accept: exit codes that are no error.
        **options: its options by keyword, as ``arguments()`` writes them.

    Returns:
        What it printed (stdout), and its exit code.

    Raises:
        CommandError: another exit code; the message is what it said.
    """
    words = [str(PATH), name, *arguments(options)]
    if operands:
        words += ["--", *(os.fspath(operand) for operand in operands)]
    variables = dict(os.environ)
    certificates = environment.certificates()
    if certificates:
        variables.setdefault("SSL_CERT_FILE", certificates)
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=variables,
        encoding="utf-8",
        errors="surrogateescape",
    )
    if done.returncode not in accept:
        said = done.stderr.strip() or f"ended with code {done.returncode}"
        raise CommandError(f"potstill {name}: {said}", done.returncode)
    return done.stdout, done.returncode
