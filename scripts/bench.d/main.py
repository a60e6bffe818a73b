"""Measure Laurel against what this machine can do at best; see docs/speed.md."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import report
from parts.analysis import measure_analysis
from parts.authentication import measure_authentication
from parts.console import measure_console
from parts.content import measure_content
from parts.credentials import measure_credentials
from parts.documents import measure_documents
from parts.evaluation import measure_evaluation
from parts.ingest import measure_bars, measure_ingest
from parts.lake import measure_lake
from parts.limits import measure_limits
from parts.memory import measure_memory
from parts.queries import measure_queries
from run import Figures, Run
from stand import ROOT, stand

PARTS: dict[str, Callable[[Run], Figures]] = {
    "bars": measure_bars, "ingest": measure_ingest, "limits": measure_limits, "query": measure_queries,
    "documents": measure_documents, "evaluation": measure_evaluation, "memory": measure_memory,
    "authentication": measure_authentication, "analysis": measure_analysis, "content": measure_content,
    "credentials": measure_credentials,
    "console": measure_console, "lake": measure_lake,
}  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--only", help=f"comma-separated parts of {', '.join(PARTS)}")
    parser.add_argument(
        "--sizes", default="10000,100000,1000000", help="statements stored when queries are measured"
    )
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument(
        "--repeats", type=int, default=3, help="measurements of each figure; the median counts"
    )
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds to spend on repeating what others disturbed"
    )
    parser.add_argument(
        "--people", type=int, default=2000, help="people with 20 relevant statements each, for evaluation"
    )
    parser.add_argument("--workers", type=int, default=2, help="gunicorn workers")
    parser.add_argument("--threads", type=int, default=16, help="threads of each gunicorn worker")
    parser.add_argument(
        "--kind", default="lrs.fast_path.keep_alive_worker.KeepAliveWorker", help="gunicorn worker kind"
    )
    parser.add_argument("--cache-gb", type=float, default=2, help="MongoDB's cache")
    parser.add_argument("--out", type=Path, help="folder of results; default var/bench/TIME")
    parser.add_argument(
        "--folder", type=Path, help="folder of MongoDB's files; default a temporary one on disk"
    )
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two result files and end"
    )
    return parser.parse_args()


def machine() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    return {
        "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform(),
        "commit": commit.strip(), "load_before": os.getloadavg()[0],
    }  # fmt: skip


def main() -> None:
    chosen = options()
    if chosen.compare:
        print(report.comparison(*(json.loads(file.read_text()) for file in chosen.compare)))
        return
    names = chosen.only.split(",") if chosen.only else list(PARTS)
    unknown = set(names) - PARTS.keys()
    if unknown:
        sys.exit(f"scripts/bench: unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    out = chosen.out or ROOT / "var" / "bench" / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
    out.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), "options": {k: str(v) for k, v in vars(chosen).items()}, "results": {}}
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="laurel-bench-", dir=chosen.folder) as folder,
        stand(
            Path(folder),
            workers=chosen.workers,
            threads=chosen.threads,
            kind=chosen.kind,
            cache_gb=chosen.cache_gb,
        ) as place,
    ):
        sizes = [int(size) for size in chosen.sizes.split(",")]
        run = Run(
            place,
            chosen.seconds,
            chosen.repeats,
            sizes,
            lambda text: print(text, flush=True),
            chosen.patience,
            chosen.people,
        )
        for name in names:
            print(f"== {name}", flush=True)
            document["results"][name] = PARTS[name](run)
            (out / "results.json").write_text(json.dumps(document, indent=1))
    document["seconds"] = round(time.perf_counter() - began)
    (out / "results.json").write_text(json.dumps(document, indent=1))
    text = report.table(document["results"])
    (out / "table.txt").write_text(text + "\n")
    print(f"\n{text}\n")
    for file in [out / "results.json", out / "table.txt", *report.plots(document["results"], out)]:
        print(file)


if __name__ == "__main__":
    main()
