"""One person's decisions, pure: the courses of all certifications concerned.

Certifications are decided in the order of their prerequisites, so that `holds` cascades within one pass and
never loops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rules.calendar import later_by
from rules.course import Course, State
from rules.evaluate import decide
from rules.histories import Dossier, Shared
from rules.history import Held, PersonHistory
from rules.published import PublishedCertification
from rules.rule_set import RuleSet

Document = dict[str, Any]

VALID: Final[frozenset[State]] = frozenset({"active", "renewal_open", "grace"})


@dataclass(frozen=True, slots=True)
class Decided:
    """The courses of one person by certification, and the certifications that could not be decided."""

    person: str
    courses: Mapping[str, Course]
    failures: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False  # everything about the person was decided


def decide_person(
    rules: RuleSet,
    dossier: Dossier,
    shared: Shared,
    known_at: dt.datetime,
    only: Collection[str] | None = None,
) -> Decided:
    """Decide every certification that concerns a person, or `only` some, with those they hang on.

    A certification whose evaluation raises is left out with its reason, and so are its dependents; the others
    are decided as ever.
    """
    start = dossier.certifications() if only is None else frozenset(only)
    wanted = start.union(*(rules.dependents(name) for name in start))
    courses, failures = decide_in_order(rules, dossier, shared, known_at, with_prerequisites(rules, wanted))
    return Decided(
        dossier.person,
        {name: course for name, course in courses.items() if name in wanted},
        {name: reason for name, reason in failures.items() if name in wanted},
        whole=only is None,
    )


def decide_in_order(
    rules: RuleSet, dossier: Dossier, shared: Shared, known_at: dt.datetime, needed: Collection[str]
) -> tuple[dict[str, Course], dict[str, str]]:
    """Decide these certifications, each after those it needs; return courses, and reasons of failures."""
    courses: dict[str, Course] = {}
    failures: dict[str, str] = {}
    for name in rules.order:
        if name not in needed:
            continue
        broken = next((one for one in sorted(rules.holds[name]) if one in failures), None)
        if broken is not None:
            failures[name] = f"needs {broken}, which could not be decided"
            continue
        history = with_holds(dossier.history(name, rules, shared, known_at), name, rules, courses)
        try:
            courses[name] = decide(rules.certifications[name], history, known_at)
        except Exception as error:  # noqa: BLE001 -- one rule's failure is recorded on it and stops no other
            failures[name] = f"{type(error).__name__}: {error}"
    return courses, failures


def full_history(
    rules: RuleSet, dossier: Dossier, shared: Shared, known_at: dt.datetime, name: str
) -> PersonHistory:
    """Return all that the decision about one certification reads, what the person holds besides included."""
    needed = with_prerequisites(rules, rules.holds[name])
    courses, _ = decide_in_order(rules, dossier, shared, known_at, needed)
    return with_holds(dossier.history(name, rules, shared, known_at), name, rules, courses)


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
    history: PersonHistory, name: str, rules: RuleSet, courses: Mapping[str, Course]
) -> PersonHistory:
    """Return the history with the intervals in which the person held what the certification asks for."""
    needed = rules.holds[name]
    if not needed:
        return history
    holds = {one: held_intervals(courses[one], rules, one) for one in needed if one in courses}
    return PersonHistory(
        person=history.person,
        evidence=history.evidence,
        facts=history.facts,
        holds=holds,
        version_order=history.version_order,
        groups=history.groups,
        releases=history.releases,
    )


def held_intervals(course: Course, rules: RuleSet, name: str) -> tuple[Held, ...]:
    """Return when a certification was held, as active (renewal_open included) or in grace (2.5 `holds`).

    What is held under `mode: evaluate` does not count (2.2).
    """
    found: list[Held] = []
    for i, segment in enumerate(course.segments):
        if segment.state not in VALID or rules.mode(name, segment.version) == "evaluate":
            continue
        state: Literal["active", "grace"] = "grace" if segment.state == "grace" else "active"
        end = course.segments[i + 1].at if i + 1 < len(course.segments) else None
        last = found[-1] if found else None
        if last and last.until_at == segment.at and (last.state, last.version) == (state, segment.version):
            found[-1] = Held(last.from_at, end, last.version, last.state)
        else:
            found.append(Held(segment.at, end, segment.version or "", state))
    return tuple(found)


def next_due(
    certifications: Mapping[str, PublishedCertification],
    dossier: Dossier,
    courses: Mapping[str, Course],
    now: dt.datetime,
) -> dt.datetime | None:
    """Return when the clock next changes something about a person: a state, or a settle time ends (4.9-1)."""
    instants = [at for course in courses.values() if (at := course.next_change_after(now)) is not None]
    instants += [course.settles_at for course in courses.values() if course.settles_at is not None]
    for voided_at, touched in dossier.voidings():
        for name in touched:
            for version in certifications[name].versions:
                document = version.document
                settled = later_by(voided_at, document.on_voided.settle, document.validity.timezone)
                instants.append(settled)
    return min((at for at in instants if at > now), default=None)
