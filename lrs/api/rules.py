"""Rules over HTTP: check, test, plan, apply, list, read; explain and history of a person's certification."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import orjson
from flask import Response
from marshmallow import Schema, fields, validate

from lrs.admission import admit
from lrs.api.contract import Blueprint
from lrs.api.people import left_at, seen
from lrs.api.rights import vendor_only
from lrs.auth import requires
from lrs.context import laurel
from rules import check_files, enquiries, plans
from rules.explain import as_dict
from rules.publishing import end_lifecycle, surroundings

blp = Blueprint("rules", __name__, description="Certification rules: check, plan, publish, question.")

MAX_FILES: Final = 50


class RuleText(Schema):
    """One rule file."""

    file = fields.String(load_default="rules.yaml", validate=validate.Length(1, 255))
    text = fields.String(required=True, validate=validate.Length(max=262_144 + 1))


class RuleFiles(Schema):
    """Rule files that are read together."""

    files = fields.List(fields.Nested(RuleText), required=True, validate=validate.Length(1, MAX_FILES))


class Instants(Schema):
    """The instant asked about, and what was known then; both default to now."""

    at = fields.AwareDateTime(default_timezone=dt.UTC)
    known_at = fields.AwareDateTime(default_timezone=dt.UTC)


class Retirement(Schema):
    """Why a certification ends."""

    reason = fields.String(load_default=None, validate=validate.Length(max=500))
    withdraw = fields.Boolean(load_default=False, metadata={"description": "End all running periods now."})


class Version(Schema):
    """A version of a document; the newest one without."""

    version = fields.String(load_default=None)


def answer(body: Any, status: int = 200) -> Response:
    """Answer engine data as JSON: instants in UTC with `Z`, dates as text."""
    return Response(
        orjson.dumps(body, option=orjson.OPT_UTC_Z), status=status, content_type="application/json"
    )


def texts_of(files: list[dict[str, str]]) -> list[tuple[str, bytes]]:
    """Return files as the check takes them."""
    return [(one["file"], one["text"].encode("utf-8", "surrogatepass")) for one in files]


@blp.route("/rules/check", methods=["POST"])
@requires("rules")
@blp.arguments(RuleFiles)
def check(body: dict[str, Any]) -> Response:
    """Say every problem of rule files, or their hashes (3)."""
    here = laurel()
    names, _ = surroundings(here.db, here.now())
    return answer(check_files.check_reply(check_files.check_files(texts_of(body["files"]), names)))


@blp.route("/rules/test", methods=["POST"])
@requires("rules")
@blp.arguments(RuleFiles)
def test(body: dict[str, Any]) -> Response:
    """Run the tests inside rule files (2.10)."""
    here = laurel()
    names, known = surroundings(here.db, here.now())
    return answer(check_files.tests_reply(check_files.run_files(texts_of(body["files"]), names, known)))


@blp.route("/rules/plans", methods=["POST"])
@requires("rules")
@blp.arguments(RuleFiles)
def plan(body: dict[str, Any]) -> Response:
    """Say who would gain, change and lose; the plan lives 24 hours (6)."""
    principal, here = vendor_only(), laurel()
    texts = [(one["file"], one["text"]) for one in body["files"]]
    made = plans.make_plan(here.db, texts, here.now(), who(principal), admit)
    return answer(plans.reply(made), 201)


@blp.route("/rules/plans/<plan_id>", methods=["GET"])
@requires("rules")
def get_plan(plan_id: str) -> Response:
    """Answer a stored plan."""
    vendor_only()
    return answer(plans.reply(plans.get_plan(laurel().db, plan_id)))


@blp.route("/rules/plans/<plan_id>/apply", methods=["POST"])
@requires("rules")
def apply(plan_id: str) -> Response:
    """Publish what a plan says; 409 where it expired or no longer says what would happen (6-2)."""
    principal, here = vendor_only(), laurel()
    rows = plans.apply_plan(
        here.db, plan_id, here.now(), who(principal), two_persons=here.settings.two_persons
    )
    return answer([plans.record_reply(row) for row in rows])


@blp.route("/rules", methods=["GET"])
@requires("rules")
def list_rules() -> Response:
    """List what is published, with running backfills and failures."""
    vendor_only()
    return answer({"items": enquiries.list_rules(laurel().db, laurel().now()), "next": None})


@blp.route("/rules/<rule_id>", methods=["GET"])
@requires("rules")
@blp.arguments(Version, location="query")
def show(args: dict[str, Any], rule_id: str) -> Response:
    """Answer a published version with its source."""
    vendor_only()
    row = enquiries.get_record(laurel().db, rule_id, args["version"])
    return answer(plans.record_reply(row) | {"source": row["source"]})


@blp.route("/rules/<rule_id>/retire", methods=["POST"])
@requires("rules")
@blp.arguments(Retirement)
def retire(body: dict[str, Any], rule_id: str) -> Response:
    """End a certification: no new awards, or with `withdraw` the end of all running periods."""
    principal, here = vendor_only(), laurel()
    row = end_lifecycle(
        here.db,
        rule_id,
        "withdraw" if body["withdraw"] else "retire",
        here.now(),
        who(principal),
        reason=body["reason"],
    )
    return answer(plans.record_reply(row) | {"action": row["action"]}, 201)


@blp.route("/people/<person>/certifications/<certification>/explain", methods=["GET"])
@requires("people", "rules")
@blp.arguments(Instants, location="query")
def explain(args: dict[str, Any], person: str, certification: str) -> Response:
    """Say why a person holds a certification, or why not yet (6-3)."""
    here, whom = laurel(), visible(person)
    at, known_at, left = args.get("at"), args.get("known_at"), left_at(whom)
    if left is not None:  # who left is seen as they were while they belonged (5-5)
        at, known_at = min(at or left, left), min(known_at or left, left)
    asked = person if left is None else whom  # a person who was merged later may be asked about as then known
    found = enquiries.explain(here.db, asked, certification, at, here.now(), known_at=known_at)
    return answer(as_dict(found))


@blp.route("/people/<person>/certifications/<certification>/history", methods=["GET"])
@requires("people", "rules")
def history(person: str, certification: str) -> Response:
    """List what was decided about a person in a certification, corrections included."""
    whom = visible(person)
    left, rows = left_at(whom), enquiries.history_of(laurel().db, whom, certification)
    shown = rows if left is None else [row for row in rows if row["decided_at"] < left]
    return answer({"items": shown, "next": None})


def visible(person: str) -> str:
    """Return the id of a person of the principal's realm; raises UnknownThing."""
    return str(seen(person)["_id"])


def who(principal: Any) -> str:
    """Return who did something, for the record."""
    return f"{principal.kind}:{principal.id}"
