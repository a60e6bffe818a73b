"""Content that speaks xAPI itself, in a real browser: the application on one origin, content on another."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from browser import CHROMIUM, Browser, Page, PageError, browsing
from content_site import ANA, PACKAGES, Site, running_site
from factories_content import verbs
from factories_lti import CLAIM, CLIENT, DL, ROLE, Lms, running_lms
from pymongo.database import Database
from werkzeug.serving import WSGIRequestHandler, make_server

from lrs.app import create_app
from lrs.content.lti import grades, keys
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
    own = dataclasses.replace(
        settings, public_url=f"http://127.0.0.1:{server.server_port}", allow_private_addresses=True
    )
    server.app = create_app(own, db)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with running_site(own, db) as made:
            server.app = create_app(made.settings, db)  # which opens content knows where it is
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


@pytest.fixture
def lms(site: Site) -> Iterator[Lms]:
    with running_lms() as made:
        made.tool_keys = keys.published(site.settings, site.db, utc_now())
        made.register(site.db)
        yield made


def begins(site: Site, lms: Lms) -> str:
    asked = urlencode({"iss": lms.url, "login_hint": "u-17", "client_id": CLIENT, "target_link_uri": "x"})
    return f"{site.settings.public_url}/lti/login?{asked}"


def test_a_link_in_a_learning_system_opens_the_course_and_its_result_goes_back(
    browser: Browser, site: Site, lms: Lms
) -> None:
    site.add("launch", PACKAGES / "cmi5-course")
    lms.links = {f"{CLAIM}custom": {"item": site.items["launch"]}, **lms.grading()}
    page = browser.open(begins(site, lms))
    page.wait("document.querySelectorAll('.unit').length === 2")
    choose(page, "Test")
    page.wait("document.getElementById('test') && !document.getElementById('test').hidden")
    page.run(
        "document.querySelectorAll('[value=right]').forEach((one) => one.click()); document.querySelector('#test button').click()"
    )
    page.wait("document.getElementById('outcome').textContent === 'Passed.'")
    assert grades.send_due(site.settings, site.db, lambda: utc_now() + dt.timedelta(minutes=1)) == 1
    assert (lms.scores[0]["scoreGiven"], lms.scores[0]["activityProgress"]) == (100, "InProgress")


def inside(page: Page, script: str) -> str:
    """Run a script in the frame of the learning system's page, which is of another origin."""
    frames = page.call("Page.getFrameTree")["frameTree"].get("childFrames")
    if not frames:
        return ""
    world = page.call("Page.createIsolatedWorld", frameId=frames[0]["frame"]["id"])["executionContextId"]
    found = page.call("Runtime.evaluate", expression=script, contextId=world)["result"]
    return str(found.get("value"))


def wait_inside(page: Page, script: str) -> None:
    for _ in range(400):
        with contextlib.suppress(PageError):  # the frame goes on to another page meanwhile
            if inside(page, script) == "True":
                return
        page.run("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError(inside(page, "document.body ? document.body.innerText : ''"))


def test_in_a_frame_items_are_chosen_and_a_course_opens_beside_it(
    browser: Browser, site: Site, lms: Lms
) -> None:
    site.add("launch", PACKAGES / "cmi5-course")
    settings = {
        "deep_link_return_url": f"{lms.url}/back", "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe"],
    }  # fmt: skip
    lms.links = {
        f"{CLAIM}message_type": "LtiDeepLinkingRequest", f"{CLAIM}resource_link": None,
        f"{DL}deep_linking_settings": settings, f"{CLAIM}roles": [f"{ROLE}Instructor"],
    }  # fmt: skip
    place = f"{lms.url}/course?begin={quote(begins(site, lms), safe='')}"
    page = browser.open(place, 390)
    wait_inside(page, "document.querySelector('.picks button') !== null")
    inside(page, "document.querySelector('.picks button').click()")
    wait_inside(page, "document.body.innerText === 'linked'")
    assert len(lms.chosen) == 1
    lms.links = {f"{CLAIM}custom": {"item": site.items["launch"]}}
    page.go(place)
    wait_inside(page, "document.querySelector('a.button') !== null")
    assert inside(page, "document.querySelector('a.button').target") == "_blank"
    page.go(inside(page, "document.querySelector('a.button').href"))
    page.wait("document.querySelectorAll('.unit').length === 2")


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
