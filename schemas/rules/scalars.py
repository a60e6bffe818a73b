"""Kinds of word: their pattern and what editors say of them (cert#2.1)."""

from __future__ import annotations

from schemas.rules.keywords import Schema, choice, described, list_of, one_or_list, ref, scalar

ACTIVITY, COUNTED_FROM, DATE = ref("activity"), ref("counted_from"), ref("date")
DURATION, FRAGMENT_NAME, ID, IRI = ref("duration"), ref("fragment_name"), ref("id"), ref("iri")
LENGTH = ref("length")
LASTS, LEVEL, MOMENT, NAMES = ref("lasts"), ref("level"), ref("moment"), ref("names")
NAMES_LIST, PLACEHOLDER_ID, SETTLE = ref("names_list"), ref("placeholder_id"), ref("settle")
STATUS, TEXT, VERB, VERSION, ZONE = ref("status"), ref("text"), ref("verb"), ref("version"), ref("zone")

VERBS = (
    "answered", "asked", "attempted", "attended", "commented", "completed", "exited", "experienced", "failed",
    "imported", "initialized", "interacted", "launched", "logged-in", "logged-out", "mastered", "passed",
    "preferred", "progressed", "registered", "responded", "resumed", "scored", "shared", "suspended",
    "terminated", "voided", "abandoned", "satisfied", "waived", "recognised",
)  # fmt: skip
"""The verbs that have a name: the vocabulary of ADL, then what cmi5 adds, then Laurel's own."""

COMPLETED_VERBS: Schema = {"examples": list(VERBS)}
"""What editors complete; they look for it beside the key, not behind a reference."""

STATES = (
    "in_progress", "pending_review", "active", "renewal_open", "grace", "suspended", "expired", "revoked",
    "withdrawn",
)  # fmt: skip
"""The public states of an award."""

ASSIGNED = ("upcoming", "not_started", "in_progress", "overdue", "met", "missed", "exempt")
REASONS = (
    "agreement_lapsed", "evidence_voided", "identity", "misconduct", "holder_request", "administrative_error",
    "other",
)  # fmt: skip
"""The reasons of holds and revocations."""

_NAME = "[a-z][a-z0-9_-]{0,63}"
_AREA = "[A-Za-z][A-Za-z0-9_+-]*"
_PLACEHOLDER = r"\{[^{}]*\}"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"
_NOT_IN_IRI = r'\x00-\x20<>"{}|\\^`'
_IRI = f"{_SCHEME}[^{_NOT_IN_IRI}]+"
_MONTH_DAY = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DATE = f"[0-9]{{4}}-{_MONTH_DAY}"
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"[Tt]{_HOUR}:[0-5][0-9](\.[0-9]{{1,9}})?([Zz]|[+-]{_HOUR})"
_UNITS = "(day|week|month|year)s?"
_LENGTH = f"0*[1-9][0-9]{{0,4}} {_UNITS}"

LANGUAGE = scalar("language", "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a language such as de")
RELEASE = scalar("release", "[A-Za-z0-9._-]{1,64}")
MONTH_DAY = scalar("month_day", _MONTH_DAY, "MM-DD")
LINK = scalar(
    "iri", f"https?://[^{_NOT_IN_IRI}]+", "an address that begins with https:// or http://",
    longest=2000, refusal="not an address that begins with https://",
)  # fmt: skip
FIELD = scalar("field", rf"(score\.raw|score\.scaled|{_IRI})", longest=2000)


def _activity() -> str:
    """Return the pattern of an activity: an IRI, or one with a path that ends in `*`, with placeholders."""
    inside, last, host = (f"([^{_NOT_IN_IRI}{more}]|{_PLACEHOLDER})" for more in ("", "*", "/*"))
    return f"({_SCHEME}{inside}*{last}|{_SCHEME}//{host}+/{last}*\\*)"


DEFINITIONS: dict[str, Schema] = {
    "id": scalar(
        "id", _NAME, "lower-case letters, digits, - and _; begins with a letter; at most 64 characters"
    ),
    "placeholder_id": scalar("id", f"({_NAME}|{_PLACEHOLDER})", "an id, or {subject.field}"),
    "fragment_name": scalar("fragment_name", f"{_NAME}/{_NAME}", "fragment/name"),
    "names": one_or_list(ID),
    "names_list": list_of(ID, empty=True),
    "version": scalar("version", r"[^\x00-\x20\x7f]{1,64}", 'a quoted string such as "3" or "5.10"'),
    "text": scalar("text", r"[\s\S]*\S[\s\S]*", "words for people", longest=2000),
    "iri": scalar("iri", _IRI, "an absolute IRI, compared letter by letter", longest=2000),
    "activity": scalar(
        "activity",
        _activity(),
        "an activity IRI, or a prefix that ends in *; {release} only in selectors used by release_rules",
        longest=2000,
        refusal="not an absolute IRI, nor a prefix such as https://acme.example/*",
    ),
    "verb": scalar(
        "verb",
        f"({'|'.join(VERBS)}|{_IRI})",
        "a verb name such as passed, or the IRI of a verb",
        longest=2000,
        refusal="not a known verb such as passed, and not an IRI",
    )
    | COMPLETED_VERBS,
    "date": scalar("date", _DATE, "YYYY-MM-DD, a day in the programme zone"),
    "moment": scalar(
        "moment", f"{_DATE}({_TIME})?", "YYYY-MM-DD, or an instant with offset such as 2026-01-10T09:00:00Z"
    ),
    "zone": scalar("zone", f"{_AREA}(/[A-Za-z0-9_+-]+)*", "an IANA time zone such as Europe/Berlin"),
    "duration": scalar(
        "duration", f"[0-9]{{1,5}} {_UNITS}", "a number and days, weeks, months or years, such as 12 months"
    ),
    "length": scalar("length", _LENGTH, "a duration above zero, such as 12 months"),
    "lasts": scalar("lasts", f"(forever|{_LENGTH})", "a duration such as 12 months, or forever"),
    "settle": scalar(
        "settle",
        "[0-9]{1,5} (hour|day|week|month|year)s?",
        "a duration; here hours are allowed too, such as 1 hour",
    ),
    "counted_from": described(
        choice("completion", "previous_expiry", "fixed_date"),
        "what the next expiry is counted from: the completion, the previous expiry, or a common yearly date",
    ),
    "level": described(choice("major", "minor", "patch"), "size of a release"),
    "status": list_of(choice("active", "grace"), unique=True)
    | {"description": "states that count: active (includes renewal_open), grace"},
}
