"""Sharing between organizations: what of its people's records one lets another see.

shares {_id, org (who shares), to (organization), what, reason, from, until (its last day in UTC as text, or
        None), by, ended_at}

Nothing is shared unless it stands here; each `what` includes those before it. A share is never changed: it
ends, and another one begins. It stays on record for who shared, and is open while it lasts.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing

Document = dict[str, Any]
FIGURES, CERTIFICATIONS, ASSIGNMENTS = "figures", "certifications", "assignments"
WHAT: Final = (FIGURES, CERTIFICATIONS, ASSIGNMENTS)
LONGEST: Final = 500  # characters of a reason
MOST: Final = 100  # that one organization gives at a time
KEPT: Final = 200  # that its page shows

INDEXES: dict[str, list[IndexModel]] = {
    "shares": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("ended_at", ASCENDING), ("to", ASCENDING)]),  # what lasts
        IndexModel([("to", ASCENDING), ("ended_at", ASCENDING), ("_id", ASCENDING)]),
    ]
}


def lasting(now: dt.datetime) -> Document:
    """Return the filter of the shares that hold at an instant."""
    return {"ended_at": None, "$or": [{"until": None}, {"until": {"$gte": now.date().isoformat()}}]}


def share(editor: Editor, org: str, to: str, what: str, *, reason: str, until: dt.date | None) -> Document:
    """Let another organization see records of one's people up to a day (in UTC), that day included.

    Raises InvalidField, UnknownThing for an organization that is not there, Collision for one that sees them.
    """
    if what not in WHAT:
        raise InvalidField("what", f"is one of {', '.join(WHAT)}")
    if not 1 <= len(reason) <= LONGEST:
        raise InvalidField("reason", f"has 1 to {LONGEST} characters: it is in the audit")
    if until is not None and not editor.now.date() <= until <= dt.date(2200, 1, 1):
        raise InvalidField("until", "is a day from today on, or nothing")
    _check_receiver(editor.db, org, to)
    made: Document = {
        "_id": "sh" + new_id(editor.now), "org": org, "to": to, "what": what, "reason": reason,
        "from": editor.now, "until": until.isoformat() if until else None, "by": editor.who, "ended_at": None,
    }  # fmt: skip

    def act(session: ClientSession) -> Document:
        running = {"org": org, **lasting(editor.now)}
        if editor.db.shares.find_one({**running, "to": to}, session=session) is not None:
            raise Collision("something is shared with this organization already: end that first")
        if editor.db.shares.count_documents(running, session=session) >= MOST:
            raise Collision(f"an organization shares with at most {MOST} others")
        editor.db.shares.insert_one(made, session=session)
        for side in (org, to):  # both can prove it
            editor.note("share.begin", "share", made["_id"], org=side, after=made)
        return made

    return editor.change(act)


def _check_receiver(db: Database[Document], org: str, to: str) -> None:
    """Refuse who sees the people anyway, and who is not there."""
    found = db.orgs.find_one({"_id": to, "status": "active"}, {"ancestors": 1})
    own = db.orgs.find_one({"_id": org}, {"ancestors": 1}) or {"ancestors": []}
    if found is None:
        raise UnknownThing("organization", to[:64])
    if to in {org, VENDOR, *own["ancestors"]}:
        raise Collision("this organization sees your people anyway: it is yours, above yours, or the vendor")


def end(editor: Editor, org: str, name: str) -> Document:
    """End a share, once; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        which = {"_id": name, "org": org, "ended_at": None}
        found: Document | None = editor.db.shares.find_one_and_update(
            which, {"$set": {"ended_at": editor.now}}, session=session
        )
        if found is None:
            raise UnknownThing("share", name[:64])
        for side in (org, found["to"]):
            editor.note("share.end", "share", name, org=side, before=found)
        return found

    return editor.change(act)


def given(db: Database[Document], org: str) -> list[Document]:
    """Return what an organization shares and shared, the newest first."""
    return list(db.shares.find({"org": org}).sort("_id", -1).limit(KEPT))


def received(db: Database[Document], to: str, now: dt.datetime) -> list[Document]:
    """Return what is shared with an organization now."""
    return list(db.shares.find({"to": to, **lasting(now)}).sort("_id", -1).limit(KEPT))


def find_received(db: Database[Document], to: str, name: str, now: dt.datetime) -> Document:
    """Return a share with an organization while it lasts; raises UnknownThing."""
    found: Document | None = db.shares.find_one({"_id": name, "to": to, **lasting(now)})
    if found is None or db.orgs.find_one({"_id": found["org"]}, {"_id": 1}) is None:
        raise UnknownThing("share", name[:64])
    return found
