"""Evidence: what selects statements (cert#2.4, cert#2.6)."""

from __future__ import annotations

from schemas.rules.keywords import (
    BOOLEAN,
    COUNT,
    Field,
    Schema,
    by_type,
    choice,
    described,
    list_of,
    mapping,
    may,
    must,
    needs,
    one_or_list,
    properties,
    record,
    ref,
)
from schemas.rules.scalars import (
    ACTIVITY,
    COMPLETED_VERBS,
    DURATION,
    FRAGMENT_NAME,
    ID,
    IRI,
    LENGTH,
    TEXT,
    VERB,
)

EVIDENCE = ref("evidence")
ROW_CONTEXT = ref("row_context")
_EXTENSIONS = may("extensions", mapping(IRI), "extension IRI: value it must equal")


def _activities(value: Schema) -> tuple[Field, ...]:
    return (
        may("parent", value, "activity that must be among the parents"),
        may("grouping", value, "activity that must be among the groupings"),
        may("category", value, "activity that must be among the categories"),
    )


_PLATFORM = (
    may("platform", TEXT, "context.platform must equal"),
    may("language", TEXT, "context.language must equal"),
)
_RESULT = record(
    may("success", BOOLEAN, "result.success must equal"),
    may("completion", BOOLEAN, "result.completion must equal"),
    _EXTENSIONS,
    empty=False,
)
_CONTEXT = record(
    *_activities(IRI),
    *_PLATFORM,
    may("registration", TEXT, "context.registration must equal"),
    _EXTENSIONS,
    empty=False,
)
_SIGNED_BY = record(
    must("group", ID, "group whose members may sign"),
    may("not", choice("self"), "self: the signer must be somebody else"),
)
_CMI5 = record(
    must("au", IRI, "publisher id of the assignable unit"),
    must("moveon", {"const": "met"}, "the unit's moveOn is met"),
)
_ATTEMPTS = record(
    may("at_most", COUNT, "how many attempts count"),
    may("within", DURATION, "span in which at_most counts; default: ever; only with at_most"),
    may(
        "wait", one_or_list(DURATION), "time after a failed attempt; a list: after the first, the second ..."
    ),
    may(
        "granted_by",
        record(must("group", ID, "group whose members may grant a further attempt")),
        "who may grant a further attempt",
    ),
    where=(
        needs("within", "at_most", "how many attempts count"),
        {
            "if": {"required": ["at_most"]},
            "else": {"required": ["wait"], "x-message": "at_most or wait is missing"},
        },
    ),
)
_RECOGNISES = record(
    must("issuer", one_or_list(IRI), "who issues what counts: a DID or another IRI, one or a list"),
    must("achievement", one_or_list(ACTIVITY), "achievement IRI, one or a list, or a prefix ending in *"),
    may("awarded_within", LENGTH, "longest time from the award there to the import here"),
)
_FROM = by_type("array", list_of(ID), choice("vendor", "any") | {"x-list-of": "id"})

_KEYS = (
    may("verb", one_or_list(VERB) | COMPLETED_VERBS, "verb name or IRI, one or a list (any of them)"),
    may(
        "activity", one_or_list(ACTIVITY), "activity IRI, a list of equivalent ones, or a prefix ending in *"
    ),
    may(
        "from",
        _FROM,
        "through which clients the statement was written: vendor (default), any, or a list of client labels",
    ),
    may("signed_by", _SIGNED_BY, "who has to have signed the statement"),
    may("result", _RESULT, "values the result must equal"),
    may("context", _CONTEXT, "values the context must hold"),
    may("attempts", _ATTEMPTS, "how often somebody may try"),
    may("cmi5", _CMI5, "a cmi5 assignable unit whose moveOn is met"),
    may("recognises", _RECOGNISES, "credentials of other issuers that their holders brought along"),
    may("use", FRAGMENT_NAME, "selector of a fragment: fragment/name"),
)


def _only(*names: str) -> Schema:
    return {"additionalProperties": False, "properties": dict.fromkeys(names, True)}


def _form(name: str, *along: str) -> Schema:
    """Return a form that goes only with the keys `along`; `use` is looked at first and goes with none."""
    excluded = [key.name for key in _KEYS if key.name not in (name, *along, "use")]
    return _only(name, *along) | {"x-excludes": excluded, "x-form": name}


_SELECTOR = {
    "type": "object",
    "properties": properties(_KEYS),
    "if": {"required": ["use"]},
    "then": _form("use"),
    "else": {
        "if": {"required": ["cmi5"]},
        "then": _form("cmi5", "from", "signed_by", "context"),
        "else": {
            "if": {"required": ["recognises"]},
            "then": _form("recognises"),
            "else": _only(*properties(_KEYS)) | {"required": ["verb", "activity"]},
        },
    },
}

DEFINITIONS: dict[str, Schema] = {
    "evidence": described(mapping(ID, ref("selector")), "name: selector"),
    "selector": described(_SELECTOR, "which statements are evidence"),
    "row_context": record(*_activities(one_or_list(IRI)), *_PLATFORM, _EXTENSIONS),
}
