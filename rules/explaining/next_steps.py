"""What can happen next: the nearest path to satisfaction, and the dates ahead (cert#6-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from rules import calendar
from rules.evaluation.award_history import AwardHistory
from rules.evaluation.requirements import evidence_for
from rules.evaluation.states import open_hold, question
from rules.evaluation.timeline import Segment
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import END_OF_TIME
from rules.explaining.explanation import Next, Node
from rules.language.durations import Duration
from rules.language.forms import walk
from rules.language.model import OnVoided
from rules.programmes.targets import Asked, is_overdue
from rules.wording.phrases import adjective, listing, lowered, spoken


def next_steps(
    award_history: AwardHistory,
    at: dt.datetime,
    segment: Segment,
    nodes: tuple[Node, ...],
    view: EvidenceView,
) -> Iterator[Next]:
    """Yield the nearest path to satisfaction and the next dates."""
    unmet = [node for node in nodes if not node.ok]
    if segment.state in {"in_progress", "expired"}:
        yield from (Next(None, path) for node in unmet if (path := _path(node)) is not None)
        yield from _spans(nodes, unmet, view.within)
        yield from _waiting(award_history, at, segment, unmet)
    yield from _attempts(award_history, at, segment)
    yield from _facts(award_history, at, segment)
    if segment.state == "active" and unmet:
        yield Next(
            None,
            f"The evidence no longer meets this; {_settled(view.evidence_index.version.document.on_voided)}",
        )
    if segment.period is not None:
        yield from _dates(award_history, at, segment)
    elif segment.state == "pending_review":
        why = next(p.reason for p in award_history.pending if p.from_at <= at)
        yield Next(None, f"A human decision is open: {why}.")


def _waiting(
    award_history: AwardHistory, at: dt.datetime, segment: Segment, unmet: list[Node]
) -> Iterator[Next]:
    """Yield what somebody who has everything waits for: the first version, or a statement after the lapse."""
    first = award_history.knowledge.versions[0]
    if at < first.effective_at:
        day = calendar.local_date(first.effective_at, first.timezone)
        yield Next(day, f"The certification is in force from {day} on.")
    closed = next((c for c in reversed(award_history.knowledge.lifecycle) if c.at <= at), None)
    if closed is not None and closed.to != "published":
        day = calendar.local_date(closed.at, first.timezone)
        yield Next(None, f"The certification is {closed.to} since {day}: no new awards.")
    elif not unmet and segment.state == "expired":
        yield Next(None, "Everything is there; the next statement that matches makes a new award.")


def asked_for(asked: Asked, today: dt.date) -> Next:
    """Return since when and by when a certification is asked of somebody who does not hold it (cert#5-8)."""
    text = f"Asked for since {asked.since}"
    if asked.due is None:
        return Next(None, f"{text}.")
    when = f"it was due by {asked.due}" if is_overdue(asked, today) else f"due by {asked.due}"
    return Next(asked.due, f"{text}, {when}.")


def _attempts(award_history: AwardHistory, at: dt.datetime, segment: Segment) -> Iterator[Next]:
    """Yield from when on the next attempt counts, where a selector limits them (cert#4.3-5)."""
    asked = {
        name: view.evidence_index
        for requirement, view in question(award_history, at, segment)
        for node in walk(requirement)
        if evidence_for(node, view, at) is None
        for name in node.evidence_selectors()
    }
    for name, evidence_index in asked.items():
        log = evidence_index.attempt_log(name, at)
        barrier = log.barrier(at) if log is not None and not log.is_granted(at) else None
        if log is None or barrier is None:
            continue
        group = log.limits.granted_by
        else_ = f" A member of {group} can grant one." if group is not None else ""
        if barrier.until >= END_OF_TIME:
            yield Next(None, f"No further attempt at {spoken(name)} counts: no {barrier.why}.{else_}")
        else:
            day = calendar.local_date(barrier.until, log.timezone)
            yield Next(day, f"The next attempt at {spoken(name)} counts from {day} on.{else_}")


def _facts(award_history: AwardHistory, at: dt.datetime, segment: Segment) -> Iterator[Next]:
    """Yield what people decided, where that makes the state (cert#4.10)."""
    if segment.period is None or segment.award is None:
        return
    award, zone = award_history.awards[segment.award - 1], award_history.periods[segment.period].timezone
    if _ended_early(award_history, segment):
        yield Next(None, f"Ended on {segment.expires}: what it builds on was no longer held.")
    hold = open_hold(award, at)
    if segment.state in {"revoked", "withdrawn"} and award.record.final_at is not None:
        day = calendar.local_date(award.record.final_at, zone)
        yield Next(None, f"{segment.state.capitalize()} on {day}{_because(award.record.reason)}.")
        for group in dict.fromkeys(one.group for one in award.closings if one.at <= at < one.until):
            yield Next(None, f"Certified again only when a member of {group} agrees.")
    elif segment.state == "suspended" and hold is not None:
        day = calendar.local_date(hold.at, zone)
        yield Next(None, f"Suspended since {day}{_because(hold.reason)}.")
    elif segment.state == "suspended":
        day = calendar.local_date(segment.at, zone)
        yield Next(None, f"Suspended since {day}, until what it builds on is held again.")


def _ended_early(award_history: AwardHistory, segment: Segment) -> bool:
    """Tell whether the period ended because `validity.while` was no longer met (cert#4.4-3)."""
    period = None if segment.period is None else award_history.periods[segment.period]
    return segment.state == "expired" and period is not None and period.ending == "prerequisite_ended"


def _because(reason: str | None) -> str:
    return f": {reason.replace('_', ' ')}" if reason else ""


def _settled(action: OnVoided) -> str:
    """Return what becomes of a period whose evidence was taken away, in words (cert#4.9)."""
    if action.action == "review":
        return f"{action.settle} after that changed a person decides."
    return f"{action.settle} after that changed it is decided again."


def _path(node: Node) -> str | None:
    """Return the nearest path through a node with a choice: the parts that need least, in words."""
    if all(part.ok for part in node.parts):
        return None
    labels = [part.label for part in node.parts if not part.ok]
    if node.lacking >= len(labels):
        return f"{node.label} needs {listing(labels, 'and')}."
    return f"{node.label} needs {node.lacking} more: {listing(labels, 'or')}."


def _spans(nodes: tuple[Node, ...], unmet: list[Node], within: Duration | None) -> Iterator[Next]:
    """Yield until when the evidence so far still counts (cert#4.5)."""
    counted = [node for node in _leaves(nodes) if node.ok and node.counts_until is not None]
    if within is None or not counted or not unmet:
        return
    first = min(counted, key=lambda node: node.counts_until or dt.date.max)
    what = listing([node.label for node in unmet], "and")
    verb = "is" if len(unmet) == 1 else "are"
    yield Next(
        first.counts_until,
        f"If {what} {verb} done by {first.counts_until} the {lowered(first.label)} still counts "
        f"({adjective(within)} span).",
    )


def _leaves(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        if node.parts:
            yield from _leaves(node.parts)
        else:
            yield node


def _dates(award_history: AwardHistory, at: dt.datetime, segment: Segment) -> Iterator[Next]:
    """Yield the dates of the current period that lie ahead."""
    period = award_history.periods[segment.period or 0]
    deadlines = [d for d in period.deadlines if d.is_open(at)]
    for deadline in deadlines:
        names = listing(
            [*dict.fromkeys(n for node in walk(deadline.unless) for n in node.evidence_selectors())], "and"
        )
        if at < deadline.ends_at:
            source = f"Release {deadline.release}" if deadline.release else f"Version {deadline.upgrade_to}"
            yield Next(deadline.day, f"{source} ends validity after {deadline.day} unless {names} is done.")
        elif at < deadline.open_until:
            last = calendar.local_date(deadline.open_until - dt.timedelta(microseconds=1), period.timezone)
            yield Next(last, f"Restored if {names} is done by {last}.")
    if segment.state == "active" and period.opens_at is not None:
        opens = calendar.local_date(period.opens_at, period.timezone)
        yield Next(opens, f"The renewal window opens on {opens}.")
    if segment.state in {"renewal_open", "grace"} and period.lapses_at is not None:
        last = calendar.local_date(period.lapses_at - dt.timedelta(microseconds=1), period.timezone)
        if period.ending != "superseded":
            yield Next(last, f"Renewal is accepted until {last}.")
    if segment.state in {"active", "renewal_open"} and segment.expires is not None and not deadlines:
        yield Next(segment.expires, f"Valid until {segment.expires}.")
