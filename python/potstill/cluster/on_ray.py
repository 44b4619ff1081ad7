"""Parts, and rows of a Dataset, on a Ray cluster, or on a Ray that begins here.

Ray Data schedules: a pool of actors, each a ``Worker``, which grows with the cluster. An actor that dies
is started again and its parts come again; those that are committed are only reported.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Optional

from . import frames, here
from .part import Part, Report
from .settings import Settings
from .worker import LIMIT_S, Worker

_BLOCKS_MAX = 4000  # Ray Data keeps an entry for each in the driver


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(f"{error}; it comes with: pip install 'potstill[ray]'") from None
    return ray


def connect(address: Optional[str]) -> None:
    """Joins the cluster at ``address``, that of ``$RAY_ADDRESS``, else begins one on this machine."""
    ray = _ray()
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _cores() -> int:
    return max(1, int(_ray().cluster_resources().get("CPU", 1)))


def _pool(workers: int, threads: int, rows: int) -> Any:
    """As many actors as there are places now and will be; ``workers`` at most, 0: no limit."""
    from ray.data import ActorPoolStrategy

    first = max(1, min(_cores() // threads, workers or rows, rows))
    return ActorPoolStrategy(min_size=1, max_size=workers or None, initial_size=first)


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


class _Parts:
    """An actor that does parts."""

    def __init__(self, settings: str, limit: float, output: str) -> None:
        ray = _ray()
        self._output, self._worker = output, Worker(Settings.from_json(settings), limit)
        self._node = ray.util.get_node_ip_address() + "/" + ray.get_runtime_context().get_node_id()[:6]
        self._metrics = _Metrics(self._node)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        reports = []
        for text in batch["part"]:
            report = here.attempt(self._worker, Part.from_json(str(text)), self._output)
            if report.rows:
                report.node = self._node
                self._metrics.add(report)
            reports.append(json.dumps(asdict(report)))
        return {"report": reports}


def run(
    parts: list[Part],
    output: str,
    settings: Settings,
    limit: float = LIMIT_S,
    workers: int = 0,
    address: Optional[str] = None,
) -> Iterator[Report]:
    """Reports as parts are done; ends early after the first that cannot be."""
    ray = _ray()
    connect(address)
    rows = [{"part": part.to_json()} for part in parts]
    dataset = ray.data.from_items(rows, override_num_blocks=min(len(rows), _BLOCKS_MAX)).map_batches(
        _Parts,
        batch_size=1,
        num_cpus=settings.threads,
        compute=_pool(workers, settings.threads, len(rows)),
        fn_constructor_args=(settings.to_json(), limit, output),
    )
    for row in dataset.iter_rows():
        report = Report(**json.loads(row["report"]))
        yield report
        if report.failed:
            return


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
    settings = Settings(load, options or {})
    _ray()
    return dataset.map_batches(
        _Rows,
        batch_size=64,
        batch_format="pandas",
        num_cpus=settings.threads,
        compute=_pool(workers, settings.threads, 1 << 30),
        fn_constructor_args=(settings.to_json(), limit),
    )
