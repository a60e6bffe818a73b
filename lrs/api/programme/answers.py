"""What rules, awards, gates, credentials and events look like in answers.

Their own rooms write them; these shapes only say so in the OpenAPI document, and a test compares both.
"""

from __future__ import annotations

from typing import Any, Final

from marshmallow import INCLUDE, Schema, fields, validate

from rules.publication.reviews import VERDICTS

Field = fields.Field[Any]
NONE: Final[dict[str, Any]] = {"allow_none": True}


def texts() -> Field:
    """Return a list of texts."""
    return fields.List(fields.String())


def listing(item: type[Schema], name: str, **more: Field) -> type[Schema]:
    """Return the schema of `{items, next}` or of what else goes with the items."""
    others = more or {"next": fields.String(**NONE)}
    return Schema.from_dict({"items": fields.List(fields.Nested(item)), **others}, name=name)


class RuleProblem(Schema):
    """A problem of a rule file, with its place (cert#3-3)."""

    file = fields.String()
    line = fields.Integer()
    column = fields.Integer()
    path = fields.String()
    code = fields.String()
    message = fields.String()
    suggestion = fields.String(**NONE)
    severity = fields.String(validate=validate.OneOf(("error", "warning")))


class RuleRef(Schema):
    """A document of a rule file."""

    file = fields.String()
    kind = fields.String()
    id = fields.String()
    version = fields.String()


class SoundRule(RuleRef):
    """A document in which nothing is wrong."""

    hash = fields.String()


class RuleCheck(Schema):
    """What a check found."""

    ok = fields.Boolean()
    problems = fields.List(fields.Nested(RuleProblem))
    documents = fields.List(fields.Nested(SoundRule))


class RuleDifference(Schema):
    """What a test inside a rule file expected, and what was seen."""

    path = fields.String()
    who = fields.String(**NONE)
    key = fields.String()
    expected = fields.Raw(**NONE)
    observed = fields.Raw(**NONE)


class RuleTest(RuleRef):
    """One test inside a rule file."""

    name = fields.String()
    ok = fields.Boolean()
    error = fields.String(**NONE)
    differences = fields.List(fields.Nested(RuleDifference))


class RuleTests(Schema):
    """How the tests inside rule files went (cert#2.10)."""

    ok = fields.Boolean()
    problems = fields.List(fields.Nested(RuleProblem))
    tests = fields.List(fields.Nested(RuleTest))


class PlanReview(Schema):
    """What somebody said of a plan before it was applied (cert#6-2)."""

    by = fields.String()
    at = fields.DateTime()
    verdict = fields.String(validate=validate.OneOf(VERDICTS))
    comment = fields.String()


class Plan(Schema):
    """Who would gain, change and lose, and of whom something else would be asked (cert#6-1)."""

    plan_id = fields.String()
    document_hash = fields.String()
    base_version = fields.String(**NONE)
    documents = fields.List(fields.Dict())
    computed_at = fields.DateTime()
    expires_at = fields.DateTime()
    by = fields.String()
    applied_at = fields.DateTime(**NONE)
    reviews = fields.List(fields.Nested(PlanReview))
    summary = fields.Dict()
    people = fields.List(fields.Dict())
    asked = fields.List(
        fields.Dict(),
        metadata={
            "description": "Of whom a certification or an assignment would be asked anew (asked), by "
            "another day (due_changed), no longer (not_asked); since when and by when, before and after."
        },
    )
    tiers = fields.List(fields.Dict())


class RuleRecord(Schema):
    """A publication or retirement on record; what it does not have is left out."""

    action = fields.String()
    kind = fields.String()
    id = fields.String()
    version = fields.String()
    mode = fields.String()
    hash = fields.String()
    effective_from = fields.String()
    effective_at = fields.DateTime()
    decided_at = fields.DateTime()
    by = fields.String()
    plan = fields.String()
    planned_by = fields.String()


class RuleSource(RuleRecord):
    """A published version with its text."""

    source = fields.String()


class RuleFailure(Schema):
    """Why a certification cannot be evaluated now."""

    error = fields.String()
    tries = fields.Integer()
    retry_at = fields.DateTime()


class RuleRow(Schema):
    """A published document in its newest version."""

    kind = fields.String()
    id = fields.String()
    version = fields.String()
    title = fields.String()
    mode = fields.String()
    lifecycle = fields.String()
    effective_from = fields.Date()
    decided_at = fields.DateTime()
    versions = fields.Integer()
    hash = fields.String()
    backfill = fields.Boolean()
    failure = fields.Nested(RuleFailure, **NONE)


class Evidence(Schema):
    """A statement that counts."""

    id = fields.String()
    at = fields.DateTime()


class Ignored(Schema):
    """A statement that does not count, and why."""

    id = fields.String()
    why = fields.String()


class ExplainedNode(Schema):
    """A requirement, and how far a person is with it."""

    key = fields.String()
    label = fields.String()
    ok = fields.Boolean()
    observed = fields.Raw(**NONE)
    required = fields.Raw(**NONE)
    evidence = fields.List(fields.Nested(Evidence))
    ignored = fields.List(fields.Nested(Ignored))
    parts = fields.List(fields.Nested("ExplainedNode"))


class NextStep(Schema):
    """What comes next, and when."""

    at = fields.Date(**NONE)
    what = fields.String()


class Course(Schema):
    """A published item that fulfils a requirement, and the learner's link to it."""

    requirement = fields.String()
    item = fields.String()
    title = fields.String()
    start = fields.String()


class Asked(Schema):
    """Since when a certification is asked of somebody, and by when (cert#5-8)."""

    since = fields.String()
    due = fields.String(**NONE)


class Explained(Schema):
    """Why somebody holds a certification, or why not yet (cert#6-3)."""

    certification = fields.String()
    version = fields.String(**NONE)
    person = fields.String()
    name = fields.String()
    at = fields.DateTime()
    state = fields.String(**NONE)
    awarded = fields.Date(**NONE)
    expires = fields.Date(**NONE)
    evaluated = fields.Boolean()
    met = fields.Integer()
    of = fields.Integer()
    tree = fields.List(fields.Nested(ExplainedNode))
    next = fields.List(fields.Nested(NextStep))
    asked = fields.Nested(Asked)
    courses = fields.List(fields.Nested(Course))


class Assigned(Schema):
    """How somebody stands in an assignment that is asked of them (cert#5-9)."""

    assignment = fields.String()
    person = fields.String()
    name = fields.String(**NONE)
    state = fields.String()
    since = fields.Date()
    due = fields.Date(**NONE)
    late = fields.Boolean()
    met = fields.Integer()
    of = fields.Integer()
    missing = fields.List(fields.String())
    met_at = fields.DateTime(**NONE)
    reason = fields.String(**NONE)
    until = fields.Date(**NONE)
    version = fields.String()
    evaluated = fields.Boolean()


class AssignmentRow(Schema):
    """An assignment with how many stand how."""

    assignment = fields.String()
    title = fields.String()
    version = fields.String()
    mode = fields.String()
    asked = fields.Integer()
    overdue = fields.Integer()
    missed = fields.Integer()
    not_started = fields.Integer()
    in_progress = fields.Integer()
    upcoming = fields.Integer()
    met = fields.Integer()
    exempt = fields.Integer()


class ExplainedAssignment(Schema):
    """How somebody stands in an assignment, step by step; `standing` is null where it is not asked."""

    assignment = fields.String()
    standing = fields.Nested(Assigned, **NONE)
    version = fields.String(**NONE)
    person = fields.String()
    name = fields.String()
    at = fields.DateTime()
    state = fields.String()
    awarded = fields.Date(**NONE)
    expires = fields.Date(**NONE)
    evaluated = fields.Boolean()
    met = fields.Integer()
    of = fields.Integer()
    tree = fields.List(fields.Nested(ExplainedNode))
    next = fields.List(fields.Nested(NextStep))
    asked = fields.Nested(Asked)
    courses = fields.List(fields.Nested(Course))


class HistoryRow(Schema):
    """A transition or decision on record; what it does not have is left out (cert#6)."""

    what = fields.String()
    from_ = fields.String(data_key="from")
    to = fields.String()
    effective_at = fields.DateTime()
    decided_at = fields.DateTime()
    version = fields.String()
    evidence = texts()
    by = fields.String()
    reason = fields.String()
    until = fields.String()
    note = fields.String()
    id = fields.String()
    evaluated = fields.Boolean()


class Standing(Schema):
    """How somebody stands in a certification now."""

    id = fields.String()
    person = fields.String()
    name = fields.String(**NONE)
    certification = fields.String()
    state = fields.String()
    since = fields.DateTime()
    awarded = fields.Date(**NONE)
    expires = fields.Date(**NONE)
    version = fields.String(**NONE)
    award = fields.String(**NONE)
    evaluated = fields.Boolean()


class RecordedFact(Schema):
    """What people decided, on record; what it does not have is left out (cert#4.10)."""

    id = fields.String()
    person = fields.String()
    certification = fields.String()
    kind = fields.String()
    effective_at = fields.DateTime()
    decided_at = fields.DateTime()
    until = fields.DateTime()
    until_day = fields.Date()
    revoke_at = fields.DateTime()
    allowed = fields.Boolean()
    statement = fields.String()
    choice = fields.String()
    of = fields.String()
    reason = fields.String()
    by = fields.String()
    recorded_by = fields.String()
    note = fields.String()
    appeal = fields.Dict()


class Review(Schema):
    """What waits for a decision of a human being."""

    review = fields.String()
    what = fields.String()
    person = fields.String()
    certification = fields.String()
    award = fields.String(**NONE)
    statement = fields.String(**NONE)
    opened_at = fields.DateTime()
    decided_at = fields.DateTime()


class GateNeed(Schema):
    """A field of the subject that a gate needs."""

    field = fields.String()
    places = texts()


class GateDescription(Schema):
    """What a gate asks, and what it has to be told."""

    gate = fields.String()
    version = fields.String()
    title = fields.String()
    mode = fields.String()
    programme = fields.String(**NONE)
    subject = fields.String()
    needs = fields.List(fields.Nested(GateNeed))
    allow_when = fields.Raw()
    refusal = fields.Raw(**NONE)
    question = fields.Dict(metadata={"description": "JSON Schema of a question."})


class GateReason(Schema):
    """A condition of a gate, and what was seen."""

    key = fields.String()
    ok = fields.Boolean()
    required = fields.String()
    observed = fields.String()
    awards = texts()
    versions = texts()


class GateAnswer(Schema):
    """The answer of a gate, as it is kept (cert#5-7)."""

    answer_id = fields.String()
    gate = fields.String()
    version = fields.String()
    at = fields.DateTime()
    answer = fields.String(validate=validate.OneOf(("allow", "refuse")))
    enforced = fields.Boolean()
    failed = texts()
    reasons = fields.List(fields.Nested(GateReason))
    message = fields.String(**NONE)
    expires_at = fields.DateTime(**NONE)


class GateAnswers(Schema):
    """The answers to several questions, in order."""

    answers = fields.List(fields.Nested(GateAnswer))


class CredentialRow(Schema):
    """The newest credential of an award, and its state now."""

    id = fields.String()
    url = fields.String()
    certification = fields.String()
    version = fields.String()
    title = fields.String()
    person = fields.String()
    state = fields.String()
    merged_into = fields.String(**NONE)
    since = fields.Date()
    awarded = fields.Date()
    valid_until = fields.Date(**NONE)
    displayed = fields.Boolean()
    in_registry = fields.Boolean()


class IssuedCredential(Schema):
    """One time that a credential was issued."""

    seq = fields.Integer()
    reason = fields.String()
    valid_from = fields.DateTime()
    key = fields.String()
    status_list = fields.Raw()
    status_index = fields.Integer()


class ShownCredential(CredentialRow):
    """A credential with its text, what it says, and every time that it was issued."""

    issues = fields.List(fields.Nested(IssuedCredential))
    jwt = fields.String()
    claims = fields.Dict()


class CredentialLink(Schema):
    """A signed link."""

    url = fields.String()
    right = fields.String()
    until = fields.DateTime()


class CredentialCheck(Schema):
    """One thing that was checked."""

    check = fields.String()
    outcome = fields.String()
    detail = fields.String(**NONE)


class Verification(Schema):
    """What a check of a copy found."""

    valid = fields.Boolean()
    verdict = fields.String()
    checks = fields.List(fields.Nested(CredentialCheck))
    credential = fields.Dict()


class EventSchema(Schema):
    """Something that happened (cert#8-3)."""

    id = fields.String()
    cursor = fields.Integer()
    type = fields.String()
    timestamp = fields.DateTime()
    data = fields.Dict()


class CloudEvent(Schema):
    """An event as a CloudEvent 1.0."""

    class Meta:
        """Extensions have names of their own."""

        unknown = INCLUDE

    id = fields.String()
    source = fields.String()
    specversion = fields.String()
    type = fields.String()
    time = fields.DateTime()
    data = fields.Dict()


Retired = {"anyOf": [RuleRecord, Plan]}  # a plan where the end of running periods was asked for
StandingPage = listing(Standing, "StandingPage")
ReviewList = listing(Review, "ReviewList")
RuleList = listing(RuleRow, "RuleList")
AssignmentList = listing(AssignmentRow, "AssignmentList")
AssignedList = listing(Assigned, "AssignedList")
AssignedPage = listing(Assigned, "AssignedPage")
HistoryList = listing(HistoryRow, "HistoryList")


class Endorsement(Schema):
    """What somebody says of a credential, and signed."""

    id = fields.String()
    award = fields.String()
    name = fields.String()
    comment = fields.String()
    at = fields.DateTime()
    credential = fields.Dict()


Endorsements = listing(Endorsement, "Endorsements", total=fields.Integer())


class RecognisedCredential(Schema):
    """A credential of another issuer that a person brought, and what its issuer says of it since."""

    id = fields.String()
    counts = fields.Boolean()
    person = fields.String()
    issuer = fields.String()
    issuer_name = fields.String(**NONE)
    credential = fields.String()
    achievement = fields.String()
    name = fields.String()
    awarded_at = fields.String()
    valid_until = fields.String(**NONE)
    imported_at = fields.String()
    checked_at = fields.String()
    problem = fields.String(**NONE)
    taken_back_at = fields.String(**NONE)
    reason = fields.String(**NONE)
    statement = fields.String()


RecognisedCredentials = listing(RecognisedCredential, "RecognisedCredentials", total=fields.Integer())
CredentialPage = listing(CredentialRow, "CredentialPage")
EventPage = listing(EventSchema, "EventPage", cursor=fields.Integer())


class SeasonRow(Schema):
    """A season, and what its board was counted of."""

    season = fields.String()
    title = fields.String()
    begins = fields.Date(data_key="from")
    until = fields.Date()
    people = fields.Integer()
    partners = fields.Integer()
    counted = fields.AwareDateTime(**NONE)


SeasonList = listing(SeasonRow, "SeasonList")


class BoardPerson(Schema):
    """Somebody on a board, by the name that they let others see."""

    place = fields.Integer()
    name = fields.String()
    points = fields.Integer()


class BoardPartner(Schema):
    """A partner on a board, by the average of its people."""

    place = fields.Integer()
    org = fields.String()
    points = fields.Float()


class Board(Schema):
    """A leaderboard: who agreed to be on it."""

    season = fields.String()
    title = fields.String()
    at = fields.AwareDateTime(**NONE)
    people = fields.List(fields.Nested(BoardPerson))
    partners = fields.List(fields.Nested(BoardPartner))


class EarnedPoints(Schema):
    """What brought points."""

    at = fields.AwareDateTime()
    kind = fields.String()
    what = fields.String()
    points = fields.Integer()


class OwnSeason(Schema):
    """Somebody's points in a season."""

    season = fields.String()
    title = fields.String()
    points = fields.Integer()
    earned = fields.List(fields.Nested(EarnedPoints))


class MilestoneProgress(Schema):
    """How far somebody is to a milestone."""

    milestone = fields.String()
    title = fields.String()
    have = fields.Integer()
    need = fields.Integer()
    reached_at = fields.AwareDateTime(**NONE)


class QuestionProgress(Schema):
    """When which question comes back."""

    recall = fields.String()
    question = fields.String()
    answers = fields.Integer()
    right = fields.Boolean(**NONE)
    due_at = fields.AwareDateTime()
    pause = fields.String()


class OwnEngagement(Schema):
    """Seasons, milestones and questions of somebody with their reasons."""

    person = fields.String()
    seasons = fields.List(fields.Nested(OwnSeason))
    milestones = fields.List(fields.Nested(MilestoneProgress))
    questions = fields.List(fields.Nested(QuestionProgress))


class Choice(Schema):
    """An answer that can be given."""

    answer = fields.Integer()
    text = fields.String()


class AskedQuestion(Schema):
    """A question of today."""

    recall = fields.String()
    question = fields.String()
    certification = fields.String()
    ask = fields.String()
    turn = fields.Integer()
    due_at = fields.AwareDateTime()
    answers = fields.List(fields.Nested(Choice))


QuestionList = listing(AskedQuestion, "QuestionList", next_at=fields.AwareDateTime(**NONE))


class AnsweredQuestion(Schema):
    """How an answer was, and when the question comes back."""

    right = fields.Boolean()
    statement = fields.String()
    correct = fields.String()
    because = fields.String(**NONE)
    due_at = fields.AwareDateTime()
