"""Questions to the statement history over HTTP: query, export, saved queries and their links."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import orjson
from bson import json_util
from flask import Response, g
from marshmallow import Schema, fields, validate

from lrs.access.guard import PUBLIC
from lrs.analysis.engine import ask_in_sql
from lrs.analysis.questions import saved
from lrs.analysis.readable_stores import Scope, scope_of
from lrs.analysis.run import Analyst, cancel, written
from lrs.api.contract import BYTES, TEXT, Blueprint
from lrs.api.resource import Resource
from lrs.api.streams import EXPORTS, answering, streamed
from lrs.exchange.columns import Cells, columns_of
from lrs.exchange.stream import MEDIA_TYPES, stream
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from statements.errors import InvalidQuery

Document = dict[str, Any]
blp = Blueprint("analytics", __name__, description="Questions to the statement history")
MAX_SECONDS = 30.0
ORG = validate.Length(max=64)
LONGEST_FILTER, LONGEST_COLUMNS = 6000, 1500  # characters: an address has some 8,000 in all


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
    engine = fields.String(metadata={"description": "`mongodb` or `lake`."})
    engine_reason = fields.String(metadata={"description": "Why that one answered."})
    as_of = fields.DateTime(
        allow_none=True,
        metadata={"description": "Of the lake: up to when the answer knows everything."},
    )


class SqlBody(Schema):
    """One SELECT, and where and how long to ask."""

    sql = fields.String(required=True, validate=validate.Length(1, 20_000))
    organizations = fields.List(fields.String(validate=ORG), load_default=list)
    limit = fields.Integer(strict=True, load_default=1000, validate=validate.Range(1, 10_000))
    max_seconds = fields.Float(load_default=MAX_SECONDS, validate=validate.Range(0.1, MAX_SECONDS))


class SqlColumn(Schema):
    """A column of an answer."""

    name = fields.String()
    type = fields.String(metadata={"description": "Its type in DuckDB."})


class SqlAnswerSchema(Schema):
    """Columns and rows."""

    columns = fields.List(fields.Nested(SqlColumn))
    rows = fields.List(fields.List(fields.Raw(allow_none=True)))
    truncated = fields.Boolean(metadata={"description": "There are more rows, or too many texts in them."})
    as_of = fields.DateTime(metadata={"description": "Up to when the answer knows everything."})
    seconds = fields.Float()


class ExportArgs(Schema):
    """What to export, and how."""

    format = fields.String(load_default="ndjson", validate=validate.OneOf(sorted(MEDIA_TYPES)))
    filter = fields.String(
        validate=validate.Length(max=LONGEST_FILTER), metadata={"description": "A filter as JSON."}
    )
    columns = fields.String(
        validate=validate.Length(max=LONGEST_COLUMNS),
        metadata={"description": "Of CSV and Parquet: with commas between, or a JSON list as of `select`."},
    )
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
    return Analyst(
        current_services().db,
        scope,
        current_services().now(),
        max_seconds=max_seconds,
        query_id=named,
        lake=current_services().settings.lake_url,
    )


@blp.post("/statements/query", scope="analytics", writes=False)
@blp.arguments(QueryBody)
@blp.response(200, AnswerSchema)
def query(body: Document) -> Document:
    """Answer a question to the statement history."""
    scope = scope_of(current_services().db, g.principal, body.pop("organizations"))
    analyst = _analyst(scope, body.pop("max_seconds"), body.pop("query_id", None))
    with answering():
        answer = analyst.ask(body)
    return {
        "rows": written(answer.rows),
        "cursor": answer.cursor,
        "previous": written(answer.previous),
        "advice": answer.advice,
        "seconds": answer.seconds,
        "engine": answer.engine.name,
        "engine_reason": answer.engine.reason,
        "as_of": answer.engine.as_of,
    }


@blp.post("/sql", scope="analytics", writes=False)
@blp.arguments(SqlBody)
@blp.response(200, SqlAnswerSchema)
def sql(body: Document) -> Document:
    """Answer one SELECT over the lake's tables, of the stores in reach."""
    services = current_services()
    scope = scope_of(services.db, g.principal, body["organizations"])
    with answering():
        answer = ask_in_sql(
            services.db, services.settings.lake_url, body["sql"], scope, services.now(),
            max_seconds=body["max_seconds"], max_rows=body["limit"],
        )  # fmt: skip
    columns = [{"name": name, "type": kind} for name, kind in answer.columns]
    return {**asdict(answer), "columns": columns}


@blp.delete("/statements/query/<query_id>", scope="analytics")
@blp.response(204)
def stop(query_id: str) -> None:
    """Stop a running query that was given this `query_id`."""
    if not cancel(current_services().db, f"{g.principal.id}:{query_id}"):
        raise UnknownThing("running query", query_id)


@blp.get("/statements/export", scope="analytics")
@blp.arguments(ExportArgs, location="query")
@blp.response(200, TEXT, content_type="application/x-ndjson")
@blp.response(200, TEXT, content_type="text/csv")
@blp.response(200, BYTES, content_type="application/vnd.apache.parquet")
def export(args: Document) -> Response:
    """Stream statements as NDJSON (exact), CSV or Parquet; voided ones are left out."""
    scope = scope_of(current_services().db, g.principal, args["organization"])
    wanted = _analyst(scope).parse({"filter": json_of(args["filter"])} if "filter" in args else {})
    here = current_services()
    cells = Cells(here.db, scope, here.now(), columns_of(args.get("columns")))
    body = stream(here.db, scope, wanted, args["format"], cells)
    suffix = args["format"]
    disposition = {"Content-Disposition": f'attachment; filename="statements.{suffix}"'}
    return streamed(EXPORTS, body, MEDIA_TYPES[args["format"]], disposition)


def json_of(text: str) -> Any:
    """Return the value of a JSON parameter; InvalidQuery when it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidQuery("filter", f"is not JSON: {error}") from None


def find(query_id: str) -> Document:
    """Return a saved query that the principal may read; raises UnknownThing."""
    return saved.get(current_services().db, g.principal.org, query_id, wide=g.principal.vendor_wide)


def present(document: Document) -> Document:
    """Return a saved query as it is shown."""
    return {
        **document,
        "id": document["_id"],
        "query": json_util.loads(document["expression"]),
        "links": len(document["links"]),
        "next_at": document.get("next_at"),
    }


QUERIES = Resource(
    blp, "query", SavedQuerySchema, collection="saved_queries", root="/queries", path="/<query_id>",
    scope="analytics", find=find, present=present,
    bounds=lambda: saved.readable(g.principal.org, wide=g.principal.vendor_wide),
)  # fmt: skip


@QUERIES.lists()
def queries(_: Document) -> Document:
    """List the saved queries of the organization; those over every store to whoever may read every store."""
    return {}


@QUERIES.makes(SavedQueryBody)
def save(body: Document) -> Document:
    """Save a query, and let it run on a schedule (a crontab line, UTC)."""
    services = current_services()
    return saved.create(
        services.db,
        name=body["name"],
        owner=g.principal.id,
        org=g.principal.org,
        scope=scope_of(services.db, g.principal, body["organizations"]),
        expression=body["query"],
        schedule=body["schedule"],
        now=services.now(),
    )


@QUERIES.reads()
def get_one(query: Document) -> Document:
    """Show a saved query."""
    return query


@QUERIES.changes(SavedQueryChange)
def change(body: Document, before: Document, _version: int) -> Document:
    """Change the name or the schedule of a saved query; a schedule of null ends it."""
    changes = {"schedule": before["schedule"], "name": None} | body
    return saved.change(current_services().db, before, current_services().now(), **changes)


@QUERIES.deletes()
def delete(query: Document) -> None:
    """Delete a saved query with its links and results."""
    saved.delete(current_services().db, query)


@blp.post("/queries/<query_id>/run", scope="analytics", writes=False)
@blp.response(200, ResultSchema)
def run(query_id: str) -> Document:
    """Run a saved query now and keep the result."""
    found = find(query_id)
    with answering():
        return _result(found, saved.run(current_services().db, found, current_services().now()))


@blp.post("/queries/<query_id>/links", scope="analytics")
@blp.arguments(ShareBody)
@blp.response(201, LinkSchema)
def share(body: Document, query_id: str) -> Document:
    """Make a link that shows the latest results to anybody who has it."""
    found = find(query_id)
    token, until = saved.share(
        current_services().db, found, current_services().now(), dt.timedelta(days=body["days"])
    )
    return {"path": f"/api/v1/queries/shared/{token}", "until": until}


@blp.delete("/queries/<query_id>/links", scope="analytics")
@blp.response(204)
def unshare(query_id: str) -> None:
    """End all links of a saved query."""
    saved.unshare(current_services().db, find(query_id))


@blp.get("/queries/shared/<token>", scope=PUBLIC)
@blp.response(200, ResultSchema)
def shared(token: str) -> Document:
    """Show the latest results of a saved query by its link; needs no account."""
    found = saved.shared(current_services().db, token, current_services().now())
    result = saved.latest(current_services().db, found) or saved.run(
        current_services().db, found, current_services().now()
    )
    return _result(found, result)


def _result(query: Document, result: Document) -> Document:
    told = {"rows": written(result["rows"]), "previous": written(result.get("previous"))}
    return {"name": query["name"], **result, **told}
