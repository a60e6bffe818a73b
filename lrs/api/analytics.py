"""Questions to the statement history over HTTP: query, export, saved queries and their links."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from bson import json_util
from flask import Response, g
from marshmallow import Schema, fields, validate

from lrs.analysis import saved
from lrs.analysis.export import COLUMNS, MEDIA_TYPES, stream
from lrs.analysis.run import Analyst, cancel, written
from lrs.analysis.scope import Scope, scope_of
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.streams import streamed
from lrs.auth import requires
from lrs.context import laurel
from lrs.refusals import UnknownThing
from statements.errors import InvalidQuery
from statements.fields import FIELDS

Document = dict[str, Any]
blp = Blueprint("analytics", __name__, description="Questions to the statement history")
MAX_SECONDS = 30.0
ORG = validate.Length(max=64)


class QueryBody(Schema):
    """A query: the members of the query language, and where and how long to ask."""

    filter = fields.Raw(metadata={"description": "Conditions: all, any, not, or a field with an operator."})
    select = fields.List(
        fields.Raw(), metadata={"description": "Fields, or objects with field, key, certification, name."}
    )
    sort = fields.String()
    limit = fields.Integer(strict=True)
    cursor = fields.String()
    group = fields.List(fields.Raw())
    measures = fields.Dict()
    compare = fields.String()
    organizations = fields.List(fields.String(validate=ORG), load_default=list)
    max_seconds = fields.Float(load_default=MAX_SECONDS, validate=validate.Range(0.1, MAX_SECONDS))
    query_id = fields.String(validate=validate.Regexp(r"[A-Za-z0-9-]{1,64}$"))


class AnswerSchema(Schema):
    """Rows and what goes with them."""

    rows = fields.List(fields.Dict())
    cursor = fields.String(allow_none=True)
    previous = fields.List(fields.Dict(), allow_none=True)
    advice = fields.String(allow_none=True)
    seconds = fields.Float()


class ExportArgs(Schema):
    """What to export, and how."""

    format = fields.String(load_default="ndjson", validate=validate.OneOf(sorted(MEDIA_TYPES)))
    filter = fields.String(
        validate=validate.Length(max=20_000), metadata={"description": "A filter as JSON."}
    )
    columns = fields.String(metadata={"description": "Fields with commas between; CSV and Parquet."})
    organization = fields.List(fields.String(validate=ORG), load_default=list)


class SavedQueryBody(Schema):
    """A query to keep."""

    name = fields.String(required=True, validate=validate.Length(1, 200))
    query = fields.Dict(required=True)
    organizations = fields.List(fields.String(validate=ORG), load_default=list)
    schedule = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=100))


class SavedQueryChange(Schema):
    """What of a kept query changes."""

    name = fields.String(validate=validate.Length(1, 200))
    schedule = fields.String(allow_none=True, validate=validate.Length(max=100))


class SavedQuerySchema(Schema):
    """A kept query."""

    id = fields.String()
    name = fields.String()
    owner = fields.String()
    query = fields.Dict()
    organizations = fields.List(fields.String())
    schedule = fields.String(allow_none=True)
    next_at = fields.DateTime(allow_none=True)
    links = fields.Integer(metadata={"description": "How many links show its results."})
    created_at = fields.DateTime()


class ResultSchema(Schema):
    """The result of a kept query."""

    name = fields.String()
    at = fields.DateTime()
    rows = fields.List(fields.Dict())
    previous = fields.List(fields.Dict(), allow_none=True)
    error = fields.String(allow_none=True)


class ShareBody(Schema):
    """For how long a link shows the results."""

    days = fields.Integer(load_default=30, validate=validate.Range(1, 365))


class LinkSchema(Schema):
    """A link; its secret is shown once."""

    path = fields.String()
    until = fields.DateTime()


def _analyst(scope: Scope, max_seconds: float = MAX_SECONDS, query_id: str | None = None) -> Analyst:
    named = None if query_id is None else f"{g.principal.id}:{query_id}"
    return Analyst(laurel().db, scope, laurel().now(), max_seconds=max_seconds, query_id=named)


@blp.post("/statements/query")
@blp.arguments(QueryBody)
@blp.response(200, AnswerSchema)
@requires("analytics")
def query(body: Document) -> Document:
    """Answer a question to the statement history."""
    scope = scope_of(laurel().db, g.principal, body.pop("organizations"))
    analyst = _analyst(scope, body.pop("max_seconds"), body.pop("query_id", None))
    answer = analyst.ask(body)
    return {
        "rows": written(answer.rows),
        "cursor": answer.cursor,
        "previous": written(answer.previous),
        "advice": answer.advice,
        "seconds": answer.seconds,
    }


@blp.delete("/statements/query/<query_id>")
@blp.response(204)
@requires("analytics")
def stop(query_id: str) -> None:
    """Stop a running query that was given this `query_id`."""
    if not cancel(laurel().db, f"{g.principal.id}:{query_id}"):
        raise UnknownThing("running query", query_id)


@blp.get("/statements/export")
@blp.arguments(ExportArgs, location="query")
@requires("analytics")
def export(args: Document) -> Response:
    """Stream statements as NDJSON (exact), CSV or Parquet; voided ones are left out."""
    scope = scope_of(laurel().db, g.principal, args["organization"])
    wanted = _analyst(scope).parse({"filter": json_of(args["filter"])} if "filter" in args else {})
    columns = columns_of(args.get("columns"))
    body = stream(laurel().db, scope, wanted, args["format"], columns)
    suffix = args["format"]
    disposition = {"Content-Disposition": f'attachment; filename="statements.{suffix}"'}
    return streamed("exports", body, MEDIA_TYPES[args["format"]], disposition)


def columns_of(text: str | None) -> tuple[str, ...]:
    """Return the columns of a list with commas, all of them without one; InvalidQuery names unknown ones."""
    if not text:
        return COLUMNS
    columns = tuple(name.strip() for name in text.split(","))
    for name in columns:
        if name not in FIELDS or name.startswith("person") or name.endswith("extensions"):
            raise InvalidQuery("columns", f"unknown column {name!r}; one of {', '.join(COLUMNS)}")
    return columns


def json_of(text: str) -> Any:
    """Return the value of a JSON parameter; InvalidQuery when it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidQuery("filter", f"is not JSON: {error}") from None


@blp.get("/queries")
@blp.arguments(PageArgs, location="query")
@blp.response(200, page_schema(SavedQuerySchema))
@requires("analytics")
def queries(args: Document) -> Document:
    """List the saved queries of the organization; those over every store to whoever may read every store."""
    wanted = saved.readable(g.principal.org, wide=g.principal.vendor_wide)
    return page(laurel().db.saved_queries, wanted, args, _shown)


@blp.post("/queries")
@blp.arguments(SavedQueryBody)
@blp.response(201, SavedQuerySchema)
@requires("analytics")
def save(body: Document) -> Any:
    """Save a query, and let it run on a schedule (a crontab line, UTC)."""
    scope = scope_of(laurel().db, g.principal, body["organizations"])
    made = saved.create(
        laurel().db,
        name=body["name"],
        owner=g.principal.id,
        org=g.principal.org,
        scope=scope,
        expression=body["query"],
        schedule=body["schedule"],
        now=laurel().now(),
    )
    return tagged(_shown(made), made, 201)


@blp.get("/queries/<query_id>")
@blp.response(200, SavedQuerySchema)
@requires("analytics")
def show(query_id: str) -> Any:
    """Show a saved query."""
    found = _saved(query_id)
    return tagged(_shown(found), found)


@blp.patch("/queries/<query_id>")
@blp.arguments(SavedQueryChange)
@blp.response(200, SavedQuerySchema)
@requires("analytics")
def change(body: Document, query_id: str) -> Any:
    """Change the name or the schedule of a saved query; a schedule of null ends it."""
    found = _saved(query_id)
    check_match("query", found)
    changes = {"schedule": found["schedule"], "name": None} | body
    updated = saved.change(laurel().db, found, laurel().now(), **changes)
    return tagged(_shown(updated), updated)


@blp.delete("/queries/<query_id>")
@blp.response(204)
@requires("analytics")
def delete(query_id: str) -> None:
    """Delete a saved query with its links."""
    found = _saved(query_id)
    check_match("query", found)
    laurel().db.saved_queries.delete_one({"_id": query_id, "org": g.principal.org})


@blp.post("/queries/<query_id>/run")
@blp.response(200, ResultSchema)
@requires("analytics")
def run(query_id: str) -> Document:
    """Run a saved query now and keep the result."""
    found = _saved(query_id)
    return _result(found, saved.run(laurel().db, found, laurel().now()))


@blp.post("/queries/<query_id>/links")
@blp.arguments(ShareBody)
@blp.response(201, LinkSchema)
@requires("analytics")
def share(body: Document, query_id: str) -> Document:
    """Make a link that shows the latest results to anybody who has it."""
    found = _saved(query_id)
    token, until = saved.share(laurel().db, found, laurel().now(), dt.timedelta(days=body["days"]))
    return {"path": f"/api/v1/queries/shared/{token}", "until": until}


@blp.delete("/queries/<query_id>/links")
@blp.response(204)
@requires("analytics")
def unshare(query_id: str) -> None:
    """End all links of a saved query."""
    saved.unshare(laurel().db, _saved(query_id))


@blp.get("/queries/shared/<token>")
@blp.response(200, ResultSchema)
def shared(token: str) -> Document:
    """Show the latest results of a saved query by its link; needs no account."""
    found = saved.shared(laurel().db, token, laurel().now())
    result = saved.latest(laurel().db, found) or saved.run(laurel().db, found, laurel().now())
    return _result(found, result)


def _result(query: Document, result: Document) -> Document:
    told = {"rows": written(result["rows"]), "previous": written(result.get("previous"))}
    return {"name": query["name"], **result, **told}


def _saved(query_id: str) -> Document:
    return saved.get(laurel().db, g.principal.org, query_id, wide=g.principal.vendor_wide)


def _shown(document: Document) -> Document:
    return {
        **document,
        "id": document["_id"],
        "query": json_util.loads(document["expression"]),
        "links": len(document["links"]),
        "next_at": document.get("next_at"),
    }
