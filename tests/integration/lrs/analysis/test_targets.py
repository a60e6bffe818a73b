"""Targets: who is asked, how far each is, and what a plan says of it beforehand (cert#5-8, cert#6-1)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from factories_access import basic
from factories_engine import START, World, exam, simple

from lrs.access import clients, scopes
from lrs.app import create_app
from lrs.commands.programme.rules import plan_lines
from lrs.foundation.audit import Editor
from lrs.people import affiliations, records
from rules.publication import plans

KEY = ("analyst", "analyst-secret")
FIRST = "targets:\n  - {partner: north, due_within: 90 days}\n"
SECOND = "targets:\n  - {partner: north, due_within: 30 days}\n  - {partner: south, role: sales}\n"


@pytest.fixture
def world(db: Any) -> World:
    """Ana, who is certified, and Bo at north; Cy, who sells, and Dee, who does not, at south."""
    made = World(db)
    editor = Editor(db, {"kind": "test", "id": "test", "name": "test"}, made.clock())
    for org, who, role in (
        ("north", "ana", None), ("north", "bo", None), ("south", "cy", "sales"), ("south", "dee", None),
    ):  # fmt: skip
        if db.orgs.find_one({"_id": org}) is None:
            made.partner(org)
        person = records.add_person(editor, [f"mbox::mailto:{who}@example.com"], name=who.capitalize())
        affiliations.affiliate(editor, person["_id"], org, start=START, role=role)
    made.publish(simple(more=FIRST))
    made.send([exam("ana", START)])
    made.settle()
    return made


@pytest.fixture
def report(world: World, settings: Any) -> Any:
    """Return a report's rows as the vendor reads it, at the world's time."""
    app = create_app(settings, world.db)
    app.extensions["laurel"] = dataclasses.replace(app.extensions["laurel"], now=world.clock)
    headers = basic(*KEY)
    clients.create_client(
        world.db, "vendor", now=world.clock(), scopes=scopes.SCOPES, controlled_by="vendor",
        label="analyst", vendor_wide=True, key=KEY[0], secret=KEY[1],
    )  # fmt: skip

    def rows(name: str) -> list[dict[str, Any]]:
        answer = app.test_client().get(f"/api/v1/reports/{name}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json["rows"]
        return found

    return rows


def planned(world: World, text: str) -> dict[str, Any]:
    return plans.make_plan(world.db, [("sales.yaml", text)], world.clock(), "test")


def said(plan: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    return [
        (one["name"], one["change"], *((one[side] or {}).get("due", "-") for side in ("before", "after")))
        for one in plan["asked"]
    ]


def due(rows: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    return {row["person"]: (row["since"], row["due"]) for row in rows}


def test_reports_tell_who_has_not_started_and_what_is_overdue(world: World, report: Any) -> None:
    rows = report("due")
    assert [(row["name"], row["state"], row["due"], row["overdue"]) for row in rows] == [
        ("Bo", "not_started", "2027-02-20", False)
    ]
    world.send([exam("bo", world.clock(), 0.3)])
    world.settle()
    world.clock.forward(days=91)
    assert [(row["name"], row["state"], row["overdue"]) for row in report("due")] == [
        ("Bo", "in_progress", True)
    ]
    counted = [
        (r["organization"], r["asked"], r["held"], r["in_progress"], r["overdue"]) for r in report("targets")
    ]
    assert counted == [("north", 2, 1, 1, 1)]


def test_6_1_a_plan_names_whom_a_changed_target_asks_and_applying_it_asks_them(
    world: World, report: Any
) -> None:
    world.clock.forward(days=10)
    plan = planned(world, simple(version="2", more=SECOND))
    assert plan["asked_summary"] == {"asked": 1, "due_changed": 2, "not_asked": 0}
    assert sorted(said(plan)) == [
        ("Ana@north", "due_changed", "2027-02-20", "2027-01-01"), ("Bo@north", "due_changed", "2027-02-20", "2027-01-01"),
        ("Cy@south", "asked", "-", None),
    ]  # fmt: skip
    assert plans.get_plan(world.db, plan["_id"])["asked"] == plan["asked"]
    assert plans.reply(plan)["asked"] == plan["asked"]
    lines = [" ".join(line.split()) for line in plan_lines(plan) if line.startswith("?")]
    assert "? Cy@south sales asked since 2026-12-02 2026-12-02" in lines
    assert "? Bo@north sales due 2027-02-20 -> 2027-01-01 2026-12-02" in lines
    plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    world.settle()
    holder = world.person("ana")
    foretold = {one["person"]: (one["after"]["since"], one["after"]["due"]) for one in plan["asked"]}
    assert due(report("due")) == {who: told for who, told in foretold.items() if who != holder}


def test_6_1_a_plan_names_who_is_not_asked_any_more(world: World, report: Any) -> None:
    gone = planned(world, simple(version="2"))
    assert {change for _, change, _, _ in said(gone)} == {"not_asked"}
    ended = plans.plan_withdrawal(world.db, "sales", world.clock(), "test")
    assert said(ended) == said(gone)
    same = planned(world, simple(version="2", pass_mark="0.9", more=FIRST))
    assert same["asked"] == []
    plans.apply_plan(world.db, gone["_id"], world.clock(), "test")
    assert report("due") == []


def test_a_version_that_begins_later_asks_from_its_day_on(world: World) -> None:
    later = (world.clock() + dt.timedelta(days=30)).date()
    text = simple(version="2", more=SECOND).replace(
        "role: sales\n", f"role: sales\neffective_from: {later}\n", 1
    )
    asked = [one for one in planned(world, text)["asked"] if one["change"] == "asked"]
    assert [(one["name"], one["after"]["since"], one["at"].date()) for one in asked] == [
        ("Cy@south", later.isoformat(), later)
    ]
