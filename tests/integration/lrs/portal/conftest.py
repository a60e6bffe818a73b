"""The living example, loaded and decided once for all tests of the pages of learners and partners."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from browser import Browser as Chromium
from browser import Page, browsing
from conftest import KEY, SECRET, empty, worker_database
from content_site import running_site
from factories_access import Browser, log_in, make_user, utc_now
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database
from served_pages import served
from worker_rounds import until_quiet

from lrs.access.users import get_user
from lrs.app import create_app
from lrs.demo.load import load
from lrs.foundation.settings import Settings
from lrs.running import worker
from rules.publication import plans


def unproven(db: Database[dict[str, Any]], user: dict[str, Any]) -> dict[str, Any]:
    """Return a user of the living example as another would be: nobody knows who reads the mailbox."""
    db.users.update_one({"_id": user["_id"]}, {"$set": {"mailbox": None}})
    return user | {"mailbox": None}


# asked for sixty days of sales, and of who delivers for a golden partner: late for those who were there
ONBOARDING = """
kind: Certification
id: onboarding
version: "1"
title: Onboarding
role: sales
effective_from: {start:%Y-%m-%d}
targets:
  - {{role: sales, due_within: 30 days}}
  - {{tier: gold, programme: acme-partners, role: delivery, due_within: 30 days}}
evidence: {{quiz: {{verb: passed, activity: "{activity}"}}}}
award: {{when: {{score: quiz, at_least: 0.60, label: "Fire Safety Quiz, 60 % or better"}}}}
validity: {{lasts: 12 months}}
tests: []
"""


@dataclass(frozen=True)
class World:
    """The application with the living example, and who looks at it."""

    app: Flask
    db: Database[dict[str, Any]]
    settings: Settings
    ana: Browser  # of drift: misses one statement
    sven: Browser  # of borealis: in the time of grace
    paul: Browser  # manages borealis
    pat: Browser  # manages aurora

    def person(self, name: str) -> str:
        found = self.db.people.find_one({"name": name})
        assert found is not None
        return str(found["_id"])

    def work(self) -> None:
        """Let the worker decide what came meanwhile."""
        until_quiet(worker.worker_services(self.settings, self.db))


@pytest.fixture(scope="session")
def world(mongod: str, mongo_client: MongoClient[Any], tmp_path_factory: Any) -> Iterator[World]:
    db = mongo_client[worker_database("_portal")]
    empty(db)
    settings = Settings(
        mongodb_uri=mongod, database=db.name, public_url="http://lrs.example", bootstrap_key=KEY,
        bootstrap_secret=SECRET, data_folder=tmp_path_factory.mktemp("portal"),
    )  # fmt: skip
    with running_site(settings, db) as site:
        yield living(site.settings, db)
    mongo_client.drop_database(db.name)


def living(settings: Settings, db: Database[dict[str, Any]]) -> World:
    """Load the living example with one more certification, and let everybody log in."""
    app = create_app(settings, db)
    load(db, settings, utc_now(), lambda _: None)
    quiz = db.content_items.find_one({"title.und": "Fire Safety Quiz"}) or db.content_items.find_one()
    assert quiz is not None
    start = utc_now() - dt.timedelta(days=60)
    text = ONBOARDING.format(start=start, activity=quiz["activity"])
    plan = plans.make_plan(db, [("onboarding.yaml", text)], utc_now(), "test")
    plans.apply_plan(db, plan["_id"], utc_now(), "test")
    until_quiet(worker.worker_services(settings, db))
    return World(
        app, db, settings,
        log_in(app, get_user(db, "ana.lima@drift.example")),
        log_in(app, make_user(db, "vendor", "learner", "sven.dahl@borealis.example")),
        log_in(app, unproven(db, get_user(db, "paul.berger@borealis.example"))),
        log_in(app, make_user(db, "aurora", "partner_admin", "pat@aurora.example")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[str]:
    """The address at which a browser finds the living example."""
    with served(world.app) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with browsing() as made:
        yield made


@pytest.fixture
def page(browser: Chromium) -> Iterator[Page]:
    """A tab as wide as a phone, in which nobody is logged in."""
    tab = browser.open("about:blank", width=390)
    tab.call("Network.clearBrowserCookies")
    yield tab
    tab.close()
