"""Problems that browsers meet: counted by version and browser, bounded, of nobody; also what a package lacks."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import pytest
from content_site import ANA, PACKAGES, someone, take_in, zipped
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import clients
from lrs.content.library import housekeeping
from lrs.content.library.intake import Intake, Upload, receive, work
from lrs.content.opening import open_content
from lrs.content.origin.problems import MOST_OF_LAUNCH, MOST_OF_VERSION, seen
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]
CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


@pytest.fixture
def own(settings: Settings) -> Settings:
    return dataclasses.replace(settings, content_url="http://*.content.example")


@pytest.fixture
def content(own: Settings, db: Db) -> FlaskClient:
    return create_content_app(own, db).test_client()


def opened(own: Settings, db: Db, package: str) -> tuple[dict[str, Any], str]:
    """Take a package in and open it for Ana Winter; return its version and the address for the browser."""
    version = take_in(own, db, zipped(PACKAGES / package))
    wanted = Wanted("vendor", version["item"], ANA, name="Ana Winter")
    return version, open_content(own, someone(db), wanted).url


def report(content: FlaskClient, url: str, *rows: dict[str, str], agent: str = CHROME) -> Any:
    parts = urlsplit(url)
    return content.post(
        f"{parts.path}problems",
        json={"problems": [{"place": "", **row} for row in rows]},
        headers={"User-Agent": agent},
        base_url=f"{parts.scheme}://{parts.netloc}",
    )


def test_problems_are_counted_by_version_and_browser_and_name_nobody(
    own: Settings, db: Db, content: FlaskClient
) -> None:
    version, url = opened(own, db, "scorm12-quiz")
    place = f"http://x.content.example/v/{version['_id']}/quiz.js:4"
    fails = {"kind": "script", "what": "no score of Ana Winter <ana.w@north.example>", "place": place}
    missing = {
        "kind": "request",
        "what": "404",
        "place": f"http://x.content.example/v/{version['_id']}/a.png",
    }
    assert report(content, url, fails, missing).json == {"kept": 2}
    assert report(content, url, fails).json == {"kept": 1}
    assert report(content, url, fails, agent=FIREFOX).json == {"kept": 1}
    worst, other = seen(db, "vendor", version["item"])
    assert (worst["what"], worst["place"], worst["count"]) == ("no score of … <…>", "quiz.js:4", 3)
    assert worst["browsers"] == [("Chrome 126, Android", 2), ("Firefox 127, Linux", 1)]
    assert (other["place"], other["version"]) == ("a.png", version["_id"])
    stored = str(list(db.content_problems.find()))
    assert not any(word in stored for word in ("Ana", "ana", "winter", "/play/"))


def test_a_browser_that_reports_without_end_is_not_listened_to(
    own: Settings, db: Db, content: FlaskClient
) -> None:
    _, url = opened(own, db, "scorm12-quiz")
    for turn in range(MOST_OF_LAUNCH // 20):
        rows = [{"kind": "script", "what": f"fault {chr(97 + turn)}{chr(97 + n)}"} for n in range(20)]
        assert report(content, url, *rows).json == {"kept": 20}
    assert report(content, url, {"kind": "script", "what": "one more"}).json == {"kept": 0}
    assert db.content_problems.count_documents({}) == MOST_OF_LAUNCH


def test_a_version_has_so_many_problems_and_no_more(own: Settings, db: Db, content: FlaskClient) -> None:
    version, url = opened(own, db, "scorm12-quiz")
    db.content_problems.insert_many(
        {"_id": str(n), "org": "vendor", "version": version["_id"]} for n in range(MOST_OF_VERSION)
    )
    assert report(content, url, {"kind": "script", "what": "one more"}).json == {"kept": 0}
    assert db.content_problems.count_documents({}) == MOST_OF_VERSION


@pytest.mark.parametrize("sent", [b"{", b'{"problems": [{"kind": "gossip"}]}'])
def test_what_is_no_report_is_refused_and_nothing_kept(
    sent: bytes, own: Settings, db: Db, content: FlaskClient
) -> None:
    _, url = opened(own, db, "scorm12-quiz")
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    answer = content.post(f"{parts.path}problems", data=sent, base_url=base)
    assert (answer.status_code, "reason" in answer.json) == (400, True)
    assert content.post("/play/nobody/problems", data=b"{}", base_url=base).status_code == 404
    assert content.post(f"{parts.path}problems", data=b"x" * 40_000, base_url=base).status_code == 413
    assert db.content_problems.count_documents({}) == 0


def test_files_that_content_without_our_player_asks_for_in_vain_are_counted(
    own: Settings, db: Db, content: FlaskClient
) -> None:
    clients.bootstrap(db, "key", "secret", utc_now())
    version, url = opened(own, db, "tincan-tour")
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    for agent in (CHROME, CHROME, FIREFOX):
        gone = content.get(
            f"/v/{version['_id']}/lost/ö.png?x=1", base_url=base, headers={"User-Agent": agent}
        )
        assert gone.status_code == 404
    assert content.get("/v/unknown/x.png", base_url=base).status_code == 404
    (found,) = seen(db, "vendor", version["item"])
    assert (found["what"], found["place"], found["count"]) == ("404", "lost/ö.png", 3)
    assert seen(db, "north", version["item"]) == []


def test_what_the_player_tells_is_not_counted_twice(own: Settings, db: Db, content: FlaskClient) -> None:
    version, url = opened(own, db, "scorm12-quiz")
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    assert content.get(f"/v/{version['_id']}/lost.png", base_url=base).status_code == 404
    assert db.content_problems.count_documents({}) == 0


def test_a_discarded_draft_takes_its_problems_along(own: Settings, db: Db) -> None:
    intake = Intake(own, db, utc_now)
    upload = Upload("vendor", "course.zip", Wish(), None)
    version = receive(intake, someone(db), upload, [zipped(PACKAGES / "tincan-tour")])["_id"]
    work(intake)
    db.content_problems.insert_one({"_id": "x", "org": "vendor", "version": version})
    housekeeping.discard(intake, someone(db), version)
    assert db.content_problems.count_documents({}) == 0
