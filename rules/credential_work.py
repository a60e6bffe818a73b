"""From awards on record to credentials: what the engine marked `credential_due` is settled and unmarked.

The mark is written in the transaction of the decision, and taken away only when the credential says what the
award says; a crash in between leaves the mark, and settling again changes nothing that was already done.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules import outbox, people, work
from rules.calendar import end_of, zone
from rules.credential_document import Achievement, AwardPeriod
from rules.credential_wording import criteria_text, evidence_notes
from rules.credentials import Announce, CredentialDesk, Standing, settle
from rules.evidence import evidence
from rules.history import Evidence
from rules.model import Certification
from rules.outbox import Event
from rules.standings import state_at
from rules.store import RuleSet

Document = dict[str, Any]

log = logging.getLogger("laurel.credentials")

VENDOR: Final = "vendor"
LEASE: Final = dt.timedelta(seconds=30)
PAUSE: Final = dt.timedelta(minutes=1)  # after a failure
STANDINGS: Final[Mapping[str, Standing]] = {
    "active": "good", "renewal_open": "good", "grace": "good", "expired": "expired",
    "suspended": "suspended", "revoked": "revoked", "withdrawn": "withdrawn",
}  # fmt: skip


def issue_due(
    db: Database[Document], desk: CredentialDesk, rules: RuleSet, now: dt.datetime, limit: int = 500
) -> int:
    """Settle up to `limit` awards that are due and return how many were; one that fails is tried again later.

    Two workers never take the same award: taking it puts off its mark, and only what was taken is unmarked.
    """
    done = 0
    for _ in range(limit):
        award = take(db, now)
        if award is None:
            break
        try:
            settle_award(db, desk, rules, award, now)
        except PyMongoError:
            raise
        except Exception:
            log.exception("the credential of award %s could not be made", award["_id"])
            put_off(db, award, now + PAUSE)
            continue
        put_off(db, award, None)
        done += 1
    return done


def take(db: Database[Document], now: dt.datetime) -> Document | None:
    """Return one award that is due, its mark put off by the lease; None if there is none."""
    until = now + LEASE
    return db.awards.find_one_and_update(
        {"credential_due": {"$lte": now}},
        {"$set": {"credential_due": until}},
        sort=[("credential_due", 1)],
        return_document=ReturnDocument.AFTER,
    )


def put_off(db: Database[Document], award: Document, until: dt.datetime | None) -> None:
    """Take the mark of a taken award away, or set it to `until`; a mark that was renewed meanwhile stays."""
    change = {"$unset": {"credential_due": ""}} if until is None else {"$set": {"credential_due": until}}
    db.awards.update_one({"_id": award["_id"], "credential_due": award["credential_due"]}, change)


def settle_award(
    db: Database[Document], desk: CredentialDesk, rules: RuleSet, award: Document, now: dt.datetime
) -> None:
    """Bring the credential of one award to where its facts are."""
    number, period = current_period(award, now)
    standing = standing_of(award, period, now)
    wanted = award_period(db, rules, award, number, period) if period else None
    settle(desk, award["_id"], wanted, standing, now)


def current_period(award: Mapping[str, Any], now: dt.datetime) -> tuple[int, Document | None]:
    """Return the newest period that has begun and was not annulled, with its number from 1."""
    periods: Sequence[Document] = award.get("periods", ())
    begun = [
        (number, one)
        for number, one in enumerate(periods, start=1)
        if one["valid_from"] <= now and one["ending"] != "annulled"
    ]
    return begun[-1] if begun else (0, None)


def standing_of(award: Mapping[str, Any], period: Mapping[str, Any] | None, now: dt.datetime) -> Standing:
    """Return what an award's state at an instant means for its credential (7-4)."""
    found = state_at(award, now) if award.get("states") else None
    if period is None or found is None or award.get("annulled"):
        return "annulled"
    if found.state == "expired" and period["ending"] == "release_deadline":
        return "release_ended"
    return STANDINGS.get(found.state, "annulled")


def award_period(
    db: Database[Document], rules: RuleSet, award: Mapping[str, Any], number: int, period: Mapping[str, Any]
) -> AwardPeriod:
    """Return all that the credential of a period says."""
    document = version_of(rules, award["certification"], period["version"])
    timezone = document.validity.timezone
    titles = titles_of(rules)
    rows = statements_of(db, award["person"], period["evidence"])
    requirement = document.award.when
    if period["kind"] == "renewal" and document.renewal is not None:
        requirement = document.renewal.when
    notes, results = evidence_notes(requirement, document, rows, zone(timezone), titles)
    person = db.people.find_one({"_id": award["person"]}) or {}
    return AwardPeriod(
        award=award["_id"],
        person=award["person"],
        period=number,
        achievement=achievement_of(document, titles),
        awarded_at=award["awarded_at"],
        valid_from=period["valid_from"],
        ends_at=validity_end(period, timezone),
        timezone=timezone,
        evidence=notes,
        result=results,
        emails=emails_of(person),
        subject_did=person.get("did"),
    )


def version_of(rules: RuleSet, certification: str, version: str) -> Certification:
    """Return one version of a published certification; raises LookupError."""
    for one in rules.certifications[certification].versions:
        if one.document.version == version:
            return one.document
    raise LookupError(f"{certification} v{version} is not published")


def achievement_of(document: Certification, titles: Mapping[str, str]) -> Achievement:
    """Return the achievement of a version."""
    return Achievement(
        certification=document.id,
        version=document.version,
        title=document.title,
        description=document.badge.description or document.title,
        criteria=criteria_text(document, titles),
    )


def titles_of(rules: RuleSet) -> dict[str, str]:
    """Return the title of every certification, of its newest version."""
    if "titles" not in rules.memo:
        rules.memo["titles"] = {
            name: one.versions[-1].document.title for name, one in rules.certifications.items()
        }
    titles: dict[str, str] = rules.memo["titles"]
    return titles


def validity_end(period: Mapping[str, Any], timezone: str) -> dt.datetime | None:
    """Return the exclusive end of the expiry date, or of an earlier end that a new version set."""
    if period["ending"] == "must_upgrade":
        end: dt.datetime = period["ends_at"]
        return end
    day = period["valid_until"]
    return end_of(dt.date.fromisoformat(day), timezone) if day else None


def statements_of(db: Database[Document], person: str, ids: Sequence[str]) -> list[Evidence]:
    """Return the statements of a period's evidence, found in the stores where the person was seen."""
    row = work.rows_of(db, [person]).get(person)
    if row is None or not ids:
        return []
    owned = {one.of for one in people.ifis_of(db, [person]).get(person, ())}
    found = db.statements.find(
        {"org": {"$in": sorted(row.stores)}, "id": {"$in": [UUID(one) for one in ids]}}
    )
    return [evidence(one) for one in found if one.get("actor") in owned]


def emails_of(person: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of a person that are hashed into the credential: their own, then their mboxes."""
    mboxes = [
        owned["ifi"].removeprefix("mbox::mailto:")
        for owned in person.get("ifis", ())
        if owned["ifi"].startswith("mbox::mailto:") and owned.get("until") is None
    ]
    every = [person["email"], *mboxes] if person.get("email") else mboxes
    return tuple(dict.fromkeys(one.strip().lower() for one in every))


def announcer(db: Database[Document]) -> Announce:
    """Return what writes the events of credentials to the outbox, in the transaction of their change."""

    def announce(session: ClientSession, event: str, data: Mapping[str, Any]) -> None:
        award, place = str(data["credential"]), f"{data['list']}.{data['index']}"
        known = db.awards.find_one({"_id": award}, {"person": 1, "certification": 1, "version": 1}) or {}
        body = {
            "award": award,
            "person": known.get("person", data.get("person")),
            "certification": known.get("certification", data.get("certification")),
            "version": data.get("version", known.get("version")),
            "reason": data["reason"],
            "links": {"credential": f"/credentials/{award}"},
        }
        happened = Event(event, (award, place), data["effective_at"], body)
        outbox.append(db, [happened], data["decided_at"], session)

    return announce
