"""What every route below /api/v1 keeps: strict arguments, pages, ETags, scopes told."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import flask_smorest
from flask import Request, request
from marshmallow import RAISE, Schema, fields, missing, validate
from pymongo.collection import Collection
from webargs.flaskparser import FlaskParser
from werkzeug.routing import BaseConverter, Rule

from lrs.access import guard
from lrs.api.idempotency import repeatable
from lrs.foundation.errors import InvalidField, Outdated, PreconditionMissing
from lrs.http.addresses import address
from statements.errors import InvalidStatement
from statements.parsing.parse import parse_json

Document = dict[str, Any]
View = Callable[..., Any]
# what the document says of answers that are no JSON
TEXT: Final = {"type": "string"}
BYTES: Final = {"type": "string", "format": "binary"}
IF_MATCH: Final = {
    "in": "header", "name": "If-Match", "required": True, "schema": {"type": "string"},
    "description": "The ETag that it was read with, or `*`.",
}  # fmt: skip


WORDS_OF_OURS: Final[Mapping[str, tuple[str, ...]]] = {
    "award": ("verify",),
    "domain": ("verify",),
    "item": ("versions", "visible"),
    "person": ("invitations", "pending", "roster"),
    "query_id": ("shared",),
    "rule_id": ("check", "plans", "test"),
}
"""What stands at the place of an id and is none."""


class Address(Rule):
    """A route of the API in which a word of ours is no id: an address fits one template, as `Allow` says."""

    def get_converter(self, variable_name: str, *args: Any) -> BaseConverter:
        """Return what reads a variable of the route."""
        made = super().get_converter(variable_name, *args)
        if words := WORDS_OF_OURS.get(variable_name):
            made.regex = rf"(?!(?:{'|'.join(words)})\Z){made.regex}"
        return made


class StrictParser(FlaskParser):
    """Reads JSON as strictly as statements: no repeated keys, NaN, lone surrogates, endless nesting."""

    def _raw_load_json(self, req: Request) -> Any:
        """Return the body as JSON, or nothing where it is said to be something else; InvalidStatement."""
        if not req.is_json:
            return missing
        body = req.get_data(cache=True)
        parse_json(body, "body")
        try:
            return json.loads(body)
        except ValueError as error:  # Python reads no number of more than 4,300 digits
            raise InvalidStatement("body", "holds a number with too many digits") from error


class Flag(fields.Boolean):
    """A yes or no: `true` or `false` in JSON, the same words in a query, and nothing that resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool) and value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Instant(fields.AwareDateTime):
    """An instant with its offset, as UTC; one that UTC's calendar does not hold is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        read = super()._deserialize(value, attr, data, **kwargs)
        try:
            return read.astimezone(dt.UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error


class Blueprint(guard.Blueprint, flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest is not typed
    """A blueprint of the administration API; its POST routes honour `Idempotency-Key`."""

    # what is not declared is refused, so that a misspelt filter is never ignored
    ARGUMENTS_PARSER = StrictParser(unknown=RAISE)

    def __init__(
        self, name: str, import_name: str, *, description: str, url_prefix: str | None = None
    ) -> None:
        super().__init__(name, import_name, description=description, url_prefix=url_prefix)  # type: ignore[call-arg]  # flask-smorest's

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        *,
        scope: guard.Scope | None = None,
        **options: Any,
    ) -> None:
        """Register a route behind its scope, document that, and make its POST repeatable."""
        if "POST" in options.get("methods", ()) and not getattr(view_func, "streams", False):
            view_func = repeatable(view_func)
        if scope not in {None, guard.PUBLIC}:
            view_func = self.doc(**_rights(scope))(view_func)
        for status in _refusals(rule, options.get("methods", ()), scope):
            view_func = self.alt_response(status, response=HTTPStatus(status).name)(view_func)
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, scope=scope, **options)

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[View], View]:
        """Read arguments, as flask-smorest; a body of which nothing is required may be left out."""
        if location == "json":
            made = schema() if isinstance(schema, type) else schema
            options.setdefault("required", any(one.required for one in made.fields.values()))
        found: Callable[[View], View] = super().arguments(schema, location=location, **options)
        return found

    def conditional(self, view: View) -> View:
        """Say that a route changes what `If-Match` names (`check_match`)."""
        made: View = self.doc(parameters=[IF_MATCH])(view)
        return made


def streaming(view: View) -> View:
    """Mark a view that reads its body as it arrives: it cannot be kept to be compared with a repeat."""
    view.streams = True  # type: ignore[attr-defined]  # read when the route is added
    return view


def _rights(scope: guard.Scope) -> Document:
    """Return what the document says of a route that needs one of these scopes."""
    named = [scope] if isinstance(scope, str) else list(scope)
    needed = [one for one in named if one != guard.AUTHENTICATED]
    told = f"Needs the scope {' or '.join(f'`{one}`' for one in needed)}." if needed else "Any principal."
    return {"security": [{"basic": []}, {"bearer": []}], "x-scopes": needed, "x-right": told}


def _refusals(rule: str, methods: Iterable[str], scope: guard.Scope | None) -> Iterator[int]:
    """Yield the statuses by which such a route refuses; what may happen to all is the default answer."""
    if scope not in {None, guard.PUBLIC}:
        yield from (401, 403)
    if "<" in rule:
        yield 404
    if {"POST", "PUT", "PATCH", "DELETE"} & {*methods}:
        yield from (400, 409)
    if {"PATCH", "DELETE"} & {*methods}:
        yield from (412, 428)


class PageArgs(Schema):
    """The query parameters of every listing; filters inherit from it."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 500),
        metadata={"description": "How many at most, 1 to 500."},
    )
    after = fields.String(
        load_default=None,
        validate=validate.Length(max=1000),
        metadata={"description": "Where the page begins: the `after` of the `next` link of the page before."},
    )


def page_schema(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of `item`: `{items: [...], next: URL or null}`."""
    name = item.__name__.removesuffix("Schema") + "Page"
    members = {"items": fields.List(fields.Nested(item)), "next": fields.String(allow_none=True)}
    return Schema.from_dict(members, name=name)  # type: ignore[arg-type]  # marshmallow's own type is too narrow


def page(
    collection: Collection[Document],
    query: Mapping[str, Any],
    args: Mapping[str, Any],
    show: Callable[[Document], Document],
    *,
    newest_first: bool = False,
) -> Document:
    """Return one page `{items, next}` of a collection whose `_id` are texts, ordered by `_id`.

    The `after` of the arguments is opaque, and only ever compared with `_id` inside `query`.
    """
    limit, after = args["limit"], args.get("after")
    clauses: list[Mapping[str, Any]] = [query]
    if after is not None:
        clauses.append({"_id": {"$lt" if newest_first else "$gt": read_cursor(after)}})
    found = list(collection.find({"$and": clauses}).sort("_id", -1 if newest_first else 1).limit(limit + 1))
    rows = found[:limit]
    onward = next_link(rows[-1]["_id"]) if len(found) > limit else None
    return {"items": [show(row) for row in rows], "next": onward}


def next_link(last: str) -> str:
    """Return the address of the page after `last`, with the other parameters of the request."""
    return address(request.path, after=write_cursor(last))


def write_cursor(last: str) -> str:
    """Return the opaque form of a position."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def read_cursor(after: str) -> str:
    """Return the position of an opaque cursor, always a text; raises InvalidField."""
    try:
        return base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidField("after", "is not a position that a `next` link gave") from error


def etag(document: Mapping[str, Any]) -> str:
    """Return the strong ETag of a stored document: its version."""
    return f'"v{document.get("version", 0)}"'


def tagged(
    body: Any, document: Mapping[str, Any] | None = None, status: int = 200
) -> tuple[Any, int, dict[str, str]]:
    """Return what a view answers for one document (default: the body itself): body, status, ETag header."""
    return body, status, {"ETag": etag(document if document is not None else body)}


def check_match(kind: str, document: Mapping[str, Any]) -> int:
    """Return the version a change may start from; raises PreconditionMissing or Outdated by `If-Match`.

    The caller updates with `{"_id": …, "version": <this>}` and raises Outdated when nothing matched.
    """
    wanted = request.if_match
    if not wanted:
        raise PreconditionMissing(kind)
    if not wanted.star_tag and f"v{document.get('version', 0)}" not in wanted:
        raise Outdated(kind)
    version: int = document.get("version", 0)
    return version
