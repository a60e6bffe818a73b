"""Sessions: seats are never sold twice, who waits moves up and is told, and bad forms change nothing."""

from __future__ import annotations

import datetime as dt
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from factories_access import editor as editor_at
from factories_access import make_org, make_person, utc_now
from icalendar import Calendar

from lrs.access.organizations import create_org
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.instruction import bookings, calendars, sessions
from lrs.people import merge
from lrs.people.privacy import erasure

FORM = {
    "title": "Lab day", "begins": "2099-03-01T09:00", "ends": "2099-03-01T17:00", "timezone": "Europe/Berlin",
    "place": "Berlin, room 4", "seats": "2",
}  # fmt: skip


SECONDS = itertools.count()


def editor(db: Any) -> Any:
    """Somebody who changes something, each time a second later: lines are in order of time."""
    return editor_at(db, utc_now() + dt.timedelta(seconds=next(SECONDS)))


@pytest.fixture
def store(db: Any) -> Any:
    create_org(db, "vendor", name="Vendor", kind="vendor", parent=None, now=utc_now())
    make_org(db, "north")
    make_org(db, "south")
    return db


def made(db: Any, audience: str = "vendor", org: str = "vendor", **form: str) -> dict[str, Any]:
    wish = sessions.read_session({**FORM, **form})
    teacher = {"person": "p_teacher", "name": "Ines"}
    return sessions.make_session(editor(db), (org, audience), wish, teacher, "https://lrs.example")


def states(db: Any, of: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["person"], row["state"]) for row in bookings.roster(db, of)]


def mails(db: Any) -> list[tuple[str, str]]:
    return sorted((row["to"], row["template"]) for row in db.mails.find())


def test_who_comes_too_late_waits_and_moves_up_when_a_seat_is_given_back(store: Any) -> None:
    of, people = made(store), [make_person(store, f"{name}@north.example", "north") for name in "abcd"]
    a, b, c, d = people
    assert [bookings.book(editor(store), of, one)["state"] for one in people] == ["booked"] * 2 + [
        "waiting"
    ] * 2
    assert bookings.book(editor(store), of, a)["state"] == "booked", "asking again keeps the seat"
    store.mails.delete_many({})
    bookings.give_up(editor(store), of, b)
    bookings.give_up(editor(store), of, b)
    assert states(store, of) == [(a, "booked"), (c, "booked"), (d, "waiting")]
    assert mails(store) == [("c@north.example", "session.moved_up")]
    assert bookings.book(editor(store), of, b)["state"] == "waiting", "who gave up stands at the end"
    assert [one for one, _ in states(store, of)] == [a, c, d, b]


def test_new_seats_go_to_who_waits_and_everybody_hears_of_a_change(store: Any) -> None:
    of = made(store, seats="1")
    a, b, c = (make_person(store, f"{name}@north.example", "north") for name in "abc")
    for one in (a, b, c):
        bookings.book(editor(store), of, one)
    store.mails.delete_many({})
    with pytest.raises(Collision):
        sessions.edit_session(editor(store), of, sessions.read_session({**FORM, "seats": "2"}) | {"seats": 0})
    after = sessions.edit_session(
        editor(store), of, sessions.read_session({**FORM, "seats": "2", "begins": "2099-03-01T10:00"})
    )
    assert after["activity"] == of["activity"] == f"https://lrs.example/sessions/{of['_id']}"
    assert states(store, of) == [(a, "booked"), (b, "booked"), (c, "waiting")]
    assert mails(store) == [
        ("a@north.example", "session.changed"), ("b@north.example", "session.changed"),
        ("b@north.example", "session.moved_up"), ("c@north.example", "session.changed"),
    ]  # fmt: skip
    values = store.mails.find_one({"template": "session.moved_up"})["values"]
    assert (values["when"], values["place"]) == (
        "1 March 2099, 10:00\N{EN DASH}17:00 (Europe/Berlin)",
        "Berlin, room 4",
    )


def test_a_cancelled_session_tells_everybody_once_and_takes_nobody_more(store: Any) -> None:
    of = made(store, seats="1")
    for name in "ab":
        bookings.book(editor(store), of, make_person(store, f"{name}@north.example", "north"))
    store.mails.delete_many({})
    sessions.cancel_session(editor(store), of, "The lift is broken")
    assert mails(store) == [
        ("a@north.example", "session.cancelled"),
        ("b@north.example", "session.cancelled"),
    ]
    for act in (
        lambda: sessions.cancel_session(editor(store), of, "again"),
        lambda: bookings.book(editor(store), of, make_person(store, "c@north.example", "north")),
        lambda: sessions.edit_session(editor(store), of, sessions.read_session(FORM)),
    ):
        with pytest.raises(Collision):
            act()
    assert store.mails.count_documents({}) == 2


def test_many_at_once_never_get_more_seats_than_there_are(store: Any) -> None:
    of = made(store, seats="3")
    people = [make_person(store, f"p{n}@north.example", "north") for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda one: bookings.book(editor(store), of, one)["state"], people))
    assert (found.count("booked"), found.count("waiting")) == (3, 9)
    with ThreadPoolExecutor(6) as pool:
        gone = [row["person"] for row in bookings.roster(store, of)][:3]
        list(pool.map(lambda one: bookings.give_up(editor(store), of, one), gone))
    assert (bookings.taken(store, of), len(states(store, of))) == (3, 9)


def test_a_session_is_seen_by_its_audience_and_below_and_by_nobody_else(store: Any) -> None:
    now = utc_now()
    north, south = (make_person(store, f"x@{org}.example", org) for org in ("north", "south"))
    for_all, for_north = (
        made(store),
        made(store, "north", "north", title="North only", begins="2099-03-01T10:00"),
    )
    assert [one["_id"] for one in sessions.open_to(store, north, now)] == [for_all["_id"], for_north["_id"]]
    assert [one["_id"] for one in sessions.open_to(store, south, now)] == [for_all["_id"]]
    assert [one["_id"] for one in sessions.kept_by(store, ["north"], now)] == [for_north["_id"]]
    with pytest.raises(UnknownThing):
        sessions.get_session(store, for_all["_id"], ["north"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""), ("title", "x" * 201), ("begins", "tomorrow"), ("begins", "2099-03-01T09:00+01:00"),
        ("begins", "1899-03-01T09:00"), ("ends", "2099-03-01T09:00"), ("ends", "2099-04-01T09:00"),
        ("timezone", "Mars/Base"), ("timezone", "../etc"), ("place", ""), ("link", "javascript:alert(1)"),
        ("seats", "0"), ("seats", "1001"), ("seats", "-1"), ("seats", "two"), ("seats", "²"),
        ("activity", "not an iri"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_right_is_refused_by_its_field(field: str, value: str) -> None:
    with pytest.raises(InvalidField) as refused:
        sessions.read_session({name: one for name, one in {**FORM, field: value}.items() if one})
    assert refused.value.path == field


def test_a_time_that_the_clock_jumps_over_is_refused_and_summer_is_summer() -> None:
    with pytest.raises(InvalidField, match="no such time"):
        sessions.read_session({**FORM, "begins": "2027-03-28T02:30", "ends": "2027-03-28T05:00"})
    summer = sessions.read_session({**FORM, "begins": "2027-07-01T09:00", "ends": "2027-07-01T10:00"})
    assert summer["begins_at"] == dt.datetime(2027, 7, 1, 7, tzinfo=dt.UTC)


def test_the_feed_has_what_is_booked_and_taught_under_an_address_that_is_kept_as_a_hash(store: Any) -> None:
    a, b = (make_person(store, f"{name}@north.example", "north") for name in "ab")
    of, other = made(store, seats="1"), made(store, title="Not mine", link="https://meet.example/x")
    for one in (a, b):
        bookings.book(editor(store), of, one)
    token = calendars.new_feed(editor(store), b)
    assert token not in str(list(store.calendar_feeds.find())) + str(list(store.audit.find()))
    base, now = "https://lrs.example", utc_now()
    (event,) = Calendar.from_ical(calendars.feed(store, token, base, now)).walk("VEVENT")
    assert (event["SUMMARY"], event["STATUS"]) == ("Lab day", "TENTATIVE")
    assert event.decoded("DTSTART") == dt.datetime(2099, 3, 1, 8, tzinfo=dt.UTC)
    bookings.give_up(editor(store), of, a)
    sessions.cancel_session(editor(store), sessions.get_session(store, of["_id"], None), "ill")
    (event,) = Calendar.from_ical(calendars.feed(store, token, base, now)).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"
    assert int(event["SEQUENCE"]) > of["version"]
    assert b"Not mine" not in calendars.feed(store, token, base, now)
    assert b"meet.example" in calendars.written([other], base, {})
    calendars.new_feed(editor(store), b)
    for wrong in (token, "", "x" * 100):
        with pytest.raises(UnknownThing):
            calendars.feed(store, wrong, base, now)


def test_a_merge_carries_seats_along_and_an_erasure_leaves_none(store: Any) -> None:
    one, two = made(store), made(store, title="Two")
    a, b = (make_person(store, f"{name}@north.example", "north") for name in "ab")
    for of, person in ((one, a), (one, b), (two, b)):
        bookings.book(editor(store), of, person)
    calendars.new_feed(editor(store), b)
    merge.merge(editor(store), a, b)
    assert set(bookings.of_person(store, a)) == {one["_id"], two["_id"]}
    assert store.bookings.count_documents({}) == 2
    calendars.new_feed(editor(store), a)
    erasure.erase(editor(store), a, mode="pseudonymise", reason="asked")
    assert store.bookings.count_documents({}) == store.calendar_feeds.count_documents({}) == 0


def test_seats_that_a_merge_or_an_erasure_frees_go_to_who_waits(store: Any) -> None:
    of = made(store)
    a, b, c, d = (make_person(store, f"{name}@north.example", "north") for name in "abcd")
    for person in (a, b, c, d):
        bookings.book(editor(store), of, person)
    over = made(store, title="Over")
    for person in (a, b, c):
        bookings.book(editor(store), over, person)
    ended = {"begins_at": utc_now() - dt.timedelta(hours=2), "ends_at": utc_now() - dt.timedelta(hours=1)}
    store.training_sessions.update_one({"_id": over["_id"]}, {"$set": ended})
    assert bookings.fill(store, utc_now()) == 0
    merge.merge(editor(store), a, b)
    store.mails.delete_many({})
    assert bookings.fill(store, utc_now()) == 1
    assert states(store, of) == [(a, "booked"), (c, "booked"), (d, "waiting")]
    assert mails(store) == [("c@north.example", "session.moved_up")]
    assert [state for _, state in states(store, over)] == ["booked", "waiting"], "what is over stays"
    assert bookings.fill(store, utc_now()) == 0, "once"
    erasure.erase(editor(store), c, mode="pseudonymise", reason="asked")
    assert bookings.fill(store, utc_now()) == 1
    assert states(store, of) == [(a, "booked"), (d, "booked")]


def test_a_mail_says_the_day_in_the_language_of_who_gets_it(store: Any) -> None:
    of, a = made(store), make_person(store, "a@north.example", "north")
    store.people.update_one({"_id": a}, {"$set": {"language": "de"}})
    bookings.book(editor(store), of, a)
    (mail,) = store.mails.find({})
    assert mail["values"]["when"] == "1. März 2099, 09:00\N{EN DASH}17:00 (Europe/Berlin)"
