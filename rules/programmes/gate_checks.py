"""Gates asked over the store: what holds at the instant of asking, the answer kept as given (cert#5-7).

gate_answers {_id: answer id, org: "vendor", gate, version, organization, submitter, subject, answer,
              enforced, computed, failed, reasons, message, at, expires_at}
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.rule_set import Record, RuleSet
from rules.engine import identity
from rules.engine.queues import outbox
from rules.engine.queues.outbox import Event
from rules.engine.standings import state_at
from rules.errors import RuleError, UnknownPerson, UnknownRule
from rules.evaluation.award_ids import encode
from rules.language.model import Gate, PartnerTiers
from rules.programmes import gate_fields, partners, tier_recording
from rules.programmes.gate_fields import FieldsMissing
from rules.programmes.gates import AFFILIATED, GateAnswer, Question, answer, needs_tiers
from rules.programmes.tiers import Standing
from rules.stored import VENDOR, Document

HOLDS_FOR: Final = dt.timedelta(seconds=60)  # how long the asking system may keep an answer

INDEXES: dict[str, list[IndexModel]] = {
    "gate_answers": [
        IndexModel([("org", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("org", ASCENDING), ("gate", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("org", ASCENDING), ("organization", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),  # erasure, subject access
    ],
}


class UnknownOrganization(RuleError):
    """A gate was asked for an organization that does not exist."""

    def __init__(self, organization: str) -> None:
        self.organization = organization
        super().__init__(f"no organization {organization!r}")


class GateDisabled(RuleError):
    """A gate was asked whose version in force has `mode: disabled`: it decides nothing (cert#2.2)."""

    def __init__(self, gate: str, version: str) -> None:
        self.gate, self.version = gate, version
        super().__init__(f"gate {gate} v{version} is disabled: it gives no answers")


@dataclass(frozen=True, slots=True)
class GateQuestion:
    """One question put to a gate: for whom, by whom, about what; `place` is where it stood."""

    organization: str
    submitter: str
    subject: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


def check(
    db: Database[Document], rules: RuleSet, gate_id: str, questions: Sequence[GateQuestion], now: dt.datetime
) -> list[Document]:
    """Answer questions in order and keep the answers.

    Raises UnknownRule, GateDisabled, UnknownOrganization, FieldsMissing. Where one question cannot be asked,
    none is answered. A submitter whom nobody knows is refused, not an error: the asking system may not know
    either.
    """
    record = rules.applicable("Gate", gate_id, now)
    gate = cast("Gate", record.document)
    if record.mode == "disabled":
        raise GateDisabled(gate.id, gate.version)
    _refuse_unknown(db, {one.organization for one in questions})
    wrong = [flaw for one in questions for flaw in gate_fields.flaws(gate, one.subject, one.place)]
    if wrong:
        raise FieldsMissing(gate, wrong)
    programme = programme_of(rules, gate)
    persons = {name: _person(db, name, now) for name in {one.submitter for one in questions}}
    known = [person for person in persons.values() if person is not None]
    affiliations = identity.affiliations_of(db, known)
    standings = standings_at(db, rules, known, now)
    tiers = {
        one: tier_recording.tier_at(db, rules, programme.id, one, now).tier if programme.id else None
        for one in {q.organization for q in questions}
    }
    rows = []
    for one in questions:
        person = persons[one.submitter]
        given = answer(
            gate,
            Question(
                order=programme.order,
                tier=tiers[one.organization],
                standings=standings.get(person or "", ()),
                affiliated=person is not None
                and identity.organization_at(affiliations, person, now) == one.organization,
                subject=one.subject,
            ),
        )
        rows.append(_row(record, one, person, given, now))
    _keep(db, rows, now)
    return rows


def describe(rules: RuleSet, gate_id: str, now: dt.datetime) -> Document:
    """Return what a gate asks and what has to be told to it; raises UnknownRule."""
    record = rules.applicable("Gate", gate_id, now)
    gate = cast("Gate", record.document)
    return {
        "gate": gate.id,
        "version": gate.version,
        "title": gate.title,
        "mode": record.mode,
        "programme": programme_of(rules, gate).id or None,
        "subject": gate.subject,
        "needs": [{"field": one.field, "places": list(one.places)} for one in gate_fields.needs(gate)],
        "allow_when": gate.allow_when.data(),
        "refusal": gate.refusal,
        "question": gate_fields.question_schema(gate),
    }


def programme_of(rules: RuleSet, gate: Gate) -> PartnerTiers:
    """Return the programme a gate means: the one it names, else the only one there is; raises UnknownRule.

    A gate that asks for no tier means none where there are several.
    """
    ids = partners.programme_ids(rules)
    wanted = gate.tiers or (ids[0] if len(ids) == 1 else None)
    if wanted is None and (not ids or not needs_tiers(gate.allow_when)):
        return PartnerTiers(id="", version="", title="", order=(), tiers={})
    newest = rules.newest("PartnerTiers", wanted or "")
    if newest is None:
        hint = f"gate {gate.id} names no programme under tiers, and there are {', '.join(ids)}"
        raise UnknownRule("PartnerTiers", wanted or "", None if wanted else hint)
    return cast("PartnerTiers", newest.document)


def _refuse_unknown(db: Database[Document], organizations: set[str]) -> None:
    found = {row["_id"] for row in db.orgs.find({"_id": {"$in": sorted(organizations)}}, {"_id": 1})}
    for organization in sorted(organizations - found):
        raise UnknownOrganization(organization)


def _person(db: Database[Document], submitter: str, now: dt.datetime) -> str | None:
    try:
        return identity.find_person(db, submitter, now)
    except UnknownPerson:
        return None


def standings_at(
    db: Database[Document], rules: RuleSet, persons: Sequence[str], now: dt.datetime
) -> dict[str, list[Standing]]:
    """Return what these persons hold at an instant; what is only evaluated counts for nothing (cert#2.2)."""
    found: dict[str, list[Standing]] = defaultdict(list)
    for row in db.standings.find({"org": VENDOR, "person": {"$in": list(persons)}}):
        state = state_at(row, now)
        if state is not None and state.counts and state.state != "in_progress":
            data = {"state": state.state, "version": state.version, "award": state.award}
            found[row["person"]].append(partners.coordinates(rules, row["certification"], data))
    return found


def _row(
    record: Record, asked: GateQuestion, person: str | None, given: GateAnswer, now: dt.datetime
) -> Document:
    return {
        "_id": encode(int(now.timestamp() * 1000) << 80 | secrets.randbits(80)),
        "org": VENDOR,
        "gate": record.id,
        "version": record.version,
        "organization": asked.organization,
        "submitter": asked.submitter,
        "person": person,
        "subject": dict(asked.subject),
        "answer": given.answer,
        "enforced": given.enforced,
        "computed": given.computed,
        "failed": list(given.failed),
        "reasons": [asdict(one) for one in given.reasons],
        "message": given.message,
        "at": now,
        "expires_at": now + HOLDS_FOR,
    }


def _keep(db: Database[Document], rows: list[Document], now: dt.datetime) -> None:
    events = [
        Event(
            "gate.answered",
            (row["_id"],),
            now,
            {
                "answer_id": row["_id"], "gate": row["gate"], "version": row["version"],
                "answer": row["answer"],
                "organization": row["organization"], "failed": row["failed"],
                # the organization gets this event: a stranger's id is not for it
                "person": None if AFFILIATED in row["failed"] else row["person"],
                "enforced": row["enforced"],
            },
        )
        for row in rows
    ]  # fmt: skip

    def change(session: ClientSession) -> None:
        db.gate_answers.insert_many(rows, session=session)
        outbox.append(db, events, now, session)

    if rows:
        with db.client.start_session() as session:
            session.with_transaction(change)


def reply(row: Mapping[str, Any]) -> Document:
    """Return an answer as the API gives it (cert#5-7)."""
    names = ("gate", "version", "at", "answer", "enforced", "failed", "reasons", "message", "expires_at")
    return {"answer_id": row["_id"], **{name: row[name] for name in names}}
