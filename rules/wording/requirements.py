"""What each form of a requirement says to people, in explanations (cert#6-3) and credentials."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rules import calendar
from rules.evaluation.requirements import (
    attempts,
    chosen_score,
    distinct_first,
    others,
    summands,
    total,
    whose_turn,
)
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import Evidence
from rules.evidence.selectors import ISSUER
from rules.language.build import RECOGNISED
from rules.language.requirements import (
    AllOf,
    Another,
    AnyOf,
    AtLeast,
    Count,
    Done,
    Holds,
    InOrder,
    InTurn,
    Requirement,
    Score,
    Sum,
)
from rules.wording.phrases import listing, number, percent, plural, spoken, spoken_date, verb

Titles = Mapping[str, str]
"""From the id of a certification to its title."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a requirement is looked at with: the statements that count, the instant, which parts are met."""

    view: EvidenceView
    at: dt.datetime
    met: bool = False
    parts: tuple[bool, ...] = ()

    def rows(self, selector: str) -> list[Evidence]:
        """Return the statements of a selector that count, oldest first."""
        return self.view.rows(selector, self.at)

    def date(self, at: dt.datetime) -> str:
        """Return the local date of an instant as text."""
        return calendar.local_date(at, self.view.evidence_index.version.timezone).isoformat()


R = TypeVar("R", bound=Requirement)


class Words(Generic[R]):
    """The words of one form; a form says at least its name, what it asks and what was observed."""

    def label(self, one: R) -> str:
        """Return the name of a requirement without a label."""
        raise NotImplementedError

    def required(self, one: R) -> str:
        """Return what the requirement asks for."""
        raise NotImplementedError

    def observed(self, one: R, seen: Observed) -> str:
        """Return how far somebody is."""
        raise NotImplementedError

    def needed(self, _one: R) -> int:
        """Return how many of its parts have to be met; 0 where it has none."""
        return 0

    def unusable(self, _one: R, _seen: Observed) -> dict[str, str]:
        """Return the statements that match but cannot be used, each with the reason."""
        return {}

    def criterion(self, one: R, _titles: Titles) -> str:
        """Return the line of a credential's criteria, for a requirement without a label."""
        return self.label(one)

    def proof(self, _one: R, rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
        """Return how and when the requirement was met, by its statements in order of time."""
        if len(rows) > 1:
            return _records(rows, zone)
        return f"{_DONE.get(verb(rows[0].verb), 'Recorded')} on {_last(rows, zone)}"

    def result(self, _rows: Sequence[Evidence]) -> str | None:
        """Return the result that the statements reached, None where the form has none."""
        return None


_DONE = {"completed": "Completed", "passed": "Passed", "scored": "Scored", "attended": "Attended",
         "satisfied": "Satisfied", "waived": "Waived", "experienced": "Experienced",
         "terminated": "Finished", "recognised": "Recognised"}  # fmt: skip


def _last(rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
    return spoken_date(rows[-1].at.astimezone(zone).date())


def _records(rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
    return f"{len(rows)} records, the last on {_last(rows, zone)}"


class _AllOf(Words[AllOf]):
    def label(self, _one: AllOf) -> str:
        return "All of these"

    def required(self, _one: AllOf) -> str:
        return "all"

    def needed(self, one: AllOf) -> int:
        return len(one.parts)

    def observed(self, one: AllOf, seen: Observed) -> str:
        return f"{sum(seen.parts)} of {len(one.parts)}"


class _AnyOf(Words[AnyOf]):
    def label(self, _one: AnyOf) -> str:
        return "One of these"

    def required(self, _one: AnyOf) -> str:
        return "at least 1"

    def needed(self, _one: AnyOf) -> int:
        return 1

    def observed(self, _one: AnyOf, seen: Observed) -> str:
        return "one of them" if any(seen.parts) else "0 of 1"


class _AtLeast(Words[AtLeast]):
    def label(self, one: AtLeast) -> str:
        return f"{one.n} of {len(one.parts)}"

    def required(self, one: AtLeast) -> str:
        return f"at least {one.n}"

    def needed(self, one: AtLeast) -> int:
        return one.n

    def observed(self, one: AtLeast, seen: Observed) -> str:
        return f"{sum(seen.parts)} of {one.n}"

    def criterion(self, one: AtLeast, _titles: Titles) -> str:
        return f"{one.n} of these"


class _Done(Words[Done]):
    def label(self, one: Done) -> str:
        return spoken(one.selector)

    def required(self, _one: Done) -> str:
        return "done"

    def observed(self, one: Done, seen: Observed) -> str:
        rows = seen.rows(one.selector)
        if not rows:
            return "nothing yet"
        issuer = rows[0].context_extensions.get(ISSUER) if rows[0].verb == RECOGNISED else None
        return f"{verb(rows[0].verb)} {seen.date(rows[0].at)}" + (f" from {issuer}" if issuer else "")

    def criterion(self, one: Done, _titles: Titles) -> str:
        return spoken(one.missing_key)


class _Score(Words[Score]):
    def label(self, one: Score) -> str:
        return f"{spoken(one.selector)}, {percent(one.at_least)} or better"

    def required(self, one: Score) -> str:
        return f"{percent(one.at_least)} or better, {one.attempt} attempt"

    def observed(self, one: Score, seen: Observed) -> str:
        rows = seen.rows(one.selector)
        chosen = chosen_score(rows, one.attempt, one.at_least)
        if chosen is None or chosen.score is None:
            return "no score yet" if rows else "nothing yet"
        tried = plural(attempts(rows), "attempt")
        return f"{one.attempt} {percent(chosen.score)} of {tried}, {seen.date(chosen.at)}"

    def unusable(self, one: Score, seen: Observed) -> dict[str, str]:
        return {e.id: "no score" for e in seen.rows(one.selector) if e.score is None}

    def proof(self, one: Score, rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
        reached = self.result(rows)
        return super().proof(one, rows, zone) if reached is None else f"{reached} on {_last(rows, zone)}"

    def result(self, rows: Sequence[Evidence]) -> str | None:
        return None if rows[-1].score is None else percent(rows[-1].score)


class _Holds(Words[Holds]):
    def label(self, one: Holds) -> str:
        return f"Holds {one.certification}"

    def required(self, one: Holds) -> str:
        version = f", version {one.version_at_least} or newer" if one.version_at_least else ""
        return f"{one.certification} {listing(one.status, 'or')}{version}"

    def observed(self, one: Holds, seen: Observed) -> str:
        every = seen.view.evidence_index.around.holds.get(one.certification, ())
        held = [each for each in every if each.from_at <= seen.at]
        if not held:
            return "not held"
        last = max(held, key=lambda each: each.from_at)
        if last.until_at is None or seen.at < last.until_at:
            return f"{last.state} since {seen.date(last.from_at)}"
        return f"{last.state} until {seen.date(last.until_at - dt.timedelta(microseconds=1))}"

    def criterion(self, one: Holds, titles: Titles) -> str:
        return f"Holds {titles.get(one.certification, spoken(one.certification))}"


class _Count(Words[Count]):
    def label(self, one: Count) -> str:
        return spoken(one.selector)

    def required(self, one: Count) -> str:
        return plural(one.at_least, "time" if one.distinct == "statement" else one.distinct)

    def observed(self, one: Count, seen: Observed) -> str:
        return f"{len(distinct_first(seen.rows(one.selector), one.distinct))} of {one.at_least}"

    def criterion(self, one: Count, _titles: Titles) -> str:
        return f"{spoken(one.selector)}, {one.at_least} times" if one.at_least != 1 else spoken(one.selector)

    def proof(self, _one: Count, rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
        return _records(rows, zone)


class _Sum(Words[Sum]):
    def label(self, one: Sum) -> str:
        return spoken(one.selector)

    def required(self, one: Sum) -> str:
        return f"{number(one.at_least)} in all"

    def observed(self, one: Sum, seen: Observed) -> str:
        reached = total(value for _, value in summands(seen.rows(one.selector), one.field, one.distinct))
        return f"{number(reached)} of {number(one.at_least)}"

    def unusable(self, one: Sum, seen: Observed) -> dict[str, str]:
        rows = seen.rows(one.selector)
        counted = {e.id for e, _ in summands(rows, one.field, "statement")}
        return {e.id: "no number" for e in rows if e.id not in counted}

    def criterion(self, one: Sum, _titles: Titles) -> str:
        return f"{spoken(one.selector)}, {one.at_least.normalize():f} in total"

    def proof(self, _one: Sum, rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
        return _records(rows, zone)


class _InOrder(Words[InOrder]):
    def label(self, one: InOrder) -> str:
        return listing([spoken(name) for name in one.selectors], "then")

    def required(self, one: InOrder) -> str:
        within = f" within {one.within}" if one.within is not None else ""
        return f"in this order{within}"

    def observed(self, one: InOrder, seen: Observed) -> str:
        if seen.met:
            return "in order"
        found = [name for name in one.selectors if seen.rows(name)]
        if len(found) == len(one.selectors):
            return "not in order" if one.within is None else "not in order in time"
        return f"{len(found)} of {len(one.selectors)}"

    def criterion(self, one: InOrder, _titles: Titles) -> str:
        return "In this order: " + ", ".join(map(spoken, one.selectors))


class _Another(Words[Another]):
    def label(self, one: Another) -> str:
        return f"{spoken(one.selector)}, another than last time"

    def required(self, _one: Another) -> str:
        return "another than last time"

    def observed(self, one: Another, seen: Observed) -> str:
        found = others(one.selector, seen.view, seen.at)
        if found:
            return f"{verb(found[0].verb)} {seen.date(found[0].at)}"
        return "the same as last time" if seen.rows(one.selector) else "nothing yet"

    def criterion(self, one: Another, _titles: Titles) -> str:
        return f"{spoken(one.missing_key)}, each time another one"


class _InTurn(Words[InTurn]):
    def label(self, one: InTurn) -> str:
        return f"{listing([spoken(name) for name in one.selectors], 'or')}, in turn"

    def required(self, _one: InTurn) -> str:
        return "in turn"

    def observed(self, one: InTurn, seen: Observed) -> str:
        selector = whose_turn(one.selectors, seen.view)
        rows = seen.rows(selector)
        if rows:
            return f"{spoken(selector)} {verb(rows[0].verb)} {seen.date(rows[0].at)}"
        return f"{spoken(selector)} is next, nothing yet"

    def criterion(self, one: InTurn, _titles: Titles) -> str:
        return "In turn: " + ", ".join(map(spoken, one.selectors))


WORDS: Mapping[type[Requirement], Words[Any]] = {
    AllOf: _AllOf(),
    AnyOf: _AnyOf(),
    AtLeast: _AtLeast(),
    Done: _Done(),
    Score: _Score(),
    Holds: _Holds(),
    Count: _Count(),
    Sum: _Sum(),
    InOrder: _InOrder(),
    Another: _Another(),
    InTurn: _InTurn(),
}


def words_of(requirement: Requirement) -> Words[Any]:
    """Return the words of a requirement's form."""
    return WORDS[type(requirement)]
