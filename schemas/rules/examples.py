"""Inline tests of rule files: what is given, what is expected (cert#2.10)."""

from __future__ import annotations

from schemas.rules.evidence import ROW_CONTEXT
from schemas.rules.keywords import (
    BOOLEAN,
    Schema,
    by_type,
    choice,
    described,
    list_of,
    mapping,
    may,
    must,
    number,
    record,
    ref,
    when,
)
from schemas.rules.kinds import RELEASE_KEYS
from schemas.rules.scalars import (
    ASSIGNED,
    COMPLETED_VERBS,
    DATE,
    ID,
    IRI,
    MOMENT,
    NAMES_LIST,
    REASONS,
    STATES,
    TEXT,
    VERB,
    VERSION,
)

_NAME = must("name", TEXT, "what the example shows")

_SCORE = record(
    may("scaled", number(-1, 1), "score.scaled"),
    may("raw", number(), "score.raw"),
    may("min", number(), "score.min"),
    may("max", number(), "score.max"),
    empty=False,
)
_ROW = record(
    must("who", ID, "person"),
    must("verb", described(VERB, "verb name or IRI") | COMPLETED_VERBS),
    must("activity", IRI, "activity of the statement"),
    must("at", MOMENT, "timestamp of the statement"),
    may("score", by_type("object", _SCORE, number(-1, 1)), "scaled score, or {raw, min, max}"),
    may("success", BOOLEAN, "result.success"),
    may("completion", BOOLEAN, "result.completion"),
    may("registration", TEXT, "attempt the statement belongs to"),
    may("extensions", mapping(IRI, empty=True), "result extensions"),
    may("by", ID, "signer"),
    may("from", ID, "client label; default a vendor client"),
    may(
        "issuer",
        IRI,
        "who issued the imported credential; its verb is recognised, its activity the achievement",
    ),
    may("stored", MOMENT, "when it was stored; default at"),
    may("voided", BOOLEAN, "true: as if never stored"),
    may("context", ROW_CONTEXT, "context of the statement, as in a selector"),
)

_HELD = record(
    must("certification", ID, "certification held"),
    may("version", VERSION),
    must("from", DATE, "first day"),
    may("until", DATE, "last day"),
    may("status", choice("active", "grace"), "default active"),
)
_FACT = record(
    must("who", ID, "person"),
    must(
        "fact",
        choice("hold", "revocation", "withdrawal", "extension", "approval", "grant", "readmission"),
        "what somebody recorded",
    ),
    must("at", MOMENT, "when"),
    may("until", MOMENT, "end of the hold, or the extended date"),
    may("by", ID, "who decided"),
    may("reason", choice(*REASONS), "of a hold or revocation"),
    may("of", ID, "selector whose attempts a grant is for; default: each"),
    where=(when("fact", "extension", needs="until"),),
)
_AFFILIATION = record(
    must("organization", ID, "organization of the affiliation"),
    may("role", ID, "role there"),
    may("region", TEXT, "region of the organization"),
    may("tiers", mapping(ID, ID), "programme: tier of the organization all the time"),
    must("from", DATE, "first day"),
    may("until", DATE, "last day"),
)
_STANDING = record(
    must("who", ID, "person"),
    must("at", MOMENT, "asked at the end of this day, or at this instant"),
    may("status", choice(*STATES), "public state"),
    may("awarded", DATE, "award date of the current period"),
    may("expires", by_type("null", True, DATE), "last valid day; null for forever"),
    may("missing", list_of(ID, empty=True), "missing keys in document order"),
    may("due", by_type("null", True, DATE), "day by which it is asked for; null where it is not"),
)
_CERTIFICATION_TEST = record(
    _NAME,
    may("given", list_of(ref("row"), empty=True), "statements"),
    may("groups", mapping(ID, NAMES_LIST, empty=True), "group: members"),
    may("holds", mapping(ID, list_of(_HELD, empty=True), empty=True), "person: other certifications held"),
    may("releases", list_of(record(*RELEASE_KEYS), empty=True), "releases published"),
    may("people", mapping(ID, list_of(_AFFILIATION), empty=True), "person: where they belong"),
    may("facts", list_of(_FACT, empty=True), "facts recorded by people"),
    must("expect", list_of(_STANDING), "what must be observed"),
)

_HOLDING = record(
    may("certification", ID),
    may("role", ID),
    may("product", ID),
    may("level", ID),
    may("status", choice(*STATES), "default active"),
)
_PERSON = record(
    must("who", ID, "person"),
    may("holds", list_of(_HOLDING, empty=True), "certifications held"),
)
_ROSTER = mapping(ID, list_of(_PERSON, empty=True), empty=True)
_TIERS_TEST = record(
    _NAME,
    must("roster", _ROSTER, "organization: its people"),
    must("expect", mapping(ID, ID), "organization: tier"),
)

_QUESTION = record(
    must("organization", ID),
    must("submitter", ID),
    may("answer", choice("allow", "refuse")),
    may("failed", list_of(ID, empty=True), "keys that failed"),
    may("message", {"type": "string"}, "sentence shown"),
    rest={"type": "object", "description": "the subject's fields"},
)
_GATE_TEST = record(
    _NAME,
    may("tiers", mapping(ID, ID, empty=True), "organization: tier"),
    may("roster", _ROSTER, "organization: its people"),
    must("expect", list_of(_QUESTION), "questions and answers"),
)

_ASSIGNED = record(
    must("who", ID, "person"),
    must("at", MOMENT, "asked at the end of this day, or at this instant"),
    may("status", by_type("null", True, choice(*ASSIGNED)), "state; null where it is not asked"),
    may("due", by_type("null", True, DATE), "day by which it is asked for; null for none"),
    may("missing", list_of(ID, empty=True), "missing keys in the order of the path"),
    may("reason", by_type("null", True, TEXT), "why it is not asked of this person"),
)
_ASSIGNMENT_TEST = record(
    _NAME,
    may("given", list_of(ref("row"), empty=True), "statements"),
    may("groups", mapping(ID, NAMES_LIST, empty=True), "group: members"),
    may("holds", mapping(ID, list_of(_HELD, empty=True), empty=True), "person: certifications held"),
    may("people", mapping(ID, list_of(_AFFILIATION), empty=True), "person: where they belong"),
    must("expect", list_of(_ASSIGNED), "what must be observed"),
)

DEFINITIONS: dict[str, Schema] = {
    "row": _ROW,
    "certification_test": _CERTIFICATION_TEST,
    "tiers_test": _TIERS_TEST,
    "gate_test": _GATE_TEST,
    "assignment_test": _ASSIGNMENT_TEST,
}
