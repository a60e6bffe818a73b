"""What all pages of the console share: who is asked for, what protects them, how they look, how they fail.

A page is a view of a `Pages` blueprint that names its scope and ends in `show(template, ...)`; a list is one
under `@listed` (lrs.console.lists). The documentation of the console has the recipe.
"""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import quote

import flask
from flask import Flask, Response, abort, g, make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from lrs.access import sessions
from lrs.access.auth import Principal, session_principal
from lrs.access.guard import Blueprint
from lrs.api import errors as api_errors
from lrs.console import menu
from lrs.console.models.states import LIFECYCLE, state_of, state_pairs
from lrs.content import errors as content_errors
from lrs.credentials import errors as credential_errors
from lrs.foundation import errors as foundation_errors
from lrs.foundation.context import current_services
from lrs.http.error_answers import Statuses, status_of
from lrs.words import reader
from lrs.words.engine import called, demanded, engine, label
from lrs.words.reader import mark, t
from lrs.xapi import errors as xapi_errors

POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'{styles}; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; {scripts}"
)
NO_MORE_SCRIPTS: Final = "trusted-types 'none'"
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}
MIB: Final = 1024 * 1024
LONGEST_FORM: Final = MIB  # bytes
LONGEST_STATEMENTS: Final = 32 * MIB  # a file of statements
THEMES: Final = ("system", "light", "dark")
THEME_COOKIE: Final = "laurel-theme"
STATUS: Final[Statuses] = {
    **foundation_errors.STATUS,
    **xapi_errors.STATUS,
    **credential_errors.STATUS,
    **content_errors.STATUS,
    **api_errors.STATUS,
}
TITLES: Final = {
    400: mark("That did not arrive as it should"),
    401: mark("You are not signed in"),
    403: mark("You may not do this"),
    404: mark("There is nothing here"),
    405: mark("This page cannot do that"),
    409: mark("Something changed meanwhile"),
    412: mark("Something changed meanwhile"),
    413: mark("That is too large"),
    422: mark("That cannot be right"),
    429: mark("Too many tries"),
    503: mark("The database does not answer now"),
}
ADVICE: Final = {
    403: mark("Ask an administrator of your organization for the right, or sign in as somebody who has it."),
    404: mark("It may never have been there, or belong to an organization that you do not see."),
    409: mark("Go back, load the page again and look at what is there now."),
    412: mark("Go back, load the page again and look at what is there now."),
    422: mark("Go back and correct it; nothing was changed."),
}


HAPPENED: Final = {
    400: mark("The request is not one that this page sends."),
    404: mark("No page has this address."),
    405: mark("This address takes no request of this kind."),
    413: mark("What was sent is larger than this page takes."),
    429: mark("There were too many requests in a short time."),
}
"""What is said of the errors that Flask raises itself; ours bring their own words."""


def logged_in() -> Principal:
    """Return the user who is logged in; anybody else is sent to the login page."""
    principal = session_principal()
    if principal is None:
        onward = request.full_path.removesuffix("?") if request.method == "GET" else request.path
        abort(redirect(f"/login?onward={quote(onward)}"))
    g.principal = principal
    return principal


class Pages(Blueprint):
    """A blueprint of pages: only a session's cookie counts, and errors are pages too."""

    identify = staticmethod(logged_in)

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.before_request(bound)
        self.after_request(harden)
        for cls in STATUS:
            self.register_error_handler(cls, answer_error)
        self.register_error_handler(HTTPException, answer_http)


def bound() -> None:
    """Let a form be no longer than the longest rule file and its encoding need, or a file and its form."""
    file = {
        "console_content.upload": current_services().settings.content_max_mb * MIB,
        "console_uploads.bring": LONGEST_STATEMENTS,
    }
    request.max_content_length = LONGEST_FORM + file.get(request.endpoint or "", 0)


def harden(response: Response) -> Response:
    """Let a page run and load our own files only, be framed by nobody and be kept nowhere.

    A page that said `g.own_styles = True` lets its scripts add styles by the nonce, as CodeMirror does.
    """
    response.headers.update(HEADERS)
    scripts = g.get("scripts", NO_MORE_SCRIPTS)  # what a room lets its pages load besides
    styles = f" 'nonce-{nonce()}'" if g.get("own_styles") else ""
    policy = POLICY.format(nonce=nonce(), styles=styles, scripts=scripts)
    response.headers["Content-Security-Policy"] = policy
    return reader.keep_asked(response)


def nonce() -> str:
    """Return the word by which this answer, and no other, names its own scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def once() -> Markup:
    """Return the field by which a form that shows a secret is known when its answer is loaded again."""
    return Markup('<input type="hidden" name="once" value="{}">').format(secrets.token_urlsafe(16))


def theme() -> str:
    """Return the theme that this browser chose: system, light or dark."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "system"


def show(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page: its template with the shell around it; one without a room is the console's."""
    name = template if "/" in template else f"console/{template}"
    return make_response(render_template(name, **context), status)


def redirected(path: str) -> Response:
    """Return the way on after something was done, so that loading again does nothing twice."""
    return make_response(redirect(path, 303))


def wants_html() -> bool:
    """Tell whether the asker reads pages; twins (`.json`, `.csv`) and scripts get data."""
    if request.path.endswith((".json", ".csv")):
        return False
    return request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html") == "text/html"


def answer_error(error: Exception) -> Any:
    """Answer an error of ours as a page: what happened, and what to do."""
    if not wants_html():
        return flask.jsonify(error=type(error).__name__, message=str(error)), status_of(error, STATUS)
    return show_error(status_of(error, STATUS), str(error))


def answer_http(error: HTTPException) -> Any:
    """Answer what Flask and werkzeug raise; a redirect goes on as it is."""
    if error.response is not None or (error.code or 500) < 400:
        return error
    if not wants_html():
        return flask.jsonify(error=type(error).__name__, message=error.description), error.code or 500
    code = error.code or 500
    return show_error(code, t(HAPPENED.get(code, mark("The server could not do what was asked for."))))


def show_error(status: int, message: str) -> Response:
    """Return the page of an error, with the id under which the log has it."""
    return show(
        "error.html",
        status,
        title=t(TITLES.get(status, mark("This did not work"))),
        message=message.encode(errors="replace").decode(),
        advice=t(ADVICE[status]) if status in ADVICE else None,
        error_id=g.get("request_id"),
    )


def signed_in() -> bool:
    """Tell whether the page is shown to a user with a session."""
    return g.get("session") is not None and g.get("principal") is not None


def may(*scopes: str) -> bool:
    """Tell whether the reader has one of these scopes; without any, whether somebody is signed in."""
    return signed_in() and (not scopes or g.principal.may(*scopes))


def checked_form() -> None:
    """Refuse a form of another site, on a page that needs no session; raises Forbidden."""
    sessions.check_origin(current_services().settings, request)


def register(app: Flask) -> None:
    """Give templates the words, forms and the shell's own functions."""
    own = (engine, label, nonce, once, theme, may, signed_in, state_of, state_pairs)
    app.jinja_env.globals.update(THEMES=THEMES, menu=menu.shown, is_here=menu.is_here, LIFECYCLE=LIFECYCLE)
    app.jinja_env.filters |= {"called": called, "demanded": demanded}
    app.jinja_env.globals.update({one.__name__: one for one in own})
