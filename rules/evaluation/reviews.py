"""Review items for late evidence (cert#4.1-3 and cert#10)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rules.evaluation.as_of import Knowledge, is_late
from rules.evaluation.award_history import AwardHistory, Pending
from rules.evaluation.replay import replay
from rules.evaluation.timeline import ReviewItem
from rules.evaluation.voiding import VoidingOutcome


def add_late_evidence(award_history: AwardHistory, outcome: VoidingOutcome) -> None:
    """Add what late statements would change: a pending first award, or a review item beside an existing one.

    A late statement never changes an award by itself, whatever the state of the award (cert#10-7).
    """
    known = award_history.knowledge
    if known.verdicts:
        award_history.reviews.extend(_closed(known))
    late = known.matching(frozenset().union(*(known.waiting(i) for i in range(len(known.versions)))))
    if not late:
        return
    accepted = replay(known, outcome.pins, outcome.facts, late=True)
    if _shape(accepted) == _shape(award_history):
        return
    would_be, existing = _first(accepted), _first(award_history)
    if would_be is not None and (existing is None or would_be.from_at < existing.from_at):
        until = existing.from_at if existing is not None else None
        award_history.pending.append(replace(would_be, until_at=until))
    used = {i for period in accepted.periods for i in period.evidence}
    items = [e for e in late if e.id in used] or late
    award_history.reviews.extend(
        ReviewItem(kind="late_evidence", opened_at=e.known, statement=e.id) for e in items
    )


def _first(award_history: AwardHistory) -> Pending | None:
    """Return the first award of a history, made or waiting for approval, as if it waited for its evidence."""
    versions = {v.document.version: i for i, v in enumerate(award_history.knowledge.versions)}
    found = [(p.awarded_at, versions[p.version], p.evidence) for p in award_history.periods[:1]]
    found += [(p.from_at, p.version, p.evidence) for p in award_history.pending]
    if not found:
        return None
    at, version, evidence = min(found)
    return Pending(at, None, "late evidence", version, evidence)


def _closed(known: Knowledge) -> Iterator[ReviewItem]:
    """Yield the items of late statements that a reviewer has accepted or rejected."""
    for e in (*known.rejected, *known.matching(known.verdicts)):
        verdict = known.verdicts[e.id]
        if any(is_late(e, v.document.max_lateness, v.timezone) for v in known.versions):
            yield ReviewItem(
                kind="late_evidence",
                opened_at=e.known,
                statement=e.id,
                closed_at=verdict.at,
                outcome="accepted" if verdict.allowed else "rejected",
            )


def _shape(award_history: AwardHistory) -> tuple[object, ...]:
    """Return what late evidence would have to change to be worth a review."""
    return (
        [
            (p.award, p.kind, p.awarded_at, p.valid_until, p.ends_at, p.gaps, p.version)
            for p in award_history.periods
        ],
        [(award.record.awarded_at, award.record.final_at) for award in award_history.awards],
        [(p.from_at, p.until_at) for p in award_history.pending],
    )
