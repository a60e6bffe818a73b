"""Groups of people that rules name: assessors, approvers.

groups {_id, org "vendor", name, members [{person, from, until}], created_at, updated_at, version}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.audit import Editor
from lrs.people import get_person
from lrs.refusals import InvalidField, UnknownThing
from lrs.tenancy import ID, VENDOR
from rules import work

Document = dict[str, Any]


def get_group(db: Database[Document], group: str) -> Document:
    """Return a group; raises UnknownThing."""
    found = db.groups.find_one({"_id": group})
    if found is None:
        raise UnknownThing("group", group)
    return found


def put_group(editor: Editor, group: str, members: Sequence[Document]) -> Document:
    """Make a group or replace its members [{person, from, until}]; raises InvalidField or UnknownThing.

    Whoever had evidence signed by somebody who comes or goes is decided anew.
    """
    if not ID.fullmatch(group):
        raise InvalidField("id", "must be 1 to 64 of a-z, 0-9 and '-', not at an end")

    def act(session: ClientSession) -> Document:
        listed = [{**one, "person": get_person(editor.db, one["person"], session)["_id"]} for one in members]
        before = editor.db.groups.find_one({"_id": group}, session=session)
        after: Document = (
            editor.db.groups.find_one_and_update(
                {"_id": group},
                {
                    "$set": {"members": listed, "updated_at": editor.now},
                    "$setOnInsert": {"org": VENDOR, "name": group, "created_at": editor.now},
                    "$inc": {"version": 1},
                },
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            or {}
        )
        touched = {one["person"] for one in [*listed, *((before or {}).get("members", ()))]}
        owned = editor.db.people.find({"_id": {"$in": sorted(touched)}}, {"ifis.ifi": 1}, session=session)
        ifis = {row["ifi"] for person in owned for row in person["ifis"]}
        work.mark_signed_by(editor.db, ifis, editor.now, session=session)
        work.mark_approved_by(editor.db, touched, editor.now, session=session)
        editor.note("group.put", "group", group, org=VENDOR, before=before, after=after)
        return after

    return editor.change(act)
