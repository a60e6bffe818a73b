"""Runner of the inline tests of rule files (cert#2.10).

A Certification test is decided with its statements in the given and in the reversed order; both must give
what is expected. `run_tests` needs no store: names in the files suffice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rules.errors import Problem
from rules.evaluation.evaluate import decide
from rules.evaluation.timeline import HELD_STATES, AwardTimeline, Status
from rules.evidence.history import END_OF_TIME
from rules.evidence.published import PublishedVersion, published
from rules.language.model import AnyDocument, Assignment, Certification, Gate, PartnerTiers, Target
from rules.language.positions import Path, Positions, render
from rules.programmes.assignments import PublishedAssignment, standing
from rules.programmes.gates import needs_tiers
from rules.programmes.targets import Learner, asked_of
from rules.testing.histories import Clock, histories, named_of, places_of, shown
from rules.testing.programmes import gate_differences, tiers_differences

__all__ = ["CaseResult", "Difference", "case_problems", "run_tests"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One expected value that was not observed; `path` is its place in the document."""

    path: Path
    who: str
    key: str
    expected: str
    observed: str

    def __str__(self) -> str:
        return f"{self.who}: {self.key} expected {self.expected}, observed {self.observed}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The outcome of one inline test; `error` says why it could not be run."""

    kind: str
    id: str
    version: str
    index: int
    name: str
    differences: tuple[Difference, ...] = ()
    error: str | None = None

    @property
    def ok(self) -> bool:
        """True if everything expected was observed."""
        return not self.differences and self.error is None


def run_tests(document: AnyDocument, others: Iterable[AnyDocument] = ()) -> list[CaseResult]:
    """Run the tests of a resolved document; `others` are documents of the same call or of the store.

    Documents in mode `evaluate` or `disabled` are tested as `active` (cert#10). A test that makes the
    engine raise is a failed test with an error, never an exception here.
    """
    return [_run(document, index, test, tuple(others)) for index, test in enumerate(document.tests)]


def case_problems(results: Iterable[CaseResult], positions: Positions) -> list[Problem]:
    """Return failed tests as problems E402 with their places in the file; apply refuses them."""
    problems: list[Problem] = []
    for result in results:
        for each in result.differences:
            message = f"test {result.name!r}: {each}"
            problems.append(positions.problem(each.path, "E402", message))
        if result.error is not None:
            message = f"test {result.name!r}: {result.error}"
            problems.append(positions.problem(("tests", result.index), "E402", message))
    return problems


class CannotRun(Exception):
    """A test asks for something that is not at hand, as a programme that no file defines."""


def _run(
    document: AnyDocument, index: int, test: Mapping[str, Any], others: tuple[AnyDocument, ...]
) -> CaseResult:
    result = CaseResult(type(document).__name__, document.id, document.version, index, test["name"])
    try:
        return replace(result, differences=tuple(_differences(document, index, test, others)))
    except CannotRun as reason:
        return replace(result, error=str(reason))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        NotImplementedError,
        TypeError,
        ValueError,
    ) as fault:
        return replace(result, error=f"the test could not be decided: {type(fault).__name__}: {fault}")


def _differences(
    document: AnyDocument, index: int, test: Mapping[str, Any], others: tuple[AnyDocument, ...]
) -> list[Difference]:
    path: Path = ("tests", index, "expect")
    if isinstance(document, Certification):
        return _certification(document, path, test, others)
    if isinstance(document, PartnerTiers):
        found = tiers_differences(document, test)
        return [Difference((*path, who), who, "tier", one, other) for who, one, other in found]
    if isinstance(document, Gate):
        order = tier_order(document, others)
        return [
            Difference((*path, row, key), who, key, one, other)
            for row, who, key, one, other in gate_differences(document, order, test)
        ]
    if isinstance(document, Assignment):
        return _assignment(document, path, test, others)
    raise CannotRun(f"a {type(document).__name__} has no tests")


def tier_order(gate: Gate, others: Sequence[AnyDocument]) -> tuple[str, ...]:
    """Return the tiers, lowest first, of the programme a gate means; CannotRun where it is not at hand."""
    if not needs_tiers(gate.allow_when):
        return ()
    programmes = {each.id: each.order for each in others if isinstance(each, PartnerTiers)}
    if gate.tiers is not None:
        if gate.tiers not in programmes:
            raise CannotRun(f"the programme {gate.tiers} is needed; give its file in the same call")
        return programmes[gate.tiers]
    if len(programmes) != 1:
        raise CannotRun(f"{len(programmes) or 'no'} programmes are at hand; name the one meant under tiers")
    return next(iter(programmes.values()))


def version_order(others: Iterable[AnyDocument]) -> dict[str, tuple[str, ...]]:
    """Return the versions of each certification by `effective_from`, for `version_at_least` (cert#10)."""
    known: dict[str, dict[str, Certification]] = {}
    for each in others:
        if isinstance(each, Certification):
            known.setdefault(each.id, {})[each.version] = each
    return {
        name: tuple(each.version for each in sorted(versions.values(), key=_begins))
        for name, versions in known.items()
    }


def _begins(document: Certification) -> dt.date:
    return document.effective_from or dt.date.min


def _certification(
    document: Certification, path: Path, test: Mapping[str, Any], others: Sequence[AnyDocument]
) -> list[Difference]:
    """Decide a test in both orders; a difference that only the reversed order shows is named as such."""
    given = _observed(document, test, others, backwards=False)
    turned = _observed(document, test, others, backwards=True)
    found: list[Difference] = []
    for row, expected in enumerate(test["expect"]):
        who = f"{expected['who']} at {expected['at']}"
        if "due" in expected:
            wanted, one = shown(expected["due"]), shown(_due(document, test, others, expected, given[row]))
            if wanted != one:
                found.append(Difference((*path, row, "due"), who, "due", wanted, one))
        for key in ("status", "awarded", "expires", "missing"):
            if key not in expected:
                continue
            wanted, one, other = shown(expected[key]), _value(given[row], key), _value(turned[row], key)
            observed = one if one != wanted or other == one else f"{other} with the statements reversed"
            if observed != wanted:
                found.append(Difference((*path, row, key), who, key, wanted, observed))
    return found


def _observed(
    document: Certification, test: Mapping[str, Any], others: Sequence[AnyDocument], *, backwards: bool
) -> list[Status]:
    """Return the status each row of `expect` asks about."""
    zone = document.validity.timezone
    people = histories(test, document.id, zone, version_order(others), backwards=backwards)
    alone = published(PublishedVersion(document=replace(document, mode="active")))
    timelines: dict[str, AwardTimeline] = {
        who: decide(alone, history, END_OF_TIME) for who, history in people.items()
    }
    clock = Clock(zone)
    return [timelines[row["who"]].status_at(clock.last(row["at"])) for row in test["expect"]]


def _due(
    document: Certification,
    test: Mapping[str, Any],
    others: Sequence[AnyDocument],
    row: Mapping[str, Any],
    status: Status,
) -> dt.date | None:
    """Return the day by which the certification is due of somebody who does not hold it (cert#5-8)."""
    orders = _orders(document.targets, others)
    alone = published(PublishedVersion(document=replace(document, mode="active")))
    clock = Clock(document.validity.timezone)
    places = places_of(test.get("people", {}).get(row["who"], ()), clock)
    named = named_of(test, row["who"])
    asked = asked_of(alone, places, orders, clock.last(row["at"]), named)
    return None if asked is None or status.state in HELD_STATES else asked.due


def _orders(targets: Iterable[Target], others: Sequence[AnyDocument]) -> dict[str, tuple[str, ...]]:
    """Return the tiers of the programmes that targets name; CannotRun where one is not at hand."""
    orders = {each.id: each.order for each in others if isinstance(each, PartnerTiers)}
    for target in targets:
        if target.programme is not None and target.programme not in orders:
            raise CannotRun(f"the programme {target.programme} is needed; give its file in the same call")
    return orders


def _assignment(
    document: Assignment, path: Path, test: Mapping[str, Any], others: Sequence[AnyDocument]
) -> list[Difference]:
    """Tell how everybody stands in both orders of the statements; a difference in either one counts."""
    orders = _orders([*document.targets, *(one.whom for one in document.exempt)], others)
    version, clock = PublishedAssignment(document), Clock(document.timezone)
    found: list[Difference] = []
    for backwards in (False, True):
        people = histories(test, document.id, document.timezone, version_order(others), backwards=backwards)
        for row, expected in enumerate(test["expect"]):
            who, at = expected["who"], clock.last(expected["at"])
            places = places_of(test.get("people", {}).get(who, ()), clock)
            learner = Learner(who, places, named_of(test, who))
            known = people[who]
            stands = standing([version], learner, orders, known, known_at=END_OF_TIME, at=at)
            seen = {
                "status": stands and stands.state, "due": stands and stands.asked.due,
                "missing": stands.missing if stands else (), "reason": stands and stands.reason,
            }  # fmt: skip
            found += [
                Difference((*path, row, key), f"{who} at {expected['at']}", key, wanted, observed)
                for key, value in seen.items()
                if key in expected and (wanted := shown(expected[key])) != (observed := shown(value))
            ]
    return list(dict.fromkeys(found))


def _value(status: Status, key: str) -> str:
    return shown(
        {
            "status": status.state,
            "awarded": status.awarded,
            "expires": status.expires,
            "missing": status.missing,
        }[key]
    )


def summary(results: Sequence[CaseResult]) -> str:
    """Return one line: how many tests passed."""
    failed = sum(not result.ok for result in results)
    return f"{len(results) - failed} of {len(results)} tests ok"


def describe(result: CaseResult) -> list[str]:
    """Return the lines that tell one result to people: ok, or the differing keys."""
    head = f"{result.kind} {result.id} v{result.version}: {result.name}"
    if result.ok:
        return [f"ok    {head}"]
    lines = [f"FAIL  {head}"]
    lines += [f"      {render(each.path)}: {each}" for each in result.differences]
    return [*lines, f"      {result.error}"] if result.error is not None else lines
