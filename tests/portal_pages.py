"""What tests of the portal's pages do in a browser: enter as somebody, visit, read."""

from __future__ import annotations

import json
from typing import Any

from browser import Page
from factories_access import Browser as Session

from lrs.access import sessions


def enter(page: Page, world: Any, site: str, who: Session) -> None:
    """Let a tab have the session of somebody."""
    cookie = who.client.get_cookie(sessions.cookie_name(world.settings), domain="localhost")
    assert cookie is not None
    page.call("Network.setCookie", name=cookie.key, value=cookie.value, url=site)


def visit(page: Page, address: str, *, width: int = 390, theme: str = "light") -> None:
    """Open an address and wait for its scripts."""
    origin, path = (
        address[: address.index("/", 8)],
        address[address.index("/", 8) :].split("?", maxsplit=1)[0],
    )
    page.call("Network.setCookie", name="laurel-theme", value=theme, url=origin)
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 600
    )
    page.go(address)
    page.wait(f"document.readyState === 'complete' && location.pathname === {json.dumps(path)}")


def text_of(page: Page) -> str:
    found: str = page.run("document.querySelector('main').innerText")
    return found
