"""Who can mend a tier: the nearest first, whoever counts already left out; and what is lacking, now and soon."""

from __future__ import annotations

import datetime as dt

from lrs.console.models.partner import Ladder, Meter, Rung
from lrs.portal.models.mending import Break, candidates, gaps
from rules.engine.standings import StateAt
from rules.language.demands import Holding

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
SALES = Holding(role="sales")


def states(**known: str) -> dict[str, dict[str, StateAt]]:
    return {who: {"sales-pro": StateAt(state, AT)} for who, state in known.items()}


def test_the_nearest_comes_first_and_a_beginner_only_where_the_role_is_theirs() -> None:
    people = {
        "a": "sales", "b": "sales", "c": "sales", "d": "technical", "e": "sales", "f": "sales", "g": "technical",
    }  # fmt: skip
    known = states(a="expired", b="grace", c="in_progress", e="active", f="suspended", g="renewal_open")
    found = candidates(people, [("sales-pro", "sales")], known, {"x"}, 10)
    assert [(who, state) for who, _, state in found] == [
        ("b", "grace"), ("g", "renewal_open"), ("c", "in_progress"), ("a", "expired"),
    ]  # fmt: skip
    assert candidates(people, [("sales-pro", "sales")], known, {"b"}, 1) == [
        ("g", "sales-pro", "renewal_open")
    ]
    beginner = candidates({"h": "sales", "d": "technical"}, [("sales-pro", "sales")], {}, (), 10)
    assert beginner == [("h", "sales-pro", "not_started")]


def test_of_several_certifications_the_nearest_is_told() -> None:
    known = {"a": {"one": StateAt("expired", AT), "two": StateAt("in_progress", AT)}}
    found = candidates({"a": "sales"}, [("one", None), ("two", None)], known, (), 10)
    assert found == [("a", "two", "in_progress")]


def rung(name: str, have: int, need: int, *, held: bool = False) -> Rung:
    meter = Meter("sales", need, have, tuple("abcdef"[:have]), SALES)
    return Rung(name, name, have >= need, held, (meter,))


def test_what_is_lacking_is_that_of_the_tier_held_and_of_the_next_and_of_no_higher_one() -> None:
    rungs = (rung("platinum", 3, 9), rung("gold", 3, 5), rung("silver", 3, 3, held=True), rung("base", 3, 1))
    ladder = Ladder("acme", "Acme", "silver", None, (), rungs)
    found = [(one.tier, one.missing, one.is_held) for one in gaps(ladder, ())]
    assert found == [("gold", 2, False)]
    soon = Break(AT, "silver", "sales", 3, 2, ("c",), None)
    ahead = [(one.tier, one.missing, one.is_held, one.holds) for one in gaps(ladder, (soon,))]
    assert ahead[0] == ("silver", 1, True, ("a", "b")), "whose end is near can mend it"
