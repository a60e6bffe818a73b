"""`Idempotency-Key`: a POST that is sent again acts once, and gets the first answer again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Response, current_app, make_response, request
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from lrs.access.auth import Principal, current_principal
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField

Document = dict[str, Any]
View = Callable[..., Any]

LEASE: Final = dt.timedelta(minutes=5)  # longer than gunicorn lets a request run

INDEXES: dict[str, list[IndexModel]] = {
    "idempotency": [IndexModel([("created_at", ASCENDING)], expireAfterSeconds=24 * 3600)]
}


def repeatable(view: View) -> View:
    """Let a POST with an `Idempotency-Key` act once; a repeat gets the first answer again.

    A key is remembered for 24 hours per principal, its answer sealed with the key itself, which is not kept.
    The same key with another request is 422; while the first request still runs, 409, at most for LEASE: a
    request that a crash cut short left nobody an answer, and may be sent again under its key.
    """

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        if not 1 <= len(key) <= 255:
            raise InvalidField("Idempotency-Key", "must have 1 to 255 characters")
        return _once(current_principal(), key, lambda: view(*args, **kwargs))

    return once


def _once(principal: Principal, key: str, act: Callable[[], Any]) -> Response:
    """Run `act` for a key that is new, or give the remembered answer."""
    remembered, now = current_services().db.idempotency, current_services().now()
    identity = f"{principal.kind}\0{principal.id}\0{principal.org}\0{key}".encode()
    name = hashlib.sha256(b"name" + identity).hexdigest()
    asked = hashlib.sha256(b"\0".join((request.method.encode(), request.full_path.encode(), request.data)))
    mine = {"_id": name, "created_at": now}
    try:
        remembered.insert_one({**mine, "asked": asked.hexdigest()})
    except DuplicateKeyError:
        left = {"_id": name, "asked": asked.hexdigest(), "answer": None, "created_at": {"$lte": now - LEASE}}
        if not remembered.update_one(left, {"$set": mine}).matched_count:
            return _again(remembered.find_one({"_id": name}), identity, asked.hexdigest())
    try:
        response = current_app.make_response(act())
    except BaseException:
        remembered.delete_one(mine)
        raise
    if response.status_code >= 500:
        remembered.delete_one(mine)
    else:
        remembered.update_one(mine, {"$set": {"answer": _seal(identity, response)}})
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
