"""Fragments: replace every `use: fragment/name` of a document by what it names, for good (2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rules import model
from rules.errors import UnknownRule
from rules.model import AnyDocument, Certification, Fragment, Requirement, Selector, Use

_BY_NAME = (model.Done, model.Score, model.Count, model.Sum)


def uses(document: AnyDocument) -> frozenset[str]:
    """Return the ids of the fragments a document refers to."""
    if not isinstance(document, Certification):
        return frozenset()
    found = {selector.use for selector in document.evidence.values() if selector.use}
    for root in roots(document):
        found |= {part.reference for part in parts(root) if isinstance(part, Use)}
    return frozenset(reference.split("/")[0] for reference in found)


def roots(document: Certification) -> list[Requirement]:
    """Return the requirements a certification consists of: of the award, of renewals, of release rules."""
    renewal = [document.renewal.when] if document.renewal else []
    return [document.award.when, *renewal, *(rule.unless for rule in document.release_rules)]


def parts(requirement: Requirement) -> list[Requirement]:
    """Return a requirement and everything below it, in document order."""
    inner = requirement.parts if isinstance(requirement, model.AllOf | model.AnyOf | model.AtLeast) else ()
    return [requirement, *(part for each in inner for part in parts(each))]


def resolve(document: AnyDocument, fragments: Mapping[str, Fragment]) -> AnyDocument:
    """Return the document with all references replaced; UnknownRule where a fragment or its entry is missing.

    A fragment's selectors join the document's `evidence` under their own names, or as `<fragment>_<name>`
    where another selector has that name; the missing keys stay those of the fragment.
    """
    if not isinstance(document, Certification) or not uses(document):
        return document
    evidence = {name: _selector(name, each, fragments) for name, each in document.evidence.items()}
    freeze = _Freeze(evidence, fragments)
    award = replace(document.award, when=freeze.requirement(document.award.when))
    renewal = document.renewal
    if renewal is not None:
        renewal = replace(renewal, when=freeze.requirement(renewal.when))
    rules = tuple(replace(rule, unless=freeze.requirement(rule.unless)) for rule in document.release_rules)
    return replace(document, evidence=evidence, award=award, renewal=renewal, release_rules=rules)


def _entry(reference: str, fragments: Mapping[str, Fragment], where: str) -> tuple[Fragment, Any]:
    fragment_id, name = reference.split("/")
    if fragment_id not in fragments:
        raise UnknownRule("Fragment", fragment_id)
    entries: Mapping[str, Any] = getattr(fragments[fragment_id], where)
    if name not in entries:
        raise UnknownRule("Fragment", reference)
    return fragments[fragment_id], entries[name]


def _selector(name: str, selector: Selector, fragments: Mapping[str, Fragment]) -> Selector:
    if selector.use is None:
        return selector
    found: Selector = _entry(selector.use, fragments, "evidence")[1]
    return replace(found, name=name)


class _Freeze:
    """Replaces `use` in requirements and gathers the selectors this brings in."""

    def __init__(self, evidence: dict[str, Selector], fragments: Mapping[str, Fragment]) -> None:
        self.evidence, self.fragments = evidence, fragments

    def requirement(self, requirement: Requirement) -> Requirement:
        if isinstance(requirement, Use):
            return self._used(requirement)
        if isinstance(requirement, model.AllOf | model.AnyOf | model.AtLeast):
            return replace(requirement, parts=tuple(map(self.requirement, requirement.parts)))
        return requirement

    def _used(self, use: Use) -> Requirement:
        fragment, found = _entry(use.reference, self.fragments, "requirements")
        names = {name: self._join(fragment, name) for part in parts(found) for name in selectors_of(part)}
        renamed = _renamed(found, names)
        return replace(
            renamed,
            label=use.label or renamed.label,
            key=use.key or renamed.key,
            disqualified_by=(*renamed.disqualified_by, *use.disqualified_by),
        )

    def _join(self, fragment: Fragment, name: str) -> str:
        selector = fragment.evidence[name]
        for candidate in _names(fragment.id, name):
            present = self.evidence.setdefault(candidate, replace(selector, name=candidate))
            if present == replace(selector, name=candidate):
                return candidate
        raise AssertionError("there is always a free name")


def _names(fragment_id: str, name: str) -> list[str]:
    """Return names to try, best first, each at most 64 characters long."""
    numbered = [f"{fragment_id[:28]}_{name[:28]}_{n}" for n in range(2, 12_000)]
    return [name, f"{fragment_id}_{name}"[:64], *numbered]


def selectors_of(requirement: Requirement) -> tuple[str, ...]:
    """Return the selectors a requirement names itself, disqualifiers included."""
    if isinstance(requirement, _BY_NAME):
        return (requirement.selector, *requirement.disqualified_by)
    if isinstance(requirement, model.InOrder):
        return (*requirement.selectors, *requirement.disqualified_by)
    return requirement.disqualified_by


def _renamed(requirement: Requirement, names: Mapping[str, str]) -> Requirement:
    disqualified = tuple(names[name] for name in requirement.disqualified_by)
    if isinstance(requirement, _BY_NAME):
        old = requirement.selector
        key = requirement.key or (old if names[old] != old else None)
        return replace(requirement, selector=names[old], key=key, disqualified_by=disqualified)
    if isinstance(requirement, model.InOrder):
        selectors = tuple(names[name] for name in requirement.selectors)
        return replace(requirement, selectors=selectors, disqualified_by=disqualified)
    if isinstance(requirement, model.AllOf | model.AnyOf | model.AtLeast):
        inner = tuple(_renamed(part, names) for part in requirement.parts)
        return replace(requirement, parts=inner, disqualified_by=disqualified)
    return replace(requirement, disqualified_by=disqualified)
