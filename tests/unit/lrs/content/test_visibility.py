"""Who may see a content item: the owner's people, narrowed by each criterion that is set."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.library.visibility import Belonging, Learner, Visibility, may_see

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
NORTH = Belonging("north", ("vendor",), role="seller", region="EU", tiers={"cloud": "gold"})
SOUTH = Belonging("south", ("vendor", "distributor"), role="engineer", region="US")
ANA = Learner((NORTH, SOUTH), frozenset({"security"}), ("de-AT",))


def sees(owner: str = "vendor", learner: Learner = ANA, **wanted: object) -> bool:
    return may_see(owner, Visibility(**wanted), learner, NOW)  # type: ignore[arg-type]


def test_whoever_belongs_to_the_owner_or_below_sees_an_item() -> None:
    assert sees("vendor")
    assert sees("north")
    assert sees("distributor")
    assert not sees("west")
    assert not sees("vendor", Learner())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"orgs": ("north", "west")}, True),
        ({"orgs": ("distributor",)}, True),
        ({"orgs": ("west",)}, False),
        ({"roles": ("seller",)}, True),
        ({"roles": ("manager",)}, False),
        ({"regions": ("US",)}, True),
        ({"regions": ("APAC",)}, False),
        ({"tiers": {"cloud": ("silver", "gold")}}, True),
        ({"tiers": {"cloud": ("platinum",)}}, False),
        ({"tiers": {"other": ("gold",)}}, False),
        ({"certifications": ("security", "network")}, True),
        ({"certifications": ("network",)}, False),
        ({"languages": ("de",)}, True),
        ({"languages": ("DE-at",)}, True),
        ({"languages": ("de-CH", "fr")}, False),
        ({"languages": ("d",)}, False),
        ({"start": NOW}, True),
        ({"start": NOW + DAY}, False),
        ({"until": NOW + DAY}, True),
        ({"until": NOW}, False),
    ],
)
def test_each_criterion_narrows(wanted: dict[str, object], expected: bool) -> None:
    assert sees(**wanted) is expected


def test_criteria_of_the_organization_are_met_by_one_affiliation_together() -> None:
    assert sees(roles=("seller",), regions=("EU",), tiers={"cloud": ("gold",)})
    assert not sees(roles=("seller",), regions=("US",))
    assert not sees("distributor", roles=("seller",))


def test_an_unknown_language_shuts_nobody_out() -> None:
    assert sees(learner=Learner((NORTH,)), languages=("ja",))


LISTS = st.lists(st.sampled_from(["north", "south", "seller", "EU", "security", "de"]), max_size=2).map(tuple)
VISIBLE = st.builds(
    Visibility,
    orgs=LISTS,
    tiers=st.sampled_from([{}, {"cloud": ("gold", "silver")}]),
    roles=LISTS,
    certifications=LISTS,
    regions=LISTS,
    languages=LISTS,
    start=st.none() | st.just(NOW),
    until=st.none() | st.just(NOW),
)


@given(VISIBLE)
def test_what_an_item_keeps_comes_back(wanted: Visibility) -> None:
    assert Visibility.of(wanted.to_document()) == wanted


@given(LISTS, LISTS, LISTS)
def test_a_further_criterion_never_lets_more_people_in(orgs: object, roles: object, regions: object) -> None:
    narrow = sees(orgs=orgs, roles=roles, regions=regions)
    assert not narrow or (sees(orgs=orgs) and sees(roles=roles) and sees(regions=regions))
