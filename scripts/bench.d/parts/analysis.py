"""What analysts ask of a large store: groupings, exports, and what an export takes from ingest meanwhile."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drive import busy_seconds, cpu_seconds
from load import load
from run import Figures, Run, warm
from stand import ROOT, Web, basic

from lrs.access.clients import create_client

ONE, SOME = "partner-07", [f"partner-{n:02d}" for n in range(10)]
MONTH = {"bucket": "month", "timezone": "Europe/Berlin"}
PASSED = {"field": "success", "eq": True}
QUESTIONS: dict[str, tuple[str, int, Figures]] = {
    "one organization, filtered, by activity": (
        ONE, 15, {"filter": PASSED, "group": ["object.id"],
                  "measures": {"n": "count", "mean": {"avg": "score.scaled"}}},
    ),
    "one organization, filtered, by month with people": (
        ONE, 15, {"filter": PASSED, "group": [MONTH],
                  "measures": {"n": "count", "people": {"distinct": "person"}}},
    ),
    "vendor-wide month trend": ("vendor", 5, {"group": [MONTH]}),
    "vendor-wide month trend, distinct people": (
        "vendor", 3, {"group": [MONTH], "measures": {"people": {"distinct": "person"}}},
    ),
    "vendor-wide month trend, percentile": (
        "vendor", 3, {"group": [MONTH], "measures": {"p90": {"percentile": "score.scaled", "p": 0.9}}},
    ),
}  # fmt: skip
BARS = {
    "one organization, filtered, by activity": ("p50_ms", 300.0),
    "vendor-wide month trend": ("p50_ms", 3000.0),
}
EXPORT_BAR, SLOWER_BAR, FLAT_MB = 20_000.0, 0.25, 50.0


def measure_analysis(run: Run) -> Figures:
    """Return figures of questions, exports, and single POSTs with an export beside them."""
    size = max(run.sizes)
    loaded = run.place.client["query"].statements.estimated_document_count()
    name = "query" if loaded >= size else "analysis"
    with run.place.database(name).client:
        if name == "analysis":
            run.say(f"  loading {size} statements")
            load(run.place, name, 0, size)
        asking = analysts(run.place.database(name))
        with run.place.web(name) as web:
            result: Figures = {"statements": size, "questions": {}, "exports": {}}
            for question, (org, times, body) in QUESTIONS.items():
                found = ask(web, asking[org], body, times)
                result["questions"][question] = found
                run.say(f"  {question:50} p50 {found['p50_ms']:8.1f} ms, mongod {found['mongod_ms']:.0f} ms")
            environ = run.place.environ(name)
            for form, orgs in (("parquet", []), ("parquet", SOME), ("ndjson", SOME), ("csv", SOME)):
                label = form + ("" if orgs else ", everything")
                found = export(run, environ, web, form, orgs)
                result["exports"][label] = found
                run.say(export_line(label, found))
            result["beside"] = beside(run, web, name, environ, asking["vendor"])
    return result


def analysts(db: Any) -> dict[str, str]:
    """Make a client that may ask in one organization and one for all; return Authorization values."""
    now = dt.datetime.now(dt.UTC)
    made = {
        org: create_client(db, org, now=now, scopes=("analytics",), vendor_wide=org == "vendor")
        for org in (ONE, "vendor")
    }
    return {org: basic(client["_id"], secret) for org, (client, secret) in made.items()}


def ask(web: Web, auth: str, body: Figures, times: int) -> Figures:
    """Return the median of some answers over HTTP, the first one apart, and what they took of MongoDB."""
    took = []
    server = 0.0
    for n in range(times + 1):
        if n == 1:
            server = cpu_of(web)
        request = urllib.request.Request(
            f"{web.url}/api/v1/statements/query", json.dumps(body).encode(),
            {"Authorization": auth, "Content-Type": "application/json"},
        )  # fmt: skip
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
        took.append((time.perf_counter() - began) * 1000)
    mongod = (cpu_of(web) - server) * 1000 / times
    return {
        "first_ms": took[0], "p50_ms": statistics.median(took[1:]), "max_ms": max(took[1:]),
        "mongod_ms": mongod,
    }  # fmt: skip


def cpu_of(web: Web) -> float:
    return sum(map(cpu_seconds, web.watched["mongod"]))


def export(run: Run, environ: dict[str, str], web: Web, form: str, orgs: list[str]) -> Figures:
    """Run `lrs export` once; its rate, processor time for each statement, and largest memory."""
    folder = run.place.folder / "export"
    shutil.rmtree(folder, ignore_errors=True)
    mongod, busy, began = cpu_of(web), busy_seconds(), time.perf_counter()
    process = subprocess.Popen(
        export_command(folder, form, orgs), env=environ, cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took, mongod = time.perf_counter() - began, cpu_of(web) - mongod
    if process.returncode:
        raise RuntimeError(f"lrs export ended with {process.returncode}: {text}")
    count = int(text.split()[0].replace(",", ""))
    client = used.ru_utime + used.ru_stime
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "statements_s": count / took, "client_us": client * 1e6 / count, "mongod_us": mongod * 1e6 / count,
        "per_cpu_s": count / (client + mongod), "peak_mb": used.ru_maxrss / 1024, "bytes": size / count,
        "foreign_cpu": max(0.0, 100 * (busy_seconds() - busy - client - mongod) / took),
    }  # fmt: skip


def export_command(folder: Path, form: str, orgs: list[str]) -> list[str]:
    chosen = [word for org in orgs for word in ("--org", org)]
    return [sys.executable, "-m", "lrs", "export", str(folder), "--format", form, *chosen]


def beside(run: Run, web: Web, name: str, environ: dict[str, str], analyst: str) -> Figures:
    """Single POSTs and batches beside `lrs export` and beside an export over HTTP.

    Each is compared with ingest alone right before and right after it: a store that is written to gets slower
    by itself as its cache has to be written out.
    """
    auths = "\n".join(value for org, value in run.place.auths[name].items() if org != "vendor")
    warm(web, auths)
    ways: dict[str, Callable[[], contextlib.AbstractContextManager[list[int]]]] = {
        "lrs export": lambda: exporting(run, environ),
        "HTTP export": lambda: downloading(web, analyst),
    }

    def ingest(size: int) -> float:
        variables = {"KIND": "post", "SIZE": str(size), "AUTHS": auths}
        return run.measure_once(web, "write.lua", variables, 16, "/xapi/statements")["statements_s"]

    result: Figures = {}
    for size in (1, 50):
        alone: list[float] = []
        told: Figures = {}
        for way, start in ways.items():
            rates, slower, exported = [], [], []
            for _ in range(run.repeats):
                alone.append(ingest(size))
                with start() as done:
                    time.sleep(2.0)  # it is under way
                    before, began = done[0], time.perf_counter()
                    rates.append(ingest(size))
                    exported.append((done[0] - before) / (time.perf_counter() - began))
                alone.append(ingest(size))
                slower.append(1 - rates[-1] / statistics.mean(alone[-2:]))
            told[way] = {
                "statements_s": statistics.median(rates),
                "slower": statistics.median(slower),
                "exported_mb_s": statistics.median(exported) / 1e6,
            }
        first = {"statements_s": statistics.median(alone), "slower": 0.0, "exported_mb_s": 0.0}
        result[str(size)] = {"alone": first, **told}
        for way, found in result[str(size)].items():
            run.say(
                f"  batch of {size:2} {way:12} {found['statements_s']:8.0f}/s, {found['slower']:5.0%} slower"
                f"   {found['exported_mb_s']:.1f} MB/s exported"
            )
    return result


@contextlib.contextmanager
def exporting(run: Run, environ: dict[str, str]) -> Iterator[list[int]]:
    """Run `lrs export` to Parquet over and over until the block ends; counts bytes of finished parts."""
    folder, stop, done = run.place.folder / "beside", threading.Event(), [0]

    def work() -> None:
        while not stop.is_set():
            shutil.rmtree(folder, ignore_errors=True)
            process = subprocess.Popen(
                export_command(folder, "parquet", []), env=environ, cwd=ROOT,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            past = done[0]
            while process.poll() is None:
                time.sleep(0.1)
                with contextlib.suppress(OSError):
                    done[0] = past + sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
                if stop.is_set():
                    process.terminate()
                    process.wait(30)

    with running(work, stop):
        for _ in range(300):  # the command has started and reads: what is measured is the export
            if (folder / ".laurel-export.json").exists():
                break
            time.sleep(0.1)
        yield done
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def downloading(web: Web, auth: str) -> Iterator[list[int]]:
    """Download Parquet over and over until the block ends; counts bytes received."""
    stop, done = threading.Event(), [0]
    url = f"{web.url}/api/v1/statements/export?format=parquet"

    def work() -> None:
        while not stop.is_set():
            request = urllib.request.Request(url, headers={"Authorization": auth})
            with urllib.request.urlopen(request, timeout=120) as answer:
                while not stop.is_set() and (part := answer.read(1 << 16)):
                    done[0] += len(part)

    with running(work, stop):
        yield done


@contextlib.contextmanager
def running(work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def export_line(label: str, found: Figures) -> str:
    return (
        f"  export {label:20} {found['statements_s']:8.0f}/s   client {found['client_us']:.1f} us, mongod"
        f" {found['mongod_us']:.1f} us each, at most {found['peak_mb']:.0f} MB"
    )


def table_lines(found: Figures) -> Iterator[str]:
    """Yield the lines of the part in the table of a run."""
    yield ""
    title = f"analysis of {found['statements']:,} statements"
    yield f"{title:52}{'p50 ms':>10}{'mongod':>10}"
    for name, question in found["questions"].items():
        bar = verdict(question["p50_ms"], *BARS[name][1:]) if name in BARS else ""
        yield f"{name:52}{question['p50_ms']:10.1f}{question['mongod_ms']:10.1f}{bar}"
    yield f"{'export':52}{'/s':>10}{'/s of CPU':>10}{'peak MB':>10}"
    for name, one in found["exports"].items():
        bar = ""
        if name == "parquet, everything":  # the others are short: starting the command counts
            bar = f"  {EXPORT_BAR:,.0f} {'met' if one['statements_s'] >= EXPORT_BAR else 'MISSED'}"
        yield f"{name:52}{one['statements_s']:10,.0f}{one['per_cpu_s']:10,.0f}{one['peak_mb']:10.0f}{bar}"
    grown = found["exports"]["parquet, everything"]["peak_mb"] - found["exports"]["parquet"]["peak_mb"]
    yield f"{'Parquet: more memory for four times as much, MB':52}{grown:10.0f}{verdict(grown, FLAT_MB)}"
    for size, ways in found["beside"].items():
        for way, one in ways.items():
            bar = "" if way == "alone" else f"{one['slower']:10.0%}{verdict(one['slower'], SLOWER_BAR)}"
            yield f"{'ingest in batches of ' + size + ', ' + way:52}{one['statements_s']:10,.0f}{bar}"


def verdict(value: float, bar: float) -> str:
    return f"  {bar:g} {'met' if value <= bar else 'MISSED'}"
