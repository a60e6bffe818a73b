"""Requests in disguise: alternate syntax and untidy paths become plain requests.

All of it works on the WSGI environ before routing and authentication, so nothing behind it knows (xAPI
1.0.3 Communication 1.3; removed in 2.0). A plain request pays three look-ups.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from lrs.foundation.errors import Unauthenticated
from lrs.xapi.errors import InvalidRequest
from lrs.xapi.requests.incoming import pieces

Environ = dict[str, Any]
IsKnown = Callable[[str | None], bool]

METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "text/plain"})
MAX_FIELDS: Final = 200
STRANGERS: Final = 64 * 1024  # bytes of a form that are read, unpacked, before it is known who sends it
# Form fields that stand for headers, in lower case -> key of the environ. Accept and Accept-Language are not
# in the specification's list; clients that must use the syntax cannot send them in any other way.
HEADERS: Final = {
    "authorization": "HTTP_AUTHORIZATION",
    "x-experience-api-version": "HTTP_X_EXPERIENCE_API_VERSION",
    "content-type": "CONTENT_TYPE",
    "content-length": "",  # the length of `content` is counted, not believed
    "if-match": "HTTP_IF_MATCH",
    "if-none-match": "HTTP_IF_NONE_MATCH",
    "accept": "HTTP_ACCEPT",
    "accept-language": "HTTP_ACCEPT_LANGUAGE",
}
SLASHES: Final = re.compile(r"/{2,}")


def tidy_path(path: str) -> str:
    """Return the path with single slashes and without one at its end."""
    return SLASHES.sub("/", path).rstrip("/") or "/"


def is_alternate(environ: Environ) -> bool:
    """Tell whether the request has the form of the alternate syntax: a POST with `method` in its query."""
    query: str = environ.get("QUERY_STRING", "")
    return (
        environ["REQUEST_METHOD"] == "POST"
        and "method=" in query
        and (query.startswith("method=") or "&method=" in query)
    )


def rewrite(environ: Environ, limit: int, is_known: IsKnown | None = None) -> None:
    """Turn a request in the alternate syntax into the one it means.

    Raises InvalidRequest, BodyTooLarge, and Unauthenticated as `read_body`.
    """
    method = _method(environ["QUERY_STRING"])
    fields = _fields(environ, limit, is_known)
    headers, parameters, content = _sort(fields)
    if method in {"PUT", "POST"} and content is None:
        raise InvalidRequest("content", f"method={method} needs a form field named content")
    environ["CONTENT_TYPE"] = "application/json" if content is not None else ""
    for name, value in headers.items():
        if HEADERS[name]:
            environ[HEADERS[name]] = value
    environ["REQUEST_METHOD"] = method
    environ["QUERY_STRING"] = urlencode(parameters)
    set_body(environ, (content or "").encode())


def _method(query: str) -> str:
    """Return the intended method; it must be the only query parameter."""
    name, _, method = query.partition("=")
    if name != "method" or "&" in method:
        raise InvalidRequest(
            "method", "the alternate request syntax takes no other query parameter than method"
        )
    if method not in METHODS:
        raise InvalidRequest("method", f"must be one of {', '.join(sorted(METHODS))}")
    return method


def _fields(environ: Environ, limit: int, is_known: IsKnown | None) -> list[tuple[str, str]]:
    """Return the form fields of the body."""
    media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media_type not in FORM_TYPES:
        raise InvalidRequest("Content-Type", "the alternate request syntax needs a form-encoded body")
    body = read_body(environ, limit, is_known)
    if not body:
        return []
    try:
        return parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise InvalidRequest("body", "not a form-encoded UTF-8 body") from error


def _sort(fields: list[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]], str | None]:
    """Return (headers by lower-case name, query parameters, content); repeated ones are refused."""
    headers: dict[str, str] = {}
    parameters: list[tuple[str, str]] = []
    content: str | None = None
    for name, value in fields:
        key = name.lower()
        if key in HEADERS:
            if key in headers or not value.isprintable():
                raise InvalidRequest(name, "repeated, or not a header value")
            headers[key] = value
        elif name == "content":
            if content is not None:
                raise InvalidRequest("content", "repeated")
            content = value
        else:
            parameters.append((name, value))
    return headers, parameters, content


def read_body(environ: Environ, limit: int, is_known: IsKnown | None = None) -> bytes:
    """Return the body as it was sent; raises BodyTooLarge above `limit` bytes.

    With `is_known`, nobody is read beyond STRANGERS whom it does not know: Unauthenticated.
    """
    found: list[bytes] = []
    length = 0
    for piece in pieces(environ, limit):
        found.append(piece)
        is_asked = is_known is not None and length <= STRANGERS < length + len(piece)
        length += len(piece)
        if is_asked and is_known is not None and not is_known(authorization_of(environ, b"".join(found))):
            raise Unauthenticated(f"a body of more than {STRANGERS} bytes names its Authorization first")
    return b"".join(found)


def authorization_of(environ: Environ, beginning: bytes) -> str | None:
    """Return the Authorization that the beginning of a form holds, or else the header's."""
    whole = beginning[: beginning.rfind(b"&") + 1].decode("utf-8", "replace").rstrip("&")
    for name, value in parse_qsl(whole, keep_blank_values=True) if whole.count("&") < MAX_FIELDS else ():
        if name.lower() == "authorization":
            return value
    found: str | None = environ.get("HTTP_AUTHORIZATION")
    return found


def set_body(environ: Environ, body: bytes) -> None:
    """Put a body in the place of the one that was sent."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
