"""One run, and what each part of it does with it: measure, warm up, weigh, tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drive import wrk
from stand import Stand, Web

Figures = dict[str, Any]
FOREIGN = 15.0  # percent of a core that others may take


@dataclass
class Run:
    """One run: the stand, how long each measurement takes, how often it is repeated, what was found."""

    place: Stand
    seconds: float
    repeats: int
    sizes: list[int]
    say: Callable[[str], None]
    patience: float = 0.0
    people: int = 2000

    def measure_once(
        self, web: Web, script: str, variables: dict[str, str], connections: int, path: str
    ) -> Figures:
        """Return one run without a warm-up."""
        return wrk(
            f"{web.url}{path}", script, variables,
            connections=connections, seconds=self.seconds, watched=web.watched,
        )  # fmt: skip

    def measure(
        self, web: Web, script: str, variables: dict[str, str], connections: int, path: str
    ) -> Figures:
        """Return the run with the median rate of several, after a short unmeasured one."""
        url = f"{web.url}{path}"
        wrk(url, script, variables, connections=connections, seconds=min(1.0, self.seconds), watched={})
        runs: list[Figures] = []
        while len(runs) < self.repeats:
            runs.append(self.measure_once(web, script, variables, connections, path))
            if runs[-1]["foreign_cpu"] > FOREIGN and self.patience > 0:
                # somebody else used the machine: measure again as long as there is patience
                self.patience -= self.seconds
                runs.remove(max(runs, key=lambda one: one["foreign_cpu"]))
        middle = sorted(runs, key=lambda one: one["statements_s"])[len(runs) // 2]
        return {**middle, "rates": [round(one["statements_s"], 1) for one in runs]}


def warm(web: Web, auths: str) -> None:
    """Let both workers meet every client and every learner once, as they have after an hour of work."""
    known, rate = 0.0, 1.0
    while rate > 1.1 * known:  # as long as secrets are verified for the first time, requests get faster
        variables = {"KIND": "post", "SIZE": "1", "AUTHS": auths}
        found = wrk(
            f"{web.url}/xapi/statements", "write.lua", variables, connections=16, seconds=3, watched={}
        )
        known, rate = rate, found["requests_s"]
    variables = {"KIND": "post", "SIZE": "50", "AUTHS": auths}
    wrk(f"{web.url}/xapi/statements", "write.lua", variables, connections=16, seconds=4, watched={})


def footprint(db: Any) -> Figures:
    """Return bytes per statement: JSON, stored (compressed), and each index, after a checkpoint."""
    db.client.admin.command("fsync")
    stats = db.command("collStats", "statements")
    count = max(1, stats["count"])
    return {
        "statements": stats["count"],
        "document_bytes": round(stats["size"] / count),
        "stored_bytes": round(stats["storageSize"] / count),
        "index_bytes": {name: round(size / count) for name, size in stats["indexSizes"].items()},
    }


def line(name: str, found: Figures) -> str:
    return (
        f"  {name:36} {found['statements_s']:8.0f}/s  p50 {found['p50_ms']:7.2f} ms"
        f"  p99 {found['p99_ms']:7.2f} ms" + bad(found)
    )


def bad(found: Figures) -> str:
    text = "".join(
        f"  {int(found[key])} {key}" for key in ("not_2xx", "socket_errors", "timeouts") if found[key]
    )
    return text + (
        f"  (others took {found['foreign_cpu']:.0f} % of a core)" if found["foreign_cpu"] > FOREIGN else ""
    )
