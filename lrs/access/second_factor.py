"""The second factor of people who log in by password: codes of an authenticator app (TOTP, RFC 6238).

users.second_factor {sealed, last (number of the newest code that was used), recovery [hashes], since} or None
users.factor_wanted {sealed, until}: chosen, and not proven by a code yet
second_steps        {_id hash of the cookie's token, user, onward, expires_at}: password given, code awaited

Codes have six digits, change every 30 seconds, and count for the step before and after too (clocks differ);
each is good once. Eight recovery codes, shown once, stand in for a lost app, each once.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import secrets
from typing import Any, Final
from urllib.parse import quote

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.sessions import hash_token
from lrs.access.users import get_user
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField
from lrs.foundation.sealing import reseal, seal, unseal
from lrs.foundation.settings import Settings

Document = dict[str, Any]

PURPOSE: Final = "secrets of second factors"
STEP: Final = 30  # seconds of one code
DIGITS: Final = 6
AROUND: Final = (0, -1, 1)  # steps beside the present one whose codes count
RECOVERY: Final = 8  # codes for who lost the app
WANTED_LASTS: Final = dt.timedelta(minutes=30)
SECOND_STEP_LASTS: Final = dt.timedelta(minutes=10)

INDEXES: dict[str, list[IndexModel]] = {
    "second_steps": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)]
}


def code_of(secret: str, number: int) -> str:
    """Return the code of a base32 secret for the step with this number (HOTP, RFC 4226)."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, number.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    value = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(value % 10**DIGITS).zfill(DIGITS)


def step_of(now: dt.datetime) -> int:
    """Return the number of the step in which an instant lies."""
    return int(now.timestamp()) // STEP


def address_of(secret: str, email: str, issuer: str) -> str:
    """Return the `otpauth` address that authenticator apps read from a QR code."""
    name = quote(f"{issuer}:{email}", safe="")
    return f"otpauth://totp/{name}?secret={secret}&issuer={quote(issuer, safe='')}"


def want(editor: Editor, settings: Settings, user: str) -> str:
    """Return the secret of a factor that waits to be proven: the one chosen last, or a new one.

    Raises Collision where the user has a factor, or has no password.
    """
    found = get_user(editor.db, user)
    if found.get("second_factor") is not None:
        raise Collision("there is a second factor already; remove it first")
    if found["password"] is None:
        raise Collision("whoever logs in by a provider has their second factor there")
    wanted = found.get("factor_wanted")
    if wanted is not None and wanted["until"] > editor.now:
        return unseal(settings, PURPOSE, wanted["sealed"])
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    made = {"sealed": seal(settings, PURPOSE, secret), "until": editor.now + WANTED_LASTS}
    editor.db.users.update_one({"_id": found["_id"]}, {"$set": {"factor_wanted": made}})
    return secret


def prove(editor: Editor, settings: Settings, user: str, code: str, session: str | None = None) -> list[str]:
    """Let a wanted factor hold from now on, by one of its codes; return the recovery codes, shown once.

    Other sessions of the user end. Raises InvalidField for a wrong code, and where none is wanted.
    """
    found = get_user(editor.db, user)
    wanted = found.get("factor_wanted")
    if wanted is None or wanted["until"] <= editor.now or found.get("second_factor") is not None:
        raise InvalidField("code", "is of a second factor that was not begun, or too long ago; begin again")
    number = _number(unseal(settings, PURPOSE, wanted["sealed"]), code, editor.now)
    if number is None:
        raise InvalidField("code", "is not the one that the app shows now; look at this device's clock")
    codes = ["-".join(secrets.token_hex(2) for _ in range(3)) for _ in range(RECOVERY)]
    factor = {
        "sealed": wanted["sealed"],
        "last": number,
        "recovery": [hash_token(one) for one in codes],
        "since": editor.now,
    }

    def act(opened: ClientSession) -> None:
        change = {"$set": {"second_factor": factor}, "$unset": {"factor_wanted": ""}, "$inc": {"version": 1}}
        still = {"_id": found["_id"], "factor_wanted.sealed": wanted["sealed"]}
        if not editor.db.users.update_one(still, change, session=opened).modified_count:
            raise Collision("no second factor was begun; begin again")
        others = {"user": found["_id"], "_id": {"$ne": session}}
        editor.db.sessions.delete_many(others, session=opened)
        editor.note("user.factor.add", "user", found["_id"], org=found["org"])

    editor.change(act)
    return codes


def remove(editor: Editor, user: str) -> Document:
    """Take a second factor away, for example of somebody who lost app and codes; raises Collision."""

    def act(session: ClientSession) -> Document:
        found = get_user(editor.db, user, session)
        if found.get("second_factor") is None:
            raise Collision("there is no second factor")
        change = {"$set": {"second_factor": None}, "$inc": {"version": 1}}
        editor.db.users.update_one({"_id": found["_id"]}, change, session=session)
        editor.db.sessions.delete_many({"user": found["_id"]}, session=session)
        editor.note("user.factor.remove", "user", found["_id"], org=found["org"])
        return get_user(editor.db, found["_id"], session)

    return editor.change(act)


def use(db: Database[Document], settings: Settings, user: Document, code: str, now: dt.datetime) -> bool:
    """Tell whether a code is the user's and was not used; it is now. Of two who send one, one gets in."""
    factor = user["second_factor"]
    number = _number(unseal(settings, PURPOSE, factor["sealed"]), code, now)
    if number is not None:
        newer = {"_id": user["_id"], "second_factor.last": {"$lt": number}}
        return db.users.update_one(newer, {"$set": {"second_factor.last": number}}).modified_count == 1
    spent = hash_token(code.strip().lower())
    held = {"_id": user["_id"], "second_factor.recovery": spent}
    return db.users.update_one(held, {"$pull": {"second_factor.recovery": spent}}).modified_count == 1


def _number(secret: str, code: str, now: dt.datetime) -> int | None:
    """Return the number of the step whose code this is, None where it is none of those that count."""
    given = "".join(code.split()).encode("utf-8", "replace")
    numbers = [step_of(now) + step for step in AROUND]
    right = [one for one in numbers if hmac.compare_digest(code_of(secret, one).encode(), given)]
    return right[0] if right else None


def begin_step(db: Database[Document], user: Document, onward: str | None, now: dt.datetime) -> str:
    """Remember that a password was right; return the token of the cookie by which the code comes."""
    token = secrets.token_urlsafe(32)
    row = {"_id": hash_token(token), "user": user["_id"], "onward": onward}
    db.second_steps.insert_one({**row, "expires_at": now + SECOND_STEP_LASTS})
    return token


def find_step(db: Database[Document], token: str | None, now: dt.datetime) -> Document | None:
    """Return what a password began that the code has to end."""
    if not token:
        return None
    return db.second_steps.find_one({"_id": hash_token(token), "expires_at": {"$gt": now}})


def reseal_all(settings: Settings, db: Database[Document], session: ClientSession) -> int:
    """Seal the secrets of all users with the passphrase of now; return how many."""
    done = 0
    for field in ("second_factor", "factor_wanted"):
        for user in list(db.users.find({f"{field}.sealed": {"$exists": True}}, {field: 1}, session=session)):
            fresh = reseal(settings, PURPOSE, user[field]["sealed"])
            db.users.update_one({"_id": user["_id"]}, {"$set": {f"{field}.sealed": fresh}}, session=session)
            done += 1
    return done
