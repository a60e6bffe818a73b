"""From awards on record to credentials: what the engine marked `credential_due` is settled and unmarked.

The mark is written in the transaction of the decision, and taken away only when the credential says what the
award says; a crash in between leaves the mark, and settling again changes nothing that was already done.
Whoever took an award writes only as long as nobody else took it and no decision marked it anew.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules.calendar import end_of, zone
from rules.catalogue.rule_set import RuleSet
from rules.credentials.criteria import criteria_text, evidence_notes
from rules.credentials.document import Achievement, AwardPeriod
from rules.credentials.issuing import (
    SETS_BIT,
    Announce,
    CredentialIssuer,
    Happening,
    Standing,
    TakenOver,
    issue_first,
    settle,
)
from rules.credentials.sources import Sources, emails_of, load_sources
from rules.engine.histories import not_behind
from rules.engine.merges import award_of, merged_awards
from rules.engine.queues import outbox
from rules.engine.queues.outbox import Event
from rules.engine.standings import state_at
from rules.language.model import Certification
from rules.stored import Document

log = logging.getLogger("laurel.credentials")

LEASE: Final = dt.timedelta(seconds=30)
PAUSE: Final = dt.timedelta(minutes=1)  # after a failure
FENCED: Final = {"$inc": {"credential_fence": 1}}
UNMARKED: Final = {"$unset": {"credential_due": "", "credential_by": ""}}
STANDINGS: Final[Mapping[str, Standing]] = {
    "active": "good", "renewal_open": "good", "grace": "good", "expired": "expired",
    "suspended": "suspended", "revoked": "revoked", "withdrawn": "withdrawn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """What a credential has to say; `period` is None where there is nothing to certify.

    `award` is what was taken, `credential` the id of it or of an award that a merge made part of it.
    """

    award: Document
    credential: str
    period: AwardPeriod | None
    standing: Standing


def issue_due(
    db: Database[Document],
    credential_issuer: CredentialIssuer,
    rules: RuleSet,
    now: dt.datetime,
    limit: int = 100,
) -> int:
    """Settle up to `limit` awards that are due and return how many were; one that fails is tried again later.

    Two workers do not take the same award: taking it puts off its mark, and only what was taken is unmarked.
    """
    awards = take(db, now, limit)
    detailed = credential_issuer.detailed([(award["_id"], award["person"]) for award in awards])
    sources = load_sources(db, awards, detailed)
    tasks, failed = [], []
    for award in awards:
        try:
            tasks += tasks_of(db, rules, sources, award, now)
        except Exception:
            log.exception("the credential of award %s cannot be worded", award["_id"])
            failed.append(award)
    refused, done = settle_all(db, credential_issuer, tasks, now)
    failed += refused
    over = {award["_id"] for award in failed} | done
    put_off(db, [award for award in awards if award["_id"] not in over], None)
    put_off(db, failed, now + PAUSE)
    return len(awards) - len(failed)


def tasks_of(
    db: Database[Document], rules: RuleSet, sources: Sources, award: Document, now: dt.datetime
) -> list[Task]:
    """Return what the credentials of an award have to say, and of those that a merge made part of it.

    The credential of a merged award stays as good as the award that it is part of: nothing in it is false.
    """
    if "merged_into" in award:
        return merged_task(db, award, now)
    task = task_of(rules, sources, award, now)
    if task.standing not in SETS_BIT:
        return [task]
    parts = merged_awards(db, award)
    return [task, *(Task(award, one, None, task.standing) for one in parts)]


def merged_task(db: Database[Document], award: Document, now: dt.datetime) -> list[Task]:
    """Return what the credential of a merged award has to say; nothing while the other one stands.

    Raises LookupError where it is not decided yet what the other person holds.
    """
    part = award_of(db, award)
    if part is None:
        person = award["merged_into"]["person"]
        if db.work.find_one({"_id": person, "due_at": {"$lte": now}}, {"_id": 1}) is not None:
            raise LookupError(f"{person} is not decided yet")
        return [Task(award, award["_id"], None, "annulled")]
    other = db.awards.find_one({"_id": part}) or {"annulled": True, "decided_at": now}
    at = decided_as_of(other, now)
    standing = standing_of(other, current_period(other, at)[1], at)
    return [Task(award, award["_id"], None, standing)] if standing in SETS_BIT else []


def settle_all(
    db: Database[Document], credential_issuer: CredentialIssuer, tasks: Sequence[Task], now: dt.datetime
) -> tuple[list[Document], set[str]]:
    """Settle these awards, the first credentials of many at once.

    Returns those that failed, and the ids of those whose marks are taken away already: of first credentials
    in the transaction that makes them.
    """
    known = credential_issuer.store.having_credentials([task.credential for task in tasks])
    fresh = [task for task in tasks if task.period and is_first(task, known)]
    try:
        fenced = replace(credential_issuer, fence=fence_of(db, [task.award for task in fresh], UNMARKED))
        issue_first(fenced, [task.period for task in fresh if task.period], now)
    except PyMongoError:
        raise
    except Exception as error:  # noqa: BLE001 -- then each is made alone, so that one stops no other
        log.info("first credentials are made one by one: %r", error)
        fresh = []
    done = {task.credential for task in fresh}
    failed = []
    for task in tasks:
        if task.credential in done:
            continue
        fenced = replace(credential_issuer, fence=fence_of(db, [task.award]))
        try:
            settle(fenced, task.credential, task.period, task.standing, now)
        except PyMongoError:
            raise
        except TakenOver:
            continue
        except Exception:
            log.exception("the credential of award %s could not be made", task.award["_id"])
            failed.append(task.award)
    return failed, {task.award["_id"] for task in fresh}


def is_first(task: Task, known: Collection[str]) -> bool:
    """Say whether an award gets its first credential, and a good one."""
    return task.credential not in known and task.standing in {"good", "expired"}


def take(db: Database[Document], now: dt.datetime, limit: int) -> list[Document]:
    """Return awards that are due, longest waiting first, their marks put off by the lease."""
    due = {"credential_due": {"$lte": now}}
    found = [one["_id"] for one in db.awards.find(due, {"_id": 1}).sort("credential_due", 1).limit(limit)]
    if not found:
        return []
    lease = {"credential_due": now + LEASE, "credential_by": uuid4().hex}
    db.awards.update_many({"_id": {"$in": found}, **due}, {"$set": lease})
    return list(db.awards.find({"_id": {"$in": found}, **lease}))


def put_off(db: Database[Document], awards: Sequence[Document], until: dt.datetime | None) -> None:
    """Take the marks of taken awards away, or set them to `until`; a mark renewed meanwhile stays."""
    if not awards:
        return
    change = UNMARKED if until is None else {"$set": {"credential_due": until}}
    db.awards.update_many(still_taken(awards), change)


def still_taken(awards: Sequence[Document]) -> Document:
    """Return the filter that finds those of some awards taken together that nobody took or marked since."""
    one = awards[0]
    taken = {"credential_due": one["credential_due"], "credential_by": one["credential_by"]}
    return {"_id": {"$in": [award["_id"] for award in awards]}, **taken}


def fence_of(
    db: Database[Document], awards: Sequence[Document], change: Mapping[str, Any] = FENCED
) -> Callable[[ClientSession], None]:
    """Return what ties a transaction to the taking of some awards; it raises TakenOver where it is over.

    A worker that was held, or whose clock is behind, would act on what was decided before. `change` is what
    it does to the awards: where all is done in that one transaction, it takes their marks away.
    """

    def fence(session: ClientSession) -> None:
        done = db.awards.update_many(still_taken(awards), change, session=session)
        if done.matched_count != len(awards):
            raise TakenOver

    return fence


def decided_as_of(award: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """Return the instant at which an award is looked at: now, or that of its decision if a little later."""
    return not_behind(now, [award["decided_at"]])


def task_of(rules: RuleSet, sources: Sources, award: Document, now: dt.datetime) -> Task:
    """Return what the credential of an award has to say."""
    at = decided_as_of(award, now)
    number, period = current_period(award, at)
    certified = period is not None and not award.get("evaluated") and is_issued(rules, award, period)
    wanted = award_period(rules, sources, award, number, period) if period and certified else None
    return Task(award, award["_id"], wanted, standing_of(award, period, at))


def is_issued(rules: RuleSet, award: Mapping[str, Any], period: Mapping[str, Any]) -> bool:
    """Say whether periods of that version get a credential (2.3 `badge.issue`)."""
    return version_of(rules, award["certification"], period["version"]).badge.issue


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
    """Return what an award's state at an instant means for its credential (cert#7-4)."""
    found = state_at(award, now) if award.get("states") else None
    if period is None or found is None or award.get("annulled"):
        return "annulled"
    if found.state == "expired" and period["ending"] in {"release_deadline", "prerequisite_ended"}:
        return "ended_early"
    return STANDINGS.get(found.state, "annulled")


def award_period(
    rules: RuleSet, sources: Sources, award: Mapping[str, Any], number: int, period: Mapping[str, Any]
) -> AwardPeriod:
    """Return all that the credential of a period says."""
    document = version_of(rules, award["certification"], period["version"])
    timezone = document.validity.timezone
    titles = titles_of(rules)
    rows = sources.statements_of(award["person"], period["evidence"])
    requirement = document.award.when
    if period["kind"] == "renewal" and document.renewal is not None:
        requirement = document.renewal.when
    notes, results = evidence_notes(requirement, document, rows, zone(timezone), titles)
    person = sources.people.get(award["person"], {})
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
        assessments=sources.assessments_of(award, period["evidence"]),
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
        skills=document.badge.skills,
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


def announcer(db: Database[Document]) -> Announce:
    """Return what writes the events of credentials to the outbox, in the transaction of their change."""

    def announce(session: ClientSession, happenings: Sequence[Happening]) -> None:
        names = {str(data["credential"]) for event, data in happenings if "person" not in data}
        fields = {"person": 1, "certification": 1, "version": 1, "merged_into": 1}
        found = db.awards.find({"_id": {"$in": sorted(names)}}, fields) if names else ()
        known = {row["_id"]: row for row in found}
        events = [
            to_event(event, known.get(str(data["credential"]), {}) | dict(data)) for event, data in happenings
        ]
        if events:
            outbox.append(db, events, happenings[0][1]["decided_at"], session)

    return announce


def to_event(event: str, data: Mapping[str, Any]) -> Event:
    """Return the outbox event of a credential; its effect is (credential, index) (cert#8)."""
    award = str(data["credential"])
    body = {name: data.get(name) for name in ("person", "certification", "version", "reason", "merged_into")}
    body |= {"award": award, "links": {"credential": f"/credentials/{award}"}}
    return Event(event, (award, f"{data['list']}.{data['index']}"), data["effective_at"], body)
