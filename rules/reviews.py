"""Review items for late evidence (certification.md 4.1-3 and section 10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rules.course import ReviewItem
from rules.knowledge import Knowledge, is_late
from rules.life import Life, Pending
from rules.lifecycle import live
from rules.voiding import Reaction


def add_late_evidence(life: Life, reaction: Reaction) -> None:
    """Add what late statements would change: a pending first award, or a review item beside an existing one.

    A late statement never changes an award by itself, whatever the state of the award (section 10, 4.1-3).
    """
    known = life.knowledge
    if known.verdicts:
        life.reviews.extend(_closed(known))
    late = known.matching(frozenset().union(*(known.waiting(i) for i in range(len(known.versions)))))
    if not late:
        return
    accepted = live(known, reaction.pins, reaction.facts, late=True)
    if _shape(accepted) == _shape(life):
        return
    would_be, existing = _first(accepted), _first(life)
    if would_be is not None and (existing is None or would_be.from_at < existing.from_at):
        until = existing.from_at if existing is not None else None
        life.pending.append(replace(would_be, until_at=until))
    used = {i for period in accepted.periods for i in period.evidence}
    items = [e for e in late if e.id in used] or late
    life.reviews.extend(ReviewItem(kind="late_evidence", opened_at=e.known, statement=e.id) for e in items)


def _first(life: Life) -> Pending | None:
    """Return the first award of a life, made or waiting for approval, as if it waited for its evidence."""
    versions = {v.document.version: i for i, v in enumerate(life.knowledge.versions)}
    found = [(p.awarded_at, versions[p.version], p.evidence) for p in life.periods[:1]]
    found += [(p.from_at, p.version, p.evidence) for p in life.pending]
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


def _shape(life: Life) -> tuple[object, ...]:
    """Return what late evidence would have to change to be worth a review."""
    return (
        [(p.award, p.kind, p.awarded_at, p.valid_until, p.ends_at, p.gaps, p.version) for p in life.periods],
        [(award.record.awarded_at, award.record.final_at) for award in life.awards],
        [(p.from_at, p.until_at) for p in life.pending],
    )
