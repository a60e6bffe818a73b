"""Alerts: a mail when a figure of a scheduled answer passes a bound, once, and when all of it is back."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from console_world import World
from factories_access import make_user, utc_now

from lrs.access.organizations import VENDOR
from lrs.analysis.questions import alerts, saved
from lrs.messaging import answered_questions, mail_queue

pytestmark = pytest.mark.usefixtures("nothing_saved")

ASKED: dict[str, Any] = {"group": ["verb"], "measures": {"count": {"count": True}}}
NOBODYS = {"_id": "x", "org": VENDOR, "name": "Asked", "expression": json.dumps(ASKED)}


@pytest.fixture
def question(world: World) -> Iterator[str]:
    """A question of the analyst's, answered every hour."""
    made = world.ann.open("/console/questions", "POST", data={"name": "Verbs", "q": json.dumps(ASKED)})
    world.ann.open(made.location, "POST", data={"action": "schedule", "schedule": "0 * * * *"})
    yield made.location
    world.ann.open(made.location, "POST", data={"action": "delete"})
    world.db.mails.delete_many({"template": {"$regex": "^alert"}})


def answered(world: World, rows: list[dict[str, Any]], hours: int, error: str | None = None) -> list[Any]:
    """Let a worker's round have this answer; returns the mails of alerts that it queued."""
    now = utc_now() + dt.timedelta(hours=hours)
    one = world.db.saved_queries.find_one({"name": "Verbs"})
    before = {mail["_id"] for mail in world.db.mails.find({})}
    result = {"at": now, "rows": rows, **({"error": error} if error else {})}
    answered_questions.tell_alerts(world.db, {**one, "next_at": now}, result, now)
    answered_questions.tell_alerts(
        world.db, {**one, "next_at": now}, result, now
    )  # a worker that died between
    return [mail for mail in world.db.mails.find({}) if mail["_id"] not in before]


def rows(**counts: int) -> list[dict[str, Any]]:
    return [{"verb": f"http://v.example/{name}", "count": count} for name, count in counts.items()]


def test_a_figure_that_passes_its_bound_is_told_once_and_again_when_it_is_back(
    world: World, question: str
) -> None:
    set_up = {"action": "alert", "measure": "count", "side": "above", "bound": "1000000"}
    assert world.ann.open(question, "POST", data=set_up).status_code == 303
    assert "is above 1,000,000" in world.ann.open(question).text
    assert answered(world, rows(passed=999_999), 1) == []
    (mail,) = answered(world, rows(passed=1_000_001, failed=3), 2)
    assert (mail["template"], mail["to"]) == ("alert.above", "ann@vendor.example")
    assert mail["values"] | {"at": "", "link": ""} == {
        "question": "Verbs", "figure": "count", "bound": "1000000", "count": "1", "at": "", "link": "",
        "rows": "http://v.example/passed · 1000001",
    }  # fmt: skip
    assert answered(world, rows(passed=1_000_002), 3) == [], "known"
    assert answered(world, [], 4, error="took too long") == [], "an answer that failed says nothing"
    assert "1 row beyond it" in world.ann.open(question).text
    assert "1 beyond its bound" in world.ann.open("/console/questions").text
    (mail,) = answered(world, rows(passed=1_000_002, failed=2_000_000), 5)
    assert mail["values"]["count"] == "1", "only what passed it anew"
    assert answered(world, rows(passed=4, failed=2_000_000), 6) == []
    (mail,) = answered(world, rows(passed=4), 7)
    assert mail["template"] == "alert.over"
    (mail,) = answered(world, rows(passed=1_000_001), 8)
    assert mail["template"] == "alert.above"


def test_the_worker_looks_at_bounds_when_it_answers(world: World, question: str) -> None:
    data = {"action": "alert", "measure": "count", "side": "below", "bound": "0,5"}
    assert world.ann.open(question, "POST", data=data).status_code == 303
    one = world.db.saved_queries.find_one({"name": "Verbs"})
    world.db.saved_queries.update_one({"_id": one["_id"]}, {"$set": {"alerts.0.bound": 1_000_000.0}})
    told = []

    def tell(found: Any, result: Any) -> None:
        told.append(answered_questions.tell_alerts(world.db, found, result, later))

    later = utc_now() + dt.timedelta(hours=2)
    assert saved.run_due(world.db, later, tell=tell) == 1
    assert told == [1]
    (alert,) = world.db.saved_queries.find_one({"name": "Verbs"})["alerts"]
    assert alert["passing"], "what is beyond is known from then on"


def test_what_is_beyond_when_the_alert_is_made_is_known(world: World, question: str) -> None:
    data = {"action": "alert", "measure": "count", "side": "below", "bound": "1e9"}
    assert world.ann.open(question, "POST", data=data).status_code == 303
    last = world.db.query_results.find_one({"query": question.rsplit("/", 1)[-1]})
    assert last["rows"]
    assert answered(world, last["rows"], 1) == []


def test_each_ends_the_own_alerts_and_who_lost_the_right_gets_none(world: World, question: str) -> None:
    data = {"action": "alert", "measure": "count", "side": "above", "bound": "0"}
    assert world.ada.open(question, "POST", data={**data, "bound": "5000000"}).status_code == 303
    (alert,) = world.db.saved_queries.find_one({"name": "Verbs"})["alerts"]
    off = {"action": "no-alert", "alert": alert["id"]}
    assert world.ann.open(question, "POST", data=off).status_code == 404
    assert world.pat.open(question, "POST", data=off).status_code == 404
    ada = {"email": "ada@vendor.example"}
    world.db.users.update_one(ada, {"$set": {"disabled_at": utc_now()}})
    try:
        assert answered(world, rows(passed=5_000_001), 1) == []
    finally:
        world.db.users.update_one(ada, {"$set": {"disabled_at": None}})
    mail_queue.unsubscribe(world.db, "ada@vendor.example", "alert.over", utc_now())
    assert answered(world, rows(passed=1), 2) == [], "refused by its link"
    mail_queue.subscribe(world.db, "ada@vendor.example", "alert.over")
    assert world.ada.open(question, "POST", data=off).status_code == 303
    assert world.db.saved_queries.find_one({"name": "Verbs"})["alerts"] == []


@pytest.mark.parametrize(
    "wrong", [{"measure": "other"}, {"side": "beside"}, {"bound": "many"}, {"bound": "nan"}, {"bound": ""}]
)
def test_what_no_alert_can_be_is_refused_and_changes_nothing(
    world: World, question: str, wrong: dict[str, str]
) -> None:
    data = {"action": "alert", "measure": "count", "side": "above", "bound": "1", **wrong}
    assert world.ann.open(question, "POST", data=data).status_code == 422
    assert "alerts" not in world.db.saved_queries.find_one({"name": "Verbs"})


def test_without_a_schedule_nobody_would_look(world: World, question: str) -> None:
    world.ann.open(question, "POST", data={"action": "schedule", "schedule": ""})
    page = world.ann.open(question).text
    assert "With a schedule, you can be told when a figure passes a bound." in page
    assert re.search(r'name="bound"', page) is None
    data = {"action": "alert", "measure": "count", "side": "above", "bound": "1"}
    assert world.ann.open(question, "POST", data=data).status_code == 422


def test_a_question_has_so_many_alerts_at_most(world: World, question: str) -> None:
    data = {"action": "alert", "measure": "count", "side": "above"}
    for n in range(alerts.MOST):
        assert world.ann.open(question, "POST", data={**data, "bound": str(10**6 + n)}).status_code == 303
    assert world.ann.open(question, "POST", data={**data, "bound": "7"}).status_code == 422


def test_people_in_rows_are_never_named_in_a_mail(world: World) -> None:
    asked = {**ASKED, "group": ["person"]}
    user = make_user(world.db, VENDOR, "analyst", "alert@vendor.example")
    found = {**NOBODYS, "expression": json.dumps(asked), "vendor_wide": False, "next_at": utc_now()}
    alert = {"id": "a", "user": user["_id"], "language": "en", "measure": "count", "side": "above", "bound": 1, "passing": []}  # fmt: skip
    result = {"at": utc_now(), "rows": [{"person": "p_1", "count": 4}]}
    answered_questions.tell_alerts(world.db, {**found, "alerts": [alert]}, result, utc_now())
    mail = world.db.mails.find_one({"to": "alert@vendor.example"})
    assert (mail["values"]["count"], mail["values"]["rows"]) == ("1", "")
