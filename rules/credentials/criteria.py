"""What a credential says in words: criteria of a certification, evidence of a period. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rules.credentials.document import EvidenceNote
from rules.evidence.history import Evidence
from rules.evidence.selectors import compile_selector
from rules.language.forms import walk
from rules.language.model import Certification
from rules.language.requirements import AllOf, Requirement
from rules.wording.requirements import Titles, words_of


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the criteria, with what belongs under it."""

    text: str
    parts: tuple[Criterion, ...] = ()


def criteria_of(requirement: Requirement, titles: Titles) -> tuple[Criterion, ...]:
    """Return the criteria of a requirement as lines for people; the parts of `all` stand side by side."""
    under = tuple(one for _, part in requirement.located() for one in criteria_of(part, titles))
    if isinstance(requirement, AllOf) and requirement.label is None:
        return under
    return (Criterion(words(requirement, titles), under),)


def words(requirement: Requirement, titles: Titles) -> str:
    """Return the label of a requirement, or words made from its form."""
    return requirement.label or words_of(requirement).criterion(requirement, titles)


def narrative(criteria: Iterable[Criterion], depth: int = 0) -> str:
    """Return the criteria as a Markdown list."""
    lines = []
    for one in criteria:
        lines.append(f"{'  ' * depth}- {one.text}")
        if one.parts:
            lines.append(narrative(one.parts, depth + 1))
    return "\n".join(lines)


def criteria_text(document: Certification, titles: Titles) -> str:
    """Return the criteria of the credential: the badge's own, else those of `award.when` (cert#2.3)."""
    return document.badge.criteria or narrative(_criteria(document, titles))


def _criteria(document: Certification, titles: Titles) -> Iterator[Criterion]:
    yield from criteria_of(document.award.when, titles)
    if document.validity.standing is not None:
        yield Criterion("Valid only while", criteria_of(document.validity.standing, titles))


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
        proof, reached = words_of(leaf).proof(leaf, own, zone), words_of(leaf).result(own)
        notes.append(EvidenceNote(leaf.missing_key, words(leaf, titles), proof))
        if reached is not None:
            results.append(reached)
    return tuple(notes), tuple(results)


def leaves(requirement: Requirement) -> Iterator[Requirement]:
    """Yield the conditions that statements can meet, in document order."""
    yield from (one for one in walk(requirement) if one.evidence_selectors())


def matching(leaf: Requirement, document: Certification, rows: Iterable[Evidence]) -> Iterator[Evidence]:
    """Yield the statements of a period that meet a condition; signers were checked when it was decided."""
    named = [document.evidence[name] for name in leaf.evidence_selectors()]
    selectors = [compile_selector(replace(selector, signed_by=None)) for selector in named]
    for row in rows:
        if any(fits(selector, row) for selector in selectors):
            yield row


def fits(selector: Any, row: Evidence) -> bool:
    """Say whether a statement belongs to a selector; a cmi5 selector finds it by its AU in the grouping."""
    if selector.selector.cmi5 is not None:
        return selector.selector.cmi5.au in row.grouping
    return bool(selector.matches(row, "", {}))
