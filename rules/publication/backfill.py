"""After a publication: look at what was stored before, page by page, behind live work, resumable.

backfills {_id: plan id, org: "vendor", certifications, assignments?, phase, pair, after, statements, people,
           started_at, published_at, finished_at, leased_until}

Phases: `statements` scans what new selectors may match, gives evidence keys and makes the people due;
`people` makes due everybody who has a standing; `closing` scans again what was stored while web processes
may still have asked the rules of before (their cache lives a second, a request may hang for a while).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.relevance import compile_relevance
from rules.catalogue.rule_set import RuleSet
from rules.engine.identity import Admit, no_affiliation
from rules.engine.queues import evaluation_queue, lease
from rules.publication import evidence_keys
from rules.publication.evidence_keys import Position
from rules.stored import VENDOR, Document

LEASE: Final = dt.timedelta(seconds=60)
BEFORE: Final = dt.timedelta(minutes=5)  # a statement's `stored` may be this much older than its insertion
CLOSINGS: Final = (dt.timedelta(seconds=3), dt.timedelta(seconds=15), dt.timedelta(seconds=120))
PEOPLE_PAGE: Final = 1000

INDEXES: dict[str, list[IndexModel]] = {
    "backfills": [IndexModel([("org", ASCENDING), ("finished_at", ASCENDING), ("next_at", ASCENDING)])],
}


def start(
    db: Database[Document],
    name: str,
    certifications: Sequence[str],
    now: dt.datetime,
    session: ClientSession | None = None,
    *,
    assignments: Sequence[str] = (),
    scan: bool = True,
) -> None:
    """Record that people have to be looked at again; in the transaction of the publication.

    Without `scan` only people with a standing are: a release or a retirement selects nothing new.
    """
    db.backfills.insert_one(
        {
            "_id": name,
            "org": VENDOR,
            "certifications": sorted(certifications),
            "assignments": sorted(assignments),
            "phase": "statements" if scan else "people",
            "scan": scan,
            "pair": 0,
            "after": None,
            "closing": 0,
            "statements": 0,
            "people": 0,
            "published_at": now,
            "next_at": now,
            "finished_at": None,
            "leased_until": lease.FREE,
        },
        session=session,
    )


def step(db: Database[Document], rules: RuleSet, now: dt.datetime, admit: Admit = no_affiliation) -> bool:
    """Do one page of one backfill; tells whether there was any. A page that is repeated does no harm."""
    wanted = {"org": VENDOR, "finished_at": None, "next_at": {"$lte": now}}
    job = lease.take(db.backfills, wanted, now, LEASE, [("next_at", ASCENDING)])
    if job is None:
        return False
    change = PHASES[job["phase"]](db, rules, job, now, admit)
    counted = {name: change.pop(name, 0) for name in ("statements", "people")}
    lease.give_back(db.backfills, job, change, counted)
    return True


def unfinished(db: Database[Document]) -> list[Document]:
    """Return the backfills that still run, with their progress."""
    return list(db.backfills.find({"org": VENDOR, "finished_at": None}))


def _scan(
    db: Database[Document],
    rules: RuleSet,
    job: Document,
    now: dt.datetime,
    admit: Admit,
    *,
    since: dt.datetime | None = None,
) -> tuple[Document, bool]:
    """Look at one page of statements; returns the change of the job and whether the scan came to its end."""
    documents = [
        version.document
        for name in job["certifications"]
        if name in rules.certifications
        for version in rules.certifications[name].versions
    ]
    documents += [one for one in rules.assigned_paths() if one.id in job.get("assignments", ())]
    pairs = evidence_keys.ranges(db, evidence_keys.selector_keys(documents))
    page = evidence_keys.add_evidence_keys(
        db,
        compile_relevance(documents),
        pairs,
        Position(job["pair"], job["after"]),
        now,
        since=since,
        admit=admit,
    )
    evaluation_queue.enqueue(db, page.seen, now, priority=evaluation_queue.BACKLOG)
    change: Document = {"statements": page.statements, "people": len(page.seen)}
    if page.next is None:
        return change | {"pair": 0, "after": None}, True
    return change | {"pair": page.next.pair, "after": page.next.after}, False


def _statements(
    db: Database[Document], rules: RuleSet, job: Document, now: dt.datetime, admit: Admit
) -> Document:
    change, ended = _scan(db, rules, job, now, admit)
    return change | ({"phase": "people"} if ended else {})


def _people(
    db: Database[Document],
    rules: RuleSet,
    job: Document,
    now: dt.datetime,
    admit: Admit,  # noqa: ARG001 -- one of PHASES
) -> Document:
    """Make due one page of those who have a standing in one of the certifications or in a dependent."""
    names = sorted({*job["certifications"]}.union(*(rules.dependents(one) for one in job["certifications"])))
    if job["pair"] >= len(names):
        if not job["scan"]:
            return {"finished_at": now}
        return {"phase": "closing", "pair": 0, "after": None, "next_at": job["published_at"] + CLOSINGS[0]}
    query: Document = {"org": VENDOR, "certification": names[job["pair"]]}
    if job["after"] is not None:
        query["person"] = {"$gt": job["after"]}
    rows = db.standings.find(query, {"person": 1}).sort("person", ASCENDING).limit(PEOPLE_PAGE)
    persons = [row["person"] for row in rows]
    evaluation_queue.enqueue(db, persons, now, priority=evaluation_queue.BACKLOG)
    if len(persons) < PEOPLE_PAGE:
        return {"pair": job["pair"] + 1, "after": None}
    return {"after": persons[-1]}


def _closing(
    db: Database[Document], rules: RuleSet, job: Document, now: dt.datetime, admit: Admit
) -> Document:
    change, ended = _scan(db, rules, job, now, admit, since=job["published_at"] - BEFORE)
    if not ended:
        return change
    following = job["closing"] + 1
    if following == len(CLOSINGS):
        return change | {"finished_at": now}
    return change | {"closing": following, "next_at": job["published_at"] + CLOSINGS[following]}


PHASES: Final = {"statements": _statements, "people": _people, "closing": _closing}
