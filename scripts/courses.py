"""Run every content package of a folder in a browser, as far as clicking leads, and print what came of it.

    scripts/courses.py FOLDER [--out FOLDER] [--steps N] [--only TEXT]

For local runs over packages written by others: a Laurel of its own takes each in, opens it in headless
Chromium for a learner, clicks what is there (answers, Submit, Next), leaves, opens it again. Printed is a
table of what was told and what stands; --out gets pictures and the details. Needs chromium and the player's
libraries.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Browser, Page, PageError, browsing
from conformance import running_laurel

CLICKER = (Path(__file__).parent / "courses.js").read_text()
READING = 60.0  # seconds until a package is read
LOADING = 60.0  # seconds until a page is there, also one of a thousand files
SETTLING = 0.7  # seconds after a click
LEAVING = 8.0
IDLE = 4  # looks without anything to click, after which a course is at its end
AGREE = (
    "window.confirm = () => true; window.alert = () => {}; window.prompt = () => '42';"  # nobody else answers
)
GROWN = """(() => {
  let size = 0;
  const look = (seen) => {
    try {
      size += seen.document.querySelectorAll("body *").length + seen.document.body.innerText.length;
      for (let n = 0; n < seen.frames.length; n += 1) look(seen.frames[n]);
    } catch {}
  };
  look(window);
  return size;
})()"""
PLACE = """(() => {
  const { API: older, API_1484_11: newer } = window;
  const cmi = older ? older.cmi.core : newer?.cmi;
  if (!cmi) return "";
  const [place, kept] = [older ? cmi.lesson_location : cmi.location, (older ?? newer).cmi.suspend_data];
  return `${cmi.entry || "no entry"}, place ${place || "-"}, ${kept.length} kept`;
})()"""
Json = dict[str, Any]


def main() -> None:
    """Run the packages and print the table."""
    parser = argparse.ArgumentParser(prog="scripts/courses.py", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="folder for pictures and details")
    parser.add_argument("--steps", type=int, default=60, help="clicks at most (default 60)")
    parser.add_argument("--only", default="", help="only packages whose name holds this text")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="laurel-courses-"))
    out.mkdir(parents=True, exist_ok=True)
    paths = [one for one in sorted(options.folder.iterdir()) if one.is_file() and options.only in one.name]
    print(
        "| package | kind, tool | clicks | statements | stands | opened again | went wrong |\n"
        + "|---" * 7
        + "|"
    )
    with tempfile.TemporaryDirectory(prefix="laurel-courses-") as data, contextlib.ExitStack() as stack:
        api = Api(*stack.enter_context(running_laurel("1.0.3", Path(data))))
        for path in paths:
            with browsing() as browser:
                run = Run(path, api, browser, out, options.steps)
                try:
                    run.all()
                except (PageError, Refused) as error:
                    run.wrong[str(error).splitlines()[0][:160]] += 1
            print(run.row(), flush=True)
            (out / f"{path.stem}.json").write_text(json.dumps(run.details(), indent=1, ensure_ascii=False))
    print(f"pictures and details: {out}")


class Refused(Exception):
    """The server did not do what it was asked for."""


@dataclass
class Api:
    """A running Laurel, asked as a client."""

    url: str
    key: str
    secret: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer; raises Refused."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        login = b64encode(f"{self.key}:{self.secret}".encode()).decode()
        headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": kind,
            "X-Experience-API-Version": "1.0.3",
        }
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error
        return json.loads(text) if text else None

    def take_in(self, path: Path) -> Json:
        """Upload a package, wait until it is read, publish it; raises Refused with the findings."""
        name = urllib.parse.quote(path.name)
        made = self.call("POST", f"/api/v1/content?name={name}", path.read_bytes())
        for _ in range(int(READING / 0.2)):
            version: Json = self.call("GET", f"/api/v1/content/versions/{made['id']}")
            if version["state"] == "refused":
                raise Refused("refused: " + "; ".join(one["text"] for one in version["issues"]))
            if version["state"] == "draft":
                self.call("POST", f"/api/v1/content/versions/{made['id']}/publish")
                return version
            time.sleep(0.2)
        raise Refused("it was not read in time")

    def statements(self, registration: str) -> list[Json]:
        """Return the statements of a registration in stored order."""
        query = f"registration={registration}&ascending=true&limit=500"
        found: list[Json] = self.call("GET", f"/xapi/statements?{query}")["statements"]
        return found


@dataclass
class Run:
    """One package from its upload until it was opened again."""

    path: Path
    api: Api
    browser: Browser
    out: Path
    steps: int
    version: Json = field(default_factory=dict)
    registration: str = ""
    clicks: list[str] = field(default_factory=list)
    told: list[Json] = field(default_factory=list)
    again: list[Json] = field(default_factory=list)
    stands: str = ""
    resumed: str = ""
    wrong: Counter[str] = field(default_factory=Counter)

    def all(self) -> None:
        """Take the package in, run it, leave it, open it again."""
        self.version = self.api.take_in(self.path)
        page = self.open()
        self.picture(page, "1-opened")
        self.drive(page)
        self.picture(page, "2-driven")
        self.leave(page)
        self.told = self.settled()
        self.stands = self.standing()
        page = self.open()
        self.picture(page, "3-again")
        self.resumed = self.place(page)
        self.leave(page)
        self.again = self.settled()[len(self.told) :]

    def open(self) -> Page:
        """Open the course for the learner."""
        actor = {
            "objectType": "Agent",
            "account": {"homePage": "https://learners.example", "name": self.path.stem},
        }
        asked = {"actor": actor, "name": "Ana Winter"}
        opened = self.api.call("POST", f"/api/v1/content/{self.version['item']}/launches", asked)
        self.registration = opened["registration"]
        page = self.browser.open("about:blank", width=1200, height=850)
        page.call("Page.addScriptToEvaluateOnNewDocument", source=AGREE)
        page.go(opened["url"])
        wait_until_still(page)
        return page

    def drive(self, page: Page) -> None:
        """Click what leads on, until nothing does."""
        idle = 0
        while len(self.clicks) < self.steps and idle < IDLE:
            found = page.run(CLICKER)
            if found is None:
                idle += 1
                time.sleep(2 * SETTLING)
                continue
            idle = 0
            self.clicks.append(found["what"])
            if found.get("at"):
                click(page, *found["at"])
            time.sleep(SETTLING)
            self.listen()

    def leave(self, page: Page) -> None:
        """Leave by the player's Exit where there is one, else by closing the tab."""
        with contextlib.suppress(PageError):
            if page.run("Boolean(document.getElementById('exit') && document.getElementById('saved'))"):
                page.run("document.getElementById('exit').click()")
                time.sleep(LEAVING / 2)
        page.close()
        self.listen()

    def settled(self) -> list[Json]:
        """Return what was told, once nothing more comes."""
        time.sleep(LEAVING)
        return self.api.statements(self.registration)

    def standing(self) -> str:
        """Return how the newest attempt stands, where there are attempts."""
        base = f"/api/v1/content/{self.version['item']}/registrations/{self.registration}"
        with contextlib.suppress(Refused):
            attempts = self.api.call("GET", f"{base}/attempts")["attempts"]
            if attempts:
                course = attempts[-1]["course"]
                score = (course.get("score") or {}).get("scaled")
                parts = [course["completion"], course["success"], "" if score is None else f"{score:.2f}"]
                return ", ".join(one for one in parts if one and one != "unknown") or "begun"
        return ""

    def place(self, page: Page) -> str:
        """Return what a SCO was told of its earlier life."""
        with contextlib.suppress(PageError):
            said = page.run(PLACE)
            return str(said or "")
        return ""

    def listen(self) -> None:
        """Count what the browser says went wrong since we asked last."""
        events, self.browser.events = self.browser.events, []
        for event in events:
            found = trouble(event["method"], event.get("params", {}))
            if found:
                self.wrong[found] += 1

    def picture(self, page: Page, name: str) -> None:
        """Keep a picture of the tab."""
        with contextlib.suppress(PageError):
            page.screenshot(self.out / f"{self.path.stem}-{name}.png")
        self.listen()

    def row(self) -> str:
        """Return the line of the table."""
        said = (self.version.get(name) or "" for name in ("kind", "edition", "tool"))
        kind = " ".join(one for one in said if one)
        again = "; ".join(one for one in (self.resumed, counted(self.again)) if one)
        wrong = "; ".join(f"{text} ({n})" for text, n in self.wrong.most_common(4))
        cells = [
            self.path.stem,
            kind,
            len(self.clicks),
            counted(self.told),
            self.stands,
            again,
            wrong,
        ]
        return "| " + " | ".join(str(one).replace("|", "/") for one in cells) + " |"

    def details(self) -> Json:
        """Return everything that was seen."""
        names = ("clicks", "told", "again", "stands", "resumed", "version")
        return {name: getattr(self, name) for name in names} | {"wrong": self.wrong.most_common()}


def wait_until_still(page: Page) -> None:
    """Wait until the frames of a page grow no more."""
    deadline, before, same = time.monotonic() + LOADING, -1, 0
    while time.monotonic() < deadline and same < IDLE:
        time.sleep(1)
        with contextlib.suppress(PageError):  # the page may just be another
            now = page.run(GROWN)
            before, same = now, same + 1 if now == before and now > 0 else 0


def counted(statements: list[Json]) -> str:
    """Return the verbs of statements in the order of their first, with how many there were."""
    verbs = Counter(one["verb"]["id"].rstrip("/").rpartition("/")[2] for one in statements)
    return ", ".join(f"{verb} {n}" if n > 1 else verb for verb, n in verbs.items())


def trouble(method: str, params: Json) -> str | None:
    """Return in a few words what a message of the browser says went wrong."""
    if method == "Runtime.exceptionThrown":
        said = params["exceptionDetails"]
        text = said.get("exception", {}).get("description") or said.get("text", "")
        return f"script: {text.splitlines()[0][:120]}" if text else "script"
    if method == "Network.responseReceived" and params["response"]["status"] >= 400:
        where = urllib.parse.urlsplit(params["response"]["url"])
        return f"{params['response']['status']} {where.path[-70:]}"
    if method == "Network.loadingFailed" and not params.get("canceled"):
        return f"{params.get('type')}: {params.get('errorText')} {params.get('blockedReason', '')}".strip()
    return None


def click(page: Page, x: float, y: float) -> None:
    """Click as a mouse does."""
    place = {"x": x, "y": y}
    page.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)


if __name__ == "__main__":
    main()
