"""Completion in bash, zsh and fish as somebody at a terminal has it:

    test_completion.py SHELL POTSTILL

The shell runs in a terminal of its own; a line is typed up to the middle of a word, then TAB and Return. In place of the
program stands one that records its arguments. Exit code 77: the shell is not here.
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

# What is typed, and what its last word becomes. In the folder are "models one/", "model.txt" and "clip one.wav".
CASES = [
    ("transc", "transcribe"),
    ("--versio", "--version"),
    ("help run", "run-stt"),
    ("transcribe --forma", "--format"),
    ("transcribe --model-i", "--model-id"),
    ("transcribe --adapter-di", "--adapter-dir"),
    ("transcribe --hel", "--help"),
    ("transcribe --device core", "coreml"),
    ("transcribe --device=core", "--device=coreml"),
    ("transcribe --channels sp", "split"),
    ("transcribe --format sr", "srt"),
    ("transcribe --format srt,vt", "srt,vtt"),
    ("transcribe --format=sr", "--format=srt"),
    ("transcribe --format=srt,vt", "--format=srt,vtt"),
    ("transcribe --model mo", "models one"),
    ("transcribe --model=mo", "--model=models one"),
    ("transcribe -o mod", "model"),
    ("transcribe -o model.", "model.txt"),
    ("transcribe --offline --adapter mo", "models one"),
    ("transcribe --threads cl", "cl"),
    ("transcribe cl", "clip one.wav"),
    ("transcribe --no-guard cl", "clip one.wav"),
    ("serve --adapter radio=mo", "radio=models one"),
    ("serve --adapter=radio=mo", "--adapter=radio=models one"),
    ("serve --port cl", "cl"),
    ("diff mo", "models one"),
    ("diff first mo", "models one"),
    ("pull cl", "cl"),
    ("completion fi", "fish"),
    ("eval --manifest model.", "model.txt"),
]
RECORD = """#!/bin/sh
printf '%s\\n' "$@" >"$RECORD.part"
mv "$RECORD.part" "$RECORD"
"""


def start(shell, script, folder):
    """The shell in a terminal: its process and the terminal's other end."""
    rc = folder / "rc"
    rc.mkdir()
    if shell == "bash":
        (rc / "bashrc").write_text(f". {script}\nPS1='$ '\nbind 'set bell-style none'\n")
        command = ["bash", "--noprofile", "--rcfile", str(rc / "bashrc"), "-i"]
    elif shell == "zsh":
        (rc / ".zshrc").write_text(f"autoload -U compinit; compinit -u -D\n. {script}\nPS1='$ '\nsetopt no_beep\n")
        command = ["zsh", "-d", "-i"]
    else:
        command = ["fish", "--no-config", "-i", "-C", f"source {script}; function fish_prompt; echo '$ '; end"]
    environment = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "HOME": str(folder / "rc"),
        "ZDOTDIR": str(folder / "rc"),
        "RECORD": str(folder / "record"),
        "TERM": "xterm",
        "COLUMNS": "200",
        "LC_ALL": "C.UTF-8",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder / "here")
        os.execvpe(command[0], command, environment)
    return child, terminal


def read(terminal, seconds):
    """What the shell shows meanwhile; a terminal that nobody reads blocks it."""
    shown = b""
    while select.select([terminal], [], [], seconds)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # the shell has ended
            break
        seconds = 0
    return shown


def typed(terminal, keys, record):
    """Types, and gives the arguments that the program then got."""
    record.unlink(missing_ok=True)
    os.write(terminal, keys.encode())
    shown = b""
    for _ in range(200):
        shown += read(terminal, 0.05)
        if record.exists():
            return record.read_text().splitlines()
    sys.exit(f"{keys!r}: nothing ran; shown was {shown!r}")


def complete(shell, script, folder):
    child, terminal = start(shell, script, folder)
    failures = 0
    try:
        typed(terminal, "potstill ready\r", folder / "record")
        for line, expected in CASES:
            os.write(terminal, f"potstill {line}\t".encode())
            read(terminal, 0.3)
            arguments = typed(terminal, "\r", folder / "record")
            # zsh writes "--format=" for a value to come, "srt," for another, and drops the last slash at Return.
            if not arguments or arguments[-1].rstrip("=,/") != expected:
                failures += 1
                print(f"{shell}: potstill {line}<TAB>: {arguments}, expected {expected!r} at the end")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return failures


def options_of(script, shell, command):
    """What the script has of one command."""
    if shell == "fish":
        return "\n".join(line for line in script.splitlines() if f"'__potstill_is {command}'" in line)
    begin = f"'{command} -'*) " if shell == "bash" else f"\n    {command}) _arguments"
    return script[script.index(begin) :].split(";;")[0]


def every_option(program, shell, script):
    """The options of each command's help are in the script."""

    def output(*words):
        return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout

    commands = re.findall(r"^  ([a-z-]+) +\S", output("--help").split("Options:")[0], re.MULTILINE)
    missing = 0
    for command in set(commands) - {"help"}:
        there = options_of(script, shell, command)
        for option in re.findall(r"^  (?:-., |    )--([a-z0-9-]+)", output("help", command), re.MULTILINE):
            if not re.search(rf"(--|-l ){option}\b", there):
                print(f"{shell}: --{option} of {command} is missing")
                missing += 1
    return missing


def main(shell, program):
    if not shutil.which(shell):
        print(f"skipped: {shell} is not here")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="potstill-completion.") as name:
        folder = Path(name)
        (folder / "here" / "models one").mkdir(parents=True)
        (folder / "here" / "model.txt").touch()
        (folder / "here" / "clip one.wav").touch()
        (folder / "bin").mkdir()
        (folder / "bin" / "potstill").write_text(RECORD)
        (folder / "bin" / "potstill").chmod(0o755)
        script = folder / "script"
        with open(script, "w") as out:
            subprocess.run([program, "completion", shell], stdout=out, check=True)
        failures = every_option(program, shell, script.read_text()) + complete(shell, script, folder)
    print(f"{shell}: {len(CASES)} lines, {failures} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main(sys.argv[1], os.path.abspath(sys.argv[2]))
