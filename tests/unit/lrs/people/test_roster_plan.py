"""What a row of a roster does: a mirror of who belongs, without overlaps, and the same row twice does nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs.foundation.errors import AccessError, InvalidField
from lrs.people.affiliations import begins, ends
from lrs.people.roster_plan import ELSEWHERE, LATE, Import, Plan, Row, plan_row

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ANA = {"_id": "p_ana", "name": "Ana"}
IFI = "mbox::mailto:ana@north.example"
Rows = list[dict[str, Any]]


def day(offset: int) -> dt.datetime:
    """A midnight, days from now."""
    return NOW.replace(hour=0) + offset * DAY


def held(org: str, start: int, until: int | None = None, **more: Any) -> dict[str, Any]:
    begun = day(start)
    return {
        "_id": f"{org}{start}",
        "org": org,
        "person": "p_ana",
        "from": begun,
        "until": None if until is None else day(until),
        "primary": True,
        "role": None,
        "confirmed_at": begun,
        "known_as": IFI,
        **more,
    }


def does(rows: Rows, how: Import | None = None, *, counts: bool = True, **row: Any) -> Plan:
    return plan_row(how or Import("north", NOW), Row(2, IFI, **row), ANA, rows, counts=counts)


def spans(plan: Plan, org: str = "north") -> list[tuple[Any, Any, bool]]:
    own = sorted((one for one in plan.rows if one["org"] == org), key=begins)
    return [(one["from"], one["until"], one["primary"]) for one in own]


def test_a_row_that_does_not_choose_moves_nobody_and_says_whom_it_would_move() -> None:
    with pytest.raises(InvalidField, match="moves Ana from south: say yes to move, or no"):
        does([held("south", -100)])


def test_a_row_that_says_primary_moves_and_tells_so() -> None:
    plan = does([held("south", -100)], primary=True)
    assert plan.outcome == "added"
    assert "moves Ana from south" in plan.does
    assert spans(plan, "south") == [(day(-100), NOW, True)]
    assert spans(plan) == [(NOW, None, True)]


@pytest.mark.parametrize(("elsewhere", "primary"), [("move", True), ("secondary", False)])
def test_an_import_may_choose_for_all_its_rows(elsewhere: Any, primary: bool) -> None:
    plan = does([held("south", -100)], Import("north", NOW, elsewhere=elsewhere))
    assert spans(plan) == [(NOW, None, primary)]
    assert spans(plan, "south")[0][1] == (NOW if primary else None)


def test_a_partner_does_not_learn_from_whom_a_row_would_move() -> None:
    with pytest.raises(InvalidField) as refused:
        does([held("south", -100)], Import("north", NOW, by_vendor=False))
    assert "south" not in str(refused.value)
    assert "Ana" not in str(refused.value)


@pytest.mark.parametrize("until", [30, 200])
def test_an_end_that_is_ahead_is_shortened_or_prolonged(until: int) -> None:
    plan = does([held("north", -100, 90, role="sales")], until=day(until), tells_end=True)
    assert (plan.outcome, spans(plan)) == ("changed", [(day(-100), day(until), True)])
    assert plan.rows[0]["role"] == "sales"


def test_an_end_that_is_ahead_is_emptied_where_the_column_is_there() -> None:
    rows = [held("north", -100, 90)]
    assert spans(does(rows, tells_end=True)) == [(day(-100), None, True)]
    assert does(rows).outcome == "unchanged"


@pytest.mark.parametrize("start", [-130, -70])
def test_a_start_is_corrected_and_counts_from_then(start: int) -> None:
    plan = does([held("north", -100)], start=day(start))
    assert (plan.outcome, spans(plan)) == ("changed", [(day(start), None, True)])
    assert plan.rows[0]["confirmed_at"] == day(start)


def test_a_corrected_start_of_a_move_moves_the_end_at_the_other_too() -> None:
    rows = [held("south", -200, -100), held("north", -100)]
    plan = does(rows, start=day(-120), primary=True)
    assert spans(plan, "south") == [(day(-200), day(-120), True)]
    assert spans(plan) == [(day(-120), None, True)]
    with pytest.raises(AccessError):
        does(rows, start=day(-120))


def test_somebody_who_returns_with_the_first_hire_date_begins_anew_once() -> None:
    rows = [held("north", -900, -400, role="sales")]
    plan = does(rows, start=day(-900), tells_end=True)
    assert spans(plan) == [(day(-900), day(-400), True), (NOW, None, True)]
    again = does(plan.rows, Import("north", NOW + DAY), start=day(-900), tells_end=True)
    assert again.outcome == "unchanged"


def test_somebody_who_returns_and_leaves_again_leaves_the_newer_time() -> None:
    rows = [held("north", -900, -400), held("north", -100)]
    plan = does(rows, start=day(-900), until=day(-10), tells_end=True)
    assert spans(plan) == [(day(-900), day(-400), True), (day(-100), day(-10), True)]


def test_a_contract_prolonged_late_has_no_gap_and_keeps_its_role() -> None:
    plan = does([held("north", -100, -3, role="sales")], until=day(300), tells_end=True)
    assert spans(plan) == [(day(-100), day(300), True)]
    assert plan.rows[0]["role"] == "sales"


def test_a_contract_that_follows_on_has_no_gap_and_keeps_its_role() -> None:
    plan = does([held("north", -100, -3, role="sales")], start=day(-3), tells_end=True)
    assert spans(plan) == [(day(-100), day(-3), True), (day(-3), None, True)]
    assert plan.rows[1]["role"] == "sales"


def test_what_nobody_confirmed_in_time_is_not_prolonged() -> None:
    rows = [held("north", -100, -3, confirmed_at=None, primary=False)]
    plan = does(rows, until=day(300), tells_end=True)
    assert spans(plan) == [(day(-100), day(-3), False), (NOW, day(300), True)]


def test_an_end_long_past_is_not_prolonged_but_history() -> None:
    gone = -(LATE.days + 2)
    plan = does([held("north", -100, gone)], until=day(300), tells_end=True)
    assert spans(plan) == [(day(-100), day(gone), True), (NOW, day(300), True)]


def test_a_secondary_affiliation_becomes_primary_from_now_on_with_role_and_end() -> None:
    rows = [held("south", -200), held("north", -100, 90, primary=False, role="sales")]
    plan = does(rows, primary=True)
    assert spans(plan) == [(day(-100), NOW, False), (NOW, day(90), True)]
    assert spans(plan, "south") == [(day(-200), NOW, True)]
    assert plan.does == ["becomes primary", "moves Ana from south"]
    assert {one["role"] for one in plan.rows if one["org"] == "north"} == {"sales"}
    assert does(rows).outcome == "unchanged", "a row that does not say it leaves it secondary"


def test_a_primary_affiliation_becomes_secondary_where_the_row_says_no() -> None:
    plan = does([held("north", -100)], primary=False)
    assert spans(plan) == [(day(-100), NOW, True), (NOW, None, False)]


def test_what_waits_for_confirmation_is_confirmed_by_a_row_that_counts() -> None:
    waiting = held("north", -100, confirmed_at=None, primary=False)
    plan = does([waiting])
    assert spans(plan) == [(NOW, None, True)]
    assert plan.rows[0]["confirmed_at"] == NOW
    assert does([waiting], counts=False).outcome == "unchanged"


def test_a_past_that_nobody_knows_needs_its_beginning() -> None:
    with pytest.raises(InvalidField, match="from"):
        does([], until=day(-10), tells_end=True)
    assert spans(does([], start=day(-50), until=day(-10), tells_end=True)) == [(day(-50), day(-10), True)]


def test_an_end_is_not_prolonged_over_the_time_at_another() -> None:
    with pytest.raises(AccessError):
        does([held("north", -100, 10), held("south", 10)], until=day(50), tells_end=True)


def test_the_name_is_that_of_the_organization_they_count_for() -> None:
    beside = [held("south", -200), held("north", -100, primary=False)]
    assert does(beside, name="A. Example").name is None
    assert does([held("north", -100)], name="Ana Example").name == "Ana Example"


OFFSETS = st.one_of(st.none(), st.integers(-400, 400))
STEPS = st.fixed_dictionaries(
    {
        "org": st.sampled_from(["north", "south"]),
        "after": st.integers(0, 200),
        "start": OFFSETS,
        "until": OFFSETS,
        "tells_end": st.booleans(),
        "primary": st.sampled_from([None, True, False]),
        "role": st.sampled_from([None, "sales", "lead"]),
        "elsewhere": st.sampled_from(ELSEWHERE),
        "counts": st.booleans(),
    }
)


def carry_out(rows: Rows, step: dict[str, Any], now: dt.datetime) -> Plan | None:
    start, until = ((step[name] is not None and day(step[name])) or None for name in ("start", "until"))
    if start and until and until <= start:
        return None
    row = Row(
        2,
        IFI,
        role=step["role"],
        start=start,
        until=until,
        primary=step["primary"],
        tells_end=step["tells_end"] or until is not None,
    )
    try:
        how = Import(step["org"], now, elsewhere=step["elsewhere"])
        return plan_row(how, row, ANA, rows, counts=step["counts"])
    except AccessError:
        return None


@settings(deadline=None, max_examples=400)
@given(st.lists(STEPS, min_size=1, max_size=8))
def test_over_any_history_the_same_row_twice_changes_nothing_and_nobody_overlaps(steps: list[Any]) -> None:
    rows: Rows = []
    now = NOW - 400 * DAY
    for step in steps:
        now += step["after"] * DAY
        before = [dict(one) for one in rows]
        plan = carry_out(rows, step, now)
        assert rows == before, "planning changes nothing"
        if plan is None:
            assert carry_out(rows, step, now) is None
            continue
        rows = sorted(plan.rows, key=begins)
        again = carry_out(rows, step, now + dt.timedelta(hours=1))
        assert again is not None
        assert (again.outcome, again.rows) == ("unchanged", rows)
        for at, one in enumerate(rows):
            assert begins(one) < ends(one)
            for other in rows[at + 1 :]:
                apart = ends(one) <= begins(other)
                assert apart or (one["org"] != other["org"] and not (one["primary"] and other["primary"]))
