"""Tiers: matching people to demands (cert#5-1 to cert#5-3), and the tier over time (cert#5-4, cert#5-5)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from itertools import permutations
from typing import Any

import pytest
from factories_decisions import instant, simple
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue.rule_set import RuleSet
from rules.evidence.history import BEGINNING
from rules.evidence.published import PublishedCertification, PublishedVersion
from rules.language.demands import AllDemands, AnyDemand, Holding, PeopleHolding
from rules.language.model import PartnerTiers, TierChanges
from rules.programmes.partners import certifications_asked_for, held_spans
from rules.programmes.tier_recording import view_of
from rules.programmes.tier_timeline import (
    Held,
    Member,
    Programme,
    Span,
    TierSegment,
    TierTimeline,
    next_review,
    tier_timeline,
)
from rules.programmes.tiers import Standing, choices, reached


def people_with(role: str, n: int, key: str | None = None) -> PeopleHolding:
    return PeopleHolding(holding=Holding(role=role), at_least=n, key=key)


def programme(**values: Any) -> PartnerTiers:
    defaults: dict[str, Any] = {
        "id": "acme",
        "version": "1",
        "title": "Acme",
        "order": ("registered", "silver", "gold"),
        "tiers": {
            "silver": AllDemands(parts=(people_with("sales", 1),)),
            "gold": AllDemands(parts=(people_with("sales", 2), people_with("technical", 3))),
        },
    }
    return PartnerTiers(**(defaults | values))


def team(**roles: str) -> dict[str, list[Standing]]:
    """Return people by their roles, written as `sales technical` or `sales:grace`."""
    return {
        name: [
            Standing(role=r.partition(":")[0], state=r.partition(":")[2] or "active") for r in text.split()
        ]
        for name, text in roles.items()
    }


def test_five_people_make_gold_and_four_do_not_though_six_credentials_are_held() -> None:
    north = team(a="sales", b="sales technical", c="technical", d="technical", e="technical")
    south = team(f="sales technical", g="sales technical", h="technical", i="technical")
    assert reached(programme(), north).tier == "gold"
    assert reached(programme(), south).tier == "silver"


def test_unmet_demands_name_the_number_missing_and_the_matched_persons_are_kept() -> None:
    south = team(f="sales technical", g="sales technical", h="technical", i="technical")
    gold = reached(programme(), south).check("gold")
    assert [(u.key, u.required, u.observed, u.missing) for u in gold.unmet] == [("role technical", 3, 2, 1)]
    assert gold.matched == {"role sales": ("f", "g"), "role technical": ("h", "i")}


def test_under_many_each_demand_counts_distinct_persons_on_its_own() -> None:
    south = team(f="sales technical", g="sales technical", h="technical")
    assert reached(programme(one_person_fills="many"), south).tier == "gold"


def test_the_first_tier_has_no_requirement() -> None:
    assert reached(programme(), {}).tier == "registered"


def test_a_tier_needs_all_lower_tiers() -> None:
    tiers = {"silver": people_with("architect", 1), "gold": people_with("sales", 1)}
    assert reached(programme(tiers=tiers), team(a="sales")).tier == "registered"


def test_each_tier_is_matched_on_its_own() -> None:
    tiers = {"silver": people_with("sales", 1), "gold": people_with("sales", 1)}
    assert reached(programme(tiers=tiers), team(a="sales")).tier == "gold"


def test_under_any_some_choice_of_branches_must_allow_it() -> None:
    tiers = {
        "silver": AllDemands(
            parts=(
                people_with("sales", 1),
                AnyDemand(parts=(people_with("sales", 1), people_with("technical", 1))),
            )
        ),
        "gold": people_with("sales", 9),
    }
    assert reached(programme(tiers=tiers), team(a="sales", b="technical")).tier == "silver"
    assert reached(programme(tiers=tiers), team(a="sales technical")).tier == "registered"


def test_only_listed_states_count_and_renewal_open_is_active() -> None:
    assert reached(programme(), team(a="sales:renewal_open")).tier == "silver"
    assert reached(programme(), team(a="sales:grace")).tier == "registered"
    assert reached(programme(status=("active", "grace")), team(a="sales:grace")).tier == "silver"
    assert reached(programme(), team(a="sales:suspended sales:expired")).tier == "registered"


def test_all_given_coordinates_must_match() -> None:
    holding = Holding(role="sales", product="edge", level="pro", certification="sales-pro")
    tiers = {"silver": PeopleHolding(holding=holding, at_least=1), "gold": people_with("sales", 9)}
    full = Standing("sales-pro", "sales", "edge", "pro")
    assert reached(programme(tiers=tiers), {"a": [full]}).tier == "silver"
    for missing in (Standing("other", "sales", "edge", "pro"), Standing("sales-pro", "sales", "edge", None)):
        assert reached(programme(tiers=tiers), {"a": [missing]}).tier == "registered"


ROLES = ["sales", "technical", "delivery"]


def by_trying(demands: list[PeopleHolding], people: dict[str, list[Standing]]) -> bool:
    """Fill the slots with every order of people: the definition of 5-2."""
    slots = [d.holding.role for d in demands for _ in range(d.at_least)]
    names = sorted(people)
    return any(
        all(slot in {s.role for s in people[name]} for slot, name in zip(slots, chosen, strict=True))
        for chosen in permutations(names, len(slots))
    )


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(ROLES), st.integers(1, 2)), min_size=1, max_size=3),
    st.lists(st.lists(st.sampled_from(ROLES), max_size=3), max_size=6),
)
def test_matching_is_the_same_as_trying_everything(wanted: Any, roles: list[list[str]]) -> None:
    demands = [people_with(role, n) for role, n in wanted]
    people = {f"p{i}": [Standing(role=r) for r in held] for i, held in enumerate(roles)}
    tiers = {"silver": AllDemands(parts=tuple(demands)), "gold": people_with("sales", 99)}
    found = reached(programme(tiers=tiers), people)
    assert (found.tier == "silver") is by_trying(demands, people)
    backwards = dict(reversed(people.items()))
    assert reached(programme(tiers=tiers), backwards) == found


def test_a_large_team_is_matched_quickly_enough_to_ask_at_any_time() -> None:
    people = {f"p{i:04}": [Standing(role=r) for r in ROLES] for i in range(600)}
    tiers = {
        "silver": AllDemands(parts=tuple(people_with(r, 200) for r in ROLES)),
        "gold": people_with("sales", 999),
    }
    assert reached(programme(tiers=tiers), people).tier == "silver"


def test_choices_of_nested_branches() -> None:
    a, b, c = (people_with(r, 1) for r in ROLES)
    tree = AllDemands(parts=(AnyDemand(parts=(a, b)), AnyDemand(parts=(AllDemands(parts=(b, c)), a))))
    assert list(choices(tree)) == [(a, b, c), (a, a), (b, b, c), (b, a)]


# Over time


def span(start: str | None = None, end: str | None = None) -> Span:
    return Span(instant(start) if start else BEGINNING, instant(end) if end else None)


def seller(
    name: str, start: str, end: str | None = None, *, affiliated: tuple[Span, ...] = (Span(),)
) -> Member:
    return Member(name, affiliated, (Held(Standing(role="sales"), span(start, end)),))


SIMPLE = programme(
    order=("registered", "silver", "gold"),
    tiers={"silver": people_with("sales", 1), "gold": people_with("sales", 2)},
)


def timeline(*members: Member, rules: PartnerTiers = SIMPLE, agreement: Span | None = None) -> TierTimeline:
    return tier_timeline([Programme(rules)], [agreement or Span()], members)


def line(found: TierTimeline) -> list[tuple[str, str | None, str | None]]:
    return [(f"{e.effective_at:%Y-%m-%d}", e.kind.removeprefix("tier."), e.after) for e in found.events[1:]]


def test_promotion_at_once() -> None:
    found = timeline(seller("a", "2026-01-10"), seller("b", "2026-02-10"))
    assert line(found) == [("2026-01-10", "changed", "silver"), ("2026-02-10", "changed", "gold")]


def test_promotion_waits_for_the_next_review() -> None:
    rules = programme(
        tiers=SIMPLE.tiers,
        changes=TierChanges(promote="at_review", reviews=((1, 1), (7, 1))),
        timezone="Europe/Berlin",
    )
    found = timeline(seller("a", "2026-01-10"), rules=rules)
    assert found.at(instant("2026-06-30")).tier == "registered"
    assert found.at(instant("2026-06-30")).reached == "silver"
    assert found.events[-1].effective_at == instant("2026-06-30T22:00:00Z")
    assert found.next_change_after(instant("2026-02-01")) == instant("2026-06-30T22:00:00Z")


def test_a_tier_reached_only_between_reviews_is_not_promoted() -> None:
    rules = programme(tiers=SIMPLE.tiers, changes=TierChanges(promote="at_review", reviews=((7, 1),)))
    assert line(timeline(seller("a", "2026-01-10", "2026-06-30"), rules=rules)) == []


def test_demotion_at_the_end_of_local_date_plus_demote_after() -> None:
    found = timeline(seller("a", "2026-01-10", "2026-06-01T12:00:00Z"))
    assert line(found) == [
        ("2026-01-10", "changed", "silver"),
        ("2026-06-01", "at_risk", "registered"),
        ("2026-08-01", "changed", "registered"),
    ]
    assert found.at(instant("2026-07-31T23:59:59Z")).tier == "silver"
    at_risk = found.at(instant("2026-07-01"))
    assert at_risk.falls_at == instant("2026-08-01")
    assert [(c.tier, c.unmet[0].missing) for c in at_risk.unmet] == [("silver", 1)]


def test_meeting_the_requirement_in_between_stops_the_clock() -> None:
    found = timeline(seller("a", "2026-01-10", "2026-06-01"), seller("b", "2026-07-30", "2026-08-05"))
    assert line(found) == [
        ("2026-01-10", "changed", "silver"),
        ("2026-06-01", "at_risk", "registered"),
        ("2026-08-05", "at_risk", "registered"),
        ("2026-10-05", "changed", "registered"),
    ]


def test_the_tier_falls_to_the_highest_one_reached_then() -> None:
    found = timeline(seller("a", "2026-01-01"), seller("b", "2026-01-01", "2026-06-01"))
    assert found.at(instant("2026-09-01")).tier == "silver"


def test_while_the_clock_runs_a_further_loss_does_not_restart_it() -> None:
    found = timeline(seller("a", "2026-01-01", "2026-06-10"), seller("b", "2026-01-01", "2026-06-01"))
    assert line(found)[1:] == [("2026-06-01", "at_risk", "silver"), ("2026-08-01", "changed", "registered")]


def test_a_move_ends_the_count_at_once() -> None:
    found = timeline(seller("a", "2026-01-01", affiliated=(span("2026-02-01", "2026-05-01"),)))
    assert line(found) == [
        ("2026-02-01", "changed", "silver"),
        ("2026-05-01", "at_risk", "registered"),
        ("2026-07-01", "changed", "registered"),
    ]


def test_without_a_running_agreement_there_is_no_tier() -> None:
    found = timeline(seller("a", "2026-01-01"), agreement=span("2026-03-01", "2026-09-01"))
    assert found.at(instant("2026-02-01")).tier is None
    assert found.at(instant("2026-03-01")).tier == "silver"
    assert found.at(instant("2026-09-01")).tier is None


def test_a_new_version_of_the_programme_applies_from_its_day() -> None:
    stricter = programme(
        version="2", tiers={"silver": people_with("sales", 2), "gold": people_with("sales", 3)}
    )
    found = tier_timeline(
        [Programme(stricter, instant("2026-06-01")), Programme(SIMPLE)], [Span()], [seller("a", "2026-01-01")]
    )
    assert line(found)[1:] == [
        ("2026-06-01", "at_risk", "registered"),
        ("2026-08-01", "changed", "registered"),
    ]


def test_reviews_on_a_leap_day_count_on_the_last_of_february() -> None:
    rules = programme(changes=TierChanges(promote="at_review", reviews=((2, 29),)))
    assert next_review(rules, instant("2026-01-01")) == instant("2026-02-28")
    assert next_review(rules, instant("2028-01-01")) == instant("2028-02-29")


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), max_size=6),
    st.integers(0, 900),
    st.sampled_from(["at_once", "at_review"]),
)
def test_tier_is_a_function_of_facts_whatever_their_order(spans: Any, day: int, promote: Any) -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    members = [
        Member(f"p{i}", (Span(),), (Held(Standing(role="sales"), Span(start + dt.timedelta(a), start + dt.timedelta(a + n))),))
        for i, (a, n) in enumerate(spans)
    ]  # fmt: skip
    rules = programme(tiers=SIMPLE.tiers, changes=TierChanges(promote=promote, reviews=((1, 1), (7, 1))))
    found = timeline(*members, rules=rules)
    assert timeline(*reversed(members), rules=rules) == found
    at = start + dt.timedelta(day)
    following = found.next_change_after(at)
    if following is not None:
        assert found.at(following - dt.timedelta(microseconds=1)) == found.at(at)
    segment = found.at(at)
    if promote == "at_once" and segment.falls_at is None:
        assert segment.tier == segment.reached


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(ROLES), st.integers(1, 2)), min_size=1, max_size=2),
    st.lists(st.tuples(st.sampled_from(ROLES), st.integers(0, 20), st.integers(1, 20)), max_size=14),
    st.sampled_from(["one_requirement", "many"]),
)
def test_the_tier_over_time_is_that_of_each_instant_asked_alone(wanted: Any, held: Any, fills: Any) -> None:
    """Most of a large team cannot change the answer and are not looked at again; none that can is left out."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    members = [
        Member(
            f"p{i % 9}",
            (Span(),),
            (Held(Standing(role=role), Span(start + dt.timedelta(a), start + dt.timedelta(a + n))),),
        )
        for i, (role, a, n) in enumerate(held)
    ]
    demands = tuple(people_with(role, n) for role, n in wanted)
    tiers = {"silver": AllDemands(parts=demands), "gold": people_with("sales", 3)}
    rules = programme(tiers=tiers, one_person_fills=fills)
    found = timeline(*members, rules=rules)
    for day in range(42):
        at = start + dt.timedelta(day)
        people: dict[str, list[Standing]] = {}
        for member in members:
            people.setdefault(member.person, []).extend(h.standing for h in member.held if h.span.covers(at))
        alone = reached(rules, people)
        segment = found.at(at)
        assert segment.reached == alone.tier
        if segment.falls_at is None:
            assert segment.matched == alone.check(segment.tier or "").matched


@pytest.mark.parametrize("order", [("registered", "gold"), ("member", "silver", "gold")])
def test_a_tier_that_a_new_version_no_longer_knows_gives_way_to_the_reached_one(
    order: tuple[str, ...],
) -> None:
    new = programme(version="2", order=order, tiers={name: people_with("sales", 1) for name in order[1:]})
    found = tier_timeline(
        [Programme(SIMPLE), Programme(new, instant("2026-06-01"))], [Span()], [seller("a", "2026-01-01")]
    )
    assert found.at(instant("2026-06-01")).tier == order[-1]


EXAM = simple()
COORDINATES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["sales", "technical"]),
        "product": st.sampled_from([None, "p1"]),
        "level": st.none(),
    }
)
NAMES = st.sampled_from(["a", "b", "c", "gone"])


@settings(max_examples=500)
@given(
    st.fixed_dictionaries({name: st.lists(COORDINATES, min_size=2, max_size=2) for name in "abc"}),
    st.lists(
        st.builds(
            lambda where, name, n: PeopleHolding(holding=Holding(certification=name, **where), at_least=n),
            COORDINATES,
            st.none() | NAMES,
            st.just(1),
        ),
        min_size=1,
        max_size=2,
    ),
    st.lists(st.tuples(st.sampled_from("xyz"), NAMES, st.sampled_from("12"), st.integers(0, 9)), max_size=6),
)
def test_what_no_demand_can_count_is_not_read_and_changes_no_tier(
    published: Any, demands: list[PeopleHolding], held: Any
) -> None:
    """Certifications change their coordinates from version to version; one that is gone may still be named."""
    documents = {
        name: [
            dataclasses.replace(EXAM, id=name, version=str(n), **where) for n, where in enumerate(versions, 1)
        ]
        for name, versions in published.items()
    }
    rules = RuleSet(
        stamp="1",
        certifications={
            name: PublishedCertification(
                id=name, versions=tuple(PublishedVersion(document=one) for one in versions)
            )
            for name, versions in documents.items()
        },
        documents={},
        releases=(),
        order=tuple(documents),
        holds={},
        modes={},
    )
    document = programme(tiers={"silver": demands[0], "gold": AllDemands(parts=tuple(demands))})
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def found(wanted: frozenset[str] | None) -> TierTimeline:
        members = []
        for person, name, version, day in held:
            begun, ended = start + dt.timedelta(day), start + dt.timedelta(day + 5)
            standing = {
                "certification": name,
                "states": [
                    {"at": begun, "state": "active", "version": version},
                    {"at": ended, "state": "expired", "version": version},
                ],
            }
            spans = held_spans(rules, standing) if wanted is None or name in wanted else []
            members.append(Member(person, (Span(),), tuple(spans)))
        return tier_timeline([Programme(document)], [Span()], members)

    assert found(certifications_asked_for(rules, [Programme(document)])) == found(None)


def test_what_is_stored_of_a_tier_does_not_grow_with_the_people_who_fill_it() -> None:
    people = [f"p_{n:030d}" for n in range(2000)]
    segments = [
        TierSegment(
            BEGINNING + dt.timedelta(days=n),
            "gold",
            "gold",
            "1",
            matched={"role sales": tuple(people[: n + 1])},
        )
        for n in range(2000)
    ]
    fallen = TierSegment(BEGINNING + dt.timedelta(days=3000), "silver", "silver", "1")
    view = view_of("acme", "north", TierTimeline((*segments, fallen), ()))
    assert [(one["at"], one["tier"]) for one in view["steps"]] == [(BEGINNING, "gold"), (fallen.at, "silver")]
    assert "p_" not in repr(view)
