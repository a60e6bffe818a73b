"""The second factor: the code after the password, and the page on which a user adds or removes it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import segno
from flask import Response, abort, g, redirect, request

from lrs.access import second_factor, sessions, users
from lrs.access.guard import AUTHENTICATED, PUBLIC
from lrs.api.rights import editor
from lrs.console.entry.sign_in import STEP_COOKIE, enter
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, TooManyTries, Unauthenticated
from lrs.words.reader import mark, t

Document = dict[str, Any]
PAGE: Final = "/console/second-factor"
WRONG: Final = mark("The code is wrong, or was used already.")

blueprint = Pages("console_second_factor", __name__)


def step() -> Document:
    """Return what the password of this browser began; without any, go back to the login page."""
    here = current_services()
    found = second_factor.find_step(here.db, request.cookies.get(STEP_COOKIE), here.now())
    if found is None:
        abort(redirect("/login", 303))
    return found


@blueprint.get("/login/code", scope=PUBLIC)
def code_page() -> Response:
    """Ask for the code, or for a passkey where the user has one."""
    return show("code.html", problem=None, passkeys=has_passkeys(step()))


def has_passkeys(begun: Document) -> bool:
    """Tell whether one of the user's passkeys could stand in for the code."""
    user = users.get_user(current_services().db, begun["user"])
    return bool(user.get("passkeys")) and user.get("subject") is None


@blueprint.post("/login/code", scope=PUBLIC, writes=False)
def log_in_by_code() -> Response:
    """Log in by the code that follows a right password."""
    here, begun = current_services(), step()
    sessions.check_origin(here.settings, request)
    code, now = request.form.get("code", "")[:100], here.now()
    used = partial(second_factor.use, here.db, here.settings)
    try:
        user = users.log_in_by_code(
            here.db, begun["user"], lambda found: used(found, code, now), request.remote_addr or "", now
        )
    except Unauthenticated:
        return show("code.html", 401, problem=t(WRONG), passkeys=has_passkeys(begun))
    except TooManyTries as error:
        response = show("code.html", 429, problem=str(error), passkeys=has_passkeys(begun))
        response.headers.update(error.headers)
        return response
    here.db.second_steps.delete_one({"_id": begun["_id"]})
    response = enter(user, begun["onward"], "password and code")
    response.delete_cookie(STEP_COOKIE, path="/login")
    return response


@blueprint.get(PAGE, scope=AUTHENTICATED)
def page() -> Response:
    """Show whether the user has a second factor, and how to add or remove it."""
    return show_page()


def show_page(problem: str | None = None, status: int = 200) -> Response:
    """Return the page, with a new secret where there is no factor yet."""
    here = current_services()
    user = users.get_user(here.db, g.principal.id)
    if user["password"] is None or user.get("second_factor") is not None:
        return show("second_factor.html", status, user=user, problem=problem, codes=None)
    secret = second_factor.want(editor(), here.settings, user["_id"])
    picture = segno.make(
        second_factor.address_of(secret, user["email"], here.settings.issuer_name), error="m"
    )
    image = picture.svg_data_uri(scale=4, border=3, light="white")
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return show(
        "second_factor.html", status, user=user, problem=problem, codes=None, secret=spaced, image=image
    )


@blueprint.post(PAGE, scope=AUTHENTICATED)
def prove() -> Response:
    """Let the second factor hold, by a code; show the recovery codes once."""
    here, code = current_services(), request.form.get("code", "")[:100]
    try:
        codes = second_factor.prove(editor(), here.settings, g.principal.id, code, g.session["_id"])
    except InvalidField:
        return show_page(t(WRONG), 422)
    return show("second_factor.html", codes=codes)


@blueprint.post(f"{PAGE}/remove", scope=AUTHENTICATED)
def remove() -> Response:
    """Remove the second factor, by one of its codes; who fails is counted as at the login."""
    here, code, now = current_services(), request.form.get("code", "")[:100], current_services().now()
    used = partial(second_factor.use, here.db, here.settings)
    try:
        users.log_in_by_code(
            here.db, g.principal.id, lambda found: used(found, code, now), request.remote_addr or "", now
        )
    except Unauthenticated:
        return show_page(t(WRONG), 422)
    second_factor.remove(editor(), g.principal.id)
    return redirected("/login")
