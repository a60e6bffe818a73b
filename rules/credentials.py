"""Award periods become signed Open Badges 3.0 credentials (section 7).

`CredentialDesk` ties the document (`rules.credential_document`) to a store, a signer and an issuer; `issue`
and `refresh_status` converge: called again with the same facts they change nothing, so that a crash between a
decision and its credential is healed by deciding again.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.client_session import ClientSession

from rules.credential_document import (
    AwardPeriod,
    Issuer,
    build_credential,
    core_digest,
    digest,
    whole_second,
)
from rules.credential_store import CredentialStore, Record, SeqTaken, StatusEntry
from rules.errors import RuleError
from rules.signing import Signer, compact
from rules.statuslist import build_entry

TRIES = 8

Standing = Literal["good", "expired", "suspended", "revoked", "withdrawn", "annulled", "release_ended"]
Reason = Literal["award", "renewal", "reinstatement", "correction"]
SETS_BIT = frozenset({"suspended", "revoked", "withdrawn", "annulled", "release_ended"})  # 7-4


class IssueConflict(RuleError):
    """Other processes kept issuing for this award; the engine's next look settles it."""

    def __init__(self, award: str) -> None:
        self.award = award
        super().__init__(f"award {award} is being issued elsewhere")


Announce = Callable[[ClientSession, str, Mapping[str, Any]], None]


def no_announcement(session: ClientSession, event: str, data: Mapping[str, Any]) -> None:
    """Tell nobody (tests, tools)."""


def never_displayed(award: str, person: str) -> bool:  # noqa: ARG001 - the signature of is_displayed
    """Show nothing (tests, tools)."""
    return False


@dataclass(frozen=True, slots=True)
class CredentialDesk:
    """Where credentials are made: store, signer, issuer.

    `announce(session, event, data)` is called inside the transaction of a change, with event
    `credential.issued` or `credential.status_changed`; (credential, list, index) in data is its effect key,
    `effective_at` and `decided_at` are its instants.
    `is_displayed(award, person)` says whether the holder shows it, which gives it a refresh service.
    """

    store: CredentialStore
    signer: Signer
    issuer: Issuer
    announce: Announce = no_announcement
    is_displayed: Callable[[str, str], bool] = never_displayed


def issue(desk: CredentialDesk, period: AwardPeriod, now: dt.datetime) -> Record:
    """Make sure that the newest credential of an award says exactly this, with its bit clear (7).

    Returns the newest record, the old one if nothing had to be signed. A renewal leaves the bit of the
    replaced credential clear; a correction of wrong content and everything after a reinstatement do not (7-4,
    7-5). Raises IssueConflict when other processes won eight times, UnknownKey without a signing key.
    """
    for _ in range(TRIES):
        newest = desk.store.newest(period.award)
        reason = reason_to_issue(newest, period, desk.store)
        if reason is None and newest is not None:
            return newest
        try:
            return sign_and_store(desk, period, newest, reason or "award", now)
        except SeqTaken:
            continue
    raise IssueConflict(period.award)


def refresh_status(
    desk: CredentialDesk, award: str, standing: Standing, now: dt.datetime
) -> list[StatusEntry]:
    """Set the bits of every credential of an award whose standing asks for it; return those newly set (7-4).

    A standing of `good` or `expired` changes nothing: a set bit is never cleared, reinstatement is `issue`.
    """
    if standing not in SETS_BIT:
        return []

    def change(session: ClientSession) -> list[StatusEntry]:
        entries = desk.store.unset_entries(award, session)
        spend_bits(desk, entries, standing, now, session)
        return entries

    return desk.store.transaction(change)


def settle(
    desk: CredentialDesk, award: str, period: AwardPeriod | None, standing: Standing, now: dt.datetime
) -> Record | None:
    """Bring an award's credential to where its facts are: issue, re-issue, or spend its bits.

    `period` is the current period if there is one to certify; returns the newest record, or None. An award
    that is first seen when it no longer stands gets a credential whose bit is set: its page can say so.
    """
    newest = desk.store.newest(award)
    if period is not None and (newest is None or standing not in SETS_BIT):
        newest = issue(desk, period, now)
    refresh_status(desk, award, standing, now)
    return newest


def reason_to_issue(newest: Record | None, period: AwardPeriod, store: CredentialStore) -> Reason | None:
    """Return why a new credential is needed, None when the newest one says it all and stands."""
    if newest is None:
        return "award"
    if newest.period < period.period:
        return "renewal"
    if newest.digest != digest(period):
        return "correction"
    return "reinstatement" if store.is_set(newest) else None


def sign_and_store(
    desk: CredentialDesk, period: AwardPeriod, newest: Record | None, reason: Reason, now: dt.datetime
) -> Record:
    """Allot an index, sign, and record it with what it does to older credentials, all or nothing."""
    entry = desk.store.allot(period.award, now)
    key = desk.signer.current()
    start = starts_at(period, newest, reason, now)
    claims = build_credential(
        period,
        desk.issuer,
        valid_from=start,
        status=build_entry(f"{desk.issuer.base}/status/{entry.list}", entry.index),
        subject=period.subject_did or desk.store.subject_of(period.person),
        salts=[secrets.token_hex(16) for _ in period.emails],
        refreshable=desk.is_displayed(period.award, period.person),
    )
    record = Record(
        award=period.award,
        seq=newest.seq + 1 if newest else 1,
        person=period.person,
        period=period.period,
        certification=period.achievement.certification,
        version=period.achievement.version,
        digest=digest(period),
        core=core_digest(period),
        jwt=compact(desk.signer, key, claims, kid=desk.issuer.kid(key)),
        valid_from=start,
        ends_at=period.ends_at,
        list=entry.list,
        index=entry.index,
        key=key,
        reason=reason,
        issued_at=now,
    )

    def change(session: ClientSession) -> Record:
        desk.store.insert(record, session)
        if reason == "correction":
            wrong = [one for one in desk.store.records(period.award, session) if is_wrong(one, period)]
            spend_bits(desk, desk.store.unset_entries_of(wrong, session), "corrected", now, session)
        desk.announce(session, "credential.issued", event_data(record, entry, reason))
        return record

    return desk.store.transaction(change)


def is_wrong(old: Record, period: AwardPeriod) -> bool:
    """Say whether an older credential now claims something false (7-4).

    A longer validity or another address of the same holder leaves the old claim true.
    """
    if old.period != period.period:
        return old.period > period.period
    if old.digest == digest(period):
        return False
    shortened = period.ends_at is not None and (old.ends_at is None or period.ends_at < old.ends_at)
    return shortened or old.core != core_digest(period)


def spend_bits(
    desk: CredentialDesk, entries: Sequence[StatusEntry], why: str, now: dt.datetime, session: ClientSession
) -> None:
    """Set the bits of these entries and tell of each."""
    desk.store.set_entries(entries, why, now, session)
    for entry in entries:
        data = {"credential": entry.award, "list": entry.list, "index": entry.index, "reason": why}
        desk.announce(session, "credential.status_changed", data | {"effective_at": now, "decided_at": now})


def event_data(record: Record, entry: StatusEntry, reason: Reason) -> dict[str, Any]:
    """Return what `credential.issued` tells: no address, no evidence (8-3)."""
    return {
        "credential": record.award,
        "list": entry.list,
        "index": entry.index,
        "person": record.person,
        "certification": record.certification,
        "version": record.version,
        "period": record.period,
        "reason": reason,
        "effective_at": record.valid_from,
        "decided_at": record.issued_at,
    }


def starts_at(period: AwardPeriod, newest: Record | None, reason: Reason, now: dt.datetime) -> dt.datetime:
    """Return `validFrom`: start of the period, or the instant of re-issue, strictly newer than before (7)."""
    start = whole_second(period.valid_from)
    if newest is None:
        return start
    if reason != "renewal" or start <= newest.valid_from:
        start = whole_second(now)
    return max(start, newest.valid_from + dt.timedelta(seconds=1))
