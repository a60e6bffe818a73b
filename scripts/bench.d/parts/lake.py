"""Questions over everything: of MongoDB, of the lake at ten times the size, of plain DuckDB on its files.

Times of MongoDB grow with the store, so the ratio is of one statement each: what MongoDB takes for its size,
ten times. The rows of the large lake are generated and written by the lake's own code; `lrs lake build` is
measured on what MongoDB holds.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import lake_rows
from load import load
from run import Figures, Run, warm
from stand import ROOT

from lrs.analysis.engine import Engine, lake_at
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.run import Analyst
from lrs.foundation.context import utc_now
from lrs.lake import reading
from lrs.lake.rows import order_key
from lrs.lake.tables import ACTORS
from parts.analysis import MONTH, ONE, analysts, ask, verdict

TIMES_LARGER = 10
ASKED = 7
LOCAL = "date_trunc('month', timezone('Europe/Berlin', \"timestamp\"))"
QUESTIONS: dict[str, tuple[str, Figures, str]] = {
    "month trend in a time zone": (
        "vendor", {"group": [MONTH]}, f"SELECT {LOCAL}, count(*) FROM t GROUP BY 1",
    ),
    "the same with exact distinct people": (
        "vendor",
        {"group": [MONTH], "measures": {"people": {"distinct": "person"}}},
        f"SELECT {LOCAL}, count(DISTINCT actor) FROM t GROUP BY 1",
    ),
    "percentile of scores by activity": (
        "vendor",
        {"group": ["object.id"], "measures": {"p90": {"percentile": "score.scaled", "p": 0.9}}},
        "SELECT object_activity, quantile_disc(score_scaled, 0.9) FROM t GROUP BY 1",
    ),
    "one organization by month": (
        ONE, {"group": [MONTH]}, f"SELECT {LOCAL}, count(*) FROM t WHERE org = '{ONE}' GROUP BY 1",
    ),
}  # fmt: skip
FASTER = {
    "month trend in a time zone": 80.0, "the same with exact distinct people": 60.0,
    "percentile of scores by activity": 100.0,
}  # fmt: skip
OVER_PLAIN, FEW_MS, BYTES, BUILD_S, SLOWER = 1.5, 80.0, 60.0, 50_000.0, 5.0
ERASE_S, ERASE_MB, ANSWERING_MB = 3.0, 800.0, 1000.0
INGEST_S, SETTLED_S = 90.0, 5.0  # of one measurement, so that waiting hides nothing; a worker has started
CONNECTIONS = 16
LOADS: dict[str, dict[str, str]] = {
    "single": {"SIZE": "1"}, "batches of 50": {"SIZE": "50"},
    "at most 1,000 a second": {"SIZE": "1", "PACE": "16"},
}  # fmt: skip


def measure_lake(run: Run) -> Figures:
    """Return times of questions of three engines, of an erasure and of a build, with bytes and memory."""
    size = max(run.sizes)
    result: Figures = {"statements": size, "rows": size * TIMES_LARGER, "questions": {}}
    loaded = run.place.client["query"].statements.estimated_document_count()
    name = "query" if loaded >= size else "lake-store"
    with run.place.database(name).client:
        if name == "lake-store":
            run.say(f"  loading {size} statements")
            load(run.place, name, 0, size)
        mongo = of_mongodb(run, name)
        result["build"] = build(run, name, run.place.folder / "lake-built")
        run.say(f"  built {result['build']}")
    result["ingest"] = ingest(run, run.place.folder / "lake-kept")
    folder = run.place.folder / "lake"
    with (db := run.place.database("lake-rows")).client:
        run.say(f"  generating {result['rows']} rows")
        began = time.perf_counter()
        filler = lake_rows.fill(db, str(folder), result["rows"])
        result["generated_s"] = time.perf_counter() - began
        result["bytes"] = sum(filler.statements.sizes().values()) / result["rows"]
        result["files"] = len(filler.statements.paths())
        found, result["answering_mb"] = of_lake(run, db, folder)
        plain = of_plain(filler)
        for question in QUESTIONS:
            one = {"lake_ms": found[question], "plain_ms": plain[question], "mongodb_ms": mongo[question]}
            one["times_faster"] = one["mongodb_ms"] * TIMES_LARGER / one["lake_ms"]
            result["questions"][question] = one
            run.say(f"  {question:40} {one}")
        who, org = somebody(filler)
        result["person_ms"] = one_person(db, str(folder), filler, who)
        result["erase"] = erase(run, db, folder, filler, who, org)
        run.say(f"  {result['person_ms']=} {result['erase']=}")
    return result


def of_mongodb(run: Run, name: str) -> dict[str, float]:
    """Return the median of some answers of MongoDB in ms by question."""
    asking = analysts(run.place.database(name))
    with run.place.web(name, workers=1) as web:
        return {
            question: ask(web, asking[org], body, 3)["p50_ms"]
            for question, (org, body, _) in QUESTIONS.items()
        }


def of_lake(run: Run, db: Any, folder: Path) -> tuple[dict[str, float], float]:
    """Return the median of some answers of the lake in ms by question, and the process's most memory in MB.

    Nobody keeps the lake meanwhile, so it is told to be fresh.
    """
    asking = analysts(db)
    with run.place.web(db.name, workers=1, more={"LRS_LAKE_URL": str(folder)}) as web:
        found = {}
        for question, (org, body, _) in QUESTIONS.items():
            db.lake.update_one({}, {"$set": {"through": utc_now()}})
            found[question] = ask(web, asking[org], body, ASKED)["p50_ms"]
        children = Path(f"/proc/{web.process.pid}/task/{web.process.pid}/children").read_text().split()
        peaks = [
            re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
            for pid in children
        ]
    return found, max(int(peak[1]) for peak in peaks if peak) / 1024


def of_plain(filler: Any) -> dict[str, float]:
    """Return the median in ms of the SQL that somebody would write, on the same files, as bounded."""
    with reading.connection() as db:
        db.execute(f"CREATE TEMP VIEW t AS SELECT * FROM {reading.relation(db, filler.statements)}")
        return {question: timed(partial(fetched, db, sql)) for question, (*_, sql) in QUESTIONS.items()}


def fetched(db: Any, sql: str) -> Any:
    return db.execute(sql).fetchall()


def timed(work: Any) -> float:
    took = []
    for _ in range(ASKED + 1):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


class OfLake(Analyst):
    """Asks the lake also where MongoDB has an index."""

    def engine(self, _query: Any, **_how: Any) -> Engine:
        return Engine("lake", "", self.now, lake_at(self.lake))


def somebody(filler: Any) -> tuple[int, str]:
    """Return whom most rows are about, and their organization."""
    with reading.connection() as lake:
        rows = reading.relation(lake, filler.statements)
        sql = f"SELECT actor, org FROM {rows} GROUP BY ALL ORDER BY count(*) DESC, actor LIMIT 1"
        return lake.execute(sql).fetchall()[0]


def one_person(db: Any, url: str, filler: Any, who: int) -> float:
    """Return the median in ms of one person's rows, in this process."""
    analyst = OfLake(db, whole_scope(db), utc_now(), lake=url)
    text = next(text for text, key in filler.words(ACTORS).known.items() if key == who)
    question = {
        "filter": {"field": "actor", "eq": text}, "limit": 1000,
        "select": ["id", "verb", "object.id", "timestamp", "score.scaled"],
    }  # fmt: skip
    assert analyst.ask(question).rows
    return timed(lambda: analyst.ask(question))


# What getrusage and wait4 tell of a process begins with the memory of the one that started it; this does not.
PEAK = """
import re
def peak():
    return int(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
ERASE = """
import sys, time
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.lake import tending
db = connect(Settings(mongodb_uri=sys.argv[1], database=sys.argv[2]))
began = time.perf_counter()
done = tending.keep(db, sys.argv[3], utc_now)
print(time.perf_counter() - began, peak(), done.removed)
"""
BUILD = """
import runpy, sys
sys.argv = ["lrs", "lake", "build"]
try:
    runpy.run_module("lrs", run_name="__main__")
finally:
    print(peak())
"""


def erase(run: Run, db: Any, folder: Path, filler: Any, who: int, org: str) -> Figures:
    """Erase one person: MongoDB had what the rows name, and has it no more; the worker's round finds that."""
    with reading.connection() as lake:
        rows = lake.execute(
            f"SELECT position_at, serial FROM {reading.relation(lake, filler.statements)} WHERE actor = ?",
            [who],
        ).fetchall()
    wanted = [{"_id": order_key(*row), "org": org, "id": str(row)} for row in rows]
    db.statements.insert_many(wanted)
    db.statements.delete_many({"_id": {"$in": [one["_id"] for one in wanted]}})
    command = [sys.executable, "-c", PEAK + ERASE, run.place.mongod.uri, db.name, str(folder)]
    environ = run.place.environ(db.name)
    output = subprocess.run(command, env=environ, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seconds, memory, removed = output.split()
    assert int(removed) == len(rows)
    return {"rows": len(rows), "seconds": float(seconds), "peak_mb": float(memory)}


def build(run: Run, name: str, folder: Path) -> Figures:
    """Return rate, memory and bytes of `lrs lake build`, its start, sorting and cleaning included."""
    environ = run.place.environ(name) | {"LRS_LAKE_URL": str(folder)}
    began = time.perf_counter()
    command = [sys.executable, "-c", PEAK + BUILD]
    done = subprocess.run(command, env=environ, cwd=ROOT, check=True, capture_output=True, text=True)
    took = time.perf_counter() - began
    told = subprocess.run(
        [sys.executable, "-m", "lrs", "lake", "status", "--json"], env=environ, cwd=ROOT, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = json.loads(told)
    found = found[0] if isinstance(found, list) else found
    return {
        "seconds": took, "statements_s": found["rows"] / took, "peak_mb": float(done.stdout.split()[-1]),
        "bytes": found["megabytes"] * 1e6 / found["rows"],
    }  # fmt: skip


def ingest(run: Run, folder: Path) -> Figures:
    """Return of each load what it is while a worker keeps the lake and while none does, in turn.

    What came while nobody kept it is caught up with before the next round.
    """
    name, long = "lake-ingest", replace(run, seconds=max(INGEST_S, run.seconds))
    with (db := run.place.database(name)).client:
        auths = "\n".join(value for org, value in run.place.auths[name].items() if org != "vendor")
        kept = {"LRS_LAKE_URL": str(folder)}
        subprocess.run(
            [sys.executable, "-m", "lrs", "lake", "build"], env=run.place.environ(name) | kept, cwd=ROOT,
            check=True, capture_output=True,
        )  # fmt: skip
        result: Figures = {}
        with run.place.web(name) as web:
            warm(web, auths)
            for load_name, of_load in LOADS.items():
                variables = {"KIND": "post", "AUTHS": auths, **of_load}
                rounds: list[Figures] = []
                for n in range(max(4, run.repeats)):
                    one: Figures = {}
                    for which in ("off", "on") if n % 2 else ("on", "off"):
                        with worker(run, name, kept if which == "on" else {}):
                            behind(db, caught_up=which == "on")
                            one[which] = long.measure_once(
                                web, "write.lua", variables, CONNECTIONS, "/xapi/statements"
                            )
                            if which == "on":
                                one["behind_s"] = behind(db)
                    one["slower"] = 1 - one["on"]["statements_s"] / one["off"]["statements_s"]
                    rounds.append(one)
                    told = ("statements_s", "p50_ms", "p99_ms", "foreign_cpu")
                    shown = {which: [round(one[which][key], 1) for key in told] for which in ("on", "off")}
                    run.say(
                        f"  ingest {load_name}: {shown} slower {one['slower']:.3f} {one['behind_s']:.0f} s"
                    )
                result[load_name] = {
                    "slower": statistics.median(one["slower"] for one in rounds), "rounds": rounds,
                }  # fmt: skip
    return result


@contextmanager
def worker(run: Run, name: str, more: dict[str, str]) -> Iterator[None]:
    """Run `lrs worker` until the block ends."""
    environ = run.place.environ(name) | more
    with subprocess.Popen([sys.executable, "-m", "lrs", "worker"], env=environ, cwd=ROOT) as process:
        try:
            time.sleep(SETTLED_S)
            yield
        finally:
            process.terminate()


def behind(db: Any, *, caught_up: bool = False) -> float:
    """Return by how many seconds the lake is behind, after it has caught up if asked for."""
    while True:
        told = db.lake.find_one({"_id": "statements"}) or {}
        seconds = (utc_now() - told["through"]).total_seconds() if "through" in told else float("inf")
        if not caught_up or seconds < SETTLED_S:
            return seconds
        time.sleep(0.2)


def table_lines(found: Figures) -> Iterator[str]:
    """Yield the lines of the part in the table of a run."""
    yield ""
    title = f"lake of {found['rows']:,} rows, MongoDB of {found['statements']:,}"
    yield f"{title:48}{'lake ms':>10}{'plain':>10}{'over':>8}{'MongoDB':>10}{'faster':>8}"
    for name, one in found["questions"].items():
        over = one["lake_ms"] / one["plain_ms"]
        bar = (
            f"  {FASTER[name]:g} {'met' if one['times_faster'] >= FASTER[name] else 'MISSED'}"
            if name in FASTER
            else (verdict(one["lake_ms"], FEW_MS))
        )
        bar += "" if over <= OVER_PLAIN else f"  over plain {OVER_PLAIN:g} MISSED"
        yield (
            f"{name:48}{one['lake_ms']:10.0f}{one['plain_ms']:10.0f}{over:8.2f}{one['mongodb_ms']:10.0f}"
            f"{one['times_faster']:8.0f}{bar}"
        )
    erased, built = found["erase"], found["build"]
    for name, value, bar in (
        ("one person's rows, ms", found["person_ms"], FEW_MS),
        (f"erase one person ({erased['rows']} rows), s", erased["seconds"], ERASE_S),
        ("the same, MB", erased["peak_mb"], ERASE_MB),
        ("memory of the answering process, MB", found["answering_mb"], ANSWERING_MB),
        (f"bytes a row in {found['files']} files", found["bytes"], BYTES),
        ("bytes a statement as built, with an extension each", built["bytes"], BYTES),
        *(
            (f"ingest ({name}) with the lake kept, slower by %", one["slower"] * 100, SLOWER)
            for name, one in found["ingest"].items()
        ),
        (
            "the lake behind meanwhile, s",
            max(one["behind_s"] for each in found["ingest"].values() for one in each["rounds"]),
            60.0,
        ),
    ):
        yield f"{name:58}{value:10.1f}{verdict(value, bar)}"
    met = "met" if built["statements_s"] >= BUILD_S else "MISSED"
    yield f"{'build from MongoDB, statements/s':58}{built['statements_s']:10,.0f}  {BUILD_S:,.0f} {met}"
    yield f"{'the same, MB':58}{built['peak_mb']:10.0f}"
