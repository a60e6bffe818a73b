"""Signing in by a login provider: there (OpenID Connect or SAML) and back; trials that only look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, make_response, redirect, request

from lrs.access import sessions, users
from lrs.access.guard import PUBLIC
from lrs.access.tries import take_back
from lrs.console.entry.sign_in import enter, show_login
from lrs.console.shell import Pages
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services, current_services
from lrs.foundation.errors import InvalidField, TooManyTries, Unauthenticated, UnknownThing
from lrs.sign_in import arriving, oidc, providers, saml
from lrs.sign_in import saml_metadata as metadata
from lrs.sign_in.arriving import Arrival

Document = dict[str, Any]
STATE_COOKIE: Final = "laurel-login"
SAML_COOKIE: Final = "laurel-saml"
PATH: Final = "/login"
LONGEST_TOLD: Final = 300  # characters of what a trial shows
MOST_TOLD: Final = 60
MOST_KNOWN: Final = 200  # providers that a process remembers; each change of one is another

blueprint = Pages("provider_sign_in", __name__)


class Known(dict[str, oidc.Provider]):
    """The OpenID providers of this process by id and version, with the keys that each told."""


def _known(_: Services) -> Known:
    return Known()


def oidc_provider(kept: Document | None) -> oidc.Provider:
    """Return a provider, that of the settings for None; raises UnknownThing where it is not there."""
    services = current_services()
    known, name = services.part(_known), f"{kept['_id']} {kept['version']}" if kept else ""
    if name not in known:
        made = (
            oidc.Provider.of(services.settings, kept)
            if kept
            else oidc.Provider.of_settings(services.settings)
        )
        if made is None:
            raise UnknownThing("login provider", "that is configured")
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[name] = made
    return known[name]


def enabled(provider: str, kind: str, trial: str | None = None) -> Document:
    """Return a provider that signs people in now, or one that is tried; raises UnknownThing."""
    found = providers.get(current_services().db, provider)
    if found["kind"] != kind or not (found["enabled"] or trial):
        raise UnknownThing("login provider", provider)
    return found


def send_away(url: str, cookie: str, state: str, *, cross_site: bool = False) -> Response:
    """Return the way to a provider, with the cookie that binds its answer to this browser.

    An answer that comes by POST from another site brings no Lax cookie: it needs None, so TLS.
    """
    secure = sessions.is_secure(current_services().settings)
    response = make_response(redirect(url, 303))
    response.set_cookie(
        cookie, state, max_age=600, path=PATH, httponly=True, secure=secure,
        samesite="None" if cross_site and secure else "Lax",
    )  # fmt: skip
    return response


def begin(kept: Document | None, onward: str, trial: str | None = None) -> Response:
    """Send the browser to a provider; raises Unauthenticated where it does not answer."""
    services = current_services()
    if kept is not None and kept["kind"] == "saml":
        url, state = saml.begin(services.db, services.settings, kept, onward, services.now(), trial=trial)
        return send_away(url, SAML_COOKIE, state, cross_site=True)
    url, state = oidc_provider(kept).begin(services.db, onward, services.now(), trial)
    return send_away(url, STATE_COOKIE, state)


def begun(kept: Document | None) -> Response:
    """Send the browser to a provider, back to the login page where that fails."""
    services, tried = current_services(), f"provider {request.remote_addr}"
    try:
        users.count_address(
            services.db, tried, services.now()
        )  # a provider that does not answer holds a thread
        response = begin(kept, sessions.own_path(request.args.get("onward"), ""))
    except Unauthenticated as error:
        return show_login(str(error), 401)
    except TooManyTries as error:
        return show_login(str(error), 429)
    take_back(services.db, tried)
    return response


@blueprint.get("/login/oidc", scope=PUBLIC)
def begin_oidc() -> Response:
    """Send the browser to the login provider of the settings."""
    return begun(None)


@blueprint.get("/login/oidc/<provider>", scope=PUBLIC)
def begin_oidc_of(provider: str) -> Response:
    """Send the browser to an organization's OpenID provider."""
    return begun(enabled(provider, "oidc"))


@blueprint.get("/login/saml/<provider>", scope=PUBLIC)
def begin_saml(provider: str) -> Response:
    """Send the browser to an organization's SAML provider."""
    return begun(enabled(provider, "saml"))


@blueprint.get("/login/callback", scope=PUBLIC)
def finish_oidc() -> Response:
    """Log in whom a provider sends back, by the state that this browser began with."""
    return finished(STATE_COOKIE, by_code)


@blueprint.post("/login/saml/acs", scope=PUBLIC)
def finish_saml() -> Response:
    """Log in whom a SAML provider sends back with a signed answer to the request of this browser."""
    return finished(SAML_COOKIE, by_assertion)


@blueprint.get("/login/saml/metadata", scope=PUBLIC)
def saml_metadata() -> Response:
    """Return what SAML providers have to know of us."""
    services = current_services()
    _, certificate = saml.signing_key(services.db, services.settings, services.now())
    return Response(metadata.ours(services.settings, certificate), mimetype="application/samlmetadata+xml")


def finished(cookie: str, answer: Any) -> Response:
    """Return what follows an answer of a provider: a session, the page of a trial, or why neither."""
    services, tried = current_services(), f"provider {request.remote_addr}"
    try:
        users.count_address(services.db, tried, services.now())
        login, kept, said = answer()
        response = settled(login, kept, said)
    except Unauthenticated as error:
        return show_login(str(error), 401)
    except TooManyTries as error:
        return show_login(str(error), 429)
    take_back(services.db, tried)  # many log in from one office
    response.delete_cookie(cookie, path=PATH)
    return response


def by_code() -> tuple[Document, Document | None, Arrival | Mapping[str, Any]]:
    """Return the login, its provider and whom it means, of an OpenID provider's answer."""
    services, state = current_services(), request.args.get("state", "")
    if not state or request.cookies.get(STATE_COOKIE) != state:
        raise Unauthenticated("this login was not begun in this browser; begin again")
    login = oidc.take(services.db, state, services.now())
    kept = _still(login, "oidc") if login["provider"] else None
    provider = oidc_provider(kept)
    if request.args.get("iss", provider.issuer.name) != provider.issuer.name:  # RFC 9207
        raise Unauthenticated("another login provider answered than was asked")
    if "code" not in request.args:
        raise Unauthenticated("the login provider refused the login")
    claims = provider.finish(login, request.args["code"], services.now())
    return login, kept, claims if kept is None else oidc.arrival(claims)


def by_assertion() -> tuple[Document, Document | None, Arrival | Mapping[str, Any]]:
    """Return the login, its provider and whom it means, of a SAML provider's answer."""
    services, state = current_services(), request.form.get("RelayState", "")
    if not state or request.cookies.get(SAML_COOKIE) != state:
        raise Unauthenticated("this login was not begun in this browser; begin again")
    login = saml.take(services.db, state, services.now())
    kept = _still(login, "saml")
    text = request.form.get("SAMLResponse", "")
    said = saml.arrival(services.db, services.settings, kept, login, answer=text, now=services.now())
    return login, kept, said


def _still(login: Mapping[str, Any], kind: str) -> Document:
    """Return the provider that a login went to; raises Unauthenticated where it signs in nobody any more."""
    try:
        return enabled(login["provider"], kind, login["trial"])
    except UnknownThing as error:
        raise Unauthenticated("this login provider is switched off") from error


def settled(login: Document, kept: Document | None, said: Arrival | Mapping[str, Any]) -> Response:
    """Log in whom a provider means, or show what it said where that was all that was asked for."""
    services = current_services()
    if kept is None or not isinstance(said, Arrival):
        claims = said if isinstance(said, Mapping) else {}
        user = users.log_in_by_subject(services.db, claims, services.now())
        return enter(user, login["onward"], "oidc")
    editor = Editor(
        services.db, {"kind": "provider", "id": kept["_id"], "name": kept["name"], "org": kept["org"]},
        services.now(), request.remote_addr,
    )  # fmt: skip
    if login["trial"]:
        return _tried(editor, login, kept, said)
    try:
        user = arriving.arrive(editor, kept, said)
    except InvalidField as error:
        raise Unauthenticated(f"the login provider told what cannot be: {error}") from error
    return enter(user, login["onward"], kept["kind"], kept["_id"])


def _tried(editor: Editor, login: Document, kept: Document, said: Arrival) -> Response:
    """Show who tries a provider what it said, on the provider's page; it logs nobody in."""
    problem, role = None, None
    try:
        _, role = arriving.check(editor.db, kept, said)
        providers.note_trial(editor, kept["_id"])
    except Unauthenticated as error:
        problem = str(error)
    trial = {"provider": kept["_id"], "at": editor.now, "problem": problem, "role": role, **told(said)}
    editor.db.sessions.update_one({"_id": login["trial"]}, {"$set": {"trial": trial}})
    return make_response(redirect(f"/console/sign-in/{kept['_id']}#trial", 303))


def told(said: Arrival) -> Document:
    """Return what a provider said in texts that fit a page."""
    claims = {
        name[:LONGEST_TOLD]: ", ".join(map(str, value) if isinstance(value, list) else [str(value)])[
            :LONGEST_TOLD
        ]
        for name, value in list(said.claims.items())[:MOST_TOLD]
    }
    rows = [{"name": name, "value": value} for name, value in claims.items()]
    return {"email": said.email[:LONGEST_TOLD], "subject": said.subject[:LONGEST_TOLD], "claims": rows}
