"""What people decide about awards: holds, revocations, extensions, approvals ... become facts (cert#4.10).

A fact is appended and its person made due in one transaction; the next decision reads it. Nothing is
changed or removed afterwards: a hold ends by a `lift`, another fact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine.facts import REASONS, from_fact
from rules.engine.queues import evaluation_queue
from rules.errors import RuleError
from rules.evidence.history import Fact, FactKind
from rules.stored import VENDOR, Document

NEEDS_REASON: Final = frozenset({"hold", "revocation"})
WITHOUT_CERTIFICATION: Final = frozenset({"hold", "lift", "revocation", "withdrawal", "readmission"})
NEEDS_MEMBER: Final = frozenset({"approval", "grant", "readmission"})
NEEDS_STATEMENT: Final = frozenset({"acceptance", "resolution"})
RESOLUTIONS: Final = ("keep", "recompute", "suspend", "revoke")
KINDS: Final[tuple[FactKind, ...]] = (
    "hold", "lift", "revocation", "withdrawal", "extension", "approval", "acceptance", "resolution",
    "grant", "readmission",
)  # fmt: skip


class InvalidFact(RuleError):
    """A fact of people lacks something or has a value that cannot be (cert#4.10)."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True)
class Appeal:
    """A note with a due date on a hold or revocation; it changes no state (cert#4.10)."""

    note: str
    due: dt.date


def decide_manually(
    db: Database[Document],
    rules: RuleSet,
    person: str,
    fact: Fact,
    now: dt.datetime,
    *,
    appeal: Appeal | None = None,
    recorded_by: str | None = None,
    also: Callable[[ClientSession], None] | None = None,
) -> Document:
    """Append a fact about a person's award and make the person due; returns its document.

    `also` is done in the same transaction, as by an audit. `fact.by` is the person who decided where that
    matters (approvals), else whoever recorded it. Raises InvalidFact, UnknownRule.
    """
    checked = checked_fact(db, rules, person, fact, now)
    (row,) = append_facts(db, {person: checked}, now, appeal=appeal, recorded_by=recorded_by, also=also)
    return row


def append_facts(
    db: Database[Document],
    facts: Mapping[str, Fact],
    now: dt.datetime,
    *,
    appeal: Appeal | None = None,
    recorded_by: str | None = None,
    also: Callable[[ClientSession], None] | None = None,
) -> list[Document]:
    """Append a checked fact of each person and make them due, all of it or nothing; returns the documents."""
    extra: Document = {"recorded_by": recorded_by}
    if appeal is not None:
        extra["appeal"] = {"note": appeal.note, "due": appeal.due.isoformat()}
    rows = [from_fact(replace(fact, decided_at=now), person) | extra for person, fact in facts.items()]

    def change(session: ClientSession) -> None:
        db.facts.insert_many(rows, session=session)
        evaluation_queue.enqueue(db, facts, now, session=session)
        if also is not None:
            also(session)

    with db.client.start_session() as session:
        session.with_transaction(change)
    return rows


def checked_fact(db: Database[Document], rules: RuleSet, person: str, fact: Fact, now: dt.datetime) -> Fact:
    """Return the fact complete, or raise what is wrong with it: InvalidFact, UnknownRule."""
    if fact.certification is not None and fact.certification not in rules.certifications:
        raise rules.unknown("Certification", fact.certification)
    if fact.certification is None and fact.kind not in WITHOUT_CERTIFICATION:
        raise InvalidFact("certification", f"needed for a {fact.kind}")
    if fact.kind in NEEDS_REASON and fact.reason not in REASONS:
        raise InvalidFact("reason", f"one of {', '.join(REASONS)}")
    if fact.reason == "other" and not fact.note:
        raise InvalidFact("note", "the reason `other` needs a note")
    _check_kind(rules, fact)
    for name, value in (("until", fact.until), ("revoke_at", fact.revoke_at)):
        if value is not None and value <= fact.at:
            raise InvalidFact(name, "must be later than the beginning")
    return _lift_of(db, person, fact, now) if fact.kind == "lift" else fact


def _check_kind(rules: RuleSet, fact: Fact) -> None:
    """Raise what a fact of its kind lacks."""
    if fact.kind == "extension" and fact.until_day is None:
        raise InvalidFact("until", "an extension needs its new last day")
    if fact.kind in NEEDS_STATEMENT and not fact.statement:
        raise InvalidFact("statement", f"needed for a {fact.kind}")
    if fact.kind in NEEDS_MEMBER and fact.by is None:
        raise InvalidFact("by", f"a {fact.kind} needs the person who decided")
    if fact.kind == "grant" and not _can_be_granted(rules, fact):
        raise InvalidFact("of", "no selector of that name limits attempts and says who grants more")
    if fact.kind == "resolution" and fact.choice not in RESOLUTIONS:
        raise InvalidFact("choice", f"one of {', '.join(RESOLUTIONS)}")


def _can_be_granted(rules: RuleSet, fact: Fact) -> bool:
    """Tell whether some version has a selector for which further attempts can be granted (cert#4.3-5)."""
    return any(
        selector.attempts is not None and selector.attempts.granted_by is not None and fact.of in {None, name}
        for version in rules.certifications[fact.certification or ""].versions
        for name, selector in version.document.evidence.items()
    )


def _lift_of(db: Database[Document], person: str, fact: Fact, now: dt.datetime) -> Fact:
    """Return a lift with the hold it ends: the one it names, else the only one that is open."""
    open_ones = open_holds(db, person, fact.certification, now)
    if fact.of is not None:
        if fact.of not in {row["_id"] for row in open_ones}:
            raise InvalidFact("of", "no open hold has that id")
        return fact
    if len(open_ones) != 1:
        raise InvalidFact(
            "of", "there is no open hold" if not open_ones else "name one of several open holds"
        )
    return replace(fact, of=open_ones[0]["_id"])


def open_holds(
    db: Database[Document], person: str, certification: str | None, now: dt.datetime
) -> list[Document]:
    """Return the holds on a person's award that neither ended nor were lifted, oldest first."""
    wanted: Document = {"org": VENDOR, "person": person, "by_people": True, "kind": {"$in": ["hold", "lift"]}}
    rows = list(db.facts.find(wanted).sort("decided_at", ASCENDING))
    lifted = {row["of"] for row in rows if row["kind"] == "lift"}
    return [
        row
        for row in rows
        if row["kind"] == "hold"
        and row["_id"] not in lifted
        and row.get("certification") in {None, certification}
        and (row.get("until") is None or row["until"] > now)
    ]


def open_reviews(
    db: Database[Document], person: str | None = None, certification: str | None = None
) -> list[Document]:
    """Return the review items that wait for a human being, oldest first (cert#4.1-3, cert#4.9)."""
    wanted: Document = {"org": VENDOR, "kind": {"$in": ["review", "review_closed"]}}
    wanted |= {"person": person} if person else {}
    wanted |= {"certification": certification} if certification else {}
    rows = list(db.facts.find(wanted).sort("decided_at", ASCENDING))
    closed = {row["review"] for row in rows if row["kind"] == "review_closed"}
    return [row for row in rows if row["kind"] == "review" and row["review"] not in closed]


def review_reply(row: Document) -> Document:
    """Return a review item as the API gives it."""
    return {
        "review": row["review"],
        "what": row["item"],
        "person": row["person"],
        "certification": row["certification"],
        "award": row.get("award"),
        "statement": row.get("statement"),
        "opened_at": row["effective_at"],
        "decided_at": row["decided_at"],
    }


def fact_reply(row: Document) -> Document:
    """Return a fact of people as the API gives it."""
    names = (
        "person", "certification", "kind", "effective_at", "decided_at", "until", "until_day", "revoke_at",
        "allowed",
        "statement", "choice", "of", "reason", "by", "recorded_by", "note", "appeal",
    )  # fmt: skip
    return {"id": row["_id"], **{name: row[name] for name in names if row.get(name) is not None}}
