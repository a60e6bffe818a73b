"""How somebody stands in an assignment (cert#2.11, cert#5-9)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from factories_decisions import instant, statement
from hypothesis import given
from hypothesis import strategies as st

from rules.checking.load import load
from rules.evidence.history import BEGINNING, END_OF_TIME, Held, PersonHistory
from rules.language.dump import document_hash, dump
from rules.language.model import Assignment
from rules.programmes.assignments import PublishedAssignment, Standing, standing
from rules.programmes.targets import Excuse, Learner, Named, Place

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ORDERS = {"acme": ("registered", "silver", "gold")}
TEXT = """
kind: Assignment
id: launch
version: "1"
title: Launch
evidence: {other: {verb: completed, activity: "https://acme.example/xapi/other"}}
path: [other, {holds: sales}]
"""


def assignment(rest: str = "targets: [{role: sales, due_within: 10 days}]") -> Assignment:
    loaded = load(TEXT + rest, "launch.yaml")
    assert isinstance(loaded.document, Assignment), loaded.problems
    return loaded.document


def place(since: str, until: str | None = None, **values: Any) -> Place:
    role = values.pop("role", "sales")
    return Place("north", role, instant(since), instant(until) if until else None, **values)


def history(*evidence: Any, held: str | None = None) -> PersonHistory:
    holds = {"sales": (Held(instant(held), None, "1"),)} if held else {}
    return PersonHistory(person="ana", evidence=evidence, holds=holds)


def stands(document: Assignment, at: str, *places: Place, **values: Any) -> Standing | None:
    learner = Learner("ana", places, values.pop("named", Named()))
    known = values.pop("known", history())
    versions = values.pop("versions", [PublishedAssignment(document)])
    return standing(versions, learner, ORDERS, known, known_at=END_OF_TIME, at=instant(at))


def state(document: Assignment, at: str, *places: Place, **values: Any) -> str | None:
    found = stands(document, at, *places, **values)
    return found and found.state


def test_a_document_is_written_and_read_as_it_was() -> None:
    document = assignment(
        "timezone: Europe/Berlin\n"
        "targets: [{region: emea, hired_since: 2026-01-01, person: [a@x.example], due_on: 2026-02-01}]\n"
        "window: {opens: 2026-01-01}\nexempt: [{group: leave, reason: Away, until: 2026-03-01}]\n"
        "notices: [{after_due: [7 days], to: [partner_admin]}]"
    )
    again = load(dump(document), "again.yaml").document
    assert again == document
    assert again is not None
    assert document_hash(again) == document_hash(document)


def test_what_was_done_before_counts_and_met_stays_met_when_a_certification_ends() -> None:
    known = replace(
        history(statement("other", "2025-06-01")),
        holds={"sales": (Held(instant("2026-01-05"), instant("2026-01-08"), "1"),)},
    )
    found = stands(assignment(), "2026-02-01", place("2026-01-02"), known=known)
    assert found is not None
    assert (found.state, found.met_at, found.missing) == ("met", instant("2026-01-05"), ())
    assert state(assignment(), "2026-01-04", place("2026-01-02"), known=known) == "in_progress"


def test_a_window_closes_for_those_who_are_not_done_and_for_those_who_come_later() -> None:
    document = assignment("targets: [{role: sales}]\nwindow: {opens: 2026-01-10, closes: 2026-01-20}")
    early, late = place("2025-01-01"), place("2026-01-21")
    known = history(statement("other", "2026-01-12"), held="2026-01-25")
    assert state(document, "2026-01-09", early) == "upcoming"
    assert state(document, "2026-01-20", early, known=known) == "in_progress"
    assert state(document, "2026-01-21", early, known=known) == "missed"
    assert state(document, "2026-02-01", early, known=known) == "missed", "too late to be met"
    assert state(document, "2026-02-01", late) is None
    found = stands(document, "2026-01-12", early)
    assert found is not None
    assert found.asked.due == dt.date(2026, 1, 20), "the day is that on which the window closes"


def test_exemptions_tell_their_reason_and_set_a_relative_day_anew_when_they_end() -> None:
    document = assignment(
        "targets: [{role: sales, due_within: 10 days}]\n"
        "exempt: [{group: leave, reason: Away, until: 2026-01-31}, {role: boss, reason: Knows it}]"
    )
    named = Named({"leave": [(BEGINNING, END_OF_TIME)]})
    found = stands(document, "2026-01-31", place("2026-01-02"), named=named)
    assert found is not None
    assert (found.state, found.reason, found.until) == ("exempt", "Away", dt.date(2026, 1, 31))
    after = stands(document, "2026-02-01", place("2026-01-02"), named=named)
    assert after is not None
    assert (after.state, after.asked.due) == ("not_started", dt.date(2026, 2, 11))
    assert state(document, "2026-02-01", place("2026-01-02")) == "overdue"


def test_a_manager_exempts_within_what_the_vendor_lets_them_and_only_then() -> None:
    targets = "targets: [{role: sales, due_within: 10 days}]\n"
    given = Excuse("launch", "Ill", dt.date(2026, 1, 20), instant("2026-01-05"))

    def told(document: Assignment, at: str, *excuses: Excuse) -> tuple[str, Any, Any]:
        learner = Learner("ana", (place("2026-01-02"),), Named(), excuses)
        versions = [PublishedAssignment(document)]
        found = standing(versions, learner, ORDERS, history(), known_at=END_OF_TIME, at=instant(at))
        assert found is not None
        return found.state, found.reason, found.asked.due

    lets, lets_not = assignment(targets + "managers_may_exempt: 30 days"), assignment(targets)
    first = dt.date(2026, 1, 12)
    assert told(lets, "2026-01-04", given) == ("not_started", None, first), "not before it was given"
    assert told(lets, "2026-01-20", given) == ("exempt", "Ill", first)
    assert told(lets, "2026-01-21", given) == ("not_started", None, dt.date(2026, 1, 31)), "counted anew"
    assert told(lets_not, "2026-01-20", given)[0] == "overdue"
    back = replace(given, withdrawn_at=instant("2026-01-15"))
    assert [told(lets, at, back)[0] for at in ("2026-01-14", "2026-01-15")] == ["exempt", "overdue"]
    assert told(lets, "2026-01-20", replace(given, assignment="other"))[0] == "overdue"
    assert '"managers_may_exempt": "30 days"' in dump(lets)


def test_a_tier_a_region_and_a_first_day_change_what_is_asked_by_themselves() -> None:
    tiers = {"acme": [("registered", None, instant("2026-02-01")), ("gold", instant("2026-02-01"), None)]}
    by_tier = assignment("targets: [{tier: silver, programme: acme}]")
    assert [state(by_tier, at, place("2026-01-01", tiers=tiers)) for at in ("2026-01-31", "2026-02-01")] == [
        None,
        "not_started",
    ]
    by_region = assignment("targets: [{region: [emea, apac]}]")
    assert state(by_region, "2026-01-05", place("2026-01-01", region="apac")) == "not_started"
    assert state(by_region, "2026-01-05", place("2026-01-01", region="amer")) is None
    hired = assignment("targets: [{hired_since: 2026-01-10, hired_until: 2026-01-20}]")
    days = ("2026-01-09", "2026-01-10", "2026-01-20", "2026-01-21")
    assert [state(hired, "2026-03-01", place(day)) is not None for day in days] == [False, True, True, False]
    confirmed_late = place("2026-02-01", hired=instant("2026-01-15"))
    assert state(hired, "2026-03-01", confirmed_late) == "not_started"


def test_a_group_and_a_place_have_to_match_at_once() -> None:
    document = assignment("targets: [{role: sales, group: team, due_within: 1 week}]")
    named = Named({"team": [(instant("2026-01-20"), instant("2026-02-20"))]})
    where = place("2026-01-01", "2026-02-10")
    at = ("2026-01-19", "2026-01-20", "2026-02-09", "2026-02-10")
    assert [state(document, day, where, named=named) for day in at] == [
        None,
        "not_started",
        "overdue",
        None,
    ]


def test_a_disabled_version_asks_nothing_and_one_that_is_evaluated_says_so() -> None:
    document = assignment()
    disabled = [
        PublishedAssignment(document),
        PublishedAssignment(document, instant("2026-02-01"), "disabled"),
    ]
    where = place("2026-01-01")
    assert [state(document, at, where, versions=disabled) for at in ("2026-01-05", "2026-02-01")] == [
        "not_started",
        None,
    ]
    shown = stands(document, "2026-01-05", where, versions=[PublishedAssignment(document, mode="evaluate")])
    assert shown is not None
    assert shown.evaluated


@given(
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=6),
    st.one_of(st.none(), st.integers(0, 60)),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_order_means_nothing_and_what_is_met_stays_met_as_long_as_it_is_asked(
    made: list[tuple[int, bool]], held: int | None, spans: list[tuple[int, int]], chance: Any
) -> None:
    document = assignment("targets: [{role: sales, due_within: 10 days}]\nwindow: {closes: 2026-02-20}")
    evidence = [
        statement("other" if other else "exam", START + DAY * day, id=f"s{i}")
        for i, (day, other) in enumerate(made)
    ]
    places, at = [], START
    for gap, length in spans:
        start = at + DAY * gap
        at = start + DAY * length
        places.append(Place("north", "sales", start, at))
    known = history(*evidence, held=(START + DAY * held).isoformat() if held is not None else None)
    turned = replace(known, evidence=tuple(chance.sample(evidence, len(evidence))))
    was_met = False
    for day in range(100):
        instant_of = (START + DAY * day).isoformat()
        one = stands(document, instant_of, *places, known=known)
        other = stands(document, instant_of, *reversed(places), known=turned)
        assert one == other
        if one is not None:
            assert not was_met or one.state == "met"
            was_met = was_met or one.state == "met"
            assert (one.met == one.of) is (one.state == "met")
