"""A package that means harm, in a real browser: it reads no session, no other package, no other learner."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from browser import CHROMIUM, Page, browsing
from factories_access import editor
from factories_packages import scorm_files, zipped
from flask import Flask, Response, request
from pymongo.database import Database
from werkzeug.serving import make_server

from lrs.access import clients
from lrs.app import create_app
from lrs.content.library import intake
from lrs.content.library.intake import Intake, Upload
from lrs.content.origin.addresses import file_url
from lrs.content.packages.read import Wish
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

Db = Database[dict[str, Any]]
SECRET = "what-nobody-else-may-read"
VICTIM = f"""<!doctype html><title>victim</title><script>
localStorage.setItem("state", "{SECRET}"); document.cookie = "state={SECRET}";
document.cookie = "wide={SECRET}; domain=localhost"; window.secret = "{SECRET}";
indexedDB.open("state").onupgradeneeded = event => event.target.result.createObjectStore("{SECRET}");
window.done = true;
</script>"""
HOSTILE = """<!doctype html><title>hostile</title><script>
async function tried(attempt) {
  try { return String(await attempt()); } catch (error) { return "refused: " + error.name; }
}
async function attack(app, victim, sibling, thief) {
  const frame = document.createElement("iframe");
  frame.src = victim; document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.onerror = done; setTimeout(done, 3000); });
  const found = {
    cookie: await tried(() => document.cookie),
    storage: await tried(() => JSON.stringify(localStorage)),
    databases: await tried(async () => JSON.stringify(await indexedDB.databases())),
    caches: await tried(async () => JSON.stringify(await caches.keys())),
    framed: await tried(() => frame.contentWindow.localStorage.getItem("state") + frame.contentWindow.secret),
    read: await tried(async () => (await fetch(victim)).text()),
    unlocked: await tried(async () => (await fetch(victim, {mode: "no-cors"})).type),
    underOwnHost: await tried(async () => (await fetch(new URL(victim).pathname)).status),
    siblingUnderOwnHost: await tried(async () => (await fetch(new URL(sibling).pathname)).status),
    session: await tried(async () => (await fetch(app + "/console", {credentials: "include"})).text()),
    api: await tried(async () => (await fetch(app + "/api/v1/people", {credentials: "include"})).text()),
    change: await tried(async () => (await fetch(app + "/logout", {method: "POST", credentials: "include"})).text()),
    elsewhere: await tried(async () => (await fetch(thief)).text()),
    worker: await tried(async () => (await navigator.serviceWorker.register("worker.js")).scope),
    camera: await tried(async () => (await navigator.mediaDevices.getUserMedia({video: true})).id),
    domain: await tried(() => { document.domain = "localhost"; return document.domain; }),
    parent: await tried(() => parent === self ? "no parent" : parent.document.cookie + parent.document.title),
  };
  return found;
}
</script><body></body>"""


@dataclass
class Site:
    """Both origins, running, and what the content origin was sent."""

    app_url: str
    settings: Settings
    victim: str
    hostile: str
    thief: str
    cookies: list[str] = field(default_factory=list)

    def url(self, version: str, tag: str = "") -> str:
        return file_url(self.settings, version, "index.html", tag=tag)


def served(app: Flask, stop: list[Any]) -> int:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.append(server)
    return int(server.server_port)


def thief() -> Flask:
    """A site that takes whatever is brought to it from anywhere."""
    app = Flask("thief")
    app.add_url_rule("/", view_func=lambda: Response("thanks", headers={"Access-Control-Allow-Origin": "*"}))
    return app


@pytest.fixture
def site(settings: Settings, db: Db) -> Iterator[Site]:
    clients.bootstrap(db, "key", "secret", utc_now())
    stop: list[Any] = []
    app = create_app(settings, db)

    @app.get("/frame")  # a page of the application that shows content, with a session of its own
    def frame() -> Response:
        page = f'<title>{SECRET}</title><iframe id="content" src="{request.args["of"]}"></iframe>'
        return Response(page, headers={"Content-Security-Policy": "frame-src http://*.localhost:*"})

    app_url = f"http://127.0.0.1:{served(app, stop)}"
    own = replace(settings, public_url=app_url, content_url="http://*.content.example")
    content = create_content_app(own, db)
    port = served(content, stop)
    found = replace(own, content_url=f"http://*.localhost:{port}")
    content.extensions["laurel"] = replace(content.extensions["laurel"], settings=found)
    here = Intake(found, db, utc_now)
    pages = {"victim": VICTIM, "hostile": HOSTILE}
    versions = {}
    for name, page in pages.items():
        files = {**scorm_files(), "index.html": page.encode(), "worker.js": b"self.onfetch = () => {}"}
        versions[name] = intake.receive(here, editor(db), Upload("vendor", name, Wish()), [zipped(files)])[
            "_id"
        ]
    intake.work(here)
    site = Site(app_url, found, **versions, thief=f"http://127.0.0.1:{served(thief(), stop)}/")

    @content.before_request
    def note() -> None:
        site.cookies.extend(request.headers.getlist("Cookie"))

    yield site
    for server in stop:
        server.shutdown()
        server.server_close()


def attack(page: Page, site: Site, victim: str) -> dict[str, str]:
    page.wait("typeof attack === 'function' && document.body !== null")
    given = json.dumps([site.app_url, victim, site.url(site.victim), site.thief])
    found: dict[str, str] = page.run(f"attack(...{given})")
    return found


def test_a_hostile_package_reads_nothing_that_is_not_its_own(site: Site) -> None:
    with browsing() as browser:
        victim = browser.open(site.url(site.victim))
        victim.wait("window.done === true")
        victim.call("Network.setCookie", name="laurel_session", value=SECRET, url=site.app_url, httpOnly=True)
        page = browser.open(site.url(site.hostile))
        found = attack(page, site, site.url(site.victim))
        assert victim.run("localStorage.getItem('state')") == SECRET  # it is there to be read
        assert SECRET not in json.dumps(found)
        assert found["cookie"] == ""
        assert (found["storage"], found["databases"], found["caches"]) == ("{}", "[]", "[]")
        assert found["framed"].startswith("refused: ")
        assert found["read"].startswith("refused: ")
        assert (found["underOwnHost"], found["siblingUnderOwnHost"]) == ("404", "404")
        for name in ("session", "api", "change", "elsewhere", "worker", "camera", "domain"):
            assert found[name].startswith("refused: "), (name, found[name])
        assert not any("laurel_session" in cookie for cookie in site.cookies)


def test_learners_who_share_a_browser_are_apart(site: Site) -> None:
    with browsing() as browser:
        ana = browser.open(site.url(site.victim, "ana"))
        ana.wait("window.done === true")
        bob = browser.open(site.url(site.victim, "bob"))
        bob.wait("window.done === true")
        bob.run("localStorage.setItem('state', 'of bob')")
        assert ana.run("localStorage.getItem('state')") == SECRET
        hostile = browser.open(site.url(site.hostile, "bob"))
        assert SECRET not in json.dumps(attack(hostile, site, site.url(site.victim, "ana")))


def test_a_package_in_our_frame_reads_nothing_of_the_page_around_it(site: Site) -> None:
    with browsing() as browser:
        page = browser.open(f"{site.app_url}/frame?of={site.url(site.hostile)}")
        page.wait("document.title.length > 0")
        page.run(
            "new Promise(done => { const shown = document.getElementById('content');"
            "shown.onload = () => done(true); setTimeout(() => done(false), 3000); })"
        )
        with pytest.raises(AssertionError, match="cross-origin"):  # the same wall, seen from our side
            page.run("document.getElementById('content').contentWindow.document.title")
        frames = page.call("Target.getTargets")["targetInfos"]
        [target] = [
            one for one in frames if one["url"].startswith(site.url(site.hostile).partition("/v/")[0])
        ]
        session = browser.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
            "sessionId"
        ]
        framed = Page(browser, target["targetId"], session)
        found = attack(framed, site, site.url(site.victim))
        assert found["parent"].startswith("refused: ")
        assert SECRET not in json.dumps(found)
