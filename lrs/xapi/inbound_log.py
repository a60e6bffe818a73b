"""The inbound log: which requests to /xapi were refused, when, of which client, where and why.

inbound {_id (rises with time), at, org, client, label, source, ring, method, resource, version, status,
         error, path, message, size, text}
inbound_rings {_id "org source", n, at}
inbound_repeats {_id "org client minute", at, org, client, label, count, ids}
Each client has RING places, which are taken in turn: the newest refusals stay, and a client that fails in a
loop drives out its own alone. Refused log-ins have places of their own. `text` is the offending statement, or
what stands around the place where a body ceases to be JSON. An entry goes after KEPT_FOR, or when a person
who is named in it is erased.

What a client sends again is no refusal; how much came is counted by the minute, with the ids of the last.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from flask import Request
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from lrs.access.auth import Principal, current_principal, split_basic
from lrs.foundation.audit import new_id
from lrs.foundation.context import Services, current_request, current_services, request_state
from lrs.foundation.errors import Unauthenticated
from statements.errors import StatementError
from statements.parsing.parse import parse_statements

Document = dict[str, Any]
log = logging.getLogger("lrs.inbound")

RING: Final = 500  # entries of one client
KEPT_FOR: Final = 30 * 24 * 3600
REPEATS_KEPT_FOR: Final = 24 * 3600
REPEATS_NAMED: Final = 20  # ids of one client's minute
LOGGED: Final = frozenset({400, 401, 403, 405, 409, 412, 413, 415})  # 404 is an answer, no refusal
MAX_TEXT: Final = 16 * 1024
AROUND: Final = 2 * 1024
BODY: Final = "laurel.body"  # where the body of a request waits in the environ
_INDEX: Final = re.compile(r"\$?\[(\d+)\]")
_POSITION: Final = re.compile(r"at line (\d+) column (\d+)")
INDEXES: dict[str, list[IndexModel]] = {
    "inbound": [
        IndexModel([("org", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("client", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("error", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("org", ASCENDING), ("source", ASCENDING), ("ring", ASCENDING)]),
        IndexModel([("at", ASCENDING)], expireAfterSeconds=KEPT_FOR),
    ],
    "inbound_repeats": [
        IndexModel([("org", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("client", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("at", ASCENDING)], expireAfterSeconds=REPEATS_KEPT_FOR),
    ],
    "inbound_rings": [IndexModel([("at", ASCENDING)], expireAfterSeconds=KEPT_FOR)],
}


def note_refusal(status: int, error: str, message: str, path: str | None) -> None:
    """Note that the present request is refused; a log that cannot be written changes no answer."""
    request, services = current_request(), current_services()
    if status not in LOGGED or not request.path.startswith("/xapi"):
        return
    try:
        sender = _sender(services, request)
        if sender is not None:
            facts = {"error": error, "message": message, "path": path}
            write(services, sender, request, facts, status=status)
    except PyMongoError as failure:
        log.warning("a refusal could not be noted: %s", failure)


def note_left_out(facts: Mapping[str, Any], statement: bytes) -> None:
    """Note a statement that the present request left out of what it stored (answered 200)."""
    request, services = current_request(), current_services()
    try:
        write(services, sender_of(current_principal()), request, facts, status=200, statement=statement)
    except PyMongoError as failure:
        log.warning("a refusal could not be noted: %s", failure)


def note_repeats(ids: list[str]) -> None:
    """Count statements of the present request that were stored before as they are (answered as stored)."""
    services, sender = current_services(), sender_of(current_principal())
    now = services.now()
    minute = {"_id": f"{sender['org']} {sender['source']} {now:%Y-%m-%dT%H:%M}"}
    change = {
        "$set": {"at": now, **{name: sender[name] for name in ("org", "client", "label")}},
        "$inc": {"count": len(ids)},
        "$push": {"ids": {"$each": ids[:REPEATS_NAMED], "$slice": -REPEATS_NAMED}},
    }
    try:
        quick = services.db.inbound_repeats.with_options(write_concern=WriteConcern(w=1))
        quick.update_one(minute, change, upsert=True)
    except PyMongoError as failure:
        log.warning("repeated statements could not be counted: %s", failure)


def write(
    services: Services,
    sender: Document,
    request: Request,
    facts: Mapping[str, Any],
    *,
    status: int,
    statement: bytes | None = None,
) -> None:
    """Add one entry; `sender` has org, client, label and source, `facts` error, message and path.

    Where only a statement of the body was refused, `statement` is that one.
    """
    db, now = services.db, services.now()
    ring: Document | None = db.inbound_rings.find_one_and_update(
        {"_id": f"{sender['org']} {sender['source']}"},
        {"$inc": {"n": 1}, "$set": {"at": now}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    taken = 0 if ring is None else ring["n"]
    place = {"org": sender["org"], "source": sender["source"], "ring": taken % RING}
    body: bytes = request.environ.get(BODY, b"")
    db.inbound.delete_one(place)
    db.inbound.insert_one({
        "_id": new_id(now), "at": now, **place, "client": sender["client"], "label": sender["label"],
        "method": request.method, "resource": request.path[:200],
        "version": request.environ.get("HTTP_X_EXPERIENCE_API_VERSION", "")[:40] or None, "status": status,
        "error": facts["error"], "path": _cut(facts["path"]), "message": _cut(facts["message"]),
        "size": len(body),
        "text": offending_text(body, facts["path"], facts["message"]) if statement is None
        else statement[:MAX_TEXT].decode("utf-8", "replace"),
    })  # fmt: skip


def sender_of(principal: Principal) -> Document:
    """Return whose entry it is; launches and bearer tokens of an organization share their places."""
    source = principal.id if principal.kind == "client" else principal.kind
    return {"org": principal.org, "client": principal.id, "label": principal.label, "source": source}


def _sender(services: Services, request: Request) -> Document | None:
    """Return who sent the request; a failed log-in belongs to the client whose key it names, if any."""
    principal: Principal | None = request_state().get("principal")
    if principal is not None:
        return sender_of(principal)
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, _secret = split_basic(value.strip())
    except Unauthenticated:
        return None
    client = services.db.clients.find_one({"_id": key}, {"org": 1, "label": 1})
    if client is None:
        return None
    return {"org": client["org"], "client": key, "label": client["label"], "source": f"{key} log-in"}


def offending_text(body: bytes, path: str | None, message: str) -> str | None:
    """Return the statement of a body that a path names, cut to MAX_TEXT; None without a body."""
    if not body:
        return None
    try:
        batch = parse_statements(body)
    except StatementError:
        return _window(body, message).decode("utf-8", "replace")
    found = _INDEX.match(path or "")
    index = int(found[1]) if found else 0
    return batch[index].text[:MAX_TEXT].decode("utf-8", "replace") if index < len(batch) else None


def _window(body: bytes, message: str) -> bytes:
    """Return what stands around the place where a body ceases to be JSON, else its beginning."""
    found = _POSITION.search(message)
    if found is None:
        return body[:MAX_TEXT]
    at = 0
    for _ in range(int(found[1]) - 1):
        at = body.find(b"\n", at) + 1
    at += int(found[2])  # characters, so that the place may lie further on: the window is wide
    return body[max(0, at - AROUND) : at + MAX_TEXT - AROUND]


def _cut(text: Any) -> str | None:
    return None if text is None else str(text)[:2000].encode(errors="replace").decode()


def newest(db: Database[Document], selection: Mapping[str, Any], limit: int) -> list[Document]:
    """Return the newest entries of a selection, without their texts."""
    return list(db.inbound.find(selection, {"text": 0}).sort("_id", DESCENDING).limit(limit))
