"""Uploads and commits of any shape: no answer is a failure of ours, and what is told can be stored."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY, SECRET
from content_requests import ContentRequests
from content_site import PACKAGES, someone, take_in, zipped
from factories_access import basic
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.content.attempts.sending import send
from lrs.content.library import intake
from lrs.content.library.intake import Intake
from lrs.content.opening import open_content
from lrs.content.player.launches import Wanted
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

COUNT = int(os.environ.get("LAUREL_CONTENT_REQUESTS", "200"))
SEED = int(os.environ.get("LAUREL_EDGE_SEED", "1"))
COURSES = (("scorm12-quiz", "quiz"), ("scorm2004-course", "test"))
TOGETHER = 20  # commits of one run, or uploads before the worker reads

Db = Database[dict[str, Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, content_url="http://*.content.example", content_max_mb=1)


def uploads(client: FlaskClient, settings: Settings, db: Db, count: int) -> Iterator[str]:
    """Upload packages, let them be read, look at them; yield what went wrong."""
    drawn, headers = ContentRequests(SEED), basic(KEY, SECRET)
    for start in range(0, count, TOGETHER):
        places = []
        for number in range(start, min(start + TOGETHER, count)):
            data = drawn.package()
            answer = client.post(
                "/api/v1/content", data=data, headers=headers, content_type="application/zip"
            )
            if answer.status_code >= 500:
                yield f"upload {number}: {answer.text[-300:]} {data[:200]!r}"
            places += [answer.headers["Location"]] if answer.status_code == 202 else []
        intake.work(Intake(settings, db, utc_now))
        for place in places:
            found = client.get(place, headers=headers)
            if found.status_code != 200 or found.json["state"] not in {"draft", "refused"}:
                yield f"{place}: {found.text[-300:]}"
            elif found.json["state"] == "refused" and not found.json["issues"]:
                yield f"{place}: refused without a reason"


def commits(settings: Settings, db: Db, count: int) -> Iterator[str]:
    """Commit to runs of a quiz of each edition, each by a new learner; yield what went wrong."""
    drawn, content = ContentRequests(SEED), create_content_app(settings, db).test_client()
    courses = [(take_in(settings, db, zipped(PACKAGES / folder))["item"], part) for folder, part in COURSES]
    for start in range(0, count, TOGETHER):
        item, part = courses[start // TOGETHER % len(courses)]
        account = {"homePage": "https://lrs.example", "name": f"learner {start}"}
        wanted = Wanted("vendor", item, {"objectType": "Agent", "account": account})
        path = "/" + open_content(settings, someone(db), wanted).url.split("/", 3)[3]
        run = content.post(f"{path}open", json={"part": part}).json["run"]
        for body in drawn.commits(part, run, min(TOGETHER, count - start)):
            answer = content.post(f"{path}commit", data=body)
            if answer.status_code != 200 or answer.json["result"] not in {"true", "false"}:
                yield f"{answer.status_code} {answer.text[-300:]}: {body[:300]!r}"
        again = content.post(f"{path}open", json={"part": part})
        if again.status_code >= 500 or content.get(f"{path}outline").status_code != 200:
            yield f"open again: {again.status_code} {again.text[-300:]}"
    send(db, settings.public_url, utc_now)
    for left in db.attempt_outbox.find({}):
        yield f"not stored: {left}"


def test_no_generated_package_or_commit_is_answered_by_a_failure(
    client: FlaskClient, settings: Settings, db: Db
) -> None:
    failed = [*uploads(client, settings, db, COUNT // 2), *commits(settings, db, COUNT - COUNT // 2)]
    assert not failed, f"{len(failed)} of {COUNT}:\n" + "\n".join(failed[:20])
