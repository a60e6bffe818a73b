"""Retention: how long an organization keeps statements and documents, planned before anything goes."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint, Flag, Instant, check_match, tagged
from lrs.api.rights import editor, visible_org
from lrs.foundation.context import current_services
from lrs.people.privacy import retention

blp = Blueprint("retention", __name__, url_prefix="/orgs", description="How long statements are kept.")

Document = dict[str, Any]
IRI: Final = validate.Length(1, 2000)


class RetentionRuleSchema(Schema):
    """What goes when it is older than so many days."""

    what = fields.String(required=True, validate=validate.OneOf(retention.KINDS))
    days = fields.Integer(required=True, validate=validate.Range(1, 36_500))
    verb = fields.String(load_default=None, allow_none=True, validate=IRI)
    activity = fields.String(load_default=None, allow_none=True, validate=IRI)


class RetentionDatedRuleSchema(RetentionRuleSchema):
    """A rule of a plan: what was stored before an instant."""

    before = Instant()


class RetentionSchema(Schema):
    """A policy; `evidence` is what becomes of statements that certifications look at."""

    org = fields.String(dump_only=True)
    rules = fields.List(
        fields.Nested(RetentionRuleSchema), required=True, validate=validate.Length(max=retention.MAX_RULES)
    )
    evidence = fields.String(load_default="keep", validate=validate.OneOf(retention.EVIDENCE))
    automatic = Flag(
        load_default=False, metadata={"description": "Planned and applied by the worker once a day."}
    )
    updated_at = Instant(dump_only=True)


class RetentionPlanSchema(Schema):
    """A dry run, kept for a day; `done` is what was done of it so far."""

    id = fields.String(attribute="_id")
    org = fields.String()
    rules = fields.List(fields.Nested(RetentionDatedRuleSchema))
    evidence = fields.String()
    counts = fields.Dict(keys=fields.String(), values=fields.Integer())
    done = fields.Dict(keys=fields.String(), values=fields.Integer())
    state = fields.String(validate=validate.OneOf(("counting", "planned", "applying", "done")))
    share = fields.Float(metadata={"description": "How much of the store was counted, 0 to 1."})
    by = fields.String()
    at = Instant()
    expires_at = Instant(allow_none=True)
    applied_by = fields.String(allow_none=True)
    applied_at = Instant(allow_none=True)
    done_at = Instant(allow_none=True)


@blp.get("/<org>/retention", scope="orgs")
@blp.response(200, RetentionSchema)
def get_policy(org: str) -> Any:
    """Answer the policy of an organization; without rules everything is kept."""
    return tagged(retention.get_policy(current_services().db, visible_org(org)))


@blp.put("/<org>/retention", scope="orgs")
@blp.conditional
@blp.arguments(RetentionSchema)
@blp.response(200, RetentionSchema)
def put_policy(body: Document, org: str) -> Any:
    """Replace the policy that `If-Match` names; nothing goes before a plan of it is applied."""
    before = retention.get_policy(current_services().db, visible_org(org))
    version = check_match("retention policy", before)
    return tagged(retention.set_policy(editor(), org, body.pop("rules"), version=version, **body))


@blp.post("/<org>/retention/plans", scope="orgs")
@blp.response(201, RetentionPlanSchema)
def make_plan(org: str) -> Any:
    """Count what the policy would remove, pseudonymise and keep now; nothing is changed.

    What takes longer than two seconds is answered while its state is `counting`: look at the plan again.
    """
    return retention.begin_plan(editor(), visible_org(org), current_services().now)


@blp.get("/<org>/retention/plans/<plan>", scope="orgs")
@blp.response(200, RetentionPlanSchema)
def get_plan(org: str, plan: str) -> Any:
    """Answer a plan, and how far it is carried out."""
    return retention.get_plan(current_services().db, visible_org(org), plan)


@blp.post("/<org>/retention/plans/<plan>/apply", scope="orgs")
@blp.response(200, RetentionPlanSchema)
def apply_plan(org: str, plan: str) -> Any:
    """Let the worker do what a plan says: it removes for good."""
    settings = current_services().settings
    return retention.apply_plan(editor(), visible_org(org), plan, two_persons=settings.two_persons)
