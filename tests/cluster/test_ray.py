"""Faults of a cluster: no row lost, none twice, and the results of the run of one process.

Every case begins the command on a cluster of Ray with several nodes, waits until some parts are there, and
does harm. Nothing is faked but the pace: sounds take 0.3 s longer, so that there is a middle.
"""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import MICRO, ROWS, command, environment, make_set, parts, results, wait_for

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402


def again(action):
    """Ray gives a node 30 seconds to start, which is not enough beside much other work."""
    for _ in range(3):
        try:
            return action()
        except Exception as error:
            said = error
    raise said


def three_nodes():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
    except Exception:
        cluster.shutdown()
        raise
    return cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head that computes nothing, and two nodes of one core each."""
    os.environ.update(environment(tmp_path_factory.mktemp("node")))
    cluster = again(three_nodes)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def begin(cluster, tmp_path):
    """Begins the command; none is left when the test ends."""
    begun = []

    def of(*more):
        options = ("--address", cluster.address, "--part-rows", "5", *more)
        with open(tmp_path / "said", "wb") as said:
            begun.append(
                subprocess.Popen(
                    command(tmp_path, *options),
                    cwd=tmp_path,
                    env=environment(tmp_path),
                    stdout=said,
                    stderr=said,
                )
            )
        return begun[-1]

    yield of
    for process in begun:
        process.kill()
        process.wait()


def end(process, folder, single, code=0):
    assert process.wait(900) == code, (folder / "said").read_text()
    found = results(folder)
    assert len(found) == ROWS and found == single(folder)
    assert not [path for path in (folder / "out/parts").iterdir() if path.name.startswith(".tmp")]


def workers(kind):
    """Processes of Ray that do parts ("task"), or of engines ("engine")."""
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if (kind == "task" and "ray::do_part" in words) or (kind == "engine" and "cluster.engine" in words):
            yield process


def test_no_fault(begin, tmp_path, single):
    make_set(tmp_path, "quick")
    end(begin(), tmp_path, single)


def test_workers_are_killed(begin, tmp_path, single):
    """A process of Ray, and an engine below another."""
    make_set(tmp_path)
    process = begin()
    wait_for(lambda: len(parts(tmp_path)) >= 2)
    next(workers("task")).send_signal(signal.SIGKILL)
    wait_for(lambda: len(parts(tmp_path)) >= 5)
    next(workers("engine")).send_signal(signal.SIGKILL)
    end(process, tmp_path, single)


def test_a_node_goes_and_another_comes(begin, cluster, tmp_path, single):
    make_set(tmp_path)
    process = begin()
    wait_for(lambda: len(parts(tmp_path)) >= 2)
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    wait_for(lambda: len(parts(tmp_path)) >= 6)
    again(lambda: cluster.add_node(num_cpus=1))
    end(process, tmp_path, single)


def test_the_driver_is_killed(begin, tmp_path, single):
    make_set(tmp_path)
    process = begin()
    wait_for(lambda: len(parts(tmp_path)) >= 3)
    process.kill()
    process.wait()
    there = {path.name: path.stat().st_mtime_ns for path in parts(tmp_path)}
    end(begin(), tmp_path, single)
    now = {path.name: path.stat().st_mtime_ns for path in parts(tmp_path)}
    assert all(now[name] == time for name, time in there.items())


def test_a_ray_of_its_own_is_stopped(tmp_path_factory, single):
    """Without an address: asked to end it leaves no process and no file of Ray; begun again it ends the work."""
    folder = tmp_path_factory.mktemp("r")  # short, for sockets are in it
    make_set(folder)
    (folder / "ray").mkdir()
    settings = {**environment(folder), "RAY_TMPDIR": str(folder / "ray")}

    def begin_alone():
        words = command(folder, "--part-rows", "5", "--workers", "1")
        with open(folder / "said", "wb") as said:
            return subprocess.Popen(words, cwd=folder, env=settings, stdout=said, stderr=said)

    process = begin_alone()
    wait_for(lambda: list(workers("task")))
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(60) == 75, (folder / "said").read_text()
    wait_for(lambda: not any(one.is_running() for one in family), 30)
    assert len(family) > 5 and not list((folder / "ray").iterdir())
    assert not (folder / "out/results.jsonl").exists()
    end(begin_alone(), folder, single)
    assert not list((folder / "ray").iterdir())


def test_a_ray_that_does_not_start(tmp_path):
    """Its sockets have no room for the name of the folder."""
    make_set(tmp_path, "quick")
    long = tmp_path / ("long" * 25)
    long.mkdir()
    settings = {**environment(tmp_path), "RAY_TMPDIR": str(long)}
    done = subprocess.run(command(tmp_path), cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 4, done.stderr
    assert "potstill-batch: Ray does not start: " in done.stderr and "Traceback" not in done.stderr
    assert list(long.iterdir()) and not (tmp_path / "out/results.jsonl").exists()


DATASET = """
import json, sys
import ray
from potstill.cluster import transcribe_dataset

ray.init(address=sys.argv[1], log_to_driver=False)
rows = ray.data.from_items([json.loads(line) for line in open("set.jsonl")], override_num_blocks=6)
heard = transcribe_dataset(rows, model=sys.argv[2], precision="f32", limit=30, options={"guard": False})
heard.write_json(sys.argv[3])
"""


def test_a_dataset(cluster, tmp_path, single):
    """transcribe_dataset() in a program of the user's own: the rows of the command, and its columns."""
    make_set(tmp_path, "quick", [{"id": "none", "audio": str(tmp_path / "none.wav")}])
    words = [sys.executable, "-c", DATASET, cluster.address, str(MICRO), str(tmp_path / "heard")]
    done = subprocess.run(words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    lines = [line for path in (tmp_path / "heard").iterdir() for line in path.read_text().splitlines()]
    rows = sorted(map(json.loads, lines), key=lambda row: row["id"])
    wanted = [json.loads(line) for line in single(tmp_path)]
    assert [json.loads(row["result"]) for row in rows] == wanted
    assert [row["text"] for row in rows] == [row.get("text", "") for row in wanted]
    assert [row["id"] for row in rows if row["error"]] == ["none"]


def test_a_hung_file(begin, tmp_path, single):
    """It hangs in the run of one process as well, and is the same error there."""
    os.mkfifo(tmp_path / "hung.wav")
    more = [{"id": "hung", "audio": str(tmp_path / "hung.wav")}, {"id": "none", "audio": "none.wav"}]
    make_set(tmp_path, "quick", more)
    wanted = [line for line in single(tmp_path) if b'"none"' not in line]
    process = begin()
    assert process.wait(900) == 1, (tmp_path / "said").read_text()
    found = [line for line in results(tmp_path) if b'"none"' not in line]  # its path is another one
    assert len(found) == ROWS - 1 and found == wanted and b'"TimeLimit"' in b"".join(found)
