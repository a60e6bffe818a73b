"""Excuses: a partner's manager takes an assignment off one of the own people up to a day, with a reason.

excuses {_id, org (whose manager), assignment, person, until (day as text), reason, at, withdrawn_at, by}

How long that may be is the vendor's word (`managers_may_exempt`, cert#2.11). Nothing is ever changed but that
an excuse is taken back.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from rules import calendar
from rules.catalogue.store import cache_of
from rules.language.model import Assignment

Document = dict[str, Any]
LONGEST: Final = 500  # characters of a reason

INDEXES: dict[str, list[IndexModel]] = {
    "excuses": [
        IndexModel([("person", ASCENDING), ("at", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
    ]
}


def last_day(editor: Editor, document: Assignment, person: str) -> dt.date | None:
    """Return the last day on which somebody may be excused, counted from the first time; None for never."""
    if document.managers_may_exempt is None:
        return None
    given = editor.db.excuses.find({"person": person, "assignment": document.id}, {"at": 1})
    first = min((row["at"] for row in given), default=editor.now)
    return calendar.add(calendar.local_date(first, document.timezone), document.managers_may_exempt)


def last_days(editor: Editor, person: str) -> dict[str, str]:
    """Return up to which day somebody may be excused now, by assignment; those that allow it alone."""
    found = ((one, last_day(editor, one, person)) for one in cache_of(editor.db).get().of_kind(Assignment))
    return {one.id: day.isoformat() for one, day in found if day is not None and day >= editor.now.date()}


def standing(db: Database[Document], org: str, person: str) -> dict[str, str]:
    """Return the excuses by managers of an organization that were not taken back, by assignment."""
    rows = db.excuses.find({"org": org, "person": person, "withdrawn_at": None})
    return {row["assignment"]: row["_id"] for row in rows}


def excuse(
    editor: Editor, org: str, person: str, document: Assignment, *, until: dt.date, reason: str
) -> Document:
    """Take an assignment off somebody up to a day; raises InvalidField, or Collision where it may not be."""
    if not 1 <= len(reason) <= LONGEST:
        raise InvalidField("reason", f"has 1 to {LONGEST} characters; the person may read it")
    row = {
        "_id": "ex" + new_id(editor.now), "org": org, "assignment": document.id, "person": person,
        "until": until.isoformat(), "reason": reason, "at": editor.now, "withdrawn_at": None,
        "by": editor.who,
    }  # fmt: skip

    def act(session: ClientSession) -> Document:
        most = last_day(editor, document, person)
        if most is None:
            raise Collision("the vendor lets no manager take this assignment off anybody")
        if not calendar.local_date(editor.now, document.timezone) <= until <= most:
            raise InvalidField("until", f"is a day from today to {most.isoformat()}")
        editor.db.excuses.insert_one(row, session=session)
        editor.note("assignment.excuse", "person", person, org=org, after=row)
        return row

    return editor.change(act)


def take_back(editor: Editor, org: str, person: str, name: str) -> None:
    """Take an excuse back, once; raises UnknownThing."""

    def act(session: ClientSession) -> None:
        which = {"_id": name, "org": org, "person": person, "withdrawn_at": None}
        change = {"$set": {"withdrawn_at": editor.now}}
        if not editor.db.excuses.update_one(which, change, session=session).matched_count:
            raise UnknownThing("excuse", name)
        editor.note("assignment.excuse_back", "person", person, org=org, after={"excuse": name})

    editor.change(act)
