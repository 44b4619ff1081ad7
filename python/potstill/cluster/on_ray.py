"""Parts, and rows of a Dataset, on a Ray cluster, or on a Ray that begins here.

Parts are tasks: Ray gives them to nodes that are there or come, and gives one whose process or node died
to another; those that are committed are only reported. A process that does tasks keeps its ``Worker``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from . import frames, here
from .part import Part, Report
from .settings import Settings
from .worker import LIMIT_S, Worker

_LOOK_S = 5.0  # how often it is asked how large the cluster is


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ImportError(f"{error}; it comes with: pip install 'potstill[ray]'") from None
    return ray


def _places(threads: int) -> int:
    """How many workers the cluster has cores for now."""
    return max(1, int(_ray().cluster_resources().get("CPU", 1)) // threads)


class _Metrics:
    """What the dashboard shows, for each node."""

    def __init__(self, node: str) -> None:
        from ray.util.metrics import Counter, Gauge

        tags = {"node": node}
        self._sound = Counter("potstill_audio_seconds", "Sound transcribed", ("node",))
        self._rows = Counter("potstill_rows", "Rows done", ("node",))
        self._errors = Counter("potstill_row_errors", "Rows that are errors", ("node",))
        self._speed = Gauge("potstill_real_time_factor", "Seconds of sound a second, of a worker", ("node",))
        for metric in (self._sound, self._rows, self._errors, self._speed):
            metric.set_default_tags(tags)

    def add(self, report: Report) -> None:
        for counter, value in (
            (self._sound, report.seconds),
            (self._rows, report.rows),
            (self._errors, report.errors),
        ):
            if value > 0:  # Ray refuses 0
                counter.inc(value)
        if report.wall > 0:
            self._speed.set(report.seconds / report.wall)


class _Hand:
    """What a process of Ray keeps between its tasks."""

    def __init__(self, settings: str, limit: float) -> None:
        ray = _ray()
        self._worker = Worker(Settings.from_json(settings), limit)
        self._node = ray.util.get_node_ip_address() + "/" + ray.get_runtime_context().get_node_id()[:6]
        self._metrics = _Metrics(self._node)

    def do(self, part: Part, output: str) -> Report:
        report = here.attempt(self._worker, part, output)
        if report.rows:
            report.node = self._node
            self._metrics.add(report)
        return report


_hand: Optional[_Hand] = None  # a process of Ray has the tasks of one run


def do_part(part: Part, output: str, settings: str, limit: float) -> Report:
    """The task."""
    global _hand
    _hand = _hand or _Hand(settings, limit)
    return _hand.do(part, output)


def run(
    parts: list[Part],
    output: str,
    settings: Settings,
    limit: float = LIMIT_S,
    workers: int = 0,
    address: Optional[str] = None,
) -> Iterator[Report]:
    """Reports as parts are done; ends early after the first that cannot be.

    Raises:
        OSError: Ray fails.
    """
    joins = address or os.environ.get("RAY_ADDRESS")
    # A Ray that begins here takes seconds to, in which the cores need not wait.
    hands = here.Hands(parts, output, settings, limit, 0 if joins else workers or here.places(settings))
    try:
        ray = _ray()
        with _joined(ray, address) if joins else _begun(ray):
            task = ray.remote(num_cpus=settings.threads, max_retries=-1)(do_part)
            give = functools.partial(task.remote, output=output, settings=settings.to_json(), limit=limit)
            yield from _give_out(hands, give, settings.threads, workers)
    finally:
        hands.close()


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Ray takes SIGTERM for itself while it starts, then ends with another code, and fails in many ways."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        raise SystemExit(here.STOPPED) from None
    except Exception as error:
        raise OSError(f"Ray does not start: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _joined(ray: Any, address: Optional[str]) -> Iterator[None]:
    """As a driver of a Ray that is there."""
    with _starting():
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _begun(ray: Any) -> Iterator[None]:
    """A Ray for this run alone, with the command's own priority. It has no dashboard, no autoscaler and
    nobody who collects logs: a second of a core each, and the autoscaler another one at the end. That is
    why it is a ``Cluster``, for ``ray.init()`` starts them. A cluster leaves its address for others to
    find, so it has a temporary folder of its own, which stays where Ray fails: its logs are in it."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray-", dir=os.environ.get("RAY_TMPDIR"))
    os.environ["RAY_TMPDIR"] = folder
    os.environ.setdefault("RAY_worker_niceness", "0")
    cluster = Cluster()
    try:
        with _starting():
            cluster.add_node(
                num_cpus=here.cores(), include_dashboard=False, include_log_monitor=False, no_monitor=True
            )
        with _joined(ray, cluster.address):
            yield
    except Exception:
        folder = ""  # that stays
        raise
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _give_out(hands: here.Hands, give: Any, threads: int, workers: int) -> Iterator[Report]:
    """Reports of tasks, and of what the hands of this machine still do."""
    asked, most, looked = 0, 0, -_LOOK_S
    while True:
        if time.monotonic() - looked > _LOOK_S:
            # As many again wait, so that no core does, and a cluster that can grow sees why it should.
            most, looked = workers or 2 * _places(threads), time.monotonic()
        while asked < most and (part := hands.take()) is not None:
            give(part).future().add_done_callback(hands.reports.put)
            asked += 1
        if not asked and not hands.running:
            return
        report = hands.reports.get()
        if report is None:
            hands.running -= 1
            continue
        if not isinstance(report, Report):
            hands.stop.set()  # no sooner, for processes of Ray take a second to begin
            asked, report = asked - 1, _result(report)
        yield report
        if report.failed:
            return


def _result(future: Any) -> Report:
    try:
        return future.result()  # type: ignore[no-any-return]
    except _ray().exceptions.RayError as error:
        raise OSError(f"Ray: {error}") from error


class _Rows:
    """An actor that does rows of somebody's Dataset."""

    def __init__(self, settings: str, limit: float) -> None:
        self._frames = frames.Frames(Settings.from_json(settings), limit)

    def __call__(self, frame: Any) -> Any:
        return self._frames(frame)


def transcribe_dataset(
    dataset: Any,
    *,
    limit: float = LIMIT_S,
    workers: int = 0,
    options: Optional[Mapping[str, Any]] = None,
    **load: Any,
) -> Any:
    """A Ray Dataset with what was heard in its rows.

    Args:
        dataset: with columns as a manifest has them: ``audio`` (a path, an address, the bytes of a file,
            an ``Audio`` column of ``datasets``), and perhaps ``id``, ``offset``, ``duration``.
        limit: seconds without a sign of life after which a row is given up.
        workers: at most so many actors; 0: as many as the cluster has places for.
        options: keywords of ``Model.transcribe()``.
        **load: of ``potstill.load()``. ``threads`` are those of an actor: 1.

    Returns:
        A Dataset with the columns of before and ``frames.COLUMNS``.
    """
    from ray.data import ActorPoolStrategy

    settings = Settings(load, options or {})
    first = min(_places(settings.threads), workers or 1 << 30)
    return dataset.map_batches(
        _Rows,
        batch_size=64,
        batch_format="pandas",
        num_cpus=settings.threads,
        compute=ActorPoolStrategy(min_size=1, max_size=workers or None, initial_size=first),
        fn_constructor_args=(settings.to_json(), limit),
    )
