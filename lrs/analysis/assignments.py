"""How people stand in assignments, as rows for pages, lists and the API (cert#5-9)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from pymongo.database import Database

from lrs.analysis.targets import recorded_tiers
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.language.model import Assignment
from rules.programmes.assigned import Asking, assignment_ids, standings_of
from rules.programmes.assignments import LATE, Standing

Document = dict[str, Any]
STATES: Final = ("overdue", "missed", "not_started", "in_progress", "upcoming", "met", "exempt")
"""As they are listed: what is late first."""


def assigned(
    db: Database[Document],
    now: dt.datetime,
    persons: Collection[str] | None = None,
    only: Collection[str] | None = None,
    *,
    evaluated: bool = False,
) -> Iterator[tuple[str, Standing]]:
    """Yield how people (None is everybody) stand in all assignments, or in some, now.

    What is only evaluated is left out unless it is asked for.
    """
    rules = cache_of(db).get()
    wanted = assignment_ids(rules) if only is None else only
    for person, one in standings_of(db, rules, Asking(wanted, persons, now, recorded_tiers(db)), now):
        if evaluated or not one.evaluated:
            yield person, one


def row_of(person: str, one: Standing) -> Document:
    """Return a standing as a row: days as text, instants as they are."""
    return {
        "assignment": one.assignment,
        "person": person,
        "state": one.state,
        "since": one.asked.since.isoformat(),
        "due": one.asked.due.isoformat() if one.asked.due else None,
        "late": one.state in LATE,
        "met": one.met,
        "of": one.of,
        "missing": list(one.missing),
        "met_at": one.met_at,
        "reason": one.reason,
        "until": one.until.isoformat() if one.until else None,
        "version": one.version,
        "evaluated": one.evaluated,
    }


def urgency(row: Document) -> tuple[int, str, str, str]:
    """Return what sorts rows: by state, the soonest due first."""
    return STATES.index(row["state"]), row["due"] or "9999", row["person"], row["assignment"]


def titles_of(rules: RuleSet) -> dict[str, str]:
    """Return the titles of all assignments."""
    return {one.id: one.title for one in rules.of_kind(Assignment)}


def assigned_to(db: Database[Document], person: str, now: dt.datetime) -> list[tuple[str, Document]]:
    """Return the assignments of somebody as rows, each with its title, the most urgent first."""
    known = titles_of(cache_of(db).get())
    rows = sorted((row_of(*one) for one in assigned(db, now, [person])), key=urgency)
    return [(known[row["assignment"]], row) for row in rows]


def summary(rules: RuleSet, rows: Iterable[Document], *, whole: bool) -> list[Document]:
    """Return each assignment with how many stand how; those that concern none of these only where `whole`."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["assignment"], Counter())[row["state"]] += 1
    found = []
    for name in assignment_ids(rules):
        newest = rules.newest("Assignment", name)
        if newest is not None and (whole or name in counts):
            of = counts.get(name, Counter())
            found.append({
                "assignment": name, "title": newest.document.title, "version": newest.version,
                "mode": newest.mode, "asked": of.total(), **{state: of[state] for state in STATES},
            })  # fmt: skip
    return found
