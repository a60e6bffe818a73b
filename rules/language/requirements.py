"""The forms of a requirement, one class each (cert#2.5).

How a new one is added: docs/rules/adding-a-form.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal, Self

from rules.language.durations import Duration
from rules.language.forms import (
    CERTIFICATION,
    DISQUALIFIERS,
    DURATION,
    FRAGMENT,
    NUMBER,
    PARTS,
    SELECTOR,
    SELECTOR_LIST,
    UNORDERED,
    Form,
    form,
    written,
)

Attempt = Literal["best", "latest", "first", "any"]
Distinct = Literal["statement", "activity", "registration"]
HeldStatus = Literal["active", "grace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement(Form):
    """What every form of requirement may carry: words, a missing key, disqualifiers (cert#2.5)."""

    forms: ClassVar[dict[str, type[Any]]] = {}

    disqualified_by: tuple[str, ...] = written("disqualified_by", DISQUALIFIERS, default=())

    @classmethod
    def read(cls, data: Any) -> Self:
        """Make a requirement from valid plain data; a bare name means `{done: name}`."""
        return super(Requirement, cls).read({"done": data} if isinstance(data, str) else data)

    def evidence_selectors(self) -> tuple[str, ...]:
        """Return the selectors whose statements are evidence for the requirement itself."""
        return self.named(SELECTOR, SELECTOR_LIST)

    def all_selectors(self) -> tuple[str, ...]:
        """Return the selectors that the requirement itself names, disqualifiers included."""
        return (*self.evidence_selectors(), *self.disqualified_by)


@form("all", reported_as="all")
class AllOf(Requirement):
    """Every part is satisfied; the missing keys are those of the parts."""

    parts: tuple[Requirement, ...] = written("all", PARTS)


@form("any", reported_as="any")
class AnyOf(Requirement):
    """At least one part is satisfied."""

    parts: tuple[Requirement, ...] = written("any", PARTS)


@form("of", reported_as="at_least_{at_least}")
class AtLeast(Requirement):
    """At least n of the listed parts are satisfied."""

    n: int = written("at_least")
    parts: tuple[Requirement, ...] = written("of", PARTS)


@form("done", reported_as="{done}")
class Done(Requirement):
    """A matching statement exists."""

    selector: str = written("done", SELECTOR)


@form("score", reported_as="{score}")
class Score(Requirement):
    """The chosen attempt reaches a value between 0 and 1 (cert#4.3)."""

    selector: str = written("score", SELECTOR)
    at_least: Decimal = written("at_least", NUMBER)
    attempt: Attempt = written("attempt", default="best")


@form("holds", reported_as="holds_{holds}")
class Holds(Requirement):
    """The person's status in another certification is listed."""

    certification: str = written("holds", CERTIFICATION)
    status: tuple[HeldStatus, ...] = written("status", UNORDERED, default=("active",))
    version_at_least: str | None = written("version_at_least", default=None)


@form("count", reported_as="{count}")
class Count(Requirement):
    """That many distinct statements, activities or registrations."""

    selector: str = written("count", SELECTOR)
    distinct: Distinct = written("distinct", default="statement")
    at_least: int = written("at_least")


@form("sum", reported_as="{sum}")
class Sum(Requirement):
    """The sum of a field over distinct values reaches a number."""

    selector: str = written("sum", SELECTOR)
    field: str = written("field")
    distinct: Distinct = written("distinct", default="statement")
    at_least: Decimal = written("at_least", NUMBER)


@form("in_order", reported_as="in_order")
class InOrder(Requirement):
    """Statements exist with non-decreasing effective times."""

    selectors: tuple[str, ...] = written("in_order", SELECTOR_LIST)
    within: Duration | None = written("within", DURATION, default=None)


@form("another", reported_as="{another}")
class Another(Requirement):
    """A matching statement about another activity than those of the last period (cert#4.7-5)."""

    selector: str = written("another", SELECTOR)


@form("in_turn", reported_as="in_turn")
class InTurn(Requirement):
    """A statement of the selector whose turn it is: the one after that of the last period (cert#4.7-5)."""

    selectors: tuple[str, ...] = written("in_turn", SELECTOR_LIST)


@form("use", reported_as="{use}")
class Use(Requirement):
    """A fragment's requirement, `fragment/name`; `fragments.resolve` replaces it before publication."""

    reference: str = written("use", FRAGMENT)


def missing_keys_of(requirement: Requirement) -> list[str]:
    """Return every missing key that a requirement can report, in document order (cert#2.5)."""
    if isinstance(requirement, AllOf) and requirement.key is None:
        return [key for part in requirement.parts for key in missing_keys_of(part)]
    return [requirement.missing_key]
