"""What platforms and browsers sent by them ask: login, message, our keys (LTI 1.3, security framework 5.1).

Public routes. A message is taken only with the state of a login that this browser began, and whatever it
shows may stand in a frame of that platform alone. A course never runs there: a frame has no storage of its
own, is small, and hides a course's way to its interface; it opens in a window of its own.
"""

from __future__ import annotations

import hmac
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, render_template, request

from lrs.access.guard import PUBLIC, Blueprint
from lrs.content.launching import hash_fetch, origin_of
from lrs.content.lti import keys, logins
from lrs.content.lti.addresses import launch_url
from lrs.content.lti.connecting import KeySets
from lrs.content.lti.logins import LaunchRefused
from lrs.content.lti.messages import Message, begin, read_message
from lrs.content.lti.opening import choices, open_linked
from lrs.content.lti.platforms import Platform, find_platform, get_platform
from lrs.foundation import errors as foundation_errors
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import AccessError, UnknownThing
from lrs.http.error_answers import status_of

blueprint = Blueprint("lti", __name__)

LARGEST: Final = 200_000  # bytes of a form
LONGEST: Final = 4000  # characters of a parameter of a login
ASKED: Final = ("iss", "login_hint", "target_link_uri", "lti_message_hint", "client_id", "lti_deployment_id")
COOKIE: Final = "laurel-lti-"
NOBODY: Final = "'none'"
NO_STORE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@blueprint.get("/lti/keys", scope=PUBLIC)
def key_set() -> Response:
    """Answer the keys by which platforms check what we sign."""
    here = current_services()
    response = jsonify(keys.published(here.settings, here.db, here.now()))
    response.headers["Cache-Control"] = "public, max-age=600"
    return response


@blueprint.route("/lti/login", methods=["GET", "POST"], scope=PUBLIC)
def login() -> Response:
    """Send a browser that a platform sent on to that platform's login, with a state and a nonce of ours."""
    here = current_services()
    request.max_content_length = LARGEST
    asked = {name: request.values.get(name, "") for name in ASKED}
    given = {name: value for name, value in asked.items() if value}
    if any(len(value) > LONGEST for value in given.values()):
        return _refused(LaunchRefused("a parameter of the login is too long"))
    platform = find_platform(here.db, given.get("iss", ""), given.get("client_id"))
    if platform is None:
        return _refused(LaunchRefused("no such platform is registered here"))
    try:
        begun = begin(platform, given, launch_url(here.settings))
    except LaunchRefused as error:
        return _refused(error, platform)
    again = urlencode(given)
    logins.keep(here.db, here.now(), platform=platform.id, state=begun.state, nonce=begun.nonce, again=again)
    response = redirect(begun.url, 302)
    response.headers.update(NO_STORE)
    _set_cookie(response, begun.state)
    return _as_response(response)


@blueprint.post("/lti/launch", scope=PUBLIC)
def launch() -> Response:
    """Take a message: open what it links, or show what may be linked."""
    here = current_services()
    request.max_content_length = LARGEST
    state = request.form.get("state", "")
    found = logins.find(here.db, state, here.now())
    if found is None:
        return _refused(LaunchRefused("this login was used before, or is over; open the link again"))
    try:
        platform = get_platform(here.db, found["platform"])
    except UnknownThing as error:
        return _refused(error)
    if not hmac.compare_digest(request.cookies.get(_cookie(state), "").encode(), state.encode()):
        return _page("lti/cookie.html", 400, platform, again=f"/lti/login?{found['again']}")
    if not logins.take(here.db, found):
        return _refused(LaunchRefused("this login was used before"), platform)
    try:
        message = read_message(
            platform, request.form.to_dict(), lambda nonce: logins.is_of(found, nonce), here.part(KeySets)
        )
        response = _choose(message) if message.is_choosing else _open(message)
    except (LaunchRefused, AccessError) as error:
        response = _refused(error, platform)
    response.delete_cookie(_cookie(state), path="/", **_cookie_kind())
    return response


def _open(message: Message) -> Response:
    here = current_services()
    opened = open_linked(here.settings, _editor(message.platform), message)
    if request.headers.get("Sec-Fetch-Dest") in {"iframe", "frame"}:
        return _page("lti/open.html", 200, message.platform, message, url=opened.url)
    response = redirect(opened.url, 303)
    response.headers.update(NO_STORE)
    return _as_response(response)


def _choose(message: Message) -> Response:
    here = current_services()
    key = keys.tool_key(here.settings, here.db, here.now())
    found = choices(here.settings, _editor(message.platform), message, key)
    back = str(message.choosing["deep_link_return_url"])
    return _page("lti/choose.html", 200, message.platform, message, choices=found, back=back)


def _editor(platform: Platform) -> Editor:
    here = current_services()
    who = {"kind": "lti", "id": platform.id, "name": platform.label or platform.issuer, "org": "vendor"}
    return Editor(here.db, who, here.now(), request.remote_addr)


def _refused(error: Exception, platform: Platform | None = None) -> Response:
    status = 400 if isinstance(error, LaunchRefused) else status_of(error, foundation_errors.STATUS)
    return _page("lti/refused.html", status, platform, reason=str(error))


def _page(
    template: str, status: int, platform: Platform | None, message: Message | None = None, **shown: Any
) -> Response:
    """Return a page that runs no script, for a frame of the platform."""
    back = origin_of(str(message.choosing.get("deep_link_return_url", ""))) if message else None
    known = [platform.issuer, platform.login_url] if platform else []
    known += [message.return_url or ""] if message else []
    frames = sorted({one for one in map(origin_of, known) if one} | ({back} if back else set()))
    forms = f"{back} https:" if back else NOBODY  # the platform may send its own form onward
    policy = (
        "default-src 'none'; style-src 'self'; font-src 'self'; "
        f"form-action {forms}; frame-ancestors {' '.join(frames) or NOBODY}; base-uri 'none'"
    )
    body = render_template(template, **shown)
    varied = {"Vary": "Accept-Language", "Content-Security-Policy": policy}
    headers = {**NO_STORE, **varied}
    return Response(body, status, headers, content_type="text/html; charset=utf-8")


def _cookie(state: str) -> str:
    return COOKIE + hash_fetch(state)[:16]


def _cookie_kind() -> dict[str, Any]:
    """Return how the cookie is set: it comes back with a post of the platform's page, in a frame too."""
    is_secure = current_services().settings.public_url.startswith("https://")
    return {"secure": is_secure, "httponly": True, "samesite": "None" if is_secure else "Lax",
            "partitioned": is_secure}  # fmt: skip


def _set_cookie(response: Any, state: str) -> None:
    life = int(logins.LIFE.total_seconds())
    response.set_cookie(_cookie(state), state, max_age=life, path="/", **_cookie_kind())


def _as_response(response: Any) -> Response:
    made: Response = response
    return made
