"""Passkeys (WebAuthn level 3): kept with the user, good for a login of their own or as the second factor.

users.passkeys [{id (base64url), key (COSE), count, name, synced, created_at, used_at}]

The checks are the library's (challenge, origin, RP id, presence, signature, counter); ours are that a
challenge is good once, that the key is the user's, and that two answers at once do not both count.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import webauthn
from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from lrs.access.sessions import LOGIN_LASTS, hash_token
from lrs.access.users import get_user
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, Unauthenticated, UnknownThing
from lrs.foundation.settings import Settings

Document = dict[str, Any]

LONGEST_ANSWER: Final = 64 * 1024  # characters
MOST: Final = 20  # of one user
LONGEST_NAME: Final = 60
WRONG: Final = "this passkey is not known here, or its answer is not for this login"
BROKEN: Final = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError)

INDEXES: dict[str, list[IndexModel]] = {
    "users": [
        IndexModel(
            [("passkeys.id", ASCENDING)],
            unique=True,
            partialFilterExpression={"passkeys.id": {"$gt": ""}},
        )
    ]
}


def rp_id(settings: Settings) -> str:
    """Return the name that passkeys are bound to: the host of the public address."""
    return urlsplit(settings.public_url).hostname or ""


def origin(settings: Settings) -> str:
    """Return the origin of our pages, from which alone answers count."""
    parts = urlsplit(settings.public_url)
    return f"{parts.scheme}://{parts.netloc}"


def is_possible(settings: Settings) -> bool:
    """Tell whether browsers make passkeys here: under a name, by TLS or on this very machine."""
    host = rp_id(settings)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return urlsplit(settings.public_url).scheme == "https" or host == "localhost"
    return False


def refuse_elsewhere(user: Mapping[str, Any]) -> None:
    """Refuse who logs in by a provider: a passkey would outlive what the provider takes away; Collision."""
    if user.get("subject") is not None:
        raise Collision("whoever logs in by a provider has their passkeys there")


def registration(
    db: Database[Document], settings: Settings, user: str, session: str, *, now: dt.datetime
) -> str:
    """Return what the browser needs to make a passkey, as JSON; its challenge is good once, in this session.

    Raises Collision.
    """
    found = get_user(db, user)
    refuse_elsewhere(found)
    known = [base64url_to_bytes(one["id"]) for one in found.get("passkeys", ())]
    options = webauthn.generate_registration_options(
        rp_id=rp_id(settings),
        rp_name=settings.issuer_name,
        user_id=found["_id"].encode(),
        user_name=found["email"],
        user_display_name=found.get("name") or found["email"],
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    challenge = {"value": bytes_to_base64url(options.challenge), "until": now + LOGIN_LASTS}
    db.sessions.update_one({"_id": session}, {"$set": {"challenge": challenge}})
    return webauthn.options_to_json(options)


def register(
    editor: Editor, settings: Settings, user: str, session: str, *, answer: str, name: str
) -> Document:
    """Keep a passkey that the browser made; return the user. Raises InvalidField or Collision."""
    begun = editor.db.sessions.find_one_and_update({"_id": session}, {"$unset": {"challenge": ""}}) or {}
    challenge = begun.get("challenge")
    if challenge is None or challenge["until"] <= editor.now:
        raise InvalidField("passkey", "was not begun here, or too long ago; begin again")
    try:
        made = webauthn.verify_registration_response(
            credential=_parsed(answer),
            expected_challenge=base64url_to_bytes(challenge["value"]),
            expected_rp_id=rp_id(settings),
            expected_origin=origin(settings),
            require_user_verification=True,
        )
    except BROKEN as error:
        raise InvalidField("passkey", "is not one that this page asked for; begin again") from error
    row: Document = {
        "id": bytes_to_base64url(made.credential_id),
        "key": made.credential_public_key,
        "count": made.sign_count,
        "name": name.strip()[:LONGEST_NAME] or "Passkey",
        "synced": made.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        "created_at": editor.now,
        "used_at": None,
    }

    def act(opened: ClientSession) -> Document:
        before = get_user(editor.db, user, opened)
        refuse_elsewhere(before)
        if len(before.get("passkeys", ())) >= MOST:
            raise Collision(f"there are at most {MOST} passkeys; remove one first")
        if editor.db.users.find_one({"passkeys.id": row["id"]}, session=opened) is not None:
            raise Collision("this passkey is kept already")
        change = {"$push": {"passkeys": row}, "$inc": {"version": 1}}
        editor.db.users.update_one({"_id": before["_id"]}, change, session=opened)
        editor.note("user.passkey.add", "user", before["_id"], org=before["org"], note=row["name"])
        return get_user(editor.db, before["_id"], opened)

    return editor.change(act)


def rename(editor: Editor, user: str, passkey: str, name: str) -> None:
    """Call a passkey otherwise; raises UnknownThing, InvalidField."""
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise InvalidField("name", f"must be 1 to {LONGEST_NAME} characters")
    held = {"_id": user, "passkeys.id": passkey}
    if not editor.db.users.update_one(held, {"$set": {"passkeys.$.name": name.strip()}}).matched_count:
        raise UnknownThing("passkey", passkey)


def remove(editor: Editor, user: str, passkey: str) -> None:
    """Forget a passkey: it logs nobody in any more; raises UnknownThing."""

    def act(session: ClientSession) -> None:
        found = get_user(editor.db, user, session)
        row = next((one for one in found.get("passkeys", ()) if one["id"] == passkey), None)
        if row is None:
            raise UnknownThing("passkey", passkey)
        change = {"$pull": {"passkeys": {"id": passkey}}, "$inc": {"version": 1}}
        editor.db.users.update_one({"_id": found["_id"]}, change, session=session)
        editor.note("user.passkey.remove", "user", found["_id"], org=found["org"], note=row["name"])

    editor.change(act)


def begin(
    db: Database[Document], settings: Settings, now: dt.datetime, user: Mapping[str, Any] | None = None
) -> tuple[str, str]:
    """Return what the browser needs to answer by a passkey, as JSON, and the state of its cookie.

    `user` is whose password was right before: one of their passkeys is the second factor. Without, any
    passkey will do that verifies its owner by itself.
    """
    known = [base64url_to_bytes(one["id"]) for one in (user or {}).get("passkeys", ())]
    options = webauthn.generate_authentication_options(
        rp_id=rp_id(settings),
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known] or None,
        user_verification=(
            UserVerificationRequirement.DISCOURAGED if user else UserVerificationRequirement.REQUIRED
        ),
    )
    state = secrets.token_urlsafe(32)
    row = {
        "_id": hash_token(state),
        "challenge": bytes_to_base64url(options.challenge),
        "user": user and user["_id"],
        "expires_at": now + LOGIN_LASTS,
    }
    db.logins.insert_one(row)
    return webauthn.options_to_json(options), state


def log_in(
    db: Database[Document],
    settings: Settings,
    state: str,
    answer: str,
    now: dt.datetime,
    *,
    user: str | None = None,
) -> Document:
    """Return the user whose passkey answered, `user` where one was asked for; raises Unauthenticated."""
    wanted = {
        "_id": hash_token(state),
        "expires_at": {"$gt": now},
        "challenge": {"$exists": True},
        "user": user,
    }
    login = db.logins.find_one_and_delete(wanted)
    if login is None:
        raise Unauthenticated("this login was not begun here, or too long ago; begin again")
    try:
        sent = _parsed(answer)
        name = str(sent["id"])
    except BROKEN as error:
        raise Unauthenticated(WRONG) from error
    found = db.users.find_one({"passkeys.id": name, "disabled_at": None, "subject": None})
    if found is None or (user is not None and found["_id"] != user):
        raise Unauthenticated(WRONG)
    row = next(one for one in found["passkeys"] if one["id"] == name)
    try:
        handle = sent["response"].get("userHandle")
        if handle and base64url_to_bytes(handle) != found["_id"].encode():
            raise Unauthenticated(WRONG)
        proven = webauthn.verify_authentication_response(
            credential=sent,
            expected_challenge=base64url_to_bytes(login["challenge"]),
            expected_rp_id=rp_id(settings),
            expected_origin=origin(settings),
            credential_public_key=row["key"],
            credential_current_sign_count=row["count"],
            require_user_verification=user is None,
        )
    except BROKEN as error:
        raise Unauthenticated(WRONG) from error
    held = {"_id": found["_id"], "passkeys": {"$elemMatch": {"id": name, "count": row["count"]}}}
    used = {"passkeys.$.count": proven.new_sign_count, "passkeys.$.used_at": now, "last_login_at": now}
    if not db.users.update_one(held, {"$set": used}).matched_count:
        raise Unauthenticated(WRONG)
    return found


def _parsed(answer: str) -> Document:
    """Return an answer of a browser; raises ValueError."""
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found
