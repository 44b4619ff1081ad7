"""The examples for other schedulers, each run once: the results of the run of one process."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from conftest import MICRO, OPTIONS, ROOT, ROWS, environment, make_set, results, wait_for

EXAMPLES = ROOT / "examples/cluster"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the command is found by its name, as after pip install."""
    make_set(tmp_path, "quick")
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "potstill-batch").write_text(f'#!/bin/sh\nexec {sys.executable} -m potstill.cluster "$@"\n')
    (bin / "potstill-batch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", environment(tmp_path)["PYTHONPATH"])
    return tmp_path


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            pytest.skip(f"needs {program}")


def test_gnu_parallel(folder, single):
    need("parallel")
    words = [EXAMPLES / "parallel.sh", "3", "set.jsonl", "out", *OPTIONS]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    assert results(folder) == single(folder)


def test_slurm(folder, single):
    need("slurmctld", "slurmd", "sbatch")
    ports = []
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    host = socket.gethostname().split(".")[0]
    nodes = "\n".join(
        f"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[n]} CPUs=1" for n in (1, 2)
    )
    (folder / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/%n.log
ReturnToService=2
MailProg=/bin/true
{nodes}
PartitionName=all Nodes=n1,n2 Default=YES State=UP
""")
    variables = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": os.environ["PATH"] + ":/usr/sbin"}
    (folder / "state").mkdir()
    begun = [subprocess.Popen(["slurmctld", "-D"], env=variables, stderr=subprocess.DEVNULL)]
    begun += [subprocess.Popen(["slurmd", "-D", "-N", f"n{n}"], env=variables, stderr=subprocess.DEVNULL) for n in (1, 2)]
    try:
        ready = lambda: b"idle" in subprocess.run(["sinfo", "-h", "-o", "%T"], env=variables, capture_output=True).stdout
        try:
            wait_for(ready, 60)
        except AssertionError:
            logs = "".join(path.read_text()[-800:] for path in folder.glob("*.log"))
            pytest.skip(f"Slurm does not start here: {logs}")
        words = ["sbatch", "--wait", "--array=0-3", EXAMPLES / "slurm.sh", "set.jsonl", "out", *OPTIONS]
        done = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)
        said = "".join(path.read_text() for path in folder.glob("slurm-*.out"))
        assert done.returncode == 0, done.stderr + said
    finally:
        for process in begun:
            process.terminate()
        for process in begun:
            process.wait()
    end = subprocess.run(
        ["potstill-batch", "set.jsonl", "-o", "out", "--local", *OPTIONS], cwd=folder, capture_output=True, text=True
    )
    assert end.returncode == 0 and json.loads(end.stdout)["parts"] == 0, end.stderr  # the array did all of them
    assert results(folder) == single(folder)
