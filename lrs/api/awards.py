"""Awards over HTTP: who stands how, what people decide about it, and what waits for a decision."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint, PageArgs, next_link, read_cursor
from lrs.api.people import present
from lrs.api.rights import see_org, vendor_only
from lrs.api.rules import answer, visible, who
from lrs.auth import requires
from lrs.context import laurel
from rules import enquiries, rulings
from rules.facts import REASONS
from rules.history import Fact
from rules.people import find_person
from rules.rulings import KINDS, RESOLUTIONS, Appeal
from rules.store import cache_of

blp = Blueprint("awards", __name__, description="Standings, awards, and what people decide about them.")

STATES: Final = (
    "in_progress", "pending_review", "active", "renewal_open", "grace", "suspended", "expired", "revoked",
    "withdrawn",
)  # fmt: skip


class AwardFilter(PageArgs):
    """Which standings."""

    person = fields.String()
    certification = fields.String()
    organization = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))


class ReviewFilter(Schema):
    """Which review items."""

    certification = fields.String(load_default=None)


class AppealSchema(Schema):
    """A note with a due date; it changes no state."""

    note = fields.String(required=True, validate=validate.Length(1, 2000))
    due = fields.Date(required=True)


class NewFact(Schema):
    """What people decide about an award (4.10)."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    at = fields.AwareDateTime(default_timezone=dt.UTC, metadata={"description": "When it takes effect; now."})
    until = fields.AwareDateTime(
        default_timezone=dt.UTC, metadata={"description": "Exclusive end of a hold."}
    )
    until_day = fields.Date(metadata={"description": "New last day of an extension."})
    revoke_at = fields.AwareDateTime(default_timezone=dt.UTC)
    allowed = fields.Boolean(
        load_default=True, metadata={"description": "Approval or acceptance; false denies."}
    )
    statement = fields.String(metadata={"description": "The statement that is accepted or ruled on."})
    choice = fields.String(validate=validate.OneOf(RESOLUTIONS))
    of = fields.String(metadata={"description": "The hold that a lift ends."})
    reason = fields.String(validate=validate.OneOf(REASONS))
    by = fields.String(
        metadata={"description": "The person who decided; approvals need a member of the group."}
    )
    note = fields.String(validate=validate.Length(max=2000))
    appeal = fields.Nested(AppealSchema)


@blp.route("/awards", methods=["GET"])
@requires("people", "rules")
@blp.arguments(AwardFilter, location="query")
def list_awards(args: dict[str, Any]) -> Response:
    """List who stands how in which certification now, people of the principal's realm."""
    here = laurel()
    if "organization" in args:
        see_org(args["organization"])
    rows = list(
        enquiries.list_awards(
            here.db,
            here.now(),
            person=visible(args["person"]) if "person" in args else None,
            persons=present(),
            certification=args.get("certification"),
            state=args.get("state"),
            organization=args.get("organization"),
            after=read_cursor(args["after"]) if args["after"] else None,
            limit=args["limit"] + 1,
        )
    )
    shown = list(enquiries.with_names(here.db, rows[: args["limit"]], here.now()))
    return answer({"items": shown, "next": next_link(shown[-1]["id"]) if len(rows) > len(shown) else None})


@blp.route("/people/<person>/certifications/<certification>/facts", methods=["POST"])
@requires("people", "rules")
@blp.arguments(NewFact)
def add_fact(body: dict[str, Any], person: str, certification: str) -> Response:
    """Record what people decided about an award; `-` as certification means all of the person's."""
    principal, here = vendor_only(), laurel()
    appeal = body.pop("appeal", None)
    now = here.now()
    decider = body.pop("by", None)
    fact = Fact(
        **{"at": now, **body},
        decided_at=now,
        certification=None if certification == "-" else certification,
        by=find_person(here.db, decider) if decider else None,
    )
    row = rulings.rule(
        here.db,
        cache_of(here.db).get(fresh=True),
        visible(person),
        fact,
        now,
        appeal=Appeal(**appeal) if appeal else None,
        recorded_by=who(principal),
    )
    return answer(rulings.fact_reply(row), 201)


@blp.route("/reviews", methods=["GET"])
@requires("people", "rules")
@blp.arguments(ReviewFilter, location="query")
def list_reviews(args: dict[str, Any]) -> Response:
    """List what waits for a decision of a human being, oldest first."""
    vendor_only()
    rows = rulings.open_reviews(laurel().db, certification=args["certification"])
    return answer({"items": [rulings.review_reply(row) for row in rows], "next": None})
