"""What every route below /api/v1 keeps: strict arguments, pages, ETags, idempotency keys, rights told."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import flask_smorest
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Request, Response, current_app, make_response, request, url_for
from marshmallow import RAISE, Schema, fields, missing, validate
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from webargs.flaskparser import FlaskParser

from lrs.auth import Principal, check_scopes, current_principal
from lrs.context import laurel
from lrs.refusals import Collision, InvalidField, Outdated, PreconditionMissing
from statements.parse import parse_json

Document = dict[str, Any]
View = Callable[..., Any]


class StrictParser(FlaskParser):
    """Reads JSON as strictly as statements: no repeated keys, NaN, lone surrogates, endless nesting."""

    def _raw_load_json(self, req: Request) -> Any:
        """Return the body as JSON, or nothing where it is said to be something else; InvalidStatement."""
        if not req.is_json:
            return missing
        body = req.get_data(cache=True)
        parse_json(body, "body")
        return json.loads(body)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest is not typed
    """A blueprint of the administration API; its POST routes honour `Idempotency-Key`."""

    # what is not declared is refused, so that a misspelt filter is never ignored
    ARGUMENTS_PARSER = StrictParser(unknown=RAISE)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register a route, document the scopes it asks for and make its POST repeatable."""
        needs = getattr(view_func, "needs", None)
        if "POST" in options.get("methods", ()):
            view_func = repeatable(view_func)
        if needs is not None:
            view_func = self.doc(**_rights(needs))(guarded_first(view_func, needs))
            view_func.needs = needs
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)


def guarded_first(view: View, needs: tuple[str, ...]) -> View:
    """Check the right before the arguments are read, whatever the order of the decorators."""

    @wraps(view)
    def first(*args: Any, **kwargs: Any) -> Any:
        check_scopes(current_principal(), needs)
        return view(*args, **kwargs)

    return first


def _rights(needs: tuple[str, ...]) -> Document:
    told = f"Needs the scope {' or '.join(f'`{scope}`' for scope in needs)}." if needs else "Any principal."
    return {"security": [{"basic": []}, {"bearer": []}], "x-scopes": list(needs), "x-right": told}


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
    kept = {name: request.args.getlist(name) for name in request.args if name != "after"}
    values = {**kept, **(request.view_args or {}), "after": write_cursor(last)}
    return url_for(request.endpoint or "", **values)


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


def repeatable(view: View) -> View:
    """Let a POST with an `Idempotency-Key` act once; a repeat gets the first answer again.

    A key is remembered for 24 hours per principal, its answer sealed with the key itself, which is not kept.
    The same key with another request is 422; while the first request still runs, 409.
    """

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        if not 1 <= len(key) <= 255:
            raise InvalidField("Idempotency-Key", "must have 1 to 255 characters")
        principal = current_principal()
        check_scopes(principal, getattr(view, "needs", ()))
        return _once(principal, key, lambda: view(*args, **kwargs))

    return once


def _once(principal: Principal, key: str, act: Callable[[], Any]) -> Response:
    """Run `act` for a key that is new, or give the remembered answer."""
    remembered = laurel().db.idempotency
    identity = f"{principal.kind}\0{principal.id}\0{principal.org}\0{key}".encode()
    name = hashlib.sha256(b"name" + identity).hexdigest()
    asked = hashlib.sha256(b"\0".join((request.method.encode(), request.full_path.encode(), request.data)))
    try:
        remembered.insert_one({"_id": name, "asked": asked.hexdigest(), "created_at": laurel().now()})
    except DuplicateKeyError:
        return _again(remembered.find_one({"_id": name}), identity, asked.hexdigest())
    try:
        response = current_app.make_response(act())
    except BaseException:
        remembered.delete_one({"_id": name})
        raise
    if response.status_code >= 500:
        remembered.delete_one({"_id": name})
    else:
        remembered.update_one({"_id": name}, {"$set": {"answer": _seal(identity, response)}})
    return response


def _again(found: Document | None, identity: bytes, asked: str) -> Response:
    if found is not None and found["asked"] != asked:
        raise InvalidField("Idempotency-Key", "was used for another request")
    if found is None or "answer" not in found:
        raise Collision("the first request with this Idempotency-Key is still running")
    response = _unseal(identity, found["answer"])
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _cipher(identity: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(b"seal" + identity).digest())


def _seal(identity: bytes, response: Response) -> bytes:
    """Encrypt an answer under the key that the client sent: some answers hold a secret that is shown once."""
    kept = {name: value for name, value in response.headers if name in {"Content-Type", "ETag", "Location"}}
    text = orjson.dumps([response.status_code, kept, response.get_data(as_text=True)])
    # one answer is ever sealed under one identity, so a fixed nonce is never used twice
    return _cipher(identity).encrypt(b"\0" * 12, text, None)


def _unseal(identity: bytes, sealed: bytes) -> Response:
    try:
        status, headers, body = orjson.loads(_cipher(identity).decrypt(b"\0" * 12, sealed, None))
    except InvalidTag as error:
        raise Collision("the remembered answer cannot be read") from error
    return make_response(body, status, headers)
