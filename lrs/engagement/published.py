"""The documents of engagement that count now: the newest version in force of each that is active."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from rules.catalogue.rule_set import RuleSet
from rules.language.engagement import Engagement, Recall, Season


def recalls(rules: RuleSet, at: dt.datetime) -> list[Recall]:
    """Return the questions that are in force."""
    return [one for one in _in_force(rules, "Recall", at) if isinstance(one, Recall)]


def engagements(rules: RuleSet, at: dt.datetime) -> list[Engagement]:
    """Return the documents of seasons and milestones that are in force."""
    return [one for one in _in_force(rules, "Engagement", at) if isinstance(one, Engagement)]


def _in_force(rules: RuleSet, kind: str, at: dt.datetime) -> Iterator[object]:
    for (name, _), records in sorted(rules.documents.items()):
        begun = [one for one in records if one.effective_at <= at] if name == kind else []
        if begun and begun[-1].mode == "active":
            yield begun[-1].document


def seasons(rules: RuleSet, at: dt.datetime) -> list[tuple[Engagement, Season]]:
    """Return the seasons of all documents, those that end last first."""
    found = [(one, season) for one in engagements(rules, at) for season in one.seasons]
    return sorted(found, key=lambda pair: (pair[1].last, pair[1].first, pair[1].id), reverse=True)


def name_of(document: Engagement, season: Season) -> str:
    """Return the name of a season among all."""
    return f"{document.id}.{season.id}"


def products(rules: RuleSet) -> frozenset[str]:
    """Return the products that certifications are about now, those that are only tried out left out."""
    newest = (each.in_order[-1].document for each in rules.certifications.values() if not each.lifecycle)
    return frozenset(one.product for one in newest if one.product is not None and one.mode == "active")


def product_of(rules: RuleSet, certification: str) -> str | None:
    """Return the product of a certification."""
    known = rules.certifications.get(certification)
    return known.in_order[-1].document.product if known is not None else None
