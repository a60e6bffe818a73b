"""Award periods become signed Open Badges 3.0 credentials (section 7).

The document is a pure function of plain values: `build_credential`. `CredentialDesk` ties it to a store, a
signer and an issuer; `issue` and `refresh_status` converge: called again with the same facts they change
nothing, so that a crash between a decision and its credential is healed by deciding again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from rules.credential_store import CredentialStore, Record, SeqTaken, StatusEntry
from rules.errors import RuleError
from rules.signing import Signer, compact
from rules.statuslist import build_entry, rfc3339

CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
)
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
TRIES = 8

Standing = Literal["good", "expired", "suspended", "revoked", "withdrawn", "annulled", "release_ended"]
Reason = Literal["award", "renewal", "reinstatement", "correction"]
SETS_BIT = frozenset({"suspended", "revoked", "withdrawn", "annulled", "release_ended"})  # 7-4


class IssueConflict(RuleError):
    """Other processes kept issuing for this award; the engine's next look settles it."""

    def __init__(self, award: str) -> None:
        self.award = award
        super().__init__(f"award {award} is being issued elsewhere")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: a did:web name, a name for people, and the public address without a slash at its end."""

    did: str
    name: str
    base: str
    kid_form: Literal["did", "url"] = "did"

    def kid(self, key: str) -> str:
        """Return the `kid` of a key: `<did>#<key>`, or its URL (7-2)."""
        return f"{self.did}#{key}" if self.kid_form == "did" else f"{self.base}/keys/{key}"


@dataclass(frozen=True, slots=True)
class Achievement:
    """What is certified, in the version of the period; `criteria` is an IRI or text."""

    certification: str
    version: str
    title: str
    description: str
    criteria: str


@dataclass(frozen=True, slots=True)
class EvidenceNote:
    """One thing that was proven, in words for people; never a raw statement."""

    key: str
    name: str
    narrative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardPeriod:
    """All that a credential says about one period of one award.

    `award` is the award id (ULID text) and the credential id; `period` counts from 1; `awarded_at` is the
    first award instant, kept through renewals; `ends_at` the exclusive end of validity without grace
    (None = forever); `timezone` the programme zone; `emails` the addresses of the holder, newest first.
    """

    award: str
    person: str
    period: int
    achievement: Achievement
    awarded_at: dt.datetime
    valid_from: dt.datetime
    ends_at: dt.datetime | None
    timezone: str = "UTC"
    evidence: tuple[EvidenceNote, ...] = ()
    result: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    subject_did: str | None = None


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


def build_credential(
    period: AwardPeriod,
    issuer: Issuer,
    *,
    valid_from: dt.datetime,
    status: Mapping[str, Any],
    subject: str,
    salts: Sequence[str] = (),
    refreshable: bool = False,
) -> dict[str, Any]:
    """Return the claims of a VC-JWT: the credential's members, then the registered claims equal to them.

    `valid_from` has whole seconds; `subject` is the opaque URI of the holder; `salts` has one entry per
    address. No wrapper, no nulls, no empty arrays.
    """
    url = f"{issuer.base}/credentials/{period.award}"
    until = last_second(period.ends_at, period.timezone)
    body: dict[str, Any] = {
        "@context": list(CONTEXTS),
        "id": url,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": period.achievement.title,
        "issuer": {"id": issuer.did, "type": ["Profile"], "name": issuer.name, "url": issuer.base},
        "validFrom": rfc3339(valid_from),
        "awardedDate": rfc3339(whole_second(period.awarded_at)),
        "validUntil": rfc3339(until) if until else None,
        "credentialSubject": build_subject(period, issuer, subject, salts),
        "evidence": [build_evidence(note, url) for note in period.evidence],
        "credentialStatus": dict(status),
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
        "refreshService": {"id": f"{url}/refresh", "type": "1EdTechCredentialRefresh"}
        if refreshable
        else None,
    }
    claims = {
        "iss": issuer.did,
        "jti": url,
        "sub": body["credentialSubject"]["id"],
        "nbf": int(valid_from.timestamp()),
        "exp": int(until.timestamp()) if until else None,
    }
    return cast("dict[str, Any]", without_empty(body | claims))


def build_subject(period: AwardPeriod, issuer: Issuer, subject: str, salts: Sequence[str]) -> dict[str, Any]:
    """Return the AchievementSubject: an opaque id, hashed addresses, the achievement."""
    return {
        "id": subject,
        "type": ["AchievementSubject"],
        "identifier": [hash_identity(one, salt) for one, salt in zip(period.emails, salts, strict=True)],
        "achievement": build_achievement(period.achievement, issuer.base),
        "result": [{"type": ["Result"], "value": value} for value in period.result],
    }


def build_achievement(achievement: Achievement, base: str) -> dict[str, Any]:
    """Return the Achievement, whose id is the public page of that version of the certification."""
    criteria = achievement.criteria
    is_iri = criteria.startswith(("https://", "http://")) and not any(map(str.isspace, criteria))
    return {
        "id": f"{base}/achievements/{achievement.certification}/{achievement.version}",
        "type": ["Achievement"],
        "name": achievement.title,
        "description": achievement.description or achievement.title,
        "criteria": {"id" if is_iri else "narrative": criteria or achievement.title},
        "version": achievement.version,
        "achievementType": "Certification",
    }


def build_evidence(note: EvidenceNote, url: str) -> dict[str, Any]:
    """Return one Evidence whose id is a page that asks for a token or for the holder's consent."""
    return {
        "id": f"{url}/evidence/{note.key}",
        "type": ["Evidence"],
        "name": note.name,
        "narrative": note.narrative,
    }


def hash_identity(address: str, salt: str) -> dict[str, Any]:
    """Return the IdentityObject of an address, trimmed and lower-cased, hashed with its salt (7-1)."""
    digested = hashlib.sha256((address.strip().lower() + salt).encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digested}",
        "identityType": "emailAddress",
        "salt": salt,
    }


def last_second(ends_at: dt.datetime | None, timezone: str) -> dt.datetime | None:
    """Return the last whole second before the exclusive end, with the offset of the programme zone."""
    if ends_at is None:
        return None
    return (whole_second(ends_at) - dt.timedelta(seconds=1)).astimezone(ZoneInfo(timezone))


def whole_second(instant: dt.datetime) -> dt.datetime:
    """Cut an aware instant to whole seconds, in UTC, so that text and NumericDate agree."""
    return instant.astimezone(dt.UTC).replace(microsecond=0)


def digest(period: AwardPeriod) -> str:
    """Return a hash of everything a period says; equal hashes need no new credential."""
    ends = period.ends_at.isoformat() if period.ends_at else None
    return sha256([core_digest(period), ends, period.timezone, period.emails, period.subject_did])


def core_digest(period: AwardPeriod) -> str:
    """Return a hash of what must not change without spending the old credential's bit."""
    achievement = period.achievement
    return sha256(
        [
            period.person,
            [achievement.certification, achievement.version, achievement.title],
            [whole_second(one).isoformat() for one in (period.awarded_at, period.valid_from)],
            [[note.key, note.name, note.narrative] for note in period.evidence],
            period.result,
        ]
    )


def sha256(value: Any) -> str:
    """Hash a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def without_empty(value: Any) -> Any:
    """Leave out nulls and empty arrays at every depth (7)."""
    if isinstance(value, Mapping):
        return {key: without_empty(item) for key, item in value.items() if item is not None and item != []}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value
