"""Assignments on the pages: overdue, reminded, escalated, met; and sealed from other partners."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from browser import CHROMIUM, Page
from click.testing import CliRunner
from conftest import KEY, SECRET
from factories import make_statement
from factories_access import make_client, utc_now
from portal_pages import enter, text_of, visit
from served_pages import AXE, TAGS

from lrs.cli import cli
from lrs.foundation.mail import mailer
from lrs.foundation.settings import to_env
from lrs.messaging import due_notices, notices
from lrs.messaging.mail_queue import send_due
from rules.publication import plans

LAUNCH = """
kind: Assignment
id: launch-nine
version: "{version}"
title: Launch of Release 9
mode: {mode}
{since}
evidence: {{tour: {{verb: completed, activity: "https://acme.example/xapi/nine/tour"}}}}
path: [{{done: tour, label: Tour of Release 9}}]
targets: [{{person: sven.dahl@borealis.example, due_on: {due:%Y-%m-%d}}}]
notices:
  - {{after_due: [1 day], to: [holder, partner_admin]}}
tests:
  - name: nobody
    expect: [{{who: ana, at: 2020-01-01, status: null}}]
"""
PATH = "/me/assignments/launch-nine"


def publish(world: Any, version: str, mode: str, since: str = "", name: str = "launch-nine") -> None:
    """Publish an assignment, due two days ago."""
    due = utc_now() - dt.timedelta(days=2)
    text = LAUNCH.format(version=version, mode=mode, since=since, due=due).replace("launch-nine", name)
    plan = plans.make_plan(world.db, [("launch.yaml", text)], utc_now(), "test")
    plans.apply_plan(world.db, plan["_id"], utc_now(), "test")
    world.work()


@pytest.fixture(scope="module")
def launch(world: Any) -> Iterator[None]:
    start = utc_now() - dt.timedelta(days=20)
    publish(world, "1", "active", f"effective_from: {start:%Y-%m-%d}")
    yield
    publish(world, "2", "disabled")


@pytest.mark.usefixtures("launch")
def test_only_who_sees_a_person_sees_how_they_stand(world: Any) -> None:
    sven = world.person("Sven Dahl")
    assert "Launch of Release 9" in world.sven.open("/me").text
    assert "Overdue" in world.sven.open(PATH).text
    assert world.ana.open(PATH).status_code == 404, "it is not asked of her"
    assert world.sven.open("/me/assignments/nothing").status_code == 404
    own = world.paul.open("/console/assignments/launch-nine.json").json["items"]
    assert [(one["person"], one["state"]) for one in own] == [(sven, "overdue")]
    assert world.pat.open("/console/assignments/launch-nine.json").json["items"] == []
    assert "launch-nine" not in world.pat.open("/console/assignments.json").text
    assert world.paul.open("/console/assignments/launch-nine?state=latte").status_code == 422
    for path in (f"/partner/people/{sven}", f"/console/people/{sven}"):
        assert "Launch of Release 9" in world.paul.open(path).text, path


@pytest.mark.usefixtures("launch")
def test_the_api_and_the_command_tell_the_same(world: Any) -> None:
    client, sven = world.app.test_client(), world.person("Sven Dahl")
    listed = client.get("/api/v1/assignments", auth=(KEY, SECRET)).json["items"]
    (mine,) = [one for one in listed if one["assignment"] == "launch-nine"]
    assert (mine["asked"], mine["overdue"]) == (1, 1)
    people = "/api/v1/assignments/launch-nine/people"
    (row,) = client.get(people, auth=(KEY, SECRET)).json["items"]
    assert (row["person"], row["missing"], row["late"]) == (sven, ["tour"], True)
    assert client.get(people, query_string={"state": "met"}, auth=(KEY, SECRET)).json["items"] == []
    assert client.get("/api/v1/assignments/launch-nin/people", auth=(KEY, SECRET)).status_code == 404
    told = client.get(f"/api/v1/people/{sven}/assignments/launch-nine/explain", auth=(KEY, SECRET)).json
    assert (told["standing"]["state"], told["tree"][0]["label"]) == ("overdue", "Tour of Release 9")
    environ = to_env(world.settings, {})
    shown = CliRunner(env=environ).invoke(cli, ["assignments", "people", "launch-nine", "--json"])
    assert [json.loads(line)["person"] for line in shown.output.splitlines()] == [sven]
    said = CliRunner(env=environ).invoke(cli, ["assignments", "explain", sven, "launch-nine"]).output
    assert said.startswith("overdue  asked since ")
    assert "Tour of Release 9" in said
    wrong = CliRunner(env=environ).invoke(cli, ["assignments", "people", "launch-nin"])
    assert wrong.exit_code != 0
    assert "launch-nine" in wrong.output


def test_what_is_only_evaluated_is_told_to_the_vendor_alone(world: Any) -> None:
    sven = world.person("Sven Dahl")
    start = utc_now() - dt.timedelta(days=20)
    publish(world, "1", "evaluate", f"effective_from: {start:%Y-%m-%d}", "launch-ten")
    place = f"/api/v1/people/{sven}/assignments/launch-ten/explain"
    client = world.app.test_client()
    assert client.get(place, auth=(KEY, SECRET)).status_code == 200
    assert client.get(place, headers=make_client(world.db, "borealis")).status_code == 404
    assert world.sven.open("/me/assignments/launch-ten").status_code == 404


def test_a_manager_excuses_own_people_within_the_vendors_bound_and_takes_it_back(world: Any) -> None:
    sven, ana = world.person("Sven Dahl"), world.person("Ana Lima")
    start, bound = utc_now() - dt.timedelta(days=20), utc_now().date() + dt.timedelta(days=30)
    lets = f"effective_from: {start:%Y-%m-%d}\nmanagers_may_exempt: 30 days"
    publish(world, "1", "active", lets, "launch-eleven")
    publish(world, "1", "active", f"effective_from: {start:%Y-%m-%d}", "launch-twelve")
    place, shown = f"/partner/people/{sven}/excuse", f"/partner/people/{sven}"
    form = {"assignment": "launch-eleven", "until": bound.isoformat(), "reason": "Parental leave"}
    day = dt.timedelta(days=1)
    for wrong, status in (
        ({"until": (bound + day).isoformat()}, 422), ({"until": (utc_now().date() - day).isoformat()}, 422),
        ({"until": "soon"}, 422), ({"reason": " "}, 422), ({"reason": "x" * 501}, 422),
        ({"assignment": "launch-twelve"}, 409), ({"assignment": "nothing"}, 404),
    ):  # fmt: skip
        assert world.paul.open(place, "POST", data={**form, **wrong}).status_code == status, wrong
    for who, person in ((world.pat, sven), (world.paul, ana), (world.sven, sven)):
        answer = who.open(f"/partner/people/{person}/excuse", "POST", data=form)
        assert answer.status_code in {403, 404}
    assert world.db.excuses.count_documents({}) == 0
    assert world.paul.open(shown).text.count("Excuse for a while") == 1
    assert world.paul.open(place, "POST", data=form).status_code == 303
    client = world.app.test_client()
    (row,) = client.get("/api/v1/assignments/launch-eleven/people", auth=(KEY, SECRET)).json["items"]
    assert (row["state"], row["reason"], row["until"]) == ("exempt", "Parental leave", bound.isoformat())
    assert "launch-eleven" not in str(world.paul.open("/partner/due.json").json)
    assert "Parental leave" in world.paul.open(shown).text
    (given,) = world.db.excuses.find()
    for who in (world.pat, world.sven):
        assert who.open(f"{place}/{given['_id']}/back", "POST").status_code in {403, 404}
    assert world.paul.open(f"{place}/{given['_id']}/back", "POST").status_code == 303
    assert world.paul.open(f"{place}/{given['_id']}/back", "POST").status_code == 404
    (row,) = client.get("/api/v1/assignments/launch-eleven/people", auth=(KEY, SECRET)).json["items"]
    assert row["state"] == "overdue"
    told = world.db.audit.distinct("action", {"thing": sven, "org": "borealis"})
    assert {"assignment.excuse", "assignment.excuse_back"} <= set(told)
    world.db.excuses.update_one({}, {"$set": {"at": utc_now() - dt.timedelta(days=40)}})
    assert world.paul.open(place, "POST", data=form).status_code == 422, "counted from the first time"
    world.db.excuses.delete_many({})
    for name in ("launch-eleven", "launch-twelve"):
        publish(world, "2", "disabled", name=name)


def mails(world: Any, to: str) -> list[str]:
    """Do what the worker does each morning, and return the letters to somebody."""
    due_notices.plan(world.db, utc_now())
    notices.tell_due(world.db, utc_now(), None)
    send_due(world.settings, world.db, mailer(world.settings), utc_now)
    letters = [one.read_text() for one in (world.settings.data_folder / "mail").glob("*.eml")]
    return [one for one in letters if f"To: {to}" in one and "Release 9" in one]


def accessible(page: Page) -> list[str]:
    """Return the rules of accessibility that a page breaks; none where axe is not installed."""
    if not AXE.exists():
        return []
    page.run(AXE.read_text("utf-8") + ";0")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    found: list[str] = page.run(script)
    return found


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.usefixtures("launch")
def test_an_assignment_is_overdue_reminded_escalated_and_met(world: Any, site: str, page: Page) -> None:
    enter(page, world, site, world.sven)
    visit(page, f"{site}/me")
    assert "was due" in text_of(page)
    assert "Launch of Release 9" in text_of(page)
    (reminder,) = mails(world, "sven.dahl@borealis.example")
    assert PATH in reminder.replace("=\n", "")
    (escalated,) = mails(world, "paul.berger@borealis.example")
    assert re.search(r"/partner/people/p_\w+", escalated.replace("=\n", ""))
    for width, theme in ((390, "light"), (1280, "dark")):
        visit(page, f"{site}{PATH}", width=width, theme=theme)
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert accessible(page) == []
    assert "It was asked of you by" in text_of(page)
    enter(page, world, site, world.paul)
    for path in ("/partner/due", "/console/assignments", "/console/assignments/launch-nine"):
        visit(page, f"{site}{path}")
        assert "Release 9" in text_of(page), path
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), path
        assert accessible(page) == []
    done = make_statement(
        actor={"mbox": "mailto:sven.dahl@borealis.example"},
        verb={"id": "http://adlnet.gov/expapi/verbs/completed"},
        object={"id": "https://acme.example/xapi/nine/tour"},
    )
    sent = world.app.test_client().post("/xapi/statements", json=done, auth=(KEY, SECRET), headers={
        "X-Experience-API-Version": "1.0.3",
    })  # fmt: skip
    assert sent.status_code == 200, sent.text
    world.work()
    visit(page, f"{site}/partner/due")
    assert "Release 9" not in text_of(page)
    enter(page, world, site, world.sven)
    visit(page, f"{site}{PATH}")
    assert "All of it is met." in text_of(page)
    assert len(mails(world, "paul.berger@borealis.example")) == 1, "nobody hears of it again"
