"""What people did after a certification, counted by role, tier, and the certification that came before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Group = tuple[str, str | None, str]
"""Role, tier (`PROGRAMME:TIER`, None is any), and the certification that came before."""


@dataclass(frozen=True, slots=True)
class Person:
    """Where somebody belongs, and what they were awarded, each certification once, the first first."""

    role: str
    tiers: tuple[str, ...]
    awarded: tuple[str, ...]


@dataclass(slots=True)
class Followed:
    """How many of a group went on at all, and to what."""

    of: int = 0
    to: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`count` of `of` people in the group did this next."""

    certification: str
    count: int
    of: int
    group: Group


def followed(people: Iterable[Person]) -> dict[Group, Followed]:
    """Return for each group of similar people how many went on to what."""
    found: dict[Group, Followed] = {}
    for one in people:
        for before, after in pairwise(one.awarded):
            for tier in (None, *one.tiers):
                group = found.setdefault((one.role, tier, before), Followed())
                group.of += 1
                group.to[after] += 1
    return found


def suggestion(
    person: Person, known: Mapping[Group, Followed], open_to: Iterable[str], fewest: int
) -> Suggestion | None:
    """Return what most similar people did next that the person has not, None where they are too few.

    Those at a partner of the same tier go before all in the role; the certification awarded last before
    earlier ones. At least `fewest` people did it, so that it tells of nobody.
    """
    wanted = set(open_to) - set(person.awarded)
    for before in reversed(person.awarded):
        for tier in (*person.tiers, None):
            group = known.get((person.role, tier, before))
            best = _best(group, wanted, fewest) if group is not None else None
            if group is not None and best is not None:
                return Suggestion(best, group.to[best], group.of, (person.role, tier, before))
    return None


def groups_of(person: Person) -> Sequence[Group]:
    """Return the groups that a person is similar to."""
    return [(person.role, tier, before) for before in person.awarded for tier in (None, *person.tiers)]


def _best(group: Followed, wanted: set[str], fewest: int) -> str | None:
    """Return what most did, by name among equals."""
    fit = [(-count, name) for name, count in group.to.items() if name in wanted and count >= fewest]
    return min(fit)[1] if fit else None
