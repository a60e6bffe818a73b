"""The recipes: what each is for, the fields of its form; its text is `lrs/templates/recipes/NAME.yaml`."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from lrs.words.reader import mark

IRI: Final = r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`*]+"
RELEASED: Final = r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`*]*\{release\}[^\x00-\x20<>\"{}|\\^`*]*"
ID: Final = r"[a-z][a-z0-9_-]{0,63}"
MOST: Final = 20  # activities of a list


class Lines(fields.String):
    """Several activities, one a line."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found = list(dict.fromkeys(str(super()._deserialize(value, attr, data, **kwargs)).split()))
        if not 2 <= len(found) <= MOST:
            raise ValidationError(f"is a list of 2 to {MOST} addresses, one a line")
        for one in found:
            if not re.fullmatch(IRI, one) or len(one) > 2000:
                raise ValidationError(f"has {one[:60]}, which is no address of an activity")
        return found


def _number(low: int, high: int) -> fields.Field[Any]:
    said = f"is a number from {low} to {high}"
    wrong: dict[str, Any] = {"invalid": said, "required": said, "too_large": said}
    return fields.Integer(required=True, validate=validate.Range(low, high, error=said), error_messages=wrong)


def _text(pattern: str, said: str, longest: int) -> fields.Field[Any]:
    literal = said.replace("{", "{{").replace("}", "}}")  # marshmallow fills the words of a check
    checks = [validate.Regexp(rf"(?s:{pattern})\Z", error=literal), validate.Length(max=longest)]
    return fields.String(required=True, validate=checks, error_messages={"required": literal})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: how it is called, what it begins with, and how it is read."""

    name: str
    label: str
    example: str
    reads: fields.Field[Any]
    kind: str = "text"  # text, number, lines, date
    suggests: str = ""  # activities, certifications or groups
    help: str = ""


def _day() -> fields.Field[Any]:
    said = "is a day from 2000-01-01 to 2099-12-31"
    within = validate.Range(dt.date(2000, 1, 1), dt.date(2099, 12, 31), error=said)
    return fields.Date(required=True, validate=within, error_messages={"invalid": said, "required": said})


def _activity(name: str, label: str, example: str, help_: str = "") -> Field:
    reads = _text(IRI, "is no address of an activity, such as https://example.com/course", 2000)
    return Field(name, label, f"https://example.com/{example}", reads, suggests="activities", help=help_)


def _count(name: str, label: str, example: int, within: tuple[int, int], help_: str = "") -> Field:
    return Field(name, label, str(example), _number(*within), kind="number", help=help_)


def _printable(text: str) -> None:
    if not text.strip() or not text.isprintable():
        raise ValidationError("is one line of text, without signs that nobody sees")


TITLE: Final = Field(
    "title",
    mark("Name that people see"),
    "My certification",
    fields.String(required=True, validate=[_printable, validate.Length(max=200)]),
)
COURSE: Final = _activity("course", mark("Address of the course"), "course")
EXAM: Final = _activity("exam", mark("Address of the exam"), "exam")
PERCENT: Final = _count("percent", mark("Pass mark in percent"), 80, (2, 100))
MONTHS: Final = _count("months", mark("Valid for so many months"), 12, (0, 240), mark("0: it never ends"))
RENEWED: Final = _count("months", mark("Valid for so many months"), 12, (6, 240))
LIST: Final = Field(
    "courses", mark("Addresses of the courses, one a line"),
    "https://example.com/course-1\nhttps://example.com/course-2\nhttps://example.com/course-3",
    Lines(required=True, validate=validate.Length(max=MOST)), kind="lines",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe: its name in addresses, what it gives, when to take it, its fields."""

    name: str
    title: str
    why: str
    fields: tuple[Field, ...]

    @property
    def schema(self) -> type[Schema]:
        """Return what reads the form."""
        return Schema.from_dict({one.name: one.reads for one in (TITLE, *self.fields)})


RECIPES: Final = {
    one.name: one
    for one in (
        Recipe("course", mark("A course"), mark("Who did one course is certified."), (COURSE, MONTHS)),
        Recipe(
            "exam",
            mark("A course and an exam"),
            mark("Who did the course and reached the pass mark; the best attempt counts."),
            (COURSE, EXAM, PERCENT, MONTHS),
        ),
        Recipe(
            "yearly",
            mark("Yearly compliance"),
            mark("Read a policy, answer a quiz, again before every end, with some days of grace."),
            (
                _activity("policy", mark("Address of the policy"), "policy"),
                _activity("quiz", mark("Address of the quiz"), "quiz"),
                PERCENT,
                RENEWED,
                _count("opens", mark("Renewal opens so many days before the end"), 60, (8, 90)),
                _count("grace", mark("Days of grace after the end"), 30, (0, 365)),
            ),
        ),
        Recipe(
            "ladder",
            mark("The next rung of a ladder"),
            mark("Who holds another certification, does a course and passes an exam."),
            (
                Field(
                    "below_it",
                    mark("The certification below"),
                    "",
                    _text(ID, "is the id of a certification", 64),
                    suggests="certifications",
                ),
                COURSE,
                EXAM,
                PERCENT,
                MONTHS,
            ),
        ),
        Recipe(
            "practical",
            mark("A practical with an assessor"),
            mark("Somebody of a group signs it, never the learner."),
            (
                _activity("practical", mark("Address of the practical"), "practical"),
                Field(
                    "group",
                    mark("Group whose members may sign"),
                    "assessors",
                    _text(ID, "is the id of a group: small letters, digits, - and _", 64),
                    suggests="groups",
                ),
                MONTHS,
            ),
        ),
        Recipe(
            "some-of",
            mark("Some courses of a list"),
            mark("Several products or modules, of which some are enough."),
            (LIST, _count("many", mark("How many are enough"), 2, (1, MOST)), MONTHS),
        ),
        Recipe(
            "in-order",
            mark("Steps in order"),
            mark("Onboarding: one step after the other, in time."),
            (LIST, _count("within", mark("Days from the first step to the last"), 30, (1, 1000)), MONTHS),
        ),
        Recipe(
            "year-end",
            mark("One common end for all"),
            mark("Everybody's certification ends on the same day of the year."),
            (
                COURSE,
                Field("fixed", mark("The common day"), "2026-12-31", _day(), kind="date"),
                _count("minimum", mark("Who begins fewer days before has the next year too"), 90, (60, 300)),
            ),
        ),
        Recipe(
            "launch",
            mark("A module for each release"),
            mark("Who is certified for a product has some days to do the module of a new release."),
            (
                Field(
                    "product",
                    mark("Product"),
                    "my-product",
                    _text(ID, "is an id: small letters, digits, - and _", 64),
                ),
                COURSE,
                Field(
                    "launch",
                    mark("Address of the release's module"),
                    "https://example.com/launch-{release}",
                    _text(RELEASED, "is an address with {release} for the number of the release", 2000),
                    help=mark("{release} stands for the number of the release."),
                ),
                _count("within", mark("Days to do it"), 30, (1, 90)),
                RENEWED,
            ),
        ),
    )
}
"""All recipes by name, in the order in which they are shown."""
