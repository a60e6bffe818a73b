"""How long each query takes as the store grows, and how many a second beside the best peer.

Every question has the same answer at every size: it asks for the known statements (generate.py), or for a
page that is full already at the smallest size. `answered` says how many statements an answer held on average.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

from drive import wrk
from generate import KNOWN, ORGS
from load import load
from run import Figures, Run
from stand import Web

SHAPES = (
    "agent", "agent_related", "activity", "activity_related", "verb_since", "registration", "agent_verb",
    "agent_activity", "agent_activity_verb", "statement", "first_page", "ascending", "canonical", "page_100",
)  # fmt: skip
WIDE = ("agent", "activity", "verb_since", "first_page", "ascending")
SCOPES = ("one of 40", "vendor-wide")
# requests/s of the best peer with the indexes that suit it best: pages of 50, of 100 for the first page,
# two wrk threads and 16 connections on two shared cores, everything in one store
PEERS = {"agent": 394, "activity": 432, "registration": 446, "statement": 1018, "first_page": 261}
PAGED_ORGS = 4  # whose hundredth page is asked
FLAT = 1.3


def measure_queries(run: Run) -> Figures:
    """Return the latency of each query (one connection, then sixteen) at every size, in both scopes."""
    result: Figures = {}
    loaded = 0
    db = run.place.database("query")
    auths = run.place.auths["query"]
    with db.client:
        for size in sorted(run.sizes):
            if size < KNOWN:
                run.say(f"  fewer than {KNOWN} statements do not hold all that is asked for")
            began = time.perf_counter()
            load(run.place, "query", loaded, size, known=True)
            loaded = size
            run.say(f"  {size} statements after {time.perf_counter() - began:.0f} s more")
            db.client.admin.command("fsync")
            result[str(size)] = figures = {}
            with run.place.web("query") as web:
                organizations = [auths[f"partner-{n:02d}"] for n in range(ORGS)]
                figures["one of 40"] = shapes_of(run, web, organizations, SHAPES)
                figures["vendor-wide"] = shapes_of(run, web, [auths["vendor"]], WIDE)
    return result


def shapes_of(run: Run, web: Web, auths: list[str], shapes: tuple[str, ...]) -> Figures:
    """Return the figures of query shapes, asked by each organization's client, or by one of the vendor."""
    variables = questions(run, web, auths)
    found: Figures = {}
    for shape in shapes:
        if shape == "page_100" and not variables["MORE"]:
            continue
        chosen = {**variables, "SHAPE": shape}
        path = "/xapi/statements"
        counted = wrk(
            f"{web.url}{path}", "read.lua", {**chosen, "COUNT": "1"}, connections=16, seconds=1, watched={}
        )
        alone = run.measure(web, "read.lua", chosen, 1, path)
        many = run.measure(web, "read.lua", chosen, 16, path)
        found[shape] = {"answered": counted["answered"], "alone": alone, "sixteen": many}
        for one in (alone, many):
            one["us"] = (one["web_cpu"] + one["mongod_cpu"]) * 1e4 / max(1.0, one["requests_s"])
        scope = SCOPES[len(auths) == 1]
        odd = [f"{int(many[key])} {key}" for key in ("not_2xx", "socket_errors", "timeouts") if many[key]]
        run.say(
            f"  {scope:12} {shape:20} {counted['answered']:6.1f} statements,"
            f" p50 {alone['p50_ms']:6.2f} ms alone, {many['requests_s']:6.0f}/s with 16,"
            f" {many['us']:5.0f} us of processor time each  {', '.join(odd)}"
        )
    return found


def questions(run: Run, web: Web, auths: list[str]) -> dict[str, str]:
    """Return the variables of read.lua: who asks, ids that are stored, and links to the hundredth page."""
    folder = run.place.folder
    ids, pages = [], []
    for org in range(ORGS):
        wide = f"&org=partner-{org:02d}" if len(auths) == 1 else ""
        auth = auths[org % len(auths)]
        first = next(pages_of(web, auth, f"/xapi/statements?limit=50{wide}"))
        ids += [f"{org} {statement['id']}" for statement in first["statements"]]
        if org < PAGED_ORGS and len(auths) > 1:
            for number, page in enumerate(pages_of(web, auth, "/xapi/statements?limit=2"), 1):
                if number == 99 and page["more"]:
                    pages.append(f"{org} {page['more']}")
                if number == 99:
                    break
    (folder / "ids.txt").write_text("\n".join(ids))
    (folder / "more.txt").write_text("\n".join(pages))
    since = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).isoformat().replace("+00:00", "Z")
    return {
        "AUTHS": "\n".join(auths), "IDS": str(folder / "ids.txt"), "SINCE": since,
        "MORE": str(folder / "more.txt") if pages else "",
    }  # fmt: skip


def pages_of(web: Web, auth: str, path: str) -> Iterator[Figures]:
    """Yield the pages of a list, following `more`."""
    while path:
        request = urllib.request.Request(
            web.url + path, headers={"Authorization": auth, "X-Experience-API-Version": "1.0.3"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = json.load(answer)
        parts = urllib.parse.urlsplit(page["more"])
        page["more"] = path = f"{parts.path}?{parts.query}" if page["more"] else ""
        yield page


def flatness(results: Figures) -> Iterator[tuple[str, str, list[Figures]]]:
    """Yield (scope, shape, figures by size) of all queries that were measured at every size."""
    sizes = sorted(results.get("query", {}), key=int)
    for scope in SCOPES:
        for shape in SHAPES:
            found = [results["query"][size].get(scope, {}).get(shape) for size in sizes]
            if found and None not in found:
                yield scope, shape, found


def growth(found: list[Figures], how: str = "p50_ms") -> float:
    """Return the figure of the largest size over that of the smallest."""
    return float(found[-1]["alone"][how] / max(1e-9, found[0]["alone"][how]))


def table_lines(results: Figures) -> list[str]:
    """Return the lines of the table: latency by size, then rates beside the best peer."""
    rows = list(flatness(results))
    if not rows:
        return []
    sizes = sorted(results["query"], key=int)
    counts = "".join(f"{int(size):>11,}" for size in sizes)
    lines = ["", f"{'query, p50 in ms, one connection':34}{'answered':>10}{counts}{'growth':>9}{'cpu':>7}"]
    for scope, shape, found in rows:
        answered = sorted({round(one["answered"]) for one in found})
        told = " to ".join(map(str, answered[:1] + answered[1:][-1:]))
        values = "".join(f"{one['alone']['p50_ms']:11.2f}" for one in found)
        line = f"{scope + ': ' + shape.replace('_', ' '):34}{told:>10}{values}"
        if len(found) > 1:
            verdict = "flat" if growth(found) <= FLAT else "GROWS"
            line += f"{growth(found):9.2f}{growth(found, 'us'):7.2f}  {verdict}"
        lines.append(line)
    lines += ["", f"{'requests/s, 16 connections':34}{'answered':>10}{counts}{'peer':>9}{'ratio':>7}"]
    for scope, shape, found in rows:
        if scope == "one of 40" and shape in PEERS:
            rates = "".join(f"{one['sixteen']['requests_s']:11,.0f}" for one in found)
            ratio = found[-1]["sixteen"]["requests_s"] / PEERS[shape]
            name, verdict = shape.replace("_", " "), "met" if ratio >= 3 else "MISSED"
            answered = found[-1]["answered"]
            lines.append(f"{name:34}{answered:10.0f}{rates}{PEERS[shape]:9,}{ratio:7.2f}  3.00 {verdict}")
    return lines
