"""A question as a form asks it: blocks of conditions, groups and measures; to the query language and back.

The expression of the language is what is kept and what stands in the address. `read` and `expression` make
it of the fields of a form, `shown` makes a form of it where it fits into one; what does not stays text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from statements.query.analyst_query import BUCKETS, OF
from statements.query.fields import FIELDS, Kind

Document = dict[str, Any]
MATCHES: Final = ("all", "any")
FUNCTIONS: Final = ("count", "distinct", "sum", "avg", "median", "p90", "min", "max", "first", "last")
PERCENTILES: Final = {"median": 0.5, "p90": 0.9}
ORDERS: Final = ("", "largest", "smallest", "group")
ROWS: Final = 100  # of an answer on a page, unless the form says otherwise
YES: Final = frozenset({"", "yes", "true", "1", "ja"})
NO: Final = frozenset({"no", "false", "0", "nein"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One row: a choice, an operator and a text.

    A choice is `field`, or `field|of` with the key of an extension, a certification or a programme.
    """

    choice: str = ""
    operator: str = "eq"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What the fields of the form hold; `match` is how the blocks are joined, inside it is the other way."""

    match: str = "all"
    blocks: tuple[tuple[Condition, ...], ...] = ()
    groups: tuple[str, ...] = ()  # a choice, or `month:timestamp`
    timezone: str = "UTC"
    measures: tuple[tuple[str, str], ...] = ()  # function, choice
    order: str = ""
    limit: str = str(ROWS)


def read(fields: Mapping[str, Sequence[str]]) -> Form:
    """Return the form of what was sent, parallel lists of rows; those without a field are left out."""

    def of(name: str, default: str = "") -> str:
        return (list(fields.get(name, ())) or [default])[0].strip() or default

    lists = [fields.get(name, ()) for name in ("block", "field", "operator", "value")]
    blocks: dict[str, list[Condition]] = {}
    for block, choice, operator, text in zip(*lists, strict=False):
        if choice:
            blocks.setdefault(block, []).append(Condition(choice, operator, text.strip()))
    measured = zip(fields.get("function", ()), fields.get("of", ()), strict=False)
    return Form(
        match=of("match") if of("match") in MATCHES else "all",
        blocks=tuple(map(tuple, blocks.values())),
        groups=tuple(dict.fromkeys(one for one in fields.get("group", ()) if one)),
        timezone=of("timezone", "UTC"),
        measures=tuple(dict.fromkeys((name, "" if name == "count" else of) for name, of in measured if name)),
        order=of("order"),
        limit=of("limit", str(ROWS)),
    )


def expression(form: Form) -> Document:
    """Return the expression of a form; the language refuses values that do not fit their field."""
    inner = "any" if form.match == "all" else "all"
    clauses = [
        _condition(rows[0]) if len(rows) == 1 else {inner: [_condition(one) for one in rows]}
        for rows in form.blocks
    ]
    asked: Document = {}
    if clauses:
        asked["filter"] = clauses[0] if len(clauses) == 1 else {form.match: clauses}
    if form.groups:
        asked["group"] = [_group(one, form.timezone) for one in form.groups]
    if form.measures:
        asked["measures"] = {measure_name(*one): _measure(*one) for one in form.measures}
    if order := _order(form):
        asked["sort"] = order
    asked["limit"] = int(form.limit) if form.limit.isdigit() and len(form.limit) < 8 else form.limit
    return asked


def shown(asked: Any) -> Form | None:
    """Return the form that makes an expression; None where no form does."""
    try:
        form = _shown(asked)
        return form if expression(form) == {"limit": ROWS, **asked} else None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def node_of(choice: str) -> Document:
    """Return the field of a choice as the language names it."""
    name, _, of = choice.partition("|")
    return {"field": name, **({key_of(name): of} if of else {})}


def choice_of(node: Mapping[str, Any] | str) -> str:
    """Return the choice of a field that the language names."""
    if isinstance(node, str):
        return node
    name, of = node["field"], node.get(key_of(node["field"]))
    return f"{name}|{of}" if of else str(name)


def key_of(name: str) -> str:
    """Return the member that says of what a field is: an extension's key, a certification, a programme."""
    return OF.get(name, "key")


def measure_name(function: str, choice: str) -> str:
    """Return the name of a measure's column: `count`, `people`, `avg_score_scaled`."""
    if function == "count" or (function, choice) == ("distinct", "person"):
        return "count" if function == "count" else "people"
    name, _, of = choice.partition("|")
    told = f"{function}_{name}" + (f"_{of.rstrip('/').rpartition('/')[2]}" if of else "")
    return "".join(one if one.isascii() and one.isalnum() else "_" for one in told)[:64]


def _order(form: Form) -> str:
    names = [measure_name(*one) for one in form.measures] or ["count"]
    grouped = [
        one.partition(":")[0] if ":" in one.partition("|")[0] else one.partition("|")[0]
        for one in form.groups
    ]
    if not grouped:
        return ""
    return {"largest": f"-{names[0]}", "smallest": names[0], "group": grouped[0]}.get(form.order, "")


def _group(one: str, timezone: str) -> Any:
    bucket, _, field = one.partition(":")
    if bucket in BUCKETS:
        return {"bucket": bucket, "field": field, "timezone": timezone}
    return node_of(one) if "|" in one else one


def _measure(function: str, choice: str) -> Any:
    if function == "count":
        return {"count": True}
    node = node_of(choice)
    of = node if "|" in choice else choice
    return {"percentile": of, "p": PERCENTILES[function]} if function in PERCENTILES else {function: of}


def _condition(row: Condition) -> Document:
    node = node_of(row.choice)
    field = FIELDS.get(node["field"])
    return {**node, row.operator: _value(field.kind if field else Kind.TEXT, row.operator, row.text)}


def _value(kind: Kind, operator: str, text: str) -> Any:
    if operator == "in":
        return [_scalar(kind, one.strip()) for one in text.split(",") if one.strip()]
    if operator == "exists":
        return _truth(text)
    return text if operator in {"last", "prefix"} else _scalar(kind, text)


def _scalar(kind: Kind, text: str) -> Any:
    if kind is Kind.BOOLEAN:
        return _truth(text)
    if kind in {Kind.NUMBER, Kind.EXTENSION}:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return found if isinstance(found, int | float) else text
    return text


def _truth(text: str) -> Any:
    word = text.lower()
    return True if word in YES else False if word in NO else text


def _shown(asked: Document) -> Form:
    match, blocks = "all", list[tuple[Condition, ...]]()
    if "filter" in asked:
        match, blocks = _blocks(asked["filter"])
    groups = tuple(_shown_groups(asked.get("group", ())))
    zones = [one["timezone"] for one in asked.get("group", ()) if isinstance(one, dict) and "bucket" in one]
    measures = tuple(_shown_measure(one) for one in asked.get("measures", {}).values())
    form = Form(
        match,
        tuple(blocks),
        groups,
        zones[0] if zones else "UTC",
        measures,
        "",
        str(asked.get("limit", ROWS)),
    )
    for order in ORDERS:
        tried = Form(match, form.blocks, groups, form.timezone, measures, order, form.limit)
        if _order(tried) == asked.get("sort", ""):
            return tried
    raise ValueError(asked["sort"])


def _blocks(node: Mapping[str, Any]) -> tuple[str, list[tuple[Condition, ...]]]:
    if "field" in node:
        return "all", [(_shown_condition(node),)]
    ((match, parts),) = node.items()
    inner = "any" if match == "all" else "all"
    if (len(parts) > 1 and all("field" in one for one in parts)) or any(inner in one for one in parts):
        return match, [
            tuple(_shown_condition(row) for row in one[inner]) if inner in one else (_shown_condition(one),)
            for one in parts
        ]
    raise ValueError(match)


def _shown_condition(node: Mapping[str, Any]) -> Condition:
    told = {name: one for name, one in node.items() if name not in {"field", key_of(node["field"])}}
    ((operator, value),) = told.items()
    text = ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
    return Condition(choice_of(node), operator, text)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)


def _shown_groups(nodes: Sequence[Any]) -> Iterator[str]:
    for node in nodes:
        has_bucket = isinstance(node, dict) and "bucket" in node
        yield f"{node['bucket']}:{node['field']}" if has_bucket else choice_of(node)


def _shown_measure(node: Any) -> tuple[str, str]:
    if node in ("count", {"count": True}):
        return "count", ""
    ((function, of),) = ((name, one) for name, one in node.items() if name != "p")
    if function == "percentile":
        function = {p: name for name, p in PERCENTILES.items()}[node["p"]]
    return function, choice_of(of)
