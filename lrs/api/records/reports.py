"""Reports, timelines, deals and the live tail over HTTP."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import orjson
from flask import Response, g, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate

from lrs.analysis import deals
from lrs.analysis.audience import Audience, ReportFilter, ReportRequest, audience
from lrs.analysis.readable_stores import scope_of
from lrs.analysis.reports.catalogue import EVERY_REPORT, about, arranged, as_csv, as_json, as_picture
from lrs.analysis.run import Analyst
from lrs.analysis.timeline import person_timeline, roster
from lrs.api.contract import BYTES, TEXT, Blueprint, Instant
from lrs.api.records import answers
from lrs.api.records.analytics import LONGEST_FILTER, json_of
from lrs.api.streams import answering, streamed
from lrs.exchange.live_tail import ticks
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from statements.query.predicate import Predicate

Document = dict[str, Any]
blp = Blueprint("reports", __name__, description="Reports on people, partners, content and deals")
NAME = validate.Length(max=64)
MAX_CSV = 20 * 1024 * 1024
TAIL_LASTS = dt.timedelta(minutes=30)  # an open tail holds a thread; a client connects again


class NarrowArgs(Schema):
    """What narrows a report."""

    organization = fields.String(validate=NAME)
    tier = fields.String(
        validate=validate.Length(max=129),
        metadata={"description": "`PROGRAMME:TIER`, or a tier that one programme has."},
    )
    region = fields.String(validate=validate.Length(max=200))
    role = fields.String(validate=NAME)
    product = fields.String(validate=NAME)
    certification = fields.String(validate=NAME)
    since = Instant(default_timezone=dt.UTC)
    until = Instant(default_timezone=dt.UTC)


def is_timezone(name: str) -> None:
    """Refuse what is no time zone of the tz database."""
    if name not in available_timezones():
        raise ValidationError("is no time zone of the tz database, such as Europe/Berlin")


class ReportArgs(NarrowArgs):
    """What narrows a report, its days, and its form."""

    timezone = fields.String(
        validate=is_timezone, metadata={"description": "Of days and months; default: the programme's."}
    )

    unit = fields.String(
        validate=validate.OneOf(["month", "quarter", "year"]),
        metadata={"description": "Of what is followed over time; default: quarter."},
    )
    activity = fields.String(
        validate=validate.Length(max=2000), metadata={"description": "The content from which paths begin."}
    )
    days = fields.Integer(
        validate=validate.Range(1, 3650), metadata={"description": "Within which something is to happen."}
    )
    format = fields.String(load_default="json", validate=validate.OneOf(["json", "csv", "svg", "png"]))
    sort = fields.String(
        load_default=None,
        validate=NAME,
        metadata={"description": "A column; `-` before it for falling order."},
    )
    limit = fields.Integer(load_default=None, validate=validate.Range(1, 10_000))


class TailArgs(Schema):
    """Which statements to show as they come."""

    filter = fields.String(
        validate=validate.Length(max=LONGEST_FILTER), metadata={"description": "A filter as JSON."}
    )
    organization = fields.List(fields.String(validate=NAME), load_default=list)


class DealArgs(Schema):
    """Which deals to compare, by whose certification."""

    certification = fields.String(required=True, validate=NAME)
    product = fields.String(validate=NAME)
    organization = fields.List(fields.String(validate=NAME), load_default=list)
    since = Instant(default_timezone=dt.UTC)
    until = Instant(default_timezone=dt.UTC)


def _audience(wanted: ReportFilter) -> Audience:
    db = current_services().db
    return audience(db, scope_of(db, g.principal), wanted, current_services().now())


@blp.get("/reports", scope="analytics")
@blp.response(200, answers.ReportList)
def catalogue() -> Response:
    """List the reports with what each counts."""
    return jsonify({"items": [{"name": name, "about": about(name)} for name in EVERY_REPORT]})


@blp.get("/reports/<name>", scope="analytics")
@blp.arguments(ReportArgs, location="query")
@blp.response(200, answers.Report)
@blp.response(200, TEXT, content_type="text/csv")
@blp.response(200, TEXT, content_type="image/svg+xml")
@blp.response(200, BYTES, content_type="image/png")
def report(args: Document, name: str) -> Response:
    """Answer a report as JSON, CSV or a picture."""
    if name not in EVERY_REPORT:
        raise UnknownThing("report", name)
    form, sort, limit = (args.pop(name) for name in ("format", "sort", "limit"))
    wanted = ReportFilter(**args)
    if wanted.organization is not None:
        scope_of(current_services().db, g.principal, [wanted.organization])
    services = current_services()
    asked = ReportRequest(
        services.db, _audience(wanted), wanted, services.now(), services.settings.lake_url,
        services.settings.prediction,
    )  # fmt: skip
    with answering():
        made = arranged(EVERY_REPORT[name](asked), sort, limit)
    if form == "json":
        return Response(orjson.dumps(as_json(made)), content_type="application/json")
    if form == "csv":
        disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(as_csv(made), content_type="text/csv; charset=utf-8", headers=disposition)
    media = {"svg": "image/svg+xml", "png": "image/png"}[form]
    return Response(as_picture(made, form), content_type=media)


@blp.get("/people/<person>/timeline", scope=("analytics", "people"))
@blp.response(200, answers.Timeline)
def timeline(person: str) -> Response:
    """Show everything known about a person, oldest first."""
    found = person_timeline(
        current_services().db, _audience(ReportFilter()), person, current_services().now()
    )
    return Response(orjson.dumps(found), content_type="application/json")


@blp.get("/orgs/<org>/roster", scope=("analytics", "people"))
@blp.response(200, answers.Roster)
def people_of(org: str) -> Response:
    """List an organization's people, what they hold, and what each should do next."""
    scope_of(current_services().db, g.principal, [org])
    rows = roster(current_services().db, _audience(ReportFilter(organization=org)), current_services().now())
    return Response(orjson.dumps({"items": rows}), content_type="application/json")


@blp.post("/deals", scope="analytics")
@blp.response(200, answers.Imported)
def import_deals() -> Response:
    """Import deals from a CSV body: id, partner, person, product, created, won, amount."""
    read = current_services().bodies.read
    if (request.content_length or 0) > MAX_CSV or len(body := read(request)) > MAX_CSV:
        raise InvalidField("body", f"is larger than {MAX_CSV} bytes")
    try:
        text = body.decode("utf-8-sig")
        mine = None if g.principal.vendor_wide else set(scope_of(current_services().db, g.principal).orgs)
        done = deals.import_csv(
            current_services().db, io.StringIO(text, newline=""), current_services().now(), only=mine
        )
    except ValueError as error:
        raise InvalidField("body", str(error)) from error
    refused = [{"line": line, "reason": reason} for line, reason in done.refused]
    return jsonify({"imported": done.imported, "refused": refused})


@blp.get("/deals/comparison", scope="analytics")
@blp.arguments(DealArgs, location="query")
@blp.response(200, answers.DealComparison)
def compare(args: Document) -> Response:
    """Compare deals of certified people with the others, with n, intervals and the caveat."""
    scope = scope_of(current_services().db, g.principal, args.pop("organization"))
    found = deals.compare(current_services().db, scope, args.pop("certification"), **args)
    return Response(orjson.dumps(dataclasses.asdict(found)), content_type="application/json")


@blp.get("/statements/tail", scope="analytics")
@blp.arguments(TailArgs, location="query")
@blp.response(200, TEXT, content_type="text/event-stream")
def tail(args: Document) -> Response:
    """Stream statements as they are stored, as server-sent events; ends after half an hour."""
    scope = scope_of(current_services().db, g.principal, args["organization"])
    body = {"filter": json_of(args["filter"])} if "filter" in args else {}
    where = Analyst(current_services().db, scope, current_services().now()).parse(body).where
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return streamed("tails", _events(scope, where), "text/event-stream", headers)


def _events(scope: Any, where: Predicate) -> Iterator[bytes]:
    services = current_services()
    end = services.now() + TAIL_LASTS
    yield b"retry: 2000\n\n"
    for document in ticks(services.db, scope, where, stopped=lambda: services.now() > end):
        if document is None:
            yield b": still here\n\n"
            continue
        raw = bytes(document["raw"]).replace(b"\r", b" ").replace(b"\n", b" ")
        yield b"id: " + str(document["id"]).encode() + b"\nevent: statement\ndata: " + raw + b"\n\n"
