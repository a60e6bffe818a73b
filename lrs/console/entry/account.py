"""The own account: where one is logged in, ended one by one, and the own passkeys. For every user.

The page is the console's; the portal shows the same parts among its settings. What they send comes here.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.access import sessions, users
from lrs.access.guard import AUTHENTICATED
from lrs.api.rights import editor
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.sign_in import passkeys
from lrs.words.reader import mark

Document = dict[str, Any]
PAGE: Final = "/console/account"
BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
MEANS: Final = {
    "password": mark("by password"),
    "password and code": mark("by password and code"),
    "password and passkey": mark("by password and passkey"),
    "passkey": mark("by passkey"),
    "link": mark("by a link"),
    "oidc": mark("by your organization"),
    "saml": mark("by your organization"),
}

blueprint = Pages("console_account", __name__)


def device(agent: str) -> str:
    """Return the browser and the system that an agent calls itself, empty where neither is known."""
    browser = next((name for sign, name in BROWSERS if sign in agent), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    return " · ".join(filter(None, (browser, system)))


def parts() -> Document:
    """Return what the parts about the own account show."""
    here = current_services()
    user = users.get_user(here.db, g.principal.id)
    found = sessions.running(here.db, user["_id"], here.now())
    return {
        "account": user,
        "running": [
            {**one, "device": device(one.get("agent", "")), "how": MEANS.get(one.get("means", ""))}
            for one in found
        ],
        "keys": user.get("passkeys", []),
        "can_have_keys": passkeys.is_possible(here.settings) and user.get("subject") is None,
        "most_keys": passkeys.MOST,
        "longest_name": passkeys.LONGEST_NAME,
    }


@blueprint.get(PAGE, scope=AUTHENTICATED)
def account() -> Response:
    """Show where the user is logged in, and the user's passkeys."""
    return show("account.html", **parts())


def back(part: str) -> Response:
    """Return to the page that the form was on."""
    return redirected(f"{sessions.own_path(request.form.get('onward'), PAGE).partition('#')[0]}#{part}")


@blueprint.post("/account/sessions", scope=AUTHENTICATED, writes=False)
def end() -> Response:
    """End a session of the user, or all but this one; raises UnknownThing."""
    here, name = current_services(), request.form.get("session", "")
    if not name:
        raise InvalidField("session", "is needed")
    if name == "others":
        sessions.end_others(here.db, g.principal.id, g.session["_id"])
    elif not sessions.end_named(here.db, g.principal.id, name, here.now()):
        raise UnknownThing("session", name[:100])
    who = editor()
    who.change(lambda _: who.note("user.session.end", "user", g.principal.id, org=g.principal.org))
    return back("sessions")


@blueprint.post("/account/passkeys/options", scope=AUTHENTICATED, writes=False)
def options() -> Response:
    """Return what the browser needs to make a passkey."""
    here = current_services()
    wanted = passkeys.registration(here.db, here.settings, g.principal.id, g.session["_id"], now=here.now())
    return Response(wanted, content_type="application/json")


@blueprint.post("/account/passkeys", scope=AUTHENTICATED)
def keep() -> Response:
    """Keep a passkey that the browser made, rename or remove one: what the button says."""
    here, form = current_services(), request.form
    action, key = form.get("action", "add"), form.get("passkey", "")
    if action == "add":
        name = form.get("name", "").strip() or device(request.headers.get("User-Agent", ""))
        passkeys.register(
            editor(),
            here.settings,
            g.principal.id,
            g.session["_id"],
            answer=form.get("answer", ""),
            name=name,
        )
    elif action == "rename":
        passkeys.rename(editor(), g.principal.id, key, form.get("name", ""))
    elif action == "remove":
        passkeys.remove(editor(), g.principal.id, key)
    else:
        raise InvalidField("action", "is one of add, rename, remove")
    return back("passkeys")
