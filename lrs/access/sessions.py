"""Sessions of people who logged in: kept in the database, named by a cookie, guarded against forgery.

sessions {_id hash of the cookie's token, user, csrf, created_at, expires_at, address, agent (the browser),
          means (how the user proved to be it), provider? (the login provider of an organization),
          spent? (forms that do something once and were sent, the last ones)}
logins   {_id hash of the state, onward, provider, trial, expires_at, and what the answer is checked by
          (nonce, verifier | request | challenge)}: logins that are at a provider or at a passkey
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Request, Response
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.foundation.errors import Forbidden
from lrs.foundation.settings import Settings

Document = dict[str, Any]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"
SPENT: Final = 100  # forms of one session that are remembered as sent
LISTED: Final = 100  # sessions of one user on a page
LONGEST_AGENT: Final = 300  # characters of what a browser says it is
LOGIN_LASTS: Final = dt.timedelta(minutes=10)

INDEXES: dict[str, list[IndexModel]] = {
    "sessions": [
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("user", ASCENDING)]),
        IndexModel([("provider", ASCENDING)], partialFilterExpression={"provider": {"$gt": ""}}),
    ],
    "logins": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
}


def is_secure(settings: Settings) -> bool:
    """Tell whether people reach this server by TLS, so that cookies must too."""
    return urlsplit(settings.public_url).scheme == "https"


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; `__Host-` makes browsers refuse it from anywhere but this very host."""
    return "__Host-laurel" if is_secure(settings) else "laurel"


def hash_token(token: str) -> str:
    """Return the hash under which a token of 256 random bits is kept."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def begin(
    db: Database[Document],
    settings: Settings,
    user: Document,
    address: str | None,
    now: dt.datetime,
    *,
    means: str = "password",
    provider: str | None = None,
    agent: str = "",
) -> str:
    """Begin a session and return the token for its cookie."""
    token = secrets.token_urlsafe(32)
    document = {
        "_id": hash_token(token),
        "user": user["_id"],
        "csrf": secrets.token_urlsafe(32),
        "created_at": now,
        "expires_at": now + dt.timedelta(hours=settings.session_hours),
        "address": address,
        "agent": agent[:LONGEST_AGENT],
        "means": means,
        **({"provider": provider} if provider else {}),
    }
    db.sessions.insert_one(document)
    return token


def set_cookie(response: Response, settings: Settings, token: str | None) -> Response:
    """Put the session's cookie on an answer, or take it away."""
    response.set_cookie(
        cookie_name(settings),
        token or "",
        max_age=settings.session_hours * 3600 if token else 0,
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="Lax",
    )
    return response


def find(db: Database[Document], settings: Settings, request: Request, now: dt.datetime) -> Document | None:
    """Return the running session that a request's cookie names."""
    token = request.cookies.get(cookie_name(settings))
    if not token:
        return None
    return db.sessions.find_one({"_id": hash_token(token), "expires_at": {"$gt": now}})


def spend(db: Database[Document], session: Document, form: str) -> bool:
    """Tell whether a form, named by a word of its own, is sent in this session for the first time."""
    done = db.sessions.update_one(
        {"_id": session["_id"], "spent": {"$ne": form}},
        {"$push": {"spent": {"$each": [form], "$slice": -SPENT}}},
    )
    return done.modified_count == 1


def end(db: Database[Document], session: Document) -> None:
    """End a session."""
    db.sessions.delete_one({"_id": session["_id"]})


def running(db: Database[Document], user: str, now: dt.datetime) -> list[Document]:
    """Return the sessions of a user, the newest first; `name` tells one by, and is no secret."""
    found = db.sessions.find({"user": user, "expires_at": {"$gt": now}}).sort("created_at", -1).limit(LISTED)
    return [{**one, "name": name_of(one)} for one in found]


def name_of(session: Mapping[str, Any]) -> str:
    """Return the word by which a user names a session to end: nothing else can be done with it."""
    return hash_token(f"name of {session['_id']}")[:32]


def end_named(db: Database[Document], user: str, name: str, now: dt.datetime) -> bool:
    """End the session of a user that a word names; tell whether there was one."""
    for one in running(db, user, now):
        if hmac.compare_digest(one["name"].encode(), name.encode("utf-8", "replace")):
            end(db, one)
            return True
    return False


def end_others(db: Database[Document], user: str, keep: str) -> None:
    """End all sessions of a user but one."""
    db.sessions.delete_many({"user": user, "_id": {"$ne": keep}})


def check_forgery(session: Document, settings: Settings, request: Request) -> None:
    """Refuse a changing request that another site made the browser send; raises Forbidden.

    It needs the session's token (header or form field), and an Origin, where one is sent, that is ours.
    """
    if request.method in SAFE_METHODS:
        return
    check_origin(settings, request)
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD) or ""
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), session["csrf"].encode()):
        raise Forbidden("the request lacks the token of this session; load the page again")


def check_origin(settings: Settings, request: Request) -> None:
    """Refuse a request from a page of another origin; raises Forbidden."""
    origin = request.headers.get("Origin")
    own = urlsplit(settings.public_url)
    if origin is not None and origin not in {f"{own.scheme}://{own.netloc}", request.host_url.rstrip("/")}:
        raise Forbidden("the request comes from another site")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("the request comes from another site")


def own_path(onward: str | None, default: str = "/console") -> str:
    """Return a path on this server to go on to; anything that leads elsewhere becomes the default."""
    if not onward or not onward.isprintable() or "\\" in onward or not onward.startswith("/"):
        return default
    parts = urlsplit(onward)
    return default if onward.startswith("//") or parts.scheme or parts.netloc else onward
