"""Requirements: the forms a condition can have (cert#2.5)."""

from __future__ import annotations

from schemas.rules.keywords import COUNT, Forms, Schema, choice, list_of, may, must, number, ref
from schemas.rules.scalars import DURATION, FIELD, FRAGMENT_NAME, ID, NAMES, STATUS, TEXT, VERSION

REQUIREMENT, STANDING = ref("requirement"), ref("standing")
_SEVERAL = list_of(REQUIREMENT)
_HOLDS = (
    must("holds", ID, "certification the person must hold"),
    may("status", STATUS),
    may("version_at_least", VERSION, "lowest version that counts"),
)
_COMMON = (
    may("label", TEXT, "words shown to the learner"),
    may("key", ID, "missing key reported instead of the derived one"),
)
_STATUS_PREVIEW = {"description": "states that count"}
_DISTINCT = may("distinct", choice("statement", "activity", "registration"), "what counts as one")

FORMS = Forms(
    forms=(
        (must("all", _SEVERAL, "each of these"),),
        (must("any", _SEVERAL, "at least one of these"),),
        (
            must("of", _SEVERAL, "the entries to choose from"),
            must("at_least", COUNT, "how many of the entries"),
        ),
        (must("done", ID, "selector: a matching statement exists"),),
        (
            must("score", ID, "selector whose attempts are scored"),
            must("at_least", number(0, 1), "scaled score to reach, 0 to 1"),
            may("attempt", choice("best", "latest", "first", "any"), "which attempt is compared"),
        ),
        _HOLDS,
        (
            must("count", ID, "selector whose statements are counted"),
            _DISTINCT,
            must("at_least", COUNT, "how many distinct values"),
        ),
        (
            must("sum", ID, "selector whose values are added up"),
            must("field", FIELD, "score.raw, score.scaled or the IRI of a result extension"),
            _DISTINCT,
            must("at_least", number(above=0), "sum to reach"),
        ),
        (
            must("in_order", list_of(ID), "selectors in the order in which they have to be done"),
            may("within", DURATION, "longest span from the first to the last"),
        ),
        (must("another", ID, "selector: a statement about another activity than those of the last period"),),
        (must("in_turn", list_of(ID, unique=True), "selectors of which each period asks for the next one"),),
        (must("use", FRAGMENT_NAME, "requirement of a fragment: fragment/name"),),
    ),
    common=(
        *_COMMON,
        may("disqualified_by", NAMES, "selectors whose statements spoil this requirement from their time on"),
    ),
    preview={
        "at_least": {"description": "how many, or which score or sum, is enough", "type": "number"},
        "status": _STATUS_PREVIEW,
    },
)

WHILE = Forms(
    forms=(
        (must("all", list_of(STANDING), "each of these"),),
        (must("any", list_of(STANDING), "at least one of these"),),
        (
            must("of", list_of(STANDING), "the entries to choose from"),
            must("at_least", COUNT, "how many of the entries"),
        ),
        _HOLDS,
    ),
    common=_COMMON,
    preview={"status": _STATUS_PREVIEW},
)
"""What can cease to hold: other certifications. What was done stays done."""

DEFINITIONS: dict[str, Schema] = {
    "requirement": {
        "type": ["string", "object"],
        "x-type": "requirement",
        "description": "a condition: a selector's name, or a mapping such as {score: exam, at_least: 0.8}",
        "if": {"type": "string"},
        "then": ID,
        "else": FORMS.schema({name: ref(f"form_{name}") for name in FORMS.by_name()}),
    },
    **{f"form_{name}": form for name, form in FORMS.by_name().items()},
    "standing": WHILE.schema(WHILE.by_name()),
}
