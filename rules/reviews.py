"""Review items for late evidence (certification.md 4.1-3 and section 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.course import Period, ReviewItem
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
    if _dates(accepted.periods) == _dates(life.periods) and _finals(accepted) == _finals(life):
        return
    would_be = accepted.periods[0] if accepted.periods else None
    begun_at = life.awards[0].record.awarded_at if life.awards else None
    if would_be is not None and (begun_at is None or would_be.awarded_at < begun_at):
        version = next(i for i, v in enumerate(known.versions) if v.document.version == would_be.version)
        life.pending.append(
            Pending(would_be.awarded_at, begun_at, "late evidence", version, would_be.evidence)
        )
    used = {i for period in accepted.periods for i in period.evidence}
    items = [e for e in late if e.id in used] or late
    life.reviews.extend(ReviewItem(kind="late_evidence", opened_at=e.known, statement=e.id) for e in items)


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


def _dates(periods: Sequence[Period]) -> list[object]:
    return [(p.award, p.kind, p.awarded_at, p.valid_until, p.ends_at, p.gaps, p.version) for p in periods]


def _finals(life: Life) -> list[object]:
    return [(award.record.awarded_at, award.record.final_at) for award in life.awards]
