"""Questions in the console: asked by a plain form, drawn, saved for the organization, exported, sealed."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from console_world import World
from factories_access import utc_now

from lrs.analysis.questions import saved
from lrs.messaging import answered_questions
from lrs.messaging.mail_queue import unsubscribe

pytestmark = pytest.mark.usefixtures("nothing_saved")

PASSED = {"field": "verb", "eq": "passed"}
BY_PARTNER = {"filter": PASSED, "group": ["person.organization"], "measures": {"count": {"count": True}}}


def address(asked: Any, path: str = "/console/ask", **more: str) -> str:
    return f"{path}?{urlencode({'q': json.dumps(asked), **more})}"


def links(page: str, start: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]+)"', page) if one.startswith(start)]


def test_a_plain_form_asks_and_every_bar_and_row_opens_the_statements_that_it_counts(world: World) -> None:
    sent = {
        "match": "all", "block": ["1", "2"], "field": ["verb", ""], "operator": ["eq", "eq"], "value": ["passed", ""],
        "function": ["count", ""], "of": ["", ""], "group": ["person.organization", ""], "as": "bars",
    }  # fmt: skip
    asked = world.ada.open(f"/console/ask?{urlencode(sent, doseq=True)}")
    assert asked.status_code == 303
    assert json.loads(parse_qs(urlsplit(asked.location).query)["q"][0]) == {**BY_PARTNER, "limit": 100}
    page = world.ada.open(asked.location).text
    assert "Number of statements by partner of the person, where verb is passed." in page
    rows = world.ada.open(address(BY_PARTNER, "/console/ask.json")).json["items"]
    leads = list(dict.fromkeys(links(page, "/console/statements?")))
    assert len(leads) == len(rows) > 2
    for row, lead in zip(rows, leads, strict=True):
        split = urlsplit(lead)
        under = world.ada.open(f"{split.path}.json?{split.query}&limit=500").json["items"]
        assert len(under) == row["count"]


def test_twins_and_pictures_have_what_the_page_shows(world: World) -> None:
    rows = list(csv.DictReader(io.StringIO(world.ada.open(address(BY_PARTNER, "/console/ask.csv")).text)))
    listed = world.ada.open(address(BY_PARTNER, "/console/ask.json")).json["items"]
    assert [int(one["count"]) for one in rows] == [one["count"] for one in listed]
    picture = world.ada.open(address(BY_PARTNER, "/console/ask.svg"))
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert "Aurora Consulting" in picture.text
    assert world.ada.open(address(BY_PARTNER, "/console/ask.png")).data.startswith(b"\x89PNG")
    page = world.ada.open(address(BY_PARTNER)).text
    for path in links(page, "/api/v1/statements/export"):
        assert world.ada.open(path).status_code == 200, path


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"group": ["verbs"]}, "did you mean verb?"), ("x", "is no object"), ({"filter": {"field": "score.raw", "gt": "a"}}, "is not a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_the_question(world: World, asked: Any, told: str) -> None:
    answer = world.ada.open(address(asked))
    assert answer.status_code == 422
    assert told in html.unescape(answer.text)
    assert "As the API has it" in answer.text
    assert world.ada.open(address(asked, "/console/ask.csv")).status_code in {400, 422}
    assert world.ada.open("/console/ask?q=" + "x" * 7000).status_code == 422


def test_a_question_is_saved_for_its_organization_scheduled_and_deleted(world: World) -> None:
    form = {"name": "Passes by partner", "q": json.dumps(BY_PARTNER), "as": "bars"}
    made = world.ann.open("/console/questions", "POST", data=form)
    assert made.status_code == 303
    page = world.ada.open(made.location).text
    assert "Aurora Consulting" in page, "it was answered when it was saved"
    assert "ann@vendor.example" in page or "analyst" in page
    assert world.pat.open(made.location).status_code == 404, "another organization does not see it"
    assert "Passes by partner" not in world.pat.open("/console/questions").text
    assert world.pat.open(made.location, "POST", data={"action": "delete"}).status_code == 404
    for data in ({"action": "schedule", "schedule": "0 5 * * *"}, {"action": "run"}):
        assert world.ada.open(made.location, "POST", data=data).status_code == 303
    every = world.ada.open("/console/questions.json").json["items"]
    (listed,) = (one for one in every if one["id"] == made.location.rsplit("/", 1)[-1])
    assert (listed["schedule"], listed["shown_as"]) == ("0 5 * * *", "bars")
    assert "You have saved none" in world.ada.open("/console/questions?mine=1").text
    assert world.ada.open(made.location, "POST", data={"action": "odd"}).status_code == 422
    assert world.ada.open(made.location, "POST", data={"action": "delete"}).status_code == 303
    assert world.ada.open(made.location).status_code == 404
    assert world.db.query_results.count_documents({"query": listed["id"]}) == 0


def test_scheduled_answers_come_by_mail_to_who_wants_them_and_may_read_them(world: World) -> None:
    db = world.db
    form = {"name": "Passes", "q": json.dumps(BY_PARTNER)}
    made = world.ann.open("/console/questions", "POST", data=form).location
    assert "Send me each answer by mail" not in world.ann.open(made).text, "nothing comes without a schedule"
    for browser in (world.ann, world.ada):
        assert (
            browser.open(made, "POST", data={"action": "schedule", "schedule": "0 5 * * *"}).status_code
            == 303
        )
        for _ in range(2):
            assert browser.open(made, "POST", data={"action": "mail"}).status_code == 303
    to = re.findall(r"By mail to: ([^<]+)", world.ada.open(made).text)[0]
    assert sorted(to.split(", ")) == ["ada@vendor.example", "ann@vendor.example"]
    assert world.ada.open(made, "POST", data={"action": "no-mail"}).status_code == 303
    kept = db.saved_queries.find_one({"_id": made.rsplit("/", 1)[-1]})
    assert len(kept["readers"]) == 1, "asking twice is asking once"

    def tell(one: dict[str, Any], result: dict[str, Any]) -> None:
        for _ in range(2):  # a worker died before it had set the next run
            answered_questions.tell(db, one, result, later)

    later = utc_now() + dt.timedelta(days=2)
    assert saved.run_due(db, later, tell=tell) == 1
    (mail,) = db.mails.find({"template": "question"})
    assert (mail["to"], mail["language"]) == ("ann@vendor.example", "en")
    assert "aurora" in mail["values"]["rows"]
    assert mail["values"]["link"] == made
    db.users.update_one({"email": "ann@vendor.example"}, {"$set": {"role": "learner"}})
    assert saved.run_due(db, later + dt.timedelta(days=2), tell=tell) == 1
    db.users.update_one({"email": "ann@vendor.example"}, {"$set": {"role": "analyst"}})
    assert db.mails.count_documents({"template": "question"}) == 1, "who may not read it any more gets none"
    unsubscribe(db, "ann@vendor.example", "question", later)
    assert saved.run_due(db, later + dt.timedelta(days=4), tell=tell) == 1
    assert db.mails.count_documents({"template": "question"}) == 1, "nor who refused them"
    db.mails.delete_many({"template": "question"})
    db.unsubscribed.delete_many({})
    assert world.ann.open(made, "POST", data={"action": "delete"}).status_code == 303


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ({"group": ["org"]}, True), ({"group": [{"field": "stored", "bucket": "day"}, "verb"]}, True),
        ({"measures": {"n": "count"}}, True), ({"group": ["actor"]}, False), ({"group": ["person"]}, False),
        ({"group": ["org"], "measures": {"last": {"last": "actor"}}}, False),
        ({"group": ["org"], "measures": {"text": {"first": {"field": "received"}}}}, False),
        ({"group": ["org"], "measures": {"people": {"distinct": "actor"}, "last": {"max": "stored"}}}, True),
        ({"group": ["org", "person.name"]}, False), ({"select": ["actor"]}, False), ({}, False),
    ],
)  # fmt: skip
def test_rows_about_people_are_not_put_into_mails(expression: dict[str, Any], told: bool) -> None:
    assert answered_questions.tells_of_nobody(expression) is told


def test_a_partner_asks_its_own_stores_only(world: World) -> None:
    own = world.pat.open(address({"group": ["org"]}, "/console/ask.json")).json["items"]
    assert {one["org"] for one in own} == {"aurora"}
    assert world.pat.open(address({"group": ["org"]}, org="borealis")).status_code == 404
    assert "borealis" not in world.pat.open("/console/ask").text
    form = {"name": "x", "q": json.dumps(BY_PARTNER), "org": "borealis"}
    assert world.pat.open("/console/questions", "POST", data=form).status_code == 404
