"""Seats of a session: booked, or waiting in line; who gives one back lets the next move up.

bookings {_id, org, session, person, state booked|waiting|given_up, at (since when in line), attended
          (statement id, or None), updated_at, by}

Each change touches the session's document in the same transaction, so that two never take one seat.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision
from lrs.instruction import mails

Document = dict[str, Any]
MOST_WAITING: Final = 500
STANDING: Final = ("booked", "waiting")

INDEXES: dict[str, list[IndexModel]] = {
    "bookings": [
        IndexModel([("org", ASCENDING), ("session", ASCENDING), ("person", ASCENDING)], unique=True),
        IndexModel([(one, ASCENDING) for one in ("org", "session", "state", "at", "_id")]),
        IndexModel([("person", ASCENDING), ("state", ASCENDING)]),
        IndexModel(
            [("state", ASCENDING), ("session", ASCENDING)], partialFilterExpression={"state": "waiting"}
        ),
        IndexModel([("org", ASCENDING), ("attended", ASCENDING)]),
    ]
}


def roster(
    db: Database[Document], of: Mapping[str, Any], within: ClientSession | None = None
) -> list[Document]:
    """Return who is booked, then who waits, each in the order of the line."""
    found = db.bookings.find({**_of(of), "state": {"$in": STANDING}}, session=within)
    return list(found.sort([("state", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)]))


def taken(db: Database[Document], of: Mapping[str, Any], within: ClientSession | None = None) -> int:
    """Return how many seats are taken."""
    return db.bookings.count_documents({**_of(of), "state": "booked"}, session=within)


def _of(session: Mapping[str, Any]) -> Document:
    return {"org": session["org"], "session": session["_id"]}


def of_person(db: Database[Document], person: str) -> dict[str, Document]:
    """Return the standing bookings of a person, by session."""
    found = db.bookings.find({"person": person, "state": {"$in": STANDING}})
    return {row["session"]: row for row in found}


def counts(db: Database[Document], sessions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return how many are booked and wait in each of some sessions."""
    found: dict[str, dict[str, int]] = {one["_id"]: dict.fromkeys(STANDING, 0) for one in sessions}
    match = {
        "org": {"$in": sorted({one["org"] for one in sessions})}, "session": {"$in": sorted(found)},
        "state": {"$in": STANDING},
    }  # fmt: skip
    group = {"_id": {"session": "$session", "state": "$state"}, "n": {"$sum": 1}}
    for row in db.bookings.aggregate([{"$match": match}, {"$group": group}]):
        found[row["_id"]["session"]][row["_id"]["state"]] = row["n"]
    return found


def book(editor: Editor, of: Mapping[str, Any], person: str) -> Document:
    """Give somebody a seat, or a place in the line; who has one keeps it. They are told by mail.

    Raises Collision where the session is cancelled or over, or the line too long.
    """
    if of["ends_at"] <= editor.now:
        raise Collision("this session is over")

    def act(session: ClientSession) -> Document:
        fresh = _touch(editor, of, session)
        db, place = editor.db, {**_of(of), "person": person}
        before = db.bookings.find_one(place, session=session)
        if before is not None and before["state"] in STANDING:
            return before
        is_free = taken(db, of, session) < fresh["seats"]
        waiting = {**_of(of), "state": "waiting"}
        if not is_free and db.bookings.count_documents(waiting, session=session) >= MOST_WAITING:
            raise Collision("the waiting list is full")
        row = {
            "_id": before["_id"] if before else "b" + new_id(editor.now), **place,
            "state": "booked" if is_free else "waiting", "at": editor.now,
            "attended": before["attended"] if before else None, "updated_at": editor.now, "by": editor.who,
        }  # fmt: skip
        db.bookings.replace_one({"_id": row["_id"], "org": of["org"]}, row, upsert=True, session=session)
        mails.tell(editor, f"session.{row['state']}", fresh, [row], session)
        _note(editor, "booking.add", row)
        return row

    return editor.change(act)


def give_up(editor: Editor, of: Mapping[str, Any], person: str) -> None:
    """Take somebody off a session, once; the first of the line moves up. Raises Collision after its start."""
    if of["begins_at"] <= editor.now:
        raise Collision("this session has begun")

    def act(session: ClientSession) -> None:
        after = _touch(editor, of, session)
        which = {**_of(of), "person": person, "state": {"$in": STANDING}}
        row = editor.db.bookings.find_one(which, session=session)
        if row is None:
            return
        change = {"state": "given_up", "updated_at": editor.now, "by": editor.who}
        editor.db.bookings.update_one(
            {"_id": row["_id"], "org": of["org"]}, {"$set": change}, session=session
        )
        _note(editor, "booking.give_up", row)
        move_up(editor, after, session)

    editor.change(act)


def move_up(editor: Editor, of: Mapping[str, Any], session: ClientSession) -> None:
    """Give free seats to who waits, the longest waiting first, and tell them; inside the open transaction."""
    if of["begins_at"] <= editor.now:
        return
    free = of["seats"] - taken(editor.db, of, session)
    if free <= 0:
        return
    line = editor.db.bookings.find({**_of(of), "state": "waiting"}, session=session)
    rows = list(line.sort([("at", ASCENDING), ("_id", ASCENDING)]).limit(free))
    change = {"$set": {"state": "booked", "updated_at": editor.now}}
    names = {"org": of["org"], "_id": {"$in": [row["_id"] for row in rows]}}
    editor.db.bookings.update_many(names, change, session=session)
    mails.tell(editor, "session.moved_up", of, rows, session)
    for row in rows:
        _note(editor, "booking.move_up", row)


def fill(db: Database[Document], now: dt.datetime) -> int:
    """Let who waits move up wherever a seat came free otherwise than by giving it up; return how many did.

    People who were merged or erased leave seats behind. Sessions that have begun, or are cancelled, stay.
    """
    lined_up = db.bookings.distinct("session", {"state": "waiting"})
    wanted = {"_id": {"$in": lined_up}, "cancelled_at": None, "begins_at": {"$gt": now}}
    open_ones = list(db.training_sessions.find(wanted)) if lined_up else []
    held = counts(db, open_ones) if open_ones else {}
    editor = Editor(db, {"kind": "system", "id": "seats", "name": "seats"}, now)
    moved = 0
    for of in open_ones:
        if held[of["_id"]]["booked"] < of["seats"]:
            before = held[of["_id"]]["waiting"]
            editor.change(functools.partial(_fill_one, editor, of))
            moved += before - counts(db, [of])[of["_id"]]["waiting"]
    return moved


def _fill_one(editor: Editor, of: Mapping[str, Any], session: ClientSession) -> None:
    """Move up in one session, in line with its other bookings."""
    move_up(editor, _touch(editor, of, session), session)


def note_attendance(
    db: Database[Document], of: Mapping[str, Any], person: str, statement: str | None
) -> None:
    """Keep which statement says that somebody was there; None where it was taken back."""
    which = {**_of(of), "person": person}
    db.bookings.update_one(which, {"$set": {"attended": statement}})


def _touch(editor: Editor, of: Mapping[str, Any], session: ClientSession) -> Document:
    """Let the bookings of a session stand in line; raises Collision where it is cancelled."""
    found: Document | None = editor.db.training_sessions.find_one_and_update(
        {"_id": of["_id"], "org": of["org"], "cancelled_at": None},
        {"$inc": {"version": 1}},
        session=session,
    )
    if found is None:
        raise Collision("this session is cancelled")
    return found


def _note(editor: Editor, action: str, row: Mapping[str, Any]) -> None:
    after = {"session": row["session"], "state": row["state"]}
    editor.note(action, "person", row["person"], org=row["org"], after=after)


def forget_attendance(db: Database[Document], org: str, statement: str) -> None:
    """Forget that a statement says of somebody that they were there: it was taken back."""
    db.bookings.update_one({"org": org, "attended": statement}, {"$set": {"attended": None}})
