"""One person's decisions, pure: the timelines of all certifications concerned.

Certifications are decided in the order of their prerequisites, so that `holds` cascades within one pass and
never loops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rules.calendar import later_by
from rules.catalogue.rule_set import RuleSet
from rules.engine.histories import Shared, StoredHistory
from rules.evaluation.evaluate import decide
from rules.evaluation.timeline import HELD_STATES, AwardTimeline
from rules.evidence.history import Held, PersonHistory
from rules.evidence.published import PublishedCertification


@dataclass(frozen=True, slots=True)
class Decided:
    """The timelines of one person by certification, and the certifications that could not be decided."""

    person: str
    timelines: Mapping[str, AwardTimeline]
    failures: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False  # everything about the person was decided


def decide_person(
    rules: RuleSet,
    stored_history: StoredHistory,
    shared: Shared,
    known_at: dt.datetime,
    only: Collection[str] | None = None,
) -> Decided:
    """Decide every certification that concerns a person, or `only` some, with those they hang on.

    A certification whose evaluation raises is left out with its reason, and so are its dependents; the others
    are decided as ever.
    """
    start = stored_history.certifications() if only is None else frozenset(only)
    wanted = start.union(*(rules.dependents(name) for name in start))
    timelines, failures = decide_in_order(
        rules, stored_history, shared, known_at, with_prerequisites(rules, wanted)
    )
    return Decided(
        stored_history.person,
        {name: timeline for name, timeline in timelines.items() if name in wanted},
        {name: reason for name, reason in failures.items() if name in wanted},
        whole=only is None,
    )


def decide_in_order(
    rules: RuleSet,
    stored_history: StoredHistory,
    shared: Shared,
    known_at: dt.datetime,
    needed: Collection[str],
) -> tuple[dict[str, AwardTimeline], dict[str, str]]:
    """Decide these certifications, each after those it needs; return timelines, and reasons of failures."""
    timelines: dict[str, AwardTimeline] = {}
    failures: dict[str, str] = {}
    for name in rules.order:
        if name not in needed:
            continue
        broken = next((one for one in sorted(rules.holds[name]) if one in failures), None)
        if broken is not None:
            failures[name] = f"needs {broken}, which could not be decided"
            continue
        history = with_holds(stored_history.history(name, rules, shared, known_at), name, rules, timelines)
        try:
            timelines[name] = decide(rules.certifications[name], history, known_at)
        except Exception as error:  # noqa: BLE001 -- one rule's failure is recorded on it and stops no other
            failures[name] = f"{type(error).__name__}: {error}"
    return timelines, failures


def full_history(
    rules: RuleSet, stored_history: StoredHistory, shared: Shared, known_at: dt.datetime, name: str
) -> PersonHistory:
    """Return all that the decision about one certification reads, what the person holds besides included."""
    needed = with_prerequisites(rules, rules.holds[name])
    timelines, _ = decide_in_order(rules, stored_history, shared, known_at, needed)
    return with_holds(stored_history.history(name, rules, shared, known_at), name, rules, timelines)


def with_prerequisites(rules: RuleSet, names: Collection[str]) -> frozenset[str]:
    """Return these certifications and all that they need through `holds`."""
    found: set[str] = set()
    todo = [name for name in names if name in rules.certifications]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(one for one in rules.holds[name] if one in rules.certifications)
    return frozenset(found)


def with_holds(
    history: PersonHistory, name: str, rules: RuleSet, timelines: Mapping[str, AwardTimeline]
) -> PersonHistory:
    """Return the history with the intervals in which the person held what the certification asks for."""
    needed = rules.holds[name]
    if not needed:
        return history
    holds = {one: held_intervals(timelines[one], rules, one) for one in needed if one in timelines}
    return PersonHistory(
        person=history.person,
        evidence=history.evidence,
        facts=history.facts,
        holds=holds,
        version_order=history.version_order,
        groups=history.groups,
        releases=history.releases,
    )


def held_intervals(timeline: AwardTimeline, rules: RuleSet, name: str) -> tuple[Held, ...]:
    """Return when a certification was held, as active (renewal_open included) or in grace (2.5 `holds`).

    What is held under `mode: evaluate` does not count (cert#2.2).
    """
    found: list[Held] = []
    for i, segment in enumerate(timeline.segments):
        if segment.state not in HELD_STATES or rules.mode(name, segment.version) == "evaluate":
            continue
        state: Literal["active", "grace"] = "grace" if segment.state == "grace" else "active"
        end = timeline.segments[i + 1].at if i + 1 < len(timeline.segments) else None
        last = found[-1] if found else None
        if last and last.until_at == segment.at and (last.state, last.version) == (state, segment.version):
            found[-1] = Held(last.from_at, end, last.version, last.state)
        else:
            found.append(Held(segment.at, end, segment.version or "", state))
    return tuple(found)


def next_due(
    certifications: Mapping[str, PublishedCertification],
    stored_history: StoredHistory,
    timelines: Mapping[str, AwardTimeline],
    now: dt.datetime,
) -> dt.datetime | None:
    """Return when the clock next changes a person's state, or a settle time ends (cert#4.9-1)."""
    instants = [at for timeline in timelines.values() if (at := timeline.next_change_after(now)) is not None]
    instants += [timeline.settles_at for timeline in timelines.values() if timeline.settles_at is not None]
    for voided_at, touched in stored_history.voidings():
        for name in touched:
            for version in certifications[name].versions:
                document = version.document
                settled = later_by(voided_at, document.on_voided.settle, document.validity.timezone)
                instants.append(settled)
    return min((at for at in instants if at > now), default=None)
