"""Award periods become signed Open Badges 3.0 credentials (cert#7).

`CredentialIssuer` ties the document (`document`) to a store, a signer and an issuer; `issue`
and `refresh_status` converge: called again with the same facts they change nothing, so that a crash between a
decision and its credential is healed by deciding again.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.client_session import ClientSession

from rules.credentials.document import (
    AwardPeriod,
    Issuer,
    build_credential,
    core_digest,
    digest,
    whole_second,
)
from rules.credentials.proving.signing import Signer, compact
from rules.credentials.proving.status_list import build_entry
from rules.credentials.store import CredentialStore, Record, SeqTaken, StatusEntry
from rules.errors import RuleError

TRIES = 8

Standing = Literal["good", "expired", "suspended", "revoked", "withdrawn", "annulled", "ended_early"]
Reason = Literal["award", "renewal", "reinstatement", "correction", "display"]
SETS_BIT = frozenset({"suspended", "revoked", "withdrawn", "annulled", "ended_early"})  # 7-4


class TakenOver(RuleError):
    """Another process settles these awards now, or a decision changed them since; nothing was written."""


class IssueConflict(RuleError):
    """Other processes kept issuing for this award; the engine's next look settles it."""

    def __init__(self, award: str) -> None:
        self.award = award
        super().__init__(f"award {award} is being issued elsewhere")


Happening = tuple[str, Mapping[str, Any]]
Announce = Callable[[ClientSession, Sequence[Happening]], None]


def no_announcement(session: ClientSession, happenings: Sequence[Happening]) -> None:
    """Tell nobody (tests, tools)."""


def nothing_taken(session: ClientSession) -> None:
    """Hold nothing (tests, tools)."""


def nothing_displayed(awards: Collection[tuple[str, str]]) -> Collection[str]:  # noqa: ARG001 -- signature of displayed
    """Show nothing (tests, tools)."""
    return ()


@dataclass(frozen=True, slots=True)
class CredentialIssuer:
    """Where credentials are made: store, signer, issuer.

    `announce(session, [(event, data), ...])` is called inside the transaction of a change, with events
    `credential.issued` or `credential.status_changed`; (credential, list, index) in data is the effect key,
    `effective_at` and `decided_at` are the instants.
    `displayed([(award, person), ...])` gives those that the holder shows: they have a refresh service;
    `detailed` those whose evidence the holder lets others see.
    `fence(session)` comes first in the transaction of a change; TakenOver where it is not ours to make.
    """

    store: CredentialStore
    signer: Signer
    issuer: Issuer
    announce: Announce = no_announcement
    displayed: Callable[[Collection[tuple[str, str]]], Collection[str]] = nothing_displayed
    detailed: Callable[[Collection[tuple[str, str]]], Collection[str]] = nothing_displayed
    fence: Callable[[ClientSession], None] = nothing_taken


def issue(credential_issuer: CredentialIssuer, period: AwardPeriod, now: dt.datetime) -> Record:
    """Make sure that the newest credential of an award says exactly this, with its bit clear (cert#7).

    Returns the newest record, the old one if nothing had to be signed. A renewal leaves the bit of the
    replaced credential clear; a correction of wrong content and all after a reinstatement do not (cert#7-4,
    cert#7-5). Raises IssueConflict when other processes won eight times, UnknownKey without a signing key.
    """
    for _ in range(TRIES):
        newest = credential_issuer.store.newest(period.award)
        reason = reason_to_issue(credential_issuer, newest, period)
        if reason is None and newest is not None:
            return newest
        try:
            return sign_and_store(credential_issuer, period, newest, reason or "award", now)
        except SeqTaken:
            continue
    raise IssueConflict(period.award)


def refresh_status(
    credential_issuer: CredentialIssuer, award: str, standing: Standing, now: dt.datetime
) -> list[StatusEntry]:
    """Set the bits of an award's credentials as its standing asks; return those newly set (cert#7-4).

    A standing of `good` or `expired` changes nothing: a set bit is never cleared, reinstatement is `issue`.
    """
    if standing not in SETS_BIT:
        return []

    def change(session: ClientSession) -> list[StatusEntry]:
        credential_issuer.fence(session)
        entries = credential_issuer.store.unset_entries(award, session)
        spend_bits(credential_issuer, entries, standing, now, session)
        return entries

    return credential_issuer.store.transaction(change)


def settle(
    credential_issuer: CredentialIssuer,
    award: str,
    period: AwardPeriod | None,
    standing: Standing,
    now: dt.datetime,
) -> Record | None:
    """Bring an award's credential to where its facts are: issue, re-issue, or spend its bits.

    `period` is the current period if there is one to certify; returns the newest record, or None. An award
    that is first seen when it no longer stands gets a credential whose bit is set: its page can say so.
    """
    if period is not None and standing not in SETS_BIT:
        return issue(credential_issuer, period, now)
    newest = credential_issuer.store.newest(award)
    if newest is None and period is not None:
        newest = issue(credential_issuer, period, now)
    refresh_status(credential_issuer, award, standing, now)
    return newest


def reason_to_issue(
    credential_issuer: CredentialIssuer, newest: Record | None, period: AwardPeriod
) -> Reason | None:
    """Return why a new credential is needed, None when the newest one says it all and stands."""
    if newest is None:
        return "award"
    if newest.period < period.period:
        return "renewal"
    if newest.digest != digest(period):
        return "correction"
    if credential_issuer.store.is_set(newest):
        return "reinstatement"
    if not newest.refreshable and is_displayed(credential_issuer, period):
        return "display"  # what is displayed has a refresh service
    return None


def is_displayed(credential_issuer: CredentialIssuer, period: AwardPeriod) -> bool:
    """Say whether the holder shows an award."""
    return period.award in credential_issuer.displayed([(period.award, period.person)])


def sign_and_store(
    credential_issuer: CredentialIssuer,
    period: AwardPeriod,
    newest: Record | None,
    reason: Reason,
    now: dt.datetime,
) -> Record:
    """Allot an index, sign, and record it with what it does to older credentials, all or nothing."""
    [entry] = credential_issuer.store.allot([period.award], now)
    job = Job(
        entry=entry,
        key=credential_issuer.signer.current(),
        subject=credential_issuer.store.subjects_of([period.person])[period.person],
        refreshable=is_displayed(credential_issuer, period),
        now=now,
    )
    record = make_record(credential_issuer, period, newest, reason, job)

    def change(session: ClientSession) -> Record:
        credential_issuer.fence(session)
        credential_issuer.store.insert([record], session)
        if reason == "correction":
            wrong = [
                one for one in credential_issuer.store.records(period.award, session) if is_wrong(one, period)
            ]
            spend_bits(
                credential_issuer,
                credential_issuer.store.unset_entries_of(wrong, session),
                "corrected",
                now,
                session,
            )
        credential_issuer.announce(session, [issued(record)])
        return record

    return credential_issuer.store.transaction(change)


def issue_first(
    credential_issuer: CredentialIssuer, periods: Sequence[AwardPeriod], now: dt.datetime
) -> list[Record]:
    """Make the first credentials of many awards, with all that they take, in one transaction.

    Raises SeqTaken if one of them has any, Outrun where another process took one of their places.
    """
    if not periods:
        return []
    store, people = credential_issuer.store, {one.person for one in periods}
    entries = store.choose([one.award for one in periods], now)
    known = store.known_subjects(people)
    fresh = store.new_subjects(people, known)
    subjects = known | fresh
    shown = credential_issuer.displayed([(one.award, one.person) for one in periods])
    key = credential_issuer.signer.current()
    records = [
        make_record(
            credential_issuer,
            one,
            None,
            "award",
            Job(entry, key, subjects[one.person], one.award in shown, now),
        )
        for one, entry in zip(periods, entries, strict=True)
    ]

    def change(session: ClientSession) -> list[Record]:
        credential_issuer.fence(session)
        store.take(entries, now, session)
        store.add_subjects(fresh, session)
        store.insert(records, session)
        credential_issuer.announce(session, [issued(record) for record in records])
        return records

    return store.transaction(change)


@dataclass(frozen=True, slots=True)
class Job:
    """What signing one credential takes beside its words."""

    entry: StatusEntry
    key: str
    subject: str
    refreshable: bool
    now: dt.datetime


def make_record(
    credential_issuer: CredentialIssuer, period: AwardPeriod, newest: Record | None, reason: Reason, job: Job
) -> Record:
    """Build and sign the credential of a period."""
    start = starts_at(period, newest, reason, job.now)
    claims = build_credential(
        period,
        credential_issuer.issuer,
        valid_from=start,
        status=build_entry(f"{credential_issuer.issuer.base}/status/{job.entry.list}", job.entry.index),
        subject=period.subject_did or job.subject,
        salts=[secrets.token_hex(16) for _ in period.emails],
        refreshable=job.refreshable,
    )
    return Record(
        award=period.award,
        seq=newest.seq + 1 if newest else 1,
        person=period.person,
        period=period.period,
        certification=period.achievement.certification,
        version=period.achievement.version,
        digest=digest(period),
        core=core_digest(period),
        jwt=compact(credential_issuer.signer, job.key, claims, kid=credential_issuer.issuer.kid(job.key)),
        valid_from=start,
        ends_at=period.ends_at,
        list=job.entry.list,
        index=job.entry.index,
        key=job.key,
        reason=reason,
        issued_at=job.now,
        refreshable=job.refreshable,
    )


def is_wrong(old: Record, period: AwardPeriod) -> bool:
    """Say whether an older credential now claims something false (cert#7-4).

    A longer validity or another address of the same holder leaves the old claim true.
    """
    if old.period != period.period:
        return old.period > period.period
    if old.digest == digest(period):
        return False
    shortened = period.ends_at is not None and (old.ends_at is None or period.ends_at < old.ends_at)
    return shortened or old.core != core_digest(period)


def spend_bits(
    credential_issuer: CredentialIssuer,
    entries: Sequence[StatusEntry],
    why: str,
    now: dt.datetime,
    session: ClientSession,
) -> None:
    """Set the bits of these entries and tell of each."""
    credential_issuer.store.set_entries(entries, why, now, session)
    same = {"reason": why, "effective_at": now, "decided_at": now}
    places = [{"credential": one.award, "list": one.list, "index": one.index} for one in entries]
    credential_issuer.announce(session, [("credential.status_changed", place | same) for place in places])


def issued(record: Record) -> Happening:
    """Return the event `credential.issued`: no address, no evidence (cert#8-3)."""
    data = {
        "credential": record.award,
        "list": record.list,
        "index": record.index,
        "person": record.person,
        "certification": record.certification,
        "version": record.version,
        "reason": record.reason,
        "effective_at": record.valid_from,
        "decided_at": record.issued_at,
    }
    return "credential.issued", data


def starts_at(period: AwardPeriod, newest: Record | None, reason: Reason, now: dt.datetime) -> dt.datetime:
    """Return `validFrom`: start of the period, or instant of re-issue, newer than before (cert#7)."""
    start = whole_second(period.valid_from)
    if newest is None:
        return start
    if reason != "renewal" or start <= newest.valid_from:
        start = whole_second(now)
    return max(start, newest.valid_from + dt.timedelta(seconds=1))
