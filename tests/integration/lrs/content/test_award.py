"""From a package to the award: what a learner does in content of each kind counts for a rule, end to end."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import Any

import orjson
import pytest
from content_site import ANA, PACKAGES, take_in, zipped
from factories_engine import World
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from pymongo.database import Database

from lrs.content.attempts.sending import send
from lrs.content.cmi5.registrations import Registrations
from lrs.content.cmi5.sessions import Course
from lrs.content.fulfilling import courses_for
from lrs.content.opening import open_content, principal_of
from lrs.content.player import pages
from lrs.content.player.launches import Wanted
from lrs.content.player.shelf import Shelf
from lrs.content_app import create_content_app
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services
from lrs.foundation.settings import Settings
from lrs.people.records import add_person
from lrs.running.worker import DECISIONS
from rules import queries
from rules.engine.identity import person_id
from rules.engine.standings import state_at
from statements.parsing.actor import ifi

Db = Database[dict[str, Any]]

RULE = """
kind: Certification
id: course
version: "1"
title: Course
role: technical
evidence: {{course: {{verb: {verb}, activity: "{activity}"}}}}
award: {{when: {{done: course, label: Course}}}}
validity: {{lasts: forever}}
tests: []
"""


class Story:
    """A vendor with a rule about one item, and Ana, who opens it."""

    def __init__(self, settings: Settings, db: Db, package: bytes, verb: str) -> None:
        self.settings = dataclasses.replace(settings, content_url="http://*.content.example")
        self.db, self.world = db, World(db)
        self.item = take_in(self.settings, db, package)["item"]
        found = db.content_items.find_one({"_id": self.item})
        assert found is not None
        self.world.publish(RULE.format(verb=verb, activity=found["activity"]))
        app = create_content_app(self.settings, db)
        app.extensions["laurel"] = Services(self.settings, db, self.world.clock)
        self.client: FlaskClient = app.test_client()
        who = {"kind": "client", "id": "portal", "name": "portal"}
        self.editor = Editor(db, who, self.world.clock())
        self.wanted = Wanted("vendor", self.item, ANA)

    def open(self) -> str:
        """Open the item; return the path of its player."""
        url = open_content(self.settings, self.editor, self.wanted).url
        return "/" + url.split("/", 3)[3]

    def is_awarded(self) -> bool:
        send(self.db, "http://lrs.example", self.world.clock)
        self.world.clock.forward(seconds=1)  # what was told lies milliseconds ahead of the commit
        while any([step(self.world.services) for step in DECISIONS]):  # noqa: C419 -- each is to be done
            pass
        found = self.db.standings.find_one({"_id": f"{person_id(ifi(ANA) or '')}/course"})
        state = state_at(found, self.world.clock()) if found else None
        return state is not None and state.state == "active"


def test_what_is_missing_leads_to_the_course_that_fulfils_it(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    path = story.open()
    ana = add_person(story.editor, [ifi(ANA) or ""])

    def courses() -> list[Any]:
        found = queries.explain(db, ana["_id"], "course", None, story.world.clock())
        return courses_for(db, found, settings.public_url)

    start = f"{settings.public_url}/start/{story.item}"
    expected = {"requirement": "course", "item": story.item, "title": "Fire Safety Quiz", "start": start}
    story.is_awarded()
    assert courses() == [expected]
    run = story.client.post(f"{path}open", json={"part": "quiz"}).json["run"]
    cmi = {"core": {"lesson_status": "passed", "score": {"raw": "80"}}}
    story.client.post(f"{path}commit", json={"part": "quiz", "run": run, "sequence": 1, "cmi": cmi})
    story.is_awarded()
    assert courses() == []


@pytest.mark.parametrize(("folder", "part", "cmi"), [
    ("scorm12-quiz", "quiz", {"core": {"lesson_status": "passed", "score": {"raw": "80"}}}),
    ("scorm2004-course", "test", {"success_status": "passed", "completion_status": "completed", "score": {"scaled": "1"}}),
])  # fmt: skip
def test_a_passed_scorm_course_is_an_award(
    settings: Settings, db: Db, folder: str, part: str, cmi: dict[str, Any]
) -> None:
    story = Story(settings, db, zipped(PACKAGES / folder), "passed")
    path = story.open()
    claim = {"completion": "completed", "success": "passed", "scaled": 1}
    for name in dict.fromkeys(["lesson" if folder.startswith("scorm2004") else part, part]):
        run = story.client.post(f"{path}open", json={"part": name}).json["run"]
        assert not story.is_awarded()
        told = cmi if name == part else {"completion_status": "completed"}
        body = {"part": name, "run": run, "sequence": 1, "cmi": told, "end": "terminate"}
        answer = story.client.post(f"{path}commit", json=body | ({"claim": claim} if name == part else {}))
        assert answer.json["result"] == "true", answer.json
    assert story.is_awarded()


def test_a_satisfied_cmi5_course_is_an_award(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "cmi5-course"), "satisfied")
    opened = open_content(story.settings, story.editor, story.wanted)
    version = Shelf(db).version(opened.version)
    course = Course(
        story.settings, story.editor, principal_of(story.settings, story.wanted), version, opened.registration
    )
    units = [item for item in version.package.launchable() if item.cmi5]
    course.waive(units[0], "Administrative")
    assert not story.is_awarded()
    course.waive(units[1], "Administrative")
    assert Registrations(db).get(opened.registration)["told"][-1]["is_stored"]
    assert story.is_awarded()


def h5p() -> bytes:
    """The smallest package that is one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(
            "h5p.json",
            '{"title": "Check", "mainLibrary": "H5P.X", "language": "en", "preloadedDependencies": [{"machineName": "H5P.X", "majorVersion": 1, "minorVersion": 0}]}',
        )
        archive.writestr("content/content.json", "{}")
        archive.writestr("H5P.X-1.0/library.json", "{}")
    return made.getvalue()


def test_answered_h5p_content_is_an_award_and_a_report_sent_twice_is_one_statement(
    settings: Settings, db: Db
) -> None:
    story = Story(settings, db, h5p(), "answered")
    path = story.open()
    assert b"h5p.js" in story.client.get(path).data
    statement = {
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": "x"},
        "result": {"score": {"raw": 1, "min": 0, "max": 1}},
    }
    for _ in range(2):
        assert story.client.post(f"{path}report", json={"serial": "a-1", "statement": statement}).json == {
            "kept": True
        }
    refused = story.client.post(f"{path}report", json={"serial": "a-2", "statement": {"verb": {"id": "x"}}})
    assert refused.status_code == 400
    assert db.statements.count_documents({}) == 1
    assert story.is_awarded()


def test_h5p_content_is_resumed_by_what_it_said_of_itself(settings: Settings, db: Db) -> None:
    story = Story(settings, db, h5p(), "answered")
    path = story.open()
    assert story.client.get(f"{path}outline").json["state"] is None
    for answers in ("[1]", "[1, 2]"):
        assert story.client.post(f"{path}state", data=f'{{"answers": {answers}}}').json == {"kept": True}
    assert story.client.post(f"{path}state", data="no JSON").status_code == 400
    assert story.client.post(f"{path}state", data=b"1" * (600 << 10)).status_code == 413
    assert story.client.get(f"{story.open()}outline").json["state"] == '{"answers": [1, 2]}'
    story.wanted = dataclasses.replace(story.wanted, mode="review")
    assert story.client.post(f"{story.open()}state", data="{}").json == {"kept": False}
    story.wanted = Wanted("vendor", story.item, ANA | {"account": ANA["account"] | {"name": "bo"}})
    assert story.client.get(f"{story.open()}outline").json["state"] is None


# what else a player can send


@pytest.fixture
def quiz(settings: Settings, db: Db) -> tuple[Story, str, int]:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    path = story.open()
    return story, path, story.client.post(f"{path}open", json={"part": "quiz"}).json["run"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b"cmi=1&x=2", b'{"part":"quiz","run":1,"sequence":1}', b'{"part":"quiz","run":"1","sequence":1,"cmi":{}}',
        b'{"part":"quiz","run":1,"sequence":-1,"cmi":{}}', b'{"part":"quiz","run":1,"sequence":1,"cmi":[]}',
        b'{"part":"quiz","run":1,"sequence":1,"cmi":{},"end":"never"}', b'{"part":"other","run":1,"sequence":1,"cmi":{}}',
        b'{"part":"quiz","run":9,"sequence":1,"cmi":{}}', b'{"part":"quiz","run":1,"sequence":0,"cmi":{}}',
        b'{"part":"quiz","run":1,"sequence":2,"base":7,"change":{}}', b'{"part":"quiz","run":1,"sequence":1,"cmi":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}",
        b'{"part":"quiz","run":1e99,"sequence":1,"cmi":{}}', b"\xff\xfe", b'{"part":5,"run":1,"sequence":1,"cmi":{}}',
    ],
)  # fmt: skip
def test_what_is_no_commit_gets_an_error_code_and_changes_nothing(
    quiz: tuple[Story, str, int], body: bytes
) -> None:
    story, path, _ = quiz
    before = list(story.db.attempts.find()), list(story.db.attempt_scos.find())
    answer = story.client.post(f"{path}commit", data=body, content_type="text/plain;charset=UTF-8")
    assert answer.status_code == 200
    assert answer.json["result"] == "false"
    assert answer.json["errorCode"] == 101
    assert (list(story.db.attempts.find()), list(story.db.attempt_scos.find())) == before


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.sampled_from(["passed", "90", "suspend"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["core", "score", "raw", "lesson_status", "interactions", "0", "id", "type", "exit", "objectives", "suspend_data", "$a", "a.b"]
    ), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip
COMMITS = st.fixed_dictionaries(
    {"part": st.just("quiz") | ANY, "run": st.integers(0, 2) | ANY, "sequence": st.integers(0, 9) | ANY, "cmi": ANY},
    optional={"end": st.sampled_from(["terminate", "closed"]) | ANY, "claim": ANY, "base": st.integers(0, 9), "change": ANY},
)  # fmt: skip


@settings_of(suppress_health_check=list(HealthCheck), max_examples=25)
@given(st.lists(COMMITS, min_size=1, max_size=4))
def test_no_commit_is_answered_5xx_and_all_that_is_told_can_be_stored(
    quiz: tuple[Story, str, int], bodies: list[Any]
) -> None:
    story, path, _ = quiz
    for body in bodies:
        data = orjson.dumps(body)
        assert story.client.post(f"{path}commit", data=data).status_code == 200
    assert story.client.post(f"{path}open", json={"part": "quiz"}).status_code == 200
    send(story.db, "http://lrs.example", story.world.clock)
    assert story.db.attempt_outbox.count_documents({}) == 0


def test_a_commit_that_is_too_large_is_cut_off(quiz: tuple[Story, str, int]) -> None:
    story, path, run = quiz
    body = {"part": "quiz", "run": run, "sequence": 1, "cmi": {"x": "y" * (9 << 20)}}
    assert story.client.post(f"{path}commit", json=body).status_code == 413


def test_the_launch_of_a_long_body_is_found_once(
    quiz: tuple[Story, str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    story, path, run = quiz
    found = pages.admits(story.client.application, {"PATH_INFO": f"{path}commit"}, b"")
    monkeypatch.setattr(pages.launches, "find", lambda *_: pytest.fail("it is found again"))
    body = {"part": "quiz", "run": run, "sequence": 1, "cmi": {"suspend_data": "x" * 60_000}}
    answer = story.client.post(f"{path}commit", json=body, environ_overrides={"laurel.admitted": found})
    assert answer.json["result"] == "true"


def test_an_impossible_value_is_told_by_its_element_and_the_rest_is_kept(
    quiz: tuple[Story, str, int],
) -> None:
    story, path, run = quiz
    cmi = {"core": {"score": {"raw": "many"}, "lesson_location": "p3"}}
    answer = story.client.post(
        f"{path}commit", json={"part": "quiz", "run": run, "sequence": 1, "cmi": cmi}
    ).json
    assert (answer["errorCode"], answer["element"]) == (405, "cmi.core.score.raw")
    assert "saved" in answer
    (row,) = story.db.attempt_scos.find()
    assert b"p3" in row["record"]


def test_a_change_is_merged_into_what_it_is_a_change_of(quiz: tuple[Story, str, int]) -> None:
    story, path, run = quiz
    whole = {"core": {"lesson_status": "incomplete"}, "suspend_data": "a"}
    story.client.post(f"{path}commit", json={"part": "quiz", "run": run, "sequence": 1, "cmi": whole})
    change = {
        "part": "quiz",
        "run": run,
        "sequence": 2,
        "base": 1,
        "change": {"suspend_data": "b"},
        "end": "closed",
    }
    assert story.client.post(f"{path}commit", json=change).json["result"] == "true"
    again = story.client.post(f"{path}open", json={"part": "quiz"}).json["cmi"]
    assert (again["suspend_data"], again["core"]["lesson_status"], again["core"]["entry"]) == (
        "b",
        "incomplete",
        "resume",
    )


def test_changes_come_to_no_more_than_a_commit_may_hold(quiz: tuple[Story, str, int]) -> None:
    """Else a browser that goes on telling more would fill the record until MongoDB refuses it, with a failure."""
    story, path, run = quiz
    told = []
    for number in range(1, 5):
        much = {f"more{number}": "x" * (5 << 20)}
        sent = {"cmi": much} if number == 1 else {"base": 1, "change": much}
        body = {"part": "quiz", "run": run, "sequence": number, **sent}
        answer = story.client.post(f"{path}commit", json=body)
        assert answer.status_code == 200
        told.append(answer.json["result"])
    assert told == ["true", "false", "false", "false"]
    (row,) = story.db.attempt_scos.find()
    assert b"more1" in row["record"]
    assert b"more2" not in row["record"]


@pytest.mark.parametrize(
    "path",
    [
        "/play/none/",
        "/play/none/outline",
        "/play/" + "x" * 500 + "/",
        "/player/nothing.js",
        "/player/lib/../pages.py",
    ],
)
def test_what_is_not_there_is_404(quiz: tuple[Story, str, int], path: str) -> None:
    assert quiz[0].client.get(path).status_code == 404


def test_a_review_counts_nothing(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    story.open()
    story.wanted = dataclasses.replace(story.wanted, mode="review")
    path = story.open()
    opened = story.client.post(f"{path}open", json={"part": "quiz"}).json
    assert (opened["cmi"]["core"]["lesson_mode"], opened["cmi"]["core"]["credit"]) == ("review", "no-credit")
    cmi = {"core": {"lesson_status": "passed"}}
    answer = story.client.post(f"{path}commit", json={"part": "quiz", "run": 1, "sequence": 1, "cmi": cmi})
    assert answer.json["result"] == "true"
    assert not story.is_awarded()
    assert db.statements.count_documents({}) == 0


def test_who_browses_begins_no_attempt(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    story.wanted = dataclasses.replace(story.wanted, mode="browse")
    path = story.open()
    assert story.client.get(f"{path}outline").json["next"] == "quiz"
    opened = story.client.post(f"{path}open", json={"part": "quiz"}).json
    assert (opened["cmi"]["core"]["lesson_mode"], opened["cmi"]["core"]["entry"]) == ("browse", "ab-initio")
    cmi = {"core": {"lesson_status": "passed"}}
    answer = story.client.post(f"{path}commit", json={"part": "quiz", "run": 1, "sequence": 1, "cmi": cmi})
    assert answer.json["result"] == "true"
    assert story.client.post(f"{path}sequencing", json={"run": 1, "state": "x"}).status_code == 200
    assert (db.attempts.count_documents({}), db.attempt_scos.count_documents({})) == (0, 0)


def test_a_failed_attempt_is_followed_by_a_new_one_until_none_is_left(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    db.content_items.update_one({"_id": story.item}, {"$set": {"policy": {"attempts": 2}}})
    failed = {"core": {"lesson_status": "failed", "score": {"raw": "20"}}}
    for number in (1, 2):
        path = story.open()
        run = story.client.post(f"{path}open", json={"part": "quiz"}).json
        assert run["cmi"]["core"]["entry"] == "ab-initio"
        body = {"part": "quiz", "run": run["run"], "sequence": 1, "cmi": failed, "end": "terminate"}
        story.client.post(f"{path}commit", json=body)
        assert db.attempts.count_documents({}) == number
    opened = open_content(story.settings, story.editor, story.wanted)
    assert (opened.mode, opened.reason) == ("review", "no attempt is left")


@pytest.mark.parametrize("policy", [{"attempts": 2}, {"cool_down_hours": 1}])
def test_a_page_left_open_gives_no_further_try_at_a_failed_attempt(
    settings: Settings, db: Db, policy: dict[str, Any]
) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    db.content_items.update_one({"_id": story.item}, {"$set": {"policy": policy}})
    path = story.open()
    run = story.client.post(f"{path}open", json={"part": "quiz"}).json["run"]
    failed = {"core": {"lesson_status": "failed", "score": {"raw": "20"}}}
    body = {"part": "quiz", "run": run, "sequence": 1, "cmi": failed, "end": "terminate"}
    story.client.post(f"{path}commit", json=body)
    before = db.attempts.find_one()
    for after in ({}, {"after": run}):
        refused = story.client.post(f"{path}open", json={"part": "quiz", **after})
        assert (refused.status_code, refused.json["message"]) == (
            409, "this attempt is over: it was failed and left",
        )  # fmt: skip
    assert db.attempts.find_one() == before


def test_a_page_of_an_attempt_that_a_newer_one_followed_opens_nothing(settings: Settings, db: Db) -> None:
    story = Story(settings, db, zipped(PACKAGES / "scorm12-quiz"), "passed")
    path = story.open()
    story.wanted = dataclasses.replace(story.wanted, wants_new=True)
    story.open()
    refused = story.client.post(f"{path}open", json={"part": "quiz"})
    assert (refused.status_code, refused.json["message"]) == (
        409, "this attempt is over: a newer one has begun",
    )  # fmt: skip
