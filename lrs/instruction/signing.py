"""What instructors sign off becomes statements: somebody attended, passed, failed or scored, and who saw it.

A statement is written through the ordinary ingest into the store of the instructor's organization, with
`context.instructor` for the person who signs and the label ASSESSMENTS, which rules may name as a source. Ids
are made where the form is filled in, so that a form that is sent again, from wherever, stores nothing twice.
Nobody signs for themselves. A correction voids; nothing is ever changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pymongo.database import Database

from lrs.access.organizations import VENDOR, subtree
from lrs.foundation.errors import Collision, Forbidden, InvalidField
from lrs.instruction.evidence_files import signed_off
from lrs.instruction.rubrics import outcome
from lrs.people.records import MBOX, account_here
from rules.catalogue.relevance import relevance
from rules.engine.affiliations import holding
from rules.stored import ASSESSMENTS
from statements.ingest import Part, Writer, store_statements
from statements.parsing.actor import agent_of, ifi
from statements.parsing.parse import parse_json, parse_statements
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore, statements_of

Document = dict[str, Any]
ADL: Final = "http://adlnet.gov/expapi/verbs/"
PERFORMANCE: Final = "http://adlnet.gov/expapi/activities/performance"
MEETING: Final = "http://adlnet.gov/expapi/activities/meeting"
VOIDING: Final = UUID("5e9b0c1e-4f0a-5d0e-9f5b-1f6f2d7c4a11")
OLDEST: Final = dt.timedelta(days=30)  # a form that waited longer on a phone is looked at by people first
SKEW: Final = dt.timedelta(minutes=10)  # by which the clock of a phone may be ahead
MOST: Final = 60  # people in one form
LONGEST_NOTE: Final = 2000


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the person, and the agent by whom statements name them; the store it goes to."""

    person: str
    agent: Document
    org: str
    base: str  # the public address

    @classmethod
    def of(cls, person: Mapping[str, Any], mailbox: str, org: str, base: str) -> Signer:
        """Return the signer of a person by the mailbox that they have proven to read."""
        named = {"name": person["name"]} if person.get("name") else {}
        return cls(person["_id"], {"objectType": "Agent", **named, "mbox": f"mailto:{mailbox}"}, org, base)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one person: the id of the statement to be, levels by criterion, a note, files."""

    id: UUID
    person: str
    levels: Mapping[str, str]
    note: str = ""
    files: Sequence[tuple[str, Part]] = ()  # name and bytes


def observe(
    db: Database[Document],
    signer: Signer,
    rubric: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    at: dt.datetime | None,
    now: dt.datetime,
    of: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write what was seen of some people, all or none; return the ids. `of` is the session it was seen in.

    Raises InvalidField (also for the signer among the people), Collision for an id that is taken.
    """
    if not 1 <= len(findings) <= MOST:
        raise InvalidField("people", f"choose 1 to {MOST} people")
    when = _instant(at, now)
    agents = agents_for(db, signer, [one.person for one in findings], now)
    made = [_observed(signer, rubric, one, agents[one.person], at=when, of=of) for one in findings]
    _tell(db, signer, made, now, [part for one in findings for _, part in one.files])
    return [str(one.id) for one in findings]


def attend(
    db: Database[Document],
    signer: Signer,
    of: Mapping[str, Any],
    present: Sequence[Finding],
    *,
    at: dt.datetime | None,
    now: dt.datetime,
) -> list[str]:
    """Write that people attended a session, all or none; return the ids. Raises as `observe`."""
    if of["begins_at"] > now:
        raise Collision("this session has not begun")
    when = max(_instant(at, now), of["begins_at"])
    agents = agents_for(db, signer, [one.person for one in present], now)
    _tell(db, signer, [_attended(signer, of, one, agents[one.person], when) for one in present], now)
    return [str(one.id) for one in present]


def void(
    db: Database[Document], signer: Signer, statement: str, now: dt.datetime, *, may_any: bool
) -> Document:
    """Take a statement back that the signer wrote, or (`may_any`) anybody here; return it as it was.

    Raises UnknownThing where there is none (any more), Forbidden for another's.
    """
    found = signed_off(db, signer.org, statement)
    if not may_any and ifi(found["context"]["instructor"]) != ifi(signer.agent):
        raise Forbidden("somebody else signed this: only they, or an administrator, take it back")
    made: Document = {
        "id": str(uuid5(VOIDING, f"{signer.org} {found['id']}")), "actor": signer.agent,
        "verb": {"id": ADL + "voided", "display": {"en": "voided"}},
        "object": {"objectType": "StatementRef", "id": found["id"]},
    }  # fmt: skip
    _write(db, signer, [made], now)
    return found


def signed_by(db: Database[Document], signer: Signer, most: int = 50) -> list[Document]:
    """Return what a signer wrote and did not take back, the newest first."""
    asked = {
        "agent": [orjson.dumps({"mbox": signer.agent["mbox"]}).decode()], "related_agents": ["true"],
        "limit": [str(most)],
    }  # fmt: skip
    query = StatementQuery.parse(asked, "1.0.3")
    page = StatementStore(db, signer.org, only_client=ASSESSMENTS).find(query)
    found = [parse_json(raw) for raw in page.statements]
    mine = ifi(signer.agent)
    return [one for one in found if "context" in one and ifi(one["context"]["instructor"]) == mine]


def agents_for(
    db: Database[Document], signer: Signer, persons: Sequence[str], now: dt.datetime
) -> dict[str, Document]:
    """Return by which agent statements name each person: the identifier that the signer's organization knows.

    Raises InvalidField for the signer, who does not sign for themselves, and for who is named twice.
    """
    if signer.person in persons:
        raise InvalidField("people", "nobody signs off for themselves; ask somebody else to")
    if len(set(persons)) < len(persons):
        raise InvalidField("people", "somebody stands there twice")
    rows = {row["_id"]: row for row in db.people.find({"_id": {"$in": list(persons)}, "merged_into": None})}
    known: dict[str, str] = {}
    if signer.org != VENDOR:
        where = {"org": {"$in": subtree(db, signer.org)}, "person": {"$in": list(persons)}, **holding(now)}
        rows_there = db.affiliations.find({**where, "known_as": {"$ne": None}}).sort("_id", 1)
        known = {one["person"]: one["known_as"] for one in rows_there if one["known_as"] in _owned(rows, one)}
    found: dict[str, Document] = {}
    for person in persons:
        row: Document | None = rows.get(person)
        owned = [one["ifi"] for one in row["ifis"] if one["until"] is None] if row else []
        chosen = known.get(person)
        if chosen is None and signer.org == VENDOR:
            chosen = min(owned, key=lambda one: (not one.startswith(MBOX), one), default=None)
        elif chosen is None and row is not None:
            chosen = account_here(db, person, signer.base)
        if row is None or chosen is None:
            raise InvalidField(
                "people", "of somebody no identifier is known by which statements could name them"
            )
        named = {"name": row["name"]} if row.get("name") else {}
        found[person] = {**agent_of(chosen), **named}
    return found


def _owned(rows: Mapping[str, Document], affiliation: Mapping[str, Any]) -> set[str]:
    """Return the identifiers that the person of an affiliation owns now."""
    row = rows.get(affiliation["person"])
    return {one["ifi"] for one in row["ifis"] if one["until"] is None} if row else set()


def _instant(at: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """Return when something was seen; raises InvalidField for a time that cannot be."""
    if at is None:
        return now
    if at > now + SKEW or at < now - OLDEST:
        raise InvalidField(
            "at", f"is more than {OLDEST.days} days ago, or ahead: look at the clock of this device"
        )
    return min(at, now)


def _fresh(db: Database[Document], signer: Signer, made: Sequence[Document]) -> list[Document]:
    """Return those that are not stored yet; raises Collision where an id stands for something else."""
    where = {"org": signer.org, "id": {"$in": [UUID(one["id"]) for one in made]}}
    rows = statements_of(db).find(where, {"id": 1, "client": 1, "raw": 1})
    known = {str(row["id"]): row for row in rows}
    for one in made:
        row = known.get(one["id"])
        if row is not None and (row.get("client") != ASSESSMENTS or not _same(parse_json(row["raw"]), one)):
            raise Collision("this form was sent before and says something else now; load it again")
    return [one for one in made if one["id"] not in known]


def _same(stored: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Tell whether a statement says the same of the same person, by the same signer; names may differ."""
    return (
        ifi(stored["actor"]) == ifi(made["actor"])
        and ifi(stored.get("context", {}).get("instructor", {})) == ifi(made["context"]["instructor"])
        and all(stored[name]["id"] == made[name]["id"] for name in ("verb", "object"))
        and stored.get("result") == made.get("result")
    )


def _observed(
    signer: Signer,
    rubric: Mapping[str, Any],
    finding: Finding,
    actor: Document,
    *,
    at: dt.datetime,
    of: Mapping[str, Any] | None,
) -> Document:
    if len(finding.note) > LONGEST_NOTE:
        raise InvalidField("note", f"has at most {LONGEST_NOTE} characters")
    came = outcome(rubric, finding.levels, "levels")
    ours = f"{signer.base}/extensions"
    verb = {True: "passed", False: "failed", None: "scored"}[came.passed]
    result: Document = {
        "score": {
            "raw": came.points, "min": 0, "max": came.most, "scaled": round(came.points / came.most, 4)
        },
        "extensions": {
            **{f"{ours}/rubric/{one['id']}": finding.levels[one["id"]] for one in rubric["criteria"]},
            **({f"{ours}/note": finding.note} if finding.note else {}),
        },
    }  # fmt: skip
    if came.passed is not None:
        result["success"] = came.passed
    made: Document = {
        "id": str(finding.id), "actor": actor, "verb": {"id": ADL + verb, "display": {"en": verb}},
        "object": _activity(rubric["activity"], rubric["title"], PERFORMANCE),
        "result": result,
        "context": _context(signer, of, {f"{ours}/rubric": f"{rubric['rubric']}-{rubric['number']}"}),
        "timestamp": _text(at),
    }  # fmt: skip
    if finding.files:
        made["attachments"] = [_attachment(signer, name, part) for name, part in finding.files]
    return made


def _attended(
    signer: Signer, of: Mapping[str, Any], finding: Finding, actor: Document, at: dt.datetime
) -> Document:
    return {
        "id": str(finding.id), "actor": actor,
        "verb": {"id": ADL + "attended", "display": {"en": "attended"}},
        "object": _activity(of["activity"], of["title"], MEETING),
        "context": _context(signer, of, {}), "timestamp": _text(at),
    }  # fmt: skip


def _context(signer: Signer, of: Mapping[str, Any] | None, extensions: Document) -> Document:
    activities: dict[str, list[Document]] = {
        "category": [{"objectType": "Activity", "id": f"{signer.base}/assessments"}]
    }
    if of is not None:
        activities["grouping"] = [_activity(f"{signer.base}/sessions/{of['_id']}", of["title"], MEETING)]
    return {
        "instructor": signer.agent, "contextActivities": activities,
        **({"extensions": extensions} if extensions else {}),
    }  # fmt: skip


def _activity(iri: str, name: str, kind: str) -> Document:
    return {"objectType": "Activity", "id": iri, "definition": {"type": kind, "name": {"und": name}}}


def _attachment(signer: Signer, name: str, part: Part) -> Document:
    return {
        "usageType": f"{signer.base}/attachments/evidence", "display": {"und": name[:200] or part.sha2},
        "contentType": part.content_type, "length": len(part.content), "sha2": part.sha2,
    }  # fmt: skip


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _tell(
    db: Database[Document],
    signer: Signer,
    made: Sequence[Document],
    now: dt.datetime,
    parts: Sequence[Part] = (),
) -> None:
    """Store statements through the ordinary ingest, all or none; those that are there already stay."""
    made = _fresh(db, signer, made)
    if not made:
        return
    _write(db, signer, made, now, parts)


def _write(
    db: Database[Document],
    signer: Signer,
    made: Sequence[Document],
    now: dt.datetime,
    parts: Sequence[Part] = (),
) -> None:
    wanted = {one["sha2"] for statement in made for one in statement.get("attachments", ())}
    writer = Writer(
        client=ASSESSMENTS,
        label=ASSESSMENTS,
        controlled_by="vendor" if signer.org == VENDOR else "partner",
        authority={"objectType": "Agent", "account": {"homePage": signer.base, "name": ASSESSMENTS}},
    )
    store_statements(
        StatementStore(db, signer.org),
        parse_statements(orjson.dumps(made)),
        writer=writer,
        version="1.0.3",
        now=now,
        attachments={part.sha2: part for part in parts if part.sha2 in wanted},
        is_relevant=relevance(db),
    )
