"""Ingest over HTTP by itself, and in turn with bare inserts."""

from __future__ import annotations

import hashlib

from run import Figures, Run, bad, footprint, line, warm

from parts.limits import one_rate

PNG = (b"\x89PNG0123456789abcdef") * 100
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


def measure_ingest(run: Run, connections: tuple[int, ...] = (1, 4, 16)) -> Figures:
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


BARE = 24_000  # documents of one bare client in one measurement


def measure_bars(run: Run) -> Figures:
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
