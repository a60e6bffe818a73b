"""What every xAPI answer and request has in common: versions, headers, CORS, the step before routing.

The `Gate` stands in front of Flask, so that its headers are on every answer below /xapi, whoever made it:
a view, an error handler, authentication, or the router that knew no such path (1.0.3 Communication 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any, Final, Literal, cast
from urllib.parse import parse_qsl

from flask import Flask, Response

from lrs import alternate
from lrs.consistency import Consistency, board, board_path, header_text
from lrs.context import Laurel, asked
from lrs.xapi_errors import InvalidRequest, UnsupportedVersion, XapiError

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
            "X-Experience-API-Version, X-Experience-API-Consistent-Through, X-Request-Id"
        ),
    ),
]
# Stored documents keep the Content-Type they came with, and a form of another site can ask for one by the
# alternate syntax: shown in a browser, it must neither run a script nor belong to the origin of the console.
INERT: Final = [
    ("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
]
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
    """Return (rules to apply, or None for a refusal; value of the answer's header): digest part 6."""
    if received is None:
        return None, default
    found = VERSION.fullmatch(received)
    if found is None:
        return None, "1.0.3" if received.startswith("0.") else LATEST
    chosen: Version = "1.0.3" if found[1] == "1" else "2.0.0"
    return chosen, chosen


class Gate:
    """The WSGI step before routing: undoes disguises, adds the protocol's headers, answers preflights."""

    def __init__(self, app: WsgiApp, here: Laurel) -> None:
        self.app = app
        self.default = cast("Version", here.settings.xapi_default_version)
        self.limit = here.settings.max_body_mb * 1024 * 1024
        place = board_path(here.settings.mongodb_uri, here.settings.database)
        self.consistency = Consistency(here.db, board(place), here.now)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path: str = environ.get("PATH_INFO", "")
        if "//" in path or path.endswith("/"):
            tidy = alternate.tidy_path(path)
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
            headers += self._answer_headers(environ, path)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self.app(environ, start)

    def _unwrap(self, environ: Environ) -> bool:
        """Undo compression and alternate syntax; a refusal waits in the environ for Flask to answer it."""
        if not ("HTTP_CONTENT_ENCODING" in environ or alternate.is_alternate(environ)):
            return False
        try:
            if "HTTP_CONTENT_ENCODING" in environ:
                alternate.decompress(environ, self.limit)
            if not alternate.is_alternate(environ):
                return False
            if negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[0] == "2.0.0":
                raise InvalidRequest("method", "version 2.0 has no alternate request syntax")
            alternate.rewrite(environ, self.limit)
            if negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[0] == "2.0.0":
                raise InvalidRequest("method", "version 2.0 has no alternate request syntax")
        except XapiError as error:
            environ["laurel.refused"] = error
            return False
        return True

    def _answer_headers(self, environ: Environ, path: str) -> list[tuple[str, str]]:
        named = negotiate(environ.get("HTTP_X_EXPERIENCE_API_VERSION"), self.default)[1]
        headers: list[tuple[str, str]] = [("X-Experience-API-Version", named)]
        if path.startswith("/xapi/statements"):
            headers.append(("X-Experience-API-Consistent-Through", header_text(self.consistency.through())))
        return headers


def _without_body_length(environ: Environ, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Answer a POST that meant HEAD with length 0: the server below sees a POST and would wait."""
    if environ["REQUEST_METHOD"] != "HEAD":
        return headers
    return [*((name, value) for name, value in headers if name != "Content-Length"), ("Content-Length", "0")]


def register(app: Flask, here: Laurel) -> None:
    """Put the gate in front of an application."""
    gate = Gate(app.wsgi_app, here)
    app.wsgi_app = gate  # type: ignore[method-assign]  # the way that Flask documents
    app.extensions["laurel_consistency"] = gate.consistency
    app.config["MAX_CONTENT_LENGTH"] = gate.limit
    app.before_request(_refuse)


def _refuse() -> None:
    """Raise what the gate found, where the error handlers see it."""
    refused = asked().environ.get("laurel.refused")
    if refused is not None:
        raise refused


def version() -> Version:
    """Return the rule set of the present request; raises UnsupportedVersion."""
    environ = asked().environ
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
    text: str = asked().environ.get("QUERY_STRING", "")
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
    content_type: str = asked().environ.get("CONTENT_TYPE", "")
    return content_type.partition(";")[0].strip().lower()


def no_content() -> Response:
    """Answer 204, without a Content-Type for the body that is not there."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def consistency(app: Flask) -> Consistency:
    """Return the keeper of Consistent-Through of an application."""
    return cast("Consistency", app.extensions["laurel_consistency"])
