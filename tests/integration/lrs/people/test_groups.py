"""Groups by command and API: dated membership, and decisions that follow it (1, 2.4 `signed_by`)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories_engine import Clock, World, done, exam

from lrs.cli import cli
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.foundation.errors import InvalidField
from lrs.foundation.settings import Settings
from lrs.people import groups
from lrs.people.groups import united
from rules.engine.identity import groups as known_groups

PRACTICAL = "https://acme.example/signed/practical"
SIGNED = f"""
kind: Certification
id: signed
version: "1"
title: Signed
evidence:
  practical: {{verb: passed, activity: "{PRACTICAL}", signed_by: {{group: sales_assessors, not: self}}}}
award: {{when: {{done: practical}}}}
validity: {{lasts: 12 months}}
tests:
  - name: signed by a member
    groups: {{sales_assessors: [ines]}}
    given: [{{who: ana, verb: passed, activity: "{PRACTICAL}", by: ines, at: 2026-01-10}}]
    expect: [{{who: ana, at: 2026-01-11, status: active}}]
"""


@pytest.fixture
def world(db: Any) -> World:
    """Return a world in which Ines, Ana and Bo were seen, whose clock stands where that of the commands does."""
    made = World(db, Clock(utc_now() - dt.timedelta(days=30)))
    groups.put_group(editor(made), "sales_assessors", [])
    made.publish(SIGNED)
    made.settle()
    made.clock.forward(days=1)
    at = made.clock()
    signed = {"context": {"instructor": {"mbox": "mailto:ines@example.com"}}}
    made.send(
        [
            done("ines", PRACTICAL, at),
            exam("bo", at),
            done("ana", PRACTICAL, at, **signed),
            done("bo", PRACTICAL, at),
        ]
    )
    made.settle()
    made.clock.at = utc_now()
    return made


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))

    def call(*args: str, status: int = 0) -> Result:
        found = CliRunner().invoke(cli, ["groups", *args])
        assert found.exit_code == status, (found.output, found.stderr, found.exception)
        return found

    return call


def settled(world: World) -> str:
    world.clock.at = utc_now() + dt.timedelta(minutes=1)
    world.settle()
    return str(world.standing("ana", "signed").state)


def test_a_membership_counts_by_its_dates_not_by_when_it_is_entered(world: World, run: Any) -> None:
    """A signature of a month ago counts only where its signer was a member then."""
    assert settled(world) == "in_progress"
    assert run("add", "sales_assessors", "ines@example.com").stdout == "sales_assessors: 1 member now\n"
    assert settled(world) == "in_progress"
    since = (utc_now() - dt.timedelta(days=60)).date().isoformat()
    until = (utc_now() - dt.timedelta(days=40)).date().isoformat()
    run("set", "board", "ines@example.com")
    run("remove", "sales_assessors", world.person("ines"), "--as-never")
    run("add", "sales_assessors", "mbox::mailto:ines@example.com", "--from", since, "--until", until)
    assert settled(world) == "in_progress"
    assert (
        run("add", "sales_assessors", "ines@example.com", "--from", since).stdout
        == "sales_assessors: 1 member now\n"
    )
    assert settled(world) == "active"
    run("remove", "sales_assessors", "ines@example.com")
    assert settled(world) == "active"  # it was signed by a member
    run("remove", "sales_assessors", "ines@example.com", "--as-never")
    assert settled(world) == "in_progress"
    run("add", "sales_assessors", "ines@example.com", "--ever")
    assert settled(world) == "active"


def test_only_those_are_decided_anew_whom_a_change_concerns(world: World, run: Any) -> None:
    run("add", "sales_assessors", "ines@example.com", "--ever")
    settled(world)
    run("add", "sales_assessors", "bo@example.com")
    assert world.db.work.count_documents({"due_at": {"$lte": utc_now()}}) == 0
    run("remove", "sales_assessors", "ines@example.com", "--as-never")
    assert [row["_id"] for row in world.db.work.find({"due_at": {"$lte": utc_now()}})] == [
        world.person("ana")
    ]


def test_set_keeps_what_was_and_show_tells_it(world: World, run: Any) -> None:
    run("add", "sales_assessors", "ines@example.com", "bo@example.com", "--from", "2026-01-01")
    run("set", "sales_assessors", "bo@example.com", "ana@example.com")
    rows = {
        one["person"]: one for one in json.loads(run("show", "sales_assessors", "--json").stdout)["members"]
    }
    assert rows[world.person("ines")]["from"] == "2026-01-01T00:00:00Z"
    assert rows[world.person("ines")]["until"] is not None
    assert rows[world.person("bo")] == {
        "person": world.person("bo"), "from": "2026-01-01T00:00:00Z", "until": None,
    }  # fmt: skip
    assert rows[world.person("ana")]["until"] is None
    shown = run("show", "sales_assessors").stdout
    assert "ines@example.com" in shown
    assert [line.split()[-1] for line in shown.splitlines()] == ["NOW", "yes", "yes", "no"]
    listed = json.loads(run("list", "--json").stdout)
    assert listed == {
        "id": "sales_assessors", "now": 2, "members": ["ana@example.com", "bo@example.com"], "named_by": ["signed"],
    }  # fmt: skip
    assert run("set", "empty").stdout == "empty: 0 members now\n"


def test_a_last_day_is_meant_whole(world: World, run: Any) -> None:
    run("add", "board", "ana@example.com", "--from", "2027-01-01", "--until", "2027-12-31")
    assert world.db.groups.find_one({"_id": "board"})["members"][0]["until"] == dt.datetime(
        2028, 1, 1, tzinfo=dt.UTC
    )


def test_refusals_name_what_is_wrong_and_change_nothing(world: World, run: Any) -> None:
    before = world.db.groups.find_one({"_id": "sales_assessors"})
    assert "did you mean sales_assessors?" in run("show", "sales-assessor", status=1).stderr
    assert (
        "did you mean sales_assessors?" in run("remove", "sales_asessors", "bo@example.com", status=1).stderr
    )
    assert "nobody is known as 'eve@example.com'" in run("add", "board", "eve@example.com", status=1).stderr
    assert (
        "bo@example.com is not in sales_assessors then"
        in run("remove", "sales_assessors", "bo@example.com", status=1).stderr
    )
    assert "begin with a letter" in run("set", "9lives", status=1).stderr
    assert (
        "later than from"
        in run(
            "add", "board", "bo@example.com", "--from", "2027-01-02", "--until", "2027-01-01", status=1
        ).stderr
    )
    run("add", "board", status=2)
    run("add", "board", "bo@example.com", "--ever", "--from", "2027-01-01", status=2)
    assert world.db.groups.count_documents({}) == 1
    assert world.db.groups.find_one({"_id": "sales_assessors"}) == before


def test_what_was_a_membership_then_is_known_later(world: World) -> None:
    ines = world.person("ines")
    first = world.clock()
    groups.add_members(editor(world), "board", [ines], None)
    second = world.clock.forward(hours=1)
    groups.remove_members(editor(world), "board", [ines], None)
    world.clock.forward(hours=1)
    groups.add_members(editor(world), "board", [ines], second)

    def known(at: dt.datetime | None) -> list[str]:
        return [one.from_at.isoformat()[:4] for one in known_groups(world.db, at).get("board", ())]

    assert known(first - dt.timedelta(minutes=1)) == []
    assert known(first + dt.timedelta(minutes=1)) == ["0001"]
    assert known(second + dt.timedelta(minutes=1)) == []
    assert known(None) == known(world.clock()) == [f"{second:%Y}"]


def test_a_group_replaced_by_the_same_members_forgets_and_marks_nothing(world: World) -> None:
    members = [{"person": world.person("ines"), "from": world.clock(), "until": None}]
    groups.put_group(editor(world), "board", members)
    added = world.db.groups.find_one({"_id": "board"})["members"]
    world.clock.forward(days=1)
    groups.put_group(editor(world), "board", members)
    found = world.db.groups.find_one({"_id": "board"})
    assert (found["members"], found["past"]) == (added, [])


def test_too_many_members_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_MEMBERS", 2)
    persons = [world.person(who) for who in ("ana", "bo", "ines")]
    with pytest.raises(InvalidField, match="at most 2"):
        groups.add_members(editor(world), "board", persons, None)


def test_spans_that_touch_become_one() -> None:
    days = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 9)]
    spans = [(days[4], days[5]), (days[1], days[2]), (days[0], days[1]), (days[6], None), (days[7], days[7])]
    assert united(spans) == [(days[0], days[2]), (days[4], days[5]), (days[6], None)]
    assert united([(None, days[1]), (None, None)]) == [(None, None)]
