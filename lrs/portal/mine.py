"""What all pages on the own person share: nobody gets to one who is not a person, and proven to be it."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, abort, g

from lrs.access.auth import Principal
from lrs.console.shell import Pages, logged_in, show
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.people import accounts
from lrs.words.reader import mark, t

Document = dict[str, Any]

MENU: Final = (
    (mark("Overview"), "/me"),
    (mark("Points"), "/me/progress"),
    (mark("My record"), "/me/record"),
    (mark("Sessions"), "/me/sessions"),
    (mark("Earned elsewhere"), "/me/elsewhere"),
    (mark("Settings"), "/me/settings"),
)


def known_person() -> Principal:
    """Return the user who is logged in and a person; anybody else gets the page that says what is missing."""
    principal, services = logged_in(), current_services()
    g.user = services.db.users.find_one({"_id": principal.id}) or {}
    if accounts.proven_mailbox(g.user) is None:
        abort(page("prove.html", 403))
    g.person = accounts.person_of(services.db, g.user)
    if g.person is None:
        abort(page("nobody.html", 404))
    return principal


class Mine(Pages):
    """A blueprint of pages on the own person."""

    identify = staticmethod(known_person)


def me() -> Document:
    """Return the person whose page is asked for."""
    found: Document = g.person
    return found


def myself() -> Editor:
    """Return the person as who changes something of their own."""
    services = current_services()
    who = {"kind": "user", "id": g.principal.id, "name": g.principal.label, "org": g.principal.org}
    return Editor(services.db, who, services.now())


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page with the menu of the own person."""
    return show(f"portal/{template}", status, tabs=MENU, home="/me", place=t("My certifications"), **context)
