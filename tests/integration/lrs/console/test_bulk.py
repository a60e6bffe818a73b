"""One decision about many people: what it would do comes first, then all of it is recorded, or nothing."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from console_world import World
from worker_rounds import until_quiet

from lrs.running import worker
from rules.publication import bulk_decisions

PLACE = "/console/decisions"


def settle(world: World) -> None:
    until_quiet(worker.worker_services(world.app.extensions["laurel"].settings, world.db))


def of_state(world: World, state: str, certification: str = "sales-pro") -> list[str]:
    address = f"/console/certifications/{certification}/holders.json?state={state}&limit=500"
    return [one["person"] for one in world.ada.open(address).json["items"]]


def ask(world: World, persons: list[str], **fields: str) -> Any:
    form = {"certification": "sales-pro", "person": persons, **fields}
    return world.ada.open(PLACE, "POST", data=form)


def seen(page: str) -> str:
    return re.findall(r'name="seen" value="(\w+)"', page)[0]


def facts(world: World) -> int:
    return world.db.facts.count_documents({"by_people": True})


def test_many_are_suspended_at_once_after_the_effect_was_shown_and_each_is_in_the_audit(world: World) -> None:
    active = of_state(world, "active")[:2]
    (idle, *_) = of_state(world, "in_progress")
    before, fields = facts(world), {"kind": "hold", "reason": "identity", "note": "Papers are checked"}
    page = ask(world, [*active, idle], **fields).text
    assert "2 people change" in page
    assert "1 is left out" in page
    assert "it would change nothing" in page
    assert facts(world) == before, "to look changes nothing"
    wrong = ask(world, [*active, idle], **fields, action="apply", seen=seen(page), count="3")
    assert (wrong.status_code, facts(world)) == (422, before), "whoever decides writes how many it changes"
    done = ask(world, [*active, idle], **fields, action="apply", seen=seen(page), count="2")
    assert (done.status_code, facts(world)) == (303, before + 2)
    assert "recorded for 2 people" in world.ada.open(done.location).text
    entries = world.ada.open("/console/audit.json?action=award.decide").json["items"][:2]
    assert {one["thing"] for one in entries} == set(active)
    assert {(one["before"]["state"], one["after"]["together_with"]) for one in entries} == {("active", 1)}
    settle(world)
    assert set(active) <= set(of_state(world, "suspended"))

    lifted = ask(world, active, kind="lift").text
    assert "2 people change" in lifted
    again = ask(world, active, kind="lift", action="apply", seen=seen(lifted), count="2")
    assert again.status_code == 303
    settle(world)
    assert set(active) <= set(of_state(world, "active"))


def test_what_was_shown_no_longer_holds_so_nothing_is_recorded(world: World) -> None:
    first, second = of_state(world, "active")[:2]
    fields = {"kind": "hold", "reason": "identity"}
    page = ask(world, [first, second], **fields).text
    alone = f"/console/people/{first}/certifications/sales-pro/decisions"
    assert (
        world.ada.open(alone, "POST", data={"kind": "hold", "reason": "other", "note": "x"}).status_code
        == 303
    )
    before = facts(world)
    late = ask(world, [first, second], **fields, action="apply", seen=seen(page), count="1")
    assert (late.status_code, facts(world)) == (409, before)
    assert "changed meanwhile" in late.text
    assert world.ada.open(alone, "POST", data={"kind": "lift"}).status_code == 303
    settle(world)


def test_a_form_that_is_loaded_again_records_nothing_twice(world: World) -> None:
    (person, *_) = of_state(world, "active")
    page = ask(world, [person], kind="extension", until_day="2031-01-31").text
    once = re.findall(r'name="once" value="([^"]+)"', page)[0]
    form = {"kind": "extension", "until_day": "2031-01-31", "action": "apply", "count": "1", "once": once}
    before = facts(world)
    assert ask(world, [person], **form, seen=seen(page)).status_code == 303
    assert ask(world, [person], **form, seen=seen(page)).status_code == 303
    assert facts(world) == before + 1
    settle(world)


def test_a_decision_tells_what_hangs_on_it_and_which_tiers_move(world: World) -> None:
    holders = [one for state in ("active", "renewal_open") for one in of_state(world, state)]
    page = ask(world, holders, kind="revocation", reason="misconduct").text
    assert "Tiers that move" in page
    assert "danger" in page


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422), ({"kind": "x"}, 422), ({"kind": "hold"}, 422), ({"kind": "extension"}, 422),
        ({"kind": "grant"}, 422), ({"kind": "hold", "reason": "other"}, 422),
        ({"kind": "hold", "reason": "identity", "until": "yesterday"}, 422),
        ({"kind": "approval", "by": "nobody@nowhere.example"}, 404),
        ({"kind": "hold", "reason": "identity", "certification": "none"}, 404),
    ],
)  # fmt: skip
def test_a_decision_that_lacks_something_changes_nothing(
    world: World, fields: dict[str, str], status: int
) -> None:
    before = facts(world)
    (person, *_) = of_state(world, "active")
    assert ask(world, [person], **{**fields, "action": "apply", "count": "1"}).status_code == status
    assert facts(world) == before


def test_nobody_and_too_many_are_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nobody is chosen" in world.ada.open(PLACE).text
    assert ask(world, [], kind="lift").status_code == 422
    listed = world.ada.open(f"{PLACE}?certification=sales-pro&state=active").text
    assert f"{len(of_state(world, 'active'))} people are chosen" in listed
    named = world.ada.open(
        f"{PLACE}?certification=sales-pro&person={quote(of_state(world, 'active')[0])}"
    ).text
    assert "1 person is chosen" in named
    monkeypatch.setattr("lrs.console.programme.bulk.MOST", 1)
    assert "Too many at once" in world.ada.open(f"{PLACE}?certification=sales-pro").text
    monkeypatch.setattr(bulk_decisions, "MOST", 1)
    assert ask(world, of_state(world, "active")[:2], kind="lift").status_code == 422


def test_a_partner_decides_about_nobody(world: World) -> None:
    before = facts(world)
    form = {"certification": "sales-pro", "person": of_state(world, "active"), "kind": "lift"}
    assert world.pat.open(PLACE).status_code == 403
    assert world.pat.open(PLACE, "POST", data=form).status_code == 403
    assert facts(world) == before
    assert "/console/decisions" not in world.pat.open("/console/certifications/sales-pro/holders").text
