"""The conditions of tiers and gates, one class each (cert#2.8, cert#2.9)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from rules.language.forms import PARTS, UNORDERED, Form, Kind, form, written
from rules.language.requirements import HeldStatus


@dataclass(frozen=True, slots=True)
class Holding:
    """Coordinates of a certification; all that are given must match."""

    certification: str | None = None
    role: str | None = None
    product: str | None = None
    level: str | None = None


def _given(holding: Holding) -> dict[str, str]:
    return {name: value for name, value in asdict(holding).items() if value is not None}


_HOLDING = Kind(lambda data: Holding(**data), _given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand(Form):
    """A node of a tier's or gate's conditions."""

    forms: ClassVar[dict[str, type[Any]]] = {}


@form("all", reported_as="all")
class AllDemands(Demand):
    """Every part holds."""

    parts: tuple[Demand, ...] = written("all", PARTS)


@form("any", reported_as="any")
class AnyDemand(Demand):
    """At least one part holds."""

    parts: tuple[Demand, ...] = written("any", PARTS)


@form("people_holding", reported_as="people_holding")
class PeopleHolding(Demand):
    """At least n people of the organization hold a certification (cert#2.8)."""

    holding: Holding = written("people_holding", _HOLDING)
    at_least: int = written("at_least")


@form("tier_at_least", reported_as="tier_at_least")
class TierAtLeast(Demand):
    """The organization has this tier or a higher one (cert#2.9)."""

    tier: str = written("tier_at_least")


@form("submitter_holds", reported_as="submitter_holds")
class SubmitterHolds(Demand):
    """The person who asks holds a certification (cert#2.9); strings may hold `{subject.field}`."""

    holding: Holding = written("submitter_holds", _HOLDING)
    status: tuple[HeldStatus, ...] = written("status", UNORDERED, default=("active",))
