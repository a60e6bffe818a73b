"""Gates over HTTP: other systems ask, one by one or many at once (5-7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response
from marshmallow import INCLUDE, Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.rights import see_org
from lrs.api.rules import answer
from lrs.auth import requires
from lrs.context import laurel
from lrs.refusals import InvalidField
from rules import gatekeeping
from rules.gatekeeping import Asked
from rules.model import Gate
from rules.rule_set import RuleSet
from rules.store import cache_of

blp = Blueprint("gates", __name__, url_prefix="/gates", description="Yes/no questions of partners' systems.")

MAX_QUESTIONS: Final = 500


class QuestionSchema(Schema):
    """For whom, by whom, and the subject under the name that the gate gives it."""

    class Meta:
        """The subject's name is the gate's: it is read from the members that are left over."""

        unknown = INCLUDE

    organization = fields.String(required=True, validate=validate.Length(1, 64))
    submitter = fields.String(required=True, validate=validate.Length(1, 500))


class QuestionsSchema(Schema):
    """Several questions, answered in order."""

    questions = fields.List(
        fields.Nested(QuestionSchema), required=True, validate=validate.Length(1, MAX_QUESTIONS)
    )


@blp.route("/<gate>", methods=["GET"])
@requires("gates")
def show(gate: str) -> Response:
    """Answer what a gate asks, which fields of its subject it needs, and the JSON Schema of a question."""
    here = laurel()
    return answer(gatekeeping.describe(cache_of(here.db).get(), gate, here.now()))


@blp.route("/<gate>/check", methods=["POST"])
@requires("gates")
@blp.arguments(QuestionSchema, unknown=INCLUDE)
def check(body: dict[str, Any], gate: str) -> Response:
    """Answer one question; the answer is kept as it was given."""
    return answer(ask(gate, [(body, "")])[0])


@blp.route("/<gate>/check/batch", methods=["POST"])
@requires("gates")
@blp.arguments(QuestionsSchema)
def check_batch(body: dict[str, Any], gate: str) -> Response:
    """Answer up to 500 questions, in order."""
    questions = [(one, f"questions.{i}") for i, one in enumerate(body["questions"])]
    return answer({"answers": ask(gate, questions)})


def ask(gate: str, questions: Sequence[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    """Answer questions, each with its place in the request, of the principal's realm.

    Raises UnknownThing, UnknownRule, InvalidField, FieldsMissing.
    """
    here = laurel()
    rules = cache_of(here.db).get()
    subject = subject_of(rules, gate, here.now())
    asked = [_asked(one, place, subject) for one, place in questions]
    return [gatekeeping.reply(row) for row in gatekeeping.check(here.db, rules, gate, asked, here.now())]


def _asked(question: dict[str, Any], place: str, subject: str) -> Asked:
    see_org(question["organization"])
    left = {name: value for name, value in question.items() if name not in {"organization", "submitter"}}
    about = left.pop(subject, {})
    prefix = f"{place}." if place else ""
    if left:
        raise InvalidField(f"{prefix}{min(left)}", f"unknown; the subject is called {subject}")
    if not isinstance(about, dict):
        raise InvalidField(f"{prefix}{subject}", "must be an object")
    return Asked(question["organization"], question["submitter"], about, place)


def subject_of(rules: RuleSet, gate: str, now: Any) -> str:
    """Return the name of a gate's subject; raises UnknownRule."""
    document = rules.applicable("Gate", gate, now).document
    return document.subject if isinstance(document, Gate) else "subject"
