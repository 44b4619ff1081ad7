"""The command ``potstill-batch``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from .. import library
from ..errors import PotstillError
from . import here, on_ray, plan as plans
from .account import Account
from .part import Part, Report
from .settings import Settings
from .worker import LIMIT_S

_EVERY_S = 10.0  # a line of progress where nobody looks at a terminal
_EPILOG = """\
MANIFEST is JSON lines ({"audio": "a.flac", "id": ..., "offset": s, "duration": s}), Parquet with such
columns, a WebDataset tar, or a folder of these; a path or an address (s3://, gs://, hdfs://). What is
done is kept in OUT/parts: run the same command again, and only what is missing is computed. At the end
OUT/results.jsonl has every row once, in the order of the manifest.

Exit codes: 0 all rows have texts; 1 some are errors (in results.jsonl); 2 usage, or the output is of
another run; 3 the model or an adapter is invalid; 4 a disk, a network or Ray failed: run again;
75 stopped by SIGTERM: run again.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="potstill-batch",
        description="Transcribe a manifest on a Ray cluster, or on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("manifest", metavar="MANIFEST")
    add("-o", "--output", metavar="OUT", required=True, help="folder or address for parts and results")
    add("--model", help="folder, imported name or hub id; default as potstill transcribe")
    add("--adapter", metavar="A[:W]", action="append", default=[], help="may be given several times")
    add("--precision", default="auto", choices=("auto", "f32", "bf16", "int8"),
        help="auto is bf16 where a CPU has it: name one where the nodes' CPUs differ")
    add("--cpu", default="auto", help="instruction set, so that unlike nodes give the same bytes")
    add("--word-timestamps", action="store_true")
    add("--option", metavar="NAME=VALUE", action="append", default=[],
        help="any other option of Model.transcribe(), VALUE as JSON: --option window=0")
    add("--offline", action="store_true", help="download nothing")
    add("--address", metavar="HOST", help="of a Ray cluster: auto, ray://... ; default: Ray begins here")
    add("--local", action="store_true", help="without Ray, on this machine")
    add("--shard", metavar="K/N", help="without Ray, every N-th part from the K-th (from 0) alone, and "
        "no results.jsonl; K of an array job of Slurm: auto")
    add("--workers", type=int, default=0, metavar="N", help="at most; default: one for each core")
    add("--threads", type=int, default=1, metavar="N", help="of each worker: more for long files")
    add("--time-limit", type=float, default=LIMIT_S, metavar="S",
        help="a row without progress for so long is an error (%(default)g)")
    add("--part-rows", type=int, default=0, metavar="N",
        help=f"of a part at most, in the first run ({plans.ROWS})")
    add("--retry-errors", action="store_true", help="rows that are errors are tried again")
    add("--status", action="store_true", help="say what is missing as JSON, and compute nothing")
    add("--version", action="version", version=f"potstill-batch {library.version()}")
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    transcribe: dict[str, Any] = {"word_timestamps": True} if args.word_timestamps else {}
    for text in args.option:
        name, _, value = text.partition("=")
        try:
            transcribe[name] = json.loads(value)
        except ValueError:
            transcribe[name] = value
    load = {
        "model": args.model,
        "adapter": [_weighted(text) for text in args.adapter],
        "precision": args.precision,
        "cpu": args.cpu,
        "offline": args.offline,
        "threads": args.threads,
    }
    return Settings(load, transcribe)


def _weighted(text: str) -> tuple[str, float]:
    """"name:0.7" as the command reads it."""
    name, mark, weight = text.rpartition(":")
    if mark and not os.path.isdir(text):
        try:
            return name, float(weight)
        except ValueError:
            pass
    return text, 1.0


def _shard(text: str) -> tuple[int, int]:
    """K and N; "auto" is that of an array job of Slurm."""
    if text == "auto":
        task = os.environ.get("SLURM_ARRAY_TASK_ID")
        first, count = (os.environ.get(f"SLURM_ARRAY_TASK_{n}", "0") for n in ("MIN", "COUNT"))
        if task is None:
            raise SystemExit("potstill-batch: --shard auto: SLURM_ARRAY_TASK_ID is not set; expected K/N")
        return int(task) - int(first), int(count) or 1
    first, _, count = text.partition("/")
    if not (first.isdigit() and count.isdigit() and int(first) < int(count)):
        raise SystemExit(f"potstill-batch: --shard {text}: expected K/N, K from 0 to N - 1")
    return int(first), int(count)


class _Talk:
    """Progress: a line that is written anew on a terminal, else one every ten seconds."""

    def __init__(self) -> None:
        self._last = 0.0
        self._terminal = sys.stderr.isatty()

    def show(self, account: Account, last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self._last < (0.5 if self._terminal else _EVERY_S):
            return
        self._last = now
        end = "\n" if last or not self._terminal else ""
        print(("\r\033[K" if self._terminal else "") + account.line(), end=end, file=sys.stderr, flush=True)


def _work(args: argparse.Namespace, settings: Settings, output: str, todo: list[Part]) -> Iterator[Report]:
    if args.local or args.shard:
        return here.run(todo, output, settings, args.time_limit, args.workers)
    return on_ray.run(todo, output, settings, args.time_limit, args.workers, args.address)


def _run(args: argparse.Namespace) -> int:
    settings = _settings(args)
    shard = _shard(args.shard) if args.shard else None
    known = plans.read_plan(args.output) or {}
    rows = known.get("part_rows") or args.part_rows or plans.ROWS
    plan = plans.Plan(args.manifest, rows)
    output = plans.Output(plan, args.output)
    if args.status:
        return _status(output)
    output.open(settings, rows)
    todo = output.missing(args.retry_errors)
    if shard:
        mine = {part.name for part in plan.parts[shard[0] :: shard[1]]}
        todo = [part for part in todo if part.name in mine]
    todo.reverse()  # the large ones first
    account, talk = Account(len(plan.parts) - len(todo), todo), _Talk()
    if todo:
        for report in _work(args, settings, output.path, todo):
            if report.failed:
                print(f"potstill-batch: {report.failed}", file=sys.stderr)
                return report.code
            account.add(report)
            talk.show(account)
        talk.show(account, last=True)
    return _end(account, output, shard is not None)


def _end(account: Account, output: plans.Output, is_shard: bool) -> int:
    summary = account.summary()
    if not is_shard:
        summary["results"] = output.collect()
    print(json.dumps(summary))
    if len(account.engines) > 1:
        print(
            f"potstill-batch: nodes have computed differently ({'; '.join(sorted(account.engines))}): texts may "
            "differ with the node; name --precision and --cpu",
            file=sys.stderr,
        )
    return 1 if summary.get("results", summary)["errors"] else 0


def _status(output: plans.Output) -> int:
    missing = output.missing()
    known = [part.seconds for part in missing]
    hours = sum(s for s in known if s is not None) / 3600 if None not in known else None
    print(json.dumps({"parts": len(output.plan.parts), "missing": len(missing), "hours_missing": hours,
                      "rows": output.plan.rows}))
    return 0


def _stop(number: int, frame: object) -> None:
    """As schedulers ask before they kill; a part is committed whole or comes again."""
    sys.exit(here.STOPPED)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    args = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = _run(args)
    except KeyboardInterrupt:
        code = 130
    except (PotstillError, ImportError, OSError) as error:
        print(f"potstill-batch: {error}", file=sys.stderr)
        code = 2 if isinstance(error, ValueError) else here.ENVIRONMENT
    sys.stdout.flush()
    sys.exit(code)
