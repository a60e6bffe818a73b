"""Memory of each process over rounds of load, bytes on disk, seconds to start.

Flat means that nothing is kept.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from drive import family, memory_mb, wrk
from run import Figures, Run, footprint, warm
from stand import ROOT

BATCH, PAGE, STATES = "batches of 250", "pages of 100", "state documents"


def measure_memory(run: Run) -> Figures:
    """Write, read and keep documents in rounds, with a worker beside; note each process after each round."""
    db = run.place.database("memory")
    auths = "\n".join(value for org, value in run.place.auths["memory"].items() if org != "vendor")
    one = run.place.auths["memory"]["partner-07"]
    environ = run.place.environ("memory")
    rounds: list[Figures] = []
    with run.place.web("memory") as web, db.client:
        worker = subprocess.Popen([sys.executable, "-m", "lrs", "worker"], env=environ, cwd=ROOT)
        try:
            time.sleep(2)
            watched = {**web.watched, "worker": [worker.pid]}
            rounds.append(sizes(watched))
            warm(web, auths)
            statements, states = f"{web.url}/xapi/statements", f"{web.url}/xapi/activities/state"
            for _ in range(max(4, run.repeats * 2)):
                done = {}
                for name, url, script, variables in (
                    (BATCH, statements, "write.lua", {"KIND": "post", "SIZE": "250", "AUTHS": auths}),
                    (PAGE, statements, "read.lua", {"AUTHS": auths, "SHAPE": "first_page"}),
                    (STATES, states, "read.lua", {"AUTHS": one, "SHAPE": "state", "WRITE_STATE": "1"}),
                ):
                    found = wrk(url, script, variables, connections=16, seconds=run.seconds, watched={})
                    done[name] = found["requests"]
                rounds.append({**sizes(watched), "requests": done})
                run.say(line(rounds[-1]))
        finally:
            worker.terminate()
            worker.wait(30)
        disk = footprint(db)
    return {
        "start-up, seconds": round(web.start_seconds, 2),
        "rounds": rounds,
        "growth_last_half_mb": {name: last_half(rounds, name) for name in watched},
        "bytes on disk": disk,
    }


def sizes(watched: dict[str, list[int]]) -> Figures:
    """Return the memory of each kind of process, and of each web process alone."""
    found: Figures = {name: round(sum(map(memory_mb, family(pids))), 1) for name, pids in watched.items()}
    found["each web process"] = sorted(round(memory_mb(pid), 1) for pid in family(watched["web"]))
    return found


def last_half(rounds: list[Figures], name: str) -> float:
    """Return by how much the last rounds are above the middle ones: what a process keeps more and more of."""
    values = [one[name] for one in rounds[len(rounds) // 2 :]]
    return round(values[-1] - statistics.median(values), 1)


def line(found: Figures) -> str:
    requests = ", ".join(f"{count} {name}" for name, count in found["requests"].items())
    return (
        f"  web {found['web']:.0f} MB {found['each web process']}, worker {found['worker']:.0f} MB,"
        f" MongoDB {found['mongod']:.0f} MB after {requests}"
    )


def table_lines(found: Figures) -> list[str]:
    """Return the lines of the table."""
    lines = ["", f"{'memory in MB, round by round':34}{'growth in the last half':>26}"]
    for name, grown in found["growth_last_half_mb"].items():
        values = " ".join(f"{one[name]:.0f}" for one in found["rounds"])
        lines.append(f"{name:34}{grown:>26}   {values}")
    disk = found["bytes on disk"]
    lines.append(f"{'start-up, seconds':34}{found['start-up, seconds']:>26}")
    document, indexes = disk["stored_bytes"], sum(disk["index_bytes"].values())
    lines.append(
        f"{'bytes on disk for each statement':34}{document + indexes:>26}"
        f"   {document} document, {indexes} indexes"
    )
    return lines
