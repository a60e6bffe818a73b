"""A plan as a page shows it: a sentence, the kinds of change by harm, reasons with lines of the rule."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrs.words.engine import engine
from lrs.words.reader import mark, n, spoken_day, t
from rules.checking.load import load
from rules.language.demands import AllDemands, AnyDemand, Demand, TierAtLeast
from rules.language.model import Gate
from rules.language.positions import render

KINDS: Final = {
    "lose": (mark("Lose"), "bad"),
    "change": (mark("Change"), "late"),
    "gain": (mark("Gain"), "good"),
    "asked": (mark("Asked"), "neutral"),
}
"""Kinds of change, the greatest harm first: title and tone."""
PLACE: Final = re.compile(r" \(v(\S+) ([^()]+)\)$")
"""Where the engine's reasons say that a requirement stands."""


@dataclass(frozen=True, slots=True)
class PlanHead:
    """What stands above the rows of a plan."""

    sentence: str
    counts: tuple[tuple[str, str, str, int], ...]  # kind, title, tone, people
    lose: int
    chosen: str
    state: str  # open, applied or expired


def head(plan: Mapping[str, Any], chosen: str | None, now: dt.datetime) -> PlanHead:
    """Return the head of a plan; `chosen` is the kind of rows that is asked for, by default the worst."""
    summary = plan["summary"]
    people = {**summary, "asked": sum(plan.get("asked_summary", {}).values())}
    counts = tuple((kind, title, tone, people.get(kind, 0)) for kind, (title, tone) in KINDS.items())
    worst = next((kind for kind, _, _, count in counts if count), "lose")
    return PlanHead(
        sentence=sentence(plan),
        counts=counts,
        lose=summary.get("lose", 0),
        chosen=chosen if chosen in KINDS else worst,
        state=state(plan, now),
    )


def state(plan: Mapping[str, Any], now: dt.datetime) -> str:
    """Return whether a plan is open, applied or expired."""
    if plan.get("applied_at") is not None:
        return "applied"
    return "open" if plan["expires_at"] > now else "expired"


def sentence(plan: Mapping[str, Any]) -> str:
    """Return what a plan does, in one sentence: losses first."""
    summary, tiers = plan["summary"], len(plan["tiers"])
    asked = plan.get("asked_summary", {})
    if not any(summary.get(kind) for kind in KINDS) and not tiers and not any(asked.values()):
        same = summary.get("same", 0)
        return n(
            same,
            "This changes nobody; %(n)s person was looked at.",
            "This changes nobody; %(n)s people were looked at.",
        )
    parts = [
        n(summary.get("lose", 0), "%(n)s person loses", "%(n)s people lose"),
        n(summary.get("change", 0), "%(n)s changes", "%(n)s change"),
        n(summary.get("gain", 0), "%(n)s gains", "%(n)s gain"),
        n(tiers, "%(n)s tier moves", "%(n)s tiers move"),
    ]
    if new := asked.get("asked"):
        parts.append(n(new, "%(n)s is newly asked", "%(n)s are newly asked"))
    if moved := asked.get("due_changed"):
        parts.append(n(moved, "%(n)s gets another day", "%(n)s get another day"))
    if gone := asked.get("not_asked"):
        parts.append(n(gone, "%(n)s is no longer asked", "%(n)s are no longer asked"))
    return t("%(parts)s; %(same)s stay as they are.", parts=", ".join(parts), same=summary.get("same", 0))


# The files of a plan, and the line behind a row


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number, its text, and whether it is new beside the version before."""

    number: int
    text: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a plan: whose text it is, its lines, and where each path of it stands."""

    id: str
    version: str
    lines: tuple[Line, ...]
    places: Mapping[str, int]


def source(document: Mapping[str, Any], text: str, before: str | None) -> Source:
    """Return a file of a plan; `before` is the text of the version that it replaces, if there is one."""
    new = new_lines(text, before) if before is not None else frozenset()
    lines = tuple(Line(i, line, i in new) for i, line in enumerate(text.split("\n"), 1))
    found = load(text, "").positions
    places = {render(path): one.line for path, one in {**found.values, **found.keys}.items()}
    return Source(document["id"], document["version"], lines, places)


def new_lines(text: str, before: str) -> frozenset[int]:
    """Return the numbers of the lines that are not in the version before."""
    old, new = before.split("\n"), text.split("\n")
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return frozenset(
        line for kind, _, _, start, end in blocks if kind != "equal" for line in range(start + 1, end + 1)
    )


@dataclass(frozen=True, slots=True)
class Why:
    """Why a row of a plan is there, and where the rule says so: the index of the file, and its line."""

    text: str
    file: int | None = None
    line: int | None = None


def why(row: Mapping[str, Any], sources: Sequence[Source]) -> Why:
    """Return the reason of a row in words, with the line behind it where the plan's own files have it."""
    place = PLACE.search(row.get("reason") or "")
    text, path = engine(row["reason"]) if row.get("reason") else "", place[2] if place else ""
    if place:
        text = PLACE.sub("", text)
    if not text:
        text, path = _of_states(row)
    for i, one in enumerate(sources):
        if one.id == row.get("certification") and (not place or place[1] == one.version):
            return Why(text, i, _line_of(one, path))
    return Why(text)


def _of_states(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what differs between the two sides of a row, and the path of the rule that has to do with it."""
    before, after = row["before"], row["after"]
    if row["change"] == "gain":
        return t("meets what is asked for"), "award.when"
    if before.get("expires") != after.get("expires"):
        return _ends(before.get("expires"), after.get("expires")), "validity"
    if row.get("missing"):
        return t("missing: %(what)s", what=", ".join(row["missing"])), "award.when"
    if before.get("version") != after.get("version"):
        return t("judged by version %(version)s", version=after.get("version")), "version"
    return t("another state"), "award.when"


def _ends(before: str | None, after: str | None) -> str:
    old, new = (spoken_day(dt.datetime.fromisoformat(one)) if one else None for one in (before, after))
    if new is None:
        return t("has no end any more")
    return t("ends %(new)s instead of %(old)s", new=new, old=old) if old else t("ends %(new)s", new=new)


def _line_of(one: Source, path: str) -> int | None:
    """Return the line of a path, or of the nearest place above it that the file has."""
    while path:
        if path in one.places:
            return one.places[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


# Gates


@dataclass(frozen=True, slots=True)
class GateMove:
    """A gate that would open or close for an organization, because its tier moves."""

    gate: str
    organization: str
    opens: bool
    at: dt.datetime


def gate_moves(
    gates: Sequence[Gate], orders: Mapping[str, Sequence[str]], tiers: Sequence[Mapping[str, Any]]
) -> Iterator[GateMove]:
    """Yield the gates that a plan's tier changes open or close; `orders` are the tiers of each programme."""
    for one in tiers:
        order = orders.get(one["programme"], ())
        for gate in gates:
            if gate.tiers not in {None, one["programme"]}:
                continue
            was, will = (tier_allows(gate.allow_when, order, one[side]) for side in ("before", "after"))
            if was != will:
                yield GateMove(gate.id, one["organization"], will, one["at"])


def tier_allows(demand: Demand, order: Sequence[str], tier: str | None) -> bool:
    """Tell whether a tier leaves a condition open, whatever else it asks of whoever submits."""
    match demand:
        case AllDemands():
            return all(tier_allows(part, order, tier) for part in demand.parts)
        case AnyDemand():
            return any(tier_allows(part, order, tier) for part in demand.parts)
        case TierAtLeast():
            return demand.tier not in order or (
                tier in order and order.index(tier) >= order.index(demand.tier)
            )
        case _:
            return True
