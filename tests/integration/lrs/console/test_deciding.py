"""What people decide in the console: about awards, and about who is who; each with its entry in the audit."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from console_world import World
from factories_access import Browser, make_person
from flask import Flask
from pymongo.database import Database
from worker_rounds import until_quiet

from lrs.running import worker

Db = Database[dict[str, Any]]


def settle(world: World) -> None:
    until_quiet(worker.worker_services(world.app.extensions["laurel"].settings, world.db))


def holder(world: World) -> str:
    rows = world.ada.open("/console/certifications/sales-pro/holders.json").json["items"]
    person = next(one["person"] for one in rows if one["state"] == "active")
    return f"/console/people/{person}/certifications/sales-pro"


def test_an_award_is_suspended_and_reinstated_with_a_reason_and_the_audit_tells_before_and_after(
    world: World,
) -> None:
    place = holder(world)
    form = {"kind": "hold", "reason": "identity", "note": "Papers are being checked"}
    assert "Suspend" in world.ada.open(f"{place}/decisions").text
    done = world.ada.open(f"{place}/decisions", "POST", data=form)
    assert (done.status_code, done.location) == (303, f"{place}?decided=hold")
    assert "Suspended: recorded." in world.ada.open(done.location).text
    settle(world)
    assert "Suspended" in world.ada.open(place).text
    page = world.ada.open(f"{place}/decisions").text
    assert "Papers are being checked" in page
    assert "Lift the suspension" in page
    entry = world.ada.open("/console/audit.json?action=award.decide").json["items"][0]
    assert (entry["before"], entry["note"]) == ({"state": "active"}, form["note"])
    assert (entry["after"]["state"], entry["after"]["reason"]) == ("hold decided", "identity")
    assert world.ada.open(f"{place}/decisions", "POST", data={"kind": "lift"}).status_code == 303
    settle(world)
    assert "Lift the suspension" not in world.ada.open(f"{place}/decisions").text


def test_an_appeal_stands_beside_what_it_is_against_with_its_day(world: World) -> None:
    place = holder(world)
    form = {"kind": "hold", "reason": "identity", "appeal_note": "Write to us", "appeal_due": "2027-01-15"}
    for wrong in ({"appeal_due": ""}, {"appeal_note": ""}, {"appeal_due": "soon"}):
        assert world.ada.open(f"{place}/decisions", "POST", data={**form, **wrong}).status_code == 422
    assert world.ada.open(f"{place}/decisions", "POST", data=form).status_code == 303
    page = world.ada.open(f"{place}/decisions").text
    assert "Write to us" in page
    assert "15 Jan 2027" in page
    fact = world.db.facts.find_one({"appeal.note": "Write to us"})
    assert fact is not None
    lift = {"kind": "lift", "of": fact["_id"]}
    assert world.ada.open(f"{place}/decisions", "POST", data=lift).status_code == 303
    settle(world)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "hold"},
        {"kind": "extension"},
        {"kind": "lift"},
        {"kind": "hold", "reason": "x"},
        {"kind": "x"},
    ],
)
def test_a_decision_that_lacks_something_is_refused(world: World, form: dict[str, str]) -> None:
    before = world.db.facts.count_documents({"by_people": True})
    assert world.ada.open(f"{holder(world)}/decisions", "POST", data=form).status_code == 422
    assert world.db.facts.count_documents({"by_people": True}) == before


def test_a_partner_decides_nothing(world: World) -> None:
    own = world.pat.open("/console/people.json?org=aurora").json["items"][0]["person"]
    for person, status in ((own, 403), (world.person("Sven Dahl"), 404)):
        for path in ("certifications/sales-pro/decisions", "merge", "split"):
            place = f"/console/people/{person}/{path}"
            assert world.pat.open(place).status_code == status
            form = {"kind": "hold", "reason": "identity"}
            assert world.pat.open(place, "POST", data=form).status_code == status
    assert "/decisions" not in world.pat.open(f"/console/people/{own}").text


def hidden(page: str, name: str) -> str:
    (found,) = re.findall(rf'name="{name}" value="([^"]+)"', page)
    return html.unescape(found)


def test_two_records_are_merged_and_parted_after_the_effect_was_shown(
    app: Flask, db: Db, ada: Browser
) -> None:
    ana, double = (make_person(db, f"{name}@north.example", name=name) for name in ("ana", "double"))
    page = ada.open(f"/console/people/{ana}/merge?gone=double@north.example").text
    assert "double becomes part of ana." in page
    assert db.people.find_one({"_id": double}).get("merged_into") is None  # type: ignore[index]
    form = {"gone": double, "basis": "stale"}
    assert ada.open(f"/console/people/{ana}/merge", "POST", data=form).status_code == 412
    form["basis"] = hidden(page, "basis")
    assert ada.open(f"/console/people/{ana}/merge", "POST", data=form).status_code == 303
    ifis = {one["ifi"] for one in db.people.find_one({"_id": ana})["ifis"]}  # type: ignore[index]
    assert "mbox::mailto:double@north.example" in ifis
    leaving = "mbox::mailto:double@north.example"
    page = ada.open(f"/console/people/{ana}/split?ifis={leaving}&name=Bo").text
    assert "leave" in page
    form = {"ifis": leaving, "name": "Bo", "since": "", "basis": hidden(page, "basis")}
    parted = ada.open(f"/console/people/{ana}/split", "POST", data=form)
    assert parted.status_code == 303
    assert "Bo" in ada.open(parted.location).text
    assert ada.open(f"/console/people/{ana}/split", "POST", data=form).status_code in {412, 422}
    assert "nobody" in ada.open(f"/console/people/{ana}/merge?gone=nobody@x.example").text
    actions = {one["action"] for one in ada.open("/console/audit.json?action=person.").json["items"]}
    assert {"person.merge", "person.split"} <= actions
