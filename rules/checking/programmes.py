"""Checks of partner tiers and gates: tiers, programmes, placeholders, keys (cert#2.8, cert#2.9, cert#3-4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import Known, strings
from rules.checking.nodes import demands, items, mapping, targets, texts
from rules.errors import Problem
from rules.language.positions import Path, render

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def check_targets(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield what the targets of a document name and nobody knows, and days turned round (cert#5-8)."""
    programmes = known.programmes()
    for path, target in targets(loaded.data):
        programme, tier = target.get("programme"), target.get("tier")
        if programme in programmes and isinstance(tier, str) and tier not in programmes[programme]:
            hint = known.nearest(tier, programmes[programme])
            yield loaded.positions.problem((*path, "tier"), "E302", f"unknown tier {tier}", hint)
        if isinstance(programme, str) and programme not in programmes and known.published is not None:
            hint = known.nearest(programme, programmes)
            message = f"unknown programme {programme}"
            yield loaded.positions.problem((*path, "programme"), "E302", message, hint)
        yield from _unknown_places(loaded, known, path, target)
        yield from _turned_round(loaded, target, path, "hired_since", "hired_until")


def _unknown_places(loaded: Loaded, known: Known, path: Path, target: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the organizations and regions of a target that the store does not know."""
    for key, what, names in (
        ("partner", "organization", known.store.organizations),
        ("region", "region", known.store.regions),
    ):
        value = target.get(key)
        for i, name in enumerate(strings(value)):
            if names is not None and name not in names:
                place = (*path, key, i) if isinstance(value, list) else (*path, key)
                hint = known.nearest(name, names)
                yield loaded.positions.problem(place, "E302", f"unknown {what} {name}", hint)


def _turned_round(
    loaded: Loaded, data: Mapping[str, Any], path: Path, first: str, last: str
) -> Iterator[Problem]:
    """Yield a span of days that ends before it begins; dates sort as text."""
    begins, ends = data.get(first), data.get(last)
    if isinstance(begins, str) and isinstance(ends, str) and ends < begins:
        message = f"{last} {ends} is before {first} {begins}"
        yield loaded.positions.problem((*path, last), "E204", message)


def check_window(loaded: Loaded) -> Iterator[Problem]:
    """Yield a window of an assignment that closes before it opens, and days due outside it (cert#2.11)."""
    window = mapping(loaded.data.get("window"))
    yield from _turned_round(loaded, window, ("window",), "opens", "closes")
    for i, target in enumerate(items(loaded.data.get("targets"))):
        due = mapping(target).get("due_on")
        for key, word, side in (("opens", "before it opens", -1), ("closes", "after it closes", 1)):
            day = window.get(key)
            if isinstance(due, str) and isinstance(day, str) and (due > day) - (due < day) == side:
                message = f"{due} is {word} on {day}"
                yield loaded.positions.problem(("targets", i, "due_on"), "E204", message, day)


def check_due_notices(loaded: Loaded) -> Iterator[Problem]:
    """Yield the notices that go before or after a due day where nothing sets one (cert#8-5)."""
    listed = items(loaded.data.get("targets"))
    if "closes" in mapping(loaded.data.get("window")):
        return
    if any(key in mapping(target) for target in listed for key in ("due_within", "due_on")):
        return
    for i, notice in enumerate(items(loaded.data.get("notices"))):
        for key in ("before_due", "after_due"):
            if key in mapping(notice):
                message = f"{key} goes only with a target that has due_within or due_on"
                yield loaded.positions.problem(("notices", i, key), "E308", message, at_key=True)


def check_tiers(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield the problems of a PartnerTiers document beyond its shape."""
    data, order = loaded.data, strings(loaded.data.get("order"))
    given = mapping(data.get("tiers"))
    for name in given:
        if order and name == order[0]:
            message = f"{name} is the first tier: it has no requirement"
            yield loaded.positions.problem(("tiers", name), "E308", message, at_key=True)
        elif name not in order:
            hint = known.nearest(name, order)
            yield loaded.positions.problem(
                ("tiers", name), "E302", f"{name} is not in order", hint, at_key=True
            )
    for name in order[1:]:
        if name not in given:
            yield loaded.positions.problem(
                ("tiers", name), "E202", f"the demands of the tier {name} are missing"
            )
    for name, tree in given.items():
        for path, demand in demands(tree, ("tiers", name)):
            yield from _holding(loaded, known, (*path, "people_holding"), demand.get("people_holding"))
    yield from _tested_tiers(loaded, known, order)


def _tested_tiers(loaded: Loaded, known: Known, order: Collection[str]) -> Iterator[Problem]:
    for i, test in enumerate(items(loaded.data.get("tests"))):
        expect = mapping(mapping(test).get("expect"))
        yield from _known_tiers(loaded, known, ("tests", i, "expect"), expect, order)


def _known_tiers(
    loaded: Loaded, known: Known, path: Path, named: Any, order: Collection[str]
) -> Iterator[Problem]:
    for organization, tier in mapping(named).items():
        if isinstance(tier, str) and tier not in order:
            hint = known.nearest(tier, order)
            yield loaded.positions.problem((*path, organization), "E302", f"unknown tier {tier}", hint)


def _holding(loaded: Loaded, known: Known, path: Path, holding: Any) -> Iterator[Problem]:
    name = mapping(holding).get("certification")
    names = known.ids("Certification")
    if isinstance(name, str) and name not in names and known.published is not None and "{" not in name:
        hint = known.nearest(name, names)
        yield loaded.positions.problem(
            (*path, "certification"), "E302", f"unknown certification {name}", hint
        )


def check_gate(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield the problems of a Gate document beyond its shape."""
    nodes = list(demands(loaded.data.get("allow_when"), ("allow_when",)))
    yield from _programme(loaded, known, any("tier_at_least" in demand for _, demand in nodes))
    order = _order(loaded, known)
    for path, demand in nodes:
        yield from _holding(loaded, known, (*path, "submitter_holds"), demand.get("submitter_holds"))
        tier = demand.get("tier_at_least")
        if order is not None and isinstance(tier, str) and tier not in order and "{" not in tier:
            hint = known.nearest(tier, order)
            yield loaded.positions.problem((*path, "tier_at_least"), "E302", f"unknown tier {tier}", hint)
    yield from _gate_keys(loaded)
    yield from _gate_placeholders(loaded)
    yield from _gate_tests(loaded, known, order)


def _programme(loaded: Loaded, known: Known, needed: bool) -> Iterator[Problem]:
    programmes = known.programmes()
    name = loaded.data.get("tiers")
    if name is None and needed and len(programmes) > 1:
        message = f"tiers is missing: there are {len(programmes)} programmes"
        yield loaded.positions.problem(("tiers",), "E202", message)
    elif isinstance(name, str) and name not in programmes and known.published is not None:
        hint = known.nearest(name, programmes)
        yield loaded.positions.problem(("tiers",), "E302", f"unknown programme {name}", hint)
    elif needed and name is None and not programmes and known.published is not None:
        yield loaded.positions.problem(("tiers",), "E302", "no programme is published for tier_at_least")


def _order(loaded: Loaded, known: Known) -> tuple[str, ...] | None:
    programmes = known.programmes()
    name = loaded.data.get("tiers")
    if isinstance(name, str):
        return programmes.get(name)
    return next(iter(programmes.values())) if len(programmes) == 1 else None


def _gate_keys(loaded: Loaded) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for key, path in _keys(loaded.data.get("allow_when"), ("allow_when",)):
        if key in first:
            message = f"the key {key} is that of {render(first[key])} too; give one of them a key"
            yield loaded.positions.problem(path, "E307", message)
        first.setdefault(key, path)


def _keys(data: Any, path: Path) -> Iterator[tuple[str, Path]]:
    demand = mapping(data)
    if isinstance(demand.get("key"), str):
        yield demand["key"], path
    elif "all" in demand:
        for i, each in enumerate(items(demand["all"])):
            yield from _keys(each, (*path, "all", i))
    else:
        yield from ((form, path) for form in ("any", "tier_at_least", "submitter_holds") if form in demand)


def _gate_placeholders(loaded: Loaded) -> Iterator[Problem]:
    subject = loaded.data.get("subject")
    good = re.compile(rf"\{{{re.escape(str(subject))}\.[A-Za-z][A-Za-z0-9_-]*\}}")
    for key in ("allow_when", "refusal"):
        for path, text in texts(loaded.data.get(key), (key,)):
            for found in _PLACEHOLDER.findall(text):
                if good.fullmatch(found) is None:
                    hint = _corrected(found, str(subject))
                    message = f"{found} is not a field of the subject {subject}"
                    yield loaded.positions.problem(path, "E306", message, hint)


def _corrected(placeholder: str, subject: str) -> str | None:
    field = placeholder[1:-1].rsplit(".", maxsplit=1)[-1].strip()
    return f"{{{subject}.{field}}}" if re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", field) else None


def _gate_tests(loaded: Loaded, known: Known, order: tuple[str, ...] | None) -> Iterator[Problem]:
    plain = {"organization", "submitter", "answer", "failed", "message"}
    for i, test in enumerate(items(loaded.data.get("tests"))):
        if order is not None:
            yield from _known_tiers(loaded, known, ("tests", i, "tiers"), mapping(test).get("tiers"), order)
        for j, row in enumerate(items(mapping(test).get("expect"))):
            for key in mapping(row):
                if key not in plain and key != loaded.data.get("subject"):
                    hint = known.nearest(key, [*plain, str(loaded.data.get("subject"))])
                    path = ("tests", i, "expect", j, key)
                    yield loaded.positions.problem(path, "E201", f"unknown key {key}", hint, at_key=True)
