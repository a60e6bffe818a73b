"""A partner as a page shows it: its tier in a programme, a meter for each demand, and its gates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lrs.console.models.rule_words import demand_text
from lrs.words.reader import t
from rules.language.demands import Demand, Holding, PeopleHolding, SubmitterHolds, TierAtLeast
from rules.language.forms import walk
from rules.language.model import Gate, PartnerTiers
from rules.programmes.tier_timeline import TierTimeline
from rules.programmes.tiers import (
    Reached,
    Standing,
    TierCheck,
    coordinates,
    counted_states,
    demand_keys,
    fits,
)
from rules.wording.phrases import spoken


@dataclass(frozen=True, slots=True)
class Meter:
    """One demand of a tier: how many it asks for, how many there are, who, and what they have to hold."""

    label: str
    need: int
    have: int
    people: tuple[str, ...] = ()
    holding: Holding | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the demand is met."""
        return self.have >= self.need


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier of the ladder: whether it is met, whether it is held, its meters."""

    tier: str
    name: str
    met: bool
    held: bool
    meters: tuple[Meter, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A partner in one programme: tier now, when it falls or rises and to what, each tier with its meters."""

    programme: str
    title: str
    tier: str | None
    falls_at: dt.datetime | None
    ahead: tuple[tuple[dt.datetime, str | None], ...]
    rungs: tuple[Rung, ...]


def title_of(document: PartnerTiers | Gate) -> str:
    """Return what a programme or gate is called; one without a title by its id as words."""
    return document.title if document.title not in {"", document.id} else spoken(document.id)


def ladder(programme: PartnerTiers, timeline: TierTimeline, reached: Reached, now: dt.datetime) -> Ladder:
    """Return a partner's place in a programme, the highest tier first."""
    held = timeline.at(now)
    ahead, before = [], held.tier
    for segment in timeline.segments:
        if segment.at > now and segment.tier != before:
            ahead.append((segment.at, segment.tier))
            before = segment.tier
    rungs = tuple(_rung(programme, check, held.tier) for check in reversed(reached.checks))
    return Ladder(programme.id, title_of(programme), held.tier, held.falls_at, tuple(ahead), rungs)


def _rung(programme: PartnerTiers, check: TierCheck, held: str | None) -> Rung:
    demand = programme.tiers.get(check.tier)
    meters = _meters(demand, check) if demand is not None else ()
    return Rung(check.tier, spoken(check.tier), check.met, check.tier == held, tuple(meters))


def _meters(demand: Demand, check: TierCheck) -> list[Meter]:
    """Return a meter for each demand of the choice that was looked at; met ones have who fills them."""
    known = dict(_asked(demand))
    unmet = {one.key: one for one in check.unmet}
    meters = []
    for key in check.matched or unmet:
        people, lacking, asked = check.matched.get(key, ()), unmet.get(key), known.get(key)
        need = lacking.required if lacking else asked.at_least if asked else len(people)
        have = lacking.observed if lacking else max(len(people), need)
        label = (asked.label or coordinates(asked.holding)) if asked else key
        meters.append(Meter(label, need, have, tuple(people), asked.holding if asked else None))
    return meters


def _asked(demand: Demand) -> list[tuple[str, PeopleHolding]]:
    leaves = [one for one in walk(demand) if isinstance(one, PeopleHolding)]
    return list(zip(demand_keys(leaves), leaves, strict=True))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a gate as it stands for a partner; `ok` is None where it hangs on who asks."""

    text: str
    ok: bool | None
    observed: str


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate for one partner: open for how many of its people, or closed and why."""

    id: str
    title: str
    enforced: bool
    is_open: bool
    conditions: tuple[Condition, ...]


def gate_view(
    gate: Gate, order: Sequence[str], tier: str | None, people: Mapping[str, Sequence[Standing]]
) -> GateView:
    """Return how a gate stands for a partner; placeholders of the subject stand for anything."""
    conditions = tuple(
        _condition(one, order, tier, people)
        for one in walk(gate.allow_when)
        if isinstance(one, TierAtLeast | SubmitterHolds)
    )
    closed = any(one.ok is False for one in conditions)
    return GateView(gate.id, title_of(gate), gate.mode == "active", not closed, conditions)


def _condition(
    demand: TierAtLeast | SubmitterHolds,
    order: Sequence[str],
    tier: str | None,
    people: Mapping[str, Sequence[Standing]],
) -> Condition:
    text = demand.label or demand_text(demand)
    if isinstance(demand, TierAtLeast):
        if "{" in demand.tier:
            return Condition(text, None, spoken(tier) if tier else t("no tier"))
        ok = tier in order and demand.tier in order and order.index(tier) >= order.index(demand.tier)
        return Condition(text, ok, spoken(tier) if tier else t("no tier"))
    states, wanted = counted_states(demand.status), _open(demand.holding)
    count = sum(any(fits(wanted, one) and one.state in states for one in held) for held in people.values())
    return Condition(text, None if count else False, t("%(count)s of its people do", count=count))


def _open(holding: Holding) -> Holding:
    """Return a holding without the coordinates that a subject fills in."""
    given = {
        name: None
        for name in ("certification", "role", "product", "level")
        if "{" in (getattr(holding, name) or "")
    }
    return replace(holding, **given)
