"""Awards over HTTP: who stands how, what people decide about it, and what waits for a decision."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields, validate
from pymongo.client_session import ClientSession

from lrs.api.contract import Blueprint, Instant, PageArgs, next_link, read_cursor
from lrs.api.programme import answers
from lrs.api.programme.rules import answer, visible, who
from lrs.api.rights import directory, editor, vendor_only, visible_org
from lrs.foundation.context import current_services
from rules import queries
from rules.catalogue.store import cache_of
from rules.engine import manual_decisions
from rules.engine.facts import REASONS
from rules.engine.identity import find_person
from rules.engine.manual_decisions import KINDS, RESOLUTIONS, Appeal
from rules.engine.standings import state_at
from rules.evidence.history import Fact
from rules.stored import VENDOR

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
    state = fields.List(
        fields.String(validate=validate.OneOf(STATES)),
        load_default=list,
        metadata={"description": "One of these states; may be repeated."},
    )
    at = Instant(default_timezone=dt.UTC, metadata={"description": "As of this instant; now."})


class ReviewFilter(Schema):
    """Which review items."""

    certification = fields.String(load_default=None)


class AppealSchema(Schema):
    """A note with a due date; it changes no state."""

    note = fields.String(required=True, validate=validate.Length(1, 2000))
    due = fields.Date(required=True)


class NewFact(Schema):
    """What people decide about an award (cert#4.10)."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    at = Instant(default_timezone=dt.UTC, metadata={"description": "When it takes effect; now."})
    until = Instant(default_timezone=dt.UTC, metadata={"description": "Exclusive end of a hold."})
    until_day = fields.Date(metadata={"description": "New last day of an extension."})
    revoke_at = Instant(default_timezone=dt.UTC)
    allowed = fields.Boolean(
        load_default=True, metadata={"description": "Approval, acceptance or readmission; false denies."}
    )
    statement = fields.String(metadata={"description": "The statement that is accepted or ruled on."})
    choice = fields.String(validate=validate.OneOf(RESOLUTIONS))
    of = fields.String(
        metadata={
            "description": "The hold of a lift, the selector of a grant, the revocation of a readmission."
        }
    )
    reason = fields.String(validate=validate.OneOf(REASONS))
    by = fields.String(
        metadata={
            "description": "The person who decided; approvals, grants, readmissions need a group's member."
        }
    )
    note = fields.String(validate=validate.Length(max=2000))
    appeal = fields.Nested(AppealSchema)


@blp.get("/awards", scope=("people", "rules", "analytics"))
@blp.arguments(AwardFilter, location="query")
@blp.response(200, answers.StandingPage)
def list_awards(args: dict[str, Any]) -> Response:
    """List who stands how in which certification, of the people whom the principal sees."""
    services = current_services()
    if "organization" in args:
        visible_org(args["organization"])
    rows = list(
        queries.list_awards(
            services.db,
            services.now(),
            person=visible(args["person"]) if "person" in args else None,
            persons=directory().members(),
            certification=args.get("certification"),
            states=args["state"],
            at=args.get("at"),
            organization=args.get("organization"),
            after=read_cursor(args["after"]) if args["after"] else None,
            limit=args["limit"] + 1,
        )
    )
    shown = list(queries.with_names(services.db, rows[: args["limit"]], services.now()))
    return answer({"items": shown, "next": next_link(shown[-1]["id"]) if len(rows) > len(shown) else None})


@blp.post("/people/<person>/certifications/<certification>/facts", scope=("people", "rules"))
@blp.arguments(NewFact)
@blp.response(201, answers.RecordedFact)
def add_fact(body: dict[str, Any], person: str, certification: str) -> Response:
    """Record what people decided about an award; `-` as certification means all of the person's."""
    return answer(manual_decisions.fact_reply(decide(body, person, certification)), 201)


def decide(body: dict[str, Any], person: str, certification: str) -> dict[str, Any]:
    """Record a decision of people with its entry in the audit, and return the fact; the vendor's right.

    `body` is a loaded NewFact. Raises what `decide_manually` does, UnknownThing and Forbidden.
    """
    principal, services = vendor_only(), current_services()
    appeal, whom = body.pop("appeal", None), visible(person)
    about = None if certification == "-" else certification
    now, fact = services.now(), fact_of(body, about)
    noted = editor()
    row = services.db.standings.find_one({"org": VENDOR, "person": whom, "certification": about})
    state = state_at(row, now) if row else None
    before = {"state": state.state if state else None}
    after = {"state": f"{fact.kind} decided", "certification": about, **told(body)}

    def audit(session: ClientSession) -> None:
        noted.session = session
        noted.note("award.decide", "person", whom, org=VENDOR, before=before, after=after, note=fact.note)

    return manual_decisions.decide_manually(
        services.db,
        cache_of(services.db).get(fresh=True),
        whom,
        fact,
        now,
        appeal=Appeal(**appeal) if appeal else None,
        recorded_by=who(principal),
        also=audit,
    )


def fact_of(body: dict[str, Any], certification: str | None) -> Fact:
    """Return the fact that a loaded NewFact without an appeal says, decided now; raises UnknownPerson."""
    services = current_services()
    now, decider = services.now(), body.pop("by", None)
    return Fact(
        **{"at": now, **body},
        decided_at=now,
        certification=certification,
        by=find_person(services.db, decider, now) if decider else None,
    )


def told(body: dict[str, Any]) -> dict[str, Any]:
    """Return what of a decision the audit keeps beside its note: dates as text, which MongoDB has not."""
    return {
        name: value.isoformat() if isinstance(value, dt.date) else value
        for name, value in body.items()
        if name not in {"kind", "note"}
    }


@blp.get("/reviews", scope=("people", "rules"))
@blp.arguments(ReviewFilter, location="query")
@blp.response(200, answers.ReviewList)
def list_reviews(args: dict[str, Any]) -> Response:
    """List what waits for a decision of a human being, oldest first."""
    vendor_only()
    rows = manual_decisions.open_reviews(current_services().db, certification=args["certification"])
    return answer({"items": [manual_decisions.review_reply(row) for row in rows], "next": None})
