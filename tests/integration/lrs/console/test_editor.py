"""The editor of rules in a browser: completion from schema and store, quick fixes, the policy, no trap, no scripts."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Page, browsing
from console_world import World
from places import ROOT
from served_pages import AXE, TAGS, served

from lrs.access import sessions
from lrs.console.programme import suggesting

EDITOR = "Boolean(document.querySelector('.cm-content') && editor.view)"
BUDGET = 180 * 1024  # bytes of scripts, gzipped


def bundle(world: World) -> Path:
    return suggesting.bundle_path(world.app.extensions["laurel"].settings)


@pytest.fixture(scope="module")
def page(world: World) -> Iterator[Page]:
    """A tab in which the vendor's administrator is logged in."""
    if CHROMIUM is None or not bundle(world).is_file():
        pytest.skip("there is no Chromium, or scripts/test could not bundle the editor")
    settings = world.app.extensions["laurel"].settings
    cookie = world.ada.client.get_cookie(sessions.cookie_name(settings), domain="localhost")
    assert cookie is not None
    with served(world.app) as site, browsing() as browser:
        tab = browser.open("about:blank", width=1280, height=900)
        tab.call("Network.setCookie", name=cookie.key, value=cookie.value, url=site)
        tab.site = site  # type: ignore[attr-defined]
        yield tab


def edit(page: Page, text: str | None = None, theme: str = "light", width: int = 1280) -> None:
    """Open the editor with a text of one's own, the cursor at the mark `¦`."""
    site = page.site  # type: ignore[attr-defined]
    page.call("Network.setCookie", name="laurel-theme", value=theme, url=site)
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
    )
    page.run("typeof leaving === 'undefined' || (leaving = true)")  # nobody is asked whether to leave
    page.go(f"{site}/console/rules/new?from=sales-pro&kind=Certification")
    page.wait("location.pathname === '/console/rules/new'")
    page.wait(EDITOR)
    if text is not None:
        at = text.index("¦") if "¦" in text else len(text)
        plain = text.replace("¦", "")
        page.run(
            f"editor.view.dispatch({{changes: {{from: 0, to: editor.view.state.doc.length, insert: {json.dumps(plain)}}},"
            f" selection: {{anchor: {at}}}}}); editor.view.focus()"
        )


def type_in(page: Page, text: str) -> None:
    """Type letters as a keyboard does."""
    page.call("Input.insertText", text=text)


def offered(page: Page, text: str, typed: str = "") -> list[str]:
    """Return what is offered where `¦` stands, after typing."""
    edit(page, text)
    if typed:
        type_in(page, typed)
    page.run("editor.complete()")
    page.wait("document.querySelectorAll('.cm-tooltip-autocomplete li').length")
    found: list[str] = page.run(
        "[...document.querySelectorAll('.cm-tooltip-autocomplete li .cm-completionLabel')].map(one => one.textContent)"
    )
    return found


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("¦", {"kind"}, set()),
        ("kind: Certification\nid: x\n¦\n", {"version", "evidence", "validity"}, {"kind", "id", "order"}),
        ("kind: Certification\nvalidity: {lasts: 12 months, ¦}\n", {"counted_from"}, {"lasts"}),
        ("kind: Certification\naward:\n  when:\n    all:\n      - {score: exam, ¦}\n", {"at_least", "attempt"}, {"within", "score"}),
        ("kind: Certification\nmode: ¦\n", {"active", "evaluate"}, set()),
        ("kind: Certification\nevidence:\n  quiz: {verb: passed}\naward:\n  when: {score: ¦}\n", {"quiz"}, {"verb"}),
        ("kind: Certification\naward:\n  when: {holds: ¦}\n", {"sales-pro", "tech-pro"}, set()),
        ("kind: Certification\nevidence:\n  exam:\n    verb: pa¦\n", {"passed"}, {"completed"}),
        ("kind: PartnerTiers\n¦\n", {"order", "tiers"}, {"evidence"}),
    ],
)  # fmt: skip
def test_it_completes_from_the_schema_and_from_what_the_store_knows(
    page: Page, text: str, wanted: set[str], unwanted: set[str]
) -> None:
    found = set(offered(page, text))
    assert wanted <= found
    assert not unwanted & found


def test_an_activity_of_the_store_is_completed_and_put_in_quotes(world: World, page: Page) -> None:
    seen = world.db.activities.find_one({"id": {"$regex": "^https://acme.example/xapi/sales/"}})
    assert seen is not None
    start = "kind: Certification\nevidence:\n  exam: {verb: passed, activity: ¦}\n"
    found = offered(page, start, "https://acme.example/xapi/sales/")
    assert seen["id"] in found
    page.run(
        "[...document.querySelectorAll('.cm-tooltip-autocomplete li')]"
        f".find(one => one.textContent.includes({json.dumps(seen['id'])}))"
        ".dispatchEvent(new MouseEvent('mousedown', {bubbles: true, button: 0}))"
    )
    page.wait(f"document.getElementById('text').value.includes({json.dumps(json.dumps(seen['id']))})")


def test_a_mistake_is_underlined_as_one_types_and_mended_by_a_click(page: Page) -> None:
    edit(page)
    page.run(
        "(() => { const at = editor.view.state.doc.toString().indexOf('title:');"
        " editor.view.dispatch({changes: {from: at, to: at + 5, insert: 'titel'}}); })()"
    )
    page.wait("document.querySelector('.cm-lintRange-error') !== null")
    page.wait(
        "[...document.querySelectorAll('#problems button.fix')].some(one => one.textContent.includes('title'))"
    )
    page.wait("document.getElementById('plan').disabled")
    page.run(
        "[...document.querySelectorAll('#problems button.fix')].find(one => one.textContent.includes('title')).click()"
    )
    page.wait("!document.querySelector('.cm-lintRange-error') && !document.getElementById('plan').disabled")
    assert "titel:" not in page.run("document.getElementById('text').value")
    assert "tests pass" in page.run("document.getElementById('verdict').textContent")


def test_it_keeps_to_the_policy_and_to_its_weight(world: World, page: Page) -> None:
    page.browser.events.clear()
    edit(page, "kind: Certification\n¦")
    page.run("editor.complete()")
    page.wait("document.querySelector('.cm-tooltip-autocomplete') !== null")
    events = page.browser.events
    said = [one["params"] for one in events if one["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]
    assert said == [], "no breach of the policy, no error"
    site = page.site  # type: ignore[attr-defined]
    asked = [
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
    scripts = [ROOT / "lrs" / "static" / name for name in ("console.js", "editor.js")]
    assert sum(len(gzip.compress(one.read_bytes(), 9)) for one in (*scripts, bundle(world))) < BUDGET


def test_it_is_accessible_in_both_themes_and_narrow(page: Page) -> None:
    for theme in ("light", "dark"):
        edit(page, "kind: Certification\ntitel: x\n¦" + 80 * "\n# more than fits", theme=theme)
        page.wait("document.querySelector('.cm-lintRange-error') !== null")
        page.run("editor.complete()")
        page.wait("document.querySelector('.cm-tooltip-autocomplete') !== null")
        if AXE.exists():
            page.run(AXE.read_text("utf-8") + ";0")
            script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
            assert page.run(script) == [], theme
    edit(page, width=390)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_tab_leaves_the_editor(page: Page) -> None:
    edit(page, "kind: Certification\n¦")
    page.press("Escape")
    page.press("Tab")
    assert page.run("!document.activeElement.closest('.cm-editor')"), "the keyboard is not trapped"


def test_without_scripts_there_is_the_text_area(page: Page) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.go(f"{page.site}/console/rules/new")  # type: ignore[attr-defined]
        page.wait("location.pathname === '/console/rules/new'")
        seen = "(() => { const one = document.getElementById('text'); return one && !one.hidden && one.value.length > 0; })()"
        page.wait(seen)
        assert not page.run("document.querySelector('.cm-editor')")
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


PLACES = """
import { placeAt, ITEM } from "PLACE";
const shown = (text) => {
  const pos = text.indexOf("¦"), before = text.slice(0, pos).split("\\n");
  const place = placeAt(text.replace("¦", "").split("\\n"), before.length - 1, before.at(-1).length);
  return place && [place.path.map((one) => (one === ITEM ? "-" : one)).join("."), place.wants, place.keys.join(",")];
};
console.log(JSON.stringify(JSON.parse(process.argv[1]).map(shown)));
"""
CASES: list[tuple[str, list[Any] | None]] = [
    ("a:\n  b:\n    c¦", ["a.b", "either", ""]),
    ("a:\n- b: 1\n  ¦", ["a.-", "either", "b"]),
    ("a:\n  - b: 1\n  - ¦", ["a.-", "either", ""]),
    ("a:\n  - b: 1\n    c: {d: [e, ¦", ["a.-.c.d.-", "value", ""]),
    ("a: {b: 1} ¦", None),
    ("a: b # ¦", None),
    ('"a b":\n  c: ¦', ["a b.c", "value", ""]),
    ("a:\n  b: 1\n\n  # note\n  ¦\nz: 1", ["a", "either", "b"]),
    ("x: 1\ny:\n  b: 1\n¦", ["", "either", "x,y"]),
    ("a: {'b c': {d: 1}, e: ¦", ["a.e", "value", "b c,e"]),
]


def test_the_place_is_read_from_lines_that_are_no_yaml_yet() -> None:
    if shutil.which("node") is None:
        pytest.skip("there is no node")
    script = PLACES.replace("PLACE", (ROOT / "scripts" / "editor" / "place.js").as_uri())
    command = ["node", "--input-type=module", "--eval", script, json.dumps([text for text, _ in CASES])]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for (text, wanted), seen in zip(CASES, found, strict=True):
        if seen is not None:
            seen[2] = ",".join(sorted(re.split(",", seen[2])))
        assert seen == wanted, text
