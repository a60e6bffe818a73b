"""The first administrator: made in the browser by whoever has the first client's key, while there is none."""

from __future__ import annotations

import base64
from typing import Any

from flask import Response, request

from lrs.access import organizations, sessions, users
from lrs.access.auth import authenticate
from lrs.access.guard import PUBLIC
from lrs.console.entry.sign_in import anybody, go_on
from lrs.console.forms import sent
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField, TooManyTries, Unauthenticated
from lrs.words.reader import t
from rules.stored import VENDOR

ROLE = "vendor_admin"
FIELDS = ("key", "secret", "name", "email", "password")

blueprint = Pages("console_setup", __name__)


def is_wanted() -> bool:
    """Tell whether nobody administers this installation yet."""
    wanted = {"org": VENDOR, "role": ROLE}
    return current_services().db.users.find_one(wanted, {"_id": 1}) is None


@blueprint.get("/setup", scope=PUBLIC)
def setup_page() -> Response:
    """Ask for the first administrator; once there is one, lead to the login page."""
    return form({}) if is_wanted() else redirected("/login")


def form(values: dict[str, str], *, problem: str | None = None, status: int = 200) -> Response:
    """Return the page, with what went wrong."""
    return show("setup.html", status, values=values, problem=problem, shortest=users.SHORTEST)


@blueprint.post("/setup", scope=PUBLIC)
def setup() -> Response:
    """Make the first administrator and log them in."""
    services, values = current_services(), sent(*FIELDS)
    sessions.check_origin(services.settings, request)
    if not is_wanted():
        return redirected("/login")
    try:
        users.count_address(services.db, f"setup {request.remote_addr}", services.now())
        prove(values.get("key", ""), values.get("secret", ""))
        user = first_administrator(values)
    except TooManyTries as error:
        return form(values, problem=str(error), status=429)
    except Unauthenticated:
        said = t("Key and secret are not those of the first client, which the server prints when it starts.")
        return form(values, problem=said, status=401)
    except (InvalidField, Collision) as error:
        return form(values, problem=str(error), status=422)
    return go_on(user, "/console")


def prove(key: str, secret: str) -> None:
    """Refuse who does not have the key of a client that administers anyway; raises Unauthenticated."""
    pair = base64.b64encode(f"{key}:{secret}".encode()).decode()
    principal = authenticate(f"Basic {pair}")
    if principal.org != VENDOR or not principal.vendor_wide or not principal.may("orgs"):
        raise Unauthenticated("this client does not administer the vendor")


def first_administrator(values: dict[str, str]) -> dict[str, Any]:
    """Name the vendor, make its administrator; raises InvalidField or Collision with nothing changed."""
    editor, services = anybody("setup"), current_services()
    users.check_password(values.get("password", ""), values.get("email", ""))
    wanted = {"email": values.get("email", ""), "role": ROLE, "password": values["password"]}
    user = users.add_user(editor, VENDOR, wanted)
    if name := values.get("name"):
        vendor = organizations.get_org(services.db, VENDOR)
        organizations.edit_org(editor, VENDOR, {"name": name[:200]}, vendor["version"])
    return user
