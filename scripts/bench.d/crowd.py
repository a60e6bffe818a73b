"""Many people with relevant statements and 50 published certifications, as they are after years of use."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from generate import ORGS
from load import run_all

from lrs.foundation.audit import Editor
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.people.groups import put_group
from lrs.people.records import add_person
from rules.catalogue.store import RuleStore
from rules.engine.identity import new_person, person_id
from rules.engine.queues import evaluation_queue
from rules.publication import plans, publishing
from statements.ingest import Writer
from statements.intake.prepare import Setting, prepare
from statements.parsing.parse import parse_statements
from statements.parsing.search_keys import evidence_key

CERTIFICATIONS = 50
COURSES = 4  # certifications that one person works on
MODULES = ("overview", "competitive", "demo", "exam", "exam")
EACH = COURSES * len(MODULES)  # statements of one person
BATCH = 2000
BEGAN = dt.datetime(2025, 1, 6, 8, tzinfo=dt.UTC)
ADL = "http://adlnet.gov/expapi/verbs/"
ROLES = ("sales", "technical", "delivery")

RULE = """\
kind: Certification
id: product-{n:02d}
version: "1"
title: Product {n:02d} Professional
role: {role}
product: product-{n:02d}
evidence:
  overview: {{verb: completed, activity: "https://acme.example/xapi/p{n:02d}/overview"}}
  competitive: {{verb: completed, activity: "https://acme.example/xapi/p{n:02d}/competitive"}}
  demo: {{verb: completed, activity: "https://acme.example/xapi/p{n:02d}/demo"}}
  anything: {{verb: completed, activity: "https://acme.example/xapi/p{n:02d}/*"}}
  exam: {{verb: [passed, failed, scored], activity: "https://acme.example/xapi/p{n:02d}/exam"{signed}}}
award:
  within: 12 months
  when:
    all:
{parts}
      - {{score: exam, at_least: 0.80, attempt: best, label: Exam}}
validity: {{{validity}}}
renewal: {{opens: 90 days, grace: 30 days, when: {{score: exam, at_least: 0.80}}}}
"""
TESTS = b"""\
tests:
  - {name: nothing yet, given: [], expect: [{who: ana, at: 2026-01-11, status: in_progress}]}
"""
TIERS = """\
kind: PartnerTiers
id: bench-partners
version: "1"
order: [registered, silver, gold]
people: {counted_at: primary_affiliation, status: [active, grace], one_person_fills: one_requirement}
tiers:
  silver: {all: [{people_holding: {role: sales}, at_least: 5}]}
  gold:
    all: [{people_holding: {role: sales}, at_least: 50}, {people_holding: {role: technical}, at_least: 50}]
changes: {promote: at_once, demote_after: 60 days}
"""
DONE = "      - {done: overview}\n      - {done: competitive}\n      - {done: demo}"
FORMS = (
    DONE,
    DONE,
    "      - {at_least: 2, of: [overview, competitive, demo], key: methods}",
    "      - {count: anything, at_least: 3, distinct: activity}",
    "      - {in_order: [overview, competitive, demo]}",
)


def rule_files() -> list[tuple[str, bytes]]:
    """Return the rule files: five forms of requirement, each tenth asks for another, some for a signature."""
    files = []
    for n in range(CERTIFICATIONS):
        parts = FORMS[n % len(FORMS)]
        if n % 10 == 9:
            parts += f"\n      - {{holds: product-{n - 1:02d}, status: [active, grace]}}"
        text = RULE.format(
            n=n,
            role=ROLES[n % 3],
            parts=parts,
            signed=", signed_by: {group: certified-assessors, not: self}, from: any" if n % 10 == 7 else "",
            validity="lasts: 12 months, timezone: Europe/Berlin" if n % 2 else "lasts: 24 months",
        )
        files.append((f"product-{n:02d}.yaml", text.encode()))
    return [*files, ("partners.yaml", TIERS.encode())]


def moved_marks() -> dict[str, list[tuple[str, bytes]]]:
    """Return new versions that ask for 85 %: of one certification, of all, and of one that decides anew."""
    files = [
        (
            file,
            text.replace(b'version: "1"', b'version: "2"').replace(b"at_least: 0.80", b"at_least: 0.85")
            + TESTS,
        )
        for file, text in rule_files()
        if file != "partners.yaml"
    ]
    (file, text), *_ = files
    anew = [(file, text + b"transition: {existing: re_evaluate}\n")]
    return {"one mark": files[:1], "all marks": files, "one mark, everybody decided anew": anew}


def publish(db: Any, now: dt.datetime) -> None:
    """Publish the rules, with the group of assessors that they name."""
    editor = Editor(db, {"kind": "user", "id": "bench", "name": "bench"}, now)
    person = add_person(editor, ["mbox::mailto:ines@vendor.example"])
    put_group(editor, "certified-assessors", [{"person": person["_id"], "from": None, "until": None}])
    names = publishing.published_names(db, RuleStore(db).rule_set(), now)
    documents = plans.read_files(rule_files(), names, ())
    with db.client.start_session() as session:
        session.with_transaction(
            lambda inner: publishing.publish(db, documents, now, "bench", inner, planned_by="bench")
        )


def mailbox(n: int) -> str:
    return f"mailto:crowd{n:06d}@partner{n % ORGS:02d}.example"


def org_of(n: int) -> str:
    return f"partner-{n % ORGS:02d}"


def statement(n: int, step: int) -> dict[str, Any]:
    """Return statement number `step` (0 to EACH - 1) of person number `n`."""
    course, module = divmod(step, len(MODULES))
    product = (n * 7 + course * 13) % CERTIFICATIONS
    name = MODULES[module]
    verb = "completed" if name != "exam" else "failed" if module == 3 and n % 3 == 0 else "passed"
    score = 0.55 if verb == "failed" else 0.80 + n % 20 / 100 - (0.3 if (n + course) % 7 == 0 else 0)
    found: dict[str, Any] = {
        "actor": {"objectType": "Agent", "name": f"Learner {n}", "mbox": mailbox(n)},
        "verb": {"id": ADL + verb, "display": {"en-US": verb}},
        "object": {
            "objectType": "Activity",
            "id": f"https://acme.example/xapi/p{product:02d}/{name}",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/module",
                "name": {"en-US": f"Product {product:02d}: {name}"},
                "description": {"en-US": "Ten questions drawn at random; the best of three attempts counts."},
            },
        },
        "context": {
            "registration": str(uuid.UUID(int=(n << 8) + course, version=4)),
            "platform": "Storyline",
            "language": "en-US",
            "contextActivities": {
                "grouping": [{"id": f"https://acme.example/xapi/p{product:02d}", "objectType": "Activity"}]
            },
            "instructor": {"objectType": "Agent", "mbox": "mailto:ines@vendor.example"},
        },
    }
    if name == "exam":
        found["result"] = {"score": {"scaled": round(score, 2)}, "success": verb == "passed"}
    else:
        found["result"] = {"completion": True, "duration": "PT12M"}
    return found


@dataclass(frozen=True)
class Part:
    """People `first` to `last` - 1 with these steps: marked, of the last weeks, only those for an award."""

    first: int
    last: int
    steps: range = range(EACH)
    marked: bool = False
    recent: bool = False
    awarded: bool = False
    makes_people: bool = True

    def numbers(self, start: int, end: int) -> list[int]:
        return [n for n in range(start, min(end, self.last)) if not self.awarded or is_awarded(n)]

    def stored_at(self, n: int, step: int) -> dt.datetime:
        """Return when a statement was stored: all go on together over 18 months, as they do in life."""
        days = 2 if self.recent else 27
        began = dt.datetime.now(dt.UTC) - dt.timedelta(days=days * EACH) if self.recent else BEGAN
        share = (n - self.first) / (self.last - self.first)
        return began + dt.timedelta(days=days * step) + dt.timedelta(days=days) * share


def is_awarded(n: int) -> bool:
    """Tell whether step 4 of a person, and no earlier one, gives an award."""
    product = n * 7 % CERTIFICATIONS
    return product % 10 != 9 and n % 7 != 0 and n % 3 == 0


def documents(part: Part, numbers: Iterable[int], step: int) -> Iterator[dict[str, Any]]:
    """Yield stored documents of one step of these people, made by the functions of ingest."""
    account = {"objectType": "Agent", "account": {"homePage": "http://127.0.0.1:8080", "name": "bench"}}
    writer = Writer("bench", "lms", "vendor", account)
    settings = {f"partner-{i:02d}": Setting.of(f"partner-{i:02d}", writer, "1.0.3") for i in range(ORGS)}
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    for n in numbers:
        parsed = parse_statements(orjson.dumps(statement(n, step)))[0]
        stored = round((part.stored_at(n, step) - epoch) / dt.timedelta(microseconds=1))
        document = prepare(parsed, settings[org_of(n)], stored)
        document["keys"].append(evidence_key(document["actor"]))
        if part.marked:
            document |= {"pending": True, "marks": 1}
        yield document


def make_people(db: Any, numbers: list[int]) -> None:
    found = [(n, "mbox::" + mailbox(n)) for n in numbers]
    db.people.insert_many([new_person(person_id(ifi), ifi, BEGAN) for _, ifi in found], ordered=False)
    db.affiliations.insert_many(
        [
            {
                "_id": f"af_{n:08d}", "org": org_of(n), "person": person_id(ifi), "from": BEGAN,
                "until": None, "primary": True, "role": None, "confirmed_at": BEGAN, "known_as": ifi,
            }
            for n, ifi in found
        ],
        ordered=False,
    )  # fmt: skip
    evaluation_queue.enqueue_stores(
        db, {person_id(ifi): [org_of(n)] for n, ifi in found}, dt.datetime.now(dt.UTC)
    )


def fill(uri: str, database: str, part: Part, first: int, last: int) -> None:
    """Store people and statements of a share of a part, step by step: a person's lie far apart."""
    db = connect(Settings(mongodb_uri=uri, database=database))
    pages = [part.numbers(start, min(start + BATCH, last)) for start in range(first, last, BATCH)]
    for numbers in filter(None, pages):
        if part.makes_people:
            make_people(db, numbers)
    for step in part.steps:
        for numbers in filter(None, pages):
            db.statements.insert_many(documents(part, numbers, step), ordered=False)
    db.client.close()


def load(uri: str, database: str, part: Part, processes: int = 2) -> None:
    """Store a part with several processes."""
    context = multiprocessing.get_context("spawn")
    size = max(1, -(-(part.last - part.first) // processes))
    jobs = [
        context.Process(target=fill, args=(uri, database, part, first, min(first + size, part.last)))
        for first in range(part.first, part.last, size)
    ]
    run_all(jobs)
