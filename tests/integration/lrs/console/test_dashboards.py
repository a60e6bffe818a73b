"""Dashboards: several of an organization, named, in an order, each question with its answer, sealed."""

from __future__ import annotations

import json
import re

import pytest
from console_world import World
from factories_access import log_in, make_user

from lrs.analysis.questions import dashboards
from lrs.analysis.run import Analyst
from statements.errors import QueryTimeout

pytestmark = pytest.mark.usefixtures("nothing_saved")

COUNT = {"group": ["verb"], "measures": {"count": {"count": True}}}


def saved(world: World, name: str) -> str:
    made = world.ann.open("/console/questions", "POST", data={"name": name, "q": json.dumps(COUNT)})
    assert made.status_code == 303
    return str(made.location.rsplit("/", 1)[-1])


def headings(page: str) -> list[str]:
    return re.findall(r'<h2 id="b\d+"><a[^>]*>([^<]+)<', page)


def test_questions_stand_on_several_dashboards_in_the_order_that_somebody_gave(world: World) -> None:
    one, two, three = (saved(world, name) for name in ("Alpha", "Beta", "Gamma"))
    board = world.ann.open(
        f"/console/questions/{one}", "POST", data={"action": "board", "name": " Our  board "}
    )
    path = board.location
    for question in (two, three, three):
        assert world.ada.open(path, "POST", data={"action": "put", "question": question}).status_code == 303
    assert headings(world.ada.open(path).text) == ["Alpha", "Beta", "Gamma"], "once each, for every colleague"
    for action, question in (("down", one), ("up", three), ("down", three)):
        assert world.ann.open(path, "POST", data={"action": action, "question": question}).status_code == 303
    assert headings(world.ada.open(path).text) == ["Beta", "Alpha", "Gamma"]
    assert world.ann.open(path, "POST", data={"action": "up", "question": two}).status_code == 303
    assert headings(world.ada.open(path).text) == ["Beta", "Alpha", "Gamma"], "the first stays the first"
    other = world.ada.open("/console/dashboards", "POST", data={"name": "Another"}).location
    assert world.ada.open(other, "POST", data={"action": "put", "question": three}).status_code == 303
    listed = {
        row["name"]: row["questions"] for row in world.ada.open("/console/dashboards.json").json["items"]
    }
    assert (listed["Our board"], listed["Another"]) == (3, 1)
    assert "Another" in world.ada.open(f"/console/questions/{three}").text, "a question tells where it stands"
    assert world.ann.open(path, "POST", data={"action": "off", "question": one}).status_code == 303
    assert headings(world.ada.open(path).text) == ["Beta", "Gamma"]
    assert world.ada.open(f"/console/questions/{three}", "POST", data={"action": "delete"}).status_code == 303
    assert headings(world.ada.open(path).text) == ["Beta"], "what is deleted goes from every dashboard"
    assert world.db.dashboards.find_one({"name": "Another"})["questions"] == []
    assert world.ann.open(path, "POST", data={"action": "rename", "name": "Renamed"}).status_code == 303
    assert "<h1>Renamed</h1>" in world.ada.open(path).text
    assert world.ann.open(path, "POST", data={"action": "delete"}).status_code == 303
    assert world.ada.open(path).status_code == 404
    assert world.ada.open(f"/console/questions/{two}").status_code == 200, "its questions stay"


def test_a_dashboard_is_its_organizations_alone(world: World) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "Ours"}).location
    question = saved(world, "Of every store")
    assert world.pat.open(path).status_code == 404
    assert world.pat.open(path, "POST", data={"action": "delete"}).status_code == 404
    assert "Ours" not in world.pat.open("/console/dashboards").text
    theirs = world.pat.open("/console/dashboards", "POST", data={"name": "Theirs"}).location
    refused = world.pat.open(theirs, "POST", data={"action": "put", "question": question})
    assert refused.status_code == 404, "a question of another organization is not there"
    assert (
        world.pat.open(f"/console/questions/{question}", "POST", data={"action": "board"}).status_code == 404
    )


def test_what_cannot_be_is_refused_and_changes_nothing(world: World) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "Full"}).location
    before = world.db.dashboards.find_one({"name": "Full"})
    for data, status in (
        ({"action": "rename", "name": "x" * 201}, 422), ({"action": "rename"}, 422), ({"action": "odd"}, 422),
        ({"action": "up", "question": "none"}, 404), ({"action": "put", "question": "none"}, 404),
    ):  # fmt: skip
        assert world.ann.open(path, "POST", data=data).status_code == status, data
    assert world.ann.open("/console/dashboards", "POST", data={"name": " "}).status_code == 422
    assert world.db.dashboards.find_one({"name": "Full"}) == before
    world.db.dashboards.update_one(
        {"name": "Full"}, {"$set": {"questions": [str(n) for n in range(dashboards.MOST)]}}
    )
    more = {"action": "put", "question": saved(world, "One more")}
    assert world.ann.open(path, "POST", data=more).status_code == 409


def test_a_name_that_looks_like_a_page_is_text(world: World) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "<script>alert(1)</script>"}).location
    for page in (path, "/console/dashboards"):
        text = world.ann.open(page).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
    assert world.ann.open(path, "POST", data={"action": "delete"}).status_code == 303


def test_somebody_without_the_right_to_every_store_sees_no_answer_of_theirs(world: World) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "Narrow"}).location
    question = saved(world, "Wide")
    assert world.ann.open(path, "POST", data={"action": "put", "question": question}).status_code == 303
    narrow = log_in(world.app, make_user(world.db, "vendor", "analyst", "narrow@vendor.example"))
    world.db.saved_queries.update_one({"_id": question}, {"$set": {"org": "aurora"}})
    assert "1 question on it is not yours to read" in narrow.open(path).text
    world.db.saved_queries.update_one({"_id": question}, {"$set": {"org": "vendor"}})


def test_one_filter_narrows_every_question_of_a_dashboard(world: World) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "Filtered"}).location
    asked = {"measures": {"count": {"count": True}, "people": {"distinct": "person"}}}
    made = world.ann.open("/console/questions", "POST", data={"name": "How many", "q": json.dumps(asked)})
    question = made.location.rsplit("/", 1)[-1]
    for one in (question, saved(world, "By verb")):
        assert world.ann.open(path, "POST", data={"action": "put", "question": one}).status_code == 303

    def figures(query: str) -> list[int]:
        page = world.ann.open(f"{path}?{query}").text
        return [int(one.replace(",", "")) for one in re.findall(r"<dd>([\d,]+)</dd>", page)]

    everything, aurora = figures(""), figures("organization=aurora")
    assert 0 < aurora[0] < everything[0]
    assert 0 < aurora[1] < everything[1]
    held = figures("certification=sales-pro")
    assert 0 < held[0] < everything[0]
    assert figures("since=2019-01-01&until=2019-12-31")[0] == 0
    assert figures("organization=aurora&since=2019-01-01")[0] == aurora[0]
    page = world.ann.open(f"{path}?organization=aurora").text
    (lead, *_) = re.findall(r'href="(/console/statements\?[^"]+)"', page)
    assert "person.organization" in lead, "a bar opens the statements that it counts"
    kept = world.db.query_results.count_documents({"query": question})
    assert kept == 1, "a narrowed answer is nobody else's"
    for wrong, status in (("certification=none", 404), ("since=yesterday", 422)):
        assert world.ann.open(f"{path}?{wrong}").status_code == status
    assert world.pat.open(f"{path}?organization=aurora").status_code == 404


def test_a_question_that_takes_too_long_says_so_and_the_others_are_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.ann.open("/console/dashboards", "POST", data={"name": "Slow"}).location
    assert world.ann.open(path, "POST", data={"action": "put", "question": saved(world, "Slow one")}).status_code == 303  # fmt: skip

    def ask(self: Analyst, _: object) -> object:
        raise QueryTimeout(self.max_seconds)

    monkeypatch.setattr(Analyst, "ask", ask)
    page = world.ann.open(f"{path}?organization=aurora")
    assert page.status_code == 200
    assert "seconds" in page.text
