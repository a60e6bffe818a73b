"""Checks inside one certification or fragment: selectors, fragments, keys, reach (E301 to E308, W502)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import Known, strings
from rules.checking.nodes import Node, activities, below, items, mapping, roots, selectors, used
from rules.checking.placeholders import check_placeholders
from rules.errors import Problem
from rules.evidence.selectors import CONTRADICTED
from rules.language.build import verb_iri
from rules.language.durations import Unit, duration
from rules.language.positions import render
from rules.language.requirements import AllOf, Another, AtLeast, Use, missing_keys_of


def check_requirements(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield the problems of the requirements and selectors of a document that has them."""
    yield from _unknown_selectors(loaded, known)
    yield from _unknown_fragments(loaded, known)
    yield from _unreachable(loaded)
    yield from _never_another(loaded)
    yield from _contradictory(loaded)
    yield from _colliding_keys(loaded, known)
    yield from check_placeholders(loaded, known)
    if loaded.data["kind"] in {"Certification", "Assignment"}:
        yield from _unused(loaded, known)
    if loaded.data["kind"] == "Certification":
        yield from _short_minimum(loaded)
        yield from _endless(loaded)
        yield from _without_fixed_date(loaded)


def _unknown_selectors(loaded: Loaded, known: Known) -> Iterator[Problem]:
    names = mapping(loaded.data.get("evidence"))
    for root in roots(loaded.data):
        for each in below(root):
            for path, name in each.selectors():
                if name not in names:
                    hint = known.nearest(name, names)
                    yield loaded.positions.problem(path, "E301", f"unknown selector {name}", hint)


def _unknown_fragments(loaded: Loaded, known: Known) -> Iterator[Problem]:
    fragments = known.fragments()
    for path, reference, where in used(loaded.data):
        fragment_id, _, name = reference.partition("/")
        if loaded.data["kind"] == "Fragment":
            message = "a fragment does not use another fragment"
            yield loaded.positions.problem(path, "E303", message, at_key=True)
        elif fragment_id not in fragments:
            if known.published is not None:
                hint = known.nearest(fragment_id, fragments)
                hint = f"{hint}/{name}" if hint else None
                yield loaded.positions.problem(path, "E303", f"unknown fragment {fragment_id}", hint)
        elif (fragment := fragments[fragment_id]) is not None:
            entries: Mapping[str, Any] = getattr(fragment, where)
            if name not in entries:
                hint = known.nearest(name, entries)
                hint = f"{fragment_id}/{hint}" if hint else None
                message = f"the fragment {fragment_id} has no {name} in its {where}"
                yield loaded.positions.problem(path, "E303", message, hint)


def _unreachable(loaded: Loaded) -> Iterator[Problem]:
    for root in roots(loaded.data):
        for each in below(root):
            listed = items(each.data.get("of"))
            least = each.data.get("at_least")
            if each.form is AtLeast and listed and isinstance(least, int) and least > len(listed):
                message = f"{least} of {len(listed)} entries can never be reached"
                yield loaded.positions.problem(each.at("at_least"), "E304", message, str(len(listed)))


def _never_another(loaded: Loaded) -> Iterator[Problem]:
    """Refuse `another` of a selector that selects one activity only, or a cmi5 unit (cert#4.7-5)."""
    evidence = mapping(loaded.data.get("evidence"))
    for root in roots(loaded.data):
        for each in below(root):
            selector = mapping(evidence.get(str(each.data.get("another")))) if each.form is Another else {}
            named = [activity for _, activity in activities(selector, ())]
            if "cmi5" in selector or (len(named) == 1 and not named[0].endswith("*")):
                message = "the selector has one activity, so there is never another"
                yield loaded.positions.problem(each.at("another"), "E304", message)


def _contradictory(loaded: Loaded) -> Iterator[Problem]:
    """Refuse a selector whose result takes back what each of its verbs says (cert#2.4-1)."""
    for path, _, selector in selectors(loaded.data):
        result, verbs = mapping(selector.get("result")), strings(selector.get("verb"))
        taken_back = [CONTRADICTED.get(verb_iri(verb)) for verb in verbs]
        for name in ("success", "completion"):
            value = result.get(name)
            if taken_back and all(each == (name, value) for each in taken_back):
                said = f"{name}: {str(value).lower()} takes back what {' and '.join(verbs)} says"
                message = f"{said}; such a statement never matches"
                yield loaded.positions.problem(
                    (*path, "result", name), "E308", message, str(not value).lower()
                )


def _colliding_keys(loaded: Loaded, known: Known) -> Iterator[Problem]:
    for listed in _told_together(loaded):
        first: dict[str, Node] = {}
        for key, each in (found for root in listed for found in _keys(root, known)):
            if key in first:
                where = render(first[key].path)
                message = f"the missing key {key} is that of {where} too; give one of them a key"
                place = each.at("key") if "key" in each.data else each.path
                yield loaded.positions.problem(place, "E307", message)
            first.setdefault(key, each)


def _told_together(loaded: Loaded) -> list[list[Node]]:
    """Return the requirements whose missing keys are told in one list: the steps of a path are."""
    every = roots(loaded.data)
    return [every] if loaded.data["kind"] == "Assignment" else [[root] for root in every]


def _keys(node: Node, known: Known) -> Iterator[tuple[str, Node]]:
    """Yield the missing keys a requirement can report (cert#2.5, cert#10), with the node that does."""
    key = node.data.get("key")
    if isinstance(key, str):
        yield key, node
    elif node.form is AllOf:
        for part in node.parts():
            yield from _keys(part, known)
    elif node.form is Use:
        fragment_id, _, name = str(node.data["use"]).partition("/")
        fragment = known.fragments().get(fragment_id)
        if fragment is not None and name in fragment.requirements:
            yield from ((each, node) for each in missing_keys_of(fragment.requirements[name]))
    else:
        yield node.form.derived_key(node.data), node


def _unused(loaded: Loaded, known: Known) -> Iterator[Problem]:
    if loaded.document is None or any(True for _ in _unknown_selectors(loaded, known)):
        return  # a misspelt name would make a second problem here
    named = {name for root in roots(loaded.data) for each in below(root) for _, name in each.selectors()}
    for path, name, _ in selectors(loaded.data):
        if name not in named:
            message = f"the selector {name} is not used"
            yield loaded.positions.problem(path, "W502", message, at_key=True, warning=True)


_DAYS = {
    Unit.HOURS: (0, 1),
    Unit.DAYS: (1, 1),
    Unit.WEEKS: (7, 7),
    Unit.MONTHS: (28, 31),
    Unit.YEARS: (365, 366),
}


def _short_minimum(loaded: Loaded) -> Iterator[Problem]:
    validity, renewal = mapping(loaded.data.get("validity")), loaded.data.get("renewal")
    if not isinstance(renewal, dict) or "minimum" not in validity:
        return
    opens = renewal.get("opens", "90 days")
    try:
        shortest, window = duration(validity["minimum"]), duration(opens)
    except (ValueError, TypeError, AttributeError):
        return
    below_window = (
        shortest.n < window.n
        if shortest.unit == window.unit
        else shortest.n * _DAYS[shortest.unit][1] < window.n * _DAYS[window.unit][0]
    )
    if below_window:
        message = f"the shortest period, {shortest}, is below renewal.opens, {window}"
        yield loaded.positions.problem(("validity", "minimum"), "E204", message, str(window))


def _endless(loaded: Loaded) -> Iterator[Problem]:
    """Refuse keys that need an end in a certification that is valid for ever."""
    validity = mapping(loaded.data.get("validity"))
    if validity.get("lasts") != "forever":
        return
    if validity.get("counted_from") in ("fixed_date", "previous_expiry"):
        message = f"counted_from: {validity['counted_from']} does not go with lasts: forever"
        later = loaded.positions.later([("validity", "lasts"), ("validity", "counted_from")])
        yield loaded.positions.problem(later, "E308", message, at_key=True)
    if "renewal" in loaded.data:
        message = "renewal does not go with lasts: forever"
        later = loaded.positions.later([("validity", "lasts"), ("renewal",)])
        yield loaded.positions.problem(later, "E308", message, at_key=True)


def _without_fixed_date(loaded: Loaded) -> Iterator[Problem]:
    """Refuse renewals on a common date where the validity names none (cert#2.3)."""
    renewal, validity = mapping(loaded.data.get("renewal")), mapping(loaded.data.get("validity"))
    if renewal.get("counted_from") == "fixed_date" and validity.get("counted_from") != "fixed_date":
        message = "counted_from: fixed_date goes only with validity.counted_from: fixed_date"
        yield loaded.positions.problem(("renewal", "counted_from"), "E308", message, at_key=True)
