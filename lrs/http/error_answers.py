"""How errors leave over HTTP: one body in three media types; each part declares its statuses.

A part's errors module has `STATUS`, error class -> HTTP status; a subclass inherits. `lrs.app` gathers them.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson
from flask import Flask, Response, g, render_template, request
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from werkzeug.exceptions import HTTPException

from lrs.http import problems
from lrs.words import reader
from lrs.words.reader import mark, t

log = logging.getLogger("lrs.errors")

Statuses = Mapping[type[Exception], int]
Refused = Callable[[int, str, str, str | None], None]  # status, name of the error, message, place


HAPPENED: Final = {
    404: mark("Nothing has this address."),
    405: mark("This address takes no request of this kind."),
}
"""Our words where an error brings none but those of the library."""
TITLES: Final[Mapping[int, str]] = {
    401: mark("You are not signed in"),
    403: mark("You may not see this"),
    404: mark("There is nothing here"),
    405: mark("This address cannot do that"),
    429: mark("Too many tries"),
    500: mark("Something failed here"),
    503: mark("The database does not answer now"),
}

# MongoDB's codes of a member that does not lead any more, of what ended with it, of a write without majority
PASSING: Final = frozenset({
    6, 7, 64, 89, 91, 134, 189, 251, 262, 9001, 10107, 11600, 11602, 13435, 13436,
})  # fmt: skip


def status_of(error: Exception, statuses: Statuses) -> int:
    """Return the HTTP status of an error of ours by its nearest listed class; 500 when none is listed."""
    return next((statuses[cls] for cls in type(error).__mro__ if cls in statuses), 500)


def error_response(
    status: int, name: str, message: str, path: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `{"error", "message", "path", "errorId"}` as JSON, HTML or text by `Accept`."""
    error_id = g.get("request_id") or uuid.uuid4().hex[:12]
    log.log(
        logging.ERROR if status >= 500 else logging.INFO,
        "%s %s -> %d %s",
        request.method,
        request.path,
        status,
        name,
    )
    if request.path.startswith("/api/"):
        return problems.problem(
            status, name, _encodable(message), path=path, error_id=error_id, headers=headers
        )
    best = request.accept_mimetypes.best_match(
        ["application/json", "text/html", "text/plain"], "application/json"
    )
    if best == "text/html":
        title = t(TITLES.get(status, mark("This did not work")))
        facts = {"status": status, "name": name, "message": t(message), "path": path, "error_id": error_id}
        body = render_template("house/error.html", title=title, **facts).encode(errors="replace")
    elif best == "text/plain":
        body = f"{status} {name}: {message} [{path or '-'}] {error_id}\n".encode(errors="replace")
    else:
        body = orjson.dumps(
            {"error": name, "message": _encodable(message), "path": path, "errorId": error_id}
        )
    response = Response(body, status=status, content_type=f"{best}; charset=utf-8")
    if best == "application/json":
        response.content_type = best
    for key, value in (headers or {}).items():
        response.headers[key] = value
    return response


def _encodable(text: str) -> str:
    """Return the text with lone surrogates replaced: a message may quote what a client sent."""
    return text.encode(errors="replace").decode()


def answer(statuses: Statuses, refused: Refused, error: Exception) -> Response:
    """Answer an error of ours: its facts as text, the place as `path` where it has one."""
    path = getattr(error, "path", None) or getattr(error, "parameter", None)
    headers = getattr(error, "headers", None)
    place = None if path is None else str(path)
    status, name, message = status_of(error, statuses), type(error).__name__, str(error)
    refused(status, name, message, place)
    response = error_response(status, name, message, place, headers)
    problems.add_errors(response, getattr(error, "places", ()))
    return response


def answer_http(refused: Refused, error: HTTPException) -> Response:
    """Answer what Flask and werkzeug raise (404, 405, 413 ...) in the same body, with their headers."""
    status, name, message = error.code or 500, type(error).__name__, error.description or error.name
    if message == type(error).description:
        message = HAPPENED.get(status, message)
    refused(status, name, message, None)
    response = error_response(status, name, message)
    problems.add_places(response, error)
    for key, value in error.get_headers():
        if key.lower() not in {"content-type", "content-length"}:
            response.headers[key] = value
    return response


def answer_unknown(error: Exception) -> Response:
    """Answer anything else with 500: the trace goes to the log, the client sees only the id."""
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return error_response(
        500, "InternalError", "the server failed; its log has the reason under this errorId"
    )


def answer_unreachable(error: PyMongoError) -> Response:
    """Answer 503 where MongoDB has no primary that answers: the same request may succeed in a moment."""
    log.warning("MongoDB does not answer: %s", error)
    later = {"Retry-After": "2"}
    return error_response(503, "StoreUnreachable", "the database does not answer now", None, later)


def answer_failed(error: OperationFailure) -> Response:
    """Answer 503 where a member was stepping down, starting or ending; anything else is unexpected."""
    labels = ("TransientTransactionError", "RetryableWriteError")
    details: Any = error.details or {}
    refused = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    codes = {one.get("code") for one in refused} or {error.code}
    if codes <= PASSING or any(map(error.has_error_label, labels)):
        return answer_unreachable(error)
    return answer_unknown(error)


def tell_nobody(status: int, name: str, message: str, path: str | None) -> None:
    """Take the facts of an error and do nothing."""


def register(app: Flask, statuses: Statuses, refused: Refused = tell_nobody) -> None:
    """Install the handlers for every class that has a status; `refused` is told of each error."""
    reader.register(app)
    # the driver takes a set of which it knows no member for one without sessions: a ConfigurationError
    for lost in (ConnectionFailure, WriteConcernError, ConfigurationError):
        app.register_error_handler(lost, answer_unreachable)
    app.register_error_handler(OperationFailure, answer_failed)
    for cls in statuses:
        app.register_error_handler(cls, partial(answer, statuses, refused))
    app.register_error_handler(HTTPException, partial(answer_http, refused))
    app.register_error_handler(Exception, answer_unknown)
