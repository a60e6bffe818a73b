"""Requests in disguise: alternate syntax, compressed bodies and untidy paths become plain requests.

All of it works on the WSGI environ before routing and authentication, so nothing behind it knows (xAPI
1.0.3 Communication 1.3; removed in 2.0). A plain request pays three look-ups.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from lrs.xapi_errors import BodyTooLarge, InvalidRequest, UnsupportedEncoding

Environ = dict[str, Any]

METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "text/plain"})
MAX_FIELDS: Final = 200
MAX_MEMBERS: Final = 16  # each further gzip member costs a copy of what remains
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


def rewrite(environ: Environ, limit: int) -> None:
    """Turn a request in the alternate syntax into the one it means; raises InvalidRequest, BodyTooLarge."""
    method = _method(environ["QUERY_STRING"])
    fields = _fields(environ, limit)
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


def _fields(environ: Environ, limit: int) -> list[tuple[str, str]]:
    """Return the form fields of the body."""
    media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media_type not in FORM_TYPES:
        raise InvalidRequest("Content-Type", "the alternate request syntax needs a form-encoded body")
    body = read_body(environ, limit)
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


def read_body(environ: Environ, limit: int) -> bytes:
    """Return the body as it was sent; raises BodyTooLarge above `limit` bytes."""
    declared = environ.get("CONTENT_LENGTH") or None
    if declared is None and not environ.get("wsgi.input_terminated"):
        return b""
    if declared is not None and not declared.isdecimal():
        raise InvalidRequest("Content-Length", "must be a number of bytes")
    if declared is not None and int(declared) > limit:
        raise BodyTooLarge(limit)
    body: bytes = environ["wsgi.input"].read(limit + 1 if declared is None else int(declared))
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return body


def set_body(environ: Environ, body: bytes) -> None:
    """Put a body in the place of the one that was sent."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def decompress(environ: Environ, limit: int) -> None:
    """Undo the Content-Encoding; never makes more than `limit` bytes (a bomb is a BodyTooLarge)."""
    encodings = [name.strip().lower() for name in environ.pop("HTTP_CONTENT_ENCODING").split(",")]
    encodings = [name for name in encodings if name not in {"", "identity"}]
    if len(encodings) > 1 or not DECODERS.keys() >= set(encodings):
        raise UnsupportedEncoding(", ".join(encodings))
    if encodings:
        packed = read_body(environ, limit)
        try:
            set_body(environ, DECODERS[encodings[0]](packed, limit))
        except zlib.error as error:
            raise InvalidRequest("Content-Encoding", f"the body is not {encodings[0]} data") from error


def _gunzip(packed: bytes, limit: int) -> bytes:
    """Return the bytes of one or several gzip members."""
    out = b""
    for _ in range(MAX_MEMBERS):
        unpacker = zlib.decompressobj(wbits=31)
        out += _bounded(unpacker, packed, limit - len(out), limit)
        packed = unpacker.unused_data
        if not packed:
            return out
    raise zlib.error("too many members")


def _inflate(packed: bytes, limit: int) -> bytes:
    """Return the bytes of `deflate`: zlib as RFC 9110 says, or bare deflate as some clients send."""
    try:
        return _bounded(zlib.decompressobj(), packed, limit, limit)
    except zlib.error:
        return _bounded(zlib.decompressobj(wbits=-15), packed, limit, limit)


def _bounded(unpacker: Any, packed: bytes, room: int, limit: int) -> bytes:
    out: bytes = unpacker.decompress(packed, room + 1)
    if len(out) > room:
        raise BodyTooLarge(limit)
    if not unpacker.eof:
        raise zlib.error("truncated")
    return out


DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
}
