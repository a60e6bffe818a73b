"""Every page of learners, partners and credentials in every language; Arabic runs from right to left."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Page
from factories_access import log_in, make_user
from portal_pages import enter, visit
from served_pages import AXE, MINE, OURS, TAGS

from lrs.words.catalogues import COMPLETE, LANGUAGES, say

OFFICE = (
    "/console", "/console/people", "/console/partners", "/console/partners/borealis", "/console/certifications",
    "/console/certifications/sales-pro", "/console/expiries", "/console/rules", "/console/statements", "/console/ask",
    "/console/questions", "/console/reports", "/console/reports/funnel", "/console/content", "/console/clients",
    "/console/users", "/console/audit", "/console/health", "/console/live", "/console/assignments", "/console/webhooks",
    "/console/nowhere",
)  # fmt: skip
ANYBODY = ("/login", "/join?code=x", "/login/link?code=x", "/", "/registry", "/registry/partners")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


def shared(world: Any) -> list[str]:
    """Return the pages of a credential that its holder sees by a link from the own page."""
    link = next(one for one in world.sven.open("/me").text.split('"') if one.startswith("/credentials/"))
    path, _, token = link.replace("&amp;", "&").partition("?")
    award = path.removeprefix("/credentials/").partition(".")[0].partition("/")[0]
    below = ("", "/verify", "/display", "/needed", "/wallet")
    return [f"/credentials/{award}{one}?{token}" for one in below]


@pytest.fixture(autouse=True)
def no_language_stays(world: Any) -> Iterator[None]:
    """What an address names is kept in a cookie, and other tests read the same browsers' pages."""
    yield
    for one in (world.sven, world.paul):
        one.client.delete_cookie("laurel-language", domain="localhost")


def everything(world: Any) -> list[tuple[Any, str]]:
    mine = [(world.sven, one) for one in (*MINE, *shared(world))]
    return [*mine, *((world.paul, one) for one in OURS), *((None, one) for one in ANYBODY)]


def spoken_in(path: str, name: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={name}"


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_page_is_told_in_the_language_of_who_reads(world: Any, name: str) -> None:
    page = world.sven.open(f"/me?lang={name}").text
    assert f'<html lang="{name}" dir="{"rtl" if name == "ar" else "ltr"}"' in page
    assert say(name, "What I hold") in page
    (shown, *_) = shared(world)
    credential = world.sven.client.get(shown, headers={"Accept": "text/html", "Accept-Language": name})
    assert f'<html lang="{name}"' in credential.text
    assert say(name, "Verify now") in credential.text
    assert "Accept-Language" in credential.headers["Vary"]


def test_a_user_chooses_a_language_once_for_every_browser_and_for_mails(world: Any) -> None:
    user = world.db.users.find_one({"email": "paul.berger@borealis.example"})
    try:
        assert (
            world.paul.open(
                "/preferences", "POST", data={"csrf": world.paul.csrf, "language": "fr", "onward": "/partner"}
            ).status_code
            == 303
        )
        assert world.db.users.find_one({"_id": user["_id"]})["language"] == "fr"
        world.paul.client.delete_cookie("laurel-language", domain="localhost")
        assert '<html lang="fr"' in world.paul.open("/partner", headers={"Accept-Language": "de"}).text
        assert (
            world.paul.open(
                "/preferences",
                "POST",
                data={"csrf": world.paul.csrf, "language": "../x", "onward": "/partner"},
            ).status_code
            == 303
        )
        assert world.db.users.find_one({"_id": user["_id"]})["language"] == "fr"
    finally:
        world.db.users.update_one({"_id": user["_id"]}, {"$unset": {"language": ""}})


def test_a_certificate_is_written_in_the_readers_language(world: Any) -> None:
    pdf = shared(world)[0].replace("?", ".pdf?")
    made = {name: world.sven.client.get(spoken_in(pdf, name)) for name in LANGUAGES}
    for name, answer in made.items():
        assert answer.status_code == 200
        assert f"/Lang ({name})".encode() in answer.data, name
    japanese = say("ja", "Check this certificate").encode("utf-16-be").hex()
    assert f"/ActualText <feff{japanese}>".encode() in _streams(made["ja"].data)


def _streams(pdf: bytes) -> bytes:
    found = b""
    for part in pdf.split(b"stream\n")[1:]:
        try:
            found += zlib.decompressobj().decompress(part)
        except zlib.error:
            continue
    return found


@in_browser
@pytest.mark.parametrize("name", [one for one in LANGUAGES if one not in {"en", "ar"}])
def test_no_page_is_wider_than_a_phone_in_any_language(world: Any, site: str, page: Page, name: str) -> None:
    look(world, site, page, name, ((390, "light"),), axe="")


@in_browser
@pytest.mark.parametrize("name", COMPLETE)
def test_no_page_of_the_console_is_wider_than_a_phone_in_any_language(
    world: Any, site: str, page: Page, name: str
) -> None:
    ada = log_in(world.app, make_user(world.db, "vendor", "vendor_admin", f"{name}@vendor.example"))
    look(
        world,
        site,
        page,
        name,
        ((390, "light"), (1280, "light")),
        axe="",
        pages=[(ada, one) for one in OFFICE],
    )


@in_browser
def test_pages_from_right_to_left_are_whole_and_accessible_in_both_themes(
    world: Any, site: str, page: Page
) -> None:
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing; scripts/test installs it where npm is at hand")
    look(world, site, page, "ar", ((390, "light"), (1280, "dark")), axe=AXE.read_text("utf-8") + ";0")
    enter(page, world, site, world.sven)
    visit(page, f"{site}/me?lang=ar", width=390, theme="light")
    place = "document.querySelector('{}').getBoundingClientRect()"
    assert page.run(f"{place.format('.me')}.left < {place.format('.brand-name')}.left"), (
        "the menu is at the left"
    )
    assert page.run("getComputedStyle(document.querySelector('main h1')).direction") == "rtl"


def look(
    world: Any,
    site: str,
    page: Page,
    name: str,
    sizes: Any,
    axe: str,
    pages: list[tuple[Any, str]] | None = None,
) -> None:
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    before = object()
    for who, path in pages or everything(world):
        if who is not before:
            page.call("Network.clearBrowserCookies")
            if who is not None:
                enter(page, world, site, who)
            before = who
        for width, theme in sizes:
            visit(page, f"{site}{spoken_in(path, name)}", width=width, theme=theme)
            if "LAUREL_PICTURES" in os.environ:
                file = f"{name}-{width}-{path.partition('?')[0].replace('/', '_')[:60]}.png"
                page.screenshot(Path(os.environ["LAUREL_PICTURES"]) / file)
            page.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            wide = page.run(
                "document.documentElement.scrollWidth"
            )  # a phone zooms out, so its innerWidth grows
            assert wide <= width, (path, wide)
            assert page.run("document.documentElement.lang") == name, path
            if axe:
                page.run(axe)
                assert page.run(script) == [], (path, width, theme)
