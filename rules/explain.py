"""Why, or why not yet (certification.md 6-3, 6-4): observed against required, evidence, next dates.

`explain` answers in values, `as_dict` in JSON form; `rules.explain_text` renders the text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rules import calendar, words
from rules.book import View, usable_until
from rules.course import Segment
from rules.evaluate import lived
from rules.explanation import Cited, Explanation, Next, Node, as_dict
from rules.history import PersonHistory
from rules.life import Life
from rules.model import (
    AllOf,
    AnyOf,
    AtLeast,
    Count,
    Done,
    Holds,
    InOrder,
    Requirement,
    Score,
    Sum,
)
from rules.near_misses import Ignored, ignored
from rules.outlook import outlook
from rules.published import PublishedCertification, selectors_of
from rules.requirements import (
    attempts,
    chosen_score,
    distinct_first,
    evidence_for,
    key_of,
    summands,
    total,
)
from rules.timeline import course, question


def explain(
    certification: PublishedCertification,
    history: PersonHistory,
    known_at: dt.datetime,
    at: dt.datetime,
) -> Explanation:
    """Explain the status of a person at an instant, as known at another (6-3)."""
    life = lived(certification, history, known_at)
    segment = course(life).segment_at(at)
    if not life.knowledge.versions:
        return Explanation(certification.id, "", history.person, at, segment.state, 0, 0, (), ())
    asked = _asked(life, at, segment)
    nodes = tuple(
        node
        for requirement, view, when in asked
        for node in _top(requirement, _Context(view, life, history, when))
    )
    version = asked[0][1].book.version.document
    return Explanation(
        certification=certification.id,
        version=segment.version or version.version,
        person=history.person,
        at=at,
        state=segment.state,
        met=sum(node.ok for node in nodes),
        of=len(nodes),
        tree=nodes,
        next=tuple(outlook(life, at, segment, nodes, asked[0][1])),
        expires=segment.expires,
        awarded=segment.awarded,
        reason=segment.reason,
        evaluated=version.mode == "evaluate",
    )


__all__ = ["Cited", "Explanation", "Next", "Node", "as_dict", "explain"]

_Asked = tuple[Requirement, View, dt.datetime]


def _asked(life: Life, at: dt.datetime, segment: Segment) -> list[_Asked]:
    """Return what is asked for at an instant; where nothing is, what the current period was given for."""
    asked = [(requirement, view, at) for requirement, view in question(life, at, segment)]
    if asked:
        return asked
    versions = {v.document.version: i for i, v in enumerate(life.knowledge.versions)}
    if segment.period is None:
        index = versions.get(segment.version or "", max(life.knowledge.applicable(at), 0))
        award = life.knowledge.versions[index].document.award
        return [(award.when, View(life.knowledge.book(index, late=True), within=award.within), at)]
    period = life.periods[segment.period]
    index = versions[period.version]
    document = life.knowledge.versions[index].document
    book = life.knowledge.book(index)
    if period.renews_from is not None and document.renewal is not None:
        return [(document.renewal.when, View(book, since=period.renews_from), period.awarded_at)]
    admission = life.awards[period.award - 1].admission
    after = life.periods[segment.period - 1].awarded_at if period.kind == "after_lapse" else admission.after
    view = View(book, after, admission.since, within=document.award.within)
    return [(document.award.when, view, period.awarded_at)]


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a requirement is asked: the statements that count, the instant, and everything that was known."""

    view: View
    life: Life
    history: PersonHistory
    at: dt.datetime

    @property
    def timezone(self) -> str:
        """The programme zone."""
        return self.view.book.version.timezone

    def date(self, at: dt.datetime) -> str:
        """Return the local date of an instant as text."""
        return calendar.local_date(at, self.timezone).isoformat()


def _top(requirement: Requirement, context: _Context) -> Iterator[Node]:
    """Yield the parts of an outer `all` without label as rows of their own, anything else as one row."""
    if isinstance(requirement, AllOf) and requirement.label is None and not requirement.disqualified_by:
        for part in requirement.parts:
            yield _node(part, context)
    else:
        yield _node(requirement, context)


def _node(requirement: Requirement, context: _Context) -> Node:
    found = evidence_for(requirement, context.view, context.at)
    parts: tuple[Node, ...] = ()
    if isinstance(requirement, AllOf | AnyOf | AtLeast):
        parts = tuple(_node(part, context) for part in requirement.parts)
    names = [*selectors_of(requirement), *requirement.disqualified_by]
    known = {e.id: e for e in context.view.book.statements}
    cited = tuple(Cited(i, known[i].at) for i in found or () if i in known)
    observed = _OBSERVED[type(requirement)](requirement, context, parts)
    if found is None and (disqualifier := _disqualifier(requirement, context)) is not None:
        observed = f"{observed}, but {disqualifier}"
    return Node(
        key=key_of(requirement),
        label=requirement.label or words.label(requirement),
        ok=found is not None,
        observed=observed,
        required=words.required(requirement),
        evidence=() if parts else cited,
        ignored=tuple(
            one
            for one in ignored(names, context.view, context.life.knowledge, context.history, context.at)
            if one.id not in {c.id for c in cited}
        )
        + _without_number(requirement, context),
        parts=parts,
        counts_until=_counts_until(cited, context) if found is not None else None,
    )


def _counts_until(cited: tuple[Cited, ...], context: _Context) -> dt.date | None:
    """Return the last day on which the oldest counted statement is still inside `award.within` (4.5)."""
    within = context.view.within
    if within is None or not cited:
        return None
    end = usable_until(min(c.at for c in cited), within, context.timezone)
    return calendar.local_date(end - dt.timedelta(microseconds=1), context.timezone)


def _disqualifier(requirement: Requirement, context: _Context) -> str | None:
    for name in requirement.disqualified_by:
        if context.view.ever(name, context.at):
            first = context.view.book.rows(name, context.view.release).items[0]
            return f"{name} on {context.date(first.at)} disqualifies"
    return None


def _without_number(requirement: Requirement, context: _Context) -> tuple[Ignored, ...]:
    """Return the statements that match but have no score, or no number to add (4.3-2, 2.5)."""
    match requirement:
        case Score():
            rows = context.view.rows(requirement.selector, context.at)
            return tuple(Ignored(e.id, "no score") for e in rows if e.score is None)
        case Sum():
            rows = context.view.rows(requirement.selector, context.at)
            counted = {e.id for e, _ in summands(rows, requirement.field, "statement")}
            return tuple(Ignored(e.id, "no number") for e in rows if e.id not in counted)
        case _:
            return ()


# What was observed, per form


def _done(requirement: Done, context: _Context, _parts: tuple[Node, ...]) -> str:
    rows = context.view.rows(requirement.selector, context.at)
    return f"{words.verb(rows[0].verb)} {context.date(rows[0].at)}" if rows else "nothing yet"


def _score(requirement: Score, context: _Context, _parts: tuple[Node, ...]) -> str:
    rows = context.view.rows(requirement.selector, context.at)
    chosen = chosen_score(rows, requirement.attempt, requirement.at_least)
    if chosen is None or chosen.score is None:
        return "no score yet" if rows else "nothing yet"
    tried = words.plural(attempts(rows), "attempt")
    return f"{requirement.attempt} {words.percent(chosen.score)} of {tried}, {context.date(chosen.at)}"


def _holds(requirement: Holds, context: _Context, _parts: tuple[Node, ...]) -> str:
    held = [
        h
        for h in context.view.book.around.holds.get(requirement.certification, ())
        if h.from_at <= context.at
    ]
    if not held:
        return "not held"
    last = max(held, key=lambda h: h.from_at)
    if last.until_at is None or context.at < last.until_at:
        return f"{last.state} since {context.date(last.from_at)}"
    return f"{last.state} until {context.date(last.until_at - dt.timedelta(microseconds=1))}"


def _count(requirement: Count, context: _Context, _parts: tuple[Node, ...]) -> str:
    rows = context.view.rows(requirement.selector, context.at)
    return f"{len(distinct_first(rows, requirement.distinct))} of {requirement.at_least}"


def _sum(requirement: Sum, context: _Context, _parts: tuple[Node, ...]) -> str:
    rows = context.view.rows(requirement.selector, context.at)
    reached = total(value for _, value in summands(rows, requirement.field, requirement.distinct))
    return f"{words.number(reached)} of {words.number(requirement.at_least)}"


def _in_order(requirement: InOrder, context: _Context, _parts: tuple[Node, ...]) -> str:
    if evidence_for(requirement, context.view, context.at) is not None:
        return "in order"
    seen = [name for name in requirement.selectors if context.view.rows(name, context.at)]
    if len(seen) == len(requirement.selectors):
        return "not in order" if requirement.within is None else "not in order in time"
    return f"{len(seen)} of {len(requirement.selectors)}"


def _some(requirement: AnyOf | AtLeast | AllOf, _context: _Context, parts: tuple[Node, ...]) -> str:
    met = sum(part.ok for part in parts)
    match requirement:
        case AtLeast():
            return f"{met} of {requirement.n}"
        case AnyOf():
            return f"{met} of 1" if met < 1 else "one of them"
        case _:
            return f"{met} of {len(parts)}"


_OBSERVED: dict[type[Requirement], Callable[[Any, _Context, tuple[Node, ...]], str]] = {
    Done: _done,
    Score: _score,
    Holds: _holds,
    Count: _count,
    Sum: _sum,
    InOrder: _in_order,
    AllOf: _some,
    AnyOf: _some,
    AtLeast: _some,
}
