"""Bearer tokens by which a directory provisions one organization; kept as hashes, shown once.

scim_tokens    {_id hash of the token, org, name (a word to revoke it by), label, created_at, last_used_at,
                revoked_at}
scim_resources {_id, org, type (User, Group), body (JSON text as the directory sent it), key (its user name or
                display name, in lower case), user_name (of users, unique), external_id, created_at,
                updated_at, version, person, affiliation, user, email (of a user: what it became here)}
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import get_org
from lrs.access.sessions import hash_token
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing

Document = dict[str, Any]

PREFIX: Final = "scim_"
MOST: Final = 10  # live ones of an organization
LONGEST: Final = 200
USED_EVERY: Final = dt.timedelta(minutes=5)

INDEXES: dict[str, list[IndexModel]] = {
    "scim_tokens": [IndexModel([("org", ASCENDING), ("name", ASCENDING)])],
    "scim_resources": [
        IndexModel([("org", ASCENDING), ("type", ASCENDING), ("key", ASCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("user_name", ASCENDING)],
            unique=True,
            partialFilterExpression={"user_name": {"$type": "string"}},
        ),
        IndexModel([("org", ASCENDING), ("type", ASCENDING), ("external_id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("type", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("person", ASCENDING)]),
    ],
}


def make(editor: Editor, org: str, label: str) -> tuple[Document, str]:
    """Return a new token's document and the token, which is kept nowhere; raises InvalidField, Collision."""
    if not 1 <= len(label) <= 100:
        raise InvalidField("label", "must be 1 to 100 characters")
    token = PREFIX + secrets.token_urlsafe(32)
    row: Document = {
        "_id": hash_token(token),
        "org": get_org(editor.db, org)["_id"],
        "name": new_id(editor.now),
        "label": label,
        "created_at": editor.now,
        "last_used_at": None,
        "revoked_at": None,
    }

    def act(session: ClientSession) -> None:
        live = {"org": org, "revoked_at": None}
        if editor.db.scim_tokens.count_documents(live, session=session) >= MOST:
            raise Collision(f"an organization has at most {MOST} live tokens; revoke one first")
        editor.db.scim_tokens.insert_one(row, session=session)
        editor.note("scim.token.add", "scim token", row["name"], org=org, after={"label": label})

    editor.change(act)
    return row, token


def revoke(editor: Editor, org: str, name: str) -> None:
    """Let a token open nothing any more; raises UnknownThing."""

    def act(session: ClientSession) -> None:
        live = {"org": org, "name": name, "revoked_at": None}
        change = {"$set": {"revoked_at": editor.now}}
        if not editor.db.scim_tokens.update_one(live, change, session=session).modified_count:
            raise UnknownThing("token", name)
        editor.note("scim.token.revoke", "scim token", name, org=org)

    editor.change(act)


def find(db: Database[Document], token: str, now: dt.datetime) -> Document | None:
    """Return the live token of an active organization; its use is noted now and then."""
    if not token.startswith(PREFIX) or len(token) > LONGEST:
        return None
    found = db.scim_tokens.find_one({"_id": hash_token(token), "revoked_at": None})
    if found is None or db.orgs.find_one({"_id": found["org"], "status": "active"}, {"_id": 1}) is None:
        return None
    last = found["last_used_at"]
    if last is None or now - last >= USED_EVERY:
        db.scim_tokens.update_one({"_id": found["_id"]}, {"$set": {"last_used_at": now}})
    return found
