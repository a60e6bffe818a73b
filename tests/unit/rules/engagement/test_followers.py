"""What others did next: of who is similar, never of a few, never what somebody has."""

from __future__ import annotations

from rules.engagement.followers import Person, followed, suggestion

GOLD = "acme:gold"


def crowd(count: int, *awarded: str, role: str = "sales", tier: str = GOLD) -> list[Person]:
    return [Person(role, (tier,), awarded) for _ in range(count)]


def me(*awarded: str, role: str = "sales", tier: str = GOLD) -> Person:
    return Person(role, (tier,), awarded)


def test_what_most_in_the_role_did_next_is_told_with_how_many() -> None:
    known = followed([*crowd(12, "basics", "pro"), *crowd(3, "basics", "expert")])
    found = suggestion(me("basics"), known, {"pro", "expert"}, 5)
    assert found is not None
    assert (found.certification, found.count, found.of, found.group) == (
        "pro", 12, 15, ("sales", GOLD, "basics"),
    )  # fmt: skip


def test_all_tiers_together_where_the_own_tier_is_too_few() -> None:
    known = followed([*crowd(4, "basics", "pro"), *crowd(4, "basics", "pro", tier="acme:silver")])
    found = suggestion(me("basics"), known, {"pro"}, 5)
    assert found is not None
    assert (found.count, found.group) == (8, ("sales", None, "basics"))


def test_nothing_is_told_of_a_few() -> None:
    known = followed([*crowd(4, "basics", "pro"), *crowd(20, "basics", "expert")])
    assert suggestion(me("basics"), known, {"pro"}, 5) is None, "four of twenty-four would tell of four"
    assert suggestion(me("basics", role="technical"), known, {"pro", "expert"}, 5) is None


def test_what_somebody_has_or_cannot_begin_is_not_told() -> None:
    known = followed(crowd(9, "basics", "pro"))
    assert suggestion(me("pro", "basics"), known, {"pro"}, 5) is None
    assert suggestion(me("basics"), known, set(), 5) is None
    assert suggestion(me(), known, {"pro"}, 5) is None


def test_the_certification_awarded_last_goes_before_earlier_ones() -> None:
    known = followed([*crowd(6, "basics", "pro"), *crowd(6, "demo", "expert")])
    found = suggestion(me("basics", "demo"), known, {"pro", "expert"}, 5)
    assert found is not None
    assert found.certification == "expert"
