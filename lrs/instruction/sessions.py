"""Training sessions: when and where people teach, how many may come, and who may see them.

training_sessions {_id, org, audience (organization), title, activity (IRI), begins_at, ends_at, timezone,
                   place, link, seats, instructor {person, name}, cancelled_at, reason, created_at,
                   updated_at, version, by}

`org` keeps a session, and its instructors run it. People of `audience` and of all below it see it; the
vendor as audience means everybody. `version` rises with each change, also of a booking: bookings of one
session stand in line by it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.instruction import bookings, mails
from lrs.instruction.rubrics import check_activity
from rules.engine.affiliations import holding

Document = dict[str, Any]
MOST_SEATS: Final = 1000
LONGEST: Final = dt.timedelta(days=14)
SUGGESTED: Final = 50  # sessions that are looked at for one page
TEXTS: Final = {"title": 200, "place": 300, "link": 1000}
TOLD: Final = ("title", "begins_at", "ends_at", "timezone", "place", "link")  # whose change is mailed

INDEXES: dict[str, list[IndexModel]] = {
    "training_sessions": [
        IndexModel([("begins_at", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("begins_at", ASCENDING)]),
        IndexModel([(one, ASCENDING) for one in ("audience", "cancelled_at", "begins_at")], name="open"),
        IndexModel(
            [(one, ASCENDING) for one in ("audience", "cancelled_at", "activity", "begins_at")], name="about"
        ),
        IndexModel([("instructor.person", ASCENDING), ("begins_at", ASCENDING)]),
    ]
}


def read_session(wish: Mapping[str, str]) -> Document:
    """Return a session from texts of a form {title, begins, ends, timezone, place, link, seats, activity}.

    Place or link is needed, the activity is not; `begins` and `ends` are local times in the zone. Raises
    InvalidField.
    """
    for name, most in TEXTS.items():
        if len(wish.get(name, "")) > most:
            raise InvalidField(name, f"has at most {most} characters")
    if not wish.get("title"):
        raise InvalidField("title", "is missing")
    if not wish.get("place") and not wish.get("link"):
        raise InvalidField("place", "say where it is: a place, or a link")
    if wish.get("link") and not wish["link"].startswith(("https://", "http://")):
        raise InvalidField("link", "begins with https://")
    zone = wish.get("timezone", "")
    if zone not in available_timezones():
        raise InvalidField("timezone", "is no time zone; Europe/Berlin and UTC are")
    begins, ends = (_instant(name, wish.get(name, ""), zone) for name in ("begins", "ends"))
    if not begins < ends <= begins + LONGEST:
        raise InvalidField("ends", f"is after the beginning, by {LONGEST.days} days at most")
    seats = wish.get("seats", "")
    if not seats.isascii() or not seats.isdigit() or not 1 <= int(seats[:6]) <= MOST_SEATS:
        raise InvalidField("seats", f"is a number from 1 to {MOST_SEATS}")
    return {
        "title": wish["title"], "begins_at": begins, "ends_at": ends, "timezone": zone,
        "place": wish.get("place"), "link": wish.get("link"), "seats": int(seats),
        "activity": check_activity("activity", wish["activity"]) if wish.get("activity") else None,
    }  # fmt: skip


def _instant(name: str, text: str, zone: str) -> dt.datetime:
    """Return a local time as an instant; one that a clock jumps over is refused."""
    try:
        naive = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 -- the zone is another field
    except ValueError as error:
        raise InvalidField(name, "is a day and a time: 2026-12-31T09:00") from error
    if not 2000 <= naive.year <= 2200:
        raise InvalidField(name, "is in the years 2000 to 2200")
    found = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    if found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != naive:
        raise InvalidField(name, f"there is no such time in {zone}: clocks are put forward then")
    return found


def local_text(at: dt.datetime, zone: str) -> str:
    """Return an instant as the field of a form takes it."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def get_session(
    db: Database[Document], session: str, orgs: Sequence[str] | None, within: ClientSession | None = None
) -> Document:
    """Return a session that one of these organizations keeps (None: any); raises UnknownThing."""
    found = db.training_sessions.find_one({"_id": session}, session=within)
    if found is None or (orgs is not None and found["org"] not in orgs):
        raise UnknownThing("session", session)
    return found


def kept_by(
    db: Database[Document], orgs: Sequence[str] | None, since: dt.datetime, most: int = 100
) -> list[Document]:
    """Return the sessions of organizations (None: all) that end after an instant, the next first."""
    whose: Document = {} if orgs is None else {"org": {"$in": list(orgs)}}
    found = db.training_sessions.find(
        {**whose, "begins_at": {"$gt": since - LONGEST}, "ends_at": {"$gt": since}}
    )
    return list(found.sort("begins_at", ASCENDING).limit(most))


def audiences_of(db: Database[Document], person: str, now: dt.datetime) -> list[str]:
    """Return the organizations whose sessions a person sees: the vendor's, their own, those above them."""
    mine = {row["org"] for row in db.affiliations.find({"person": person, **holding(now)}, {"org": 1})}
    above = db.orgs.find({"_id": {"$in": sorted(mine)}}, {"ancestors": 1})
    return sorted({VENDOR, *mine, *(one for row in above for one in row["ancestors"])})


def open_to(db: Database[Document], person: str, now: dt.datetime, most: int = 100) -> list[Document]:
    """Return the sessions that a person may book now, the next first."""
    wanted = {
        "audience": {"$in": audiences_of(db, person, now)}, "cancelled_at": None, "begins_at": {"$gt": now}
    }  # fmt: skip
    return list(db.training_sessions.find(wanted, hint="open").sort("begins_at", ASCENDING).limit(most))


def by_activity(
    db: Database[Document], person: str, activities: Collection[str], now: dt.datetime
) -> dict[str, Document]:
    """Return the next session about each of some activities that a person booked, or may book.

    Who may book one finds a seat. Each has `booked`, which tells the one from the other.
    """
    if not activities:
        return {}
    wanted = {
        "audience": {"$in": audiences_of(db, person, now)}, "cancelled_at": None, "begins_at": {"$gt": now},
        "activity": {"$in": sorted(activities)},
    }  # fmt: skip
    found = list(
        db.training_sessions.find(wanted, hint="about").sort("begins_at", ASCENDING).limit(SUGGESTED)
    )
    if not found:
        return {}
    mine, taken = bookings.of_person(db, person), bookings.counts(db, found)
    free = [one for one in found if one["_id"] in mine or taken[one["_id"]]["booked"] < one["seats"]]
    first: dict[str, Document] = {}
    for one in sorted(free, key=lambda one: one["_id"] not in mine):
        first.setdefault(one["activity"], {**one, "booked": one["_id"] in mine})
    return first


def of_ids(db: Database[Document], sessions: Sequence[str], now: dt.datetime) -> list[Document]:
    """Return some sessions that are not over, the next first."""
    found = db.training_sessions.find({"_id": {"$in": list(sessions)}, "ends_at": {"$gt": now}})
    return sorted(found, key=lambda one: (one["begins_at"], one["_id"]))


def make_session(
    editor: Editor, place: tuple[str, str], wish: Mapping[str, Any], instructor: Document, base: str
) -> Document:
    """Keep a new session of `read_session` in `place`, its organization and its audience.

    Without an activity it has one of its own, below `base`.
    """
    org, audience = place
    name = "ts" + new_id(editor.now)
    document = {
        "_id": name, "org": org, "audience": audience, **wish,
        "activity": wish["activity"] or f"{base}/sessions/{name}", "instructor": instructor,
        "cancelled_at": None, "reason": None, "created_at": editor.now, "updated_at": editor.now,
        "version": 1, "by": editor.who,
    }  # fmt: skip

    def act(session: ClientSession) -> Document:
        editor.db.training_sessions.insert_one(document, session=session)
        editor.note("session.add", "session", name, org=org, after=document)
        return document

    return editor.change(act)


def as_wish(of: Mapping[str, Any]) -> dict[str, str]:
    """Return a session as `read_session` takes it."""
    texts = {name: of[name] or "" for name in ("title", "timezone", "place", "link", "activity")}
    local = {name: local_text(of[f"{name}_at"], of["timezone"]) for name in ("begins", "ends")}
    return {**texts, **local, "seats": str(of["seats"])}


def edit_session(editor: Editor, before: Document, wish: Mapping[str, Any]) -> Document:
    """Change a session: who is booked is told what changed, and who waits moves up to new seats.

    Raises Collision where it is cancelled, or more are booked than seats would be left.
    """
    kept = {**wish, "activity": wish["activity"] or before["activity"]}

    def act(session: ClientSession) -> Document:
        taken = bookings.taken(editor.db, before, session)
        if kept["seats"] < taken:
            raise Collision(f"{taken} are booked: take some off the roster first")
        after = changed(editor, before, kept, session)
        if any(before[name] != after[name] for name in TOLD):
            told = bookings.roster(editor.db, before, session)
            mails.tell(editor, "session.changed", after, told, session)
        bookings.move_up(editor, after, session)
        editor.note("session.edit", "session", before["_id"], org=before["org"], before=before, after=after)
        return after

    return editor.change(act)


def cancel_session(editor: Editor, before: Document, reason: str) -> Document:
    """Cancel a session, once, and tell everybody who is booked or waits."""
    if not 1 <= len(reason) <= 500:
        raise InvalidField("reason", "has 1 to 500 characters: it goes to who is booked")

    def act(session: ClientSession) -> Document:
        after = changed(editor, before, {"cancelled_at": editor.now, "reason": reason}, session)
        told = bookings.roster(editor.db, before, session)
        mails.tell(editor, "session.cancelled", after, told, session)
        editor.note("session.cancel", "session", before["_id"], org=before["org"], after={"reason": reason})
        return after

    return editor.change(act)


def changed(editor: Editor, before: Document, change: Mapping[str, Any], session: ClientSession) -> Document:
    """Return a session after a change; raises Collision where it is cancelled."""
    after: Document | None = editor.db.training_sessions.find_one_and_update(
        {"_id": before["_id"], "org": before["org"], "cancelled_at": None},
        {"$set": {**change, "updated_at": editor.now}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if after is None:
        raise Collision("this session is cancelled")
    return after
