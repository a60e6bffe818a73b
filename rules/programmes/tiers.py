"""Which tier an organization's people reach (cert#5-1 to cert#5-3): matching people to demands.

Under `one_requirement` a demand for n people is n slots, each person fills at most one slot of a tier, and
a tier is reached exactly if all slots can be filled at once: a bipartite matching with demands as capacities.
Under `many` each demand counts distinct people on its own.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Literal, Protocol

from rules.language.demands import AllDemands, AnyDemand, Demand, Holding, PeopleHolding
from rules.language.forms import walk
from rules.language.model import PartnerTiers

CHOICES = 10_000
"""How many combinations of `any` branches are tried for one tier, in document order."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person holds at one instant: a certification with its coordinates, and the public state.

    `state` is as in 4.11; `renewal_open` counts as `active`.
    """

    certification: str | None = None
    role: str | None = None
    product: str | None = None
    level: str | None = None
    state: str = "active"
    version: str | None = None
    award: str | None = None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A demand that lacks people: its key and label, how many it asks for, how many it got."""

    key: str
    label: str | None
    required: int
    observed: int

    @property
    def missing(self) -> int:
        """The number of people still missing."""
        return self.required - self.observed


@dataclass(frozen=True, slots=True)
class TierCheck:
    """One tier on its own: whether it is met, by whom (demand key -> persons), and what is missing."""

    tier: str
    met: bool
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unmet: tuple[Unmet, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """The highest tier reached, with the check of every tier from the lowest to the highest (cert#5-3)."""

    tier: str
    checks: tuple[TierCheck, ...]

    def check(self, tier: str) -> TierCheck:
        """Return the check of one tier; KeyError if there is none."""
        for check in self.checks:
            if check.tier == tier:
                return check
        raise KeyError(tier)

    def next_unmet(self) -> TierCheck | None:
        """Return the first tier from below that is not met, None if all are."""
        return next((check for check in self.checks if not check.met), None)


People = Mapping[str, Sequence[Standing]]
"""From a person to what that person holds."""


class Eligible(Protocol):
    """Who may fill which demand, each list in a fixed order."""

    def of(self, holding: Holding) -> Sequence[str]:
        """Return the people who hold it in a state that counts."""
        ...


def reached(programme: PartnerTiers, people: People) -> Reached:
    """Return the highest tier whose demands, with those of all lower tiers, these people meet (cert#5-3)."""
    eligible = _Eligible(programme, people)
    checks = [lowest(programme), *(check_tier(name, programme, eligible) for name in programme.order[1:])]
    highest = checks[0].tier
    for check in checks[1:]:
        if not check.met:
            break
        highest = check.tier
    return Reached(highest, tuple(checks))


def lowest(programme: PartnerTiers) -> TierCheck:
    """Return the check of the lowest tier, which everybody reaches."""
    return TierCheck(programme.order[0], met=True)


def may_be_met(tier: str, programme: PartnerTiers, eligible: Eligible) -> bool:
    """Tell whether there are people enough for each demand of a choice on its own, whoever fills which."""
    return any(
        all(len(eligible.of(demand.holding)) >= demand.at_least for demand in choice)
        for choice in islice(choices(programme.tiers[tier]), CHOICES)
    )


def check_tier(name: str, programme: PartnerTiers, eligible: Eligible) -> TierCheck:
    """Check one tier on its own (cert#5-2); unmet are the demands of the choice that lacks fewest people."""
    match = _fill if programme.one_person_fills == "one_requirement" else _count
    best: TierCheck | None = None
    for choice in islice(choices(programme.tiers[name]), CHOICES):
        check = _checked(name, choice, match(choice, eligible))
        if check.met:
            return check
        if best is None or _lacking(check) < _lacking(best):
            best = check
    return best if best is not None else TierCheck(name, met=False)


def _lacking(check: TierCheck) -> int:
    return sum(unmet.missing for unmet in check.unmet)


def choices(demand: Demand) -> Iterator[tuple[PeopleHolding, ...]]:
    """Yield the sets of demands that satisfy a tree: one branch of each `any`, all parts of each `all`."""
    match demand:
        case PeopleHolding():
            yield (demand,)
        case AnyDemand():
            for part in demand.parts:
                yield from choices(part)
        case AllDemands():
            for parts in product(*(tuple(islice(choices(part), CHOICES)) for part in demand.parts)):
                yield tuple(leaf for leaves in parts for leaf in leaves)
        case _:
            msg = f"{type(demand).__name__} is no demand of a tier"
            raise TypeError(msg)


class _Eligible:
    """Who may fill which demand, so ordered that answers do not depend on the order of people."""

    def __init__(self, programme: PartnerTiers, people: People) -> None:
        self._states = counted_states(programme.status)
        self._people = sorted(people.items())
        self._found: dict[Holding, list[str]] = {}

    def of(self, holding: Holding) -> list[str]:
        """Return the people who hold it in a state that counts."""
        if holding not in self._found:
            self._found[holding] = [
                person
                for person, standings in self._people
                if any(s.state in self._states and fits(holding, s) for s in standings)
            ]
        return self._found[holding]


def counted_states(status: Iterable[str]) -> frozenset[str]:
    """Return the public states that a `status` list means; `active` includes `renewal_open` (cert#2.5)."""
    named = frozenset(status)
    return named | {"renewal_open"} if "active" in named else named


def fits(holding: Holding, standing: Standing) -> bool:
    """Tell whether all given coordinates match (cert#2.8)."""
    return (
        holding.certification in {None, standing.certification}
        and holding.role in {None, standing.role}
        and holding.product in {None, standing.product}
        and holding.level in {None, standing.level}
    )


def holdings_of(programme: PartnerTiers) -> tuple[Holding, ...]:
    """Return what the demands of a programme ask people to hold, each once."""
    every = (one for demand in programme.tiers.values() for one in walk(demand))
    return tuple(dict.fromkeys(one.holding for one in every if isinstance(one, PeopleHolding)))


def people_looked_at(programme: PartnerTiers, tier: str) -> dict[Holding, int | None]:
    """Return how many people from the start of each list the check of a tier can depend on; None for all.

    Under `one_requirement` there are never more people taken than slots, so of as many people as there are
    slots one is free, or the list is at its end (`_fill`, `_augment`).
    """
    every = list(islice(choices(programme.tiers[tier]), CHOICES))
    slots = max((sum(demand.at_least for demand in choice) for choice in every), default=0)
    bound = slots if programme.one_person_fills == "one_requirement" else None
    return {demand.holding: bound for choice in every for demand in choice}


def _count(demands: Sequence[PeopleHolding], eligible: Eligible) -> list[Sequence[str]]:
    """Return for each demand the distinct people on its own (`many`)."""
    return [eligible.of(demand.holding) for demand in demands]


def _fill(demands: Sequence[PeopleHolding], eligible: Eligible) -> list[Sequence[str]]:
    """Return a largest matching of people to the slots of the demands (`one_requirement`)."""
    candidates = [eligible.of(demand.holding) for demand in demands]
    unseen = [iter(people) for people in candidates]  # who was taken stays taken: none is looked at twice
    taken: dict[str, int] = {}
    for index, demand in enumerate(demands):
        left = demand.at_least
        for person in unseen[index] if left else ():
            if person not in taken:
                taken[person] = index
                left -= 1
                if left == 0:
                    break
        while left > 0 and _augment(index, candidates, unseen, taken):
            left -= 1
    filled: list[list[str]] = [[] for _ in demands]
    for person in sorted(taken):
        filled[taken[person]].append(person)
    return [*filled]


def _augment(
    start: int, candidates: Sequence[Sequence[str]], unseen: Sequence[Iterator[str]], taken: dict[str, int]
) -> bool:
    """Give one more person to a demand, moving others between demands where that helps: a shortest path."""
    came_by: dict[int, tuple[str, int]] = {}
    queue = [start]
    visited = {start}
    for demand in queue:
        for person in unseen[demand]:
            if person not in taken:
                _move(person, demand, came_by, taken)
                return True
        for person in candidates[demand]:
            if len(visited) == len(candidates):
                break
            owner = taken[person]
            if owner not in visited:
                visited.add(owner)
                came_by[owner] = (person, demand)
                queue.append(owner)
    return False


def _move(person: str, demand: int, came_by: Mapping[int, tuple[str, int]], taken: dict[str, int]) -> None:
    """Take a free person for a demand and pass the others on along the path."""
    taken[person] = demand
    while demand in came_by:
        moved, demand = came_by[demand]
        taken[moved] = demand


def _checked(name: str, demands: Sequence[PeopleHolding], filled: Sequence[Sequence[str]]) -> TierCheck:
    keys = demand_keys(demands)
    unmet = tuple(
        Unmet(key, demand.label, demand.at_least, len(people))
        for key, demand, people in zip(keys, demands, filled, strict=True)
        if len(people) < demand.at_least
    )
    matched = {key: tuple(people) for key, people in zip(keys, filled, strict=True)}
    return TierCheck(name, met=not unmet, matched=matched, unmet=unmet)


def demand_keys(demands: Sequence[PeopleHolding]) -> list[str]:
    """Return a key per demand: its own, else its coordinates; a number is added where two are equal."""
    keys: list[str] = []
    for demand in demands:
        key = demand.key or coordinates(demand.holding)
        count = sum(1 for known in keys if known == key or known.startswith(f"{key} #"))
        keys.append(key if not count else f"{key} #{count + 1}")
    return keys


def coordinates(holding: Holding) -> str:
    """Return the given coordinates as words, such as `role sales, product edge`."""
    named: list[tuple[Literal["certification", "role", "product", "level"], str | None]] = [
        ("certification", holding.certification),
        ("role", holding.role),
        ("product", holding.product),
        ("level", holding.level),
    ]
    return ", ".join(f"{name} {value}" for name, value in named if value is not None)
