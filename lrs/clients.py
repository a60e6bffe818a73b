"""Changes of clients: making, rotating with overlap, revoking; audited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs import tenancy
from lrs.audit import Editor
from lrs.refusals import InvalidField, Outdated, UnknownThing

Document = dict[str, Any]

EDITABLE: Final = ("label", "scopes", "expires_at", "vendor_wide", "controlled_by")


def get_client(db: Database[Document], key: str, session: ClientSession | None = None) -> Document:
    """Return the client; raises UnknownThing."""
    found = db.clients.find_one({"_id": key}, session=session)
    if found is None:
        raise UnknownThing("client", key)
    return found


def add_client(editor: Editor, org: str, properties: Mapping[str, Any]) -> tuple[Document, str]:
    """Insert a client; return it and its secret, which is shown once; raises as `tenancy.create_client`."""

    def act(session: ClientSession) -> tuple[Document, str]:
        document, secret = tenancy.create_client(
            editor.db, org, now=editor.now, session=session, **properties
        )
        editor.note("client.add", "client", document["_id"], org=org, after=document)
        return document, secret

    return editor.change(act)


def edit_client(editor: Editor, key: str, changes: Mapping[str, Any], version: int | None = None) -> Document:
    """Change a client that still has this version; raises UnknownThing, InvalidField or Outdated."""
    if "scopes" in changes:
        tenancy.check_scope_names(changes["scopes"])
    return _write(editor, key, {name: changes[name] for name in EDITABLE if name in changes}, "edit", version)


def rotate_client(editor: Editor, key: str, overlap: dt.timedelta) -> tuple[Document, str]:
    """Give a client a new secret; the older ones stay valid for `overlap`. Returns it and the secret."""
    secret = tenancy.new_secret()
    entry = {"hash": tenancy.hash_secret(secret), "from": editor.now, "until": None}
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
