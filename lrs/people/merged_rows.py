"""What one of two merged people has that the other gets: seats of sessions, answers to questions."""

from __future__ import annotations

from typing import Final

from pymongo.client_session import ClientSession

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor

SEATED: Final = ("booked", "waiting")  # of bookings: who has a seat, or will have one


def move_bookings(editor: Editor, gone: str, kept: str, session: ClientSession) -> None:
    """Give the seats of the one to the other, who keeps one where both have one; the feed of the one ends.

    A seat that stands wins over one that was given up; sessions that the one holds are the other's.
    """
    db = editor.db
    standing = db.bookings.distinct("session", {"person": gone, "state": {"$in": SEATED}}, session=session)
    given_up = {"person": kept, "session": {"$in": standing}, "state": {"$nin": SEATED}}
    db.bookings.delete_many(given_up, session=session)
    have = db.bookings.distinct("session", {"person": kept}, session=session)
    theirs = {"person": gone, "session": {"$nin": have}}
    db.bookings.update_many(theirs, {"$set": {"person": kept}}, session=session)
    db.bookings.delete_many({"person": gone}, session=session)
    db.calendar_feeds.delete_many({"org": VENDOR, "person": gone}, session=session)
    taught = {"instructor.person": gone}
    db.training_sessions.update_many(taught, {"$set": {"instructor.person": kept}}, session=session)


def move_cards(editor: Editor, gone: str, kept: str, session: ClientSession) -> None:
    """Give what the one answered to the other: of a question that both answered, all that they did."""
    cards = editor.db.recall_cards
    for row in list(cards.find({"org": VENDOR, "person": gone}, session=session)):
        name = f"{kept}/{row['recall']}/{row['question']}"
        known = cards.find_one({"_id": name}, session=session) or {"answers": []}
        answers = sorted([*known["answers"], *row["answers"]], key=lambda one: (one["at"], one["statement"]))
        made = {**row, "_id": name, "person": kept, "answers": answers}
        cards.replace_one({"_id": name}, made, upsert=True, session=session)
        cards.delete_one({"_id": row["_id"]}, session=session)
