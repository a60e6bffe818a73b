"""What every xAPI answer and request has in common: versions, headers, CORS, the step before routing.

The `XapiMiddleware` stands in front of Flask, so that its headers are on every answer below /xapi,
whoever made it: a view, an error handler, authentication, or the router that knew no such path
(1.0.3 Communication 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache, partial
from typing import Any, Final, Literal, cast
from urllib.parse import parse_qsl

from flask import Flask, Response
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from lrs.access import auth
from lrs.foundation.context import Services, current_request
from lrs.foundation.errors import AccessError
from lrs.foundation.work_budget import SMALL, WorkBudget
from lrs.xapi.consistent_through import Consistency, board, board_path, header_text
from lrs.xapi.errors import InvalidRequest, UnsupportedVersion, XapiError
from lrs.xapi.requests import alternate_requests, incoming

Version = Literal["1.0.3", "2.0.0"]
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

PREFIX: Final = "/xapi"
LATEST: Final[Version] = "2.0.0"
SERVED: Final[tuple[Version, ...]] = ("1.0.3", "2.0.0")
VERSION: Final = re.compile(r"([12])\.0(?:\.(?:0|[1-9][0-9]{0,8}))?")
MAX_PARAMETERS: Final = 100
METHODS: Final = "GET, HEAD, PUT, POST, DELETE, OPTIONS"

# Any page may talk to an LRS: requests carry their own Authorization, never a cookie: `*` gives nothing away.
CORS: Final = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        (
            "ETag, Last-Modified, Content-Length, Content-Type, Location, WWW-Authenticate, "
            "X-Experience-API-Version, X-Experience-API-Consistent-Through, X-Request-Id, "
            "Retry-After, RateLimit-Policy, RateLimit"
        ),
    ),
]
# Stored documents keep the Content-Type they came with, and a form of another site can ask for one by the
# alternate syntax: shown in a browser, it must neither run a script nor belong to the origin of the console.
INERT: Final = [
    ("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
]
# Another device may have written since: a browser that answers from its own cache would show a stale
# bookmark, and the next write would meet 412. Documents keep their ETag: asking again costs no body.
FRESH: Final = [("Cache-Control", "private, no-cache")]
PREFLIGHT: Final = [
    ("Access-Control-Allow-Methods", METHODS),
    (
        "Access-Control-Allow-Headers",
        (
            "Authorization, Content-Type, Content-Length, Content-Encoding, Accept, Accept-Language, "
            "If-Match, If-None-Match, If-Modified-Since, X-Experience-API-Version, X-Experience-API-Hash, "
            "X-Request-Id, X-Requested-With"
        ),
    ),
    ("Access-Control-Max-Age", "86400"),
    ("Allow", METHODS),
]


@lru_cache(maxsize=256)
def negotiate(received: str | None, default: Version) -> tuple[Version | None, Version]:
    """Return (rules to apply, or None for a refusal; value of the answer's header) by xapi#6.2."""
    if received is None:
        return None, default
    found = VERSION.fullmatch(received)
    if found is None:
        return None, "1.0.3" if received.startswith("0.") else LATEST
    chosen: Version = "1.0.3" if found[1] == "1" else "2.0.0"
    return chosen, chosen


class XapiMiddleware:
    """The WSGI step before routing: undoes disguises, adds the protocol's headers, answers preflights."""

    def __init__(
        self, app: WsgiApp, services: Services, is_known: alternate_requests.IsKnown | None = None
    ) -> None:
        self.app = app
        self.is_known = is_known
        self.default = cast("Version", services.settings.xapi_default_version)
        self.limit = services.settings.max_body_mb * 1024 * 1024
        self.consistency = services.part(_consistency)
        self.budget = WorkBudget(services.settings.work_budget_mb * 1024 * 1024 or self.limit)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a body that is not small is counted until its view is done."""
        if _is_small(environ):
            return self._answer(environ, start_response)
        share = environ["laurel.share"] = self.budget.share(hash(environ.get("HTTP_AUTHORIZATION")))
        try:
            incoming.count(environ, self.limit, share.take)
        except XapiError as error:
            environ["laurel.refused"] = error
        try:
            return self._answer(environ, start_response)
        finally:
            share.give_back()

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, with what all answers of xAPI have in common below its prefix."""
        path: str = environ.get("PATH_INFO", "")
        if "//" in path or path.endswith("/"):
            tidy = alternate_requests.tidy_path(path)
            if tidy.startswith(PREFIX):
                path = environ["PATH_INFO"] = tidy
        if not path.startswith(PREFIX) or path[len(PREFIX) :][:1] not in ("", "/"):
            return self.app(environ, start_response)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            start_response("204 No Content", [*CORS, *PREFLIGHT, *self._answer_headers(environ, path)])
            return []
        disguised = self._unwrap(environ)
        negotiated = negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)
        environ["laurel.version"] = negotiated[0]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if disguised:
                headers = _without_body_length(environ, headers)
            headers += CORS
            headers += INERT
            headers += FRESH
            headers += self._answer_headers(environ, path)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self.app(environ, start)

    def _unwrap(self, environ: Environ) -> bool:
        """Undo the alternate syntax; a refusal waits in the environ for Flask to answer it."""
        if "laurel.refused" in environ or not alternate_requests.is_alternate(environ):
            return False
        try:
            if negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[0] == "2.0.0":
                raise InvalidRequest("method", "version 2.0 has no alternate request syntax")
            alternate_requests.rewrite(environ, self.limit, self.is_known)
            if negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[0] == "2.0.0":
                raise InvalidRequest("method", "version 2.0 has no alternate request syntax")
        except (XapiError, AccessError, PyMongoError) as error:
            environ["laurel.refused"] = error
            return False
        return True

    def _answer_headers(self, environ: Environ, path: str) -> list[tuple[str, str]]:
        named = negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[1]
        headers: list[tuple[str, str]] = [("X-Experience-API-Version", named)]
        if path.startswith("/xapi/statements"):
            headers.append(("X-Experience-API-Consistent-Through", header_text(self.consistency.through())))
        return headers


def _is_small(environ: Environ) -> bool:
    """Tell whether a body is as long as it says, and that is not much: the way of nearly all requests."""
    length = environ.get("CONTENT_LENGTH") or "0"
    return (
        "HTTP_CONTENT_ENCODING" not in environ
        and "HTTP_TRANSFER_ENCODING" not in environ
        and length.isascii()
        and length.isdigit()
        and len(length) < 18
        and int(length) <= SMALL
    )


def _without_body_length(environ: Environ, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Answer a POST that meant HEAD with length 0: the server below sees a POST and would wait."""
    if environ["REQUEST_METHOD"] != "HEAD":
        return headers
    return [*((name, value) for name, value in headers if name != "Content-Length"), ("Content-Length", "0")]


def register(app: Flask, services: Services) -> None:
    """Put the gate in front of an application."""

    def is_known(authorization: str | None) -> bool:
        with app.app_context():
            return auth.is_known(authorization)

    gate = XapiMiddleware(app.wsgi_app, services, is_known)
    app.extensions["laurel_admits"] = partial(_admits, app)
    app.wsgi_app = gate  # type: ignore[method-assign]  # the way that Flask documents
    app.config["MAX_CONTENT_LENGTH"] = gate.limit
    app.before_request(_refuse)


def _admits(app: Flask, environ: Environ, beginning: bytes) -> bool:
    """Tell whether a long body is worth receiving: by its headers and beginning, its sender is known."""
    if alternate_requests.is_alternate(environ) and "HTTP_CONTENT_ENCODING" not in environ:
        named = alternate_requests.authorization_of(environ, beginning)
        environ = environ if named is None else environ | {"HTTP_AUTHORIZATION": named}
    try:
        with app.request_context(environ):
            return auth.is_sender_known()
    except (HTTPException, PyMongoError):
        return True  # the view meets it again, and answers it


def _refuse() -> None:
    """Raise what the gate found, where the error handlers see it."""
    refused = current_request().environ.get("laurel.refused")
    if refused is not None:
        raise refused


def version() -> Version:
    """Return the rule set of the present request; raises UnsupportedVersion."""
    environ = current_request().environ
    found: Version | None = environ["laurel.version"]
    if found is None:
        raise UnsupportedVersion(environ.get("HTTP_X_EXPERIENCE_API_VERSION"))
    return found


def parameters(allowed: Collection[str]) -> dict[str, list[str]]:
    """Return the query parameters; an unknown or a repeated one, or one that is not UTF-8, is refused.

    Names are compared letter by letter (1.0.3 Communication 3.2; 2.0 4.1.5).
    """
    found: dict[str, list[str]] = {}
    for name, value in _query():
        if name not in allowed:
            raise InvalidRequest(name, "unknown parameter of this resource and method")
        if name in found:
            raise InvalidRequest(name, "given more than once")
        found[name] = [value]
    return found


def _query() -> list[tuple[str, str]]:
    """Return the pairs of the query string, strictly as UTF-8: two spellings never become one value."""
    text: str = current_request().environ.get("QUERY_STRING", "")
    if not text:
        return []
    try:
        if not text.isascii():
            text = text.encode("latin-1").decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise InvalidRequest("query", f"not UTF-8, or more than {MAX_PARAMETERS} parameters") from error


def media_type() -> str:
    """Return the media type of the request's body in lower case, without its parameters."""
    content_type: str = current_request().environ.get("CONTENT_TYPE", "")
    return content_type.partition(";")[0].strip().lower()


def no_content() -> Response:
    """Answer 204, without a Content-Type for the body that is not there."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def consistency(services: Services) -> Consistency:
    """Return the keeper of Consistent-Through of an application."""
    return services.part(_consistency)


def _consistency(services: Services) -> Consistency:
    place = board_path(services.settings.mongodb_uri, services.settings.database)
    return Consistency(services.db, board(place), services.now)
