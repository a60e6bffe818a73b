"""Rubrics over HTTP: by which criteria people are assessed; each change is a new version."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.api.contract import Blueprint, Instant
from lrs.api.resource import Resource
from lrs.api.rights import editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden
from lrs.instruction import rubrics

blp = Blueprint(
    "rubrics", __name__, url_prefix="/rubrics", description="Criteria, levels, points, pass mark."
)

Document = dict[str, Any]
NAME = validate.Length(1, rubrics.LONGEST)


class Level(Schema):
    """A level of a criterion; its id follows from its name."""

    id = fields.String(dump_only=True)
    name = fields.String(required=True, validate=NAME)
    points = fields.Integer(required=True, validate=validate.Range(0, rubrics.MOST_POINTS))


class Criterion(Schema):
    """What is looked at."""

    id = fields.String(dump_only=True)
    name = fields.String(required=True, validate=NAME)
    levels = fields.List(
        fields.Nested(Level), required=True, validate=validate.Length(2, rubrics.MOST_LEVELS)
    )


CRITERIA: Final[dict[str, Any]] = {"validate": validate.Length(1, rubrics.MOST_CRITERIA)}


class RubricSchema(Schema):
    """The newest version of a rubric."""

    id = fields.String(attribute="rubric")
    number = fields.Integer()
    org = fields.String()
    title = fields.String()
    activity = fields.String()
    pass_mark = fields.Integer(allow_none=True)
    criteria = fields.List(fields.Nested(Criterion))
    created_at = Instant()


class RubricChanges(Schema):
    """What the next version says; the rest stays."""

    title = fields.String(validate=NAME)
    activity = fields.String()
    pass_mark = fields.Integer(allow_none=True)
    criteria = fields.List(fields.Nested(Criterion), **CRITERIA)


class NewRubric(RubricChanges):
    """A new rubric of the own organization."""

    title = fields.String(required=True, validate=NAME)
    criteria = fields.List(fields.Nested(Criterion), required=True, **CRITERIA)


def find(rubric: str) -> Document:
    """Return the newest version of a rubric that the principal's organization may use."""
    return named(rubrics.get_rubric(current_services().db, current_principal().org, rubric))


def named(kept: Document) -> Document:
    """Return a version under the name of its rubric, its number as the version that `If-Match` names."""
    return {**kept, "_id": kept["rubric"], "version": kept["number"]}


RUBRICS = Resource(
    blp, "rubric", RubricSchema, collection="rubrics", path="/<rubric>", scope="assess", find=find,
    bounds=lambda: rubrics.of_use(current_services().db, current_principal().org),
)  # fmt: skip


@RUBRICS.lists()
def list_rubrics(_: Document) -> Document:
    """List the rubrics that the own organization may use: its own, and those of the ones above it."""
    return {}


@RUBRICS.reads()
def get_one(rubric: Document) -> Document:
    """Answer a rubric as it is now."""
    return rubric


@RUBRICS.makes(NewRubric)
def make(body: Document) -> Document:
    """Make a rubric."""
    return put(body, None)


def put(wish: Document, before: Document | None) -> Document:
    """Keep a version."""
    base, org = current_services().settings.public_url, current_principal().org
    wish = {**wish, "criteria": rubrics.with_ids(wish["criteria"])}
    return named(rubrics.put_rubric(editor(), org, wish, before, base))


def check_own(_: Document, before: Document) -> None:
    """Refuse a change of a rubric of an organization above; raises Forbidden."""
    if before["org"] != current_principal().org:
        raise Forbidden("this rubric belongs to an organization above yours; make one of your own")


@RUBRICS.changes(RubricChanges, check=check_own)
def change(body: Document, before: Document, number: int) -> Document:
    """Make the next version; what was signed keeps the version that it was signed by."""
    kept = {name: before[name] for name in ("title", "activity", "pass_mark", "criteria")}
    return put({**kept, **body}, {**before, "_id": f"{before['rubric']}-{number}"})
