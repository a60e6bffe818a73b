"""The parts of a run; each returns plain figures that main.py writes down."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from drive import wrk
from limits import bare_inserts, empty_view, one_rate
from load import load
from stand import Stand, Web

from lrs.app import create_app
from lrs.auth import authenticate

Figures = dict[str, Any]
FOREIGN = 15.0  # percent of a core
PNG = (b"\x89PNG0123456789abcdef") * 100


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


INGEST = {
    "single POST": {"KIND": "post", "SIZE": "1"},
    "single PUT": {"KIND": "put", "SIZE": "1"},
    "single POST with attachment": {"KIND": "multipart", "SIZE": "1", "SHA": hashlib.sha256(PNG).hexdigest()},
    "batch of 10": {"KIND": "post", "SIZE": "10"},
    "batch of 50": {"KIND": "post", "SIZE": "50"},
    "batch of 250": {"KIND": "post", "SIZE": "250"},
    "known ids, single": {"KIND": "repeated", "SIZE": "1"},
    "known ids, batch of 50": {"KIND": "repeated", "SIZE": "50"},
}


def ingest(run: Run, connections: tuple[int, ...] = (1, 4, 16)) -> Figures:
    """Statements/s over HTTP through the clients of 40 organizations."""
    db = run.place.database("ingest")
    auths = "\n".join(value for org, value in run.place.auths["ingest"].items() if org != "vendor")
    result: Figures = {}
    with run.place.web("ingest") as web, db.client:
        warm(web, auths)
        for name, variables in INGEST.items():
            for many in connections if name in {"single POST", "batch of 50"} else connections[-1:]:
                found = run.measure(web, "write.lua", {**variables, "AUTHS": auths}, many, "/xapi/statements")
                result[f"{name}, {many} connections"] = found
                run.say(line(f"{name}, {many}", found))
        result["web memory after load, MB"] = found["web_mb"]
        result["start-up, seconds"] = web.start_seconds
        result["bytes on disk"] = footprint(db)
    return result


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


BARE = 24_000  # documents of one bare client in one measurement


def bars(run: Run) -> Figures:
    """Bare inserts and our ingest in turn, so that a busy machine slows both: the ratios that count."""
    db = run.place.database("bars")
    auths = "\n".join(value for org, value in run.place.auths["bars"].items() if org != "vendor")
    result: Figures = {}
    with run.place.web("bars") as web, db.client:
        warm(web, auths)
        # each document once: the same few again and again would meet the same few pages of the indexes
        sample = list(run.place.client.bars.statements.aggregate([{"$sample": {"size": BARE}}]))
        for size, count in ((1, 3200), (50, BARE), (250, BARE)):
            rounds = []
            for _ in range(run.repeats):
                shapes = ((1, 16), (2, 4), (2, 8))
                limit, bare_us = max(
                    one_rate(run.place, sample[:count], "bars", size, shape, count, fresh=False)
                    for shape in shapes
                )
                run.place.client.admin.command("fsync")  # neither writes out what the other left in memory
                variables = {"KIND": "post", "SIZE": str(size), "AUTHS": auths}
                found = run.measure_once(web, "write.lua", variables, 16, "/xapi/statements")
                run.place.client.admin.command("fsync")
                ours = (
                    sum(found[f"{who}_cpu"] for who in ("web", "mongod", "wrk")) * 1e4 / found["statements_s"]
                )
                rounds.append(
                    {"limit": limit, "ratio": found["statements_s"] / limit, **found}
                    | {"bare_us": bare_us, "our_us": ours}
                )
            middle = sorted(rounds, key=lambda one: one["ratio"])[len(rounds) // 2]
            result[str(size)] = {**middle, "rounds": rounds}
            web_us = middle["web_cpu"] * 1e4 / middle["statements_s"]
            mongod_us = middle["mongod_cpu"] * 1e4 / middle["statements_s"]
            run.say(
                f"  batch of {size:3}: {middle['statements_s']:.0f}/s of {middle['limit']:.0f}/s"
                f" = {middle['ratio']:.2f}   web {web_us:.0f} us, mongod {mongod_us:.0f} us each,"
                f" all {middle['our_us']:.0f} us against {middle['bare_us']:.0f} us = "
                f"{middle['bare_us'] / middle['our_us']:.2f}" + bad(middle)
            )
    return result


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


def limits(run: Run, source: str = "ingest") -> Figures:
    """Bare inserts and the empty view; needs a database that ingest filled."""
    if run.place.client[source].statements.estimated_document_count() < 4000:
        run.place.database(source).client.close()
        load(run.place, source, 0, 8000)
    scale = max(1.0, run.seconds / 5)
    bare = bare_inserts(
        run.place,
        source,
        {1: int(3200 * scale), 10: int(16000 * scale), 50: int(32000 * scale), 250: int(32000 * scale)},
    )
    empty = empty_view(run.place, run.seconds)
    for size, found in bare.items():
        run.say(f"  bare inserts, batch of {size}: {found['best']:.0f}/s")
    run.say(f"  empty Flask view: {empty['requests_s']:.0f}/s")
    return {"bare_inserts": bare, "empty_view": empty}


def query(run: Run) -> Figures:
    """Latency and rate of each query at every size, in one store among 40 and vendor-wide."""
    from queries import measure_queries

    return measure_queries(run)


def documents(run: Run) -> Figures:
    """State documents written and read."""
    db = run.place.database("documents")
    auth = run.place.auths["documents"]["partner-07"]
    result = {}
    with run.place.web("documents") as web, db.client:
        base = {"AUTHS": auth, "SHAPE": "state"}
        path = "/xapi/activities/state"
        result["state PUT"] = run.measure(web, "read.lua", {**base, "WRITE_STATE": "1"}, 16, path)
        result["state GET"] = run.measure(web, "read.lua", base, 16, path)
        for name, found in result.items():
            run.say(line(name, found))
    return result


def memory(run: Run) -> Figures:
    """Memory of each process over rounds of load, bytes on disk, seconds to start."""
    from memory import measure_memory

    return measure_memory(run)


def authentication(run: Run) -> Figures:
    """What Basic authentication takes of a single POST: processor time in one process."""
    db = run.place.database("auth")
    header = run.place.auths["auth"]["partner-07"]
    app = create_app(run.place.settings("auth"), db)
    headers = {"Authorization": header, "X-Experience-API-Version": "1.0.3"}
    body = orjson.dumps({
        "actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/a"}, "result": {"score": {"scaled": 0.9}, "success": True},
    })  # fmt: skip
    client = app.test_client()

    def post() -> None:
        answer = client.post("/xapi/statements", data=body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.text

    post()  # the secret is verified and remembered now
    with app.app_context():
        alone = process_time_of(lambda: authenticate(header), 20_000)
    whole = process_time_of(post, 1_000)
    run.say(
        f"  authentication {alone * 1e6:.1f} us of {whole * 1e6:.0f} us of a single POST: {alone / whole:.1%}"
    )
    return {"authentication_us": alone * 1e6, "single_post_us": whole * 1e6, "share": alone / whole}


def process_time_of(act: Callable[[], object], times: int) -> float:
    """Return the processor seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times


def evaluation(run: Run) -> Figures:
    """Marks cleared per second by one worker beside ingest."""
    from evaluation import measure_evaluation

    return measure_evaluation(run)


def analysis(run: Run) -> Figures:
    """Groupings and exports of the largest size, and ingest beside an export."""
    from analysis import measure_analysis

    return measure_analysis(run)


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
        f"  (others took {found['foreign_cpu']:.0f} % of a core)" if found["foreign_cpu"] > 15 else ""
    )


PARTS: dict[str, Callable[[Run], Figures]] = {
    "bars": bars, "ingest": ingest, "limits": limits, "query": query, "documents": documents,
    "evaluation": evaluation, "memory": memory, "authentication": authentication,
    "analysis": analysis,
}  # fmt: skip
