"""What reports, rosters, timelines and deals look like in answers, for the OpenAPI document alone."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import INCLUDE, Schema, fields

NONE: Final[dict[str, Any]] = {"allow_none": True}


class ReportName(Schema):
    """A report, and what it counts."""

    name = fields.String()
    about = fields.String()


class ReportList(Schema):
    """The reports that there are."""

    items = fields.List(fields.Nested(ReportName))


class Report(Schema):
    """A report: its columns, and a row of each of them for each thing counted."""

    name = fields.String()
    title = fields.String()
    about = fields.String()
    columns = fields.List(fields.String())
    rows = fields.List(fields.Dict())
    notes = fields.List(fields.String(), metadata={"description": "What must be said with it."})
    beside = fields.List(
        fields.Nested(lambda: Report(exclude=("beside",))),
        metadata={"description": "Tables that belong to it."},
    )


class TimelineEntry(Schema):
    """An attempt, an award, an affiliation or a notice; each kind has members of its own."""

    class Meta:
        """Members depend on the kind."""

        unknown = INCLUDE

    kind = fields.String()
    at = fields.DateTime()


class Timeline(Schema):
    """Everything known about a person, oldest first."""

    person = fields.String()
    name = fields.String(**NONE)
    entries = fields.List(fields.Nested(TimelineEntry))
    left_out = fields.Integer()


class Held(Schema):
    """A certification that somebody holds."""

    certification = fields.String()
    state = fields.String()
    expires = fields.String(**NONE)


class AskedOf(Schema):
    """A certification that is asked of somebody who does not hold it, and by when (cert#5-8)."""

    certification = fields.String()
    state = fields.String()
    since = fields.String()
    due = fields.String(**NONE)
    overdue = fields.Boolean()


class RosterRow(Schema):
    """Somebody of an organization, what they hold, and what to do next."""

    person = fields.String()
    name = fields.String()
    organization = fields.String()
    role = fields.String(**NONE)
    holds = fields.List(fields.Nested(Held))
    asked = fields.List(fields.Nested(AskedOf))
    next_actions = fields.List(fields.String())


class Roster(Schema):
    """The people of an organization."""

    items = fields.List(fields.Nested(RosterRow))


class RefusedLine(Schema):
    """A line of a file that was not taken."""

    line = fields.Integer()
    reason = fields.String()


class Imported(Schema):
    """What was taken of a file of deals."""

    imported = fields.Integer()
    refused = fields.List(fields.Nested(RefusedLine))


class Estimate(Schema):
    """An estimate with its interval; null where nothing can be said."""

    value = fields.Float(**NONE)
    low = fields.Float(**NONE)
    high = fields.Float(**NONE)


class Cohort(Schema):
    """One group of deals."""

    name = fields.String()
    deals = fields.Integer()
    people = fields.Integer()
    decided = fields.Integer()
    won = fields.Integer()
    win_rate = fields.Nested(Estimate)
    mean_amount = fields.Nested(Estimate)
    deals_per_person = fields.Float(**NONE)
    median_lag_days = fields.Float(**NONE)


class DealComparison(Schema):
    """Deals of certified people and of the others, and what must be said with them."""

    certification = fields.String()
    cohorts = fields.List(fields.Nested(Cohort))
    win_rate_difference = fields.Nested(Estimate)
    amount_difference = fields.Nested(Estimate)
    caveat = fields.String()
