"""What can happen next: the nearest path to satisfaction, and the dates ahead (certification.md 6-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from rules import calendar, words
from rules.book import View
from rules.course import Segment
from rules.explanation import Next, Node
from rules.life import Life
from rules.model import Duration, OnVoided
from rules.published import selectors_of, walk
from rules.timeline import open_hold


def outlook(
    life: Life, at: dt.datetime, segment: Segment, nodes: tuple[Node, ...], view: View
) -> Iterator[Next]:
    """Yield the nearest path to satisfaction and the next dates."""
    unmet = [node for node in nodes if not node.ok]
    if segment.state in {"in_progress", "expired"}:
        yield from (Next(None, path) for node in unmet if (path := _path(node)) is not None)
        yield from _spans(nodes, unmet, view.within)
        yield from _waiting(life, at, segment, unmet)
    yield from _facts(life, at, segment)
    if segment.state == "active" and unmet:
        yield Next(
            None, f"The evidence no longer meets this; {_settled(view.book.version.document.on_voided)}"
        )
    if segment.period is not None:
        yield from _dates(life, at, segment)
    elif segment.state == "pending_review":
        why = next(p.reason for p in life.pending if p.from_at <= at)
        yield Next(None, f"A human decision is open: {why}.")


def _waiting(life: Life, at: dt.datetime, segment: Segment, unmet: list[Node]) -> Iterator[Next]:
    """Yield what somebody who has everything waits for: the first version, or a statement after the lapse."""
    first = life.knowledge.versions[0]
    if at < first.effective_at:
        day = calendar.local_date(first.effective_at, first.timezone)
        yield Next(day, f"The certification is in force from {day} on.")
    closed = next((c for c in reversed(life.knowledge.lifecycle) if c.at <= at), None)
    if closed is not None and closed.to != "published":
        day = calendar.local_date(closed.at, first.timezone)
        yield Next(None, f"The certification is {closed.to} since {day}: no new awards.")
    elif not unmet and segment.state == "expired":
        yield Next(None, "Everything is there; the next statement that matches makes a new award.")


def _facts(life: Life, at: dt.datetime, segment: Segment) -> Iterator[Next]:
    """Yield what people decided, where that makes the state (4.10)."""
    if segment.period is None or segment.award is None:
        return
    award, zone = life.awards[segment.award - 1], life.periods[segment.period].timezone
    hold = open_hold(award, at)
    if segment.state in {"revoked", "withdrawn"} and award.record.final_at is not None:
        day = calendar.local_date(award.record.final_at, zone)
        yield Next(None, f"{segment.state.capitalize()} on {day}{_because(award.record.reason)}.")
    elif segment.state == "suspended" and hold is not None:
        day = calendar.local_date(hold.at, zone)
        yield Next(None, f"Suspended since {day}{_because(hold.reason)}.")


def _because(reason: str | None) -> str:
    return f": {reason.replace('_', ' ')}" if reason else ""


def _settled(action: OnVoided) -> str:
    """Return what becomes of a period whose evidence was taken away, in words (4.9)."""
    if action.action == "review":
        return f"{action.settle} after that changed a person decides."
    return f"{action.settle} after that changed it is decided again."


def _path(node: Node) -> str | None:
    """Return the nearest path through a node with a choice: the parts that need least, in words."""
    if not node.parts:
        return None
    open_parts = [part for part in node.parts if not part.ok]
    names = words.listing([part.label for part in open_parts], "or")
    missing = {"any": 1}.get(node.key)
    if missing is None and " of " in node.observed:
        met, _, needed = node.observed.partition(" of ")
        missing = int(needed.split(",", maxsplit=1)[0]) - int(met)
    if missing is None or missing >= len(open_parts):
        return f"{node.label} needs {words.listing([part.label for part in open_parts], 'and')}."
    return f"{node.label} needs {missing} more: {names}."


def _spans(nodes: tuple[Node, ...], unmet: list[Node], within: Duration | None) -> Iterator[Next]:
    """Yield until when the evidence so far still counts (4.5)."""
    counted = [node for node in _leaves(nodes) if node.ok and node.counts_until is not None]
    if within is None or not counted or not unmet:
        return
    first = min(counted, key=lambda node: node.counts_until or dt.date.max)
    what = words.listing([node.label for node in unmet], "and")
    verb = "is" if len(unmet) == 1 else "are"
    yield Next(
        first.counts_until,
        f"If {what} {verb} done by {first.counts_until} the {words.lowered(first.label)} still counts "
        f"({words.adjective(within)} span).",
    )


def _leaves(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        if node.parts:
            yield from _leaves(node.parts)
        else:
            yield node


def _dates(life: Life, at: dt.datetime, segment: Segment) -> Iterator[Next]:
    """Yield the dates of the current period that lie ahead."""
    period = life.periods[segment.period or 0]
    deadlines = [d for d in period.deadlines if d.is_open(at)]
    for deadline in deadlines:
        names = words.listing(
            [*dict.fromkeys(n for node in walk(deadline.unless) for n in selectors_of(node))], "and"
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
