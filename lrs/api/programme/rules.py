"""Rules over HTTP: check, test, plan, apply, list, read; explain and history of a person's certification."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import orjson
from flask import Response
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint, Flag, Instant
from lrs.api.programme import answers
from lrs.api.rights import directory, vendor_only
from lrs.content.fulfilling import courses_for
from lrs.foundation.context import current_services
from lrs.people.auto_enrolment import admit
from rules import queries
from rules.explaining.explain import as_dict
from rules.publication import plans, reviews
from rules.publication.publishing import retire as retire_now
from rules.publication.publishing import surroundings
from rules.testing import files as check_files

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

    at = Instant(default_timezone=dt.UTC)
    known_at = Instant(default_timezone=dt.UTC)


class Retirement(Schema):
    """Why a certification ends."""

    reason = fields.String(load_default=None, validate=validate.Length(max=500))
    withdraw = Flag(
        load_default=False,
        metadata={"description": "Answer the plan that ends all running periods, to apply."},
    )


class ReviewBody(Schema):
    """What somebody says of a plan."""

    verdict = fields.String(required=True, validate=validate.OneOf(reviews.VERDICTS))
    comment = fields.String(load_default="", validate=validate.Length(max=reviews.LONGEST))


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


@blp.post("/rules/check", scope="rules", writes=False)
@blp.arguments(RuleFiles)
@blp.response(200, answers.RuleCheck)
def check(body: dict[str, Any]) -> Response:
    """Say every problem of rule files, or their hashes (cert#3)."""
    services = current_services()
    names, _ = surroundings(services.db, services.now())
    return answer(check_files.check_reply(check_files.check_files(texts_of(body["files"]), names)))


@blp.post("/rules/test", scope="rules", writes=False)
@blp.arguments(RuleFiles)
@blp.response(200, answers.RuleTests)
def test(body: dict[str, Any]) -> Response:
    """Run the tests inside rule files (cert#2.10)."""
    services = current_services()
    names, known = surroundings(services.db, services.now())
    return answer(check_files.tests_reply(check_files.run_files(texts_of(body["files"]), names, known)))


@blp.post("/rules/plans", scope="rules")
@blp.arguments(RuleFiles)
@blp.response(201, answers.Plan)
def plan(body: dict[str, Any]) -> Response:
    """Say who would gain, change and lose; the plan lives 24 hours (cert#6)."""
    principal, services = vendor_only(), current_services()
    texts = [(one["file"], one["text"]) for one in body["files"]]
    made = plans.make_plan(services.db, texts, services.now(), who(principal), admit)
    return answer(plans.reply(made), 201)


@blp.get("/rules/plans/<plan_id>", scope="rules")
@blp.response(200, answers.Plan)
def get_plan(plan_id: str) -> Response:
    """Answer a stored plan."""
    vendor_only()
    return answer(plans.reply(plans.get_plan(current_services().db, plan_id)))


@blp.post("/rules/plans/<plan_id>/reviews", scope="rules")
@blp.arguments(ReviewBody)
@blp.response(201, answers.Plan)
def review(body: dict[str, str], plan_id: str) -> Response:
    """Approve a plan, object to it, or comment (cert#6-2); nobody approves what they made themselves."""
    principal, services = vendor_only(), current_services()
    reviews.review_plan(
        services.db, plan_id, services.now(), who(principal),
        verdict=body["verdict"], comment=body["comment"].strip(),
    )  # fmt: skip
    return answer(plans.reply(plans.get_plan(services.db, plan_id)), 201)


@blp.post("/rules/plans/<plan_id>/apply", scope="rules")
@blp.response(200, answers.RuleRecord(many=True))
def apply(plan_id: str) -> Response:
    """Publish what a plan says; 409 where it expired or no longer says what would happen (cert#6-2)."""
    principal, services = vendor_only(), current_services()
    rows = plans.apply_plan(
        services.db, plan_id, services.now(), who(principal), two_persons=services.settings.two_persons
    )
    return answer([plans.record_reply(row) for row in rows])


@blp.get("/rules", scope="rules")
@blp.response(200, answers.RuleList)
def list_rules() -> Response:
    """List what is published, with running backfills and failures."""
    vendor_only()
    return answer(
        {"items": queries.list_rules(current_services().db, current_services().now()), "next": None}
    )


@blp.get("/rules/<rule_id>", scope="rules")
@blp.arguments(Version, location="query")
@blp.response(200, answers.RuleSource)
def get_rule(args: dict[str, Any], rule_id: str) -> Response:
    """Answer a published version with its source."""
    vendor_only()
    row = queries.get_record(current_services().db, rule_id, args["version"])
    return answer(plans.record_reply(row) | {"source": row["source"]})


@blp.post("/rules/<rule_id>/retire", scope="rules")
@blp.arguments(Retirement)
@blp.response(201, answers.Retired)
def retire(body: dict[str, Any], rule_id: str) -> Response:
    """Give no new awards of a certification; with `withdraw`, plan the end of all periods (cert#6-1)."""
    principal, services = vendor_only(), current_services()
    asked = services.db, rule_id, services.now(), who(principal)
    if body["withdraw"]:
        return answer(plans.reply(plans.plan_withdrawal(*asked, reason=body["reason"])), 201)
    return answer(plans.record_reply(retire_now(*asked, reason=body["reason"])), 201)


@blp.get("/people/<person>/certifications/<certification>/explain", scope=("people", "rules", "analytics"))
@blp.arguments(Instants, location="query")
@blp.response(200, answers.Explained)
def explain(args: dict[str, Any], person: str, certification: str) -> Response:
    """Say why a person holds a certification, or why not yet (cert#6-3)."""
    services, whom = current_services(), visible(person)
    at, known_at, left = args.get("at"), args.get("known_at"), directory().left_at(whom)
    if left is not None:  # who left is seen as they were while they belonged (cert#5-5)
        at, known_at = min(at or left, left), min(known_at or left, left)
    asked = person if left is None else whom  # a person who was merged later may be asked about as then known
    found = queries.explain(services.db, asked, certification, at, services.now(), known_at=known_at)
    courses = courses_for(services.db, found, services.settings.public_url)
    return answer(as_dict(found) | {"courses": courses})


@blp.get("/people/<person>/certifications/<certification>/history", scope=("people", "rules", "analytics"))
@blp.response(200, answers.HistoryList)
def history(person: str, certification: str) -> Response:
    """List what was decided about a person in a certification, corrections included."""
    whom = visible(person)
    left, rows = (
        directory().left_at(whom),
        queries.history_of(current_services().db, whom, certification, current_services().now()),
    )
    shown = rows if left is None else [row for row in rows if row["decided_at"] < left]
    return answer({"items": shown, "next": None})


def visible(person: str) -> str:
    """Return the id of a person whom the principal sees; raises UnknownThing."""
    return str(directory().get(person)["_id"])


def who(principal: Any) -> str:
    """Return who did something, for the record."""
    return f"{principal.kind}:{principal.id}"
