"""Words for people: labels, numbers and lists as `explain` shows them (certification.md 6-3)."""

from __future__ import annotations

from collections.abc import Sequence

from rules.history import Number
from rules.model import (
    AllOf,
    AnyOf,
    AtLeast,
    Count,
    Done,
    Duration,
    Holds,
    InOrder,
    Requirement,
    Score,
    Sum,
)


def label(requirement: Requirement) -> str:
    """Return the words for a requirement without a label."""
    match requirement:
        case Done() | Count() | Sum():
            return spoken(requirement.selector)
        case Score():
            return f"{spoken(requirement.selector)}, {percent(requirement.at_least)} or better"
        case Holds():
            return f"Holds {requirement.certification}"
        case InOrder():
            return f"{listing([spoken(name) for name in requirement.selectors], 'then')}"
        case AtLeast():
            return f"{requirement.n} of {len(requirement.parts)}"
        case AnyOf():
            return "One of these"
        case _:
            return "All of these"


def required(requirement: Requirement) -> str:
    """Return what a requirement asks for, in words."""
    match requirement:
        case Done():
            return "done"
        case Score():
            return f"{percent(requirement.at_least)} or better, {requirement.attempt} attempt"
        case Holds():
            version = (
                f", version {requirement.version_at_least} or newer" if requirement.version_at_least else ""
            )
            return f"{requirement.certification} {listing(requirement.status, 'or')}{version}"
        case Count():
            kind = {"statement": "time", "activity": "activity", "registration": "registration"}
            return plural(requirement.at_least, kind[requirement.distinct])
        case Sum():
            return f"{number(requirement.at_least)} in all"
        case InOrder():
            within = f" within {requirement.within}" if requirement.within is not None else ""
            return f"in this order{within}"
        case AtLeast():
            return f"at least {requirement.n}"
        case AnyOf():
            return "at least 1"
        case AllOf():
            return "all"
        case _:
            return "met"


def spoken(name: str) -> str:
    """Return an id as words: `sales_exam` becomes `Sales exam`."""
    text = name.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """Return a label inside a sentence: `Overview` becomes `overview`, `LTI exam` stays."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or len(text) == 1 else text


def verb(iri: str) -> str:
    """Return the last part of a verb id, such as `completed`."""
    return iri.rstrip("/").rpartition("/")[2] or iri


def percent(value: Number) -> str:
    """Return a share as percent, cut to two decimals so that 79.999 is not shown as 80."""
    hundredths = int(value * 10_000)
    whole, rest = divmod(abs(hundredths), 100)
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''} %"


def number(value: Number) -> str:
    """Return a number without trailing zeros or exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(n: int, noun: str) -> str:
    """Return `1 attempt`, `3 attempts`, `2 activities`."""
    if n == 1:
        return f"1 {noun}"
    return f"{n} {noun[:-1]}ies" if noun.endswith("y") else f"{n} {noun}s"


def listing(items: Sequence[str], last: str) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def adjective(duration: Duration) -> str:
    """Return `12-month`, as in a 12-month span."""
    return f"{duration.n}-{duration.unit.value.removesuffix('s')}"
