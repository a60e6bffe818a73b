"""Signing in and out, by password or a link by mail; and the page of an invitation."""

from __future__ import annotations

import logging
from email.message import EmailMessage
from smtplib import SMTPException
from typing import Any, Final
from urllib.parse import quote

from flask import Response, make_response, redirect, request

from lrs.access import second_factor, sessions, users
from lrs.access.guard import PUBLIC
from lrs.console.shell import Pages, show
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, TooManyTries, Unauthenticated, UnknownThing
from lrs.foundation.mail import check_address, mailer
from lrs.foundation.settings import Settings
from lrs.people import accounts
from lrs.sign_in import oidc, only, passkeys, providers
from lrs.words.reader import mark, t

Document = dict[str, Any]
LONGEST_ADDRESS: Final = 320

blueprint = Pages("console", __name__)
log = logging.getLogger(__name__)

STEP_COOKIE: Final = "laurel-step"
ALONE: Final = mark(
    "Your organization lets its people log in by %(name)s alone: no password, link or passkey opens here."
)
INVALID: Final = mark("This code is not valid (any more).")
HOMES: Final = {
    "learner": "/me",
    "partner_admin": "/partner",
    "instructor": "/instructor",
    "partner_instructor": "/instructor",
}
"""Where somebody in a role begins; everybody else in the console."""


@blueprint.get("/login", scope=PUBLIC)
def login_page() -> Response:
    """Show the login page."""
    return show_login()


def show_login(problem: str | None = None, status: int = 200, *, alone: Document | None = None) -> Response:
    """Return the login page, with what went wrong; first the address, where that decides who logs in."""
    here = current_services()
    email = request.form.get("email", "")
    asks_first = not (email or problem or "all" in request.args) and providers.is_any(here.db)
    return show(
        "login.html", status, onward=sessions.own_path(request.values.get("onward"), ""), problem=problem,
        provider=oidc.Provider.of_settings(here.settings) is not None, email=email, asks_first=asks_first,
        passkeys=passkeys.is_possible(here.settings), alone=alone,
        empty=here.db.users.find_one({}, {"_id": 1}) is None,
    )  # fmt: skip


@blueprint.post("/login/next", scope=PUBLIC, writes=False)
def next_step() -> Response:
    """Send who has an address of an organization with a provider there, anybody else to the password.

    Whether there is an account is not told: the address's domain alone decides.
    """
    services = current_services()
    sessions.check_origin(services.settings, request)
    found = providers.of_address(services.db, request.form.get("email", "").strip()[:LONGEST_ADDRESS])
    if found is None:
        return show_login()
    onward = quote(sessions.own_path(request.form.get("onward"), ""))
    return led(f"/login/{found['kind']}/{found['_id']}?onward={onward}")


def led(to: str) -> Response:
    """Return a page that leads on: a form's answer must not redirect elsewhere (the policy's form-action)."""
    return show("going.html", to=to)


@blueprint.post("/login", scope=PUBLIC, writes=False)
def login() -> Response:
    """Log in by mail address and password."""
    services = current_services()
    sessions.check_origin(services.settings, request)
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        user = users.log_in(services.db, email, password, request.remote_addr or "", services.now())
    except Unauthenticated as error:
        found = only.required_for(services.db, email)
        return show_login(str(error), 401) if found is None else show_provider_alone(found)
    except TooManyTries as error:
        response = show_login(str(error), 429)
        response.headers.update(error.headers)
        return response
    return go_on(user, request.form.get("onward"))


def go_on(user: Document, onward: str | None, means: str = "password") -> Response:
    """Log in who gave a password or opened a mail, after the second factor where the user has one."""
    found = only.refuses(current_services().db, user)
    if found is not None:
        return show_provider_alone(found)
    return enter(user, onward, means) if user.get("second_factor") is None else ask_code(user, onward)


def show_provider_alone(provider: Document) -> Response:
    """Return the login page that says by which provider alone an address logs in."""
    return show_login(t(ALONE, name=provider["name"]), 403, alone=provider)


def ask_code(user: Document, onward: str | None) -> Response:
    """Go on to the page that asks for the code of the second factor."""
    services = current_services()
    token = second_factor.begin_step(services.db, user, onward, services.now())
    response = make_response(redirect("/login/code", 303))
    response.set_cookie(
        STEP_COOKIE, token, max_age=600, path="/login", httponly=True, samesite="Lax",
        secure=sessions.is_secure(services.settings),
    )  # fmt: skip
    return response


def enter(
    user: Document, onward: str | None, means: str = "password", provider: str | None = None
) -> Response:
    """Begin a session and go on, where no place is named to where the role begins."""
    services = current_services()
    who = {"kind": "user", "id": user["_id"], "name": user["email"], "org": user["org"]}
    editor = Editor(services.db, who, services.now(), request.remote_addr)
    editor.change(lambda _: editor.note("user.login", "user", user["_id"], org=user["org"]))
    token = sessions.begin(
        services.db, services.settings, user, request.remote_addr, services.now(),
        means=means, provider=provider, agent=request.headers.get("User-Agent", ""),
    )  # fmt: skip
    home = HOMES.get(user["role"], "/console")
    response = make_response(redirect(sessions.own_path(onward, home), 303))
    return sessions.set_cookie(response, services.settings, token)


@blueprint.post("/logout", scope=PUBLIC, writes=False)
def logout() -> Response:
    """End the session."""
    services = current_services()
    session = sessions.find(services.db, services.settings, request, services.now())
    if session is not None:
        sessions.check_forgery(session, services.settings, request)
        sessions.end(services.db, session)
    response = make_response(redirect("/login", 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return sessions.set_cookie(response, services.settings, None)


@blueprint.post("/login/link", scope=PUBLIC)
def send_link() -> Response:
    """Send a link by mail to who has an account; whether there is one is not told, also not by the time."""
    services = current_services()
    sessions.check_origin(services.settings, request)
    address = request.form.get("email", "").strip()
    found = only.required_for(services.db, address[:LONGEST_ADDRESS])
    if found is not None:
        return show_provider_alone(found)
    try:
        users.count_address(services.db, f"link {request.remote_addr}", services.now())
        message = accounts.ask_link(anybody("login"), services.settings, check_address(address))
    except TooManyTries as error:
        return show_link(problem=str(error), status=429)
    except InvalidField as error:
        return show_login(str(error), 422)
    response = show_link(sent=address)
    if message is not None:
        response.call_on_close(lambda: deliver(services.settings, message))
    return response


def anybody(why: str) -> Editor:
    """Return who acts by a code, before anybody is known."""
    services = current_services()
    who = {"kind": "code", "id": why, "name": None}
    return Editor(services.db, who, services.now(), request.remote_addr)


def deliver(settings: Settings, message: EmailMessage) -> None:
    """Send a message after the answer has gone; what goes wrong is told to the log."""
    try:
        mailer(settings).send(message)
    except (OSError, SMTPException):
        log.exception("the link to log in was not sent")


def show_link(
    code: str = "", *, sent: str | None = None, problem: str | None = None, status: int = 200
) -> Response:
    """Return the page of a link by mail: where it went, or the question whether to log in by it."""
    return show("link.html", status, code=code, sent=sent, problem=problem)


@blueprint.get("/login/link", scope=PUBLIC)
def link_page() -> Response:
    """Ask whether to log in by the link of a mail; opening the page changes nothing."""
    return show_link(request.args.get("code", ""))


@blueprint.post("/login/link/use", scope=PUBLIC)
def use_link() -> Response:
    """Log in by the link of a mail."""
    services = current_services()
    sessions.check_origin(services.settings, request)
    try:
        users.count_address(services.db, f"code {request.remote_addr}", services.now())
        user = accounts.log_in_by_link(anybody("login"), request.form.get("code", ""))
    except TooManyTries as error:
        return show_link(problem=str(error), status=429)
    except UnknownThing:
        return show_link(problem=t(INVALID), status=404)
    return go_on(user, None, "link")


@blueprint.get("/join", scope=PUBLIC)
def join_page() -> Response:
    """Ask whether the person who was invited agrees; opening the page changes nothing."""
    services, code = current_services(), request.args.get("code", "")
    try:
        found = accounts.find_invitation(services.db, code, services.now())
    except UnknownThing:
        return show_join(problem=t(INVALID), status=404)
    org = services.db.orgs.find_one({"_id": found["org"]}, {"name": 1})
    return show_join(code, org=org, confirms=found["purpose"] == "affiliation")


def show_join(code: str = "", *, problem: str | None = None, status: int = 200, **more: Any) -> Response:
    """Return the page of an invitation."""
    return show("join.html", status, code=code, problem=problem, **more)


@blueprint.post("/join", scope=PUBLIC)
def join() -> Response:
    """Accept an invitation by its code, and go on to the own page."""
    services = current_services()
    sessions.check_origin(services.settings, request)
    try:
        users.count_address(services.db, f"code {request.remote_addr}", services.now())
        _, user = accounts.join(anybody("invitation"), request.form.get("code", ""))
    except TooManyTries as error:
        return show_join(problem=str(error), status=429)
    except (UnknownThing, InvalidField):
        return show_join(problem=t(INVALID), status=404)
    return show_join(done=True) if user is None else go_on(user, "/me?welcome=1", "link")


@blueprint.get("/welcome", scope=PUBLIC)
def welcome_page() -> Response:
    """Ask who was invited to administer for a password; opening the page changes nothing."""
    return show_welcome(request.args.get("code", ""))


def show_welcome(code: str, *, problem: str | None = None, status: int = 200) -> Response:
    """Return the page on which an invited user chooses a password."""
    services = current_services()
    try:
        user = accounts.find_user_invitation(services.db, code, services.now())
    except UnknownThing:
        return show("welcome.html", 404, problem=t(INVALID), user=None)
    org = services.db.orgs.find_one({"_id": user["org"]}, {"name": 1})
    return show("welcome.html", status, problem=problem, user=user, org=org, code=code)


@blueprint.post("/welcome", scope=PUBLIC)
def welcome() -> Response:
    """Keep the password that an invited user chose, and log them in."""
    services, code = current_services(), request.form.get("code", "")
    sessions.check_origin(services.settings, request)
    try:
        users.count_address(services.db, f"code {request.remote_addr}", services.now())
        user = accounts.accept_user(anybody("invitation"), code, request.form.get("password", ""))
    except TooManyTries as error:
        return show_welcome(code, problem=str(error), status=429)
    except InvalidField as error:
        return show_welcome(code, problem=str(error), status=422)
    except UnknownThing:
        return show_welcome("")
    return go_on(user, None)
