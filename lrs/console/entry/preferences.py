"""POST /preferences: language and theme in cookies of the browser, so that the first paint is right.

Language and time zone are the user's too, and go along to every browser.
"""

from __future__ import annotations

from typing import Final

from flask import Response, make_response, redirect, request

from lrs.access import sessions, users
from lrs.access.auth import session_principal
from lrs.access.guard import PUBLIC
from lrs.console.shell import THEME_COOKIE, THEMES, Pages, checked_form
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden
from lrs.words import catalogues, reader

YEAR: Final = 365 * 24 * 3600

blueprint = Pages("preferences", __name__)


@blueprint.post("/preferences", scope=PUBLIC, writes=False)
def choose() -> Response:
    """Keep what was chosen, and go back to the page; what is not to be chosen is left as it was."""
    checked_form()
    if timezone := request.form.get("timezone", "").strip():
        keep_timezone(timezone)
    if (chosen := request.form.get("language", "")) in catalogues.LANGUAGES:
        keep_language(chosen)
    response = make_response(redirect(sessions.own_path(request.form.get("onward")), 303))
    for cookie, field, known in (
        (reader.COOKIE, "language", catalogues.LANGUAGES),
        (THEME_COOKIE, "theme", THEMES),
    ):
        chosen = request.form.get(field, "")
        if chosen in known:
            response.set_cookie(
                cookie, chosen, max_age=YEAR, path="/", samesite="Lax", httponly=True,
                secure=sessions.is_secure(current_services().settings),
            )  # fmt: skip
    return response


def keep_language(chosen: str) -> None:
    """Keep the language of the user, where the form is of one who is logged in; raises Forbidden."""
    services, principal = current_services(), session_principal() if "csrf" in request.form else None
    if principal is not None:
        users.choose_language(services.db, principal.id, chosen)


def keep_timezone(timezone: str) -> None:
    """Keep the time zone of the user who is logged in; raises Forbidden for nobody, InvalidField."""
    services, principal = current_services(), session_principal()
    if principal is None:
        raise Forbidden("a time zone is kept for who is logged in")
    users.choose_timezone(services.db, principal.id, timezone)
