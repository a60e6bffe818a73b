"""People who administer: roles, passwords, lock-out.

users {_id, org, email, name, role, password (hash or None), subject (at the OIDC provider, or None),
       disabled_at, failures, locked_until, last_login_at, created_at, updated_at, version}
tries {_id address, count, expires_at}: failed logins of one address
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.audit import Editor, new_id
from lrs.mail import check_address
from lrs.refusals import Collision, InvalidField, Outdated, TooManyTries, Unauthenticated, UnknownThing
from lrs.tenancy import SCOPES, VENDOR, XAPI_SCOPES, get_org

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody in a role may do, and whether it is a role of the vendor."""

    scopes: tuple[str, ...]
    vendor_wide: bool
    of_vendor: bool


ROLES: Final[Mapping[str, Role]] = {
    "vendor_admin": Role(SCOPES, vendor_wide=True, of_vendor=True),
    "rule_author": Role(("rules", "gates", "analytics", "all/read"), vendor_wide=True, of_vendor=True),
    "analyst": Role(("analytics", "all/read"), vendor_wide=True, of_vendor=True),
    "partner_admin": Role(
        (*XAPI_SCOPES, "orgs", "people", "gates", "analytics"), vendor_wide=False, of_vendor=False
    ),
}
EDITABLE: Final = ("name", "role", "disabled_at")
HASHER: Final = (
    PasswordHasher()
)  # passwords of people are weaker than generated secrets: argon2's own defaults
SHORTEST: Final = 12
FAILURES: Final = 5  # of one account, then it is locked
LOCKED_FOR: Final = dt.timedelta(minutes=15)
TRIES: Final = 30  # of one address within LOCKED_FOR, whatever accounts

INDEXES: dict[str, list[IndexModel]] = {
    "users": [
        IndexModel([("email", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel(
            [("subject", ASCENDING)], unique=True, partialFilterExpression={"subject": {"$type": "string"}}
        ),
    ],
    "tries": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
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
    """Insert a user {email, name, role, password?}; raises InvalidField, UnknownThing or Collision."""
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
        "disabled_at": None,
        "failures": 0,
        "locked_until": None,
        "last_login_at": None,
        "created_at": editor.now,
        "updated_at": editor.now,
        "version": 1,
    }

    def act(session: ClientSession) -> Document:
        try:
            editor.db.users.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Collision("a user with this mail address exists") from error
        editor.note("user.add", "user", document["_id"], org=org, after=document)
        return document

    return editor.change(act)


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
            check_role(kept["role"], before["org"])
        if changes.get("password"):
            kept["password"] = HASHER.hash(check_password(changes["password"], before["email"]))
            kept |= {"failures": 0, "locked_until": None}
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


def log_in(db: Database[Document], email: str, password: str, address: str, now: dt.datetime) -> Document:
    """Return the user whom mail address and password belong to; raises Unauthenticated or TooManyTries.

    Unknown, disabled and locked accounts answer alike and cost the same time.
    """
    count_try(db, address, now)
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
    _forgive(db, user, address, now)
    return user


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
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


_DECOYS: list[str] = []


def _decoy() -> str:
    """Return a hash that no password has, made once: an unknown account takes as long as a known one."""
    if not _DECOYS:
        _DECOYS.append(HASHER.hash(new_id(dt.datetime.now(dt.UTC))))
    return _DECOYS[0]


def count_try(db: Database[Document], address: str, now: dt.datetime) -> None:
    """Count a try from an address; raises TooManyTries after TRIES within LOCKED_FOR."""
    found = db.tries.find_one({"_id": address})
    if found is not None and found["expires_at"] > now and found["count"] >= TRIES:
        raise TooManyTries(int((found["expires_at"] - now).total_seconds()) + 1)
    if found is not None and found["expires_at"] <= now:
        db.tries.delete_one({"_id": address, "expires_at": found["expires_at"]})
    change = {"$inc": {"count": 1}, "$setOnInsert": {"expires_at": now + LOCKED_FOR}}
    db.tries.update_one({"_id": address}, change, upsert=True)


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
    db.tries.update_one({"_id": address}, {"$inc": {"count": -1}})
    free = {"failures": 0, "locked_until": None, "last_login_at": now}
    db.users.update_one({"_id": user["_id"]}, {"$set": free})
