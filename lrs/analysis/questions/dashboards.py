"""Dashboards: saved questions of an organization, side by side in an order, under a name.

dashboards {_id, org, owner, name, questions [ids of saved queries, in order], created_at, updated_at,
            version}
Everybody of the organization who asks questions sees and changes them. A question that is deleted goes from
all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing

Document = dict[str, Any]
MOST: Final = 12  # questions of one dashboard: each is a picture on the page
LONGEST_NAME: Final = 200

INDEXES: dict[str, list[IndexModel]] = {
    "dashboards": [
        IndexModel([("org", ASCENDING), ("name", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("questions", ASCENDING)]),
    ]
}


def create(db: Database[Document], org: str, owner: str, name: str, now: dt.datetime) -> Document:
    """Make an empty dashboard; raises InvalidField."""
    made: Document = {
        "_id": uuid4().hex, "org": org, "owner": owner, "name": _name(name), "questions": [],
        "created_at": now, "updated_at": now, "version": 1,
    }  # fmt: skip
    db.dashboards.insert_one(made)
    return made


def get(db: Database[Document], org: str, dashboard: str) -> Document:
    """Return a dashboard of an organization; raises UnknownThing."""
    found = db.dashboards.find_one({"_id": dashboard, "org": org})
    if found is None:
        raise UnknownThing("dashboard", dashboard)
    return found


def rename(db: Database[Document], found: Mapping[str, Any], name: str, now: dt.datetime) -> None:
    """Give a dashboard another name; raises InvalidField or Outdated."""
    _change(db, found, {"name": _name(name)}, now)


def put(db: Database[Document], found: Mapping[str, Any], question: str, now: dt.datetime) -> None:
    """Put a question at the end of a dashboard, once; raises Collision where it is full, or Outdated."""
    if question in found["questions"]:
        return
    if len(found["questions"]) >= MOST:
        raise Collision(f"a dashboard has {MOST} questions at most")
    _change(db, found, {"questions": [*found["questions"], question]}, now)


def move(
    db: Database[Document], found: Mapping[str, Any], question: str, places: int, now: dt.datetime
) -> None:
    """Move a question so many places down, or up; raises UnknownThing or Outdated."""
    questions = list(found["questions"])
    place = _place(questions, question)
    questions.insert(max(0, place + places), questions.pop(place))
    _change(db, found, {"questions": questions}, now)


def take_off(db: Database[Document], found: Mapping[str, Any], question: str, now: dt.datetime) -> None:
    """Take a question off a dashboard; the question stays. Raises UnknownThing or Outdated."""
    questions = list(found["questions"])
    questions.pop(_place(questions, question))
    _change(db, found, {"questions": questions}, now)


def delete(db: Database[Document], found: Mapping[str, Any]) -> None:
    """Delete a dashboard; its questions stay."""
    db.dashboards.delete_one({"_id": found["_id"], "org": found["org"]})


def forget(db: Database[Document], org: str, question: str) -> None:
    """Take a question that is deleted off every dashboard of its organization."""
    away: Document = {"$pull": {"questions": question}, "$inc": {"version": 1}}
    db.dashboards.update_many({"org": org, "questions": question}, away)


def _place(questions: list[str], question: str) -> int:
    if question not in questions:
        raise UnknownThing("question of this dashboard", question)
    return questions.index(question)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidField("name", f"is 1 to {LONGEST_NAME} characters")
    return name


def _change(db: Database[Document], found: Mapping[str, Any], changes: Document, now: dt.datetime) -> None:
    """Change a dashboard that is still what somebody looked at; raises Outdated."""
    wanted = {"_id": found["_id"], "org": found["org"], "version": found["version"]}
    update = {"$set": {**changes, "updated_at": now}, "$inc": {"version": 1}}
    if not db.dashboards.update_one(wanted, update).matched_count:
        raise Outdated("dashboard")
