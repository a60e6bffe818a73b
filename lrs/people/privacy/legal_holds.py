"""Legal holds: a person or an organization of whom nothing is removed or pseudonymised while one lasts.

legal_holds {_id, org, person or null, reason, by, at, lifted_at, lifted_by}
A hold on a person is the vendor's (`org` is "vendor") and reaches every store; one on an organization keeps
its whole store. Retention and erasure ask here; what learners' content deletes by xAPI is not held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR, get_org
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, UnknownThing
from lrs.people.records import get_person, same_mailbox

Document = dict[str, Any]
LASTING: Final[Mapping[str, Any]] = {"lifted_at": None}

INDEXES: dict[str, list[IndexModel]] = {
    "legal_holds": [IndexModel([("lifted_at", ASCENDING), ("org", ASCENDING), ("person", ASCENDING)])]
}


def hold(editor: Editor, *, reason: str, org: str | None = None, person: str | None = None) -> Document:
    """Put one person, or else one organization, under a hold; raises UnknownThing or Collision."""
    if (org is None) == (person is None):
        raise Collision("a hold is on one person or on one organization")
    whom = get_person(editor.db, person)["_id"] if person is not None else None
    where = get_org(editor.db, org)["_id"] if org is not None else VENDOR
    made: Document = {
        "_id": new_id(editor.now),
        "org": where,
        "person": whom,
        "reason": reason,
        "by": editor.who["id"],
        "at": editor.now,
        "lifted_at": None,
        "lifted_by": None,
    }

    def act(session: ClientSession) -> Document:
        editor.db.legal_holds.insert_one(made, session=session)
        editor.note("hold.place", "hold", made["_id"], org=where, after=made, note=whom)
        return made

    return editor.change(act)


def lift(editor: Editor, held: str) -> Document:
    """End a hold; raises UnknownThing, or Collision where it is over."""

    def act(session: ClientSession) -> Document:
        after: Document | None = editor.db.legal_holds.find_one_and_update(
            {"_id": held, **LASTING},
            {"$set": {"lifted_at": editor.now, "lifted_by": editor.who["id"]}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            get_hold(editor.db, held)
            raise Collision("the hold is over already")
        editor.note("hold.lift", "hold", held, org=after["org"], after=after, note=after["person"])
        return after

    return editor.change(act)


def get_hold(db: Database[Document], held: str) -> Document:
    """Return a hold; raises UnknownThing."""
    found = db.legal_holds.find_one({"_id": held})
    if found is None:
        raise UnknownThing("hold", held)
    return found


def lasting(db: Database[Document]) -> list[Document]:
    """Return the holds that last, the oldest first."""
    return sorted(db.legal_holds.find(LASTING), key=lambda row: str(row["_id"]))


def held_orgs(db: Database[Document]) -> list[str]:
    """Return the organizations whose whole store is held."""
    return sorted({row["org"] for row in lasting(db) if row["person"] is None})


def held_people(db: Database[Document]) -> list[str]:
    """Return the people who are held; somebody who was merged counts as whom they became."""
    return sorted({get_person(db, row["person"])["_id"] for row in lasting(db) if row["person"] is not None})


def held_identifiers(db: Database[Document]) -> set[str]:
    """Return every identifier that people under a hold have or had, an mbox also by its sha1sum."""
    rows = [get_person(db, person) for person in held_people(db)]
    owned = (one["ifi"] for row in rows for one in (*row["ifis"], *row.get("former", ())))
    return {same for each in owned for same in same_mailbox(each)}
