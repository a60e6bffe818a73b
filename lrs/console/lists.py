"""Lists: a page with its state in the address, and the same rows as `.json` and `.csv` beside it.

`listed(blueprint, "/console/things", scope=..., template=...)` registers a view under three addresses. It
gets where its page begins and how long it may be, and returns `Rows`. Pages go by position, never by number:
`after` is what the row before was sorted by.
"""

from __future__ import annotations

import base64
import binascii
import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

import orjson
from flask import Response, request
from pymongo.collection import Collection

from lrs.access.guard import Scope
from lrs.analysis.figures.csv_cells import csv_cell
from lrs.console.shell import Pages, show
from lrs.foundation.errors import InvalidField
from lrs.http.addresses import address

Document = dict[str, Any]
PAGE: Final = 50
LONGEST: Final = 500
MOST: Final = 100_000  # rows of one CSV


@dataclass(frozen=True, slots=True)
class Span:
    """Where a page begins (the sort key of the row before it), and how many rows it has."""

    after: list[Any] | None
    limit: int


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of rows; `columns` are those of the twins, `last` where the next page begins, if there is one.

    `context` is what the page needs beside the rows.
    """

    columns: Sequence[str]
    items: Sequence[Mapping[str, Any]]
    last: list[Any] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


View = Callable[..., Rows]


def listed(
    blueprint: Pages, rule: str, *, scope: Scope, template: str, **options: Any
) -> Callable[[View], View]:
    """Return what registers a list: a page at `rule`, its twins at `rule.json` and `rule.csv`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def page(**ids: str) -> Any:
            rows = view(Span(position(), PAGE), **ids)
            return show(template, rows=rows.items, onward=onward(rows.last), twins=twins(), **rows.context)

        @wraps(view)
        def as_json(**ids: str) -> Any:
            rows = view(Span(position(), limit()), **ids)
            body = {"items": [plain(one, rows.columns) for one in rows.items], "next": onward(rows.last)}
            return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), content_type="application/json")

        @wraps(view)
        def as_csv(**ids: str) -> Any:
            text = "".join(csv_lines(lambda after: view(Span(after, LONGEST), **ids)))
            name = f"{rule.rsplit('/', 1)[-1]}-{dt.datetime.now(dt.UTC):%Y-%m-%d}.csv"
            return Response(
                text,
                content_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )

        name = view.__name__
        blueprint.add_url_rule(rule, name, page, scope=scope, **options)
        blueprint.add_url_rule(f"{rule}.json", f"{name}_json", as_json, scope=scope, **options)
        blueprint.add_url_rule(f"{rule}.csv", f"{name}_csv", as_csv, scope=scope, **options)
        return view

    return decorate


def csv_lines(page: Callable[[list[Any] | None], Rows]) -> Iterator[str]:
    """Yield all rows of a list as CSV, page after page."""
    after: list[Any] | None = None
    given = 0
    while given < MOST:
        rows = page(after)
        out = io.StringIO()
        writer = csv.writer(out)
        if not given:
            writer.writerow(rows.columns)
        writer.writerows([csv_cell(one.get(column)) for column in rows.columns] for one in rows.items)
        yield out.getvalue()
        given += max(1, len(rows.items))  # a page without rows may lead on to some
        after = rows.last
        if after is None:
            return


def plain(row: Mapping[str, Any], columns: Sequence[str]) -> Document:
    """Return what the twin in JSON has of a row."""
    return {name: row.get(name) for name in columns}


# Positions


def position() -> list[Any] | None:
    """Return where the page that is asked for begins; raises InvalidField for what no link of ours said."""
    text = request.args.get("after")
    if not text:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidField("after", "is not a position that a link gave") from error
    if not isinstance(found, list) or not all(one is None or isinstance(one, str) for one in found):
        raise InvalidField("after", "is not a position that a link gave")
    return found


def limit() -> int:
    """Return how many rows a twin is asked for."""
    text = request.args.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= LONGEST):
        raise InvalidField("limit", f"is a number from 1 to {LONGEST}")
    return int(text)


def write_position(last: Sequence[Any]) -> str:
    """Return a position as it stands in an address."""
    return base64.urlsafe_b64encode(json.dumps(list(last)).encode()).decode().rstrip("=")


def onward(last: Sequence[Any] | None) -> str | None:
    """Return the address of the next page, with the filters of this one."""
    return None if last is None else address(request.path, after=write_position(last))


def twins() -> dict[str, str]:
    """Return the addresses of the same list as data, with the same filters."""
    return {form: address(f"{request.path}.{form}") for form in ("csv", "json")}


def seek(
    collection: Collection[Document],
    query: Mapping[str, Any],
    span: Span,
    by: str = "_id",
    *,
    newest_first: bool = False,
    hint: str | None = None,
) -> tuple[list[Document], list[Any] | None]:
    """Return the rows of a page ordered by a field and then the id, and where the next page begins.

    The values of the field are texts or missing; those without one come first.
    """
    way = -1 if newest_first else 1
    clauses: list[Mapping[str, Any]] = [query]
    if span.after is not None:
        clauses.append(_beyond(by, span.after, "$lt" if newest_first else "$gt"))
    order = [(by, way)] if by == "_id" else [(by, way), ("_id", way)]
    cursor = collection.find({"$and": clauses}).sort(order).limit(span.limit + 1)
    found = list(cursor if hint is None else cursor.hint(hint))
    rows = found[: span.limit]
    if len(found) <= span.limit:
        return rows, None
    last = rows[-1]
    return rows, [last["_id"]] if by == "_id" else [last.get(by), last["_id"]]


def _beyond(by: str, after: Sequence[Any], beyond: str) -> Document:
    if len(after) != (1 if by == "_id" else 2) or after[-1] is None:
        raise InvalidField("after", "is not a position of this list")
    if by == "_id":
        return {"_id": {beyond: after[0]}}
    value, last = after
    same = {by: value, "_id": {beyond: last}}
    return {"$or": [{by: {beyond: value}} if value is not None else {by: {"$gte": ""}}, same]}


def cut(
    rows: Sequence[Document], span: Span, key: Callable[[Document], list[str]]
) -> tuple[list[Document], list[Any] | None]:
    """Return a page of rows that are all at hand, sorted by `key`, and where the next page begins."""
    ordered = sorted(rows, key=key)
    after = span.after
    if after is not None:
        if any(one is None for one in after):
            raise InvalidField("after", "is not a position of this list")
        ordered = [one for one in ordered if key(one) > after]
    shown = ordered[: span.limit]
    return shown, key(shown[-1]) if len(ordered) > len(shown) else None


def asked(*names: str, longest: int = 200) -> dict[str, str]:
    """Return the filters that are given, without blanks around; raises InvalidField for a long one."""
    found = {name: request.args.get(name, "").strip() for name in names}
    for name, value in found.items():
        if len(value) > longest:
            raise InvalidField(name, f"is longer than {longest} characters")
        if "\0" in value:
            raise InvalidField(name, "has a character that no text has")
    return {name: value for name, value in found.items() if value}
