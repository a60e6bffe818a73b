"""Sessions for calendars: one as a file, all of a person as a feed under an address that nobody guesses.

calendar_feeds {_id hash of the token, org "vendor", person, created_at}: one for each person, a new one ends
the old one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.access.sessions import hash_token
from lrs.foundation.audit import Editor
from lrs.foundation.errors import UnknownThing
from lrs.instruction import bookings
from lrs.people.records import get_person

Document = dict[str, Any]
BACK: Final = dt.timedelta(days=90)  # what is over stays in the feed for so long

INDEXES: dict[str, list[IndexModel]] = {
    "calendar_feeds": [IndexModel([("org", ASCENDING), ("person", ASCENDING)], unique=True)],
}


def new_feed(editor: Editor, person: str) -> str:
    """Return the token of a person's new feed, which is kept nowhere but as its hash; an older one ends."""
    token = secrets.token_urlsafe(32)

    def act(session: ClientSession) -> None:
        whose = {"org": VENDOR, "person": person}
        editor.db.calendar_feeds.delete_many(whose, session=session)
        row = {"_id": hash_token(token), **whose, "created_at": editor.now}
        editor.db.calendar_feeds.insert_one(row, session=session)
        editor.note("calendar.feed", "person", person, org=VENDOR)

    editor.change(act)
    return token


def feed(db: Database[Document], token: str, base: str, now: dt.datetime) -> bytes:
    """Return the calendar of whom a token is for: what they booked or teach; raises UnknownThing."""
    row = db.calendar_feeds.find_one({"_id": hash_token(token)})
    if row is None:
        raise UnknownThing("calendar", "of that address")
    person = get_person(db, row["person"])["_id"]
    booked = bookings.of_person(db, person)
    found = db.training_sessions.find({
        "ends_at": {"$gt": now - BACK},
        "$or": [{"_id": {"$in": sorted(booked)}}, {"instructor.person": person}],
    })  # fmt: skip
    rows = sorted(found.limit(500), key=lambda one: (one["begins_at"], one["_id"]))
    return written(rows, base, {name: one["state"] for name, one in booked.items()})


def written(sessions: Iterable[Mapping[str, Any]], base: str, states: Mapping[str, str]) -> bytes:
    """Return sessions as an iCalendar file (RFC 5545), in UTC; tentative for who waits for a seat."""
    from icalendar import Calendar, Event  # noqa: PLC0415 -- 30 ms to load, for few

    made = Calendar()
    made.add("prodid", "-//Laurel//Sessions//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    for one in sessions:
        event = Event()
        event.add("uid", f"{one['_id']}@{urlsplit(base).hostname}")
        event.add("sequence", one["version"])
        event.add("dtstamp", one["updated_at"])
        event.add("dtstart", one["begins_at"].astimezone(dt.UTC))
        event.add("dtend", one["ends_at"].astimezone(dt.UTC))
        event.add("summary", one["title"])
        event.add("location", one["place"] or one["link"])
        event.add("url", f"{base}/me/sessions/{one['_id']}")
        if one["link"]:
            event.add("description", one["link"])
        waits = states.get(one["_id"]) == "waiting"
        event.add("status", "CANCELLED" if one["cancelled_at"] else "TENTATIVE" if waits else "CONFIRMED")
        made.add_component(event)
    return bytes(made.to_ical())


def has_feed(db: Database[Document], person: str) -> bool:
    """Tell whether a person has an address for their calendar."""
    return db.calendar_feeds.find_one({"org": VENDOR, "person": person}, {"_id": 1}) is not None
