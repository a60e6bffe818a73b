"""Fragments: replace every `use: fragment/name` of a document by what it names, for good (cert#2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rules.errors import UnknownRule
from rules.language.forms import DISQUALIFIERS, FRAGMENT, PARTS, SELECTOR, SELECTOR_LIST, Kind, walk
from rules.language.model import AnyDocument, Assignment, Certification, Fragment, Selector
from rules.language.requirements import Requirement, Use


def uses(document: AnyDocument) -> frozenset[str]:
    """Return the ids of the fragments a document refers to."""
    if not isinstance(document, Certification | Assignment):
        return frozenset()
    found = {selector.use for selector in document.evidence.values() if selector.use}
    for _, root in document.requirements():
        found |= {name for part in walk(root) for name in part.named(FRAGMENT)}
    return frozenset(reference.split("/")[0] for reference in found)


def resolve(document: AnyDocument, fragments: Mapping[str, Fragment]) -> AnyDocument:
    """Return the document with all references replaced; UnknownRule where a fragment or its entry is missing.

    A fragment's selectors join the document's `evidence` under their own names, or as `<fragment>_<name>`
    where another selector has that name; the missing keys stay those of the fragment.
    """
    if not isinstance(document, Certification | Assignment) or not uses(document):
        return document
    evidence = {name: _selector(name, each, fragments) for name, each in document.evidence.items()}
    resolver = _Resolver(evidence, fragments)
    if isinstance(document, Assignment):
        path = tuple(map(resolver.requirement, document.path))
        return replace(document, evidence=evidence, path=path)
    award = replace(document.award, when=resolver.requirement(document.award.when))
    renewal = document.renewal
    if renewal is not None:
        renewal = replace(renewal, when=resolver.requirement(renewal.when))
    rules = tuple(replace(rule, unless=resolver.requirement(rule.unless)) for rule in document.release_rules)
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


class _Resolver:
    """Replaces `use` in requirements and gathers the selectors this brings in."""

    def __init__(self, evidence: dict[str, Selector], fragments: Mapping[str, Fragment]) -> None:
        self.evidence, self.fragments = evidence, fragments

    def requirement(self, requirement: Requirement) -> Requirement:
        if isinstance(requirement, Use):
            return self._used(requirement)
        return requirement.changed(
            lambda kind, value: tuple(map(self.requirement, value)) if kind is PARTS else value
        )

    def _used(self, use: Use) -> Requirement:
        fragment, found = _entry(use.reference, self.fragments, "requirements")
        names = {name: self._join(fragment, name) for part in walk(found) for name in part.all_selectors()}
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


def _renamed(requirement: Requirement, names: Mapping[str, str]) -> Requirement:
    """Return a requirement with other names for its selectors; its missing key stays what it was."""

    def change(kind: Kind, value: Any) -> Any:
        if kind is PARTS:
            return tuple(_renamed(part, names) for part in value)
        if kind is SELECTOR:
            return names[value]
        return tuple(names[name] for name in value) if kind in {SELECTOR_LIST, DISQUALIFIERS} else value

    found, key = requirement.changed(change), requirement.missing_key
    return found if found.missing_key == key else replace(found, key=key)
