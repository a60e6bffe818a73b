"""People who log in, to administer or to learn: roles, passwords, lock-out.

users {_id, org, email, name, role, password (hash or None), subject (at the OIDC provider, or None),
       second_factor (lrs.access.second_factor), mailbox (the address that the user has proven to read, or
       None), timezone?, language? (in which pages tell them instants, speak and mails are written),
       disabled_at, failures, locked_until, last_login_at, created_at, updated_at, version}

A learner's account is the vendor's, like the person: no partner may change it, and it goes along to the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import available_timezones

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR, get_org
from lrs.access.scopes import SCOPES, XAPI_SCOPES
from lrs.access.secret_hashes import HASHING
from lrs.access.tries import LOCKED_FOR, check_tries, count_try, take_back
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import (
    Collision,
    InvalidField,
    Outdated,
    Unauthenticated,
    UnknownThing,
)
from lrs.foundation.mail import check_address

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody in a role may do, and whether it is a role of the vendor."""

    scopes: tuple[str, ...]
    vendor_wide: bool
    of_vendor: bool


ROLES: Final[Mapping[str, Role]] = {
    "vendor_admin": Role(SCOPES, vendor_wide=True, of_vendor=True),
    "rule_author": Role(
        ("rules", "gates", "analytics", "content/read", "all/read"), vendor_wide=True, of_vendor=True
    ),
    "analyst": Role(("analytics", "all/read"), vendor_wide=True, of_vendor=True),
    "partner_admin": Role(
        (*XAPI_SCOPES, "orgs", "people", "gates", "analytics", "content/read", "assess"),
        vendor_wide=False,
        of_vendor=False,
    ),
    "instructor": Role(("assess",), vendor_wide=False, of_vendor=True),  # of anybody's people
    "partner_instructor": Role(("assess",), vendor_wide=False, of_vendor=False),  # of the own organization's
    "learner": Role((), vendor_wide=False, of_vendor=True),  # sees what is about the own person alone
}
LINKED: Final = frozenset(
    {"partner_admin", "partner_instructor", "learner"}
)  # roles that may log in by a link sent by mail
EDITABLE: Final = ("name", "role", "disabled_at")
HASHER: Final = (
    PasswordHasher()
)  # passwords of people are weaker than generated secrets: argon2's own defaults
SHORTEST: Final = 12
FAILURES: Final = 5  # of one account, then it is locked
TRIES: Final = 30  # of one address within LOCKED_FOR, whatever accounts

INDEXES: dict[str, list[IndexModel]] = {
    "users": [
        IndexModel([("email", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("subject", ASCENDING)], unique=True, partialFilterExpression={"subject": {"$gt": ""}}),
    ],
}


def check_password(password: str, email: str) -> str:
    """Return a password that is long enough and no repetition; raises InvalidField."""
    if not SHORTEST <= len(password) <= 1000:
        raise InvalidField("password", f"must have {SHORTEST} to 1000 characters")
    if len(set(password)) < 5 or password.lower() in {email.lower(), email.partition("@")[0].lower()}:
        raise InvalidField("password", "is too easy to guess")
    return password


def get_user(db: Database[Document], user: str, session: ClientSession | None = None) -> Document:
    """Return a user by id or mail address; raises UnknownThing."""
    found = db.users.find_one({"$or": [{"_id": user}, {"email": user.lower()}]}, session=session)
    if found is None:
        raise UnknownThing("user", user)
    return found


def add_user(editor: Editor, org: str, properties: Mapping[str, Any]) -> Document:
    """Insert a user {email, name, role, password?}; raises InvalidField, UnknownThing or Collision.

    A learner's account becomes that user where the vendor says so, and logs in as before; for anybody else
    the address is taken.
    """
    email = check_address(properties["email"]).lower()
    password = properties.get("password")
    check_role(properties["role"], get_org(editor.db, org)["_id"])
    document: Document = {
        "_id": "u_" + new_id(editor.now),
        "org": org,
        "email": email,
        "name": properties.get("name"),
        "role": properties["role"],
        "password": HASHER.hash(check_password(password, email)) if password else None,
        "subject": None,
        "second_factor": None,
        "mailbox": None,
        "disabled_at": None,
        "failures": 0,
        "locked_until": None,
        "last_login_at": None,
        "created_at": editor.now,
        "updated_at": editor.now,
        "version": 1,
    }

    def act(session: ClientSession) -> Document:
        learner = editor.db.users.find_one({"email": email, "role": "learner"}, session=session)
        if learner is not None and is_of_vendor(editor) and document["role"] != "learner":
            return move_user(editor, learner, {name: document[name] for name in ("org", "role")}, session)
        try:
            editor.db.users.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Collision("a user with this mail address exists") from error
        editor.note("user.add", "user", document["_id"], org=org, after=document)
        return document

    return editor.change(act)


def is_of_vendor(editor: Editor) -> bool:
    """Tell whether the vendor changes something: one of its users, or the operator's command."""
    return bool(editor.who.get("org") == VENDOR)


def move_user(editor: Editor, before: Document, place: Document, session: ClientSession) -> Document:
    """Give an account another organization and role; what proves the mailbox stays, sessions end."""
    change = {"$set": {**place, "updated_at": editor.now}, "$inc": {"version": 1}}
    editor.db.users.update_one({"_id": before["_id"]}, change, session=session)
    after = get_user(editor.db, before["_id"], session)
    editor.db.sessions.delete_many({"user": before["_id"]}, session=session)
    editor.note("user.edit", "user", before["_id"], org=place["org"], before=before, after=after)
    return after


def check_role(role: str, org: str) -> None:
    """Refuse a role that does not fit the organization; raises InvalidField."""
    if role not in ROLES:
        raise InvalidField("role", f"must be one of {', '.join(ROLES)}")
    if ROLES[role].of_vendor != (org == VENDOR):
        raise InvalidField("role", f"{role} is not a role in the organization {org}")


def edit_user(editor: Editor, user: str, changes: Mapping[str, Any], version: int | None = None) -> Document:
    """Change name, role, password or whether a user is disabled; their sessions end; raises as `add_user`."""

    def act(session: ClientSession) -> Document:
        before = get_user(editor.db, user, session)
        kept = {name: changes[name] for name in EDITABLE if name in changes}
        if "role" in kept:
            returns = kept["role"] == "learner" and is_of_vendor(editor)  # who administered learns on
            kept["org"] = VENDOR if returns else before["org"]
            check_role(kept["role"], kept["org"])
        if changes.get("password"):
            kept["password"] = HASHER.hash(check_password(changes["password"], before["email"]))
            # who sets a password can log in with it: it takes the proof of the mailbox along
            kept |= {"failures": 0, "locked_until": None, "mailbox": None}
        after: Document | None = editor.db.users.find_one_and_update(
            {"_id": before["_id"], "version": before["version"] if version is None else version},
            {"$set": {**kept, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("user")
        if set(kept) - {"name"}:
            editor.db.sessions.delete_many({"user": before["_id"]}, session=session)
        note = "password changed" if "password" in kept else None
        editor.note(
            "user.edit", "user", before["_id"], org=before["org"], before=before, after=after, note=note
        )
        return after

    return editor.change(act)


def prove(editor: Editor, user: Document, mailbox: str) -> Document:
    """Note that a user reads an address; earlier passwords and passkeys are somebody else's: they end."""

    def act(session: ClientSession) -> Document:
        proven = {"mailbox": mailbox, "password": None, "updated_at": editor.now}
        after: Document | None = editor.db.users.find_one_and_update(
            {"_id": user["_id"], "disabled_at": None},
            {"$set": proven, "$unset": {"passkeys": ""}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("user")
        editor.db.sessions.delete_many({"user": user["_id"]}, session=session)
        editor.note("user.prove", "user", user["_id"], org=user["org"], before=user, after=after)
        return after

    return editor.change(act)


def choose_timezone(db: Database[Document], user: str, timezone: str) -> None:
    """Tell a user instants in a time zone from now on; raises InvalidField for a name that is none."""
    if timezone not in available_timezones():
        raise InvalidField("timezone", "is no time zone; Europe/Berlin and UTC are")
    db.users.update_one({"_id": user}, {"$set": {"timezone": timezone}})


def choose_language(db: Database[Document], user: str, language: str) -> None:
    """Show and write to a user in a language from now on; it is one of `LANGUAGES`."""
    db.users.update_one({"_id": user}, {"$set": {"language": language}})


def choose_password(editor: Editor, user: str, password: str, keep: str) -> None:
    """Set a user's own password; sessions but the one named `keep` end. Raises InvalidField, UnknownThing."""

    def act(session: ClientSession) -> None:
        before = get_user(editor.db, user, session)
        hashed = HASHER.hash(check_password(password, before["email"]))
        change = {"password": hashed, "failures": 0, "locked_until": None, "updated_at": editor.now}
        editor.db.users.update_one(
            {"_id": before["_id"]}, {"$set": change, "$inc": {"version": 1}}, session=session
        )
        editor.db.sessions.delete_many({"user": before["_id"], "_id": {"$ne": keep}}, session=session)
        editor.note("user.edit", "user", before["_id"], org=before["org"], note="password chosen")

    editor.change(act)


def log_in(db: Database[Document], email: str, password: str, address: str, now: dt.datetime) -> Document:
    """Return the user whom mail address and password belong to; raises Unauthenticated or TooManyTries.

    Unknown, disabled and locked accounts answer alike and cost the same time. Failures of somebody with a
    second factor are forgiven when the code was right too (`log_in_by_code`).
    """
    count_address(db, address, now)
    user = db.users.find_one({"email": email.lower()})
    hashed = (user or {}).get("password") or _decoy()
    right = _verify(hashed, password)
    if user is None or user["password"] is None or user["disabled_at"] is not None:
        raise Unauthenticated("the mail address or the password is wrong")
    if user["locked_until"] is not None and user["locked_until"] > now:
        raise Unauthenticated("the mail address or the password is wrong")
    if not right:
        _count_failure(db, user, now)
        raise Unauthenticated("the mail address or the password is wrong")
    if user.get("second_factor") is None:
        _forgive(db, user, address, now)
    return user


def log_in_by_code(
    db: Database[Document], user: str, used: Callable[[Document], bool], address: str, now: dt.datetime
) -> Document:
    """Return the user whose password was right before, now that `used` takes the code too.

    Wrong codes lock the account as wrong passwords do. Raises Unauthenticated or TooManyTries.
    """
    count_address(db, address, now)
    found = db.users.find_one({"_id": user, "disabled_at": None, "second_factor": {"$ne": None}})
    locked = found is not None and found["locked_until"] is not None and found["locked_until"] > now
    if found is None or locked:
        raise Unauthenticated("the code is wrong")
    if not used(found):
        _count_failure(db, found, now)
        raise Unauthenticated("the code is wrong")
    _forgive(db, found, address, now)
    return found


def log_in_by_subject(db: Database[Document], claims: Mapping[str, Any], now: dt.datetime) -> Document:
    """Return the user whom an ID token is about; the first login binds the provider's subject to the user.

    Only a verified mail address finds a user. Raises Unauthenticated.
    """
    subject = f"{claims['iss']} {claims['sub']}"
    user = db.users.find_one({"subject": subject})
    if user is None and claims.get("email_verified") is True and isinstance(claims.get("email"), str):
        user = db.users.find_one_and_update(
            {"email": claims["email"].lower(), "subject": None}, {"$set": {"subject": subject}}
        )
    if user is None or user["disabled_at"] is not None:
        raise Unauthenticated("nobody here has this account; ask an administrator")
    db.users.update_one({"_id": user["_id"]}, {"$set": {"last_login_at": now}})
    return user


def _verify(hashed: str, password: str) -> bool:
    try:
        with HASHING:
            return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


_DECOYS: list[str] = []


def _decoy() -> str:
    """Return a hash that no password has, made once: an unknown account takes as long as a known one."""
    if not _DECOYS:
        _DECOYS.append(HASHER.hash(new_id(dt.datetime.now(dt.UTC))))
    return _DECOYS[0]


def count_address(db: Database[Document], address: str, now: dt.datetime) -> None:
    """Count a try from an address; raises TooManyTries after TRIES within LOCKED_FOR."""
    check_tries(db, {address: TRIES}, now)
    count_try(db, address, now)


def _count_failure(db: Database[Document], user: Document, now: dt.datetime) -> None:
    counted: Document = db.users.find_one_and_update(
        {"_id": user["_id"]}, {"$inc": {"failures": 1}}, return_document=ReturnDocument.AFTER
    ) or {"failures": 0}
    if counted["failures"] >= FAILURES:
        lock = {"locked_until": now + LOCKED_FOR, "failures": 0}
        db.users.update_one({"_id": user["_id"]}, {"$set": lock})
        who = {"kind": "system", "id": "login", "name": "login"}
        editor = Editor(db, who, now)
        editor.change(lambda _: editor.note("user.lock", "user", user["_id"], org=user["org"], after=lock))


def _forgive(db: Database[Document], user: Document, address: str, now: dt.datetime) -> None:
    # only this try is taken back: one's own account must not buy guesses at others
    take_back(db, address)
    free = {"failures": 0, "locked_until": None, "last_login_at": now}
    db.users.update_one({"_id": user["_id"]}, {"$set": free})
