"""Gates over HTTP: other systems ask, one by one or many at once (cert#5-7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response
from marshmallow import INCLUDE, Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.programme import answers
from lrs.api.programme.rules import answer
from lrs.api.rights import visible_org
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.language.model import Gate
from rules.programmes import gate_checks
from rules.programmes.gate_checks import GateQuestion

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


@blp.get("/<gate>", scope="gates")
@blp.response(200, answers.GateDescription)
def describe(gate: str) -> Response:
    """Answer what a gate asks, which fields of its subject it needs, and the JSON Schema of a question."""
    services = current_services()
    return answer(gate_checks.describe(cache_of(services.db).get(), gate, services.now()))


@blp.post("/<gate>/check", scope="gates", writes=False)
@blp.arguments(QuestionSchema, unknown=INCLUDE)
@blp.response(200, answers.GateAnswer)
def check(body: dict[str, Any], gate: str) -> Response:
    """Answer one question; the answer is kept as it was given."""
    return answer(ask(gate, [(body, "")])[0])


@blp.post("/<gate>/check/batch", scope="gates", writes=False)
@blp.arguments(QuestionsSchema)
@blp.response(200, answers.GateAnswers)
def check_batch(body: dict[str, Any], gate: str) -> Response:
    """Answer up to 500 questions, in order."""
    questions = [(one, f"questions.{i}") for i, one in enumerate(body["questions"])]
    return answer({"answers": ask(gate, questions)})


def ask(gate: str, questions: Sequence[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    """Answer questions, each with its place in the request, about organizations that are seen.

    Raises UnknownThing, UnknownRule, InvalidField, FieldsMissing.
    """
    services = current_services()
    rules = cache_of(services.db).get()
    subject = subject_of(rules, gate, services.now())
    asked = [_asked(one, place, subject) for one, place in questions]
    return [
        gate_checks.reply(row) for row in gate_checks.check(services.db, rules, gate, asked, services.now())
    ]


def _asked(question: dict[str, Any], place: str, subject: str) -> GateQuestion:
    visible_org(question["organization"])
    left = {name: value for name, value in question.items() if name not in {"organization", "submitter"}}
    about = left.pop(subject, {})
    prefix = f"{place}." if place else ""
    if left:
        raise InvalidField(f"{prefix}{min(left)}", f"unknown; the subject is called {subject}")
    if not isinstance(about, dict):
        raise InvalidField(f"{prefix}{subject}", "must be an object")
    return GateQuestion(question["organization"], question["submitter"], about, place)


def subject_of(rules: RuleSet, gate: str, now: Any) -> str:
    """Return the name of a gate's subject; raises UnknownRule."""
    document = rules.applicable("Gate", gate, now).document
    return document.subject if isinstance(document, Gate) else "subject"
