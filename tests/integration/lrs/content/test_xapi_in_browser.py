"""Content that speaks xAPI itself, in a real browser: the application on one origin, content on another."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from browser import CHROMIUM, Browser, Page, browsing
from content_site import ANA, PACKAGES, Site, running_site
from factories_content import verbs
from pymongo.database import Database
from werkzeug.serving import WSGIRequestHandler, make_server

from lrs.app import create_app
from lrs.content.opening import open_content
from lrs.content.player.launches import Wanted
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

DB = Database[dict[str, Any]]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(settings: Settings, db: DB) -> Iterator[Site]:
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    own = dataclasses.replace(settings, public_url=f"http://127.0.0.1:{server.server_port}")
    server.app = create_app(own, db)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with running_site(own, db) as made:
            yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


def open_for_ana(site: Site, name: str, *, menu: bool = False) -> str:
    who = Editor(site.db, {"kind": "client", "id": "portal", "name": "portal"}, utc_now())
    return open_content(site.settings, who, Wanted("vendor", site.items[name], ANA), menu=menu).url


def told(db: DB) -> list[str]:
    query = StatementQuery.parse({"ascending": ["true"], "limit": ["500"]}, "1.0.3")
    return verbs([orjson.loads(one) for one in StatementStore(db, "vendor").find(query).statements])


def test_both_units_of_a_cmi5_course_are_run_and_the_course_is_satisfied(
    browser: Browser, site: Site
) -> None:
    site.add("launch", PACKAGES / "cmi5-course")
    page = browser.open(open_for_ana(site, "launch"))
    page.wait("!document.getElementById('news').hidden")
    page.run("document.getElementById('read').click()")
    page.wait("document.getElementById('outcome').textContent === 'Done.'")
    page.run("document.getElementById('leave').click()")
    page.wait("document.getElementById('outcome').textContent === 'You can close this window.'")
    page.go(open_for_ana(site, "launch"))
    page.wait("document.getElementById('test') !== null && !document.getElementById('test').hidden")
    page.run(
        "document.querySelectorAll('[value=right]').forEach((one) => one.click()); document.querySelector('#test button').click()"
    )
    page.wait("document.getElementById('outcome').textContent === 'Passed.'")
    page.run("document.getElementById('leave').click()")
    page.wait("document.getElementById('outcome').textContent === 'You can close this window.'")
    assert told(site.db) == [
        "launched", "initialized", "completed", "terminated",
        "launched", "initialized", "passed", "satisfied", "satisfied", "terminated",
    ]  # fmt: skip
    page.go(open_for_ana(site, "launch"))
    page.wait("document.getElementById('outcome').textContent.startsWith('You have done this part')")


def state_of(page: Page, title: str) -> str:
    """The words beside a unit of the course's page."""
    row = f"[...document.querySelectorAll('.unit')].find((one) => one.innerText.includes('{title}'))"
    return str(page.run(f"[...{row}.querySelectorAll('.state')].map((one) => one.innerText).join(', ')"))


def choose(page: Page, title: str) -> None:
    row = f"[...document.querySelectorAll('.unit')].find((one) => one.innerText.includes('{title}'))"
    page.run(f"{row}.querySelector('button').click()")


@pytest.mark.parametrize("width", [390, 1200])
def test_a_course_of_units_has_a_page_to_which_each_unit_comes_back(
    browser: Browser, site: Site, width: int
) -> None:
    site.add("launch", PACKAGES / "cmi5-course")
    page = browser.open(open_for_ana(site, "launch", menu=True), width)
    page.wait("document.querySelectorAll('.unit').length === 2")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert (state_of(page, "What is new"), state_of(page, "Test")) == (
        "Not begun, to complete",
        "Not begun, to pass",
    )
    choose(page, "What is new")
    page.wait("document.getElementById('news') && !document.getElementById('news').hidden")
    page.run("document.getElementById('read').click()")
    page.wait("document.getElementById('outcome').textContent === 'Done.'")
    page.run("document.getElementById('leave').click()")
    page.wait("document.querySelectorAll('.unit').length === 2")
    assert (state_of(page, "What is new"), state_of(page, "Test")) == ("Completed", "Not begun, to pass")
    assert page.run("document.querySelector('.onward').innerText.includes('Test')")
    choose(page, "Test")
    page.wait("document.getElementById('test') && !document.getElementById('test').hidden")
    page.run(
        "document.querySelectorAll('[value=right]').forEach((one) => one.click()); document.querySelector('#test button').click()"
    )
    page.wait("document.getElementById('outcome').textContent === 'Passed.'")
    page.run("document.getElementById('leave').click()")
    page.wait("document.querySelectorAll('.unit').length === 2")
    assert state_of(page, "Test") == "Passed"
    assert "The course is done" in page.run("document.querySelector('.whole').innerText")
    assert page.run("document.querySelector('.block > .told').innerText").split("\n") == ["Done", "2 of 2"]


def test_tin_can_content_goes_on_where_it_was_left(browser: Browser, site: Site) -> None:
    site.add("tour", PACKAGES / "tincan-tour")
    page = browser.open(open_for_ana(site, "tour"))
    page.wait("document.getElementById('stop').textContent.startsWith('The statements')")
    page.run("document.getElementById('on').click()")
    page.wait("document.getElementById('stop').textContent.startsWith('The rules')")
    page.close()
    again = browser.open(open_for_ana(site, "tour"))
    again.wait("document.getElementById('stop').textContent.startsWith('The rules')")
    for words in ("The awards", "That was all"):
        again.run("document.getElementById('on').click()")
        again.wait(f"document.getElementById('stop').textContent.startsWith('{words}')")
    again.wait("document.getElementById('outcome').textContent === 'Completed.'")
    assert told(site.db) == ["attempted", *["experienced"] * 3, "completed"]
