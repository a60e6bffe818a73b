"""Pages for people who administer: login, organizations, people, clients. They work without scripts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec
from urllib.parse import quote

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request

from lrs import invitations, oidc, sessions, users
from lrs.api import audit as audit_api
from lrs.api import people as people_api
from lrs.api.contract import page
from lrs.api.rights import within
from lrs.audit import Editor
from lrs.auth import check_scopes, session_principal
from lrs.context import laurel
from lrs.refusals import AccessError, InvalidField, TooManyTries, Unauthenticated, UnknownThing

P = ParamSpec("P")
blueprint = Blueprint("console", __name__)

POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATE_COOKIE: Final = "laurel-login"
ROWS: Final = 50


@blueprint.after_request
def harden(response: Response) -> Response:
    """Let a page load our own style only, be framed by nobody and be kept nowhere."""
    response.headers.update(HEADERS)
    return response


def signed_in(*scopes: str) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Let a page be seen by users who hold one of the scopes; others are sent to the login page."""

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            principal = session_principal()
            if principal is None:
                return redirect(f"/login?onward={quote(request.path)}")
            g.principal = principal
            check_scopes(principal, scopes)
            return view(*args, **kwargs)

        guarded.needs = scopes  # type: ignore[attr-defined]  # read by the test that walks all routes
        return guarded

    return decorate


@blueprint.get("/login")
def login_page() -> Response:
    """Show the login page."""
    return show_login()


def show_login(problem: str | None = None, status: int = 200) -> Response:
    """Return the login page, with what went wrong."""
    onward = sessions.own_path(request.values.get("onward"))
    provider = oidc.Provider.of(laurel().settings) is not None
    email = request.form.get("email", "")
    text = render_template(
        "console/login.html", onward=onward, problem=problem, provider=provider, email=email
    )
    return make_response(text, status)


@blueprint.post("/login")
def login() -> Response:
    """Log in by mail address and password."""
    here = laurel()
    sessions.check_origin(here.settings, request)
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        user = users.log_in(here.db, email, password, request.remote_addr or "", here.now())
    except Unauthenticated as error:
        return show_login(str(error), 401)
    except TooManyTries as error:
        response = show_login(str(error), 429)
        response.headers.update(error.headers)
        return response
    return enter(user, sessions.own_path(request.form.get("onward")))


def enter(user: dict[str, Any], onward: str) -> Response:
    """Begin a session and go on."""
    here = laurel()
    who = {"kind": "user", "id": user["_id"], "name": user["email"], "org": user["org"]}
    editor = Editor(here.db, who, here.now(), request.remote_addr)
    editor.change(lambda _: editor.note("user.login", "user", user["_id"], org=user["org"]))
    token = sessions.begin(here.db, here.settings, user, request.remote_addr, here.now())
    response = make_response(redirect(onward, 303))
    return sessions.set_cookie(response, here.settings, token)


@blueprint.post("/logout")
def logout() -> Response:
    """End the session."""
    here = laurel()
    session = sessions.find(here.db, here.settings, request, here.now())
    if session is not None:
        sessions.check_forgery(session, here.settings, request)
        sessions.end(here.db, session)
    response = make_response(redirect("/login", 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return sessions.set_cookie(response, here.settings, None)


def provider() -> oidc.Provider:
    """Return the login provider, kept with what it told; raises UnknownThing where none is configured."""
    found: oidc.Provider | None = current_app.extensions.get("laurel_oidc") or oidc.Provider.of(
        laurel().settings
    )
    if found is None:
        raise UnknownThing("login provider", "that is configured")
    current_app.extensions["laurel_oidc"] = found
    return found


@blueprint.get("/login/oidc")
def begin_oidc() -> Response:
    """Send the browser to the login provider."""
    here = laurel()
    url, state = provider().begin(here.db, sessions.own_path(request.args.get("onward")), here.now())
    response = make_response(redirect(url))
    response.set_cookie(
        STATE_COOKIE, state, max_age=600, path="/login", httponly=True, samesite="Lax",
        secure=sessions.is_secure(here.settings),
    )  # fmt: skip
    return response


@blueprint.get("/login/callback")
def finish_oidc() -> Response:
    """Log in whom the provider sends back, by the state that this browser began with."""
    try:
        user, onward = returned()
    except Unauthenticated as error:
        return show_login(str(error), 401)
    response = enter(user, onward)
    response.delete_cookie(STATE_COOKIE, path="/login")
    return response


def returned() -> tuple[dict[str, Any], str]:
    """Return the user whom the provider sent back, and where to go on; raises Unauthenticated."""
    here, state = laurel(), request.args.get("state", "")
    if not state or request.cookies.get(STATE_COOKIE) != state:
        raise Unauthenticated("this login was not begun in this browser; begin again")
    if "code" not in request.args:
        raise Unauthenticated("the login provider refused the login")
    claims, onward = provider().finish(here.db, state, request.args["code"], here.now())
    return users.log_in_by_subject(here.db, claims, here.now()), onward


@blueprint.get("/join")
def join_page() -> Response:
    """Ask whether the person who was invited agrees; opening the page changes nothing."""
    code = request.args.get("code", "")
    return show_join(code, None)


def show_join(code: str, problem: str | None, status: int = 200, *, done: bool = False) -> Response:
    """Return the page of an invitation."""
    here = laurel()
    org = None
    if not done and problem is None:
        try:
            found = invitations.find_code(here.db, code, "affiliation", here.now())
            org = here.db.orgs.find_one({"_id": found["org"]}, {"name": 1})
        except UnknownThing:
            problem, status = "This code is not valid (any more).", 404
    text = render_template("console/join.html", code=code, org=org, problem=problem, done=done)
    return make_response(text, status)


@blueprint.post("/join")
def join() -> Response:
    """Confirm an affiliation by the code of the invitation."""
    here = laurel()
    sessions.check_origin(here.settings, request)
    code = request.form.get("code", "")
    editor = Editor(
        here.db, {"kind": "code", "id": "invitation", "name": None}, here.now(), request.remote_addr
    )
    try:
        users.count_try(here.db, f"code {request.remote_addr}", here.now())
        invitations.accept(editor, code)
    except TooManyTries as error:
        return show_join(code, str(error), 429)
    except (UnknownThing, InvalidField):
        return show_join(code, "This code is not valid (any more).", 404)
    return show_join(code, None, done=True)


def listing() -> dict[str, Any]:
    """Return the paging arguments of a page; raises InvalidField for a forged position."""
    return {"limit": ROWS, "after": request.args.get("after") or None}


@blueprint.get("/console")
@signed_in("orgs", "people", "analytics", "rules")
def organizations() -> str:
    """List the organizations of the user's realm."""
    rows = page(laurel().db.orgs, within("_id"), listing(), counted)
    return render_template("console/orgs.html", page=rows, here="organizations")


def counted(org: dict[str, Any]) -> dict[str, Any]:
    """Return an organization with how many people it has."""
    now = {"org": org["_id"], "until": None, "primary": True, "confirmed_at": {"$ne": None}}
    return {**org, "people": laurel().db.affiliations.count_documents(now)}


@blueprint.get("/console/people")
@signed_in("people")
def people() -> str:
    """List or find the people of the user's realm."""
    asked = {
        name: request.args[name].strip() for name in ("email", "org") if request.args.get(name, "").strip()
    }
    try:
        wanted, problem = people_api.selection(asked), None
    except AccessError as error:
        wanted, problem = {"_id": None}, str(error)
    rows = page(laurel().db.people, wanted, listing(), people_api.show)
    return render_template("console/people.html", page=rows, asked=asked, problem=problem, here="people")


@blueprint.get("/console/people/<person>")
@signed_in("people")
def person(person: str) -> str:
    """Show one person."""
    found = people_api.seen(person)
    db = laurel().db
    awards = list(db.awards.find({"org": "vendor", "person": found["_id"]}).limit(100))
    rows = db.audit.find({"thing": found["_id"], **within()}).sort("_id", -1).limit(20)
    entries = [audit_api.show(row) for row in rows]
    return render_template(
        "console/person.html", person=people_api.show(found), awards=awards, entries=entries, here="people"
    )


@blueprint.get("/console/clients")
@signed_in("orgs")
def clients() -> str:
    """List the clients of the user's realm."""
    rows = page(laurel().db.clients, within(), listing(), lambda client: client)
    return render_template("console/clients.html", page=rows, now=laurel().now(), here="clients")
