"""Clients: the API keys of organizations, read, made, rotated with overlap and revoked (audited).

clients {_id key, org, label, controlled_by, scopes, handling, vendor_wide, secrets [{hash, from, until}],
         expires_at, revoked_at, last_used_at, created_at, updated_at, version}
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR, create_org, get_org
from lrs.access.scopes import SCOPES, check_scope_names
from lrs.access.secret_hashes import hash_secret, new_secret
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from rules.stored import ASSESSMENTS, RECALLED

Document = dict[str, Any]

BOOTSTRAP: Final = "bootstrap"  # label of the first client, which an installation begins with
OWN_CLIENT: Final = "laurel"  # what Laurel writes itself carries this in place of a client's key
CONTENT: Final = "content"  # and this what content says that is kept here; also its label
RESERVED_KEYS: Final = (
    "launch",
    OWN_CLIENT,
    CONTENT,
    ASSESSMENTS,
    RECALLED,
)  # `launch` is the user name of launch tokens
RESERVED_LABELS: Final = (OWN_CLIENT, CONTENT, ASSESSMENTS, RECALLED)  # rules name labels as sources
KEY: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
EDITABLE: Final = ("label", "scopes", "expires_at", "vendor_wide", "controlled_by", "handling")
HANDLING: Final = ("repair", "partial", "strict")  # how its statements are taken, by choice

INDEXES: dict[str, list[IndexModel]] = {"clients": [IndexModel([("org", ASCENDING), ("_id", ASCENDING)])]}


def check_handling(handling: Iterable[str]) -> list[str]:
    """Return the ways of handling in their order; raises InvalidField for an unknown one."""
    wanted = set(handling)
    if unknown := sorted(wanted - set(HANDLING)):
        raise InvalidField("handling", f"unknown {unknown[0]!r}; known are {', '.join(HANDLING)}")
    return [one for one in HANDLING if one in wanted]


def check_label(label: str | None) -> None:
    """Refuse a label under which Laurel writes itself; raises InvalidField."""
    if label in RESERVED_LABELS:
        raise InvalidField("label", f"{label!r} is Laurel's own")


def new_key() -> str:
    """Return a fresh client key: public, unique, safe in a URL and in Basic authentication."""
    return secrets.token_hex(10)


def create_client(  # one keyword per property of a client
    db: Database[Document],
    org: str,
    *,
    now: dt.datetime,
    scopes: Iterable[str],
    controlled_by: str = "partner",
    label: str | None = None,
    vendor_wide: bool = False,
    handling: Iterable[str] = (),
    expires_at: dt.datetime | None = None,
    key: str | None = None,
    secret: str | None = None,
    session: ClientSession | None = None,
) -> tuple[Document, str]:
    """Insert a client; return its document and the secret, which is kept nowhere but as its hash.

    Raises InvalidField for an unknown scope or a malformed key, UnknownThing for the organization,
    Collision where the key exists.
    """
    wanted = check_scope_names(scopes)
    key, secret = key or new_key(), secret or new_secret()
    if not KEY.fullmatch(key):
        raise InvalidField("key", "must be 1 to 128 of A-Z, a-z, 0-9 and . _ ~ -")
    if key in RESERVED_KEYS:
        raise InvalidField("key", f"{key!r} is Laurel's own")
    check_label(label)
    document: Document = {
        "_id": key,
        "org": get_org(db, org, session)["_id"],
        "label": label,
        "controlled_by": controlled_by,
        "scopes": wanted,
        "handling": check_handling(handling),
        "vendor_wide": vendor_wide,
        "secrets": [{"hash": hash_secret(secret), "from": now, "until": None}],
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    try:
        db.clients.insert_one(document, session=session)
    except DuplicateKeyError as error:
        raise Collision(f"client {key!r} exists") from error
    return document, secret


def bootstrap(
    db: Database[Document], key: str | None, secret: str | None, now: dt.datetime
) -> tuple[str, str] | None:
    """On a database without clients, make the vendor and one client with every scope.

    Missing key or secret are generated. Returns (key, secret) when they were made, to be shown once,
    else None; of several processes that start at once, one makes them.
    """
    if db.clients.find_one({}, {"_id": 1}) is not None:
        return None
    with suppress(Collision):  # another process was faster, or an earlier start ended here
        create_org(db, VENDOR, name="Vendor", kind="vendor", parent=None, now=now)
    try:
        client, plain = create_client(
            db,
            VENDOR,
            now=now,
            scopes=SCOPES,
            controlled_by="vendor",
            label=BOOTSTRAP,
            vendor_wide=True,
            key=key,
            secret=secret,
        )
    except Collision:
        return None
    return client["_id"], plain


def client_is_live(client: Mapping[str, Any], now: dt.datetime) -> bool:
    """Tell whether the client is neither revoked nor expired at `now`."""
    expires = client.get("expires_at")
    return client.get("revoked_at") is None and (expires is None or now < expires)


def live_hashes(client: Mapping[str, Any], now: dt.datetime) -> list[str]:
    """Return the hashes of the secrets that are valid at `now`; two while a rotation overlaps.

    One is valid from when it is stored: the clock of the machine that made it may be ahead of this one's.
    """
    return [entry["hash"] for entry in client["secrets"] if entry["until"] is None or now < entry["until"]]


def get_client(db: Database[Document], key: str, session: ClientSession | None = None) -> Document:
    """Return the client; raises UnknownThing."""
    found = db.clients.find_one({"_id": key}, session=session)
    if found is None:
        raise UnknownThing("client", key)
    return found


def add_client(editor: Editor, org: str, properties: Mapping[str, Any]) -> tuple[Document, str]:
    """Insert a client; return it and its secret, which is shown once; raises as `create_client`."""

    def act(session: ClientSession) -> tuple[Document, str]:
        document, secret = create_client(editor.db, org, now=editor.now, session=session, **properties)
        editor.note("client.add", "client", document["_id"], org=org, after=document)
        return document, secret

    return editor.change(act)


def edit_client(editor: Editor, key: str, changes: Mapping[str, Any], version: int | None = None) -> Document:
    """Change a client that still has this version; raises UnknownThing, InvalidField or Outdated."""
    if "scopes" in changes:
        check_scope_names(changes["scopes"])
    check_label(changes.get("label"))
    if "handling" in changes:
        changes = {**changes, "handling": check_handling(changes["handling"])}
    return _write(editor, key, {name: changes[name] for name in EDITABLE if name in changes}, "edit", version)


def rotate_client(editor: Editor, key: str, overlap: dt.timedelta) -> tuple[Document, str]:
    """Give a client a new secret; the older ones stay valid for `overlap`. Returns it and the secret."""
    secret = new_secret()
    entry = {"hash": hash_secret(secret), "from": editor.now, "until": None}
    before = get_client(editor.db, key)
    if before["revoked_at"] is not None:
        raise InvalidField("client", "is revoked")
    ends = editor.now + overlap
    kept = [
        {**old, "until": min(old["until"] or ends, ends)}
        for old in before["secrets"]
        if (old["until"] is None or old["until"] > editor.now) and overlap
    ]
    return _write(editor, key, {"secrets": [*kept, entry]}, "rotate", before["version"]), secret


def revoke_client(editor: Editor, key: str) -> Document:
    """End a client at once and for good; running processes see it within seconds."""
    return _write(editor, key, {"revoked_at": editor.now}, "revoke", None)


def _write(editor: Editor, key: str, kept: Mapping[str, Any], action: str, version: int | None) -> Document:
    def act(session: ClientSession) -> Document:
        before = get_client(editor.db, key, session)
        after: Document | None = editor.db.clients.find_one_and_update(
            {"_id": key, "version": before["version"] if version is None else version},
            {"$set": {**kept, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("client")
        editor.note(f"client.{action}", "client", key, org=after["org"], before=before, after=after)
        return after

    return editor.change(act)
