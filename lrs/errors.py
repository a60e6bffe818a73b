"""How errors leave over HTTP: one table from class to status, one body in three media types."""

from __future__ import annotations

import html
import logging
import uuid
from collections.abc import Mapping

import orjson
from flask import Flask, Response, g, request
from pymongo.errors import ConnectionFailure, PyMongoError, WriteConcernError
from werkzeug.exceptions import HTTPException

from lrs import problems, refusals, xapi_errors
from lrs.credential_view import UnknownCredential
from lrs.fetching import FetchRefused
from lrs.keys import KeyInUse
from lrs.verify import Failed
from rules import engine, gate_needs, gatekeeping, plans, rulings, store
from rules import errors as rule_errors
from rules.baking import NotBaked
from rules.credential_store import SeqTaken, UnknownStatusList
from rules.credentials import IssueConflict
from rules.signing import InvalidToken, UnknownKey
from rules.statuslist import InvalidStatusList
from statements import errors as statement_errors

log = logging.getLogger("lrs.errors")

# Error class -> HTTP status. A subclass inherits; a class of ours that is not covered fails a test.
STATUS: dict[type[Exception], int] = {
    **refusals.STATUS,
    **xapi_errors.STATUS,
    UnknownCredential: 404,
    UnknownStatusList: 404,
    UnknownKey: 404,
    InvalidToken: 400,
    InvalidStatusList: 400,
    NotBaked: 400,
    SeqTaken: 409,
    IssueConflict: 409,
    FetchRefused: 400,
    Failed: 400,
    KeyInUse: 409,
    statement_errors.InvalidStatement: 400,
    statement_errors.DuplicateStatementId: 400,
    statement_errors.AttachmentMismatch: 400,
    statement_errors.InvalidQuery: 400,
    statement_errors.InvalidDocument: 400,
    statement_errors.VoidingRefused: 403,
    statement_errors.StatementNotFound: 404,
    statement_errors.StatementConflict: 409,
    statement_errors.DocumentConflict: 409,
    statement_errors.PreconditionFailed: 412,
    statement_errors.TooLarge: 413,
    rule_errors.UnknownRule: 404,
    rule_errors.UnknownPerson: 404,
    rule_errors.AlreadyEnded: 409,
    rule_errors.OnlyVersion: 404,
    rule_errors.InvalidRuleFile: 422,
    rule_errors.StalePlan: 409,
    rule_errors.EvaluationFailed: 500,
    engine.LeaseLost: 503,
    store.VersionTaken: 409,
    plans.UnknownPlan: 404,
    plans.SamePerson: 403,
    rulings.InvalidFact: 422,
    gatekeeping.UnknownOrganization: 404,
    gatekeeping.GateDisabled: 409,
    gate_needs.FieldsMissing: 422,
    statement_errors.QueryTimeout: 400,  # a narrower query is what helps
    statement_errors.StoreBusy: 503,
}


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error of ours by its nearest listed class; 500 when none is listed."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


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
        body = (
            f"<!doctype html><meta charset=utf-8><title>{status}</title>"
            f"<h1>{status} {html.escape(name)}</h1><p>{html.escape(message)}</p>"
            f"<p><small>{html.escape(path or '')} {error_id}</small></p>"
        ).encode(errors="replace")
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


def answer(error: Exception) -> Response:
    """Answer an error of ours: its facts as text, the place as `path` where it has one."""
    path = getattr(error, "path", None) or getattr(error, "parameter", None)
    headers = getattr(error, "headers", None)
    response = error_response(
        status_of(error), type(error).__name__, str(error), None if path is None else str(path), headers
    )
    problems.add_errors(response, getattr(error, "places", ()))
    return response


def answer_http(error: HTTPException) -> Response:
    """Answer what Flask and werkzeug raise (404, 405, 413 ...) in the same body, with their headers."""
    response = error_response(error.code or 500, type(error).__name__, error.description or error.name)
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


def register(app: Flask) -> None:
    """Install the handlers on an application."""
    for lost in (ConnectionFailure, WriteConcernError):
        app.register_error_handler(lost, answer_unreachable)
    for cls in STATUS:
        app.register_error_handler(cls, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unknown)
