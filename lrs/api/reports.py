"""Reports, timelines, deals and the live tail over HTTP."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, g, jsonify, request
from marshmallow import Schema, fields, validate

from lrs.analysis import deals
from lrs.analysis.audience import Asked, Audience, Wanted, audience
from lrs.analysis.reports.catalogue import REPORTS, about, as_csv, as_json, as_picture
from lrs.analysis.run import Analyst
from lrs.analysis.scope import scope_of
from lrs.analysis.tail import ticks
from lrs.analysis.timeline import person_timeline, roster
from lrs.api.analytics import json_of
from lrs.api.contract import Blueprint
from lrs.api.streams import streamed
from lrs.application import body_of
from lrs.auth import requires
from lrs.context import laurel
from lrs.refusals import InvalidField, UnknownThing
from statements.predicate import Predicate

Document = dict[str, Any]
blp = Blueprint("reports", __name__, description="Reports on people, partners, content and deals")
NAME = validate.Length(max=64)
MAX_CSV = 20 * 1024 * 1024
TAIL_LASTS = dt.timedelta(minutes=30)  # an open tail holds a thread; a client connects again


class NarrowArgs(Schema):
    """What narrows a report."""

    organization = fields.String(validate=NAME)
    tier = fields.String(validate=NAME)
    region = fields.String(validate=validate.Length(max=200))
    role = fields.String(validate=NAME)
    product = fields.String(validate=NAME)
    certification = fields.String(validate=NAME)
    since = fields.AwareDateTime(default_timezone=dt.UTC)
    until = fields.AwareDateTime(default_timezone=dt.UTC)


class ReportArgs(NarrowArgs):
    """What narrows a report, and its form."""

    format = fields.String(load_default="json", validate=validate.OneOf(["json", "csv", "svg", "png"]))


class TailArgs(Schema):
    """Which statements to show as they come."""

    filter = fields.String(
        validate=validate.Length(max=20_000), metadata={"description": "A filter as JSON."}
    )
    organization = fields.List(fields.String(validate=NAME), load_default=list)


class DealArgs(Schema):
    """Which deals to compare, by whose certification."""

    certification = fields.String(required=True, validate=NAME)
    product = fields.String(validate=NAME)
    organization = fields.List(fields.String(validate=NAME), load_default=list)
    since = fields.AwareDateTime(default_timezone=dt.UTC)
    until = fields.AwareDateTime(default_timezone=dt.UTC)


def _audience(wanted: Wanted) -> Audience:
    db = laurel().db
    return audience(db, scope_of(db, g.principal), wanted, laurel().now())


@blp.get("/reports")
@blp.response(200)
@requires("analytics")
def catalogue() -> Response:
    """List the reports with what each counts."""
    return jsonify({"items": [{"name": name, "about": about(name)} for name in REPORTS]})


@blp.get("/reports/<name>")
@blp.arguments(ReportArgs, location="query")
@requires("analytics")
def report(args: Document, name: str) -> Response:
    """Answer a report as JSON, CSV or a picture."""
    if name not in REPORTS:
        raise UnknownThing("report", name)
    form = args.pop("format")
    wanted = Wanted(**args)
    if wanted.organization is not None:
        scope_of(laurel().db, g.principal, [wanted.organization])
    made = REPORTS[name](Asked(laurel().db, _audience(wanted), wanted, laurel().now()))
    if form == "json":
        return Response(orjson.dumps(as_json(made)), content_type="application/json")
    if form == "csv":
        disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(as_csv(made), content_type="text/csv; charset=utf-8", headers=disposition)
    media = {"svg": "image/svg+xml", "png": "image/png"}[form]
    return Response(as_picture(made, form), content_type=media)


@blp.get("/people/<person>/timeline")
@blp.response(200)
@requires("analytics", "people")
def timeline(person: str) -> Response:
    """Show everything known about a person, oldest first."""
    found = person_timeline(laurel().db, _audience(Wanted()), person, laurel().now())
    return Response(orjson.dumps(found), content_type="application/json")


@blp.get("/orgs/<org>/roster")
@blp.response(200)
@requires("analytics", "people")
def people_of(org: str) -> Response:
    """List an organization's people, what they hold, and what each should do next."""
    scope_of(laurel().db, g.principal, [org])
    rows = roster(laurel().db, _audience(Wanted(organization=org)), laurel().now())
    return Response(orjson.dumps({"items": rows}), content_type="application/json")


@blp.post("/deals")
@blp.response(200)
@requires("analytics")
def import_deals() -> Response:
    """Import deals from a CSV body: id, partner, person, product, created, won, amount."""
    if (request.content_length or 0) > MAX_CSV or len(body := body_of(request)) > MAX_CSV:
        raise InvalidField("body", f"is larger than {MAX_CSV} bytes")
    try:
        text = body.decode("utf-8-sig")
        mine = None if g.principal.vendor_wide else set(scope_of(laurel().db, g.principal).orgs)
        done = deals.import_csv(laurel().db, io.StringIO(text, newline=""), laurel().now(), only=mine)
    except ValueError as error:
        raise InvalidField("body", str(error)) from error
    refused = [{"line": line, "reason": reason} for line, reason in done.refused]
    return jsonify({"imported": done.imported, "refused": refused})


@blp.get("/deals/comparison")
@blp.arguments(DealArgs, location="query")
@blp.response(200)
@requires("analytics")
def compare(args: Document) -> Response:
    """Compare deals of certified people with the others, with n, intervals and the caveat."""
    scope = scope_of(laurel().db, g.principal, args.pop("organization"))
    found = deals.compare(laurel().db, scope, args.pop("certification"), **args)
    return Response(orjson.dumps(dataclasses.asdict(found)), content_type="application/json")


@blp.get("/statements/tail")
@blp.arguments(TailArgs, location="query")
@requires("analytics")
def tail(args: Document) -> Response:
    """Stream statements as they are stored, as server-sent events; ends after half an hour."""
    scope = scope_of(laurel().db, g.principal, args["organization"])
    body = {"filter": json_of(args["filter"])} if "filter" in args else {}
    where = Analyst(laurel().db, scope, laurel().now()).parse(body).where
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return streamed("tails", _events(scope, where), "text/event-stream", headers)


def _events(scope: Any, where: Predicate) -> Iterator[bytes]:
    here = laurel()
    end = here.now() + TAIL_LASTS
    yield b"retry: 2000\n\n"
    for document in ticks(here.db, scope, where, stopped=lambda: here.now() > end):
        if document is None:
            yield b": still here\n\n"
            continue
        raw = bytes(document["raw"]).replace(b"\r", b" ").replace(b"\n", b" ")
        yield b"id: " + str(document["id"]).encode() + b"\nevent: statement\ndata: " + raw + b"\n\n"
