"""Facts that end an award, and what counts after them (cert#4.2-4, cert#4.9-2, cert#4.10)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace

from rules import calendar
from rules.evaluation.as_of import Knowledge
from rules.evaluation.award_history import Admission, Closing
from rules.evaluation.timeline import AwardRecord
from rules.evidence.history import END_OF_TIME, Fact
from rules.evidence.selectors import is_member
from rules.language.model import OnVoided


def final_fact(facts: Collection[Fact], knowledge: Knowledge, start: dt.datetime) -> Fact | None:
    """Return the earliest fact that ends an award begun at `start` (cert#4.10); None if there is none.

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
    """Return which statements count after a revocation or withdrawal (cert#4.2-4, cert#10)."""
    at = record.final_at or END_OF_TIME
    return Admission(after=at) if record.final != "revoked" else _after_revocation(knowledge, at)


def _after_revocation(knowledge: Knowledge, at: dt.datetime) -> Admission:
    version = knowledge.versions[max(knowledge.applicable(at), 0)]
    first_day = calendar.add(calendar.local_date(at, version.timezone), version.document.award.cooling_off)
    return Admission(after=at, since=calendar.start_of(first_day, version.timezone))


def closings(facts: Collection[Fact], knowledge: Knowledge, after: dt.datetime) -> list[Closing]:
    """Return the revocations from an instant on after which somebody has to agree, oldest first (cert#4.2-6).

    One of them is what ended the award, or none; those behind it found no award to end.
    """
    found = []
    for fact in facts:
        revocation = _as_revocation(fact) if fact.kind == "hold" and _is_uncured(fact) else fact
        if revocation.kind != "revocation" or revocation.at < after:
            continue
        rule = knowledge.versions[max(knowledge.applicable(revocation.at), 0)].document.award.readmission
        if rule is None or (rule.after and revocation.reason not in rule.after):
            continue
        agreed_at = _readmitted_at(facts, knowledge, rule.group, revocation)
        admission = replace(_after_revocation(knowledge, revocation.at), not_before=agreed_at)
        found.append(Closing(rule.group, revocation.at, agreed_at or END_OF_TIME, admission))
    return sorted(found, key=lambda one: one.at)


def _readmitted_at(
    facts: Collection[Fact], knowledge: Knowledge, group: str, revocation: Fact
) -> dt.datetime | None:
    """Return when a member of the group first agreed to a new award after this revocation (cert#4.2-6)."""
    return min(
        (
            fact.at
            for fact in facts
            if fact.kind == "readmission"
            and fact.allowed
            and fact.at >= revocation.at
            and fact.of in {None, revocation.id}
            and is_by_member(knowledge, fact, group)
        ),
        default=None,
    )


def is_by_member(knowledge: Knowledge, fact: Fact, group: str) -> bool:
    """Tell whether a member of a group decided a fact; one without a name is believed."""
    groups = knowledge.around.groups
    return fact.by is None or group not in groups or is_member(groups, group, fact.by, fact.at)


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
    """Tell whether a hold is still open at its `revoke_at` (cert#4.10)."""
    return hold.revoke_at is not None and (hold.until is None or hold.until > hold.revoke_at)


def _as_revocation(hold: Fact) -> Fact:
    at = hold.revoke_at or hold.at
    return replace(hold, kind="revocation", at=at, until=None, revoke_at=None)
