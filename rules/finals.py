"""Facts that end an award, and what counts after them (certification.md 4.2-4, 4.9-2, 4.10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace

from rules import calendar
from rules.course import AwardRecord
from rules.history import END_OF_TIME, Fact
from rules.knowledge import Knowledge
from rules.life import Admission
from rules.model import OnVoided


def final_fact(facts: Collection[Fact], knowledge: Knowledge, start: dt.datetime) -> Fact | None:
    """Return the earliest fact that ends an award begun at `start` (4.10); None if there is none.

    Revocations, withdrawals, holds uncured at `revoke_at`, and the withdrawal of the certification.
    """
    if not facts and not knowledge.lifecycle:
        return None
    finals = [f for f in facts if f.kind in {"revocation", "withdrawal"} and f.at >= start]
    finals += [_as_revocation(f) for f in facts if f.kind == "hold" and f.at >= start and _is_uncured(f)]
    finals += [
        Fact(kind="withdrawal", at=c.at, decided_at=c.decided_at, reason="certification_withdrawn")
        for c in knowledge.lifecycle
        if c.to == "withdrawn" and c.at >= start
    ]
    return min(finals, key=lambda f: (f.at, f.decided_at, f.kind, f.id), default=None)


def admission_after(knowledge: Knowledge, record: AwardRecord) -> Admission:
    """Return which statements count after a revocation or withdrawal (4.2-4, section 10)."""
    at = record.final_at or END_OF_TIME
    if record.final != "revoked":
        return Admission(after=at)
    version = knowledge.versions[max(knowledge.applicable(at), 0)]
    first_day = calendar.add(calendar.local_date(at, version.timezone), version.document.award.cooling_off)
    return Admission(after=at, since=calendar.start_of(first_day, version.timezone))


def consequence(
    action: OnVoided, fact_id: str, at: dt.datetime, met_at: dt.datetime | None, timezone: str
) -> Fact:
    """Return the hold or revocation `evidence_voided` of 4.9-2; a hold ends when satisfied again."""
    if action.action == "revoke":
        return Fact(kind="revocation", id=fact_id, at=at, decided_at=at, reason="evidence_voided")
    revoke_at = None
    if action.revoke_after is not None:
        revoke_at = calendar.later_by(at, action.revoke_after, timezone)
    until = max(met_at, at) if met_at is not None else None
    return Fact(
        kind="hold",
        id=fact_id,
        at=at,
        decided_at=at,
        until=until,
        revoke_at=revoke_at,
        reason="evidence_voided",
    )


def _is_uncured(hold: Fact) -> bool:
    """Tell whether a hold is still open at its `revoke_at` (4.10)."""
    return hold.revoke_at is not None and (hold.until is None or hold.until > hold.revoke_at)


def _as_revocation(hold: Fact) -> Fact:
    at = hold.revoke_at or hold.at
    return replace(hold, kind="revocation", at=at, until=None, revoke_at=None)
