"""What a credential says in words: criteria of a certification, evidence of a period. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from rules.credential_document import EvidenceNote
from rules.history import Evidence
from rules.model import (
    AllOf,
    AnyOf,
    AtLeast,
    Certification,
    Count,
    Holds,
    InOrder,
    Requirement,
    Score,
    Sum,
)
from rules.published import selectors_of, walk
from rules.requirements import key_of
from rules.selectors import compile_selector

Titles = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the criteria, with what belongs under it."""

    text: str
    parts: tuple[Criterion, ...] = ()


def criteria_of(requirement: Requirement, titles: Titles) -> tuple[Criterion, ...]:
    """Return the criteria of a requirement as lines for people; the parts of `all` stand side by side.

    `titles` maps the ids of certifications to their titles.
    """
    if isinstance(requirement, AllOf) and requirement.label is None:
        return tuple(one for part in requirement.parts for one in criteria_of(part, titles))
    return (Criterion(words(requirement, titles), parts_of(requirement, titles)),)


def parts_of(requirement: Requirement, titles: Titles) -> tuple[Criterion, ...]:
    """Return what stands under a requirement."""
    if isinstance(requirement, AllOf | AnyOf | AtLeast):
        return tuple(one for part in requirement.parts for one in criteria_of(part, titles))
    return ()


def words(requirement: Requirement, titles: Titles) -> str:
    """Return the label of a requirement, or words made from its form."""
    if requirement.label is not None:
        return requirement.label
    if isinstance(requirement, AllOf | AnyOf):
        return "All of these" if isinstance(requirement, AllOf) else "One of these"
    match requirement:
        case AtLeast(n=n):
            return f"{n} of these"
        case Score(selector=name, at_least=value):
            return f"{spoken(name)}, {percent(value)} or better"
        case Count(selector=name, at_least=n):
            return f"{spoken(name)}, {n} times" if n != 1 else spoken(name)
        case Sum(selector=name, at_least=value):
            return f"{spoken(name)}, {value.normalize():f} in total"
        case Holds(certification=name):
            return f"Holds {titles.get(name, spoken(name))}"
        case InOrder(selectors=names):
            return "In this order: " + ", ".join(map(spoken, names))
        case _:
            return spoken(key_of(requirement))


def narrative(criteria: Iterable[Criterion], depth: int = 0) -> str:
    """Return the criteria as a Markdown list."""
    lines = []
    for one in criteria:
        lines.append(f"{'  ' * depth}- {one.text}")
        if one.parts:
            lines.append(narrative(one.parts, depth + 1))
    return "\n".join(lines)


def criteria_text(document: Certification, titles: Titles) -> str:
    """Return the criteria of the credential: the badge's own, else those of `award.when` (2.3 `badge`)."""
    return document.badge.criteria or narrative(criteria_of(document.award.when, titles))


def evidence_notes(
    requirement: Requirement,
    document: Certification,
    rows: Sequence[Evidence],
    zone: dt.tzinfo,
    titles: Titles,
) -> tuple[tuple[EvidenceNote, ...], tuple[str, ...]]:
    """Return what was proven, one note for each condition met by these statements, and the scores reached."""
    notes, results = [], []
    for leaf in leaves(requirement):
        own = sorted(matching(leaf, document, rows), key=lambda row: row.at)
        if not own:
            continue
        notes.append(EvidenceNote(key_of(leaf), words(leaf, titles), proof(leaf, own, zone)))
        if isinstance(leaf, Score) and own[-1].score is not None:
            results.append(percent(own[-1].score))
    return tuple(notes), tuple(results)


def leaves(requirement: Requirement) -> Iterator[Requirement]:
    """Yield the conditions that statements can meet, in document order."""
    yield from (node for node in walk(requirement) if selectors_of(node))


def matching(leaf: Requirement, document: Certification, rows: Iterable[Evidence]) -> Iterator[Evidence]:
    """Yield the statements of a period that meet a condition; signers were checked when it was decided."""
    selectors = [
        compile_selector(replace(document.evidence[name], signed_by=None)) for name in selectors_of(leaf)
    ]
    for row in rows:
        if any(fits(selector, row) for selector in selectors):
            yield row


def fits(selector: Any, row: Evidence) -> bool:
    """Say whether a statement belongs to a selector; a cmi5 selector finds it by its AU in the grouping."""
    if selector.selector.cmi5 is not None:
        return selector.selector.cmi5.au in row.grouping
    return bool(selector.matches(row, "", {}))


def proof(leaf: Requirement, rows: Sequence[Evidence], zone: dt.tzinfo) -> str:
    """Return how and when a condition was met."""
    last = rows[-1]
    on = spoken_date(last.at.astimezone(zone).date())
    if isinstance(leaf, Score) and last.score is not None:
        return f"{percent(last.score)} on {on}"
    if isinstance(leaf, Count | Sum) or len(rows) > 1:
        return f"{len(rows)} records, the last on {on}"
    return f"{VERBS.get(last.verb.rpartition('/')[2], 'Recorded')} on {on}"


VERBS = {"completed": "Completed", "passed": "Passed", "scored": "Scored", "attended": "Attended",
         "satisfied": "Satisfied", "waived": "Waived", "experienced": "Experienced",
         "terminated": "Finished"}  # fmt: skip


def percent(value: Any) -> str:
    """Return a share of one as a percentage with at most two decimals, never rounded up to a pass."""
    hundredths = int(value * 10_000)
    text = f"{Decimal(hundredths) / 100:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def spoken(name: str) -> str:
    """Return an id as words: `sales_exam` becomes `Sales exam`."""
    return name.replace("_", " ").replace("-", " ").capitalize()


def spoken_date(day: dt.date) -> str:
    """Return a date as `1 February 2026`, whatever the locale."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
