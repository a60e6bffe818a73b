"""What all pages on a partner share: whose organization it is, and who may look."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, abort, g, request

from lrs.access.organizations import VENDOR, get_org
from lrs.api.rights import visible_org
from lrs.console.shell import redirected, show
from lrs.credentials.public.branding import get_brand
from lrs.foundation.context import current_services
from lrs.words.reader import mark

Document = dict[str, Any]

MENU: Final = (
    (mark("Overview"), "/partner"),
    (mark("People"), "/partner/people"),
    (mark("Due and ending"), "/partner/due"),
    (mark("Reports"), "/partner/reports"),
    (mark("Sharing"), "/partner/sharing"),
)


def own_org() -> Document:
    """Return the organization that the page is about: the own one, or (`org=`) one that the user sees.

    The vendor is no partner: without `org` its users go to the list of partners. Raises UnknownThing.
    """
    if "portal_org" not in g:
        asked = request.args.get("org", "").strip() or g.principal.org
        if asked == VENDOR:
            abort(redirected("/console/partners"))
        g.portal_org = get_org(current_services().db, visible_org(asked))
    found: Document = g.portal_org
    return found


def kept() -> str:
    """Return what links on the page carry so that they stay with the organization."""
    org = own_org()["_id"]
    return "" if org == g.principal.org else f"?org={org}"


def frame() -> Document:
    """Return what the frame of every page on a partner needs."""
    org = own_org()
    brand = get_brand(current_services().db, org["_id"])
    return {
        "tabs": MENU, "home": "/partner", "place": org["name"], "org": org, "kept": kept(), "brand": brand,
    }  # fmt: skip


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page with the menu of a partner."""
    return show(f"portal/{template}", status, **frame(), **context)
