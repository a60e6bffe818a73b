"""Logging in by a passkey, alone or after the password; scripts of the page talk to the browser's keys."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from lrs.access import sessions, users
from lrs.access.guard import PUBLIC
from lrs.access.tries import take_back
from lrs.console.entry.second_factor import step
from lrs.console.entry.sign_in import STEP_COOKIE, enter, show_login, show_provider_alone
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import TooManyTries, Unauthenticated
from lrs.sign_in import only, passkeys
from lrs.words.reader import mark, t

COOKIE: Final = "laurel-passkey"
WRONG: Final = mark("The passkey was not accepted. Try again, or log in otherwise.")

blueprint = Pages("passkeys", __name__)


@blueprint.post("/login/passkey/options", scope=PUBLIC, writes=False)
def options() -> Response:
    """Return what the browser needs to answer by any passkey of this server."""
    return _options(None)


@blueprint.post("/login/code/passkey/options", scope=PUBLIC, writes=False)
def options_of_step() -> Response:
    """Return what the browser needs to answer by a passkey of whose password was right."""
    return _options(step()["user"])


def _options(user: str | None) -> Response:
    here = current_services()
    sessions.check_origin(here.settings, request)
    users.count_address(here.db, f"passkey {request.remote_addr}", here.now())
    found = users.get_user(here.db, user) if user else None
    wanted, state = passkeys.begin(here.db, here.settings, here.now(), found)
    response = Response(wanted, content_type="application/json")
    response.set_cookie(
        COOKIE, state, max_age=600, path="/login", httponly=True, samesite="Strict",
        secure=sessions.is_secure(here.settings),
    )  # fmt: skip
    return response


@blueprint.post("/login/passkey", scope=PUBLIC, writes=False)
def log_in() -> Response:
    """Log in by a passkey, which proves possession and the person: no second factor is asked for."""
    here = current_services()
    sessions.check_origin(here.settings, request)
    state, answer = request.cookies.get(COOKIE, ""), request.form.get("answer", "")
    try:
        user = passkeys.log_in(here.db, here.settings, state, answer, here.now())
    except Unauthenticated:
        return show_login(t(WRONG), 401)
    alone = only.refuses(here.db, user)
    if alone is not None:
        return _entered(show_provider_alone(alone))
    return _entered(enter(user, request.form.get("onward"), "passkey"))


@blueprint.post("/login/code/passkey", scope=PUBLIC, writes=False)
def log_in_by_step() -> Response:
    """Log in by a passkey in place of the code that follows a right password; failures count alike."""
    here, begun = current_services(), step()
    sessions.check_origin(here.settings, request)
    state, answer, now = request.cookies.get(COOKIE, ""), request.form.get("answer", ""), here.now()

    def used(found: dict[str, object]) -> bool:
        try:
            passkeys.log_in(here.db, here.settings, state, answer, now, user=str(found["_id"]))
        except Unauthenticated:
            return False
        return True

    try:
        user = users.log_in_by_code(here.db, begun["user"], used, request.remote_addr or "", now)
    except Unauthenticated:
        return show("code.html", 401, problem=t(WRONG), passkeys=True)
    except TooManyTries as error:
        return show("code.html", 429, problem=str(error), passkeys=True)
    here.db.second_steps.delete_one({"_id": begun["_id"]})
    response = _entered(enter(user, begun["onward"], "password and passkey"))
    response.delete_cookie(STEP_COOKIE, path="/login")
    return response


def _entered(response: Response) -> Response:
    take_back(current_services().db, f"passkey {request.remote_addr}")  # many log in from one office
    response.delete_cookie(COOKIE, path="/login")
    return response
