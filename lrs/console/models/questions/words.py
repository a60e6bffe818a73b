"""A question in one sentence, and the words of its fields, operators and measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lrs.console.models.asked_statements import short
from lrs.console.models.questions.form import choice_of, key_of
from lrs.words.reader import mark, t

Names = Mapping[str, str]
FIELD_WORDS: Final = {
    "verb": mark("verb"),
    "object.id": mark("activity"),
    "activity_type": mark("kind of activity"),
    "timestamp": mark("time"),
    "stored": mark("time of storing"),
    "person": mark("person"),
    "person.organization": mark("partner of the person"),
    "person.region": mark("region of the person"),
    "person.role": mark("role of the person"),
    "person.tier": mark("tier of the partner"),
    "person.award": mark("state in a certification"),
    "success": mark("success"),
    "completion": mark("completion"),
    "score.scaled": mark("score (share of the whole)"),
    "score.raw": mark("score (points)"),
    "duration_s": mark("duration in seconds"),
    "result.extensions": mark("extension of the result"),
    "context.extensions": mark("extension of the context"),
    "activity.extensions": mark("extension of the activity"),
    "org": mark("store"),
    "client_label": mark("client"),
    "actor": mark("actor (identifier)"),
    "registration": mark("registration"),
    "parent": mark("course around it"),
    "grouping": mark("group of activities"),
    "category": mark("category"),
    "platform": mark("platform"),
    "language": mark("language"),
    "instructor": mark("instructor"),
    "version": mark("version of xAPI"),
}
"""The fields that a form offers; every other one is written as text."""

OPERATOR_WORDS: Final = {
    "eq": mark("is"),
    "ne": mark("is not"),
    "in": mark("is one of (commas between)"),
    "prefix": mark("begins with"),
    "contains": mark("has among them"),
    "gte": mark("is at least, from"),
    "gt": mark("is more than, after"),
    "lte": mark("is at most"),
    "lt": mark("is less than, before"),
    "last": mark("lies in the last (30 days, 12 weeks)"),
    "exists": mark("is there (yes or no)"),
}
SAID: Final = {
    "eq": mark("%(field)s is %(value)s"),
    "ne": mark("%(field)s is not %(value)s"),
    "in": mark("%(field)s is %(value)s"),
    "prefix": mark("%(field)s begins with %(value)s"),
    "contains": mark("%(field)s has %(value)s"),
    "gte": mark("%(field)s is at least %(value)s"),
    "gt": mark("%(field)s is more than %(value)s"),
    "lte": mark("%(field)s is at most %(value)s"),
    "lt": mark("%(field)s is less than %(value)s"),
    "last": mark("%(field)s lies in the last %(value)s"),
}
SAID_OF_TIME: Final = {
    "gte": mark("%(field)s from %(value)s"),
    "gt": mark("%(field)s after %(value)s"),
    "lte": mark("%(field)s up to %(value)s"),
    "lt": mark("%(field)s before %(value)s"),
}
BUCKET_WORDS: Final = {
    "hour": mark("hour"),
    "day": mark("day"),
    "week": mark("week"),
    "month": mark("month"),
    "quarter": mark("quarter"),
    "year": mark("year"),
}
FUNCTION_WORDS: Final = {
    "count": mark("number of statements"),
    "distinct": mark("number of different"),
    "sum": mark("sum of"),
    "avg": mark("mean of"),
    "median": mark("median of"),
    "p90": mark("90 % lie below, of"),
    "min": mark("least"),
    "max": mark("greatest"),
    "first": mark("first"),
    "last": mark("last"),
}
TIMES: Final = frozenset({"timestamp", "stored"})


def field_words(choice: str, names: Names) -> str:
    """Return a field in words, with what it is of; `names` are titles by id."""
    name, _, of = choice.partition("|")
    words = t(FIELD_WORDS[name]) if name in FIELD_WORDS else name
    return f"{words} {names.get(of, short(of))}" if of else words


def measure_words(node: Any, names: Names) -> str:
    """Return a measure in words."""
    if node in ("count", {"count": True}):
        return t("number of statements")
    ((function, of),) = ((name, one) for name, one in node.items() if name != "p")
    choice = choice_of(of)
    if function == "distinct":
        if choice == "person":
            return t("number of people")
        return t("number of different values: %(field)s", field=field_words(choice, names))
    if (function, choice) == ("avg", "success"):
        return t("share that succeeded")
    told = {"field": field_words(choice, names)}
    if function == "percentile":
        if node["p"] == 0.5:
            return t("median: %(field)s", **told)
        return t("%(p)s %% lie below: %(field)s", p=round(node["p"] * 100, 2), **told)
    return t(MEASURED[function], **told)


MEASURED: Final = {
    "sum": mark("sum: %(field)s"),
    "avg": mark("mean: %(field)s"),
    "min": mark("least: %(field)s"),
    "max": mark("greatest: %(field)s"),
    "first": mark("first: %(field)s"),
    "last": mark("last: %(field)s"),
}


def group_words(node: Any, names: Names) -> str:
    """Return what is grouped by, in words."""
    if isinstance(node, Mapping) and "bucket" in node:
        return t(BUCKET_WORDS[node["bucket"]])
    return field_words(choice_of(node), names)


def sentence(asked: Mapping[str, Any], names: Names) -> str:
    """Return what an expression that the language accepts shows, in one sentence."""
    groups, measures = asked.get("group", ()), asked.get("measures") or {}
    what = [measure_words(one, names) for one in measures.values()] or [
        t("number of statements") if groups else t("statements")
    ]
    text = ", ".join(what)
    if groups:
        text += " " + t("by %(groups)s", groups=t(" and by ").join(group_words(one, names) for one in groups))
    conditions = condition_words(asked.get("filter", {"all": []}), names)
    text += (
        (", " + t("where %(conditions)s", conditions=conditions))
        if conditions
        else ", " + t("of all statements")
    )
    if asked.get("compare"):
        text += "; " + t("compared with the span of equal length before")
    return text[:1].upper() + text[1:] + "."


def condition_words(node: Mapping[str, Any], names: Names) -> str:
    """Return a filter in words; nothing where it asks for nothing."""
    if "field" in node:
        return _said(node, names)
    ((form, parts),) = node.items()
    if form == "not":
        return t("not (%(conditions)s)", conditions=condition_words(parts, names))
    return t(" and ").join(_parts(parts, names)) if form == "all" else t(" or ").join(_parts(parts, names))


def _parts(parts: Any, names: Names) -> Iterator[str]:
    for one in parts:
        words = condition_words(one, names)
        if words:
            yield f"({words})" if "field" not in one and len(parts) > 1 else words


def _said(node: Mapping[str, Any], names: Names) -> str:
    choice = choice_of(node)
    ((operator, value),) = (
        (name, one) for name, one in node.items() if name not in {"field", key_of(node["field"])}
    )
    told = {"field": field_words(choice, names)}
    if operator == "exists":
        return t("%(field)s is there", **told) if value else t("%(field)s is missing", **told)
    of_time = node["field"] in TIMES and operator in SAID_OF_TIME
    values = value if isinstance(value, list) else [value]
    return t(
        (SAID_OF_TIME if of_time else SAID)[operator],
        value=t(" or ").join(value_words(one, names) for one in values), **told,
    )  # fmt: skip


def value_words(value: Any, names: Names) -> str:
    """Return a value in words: yes and no, the name of what has one, the end of an address."""
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    text = str(value)
    return names.get(text, short(text) if "://" in text else text)
