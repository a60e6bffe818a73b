"""Pages of the console over a large store: server time, bytes, and the scripts that come along.

`--sizes` says how many statements the store has, `--people` how many people; there are 500 partners. Each
person has 20 statements that rules look at, the rest are of the usual mix; the engine decides everybody.
"""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import crowd
from drive import cpu_seconds, family
from load import load
from pymongo import UpdateOne
from run import Figures, Run
from stand import ROOT, Web

from lrs.access import organizations, sessions, users
from lrs.analysis.questions import dashboards, saved
from lrs.analysis.readable_stores import whole_scope
from lrs.engagement import leaderboards, next_steps
from lrs.foundation.audit import Editor
from rules.catalogue.store import RuleStore
from rules.engine.identity import person_id
from rules.publication import plans, publishing

NAME: Final = "console"
PARTNERS: Final = 500
TIMES: Final = 100  # requests for each page
FIRST_PATHS, EACH_PROCESS = 3, 6  # requests before, so that each process has answered once
P50, P99, HTML, SCRIPT, EDITOR_SCRIPT = 150.0, 500.0, 100_000, 25_000, 180_000
P99_LEARNER: Final = 100.0
LEARNERS: Final = 40  # people who ask for their own page, in turn
OWN: Final = ("/me", "/me/progress", "/me/questions", "/me/settings", "/me/record")
"""Bars: milliseconds of the server, bytes of a page, bytes of its scripts compressed."""
RECALL: Final = """\
kind: Recall
id: recall-{n:02d}
version: "1"
title: Product {n:02d}, once more
certification: product-{n:02d}
questions:
  - {{id: one, ask: Which module comes first?, answers: [Overview, Exam, Demo], right: Overview}}
  - {{id: two, ask: What is the pass mark?, answers: [60 %, 80 %], right: 80 %}}
"""
ENGAGEMENT: Final = """\
kind: Engagement
id: engagement
version: "1"
title: Engagement
seasons:
  - id: now
    title: This season
    from: {begins:%Y-%m-%d}
    until: {ends:%Y-%m-%d}
    points: {{certification: 100, renewal: 50, question: 1}}
milestones:
  - {{id: first, title: First certification, certifications: 1}}
  - {{id: every, title: One of each product, products: all}}
"""
SOURCE: Final = re.compile(r'<script[^>]* src="([^"]+)"')
KEPT_FIGURES, AT_MOST = 3, 90.0  # figures over everybody, seconds that the worker may take to make them
WORKING: Final = 1800.0  # seconds that the engine may take to decide everybody


def measure_console(run: Run) -> Figures:
    """Return figures of each page: the vendor's administrator asks for most, learners for their own."""
    db = run.place.database(NAME)
    with db.client:
        prepare(run, db)
        found: Figures = {}
        with run.place.web(NAME) as web:
            cookie = sign_in(run, db)
            for name, paths in pages(db).items():
                found[name] = measure(web, [(cookie, path) for path in paths])
                run.say(table_line(name, found[name]))
            found |= measure_learners(run, web, db)
        return found


def measure_learners(run: Run, web: Web, db: Any) -> Figures:
    """Return figures of learners' own pages, asked for by many in turn."""
    cookies, found = sign_in_learners(run, db), {}
    for path in OWN:
        name = f"a learner's {path}"
        found[name] = measure(web, [(one, path) for one in cookies], 4 * TIMES)
        run.say(table_line(name, found[name]))
    return found


def prepare(run: Run, db: Any) -> None:
    """Store partners, people, rules and statements, and let the engine decide everybody."""
    now, size = dt.datetime.now(dt.UTC), max(run.sizes)
    people = min(run.people, size // crowd.EACH)
    for number in range(crowd.ORGS, PARTNERS):
        organizations.create_org(db, partner(number), name=f"Partner {number}", now=now)
    crowd.publish(db, now - dt.timedelta(days=900))
    run.say(f"  loading {size} statements, {people} people, {PARTNERS} partners")
    crowd.load(run.place.mongod.uri, NAME, crowd.Part(0, people))
    load(run.place, NAME, 0, size - people * crowd.EACH)
    db.affiliations.bulk_write(
        [
            UpdateOne({"_id": f"af_{n:08d}"}, {"$set": {"org": partner(n % PARTNERS), "role": "sales"}})
            for n in range(people)
        ],
        ordered=False,
    )
    db.people.bulk_write(
        [
            UpdateOne(
                {"_id": person_id(f"mbox::{crowd.mailbox(n)}")},
                {"$set": {"name": f"Person {n}", "email": crowd.mailbox(n).removeprefix("mailto:")}},
            )
            for n in range(people)
        ],
        ordered=False,
    )
    decide(run, db)


def partner(number: int) -> str:
    return f"partner-{number:02d}"


def decide(run: Run, db: Any) -> None:
    """Rebuild what everybody holds, then let a worker decide the tiers."""
    environ, began = run.place.environ(NAME), time.perf_counter()
    lrs = [sys.executable, "-m", "lrs"]
    quiet: Figures = {"env": environ, "cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*lrs, "awards", "rebuild"], check=False, **quiet)  # 1 says that something was decided
    if db.awards.find_one({}) is None:
        raise RuntimeError("nobody was awarded anything")
    db.awards.update_many({"credential_due": {"$exists": True}}, {"$unset": {"credential_due": ""}})
    db.outbox.delete_many({})
    worker = subprocess.Popen([*lrs, "worker"], **quiet)
    try:
        time.sleep(3)
        while any(
            db[name].find_one({"due_at": {"$lte": dt.datetime.now(dt.UTC)}}, {"_id": 1}) is not None
            for name in ("work", "tier_work")
        ):
            if time.perf_counter() - began > WORKING:
                raise RuntimeError("the worker does not come to an end")
            time.sleep(0.5)
        decided = time.perf_counter()
        while db.figures.count_documents({}) < KEPT_FIGURES and time.perf_counter() - decided < AT_MOST:
            time.sleep(0.5)  # the worker keeps what pages show of everybody
    finally:
        worker.terminate()
        worker.wait(60)
    run.say(f"  decided in {time.perf_counter() - began:.0f} s")


def sign_in(run: Run, db: Any) -> str:
    """Make the vendor's administrator and return the cookie of a session."""
    now, settings = dt.datetime.now(dt.UTC), run.place.settings(NAME)
    editor = Editor(db, {"kind": "system", "id": "bench", "name": "bench", "org": "vendor"}, now)
    wish = {"email": "ada@bench.example", "name": "Ada", "role": "vendor_admin"}
    user = users.add_user(editor, organizations.VENDOR, wish)
    by_verb = {"group": ["verb"], "measures": {"n": {"count": True}}}
    question = saved.create(
        db, name="By verb", owner=user["_id"], org="vendor", scope=whole_scope(db), expression=by_verb,
        schedule=None, now=now,
    )  # fmt: skip
    saved.run(db, question, now)
    board = dashboards.create(db, "vendor", user["_id"], "Board", now)
    dashboards.put(db, board, question["_id"], now)
    token = sessions.begin(db, settings, user, None, now)
    return f"{sessions.cookie_name(settings)}={token}; laurel-language=en"


def engage(db: Any, now: dt.datetime) -> None:
    """Publish questions about half of the certifications, and a season; count boards and what others did."""
    files = [(f"recall-{n:02d}.yaml", RECALL.format(n=n).encode()) for n in range(0, crowd.CERTIFICATIONS, 2)]
    season = ENGAGEMENT.format(begins=now - dt.timedelta(days=60), ends=now + dt.timedelta(days=60))
    rules = RuleStore(db).rule_set()
    names = publishing.published_names(db, rules, now)
    documents = plans.read_files([*files, ("engagement.yaml", season.encode())], names, ())
    with db.client.start_session() as session:
        session.with_transaction(
            lambda inner: publishing.publish(db, documents, now, "bench", inner, planned_by="bench")
        )
    db.people.update_many({"name": {"$regex": "7$"}}, {"$set": {"engagement": {"board": "full"}}})
    leaderboards.refresh(db, now)
    next_steps.refresh(db, 5, now)


def sign_in_learners(run: Run, db: Any) -> list[str]:
    """Make accounts of some people who hold something and return the cookies of their sessions."""
    now, settings = dt.datetime.now(dt.UTC), run.place.settings(NAME)
    engage(db, now)
    editor = Editor(db, {"kind": "system", "id": "bench", "name": "bench", "org": "vendor"}, now)
    holders = db.awards.distinct("person", {"org": "vendor"})[::97][:LEARNERS]
    found = []
    for person in db.people.find({"_id": {"$in": holders}}):
        wish = {"email": person["email"], "name": person["name"], "role": "learner"}
        user = users.prove(editor, users.add_user(editor, organizations.VENDOR, wish), person["email"])
        token = sessions.begin(db, settings, user, None, now)
        found.append(f"{sessions.cookie_name(settings)}={token}; laurel-language=en")
    return found


def pages(db: Any) -> dict[str, list[str]]:
    """Return the addresses of each kind of page; several where it matters whose page it is."""
    some = [f"p_{one['_id'].removeprefix('p_')}" for one in db.people.find({}, {"_id": 1}).limit(40)]
    held = list(db.awards.find({}, {"person": 1, "certification": 1}).limit(40))
    people = [f"/console/people/{one}" for one in some]
    partners = [f"/console/partners/{partner(n)}" for n in range(0, PARTNERS, 13)]
    statements = [f"/console/statements/{one['id']}" for one in db.statements.find({}, {"id": 1}).limit(40)]
    (question,) = db.saved_queries.find({}, {"_id": 1}).limit(1)
    (board,) = db.dashboards.find({}, {"_id": 1}).limit(1)
    passed = {"filter": '{"field": "score.scaled", "lt": 0.5}'}
    return {
        "today": ["/console"],
        "search": [f"/console/search?q={word}" for word in ("person", "crowd0000", "partner", "product")],
        "search as you type": [f"/console/search.json?q={word}" for word in ("per", "crowd00", "part")],
        "certifications": ["/console/certifications"],
        "one certification": [f"/console/certifications/product-{n:02d}" for n in range(20)],
        "holders": [f"/console/certifications/product-{n:02d}/holders" for n in range(20)],
        "people": ["/console/people"],
        "people by name": [f"/console/people?q={word}" for word in ("Person+1", "crowd0001")],
        "people of a partner": [f"/console/people?org={partner(n)}" for n in range(0, PARTNERS, 13)],
        "one person": people,
        "explanation": [
            f"/console/people/{one['person']}/certifications/{one['certification']}" for one in held
        ],
        "partners": ["/console/partners"],
        "one partner": partners,
        "roster": [f"{one}/roster" for one in partners],
        "tier board": ["/console/tiers", "/console/tiers?at=2026-06-30"],
        "partners of a tier": ["/console/tiers?tier=silver", "/console/tiers?moved=up"],
        "decide about many": [
            f"/console/decisions?certification=product-{n:02d}&state=active&org={one}"
            for n, one in enumerate(map(partner, range(20)))
        ],
        "groups": ["/console/groups", "/console/groups/certified-assessors"],
        "expiries": ["/console/expiries?days=90"],
        "expiries of a year": ["/console/expiries?days=365"],
        "rules": ["/console/rules"],
        "editor": ["/console/rules/new?from=product-01"],
        "statements": ["/console/statements"],
        "statements of a person": [f"/console/statements?{urlencode({'actor': one})}" for one in some],
        "statements by a filter": [f"/console/statements?{urlencode(passed)}"],
        "one statement": statements,
        "live": ["/console/live"],
        "live, what is newer": [f"/console/live.json?since={dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"],
        "refused": ["/console/inbound"],
        "refused in groups": ["/console/inbound/groups"],
        "events": ["/console/events", "/console/events?type=tier.changed"],
        "upload": ["/console/statements/upload"],
        "ask": ["/console/ask"],
        "questions": ["/console/questions"],
        "one question": [f"/console/questions/{question['_id']}"],
        "dashboards": ["/console/dashboards"],
        "one dashboard": [f"/console/dashboards/{board['_id']}"],
        "reports": ["/console/reports"],
        "clients": ["/console/clients"],
        "users": ["/console/users"],
        "webhooks": ["/console/webhooks"],
        "audit": ["/console/audit"],
        "health": ["/console/health"],
        "settings": ["/console/settings"],
        "words of notices": ["/console/settings/notices"],
        "policies": [f"/console/settings/policies?org={one}" for one in ("vendor", *map(partner, range(20)))],
        "settings of a partner": [f"{one}/settings" for one in partners],
        "launch links": ["/console/launches"],
        "content": ["/console/content"],
        "registry": ["/registry", "/registry/partners", "/registry?q=person"],
    }  # fmt: skip


def measure(web: Web, visits: list[tuple[str, str]], times: int = TIMES) -> Figures:
    """Ask for (cookie, path) one after the other; the times of the server, and the bytes of the largest page.

    What a process makes once and remembers is told apart: `first_ms` is the slowest of the first requests.
    Of a busy machine its processor time says more: what server and MongoDB spent on a page, in the mean.
    """
    taken: list[float] = []
    first: list[float] = []
    largest = b""
    for visit in (visit for visit in visits[:FIRST_PATHS] for _ in range(EACH_PROCESS)):
        began = time.perf_counter()
        fetch(web, *visit)
        first.append(1e3 * (time.perf_counter() - began))
    processes = {name: family(pids) for name, pids in web.watched.items()}
    before = {name: sum(map(cpu_seconds, pids)) for name, pids in processes.items()}
    for visit in itertools.islice(itertools.cycle(visits), times):
        began = time.perf_counter()
        body = fetch(web, *visit)
        taken.append(1e3 * (time.perf_counter() - began))
        largest = max(largest, body, key=len)
    spent = {name: sum(map(cpu_seconds, pids)) - before[name] for name, pids in processes.items()}
    taken.sort()
    cookie = visits[0][0]
    scripts = sum(len(gzip.compress(fetch(web, cookie, one))) for one in sources(largest))
    return {
        "first_ms": round(max(first), 1),
        **{f"{name}_cpu_ms": round(1e3 * value / times, 1) for name, value in spent.items()},
        "p50_ms": round(taken[len(taken) // 2], 1), "p99_ms": round(taken[len(taken) * 99 // 100], 1),
        "bytes": len(largest), "gz_bytes": len(gzip.compress(largest)), "script_gz_bytes": scripts,
    }  # fmt: skip


def sources(page: bytes) -> Iterator[str]:
    yield from SOURCE.findall(page.decode())


def fetch(web: Web, cookie: str, path: str) -> bytes:
    request = urllib.request.Request(f"{web.url}{path}", headers={"Cookie": cookie, "Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        body: bytes = answer.read()
        if "/login" in answer.url:
            raise RuntimeError(f"{path} asks to log in")
    return body


def table_line(name: str, found: Figures) -> str:
    """Return one page of the table, with what misses its bar."""
    slowest = P99_LEARNER if name.startswith("a learner") else P99
    missed = [
        word
        for word, value, bar in (
            ("p50", found["p50_ms"], P50), ("p99", found["p99_ms"], slowest), ("bytes", found["bytes"], HTML),
            ("script", found["script_gz_bytes"], EDITOR_SCRIPT if name == "editor" else SCRIPT),
        )
        if value > bar
    ]  # fmt: skip
    return (
        f"  {name:24} p50 {found['p50_ms']:7.1f} ms  p99 {found['p99_ms']:7.1f} ms  "
        f"first {found['first_ms']:7.1f} ms  "
        f"{found['bytes'] / 1000:6.1f} KB ({found['gz_bytes'] / 1000:5.1f} gz)  "
        f"script {found['script_gz_bytes'] / 1000:4.1f} KB gz  "
        f"cpu {found['web_cpu_ms']:5.1f} + {found['mongod_cpu_ms']:5.1f} ms"
        + (f"  MISSED {', '.join(missed)}" if missed else "")
    )


def table_lines(found: Figures) -> list[str]:
    """Return the lines of the table."""
    return ["", *(table_line(name, one) for name, one in found.items())]
