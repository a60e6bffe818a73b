"""Inputs of a decision from the rows of an inline test, with a fake clock (cert#2.10, cert#10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules import calendar
from rules.evidence.from_statement import number, parse_instant, score_value
from rules.evidence.history import (
    BEGINNING,
    END_OF_TIME,
    Evidence,
    Fact,
    Held,
    Membership,
    PersonHistory,
    PublishedRelease,
)
from rules.evidence.selectors import ISSUER, is_practice
from rules.language.build import OWN_SOURCE, date, verb_iri
from rules.language.forms import many
from rules.programmes.targets import Named, Place

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads the dates of a test in its programme zone."""

    timezone: str

    def first(self, text: str) -> dt.datetime:
        """Return the first instant of a date; an instant is itself."""
        return calendar.start_of(date(text), self.timezone) if len(text) == 10 else parse_instant(text)

    def last(self, text: str) -> dt.datetime:
        """Return the last instant of a date; an instant is itself."""
        return self.end(text) - dt.timedelta(microseconds=1) if len(text) == 10 else parse_instant(text)

    def end(self, text: str) -> dt.datetime:
        """Return the first instant after a date; an instant is itself."""
        return calendar.end_of(date(text), self.timezone) if len(text) == 10 else parse_instant(text)

    def day(self, text: str) -> dt.date:
        """Return the local date of a date or instant."""
        return date(text) if len(text) == 10 else calendar.local_date(parse_instant(text), self.timezone)


def histories(
    test: Row,
    certification: str,
    timezone: str,
    version_order: Mapping[str, tuple[str, ...]],
    *,
    backwards: bool,
) -> dict[str, PersonHistory]:
    """Return the history of everybody a test names; statements in given or in reversed order."""
    clock = Clock(timezone)
    evidence: dict[str, list[Evidence]] = {}
    rows = list(enumerate(test.get("given", ())))
    for index, row in reversed(rows) if backwards else rows:
        if not row.get("voided", False):
            evidence.setdefault(row["who"], []).append(statement(f"row-{index:05d}", row, clock))
    facts: dict[str, list[Fact]] = {}
    for index, row in enumerate(test.get("facts", ())):
        facts.setdefault(row["who"], []).append(_fact(f"fact-{index:05d}", row, certification, clock))
    holds = test.get("holds", {})
    people = {row["who"] for row in test["expect"]} | set(evidence) | set(facts) | set(holds)
    groups = {name: tuple(map(Membership, members)) for name, members in test.get("groups", {}).items()}
    releases = tuple(_release(row) for row in test.get("releases", ()))
    return {
        who: PersonHistory(
            person=who,
            evidence=tuple(evidence.get(who, ())),
            facts=tuple(facts.get(who, ())),
            holds=_held(holds.get(who, ()), clock),
            version_order=version_order,
            groups=groups,
            releases=releases,
        )
        for who in sorted(people)
    }


def statement(statement_id: str, row: Row, clock: Clock) -> Evidence:
    """Return one row of `given` as evidence; a client named by its label is not the vendor's (cert#10)."""
    timestamp = clock.first(row["at"])
    stored = clock.first(row.get("stored", row["at"]))
    score = row.get("score", {})
    score = score if isinstance(score, Mapping) else {"scaled": score}
    context = row.get("context", {})
    extensions, result_extensions = context.get("extensions", {}), row.get("extensions", {})
    if "issuer" in row:
        extensions = {**extensions, ISSUER: row["issuer"]}
    return Evidence(
        id=statement_id,
        at=min(timestamp, stored),
        stored=stored,
        timestamp=timestamp,
        verb=verb_iri(row["verb"]),
        activity=row["activity"],
        registration=row.get("registration"),
        score=score_value(score) if score else None,
        scaled=number(score.get("scaled")),
        raw=number(score.get("raw")),
        success=row.get("success"),
        completion=row.get("completion"),
        platform=context.get("platform"),
        language=context.get("language"),
        parent=many(context.get("parent")),
        grouping=many(context.get("grouping")),
        category=many(context.get("category")),
        result_extensions=result_extensions,
        context_extensions=extensions,
        signer=row.get("by"),
        client_label=OWN_SOURCE if "issuer" in row else row.get("from"),
        controlled_by="partner" if "from" in row else "vendor",
        practice=any(is_practice(*pair) for pair in (*extensions.items(), *result_extensions.items())),
    )


def _fact(fact_id: str, row: Row, certification: str, clock: Clock) -> Fact:
    at = clock.first(row["at"])
    until = row.get("until")
    extension = row["fact"] == "extension"
    return Fact(
        id=fact_id,
        kind=row["fact"],
        at=at,
        decided_at=at,
        certification=certification,
        by=row.get("by"),
        of=row.get("of"),
        reason=row.get("reason"),
        until=clock.end(until) if until is not None and not extension else None,
        until_day=clock.day(until) if until is not None and extension else None,
    )


def _held(rows: Sequence[Row], clock: Clock) -> dict[str, tuple[Held, ...]]:
    held: dict[str, tuple[Held, ...]] = {}
    for row in rows:
        until = clock.end(row["until"]) if "until" in row else None
        interval = Held(clock.first(row["from"]), until, row.get("version", "1"), row.get("status", "active"))
        held[row["certification"]] = (*held.get(row["certification"], ()), interval)
    return held


def places_of(rows: Sequence[Row], clock: Clock) -> list[Place]:
    """Return where a person of a test belongs; a tier is that of the organization all the time."""
    return [
        Place(
            row["organization"],
            row.get("role"),
            clock.first(row["from"]),
            clock.end(row["until"]) if "until" in row else None,
            {programme: [(tier, None, None)] for programme, tier in row.get("tiers", {}).items()},
            row.get("region"),
        )
        for row in rows
    ]


def named_of(test: Row, who: str) -> Named:
    """Return by what a person of a test is named: the name itself, and the groups for all time."""
    groups = {
        name: [(BEGINNING, END_OF_TIME)] for name, members in test.get("groups", {}).items() if who in members
    }
    return Named(groups, frozenset({who}))


def _release(row: Row) -> PublishedRelease:
    return PublishedRelease(row["product"], row["release"], row["level"], date(row["published"]))


def shown(value: Any) -> str:
    """Write an expected or observed value as it stands in a rule file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
