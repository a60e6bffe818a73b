"""Platforms open content by LTI 1.3: what is taken, what is refused, and what comes back as a result."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
import pytest
from cmi5_unit import Unit, query_of
from content_site import PACKAGES, take_in, zipped
from factories_access import editor, make_org
from factories_lti import (
    AGS,
    CLAIM,
    CLIENT,
    DL,
    ROLE,
    Lms,
    begin_login,
    make_key,
    post_message,
    running_lms,
)
from factories_packages import tincan_document
from factories_packages import zipped as zip_of
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from lrs.app import create_app
from lrs.content.lti import grades, keys, platforms
from lrs.content.lti.connecting import KeySets
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.foundation.settings import Settings
from lrs.people.privacy import erasure

Db = Database[dict[str, Any]]
ADL = "http://adlnet.gov/expapi/verbs/"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, content_url="http://*.content.example", allow_private_addresses=True)


@pytest.fixture
def lms(settings: Settings, db: Db) -> Iterator[Lms]:
    with running_lms() as made:
        made.tool_keys = keys.published(settings, db, utc_now())
        yield made


@pytest.fixture
def quiz(settings: Settings, db: Db) -> str:
    return str(take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"])


def linked(item: str, **more: Any) -> dict[str, Any]:
    return {f"{CLAIM}custom": {"item": item}, **more}


def launched(client: FlaskClient, lms: Lms, item: str, **changes: Any) -> TestResponse:
    asked = begin_login(client, lms)
    return post_message(
        client, asked["state"], lms.sign(lms.claims(asked["nonce"], **linked(item, **changes)))
    )


def refused(answer: TestResponse, reason: str, db: Db) -> None:
    assert answer.status_code == 400, answer.text
    assert reason in answer.text
    assert db.content_launches.count_documents({}) == 0
    assert db.people.count_documents({}) == 0


def test_a_login_asks_the_platform_for_a_post_with_state_and_nonce(
    client: FlaskClient, db: Db, lms: Lms
) -> None:
    lms.register(db)
    asked = begin_login(client, lms, lti_message_hint="m-1")
    assert asked | {"state": "", "nonce": ""} == {
        "scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none",
        "client_id": CLIENT, "redirect_uri": "http://lrs.example/lti/launch", "login_hint": "u-17",
        "lti_message_hint": "m-1", "state": "", "nonce": "",
    }  # fmt: skip
    assert asked["state"] not in json.dumps(list(db.lti_logins.find({})), default=str)


def test_a_link_opens_its_item_for_issuer_and_subject(
    client: FlaskClient, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    answer = launched(client, lms, quiz)
    assert answer.status_code == 303, answer.text
    assert "/play/" in answer.location
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    launch = db.content_launches.find_one({})
    assert launch is not None
    assert launch["actor"]["account"] == {"homePage": lms.url, "name": "u-17"}
    assert (launch["learner"]["name"], launch["mode"]) == ("Ana Learner", "normal")
    assert launched(client, lms, quiz).status_code == 303
    assert db.people.count_documents({}) == 1
    assert db.content_enrolments.count_documents({}) == 1


def test_in_a_frame_the_course_opens_in_a_window_of_its_own(
    client: FlaskClient, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    asked = begin_login(client, lms)
    token = lms.sign(lms.claims(asked["nonce"], **linked(quiz)))
    answer = post_message(client, asked["state"], token, **{"Sec-Fetch-Dest": "iframe"})
    assert answer.status_code == 200
    assert 'target="_blank"' in answer.text
    assert f"frame-ancestors {lms.url};" in answer.headers["Content-Security-Policy"]


def test_who_teaches_browses_and_has_no_result(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    answer = launched(client, lms, quiz, **{f"{CLAIM}roles": [f"{ROLE}Instructor"], **lms.grading()})
    assert answer.status_code == 303
    assert db.content_launches.find_one({})["mode"] == "browse"  # type: ignore[index]
    assert db.lti_grades.count_documents({}) == 0


def now_and(seconds: int) -> int:
    return int(time.time()) + seconds


FOREIGN = make_key()
HOSTILE: dict[str, tuple[Callable[[Lms, dict[str, Any], str], str], str]] = {
    "a nonce of nobody": (lambda lms, c, n: lms.sign({**c, "nonce": "0" * 64}), "Invalid Nonce"),
    "no nonce": (lambda lms, c, n: lms.sign({k: v for k, v in c.items() if k != "nonce"}), "nonce"),
    "a nonce that is no text": (lambda lms, c, n: lms.sign({**c, "nonce": {"$ne": 1}}), "Invalid Nonce"),
    "a foreign key": (lambda lms, c, n: lms.sign(c, key=FOREIGN), "Signature verification failed"),
    "a key that is not published": (lambda lms, c, n: lms.sign(c, key=FOREIGN, kid="x"), "public key"),
    "no signature": (lambda lms, c, n: jwt.encode(c, None, algorithm="none", headers={"kid": lms.kid}), "no algorithm"),
    "a shared secret": (lambda lms, c, n: lms.sign(c, key="s" * 64, algorithm="HS256"), "no algorithm"),
    "over": (lambda lms, c, n: lms.sign({**c, "exp": now_and(-120)}), "expired"),
    "of the future": (lambda lms, c, n: lms.sign({**c, "iat": now_and(600)}), "not yet valid"),
    "without an end": (lambda lms, c, n: lms.sign({k: v for k, v in c.items() if k != "exp"}), "exp"),
    "another deployment": (lambda lms, c, n: lms.sign({**c, f"{CLAIM}deployment_id": "2"}), "is not recognised"),
    "a deployment that is a list": (lambda lms, c, n: lms.sign({**c, f"{CLAIM}deployment_id": ["1"]}), "is not recognised"),
    "another issuer": (lambda lms, c, n: lms.sign({**c, "iss": "https://evil.example"}), "another platform"),
    "another client": (lambda lms, c, n: lms.sign({**c, "aud": "somebody"}), "another platform"),
    "nobody": (lambda lms, c, n: lms.sign({**c, "aud": []}), "malformed"),
    "others too, without azp": (lambda lms, c, n: lms.sign({**c, "aud": [CLIENT, "x"]}), "somebody else too"),
    "LTI 1.1": (lambda lms, c, n: lms.sign({**c, f"{CLAIM}version": "1.1"}), "version"),
    "no subject": (lambda lms, c, n: lms.sign({k: v for k, v in c.items() if k != "sub"}), "sub"),
    "an endless subject": (lambda lms, c, n: lms.sign({**c, "sub": "x" * 256}), "no identifier"),
    "roles of an odd shape": (lambda lms, c, n: lms.sign({**c, f"{CLAIM}roles": [1]}), "malformed"),
    "another message": (lambda lms, c, n: lms.sign({**c, f"{CLAIM}message_type": "LtiStartProctoring"}), "message type"),
    "no token": (lambda lms, c, n: "", "id_token"),
    "no JWT": (lambda lms, c, n: "a.b.c", "decoded"),
    "a body that is a list": (lambda lms, c, n: f"{jwt.encode({}, 'k' * 32).split('.')[0]}.W10.x", "malformed"),
    "a long token": (lambda lms, c, n: "x" * 64_001, "too long"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_message_opens_nothing(case: str, client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    make, reason = HOSTILE[case]
    asked = begin_login(client, lms)
    token = make(lms, lms.claims(asked["nonce"], **linked(quiz)), asked["nonce"])
    answer = post_message(client, asked["state"], token)
    refused(answer, reason, db)
    good = lms.sign(lms.claims(asked["nonce"], **linked(quiz)))
    assert (
        "used before" in post_message(client, asked["state"], good).text
    )  # one answer to a login, good or bad


def test_clocks_may_differ_by_a_minute(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    for times in ({"iat": now_and(45)}, {"exp": now_and(-45), "iat": now_and(-400)}):
        assert launched(client, lms, quiz, **times).status_code == 303


def test_a_message_counts_once(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    asked = begin_login(client, lms)
    token = lms.sign(lms.claims(asked["nonce"], **linked(quiz)))
    cookies = client.get_cookie(name_of(client))
    assert cookies is not None
    assert post_message(client, asked["state"], token).status_code == 303
    client.set_cookie(cookies.key, cookies.value)  # whoever kept everything that was sent
    assert "used before" in post_message(client, asked["state"], token).text
    other = begin_login(client, lms)
    assert "Invalid Nonce" in post_message(client, other["state"], token).text
    assert db.content_launches.count_documents({}) == 1


def name_of(client: FlaskClient) -> str:
    return next(cookie.key for cookie in client._cookies.values() if cookie.key.startswith("laurel-lti-"))


def test_a_message_is_taken_of_the_browser_that_began_alone(
    app: Flask, client: FlaskClient, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    asked = begin_login(client, lms)
    token = lms.sign(lms.claims(asked["nonce"], **linked(quiz)))
    other = app.test_client()
    answer = post_message(other, asked["state"], token)
    assert answer.status_code == 400
    assert "/lti/login?iss=" in answer.text
    assert db.content_launches.count_documents({}) == 0
    assert post_message(client, asked["state"], token).status_code == 303  # it took nothing from the learner


def test_another_platform_cannot_answer_a_login(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    with running_lms() as evil:
        evil.key = FOREIGN
        evil.register(db)
        asked = begin_login(client, lms)
        refused(post_message(client, asked["state"], evil.sign(evil.claims(asked["nonce"], **linked(quiz)))), "another platform", db)  # fmt: skip
        asked = begin_login(client, lms)
        posed = {**lms.claims(asked["nonce"], **linked(quiz))}
        refused(post_message(client, asked["state"], evil.sign(posed)), "Signature verification failed", db)


def test_a_platform_may_change_its_key(
    app: Flask, client: FlaskClient, db: Db, lms: Lms, quiz: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lms.register(db)
    assert launched(client, lms, quiz).status_code == 303
    lms.key, lms.kid = make_key(), "lms-2"
    monkeypatch.setattr("lrs.content.lti.connecting.KEYS_REST", 0.0)
    assert launched(client, lms, quiz).status_code == 303
    assert len(app.extensions["laurel"].part(KeySets).known) == 1


def test_keys_that_cannot_be_had_open_nothing(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    made = lms.register(db)
    db.lti_platforms.update_one({"_id": made.id}, {"$set": {"keys_url": f"{lms.url}/nothing"}})
    refused(launched(client, lms, quiz), "keys cannot be had", db)
    db.lti_platforms.update_one({"_id": made.id}, {"$set": {"keys_url": f"{lms.url}/items"}})
    refused(launched(client, lms, quiz), "answers no key set", db)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://nobody.example"}, "no such platform"),
        ({"client_id": "other"}, "no such platform"),
        ({"login_hint": ""}, "login hint"),
        ({"login_hint": "x" * 4001}, "too long"),
    ],
)
def test_a_login_that_cannot_be_begins_nothing(
    changes: dict[str, str], reason: str, client: FlaskClient, db: Db, lms: Lms
) -> None:
    lms.register(db)
    asked = {"iss": lms.url, "login_hint": "u", "client_id": CLIENT, **changes}
    answer = client.get("/lti/login", query_string=asked)
    assert (answer.status_code, reason in answer.text) == (400, True)
    assert db.lti_logins.count_documents({}) == 0


def test_a_deployment_sees_what_its_organization_may(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms
) -> None:
    make_org(db, "north")
    make_org(db, "south")
    lms.register(db, "north")
    own, others = (
        str(take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"), org=org)["item"])
        for org in ("north", "south")
    )
    assert "names no item of ours" in launched(client, lms, others).text
    assert "names no item of ours" in launched(client, lms, "nothing").text
    assert launched(client, lms, own).status_code == 303
    person = db.people.find_one({})
    assert person is not None
    [row] = db.affiliations.find({"person": person["_id"]})
    assert (row["org"], row["known_as"]) == ("north", person["ifis"][0]["ifi"])
    platforms.withdraw(editor(db), db.lti_platforms.find_one({})["_id"], "1")  # type: ignore[index]
    assert "is not recognised" in launched(client, lms, own).text


def chosen(client: FlaskClient, lms: Lms, **settings: Any) -> TestResponse:
    asked = begin_login(client, lms)
    told = {
        "deep_link_return_url": f"{lms.url}/back?a=1", "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe"], "data": "kept", **settings,
    }  # fmt: skip
    claims = lms.claims(asked["nonce"], **{
        f"{CLAIM}message_type": "LtiDeepLinkingRequest", f"{CLAIM}resource_link": None,
        f"{DL}deep_linking_settings": told, f"{CLAIM}roles": [f"{ROLE}Instructor"],
    })  # fmt: skip
    return post_message(client, asked["state"], lms.sign(claims))


def test_what_is_chosen_goes_back_signed_and_opens(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    make_org(db, "south")
    take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"), org="south")
    lms.register(db)
    answer = chosen(client, lms)
    assert answer.status_code == 200, answer.text
    assert f'action="{lms.url}/back?a=1"' in answer.text
    assert f"form-action {lms.url}" in answer.headers["Content-Security-Policy"]
    [token] = re.findall(r'name="JWT" value="([^"]+)"', answer.text)
    [key] = jwt.PyJWKSet.from_dict(client.get("/lti/keys").json or {}).keys
    body = jwt.decode(token, key, algorithms=["RS256"], audience=lms.url)
    assert body["iss"] == CLIENT
    assert body[f"{CLAIM}message_type"] == "LtiDeepLinkingResponse"
    assert (body[f"{CLAIM}deployment_id"], body[f"{DL}data"]) == ("1", "kept")
    [item] = body[f"{DL}content_items"]
    assert (item["type"], item["custom"], item["lineItem"]["scoreMaximum"]) == (
        "ltiResourceLink",
        {"item": quiz},
        100,
    )
    assert launched(client, lms, item["custom"]["item"]).status_code == 303


@pytest.mark.parametrize("back", ["javascript:alert(1)", "", "//x", None])
def test_a_choice_goes_to_a_web_address_only(
    back: Any, client: FlaskClient, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    answer = chosen(client, lms, deep_link_return_url=back)
    assert answer.status_code == 400
    assert "JWT" not in answer.text


def committed(client: FlaskClient, settings: Settings, db: Db, location: str, status: str, raw: int) -> None:
    """Do in the player what a SCO of 1.2 does."""
    site = create_content_app(settings, db).test_client()
    parts = urlsplit(location)
    base = {"base_url": f"{parts.scheme}://{parts.netloc}"}
    part = site.get(f"{parts.path}outline", **base).json["next"]
    run = site.post(f"{parts.path}open", json={"part": part}, **base).json["run"]
    cmi = {
        "core": {"lesson_status": status, "score": {"raw": str(raw), "min": "0", "max": "100"}, "exit": ""}
    }
    sent = {"part": part, "run": run, "sequence": 1, "end": "terminate", "cmi": cmi}
    answer = site.post(f"{parts.path}commit", json=sent, **base)
    assert answer.json["result"] == "true", answer.text


def sent_at(settings: Settings, db: Db, seconds: float) -> int:
    return grades.send_due(settings, db, lambda: utc_now() + dt.timedelta(seconds=seconds))


def test_a_result_goes_back_once_and_again_when_it_is_better(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    opened = launched(client, lms, quiz, **lms.grading())
    assert sent_at(settings, db, 20) == 0
    assert lms.scores == []
    committed(client, settings, db, opened.location, "failed", 40)
    assert sent_at(settings, db, 60) == 1
    assert lms.tokens[0]["scope"] == f"{AGS}scope/score"
    [score] = lms.scores
    assert {name: score[name] for name in ("userId", "scoreGiven", "scoreMaximum", "line")} == {
        "userId": "u-17", "scoreGiven": 40, "scoreMaximum": 100, "line": "1",
    }  # fmt: skip
    assert (score["activityProgress"], score["gradingProgress"]) == ("Completed", "FullyGraded")
    assert sent_at(settings, db, 120) == 0  # nothing changed
    again = launched(client, lms, quiz, **lms.grading())
    committed(client, settings, db, again.location, "passed", 90)
    assert sent_at(settings, db, 240) == 1
    assert lms.scores[1]["scoreGiven"] == 90
    assert lms.scores[1]["timestamp"] > score["timestamp"]


def test_a_platform_that_is_away_gets_the_result_later(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    opened = launched(client, lms, quiz, **lms.grading())
    committed(client, settings, db, opened.location, "passed", 80)
    lms.failing = 1
    assert sent_at(settings, db, 20) == 0
    row = db.lti_grades.find_one({})
    assert row is not None
    assert (row["tries"], row["sent"], "503" in row["error"]) == (1, None, True)
    assert sent_at(settings, db, 120) == 1
    assert [one["scoreGiven"] for one in lms.scores] == [80]
    assert db.lti_grades.find_one({})["error"] is None  # type: ignore[index]


def test_results_go_to_no_private_address_unless_that_is_allowed(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    opened = launched(client, lms, quiz, **lms.grading())
    committed(client, settings, db, opened.location, "passed", 80)
    closed = dataclasses.replace(settings, allow_private_addresses=False)
    assert sent_at(closed, db, 20) == 0
    assert (lms.tokens, lms.scores) == ([], [])


def test_a_platform_without_a_line_item_gets_one(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    opened = launched(client, lms, quiz, **lms.grading("/items", "score", "lineitem"))
    committed(client, settings, db, opened.location, "passed", 80)
    assert sent_at(settings, db, 20) == 1
    again = launched(client, lms, quiz, **{**lms.grading("/items", "score", "lineitem"), "sub": "u-18"})
    committed(client, settings, db, again.location, "passed", 70)
    assert sent_at(settings, db, 20) == 1
    [line] = lms.items
    assert (line["tag"], line["scoreMaximum"]) == (quiz, 100)
    assert [(one["userId"], one["line"]) for one in lms.scores] == [("u-17", "7"), ("u-18", "7")]


def test_a_cmi5_course_is_done_when_it_is_satisfied(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms
) -> None:
    item = str(take_in(settings, db, zipped(PACKAGES / "cmi5-course"))["item"])
    lms.register(db)
    page = urlsplit(launched(client, lms, item, **lms.grading()).location)
    site = create_content_app(settings, db).test_client()
    base = {"base_url": f"{page.scheme}://{page.netloc}"}
    assert "0 of 2" in site.get(page.path, **base).text
    units = re.findall(r'name="unit" value="([^"]+)"', site.get(page.path, **base).text)

    def begun(unit: str) -> Unit:
        answer = site.post(f"{page.path}unit", data={"unit": unit}, **base)
        assert answer.status_code == 303, answer.text
        made = Unit(client, {"query": query_of(answer.location)})
        assert orjson.loads(made.query["actor"])["account"] == {"homePage": lms.url, "name": "u-17"}
        assert made.data["returnURL"] == page.geturl()
        made.say("initialized")
        return made

    begun(units[0]).say("completed", completion=True)
    assert sent_at(settings, db, 20) == 0
    begun(units[1]).say("passed", success=True, score={"scaled": 0.8})
    assert "The course is done" in site.get(page.path, **base).text
    assert sent_at(settings, db, 60) == 1
    assert (lms.scores[0]["scoreGiven"], lms.scores[0]["activityProgress"]) == (80, "Completed")


def test_tin_can_content_tells_its_result_itself(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms
) -> None:
    item = str(take_in(settings, db, zipped(PACKAGES / "tincan-tour"))["item"])
    lms.register(db)
    opened = launched(client, lms, item, **lms.grading())
    query = query_of(opened.location)
    said = {
        "actor": json.loads(query["actor"]), "verb": {"id": f"{ADL}passed"}, "object": {"id": query["activity_id"]},
        "result": {"success": True, "score": {"scaled": 0.75}}, "context": {"registration": query["registration"]},
    }  # fmt: skip
    headers = {"Authorization": query["auth"], "X-Experience-API-Version": "1.0.3"}
    stored = client.post(
        "/xapi/statements", data=orjson.dumps(said), headers={**headers, "Content-Type": "application/json"}
    )
    assert stored.status_code == 200, stored.text
    assert sent_at(settings, db, 20) == 1
    assert lms.scores[0]["scoreGiven"] == 75


def renamed(folder: str, manifest: str, old: str, new: str) -> bytes:
    """A package whose manifest names something anew, as an author does between versions."""
    names = [path for path in (PACKAGES / folder).rglob("*") if path.is_file()]
    files = {str(path.relative_to(PACKAGES / folder)): path.read_bytes() for path in names}
    assert old.encode() in files[manifest]
    return zip_of(files | {manifest: files[manifest].replace(old.encode(), new.encode())})


def test_a_new_version_of_a_cmi5_course_leaves_results_of_the_old_one(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms
) -> None:
    item = str(take_in(settings, db, zipped(PACKAGES / "cmi5-course"))["item"])
    lms.register(db)
    page = urlsplit(launched(client, lms, item, **lms.grading()).location)
    site = create_content_app(settings, db).test_client()
    base = {"base_url": f"{page.scheme}://{page.netloc}"}
    said = {
        "news": ("completed", {"completion": True}),
        "test": ("passed", {"success": True, "score": {"scaled": 0.6}}),
    }
    for unit, (verb, result) in said.items():
        named = f"https://laurel.example/courses/product-launch/{unit}"
        made = Unit(
            client, {"query": query_of(site.post(f"{page.path}unit", data={"unit": named}, **base).location)}
        )
        made.say("initialized")
        made.say(verb, **result)
        made.say("terminated")
    assert sent_at(settings, db, 60) == 1
    take_in(
        settings,
        db,
        renamed("cmi5-course", "cmi5.xml", "product-launch/test", "product-launch/exam"),
        item=item,
    )
    assert sent_at(settings, db, 7200) == 0  # the score of the unit that version 2 does not have still stands
    assert [one["scoreGiven"] for one in lms.scores] == [60]


def test_a_new_version_of_tin_can_content_leaves_results_of_the_old_one(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms
) -> None:
    package = zip_of({"tincan.xml": tincan_document(activity="https://a.example/1"), "index.html": b""})
    newer = zip_of({"tincan.xml": tincan_document(activity="https://a.example/2"), "index.html": b""})
    item = str(take_in(settings, db, package)["item"])
    lms.register(db)
    query = query_of(launched(client, lms, item, **lms.grading()).location)
    take_in(settings, db, newer, item=item)
    said = {
        "actor": json.loads(query["actor"]), "verb": {"id": f"{ADL}passed"}, "object": {"id": "https://a.example/1"},
        "result": {"success": True, "score": {"scaled": 0.6}}, "context": {"registration": query["registration"]},
    }  # fmt: skip
    headers = {"Authorization": query["auth"], "X-Experience-API-Version": "1.0.3"}
    assert client.post("/xapi/statements", json=said, headers=headers).status_code == 200
    assert sent_at(settings, db, 60) == 1
    assert [one["scoreGiven"] for one in lms.scores] == [60]


def test_a_return_address_is_the_platforms(client: FlaskClient, db: Db, lms: Lms, quiz: str) -> None:
    lms.register(db)
    shown = {f"{CLAIM}launch_presentation": {"return_url": f"{lms.url}/course/7"}}
    launched(client, lms, quiz, **shown)
    assert db.content_launches.find_one({})["return_url"] == f"{lms.url}/course/7"  # type: ignore[index]
    db.content_launches.delete_many({})
    launched(client, lms, quiz, **{f"{CLAIM}launch_presentation": {"return_url": "https://evil.example/"}})
    assert db.content_launches.find_one({})["return_url"] is None  # type: ignore[index]


def test_an_issuer_has_one_key_set(app: Flask, db: Db, lms: Lms) -> None:
    made = lms.register(db)
    again = dataclasses.replace(lms.registration, client_id="second")
    evil = dataclasses.replace(again, keys_url="https://evil.example/keys")
    with pytest.raises(Collision, match="one key set"):
        platforms.register(editor(db), evil, plain_http=True)
    with pytest.raises(InvalidField, match="https"):
        platforms.register(editor(db), again)
    with pytest.raises(Collision, match="registered already"):
        platforms.register(editor(db), lms.registration, plain_http=True)
    with pytest.raises(Collision, match="there already"):
        platforms.deploy(editor(db), made.id, "1", "vendor")
    with pytest.raises(UnknownThing):
        platforms.deploy(editor(db), made.id, "2", "nobody")
    assert db.lti_platforms.count_documents({}) == 1
    second = platforms.register(editor(db), again, plain_http=True)
    assert platforms.find_platform(db, lms.url) is None  # which one is not said
    assert platforms.find_platform(db, lms.url, "second") == second


def test_a_platform_that_is_removed_opens_nothing_and_hears_nothing(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    made = lms.register(db)
    asked = begin_login(client, lms)
    opened = launched(client, lms, quiz, **lms.grading())
    committed(client, settings, db, opened.location, "passed", 80)
    platforms.remove(editor(db), made.id)
    assert (
        post_message(client, asked["state"], lms.sign(lms.claims(asked["nonce"], **linked(quiz)))).status_code
        == 404
    )
    assert sent_at(settings, db, 20) == 0
    assert lms.scores == []


def test_an_erased_learner_has_no_result_under_way(
    client: FlaskClient, settings: Settings, db: Db, lms: Lms, quiz: str
) -> None:
    lms.register(db)
    launched(client, lms, quiz, **lms.grading())
    person = db.people.find_one({})
    assert person is not None
    erasure.erase(editor(db), person["_id"], mode="remove", reason="asked")
    assert db.lti_grades.count_documents({}) == 0


def test_the_key_is_ours_sealed_and_can_be_sealed_anew(settings: Settings, db: Db) -> None:
    from lrs.commands.programme.credentials import relock_all

    old = dataclasses.replace(settings, key_passphrase="old one")
    keys.add_key(old, db, utc_now())
    app = create_app(old, db)
    client = app.test_client()
    first = client.get("/lti/keys").json
    assert first == client.get("/lti/keys").json
    assert {one["use"] for one in first["keys"]} == {"sig"}
    assert "d" not in first["keys"][0]
    assert b"PRIVATE" not in db.lti_keys.find_one({})["sealed"]  # type: ignore[index]
    changed = dataclasses.replace(settings, key_passphrase="new one", key_passphrase_former="old one")
    assert "LTI keys" in relock_all(changed, db)
    second = keys.add_key(changed, db, utc_now() + dt.timedelta(seconds=1))
    assert [one["kid"] for one in keys.published(changed, db, utc_now())["keys"]] == [
        second,
        first["keys"][0]["kid"],
    ]
