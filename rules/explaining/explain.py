"""Why, or why not yet (cert#6-3, cert#6-4): observed against required, evidence, next dates.

`explain` answers in values, `as_dict` in JSON form; `rules.explaining.text` renders the text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from rules import calendar
from rules.evaluation.award_history import AwardHistory
from rules.evaluation.evaluate import replayed_history
from rules.evaluation.requirements import evidence_for
from rules.evaluation.states import award_timeline, question, standing_questions
from rules.evaluation.timeline import Segment
from rules.evidence.evidence_index import EvidenceView, usable_until
from rules.evidence.history import PersonHistory
from rules.evidence.published import PublishedCertification
from rules.explaining.explanation import Cited, Explanation, Next, Node, as_dict
from rules.explaining.near_misses import Ignored, ignored, selector_of
from rules.explaining.next_steps import next_steps
from rules.language.requirements import AllOf, Requirement
from rules.wording.requirements import Observed, words_of


def explain(
    certification: PublishedCertification,
    history: PersonHistory,
    known_at: dt.datetime,
    at: dt.datetime,
) -> Explanation:
    """Explain the status of a person at an instant, as known at another (cert#6-3)."""
    award_history = replayed_history(certification, history, known_at)
    segment = award_timeline(award_history).segment_at(at)
    if not award_history.knowledge.versions:
        return Explanation(certification.id, "", history.person, at, segment.state, 0, 0, (), ())
    asked = _asked(award_history, at, segment)
    nodes = tuple(
        node
        for requirement, view, when in asked
        for node in _top(requirement, _Context(view, award_history, history, when))
    )
    version = asked[0][1].evidence_index.version.document
    return Explanation(
        certification=certification.id,
        version=segment.version or version.version,
        person=history.person,
        at=at,
        state=segment.state,
        met=sum(node.ok for node in nodes),
        of=len(nodes),
        tree=nodes,
        next=tuple(next_steps(award_history, at, segment, nodes, asked[0][1])),
        expires=segment.expires,
        awarded=segment.awarded,
        reason=segment.reason,
        evaluated=version.mode == "evaluate",
    )


__all__ = ["Cited", "Explanation", "Next", "Node", "as_dict", "explain"]

_Asked = tuple[Requirement, EvidenceView, dt.datetime]


def _asked(award_history: AwardHistory, at: dt.datetime, segment: Segment) -> list[_Asked]:
    """Return what is asked for at an instant; where nothing is, what the current period was given for."""
    asked = [(requirement, view, at) for requirement, view in question(award_history, at, segment)]
    if asked:
        return asked
    versions = {v.document.version: i for i, v in enumerate(award_history.knowledge.versions)}
    if segment.period is None:
        index = versions.get(segment.version or "", max(award_history.knowledge.applicable(at), 0))
        award = award_history.knowledge.versions[index].document.award
        return [
            (
                award.when,
                EvidenceView(award_history.knowledge.evidence_index(index, late=True), within=award.within),
                at,
            )
        ]
    period = award_history.periods[segment.period]
    standing = [(r, view, at) for r, view in standing_questions(award_history, period)]
    return [_given_for(award_history, segment.period, versions[period.version]), *standing]


def _given_for(award_history: AwardHistory, number: int, index: int) -> _Asked:
    """Return what a period of a version was given for, at the instant of its award."""
    period = award_history.periods[number]
    document = award_history.knowledge.versions[index].document
    evidence_index = award_history.knowledge.evidence_index(index)
    last = award_history.periods[number - 1].evidence if period.follows else ()
    if period.renews_from is not None and document.renewal is not None:
        view = EvidenceView(evidence_index, since=period.renews_from, last=last)
        return document.renewal.when, view, period.awarded_at
    admission = award_history.awards[period.award - 1].admission
    after = award_history.periods[number - 1].awarded_at if period.kind == "after_lapse" else admission.after
    view = EvidenceView(evidence_index, after, admission.since, within=document.award.within, last=last)
    return document.award.when, view, period.awarded_at


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a requirement is asked: the statements that count, the instant, and everything that was known."""

    view: EvidenceView
    award_history: AwardHistory
    history: PersonHistory
    at: dt.datetime

    @property
    def timezone(self) -> str:
        """The programme zone."""
        return self.view.evidence_index.version.timezone

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
    words, found = words_of(requirement), evidence_for(requirement, context.view, context.at)
    parts = tuple(_node(part, context) for _, part in requirement.located())
    known = {e.id: e for e in context.view.evidence_index.statements}
    cited = tuple(Cited(i, known[i].at) for i in found or () if i in known)
    met = tuple(part.ok for part in parts)
    seen = Observed(context.view, context.at, found is not None, met)
    observed = words.observed(requirement, seen)
    if found is None and (disqualifier := _disqualifier(requirement, context)) is not None:
        observed = f"{observed}, but {disqualifier}"
    return Node(
        key=requirement.missing_key,
        label=requirement.label or words.label(requirement),
        ok=found is not None,
        observed=observed,
        required=words.required(requirement),
        evidence=() if parts else cited,
        ignored=_ignored(requirement, context, {one.id for one in cited})
        + tuple(Ignored(id_, why) for id_, why in words.unusable(requirement, seen).items()),
        parts=parts,
        counts_until=_counts_until(cited, context) if found is not None else None,
        lacking=0 if found is not None else max(words.needed(requirement) - sum(met), 1),
        activities=() if parts else _activities(requirement, context),
    )


def _activities(requirement: Requirement, context: _Context) -> tuple[str, ...]:
    selectors = (selector_of(name, context.view) for name in requirement.all_selectors())
    return tuple(sorted({activity for one in selectors if one is not None for activity in one.activities}))


def _ignored(requirement: Requirement, context: _Context, cited: set[str]) -> tuple[Ignored, ...]:
    names, knowledge = requirement.all_selectors(), context.award_history.knowledge
    near = ignored(names, context.view, knowledge, context.history, context.at)
    return tuple(one for one in near if one.id not in cited)


def _counts_until(cited: tuple[Cited, ...], context: _Context) -> dt.date | None:
    """Return the last day on which the oldest counted statement is still inside `award.within` (cert#4.5)."""
    within = context.view.within
    if within is None or not cited:
        return None
    end = usable_until(min(c.at for c in cited), within, context.timezone)
    return calendar.local_date(end - dt.timedelta(microseconds=1), context.timezone)


def _disqualifier(requirement: Requirement, context: _Context) -> str | None:
    for name in requirement.disqualified_by:
        if context.view.ever(name, context.at):
            first = context.view.evidence_index.rows(name, context.view.release).items[0]
            return f"{name} on {context.date(first.at)} disqualifies"
    return None
