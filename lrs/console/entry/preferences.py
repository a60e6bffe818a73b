"""POST /preferences: this browser's language and theme, kept in cookies so that the first paint is right."""

from __future__ import annotations

from typing import Final

from flask import Response, make_response, redirect, request

from lrs.access import sessions
from lrs.access.guard import PUBLIC
from lrs.console import language
from lrs.console.shell import THEME_COOKIE, THEMES, Pages, checked_form
from lrs.foundation.context import current_services

YEAR: Final = 365 * 24 * 3600

blueprint = Pages("preferences", __name__)


@blueprint.post("/preferences", scope=PUBLIC, writes=False)
def choose() -> Response:
    """Keep what was chosen, and go back to the page; what is not to be chosen is left as it was."""
    checked_form()
    response = make_response(redirect(sessions.own_path(request.form.get("onward")), 303))
    for cookie, field, known in (
        (language.COOKIE, "language", language.LANGUAGES),
        (THEME_COOKIE, "theme", THEMES),
    ):
        chosen = request.form.get(field, "")
        if chosen in known:
            response.set_cookie(
                cookie, chosen, max_age=YEAR, path="/", samesite="Lax", httponly=True,
                secure=sessions.is_secure(current_services().settings),
            )  # fmt: skip
    return response
