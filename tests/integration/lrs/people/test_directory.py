"""One definition of who belongs to an organization when, and the same answer wherever somebody asks."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from click.testing import CliRunner
from factories_access import editor, log_in, make_client, make_org, make_person, make_user, utc_now
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from lrs.cli import cli
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.foundation.mail import FileMailer
from lrs.foundation.settings import Settings
from lrs.messaging.notices import recipients
from lrs.people import affiliations, invitations
from lrs.people.directory import Directory
from lrs.people.privacy import erasure
from rules.engine.affiliations import holding, holds, span_of
from rules.engine.identity import affiliations_of, find_person, organization_at

Db = Database[dict[str, Any]]
DAY = dt.timedelta(days=1)
AT = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


@pytest.fixture
def north(db: Db, app: Flask) -> Db:
    make_org(db, "north")
    make_org(db, "south")
    return db


def affiliate(db: Db, name: str, **row: Any) -> str:
    """Make a person with one affiliation with north as it is stored; confirmed a month ago unless told."""
    person = make_person(db, f"{name}@north.example", name=name)
    begun = utc_now() - 30 * DAY
    db.affiliations.insert_one(
        {
            "_id": f"a-{name}", "org": "north", "person": person, "from": begun, "until": None,
            "primary": True, "role": None, "confirmed_at": begun, "known_as": f"mbox::mailto:{name}@north.example",
        }
        | row
    )  # fmt: skip
    return person


def people_of_every_kind(db: Db) -> dict[str, str]:
    """Make one person for each way to stand to north now."""
    now = utc_now()
    return {
        "stays": affiliate(db, "stays"),
        "ever": affiliate(db, "ever", **{"from": None}),
        "last-day-known": affiliate(db, "last-day-known", until=now + 30 * DAY),
        "secondary": affiliate(db, "secondary", primary=False),
        "ended": affiliate(db, "ended", until=now - DAY),
        "waits": affiliate(db, "waits", confirmed_at=None, primary=False),
        "waits-with-last-day": affiliate(
            db, "waits-with-last-day", confirmed_at=None, primary=False, until=now + DAY
        ),
        "to-come": affiliate(db, "to-come", **{"from": now + DAY, "confirmed_at": now + DAY}),
    }


BELONG = {"stays", "ever", "last-day-known", "secondary"}

# the definition


@pytest.mark.parametrize(
    ("start", "confirmed", "until", "expected"),
    [
        (-2, -2, None, True),
        (None, -2, None, True),
        (-2, -2, +1, True),
        (-2, 0, None, True),
        (0, -2, None, True),
        (-2, -2, 0, False),
        (-2, -2, -1, False),
        (-2, None, None, False),
        (-2, None, +1, False),
        (-2, +1, None, False),
        (+1, -2, None, False),
        (-2, +1, +1, False),
    ],
)
def test_an_affiliation_holds_from_its_confirmation_until_its_exclusive_end(
    start: int | None, confirmed: int | None, until: int | None, *, expected: bool
) -> None:
    dates = {"from": start, "confirmed_at": confirmed, "until": until}
    row = {name: None if days is None else AT + days * DAY for name, days in dates.items()}
    assert holds(row, AT) is expected


instants = st.none() | st.integers(-3, 3).map(lambda days: AT + days * DAY)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(instants, instants, instants, st.booleans()), max_size=6), at=instants)
def test_the_filter_the_test_the_span_and_the_engine_say_the_same(db: Db, rows: Any, at: Any) -> None:
    at = at or AT
    db.affiliations.delete_many({})
    documents = [
        {"_id": f"{i}", "org": "north", "person": f"p{i}", "from": start, "confirmed_at": confirmed,
         "until": until, "primary": primary}
        for i, (start, confirmed, until, primary) in enumerate(rows)
    ]  # fmt: skip
    if documents:
        db.affiliations.insert_many(documents)
    expected = {row["person"] for row in documents if holds(row, at)}
    assert {row["person"] for row in db.affiliations.find(holding(at))} == expected
    assert set(Directory(db, at).members_of("north")) == expected
    spans = {row["person"]: span_of(row) for row in documents}
    assert {
        person for person, span in spans.items() if span and span[0] <= at < (span[1] or at + DAY)
    } == expected
    known = affiliations_of(db, list(spans))
    counting = {person for person in spans if organization_at(known, person, at)}
    assert counting == {row["person"] for row in documents if row["primary"]} & expected
    assert counting == {person for person in spans if Directory(db, at).organization_of(person)}
    assert Directory(db, at).count("north") == len(counting)


# whoever asks


def test_api_command_and_console_list_the_same_people(
    north: Db, app: Flask, client: FlaskClient, auth: Any, settings: Settings, monkeypatch: Any
) -> None:
    ids = people_of_every_kind(north)
    expected = {ids[name] for name in BELONG}
    for headers in (auth(), make_client(north, "north")):
        listed = client.get("/api/v1/people?org=north", headers=headers).json["items"]
        assert {one["id"] for one in listed} == expected
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))
    done = CliRunner().invoke(cli, ["people", "list", "--org", "north", "--json"])
    rows = {row["id"]: row["org"] for row in map(json.loads, done.stdout.splitlines())}
    assert set(rows) == expected
    assert rows[ids["last-day-known"]] == "north"
    browser = log_in(app, make_user(north, "vendor", "vendor_admin", "ada@vendor.example"))
    page = browser.open("/console/people?org=north").text
    assert {name for name, person in ids.items() if person in page} == BELONG
    assert ">3<" in browser.open("/console/partners").text, (
        "how many count for north, by primary affiliations"
    )


def test_who_waits_is_listed_apart_also_with_a_known_last_day(
    north: Db, client: FlaskClient, auth: Any, settings: Settings, monkeypatch: Any
) -> None:
    ids = people_of_every_kind(north)
    expected = {ids["waits"], ids["waits-with-last-day"]}
    pending = client.get("/api/v1/people/pending", headers=auth()).json["items"]
    assert {row["person"] for row in pending} == expected
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))
    for org, there in (("north", expected), ("south", set())):
        done = CliRunner().invoke(cli, ["people", "pending", "--org", org, "--json"])
        assert {json.loads(line)["person"] for line in done.stdout.splitlines()} == there


def test_an_organization_sees_the_confirmed_and_the_present_state_of_who_belongs(north: Db) -> None:
    ids = people_of_every_kind(north)
    seen = Directory(north, utc_now(), ["north"])
    assert set(seen.known() or ()) == {ids[name] for name in (*BELONG, "ended", "to-come")}
    assert set(seen.members() or ()) == {ids[name] for name in BELONG}
    with pytest.raises(UnknownThing):
        seen.get(ids["waits"])
    with pytest.raises(UnknownThing):
        Directory(north, utc_now(), ["south"]).get(ids["stays"])
    assert seen.present(seen.get(ids["last-day-known"]))["confirmed"] is True
    assert seen.present(seen.get(ids["ended"]))["confirmed"] is False


def test_what_somebody_holds_is_seen_until_they_left_and_not_before_they_came(
    north: Db, client: FlaskClient
) -> None:
    ids = people_of_every_kind(north)
    seen = Directory(north, utc_now(), ["north"])
    assert seen.left_at(ids["last-day-known"]) is None
    assert seen.left_at(ids["ended"]) == north.affiliations.find_one({"_id": "a-ended"})["until"]
    with pytest.raises(UnknownThing):
        seen.left_at(ids["to-come"])
    ended = {ids["ended"]: seen.left_at(ids["ended"])}
    assert seen.known_until() == {ids[name]: None for name in BELONG} | ended, "what analysts are told"
    answer = client.get(
        f"/api/v1/people/{ids['to-come']}/certifications/c/history", headers=make_client(north, "north")
    )
    assert answer.status_code == 404


def test_notices_find_the_organization_of_somebody_with_a_known_last_day(north: Db) -> None:
    ids = people_of_every_kind(north)
    make_user(north, "north", "partner_admin", "pat@north.example")
    row = {"to": "partner_admins", "organization": None}
    for name, person in ids.items():
        told = [one["to"] for one in recipients(north, row | {"person": person}, None, None, utc_now())]
        assert told == (["pat@north.example"] if name in BELONG - {"secondary"} else []), name


def test_name_at_organization_finds_somebody_with_a_known_last_day(north: Db) -> None:
    ids = people_of_every_kind(north)
    for name in ("stays", "last-day-known"):
        assert find_person(north, f"{name}@north", utc_now()) == ids[name]


# moves


def primaries(db: Db, person: str) -> list[tuple[str, Any]]:
    return [
        (row["org"], row["until"])
        for row in db.affiliations.find({"person": person, "primary": True}).sort("from")
    ]


def test_a_move_ends_an_affiliation_earlier_than_its_known_last_day(north: Db) -> None:
    person, at = affiliate(north, "ana", until=utc_now() + 30 * DAY), utc_now()
    affiliations.affiliate(editor(north, at), person, "south")
    assert primaries(north, person) == [("north", at), ("south", None)]


def test_a_move_after_the_known_last_day_leaves_that_as_it_is(north: Db) -> None:
    last = utc_now() + 30 * DAY
    person = affiliate(north, "ana", until=last)
    affiliations.affiliate(editor(north), person, "south", start=last)
    assert primaries(north, person) == [("north", last), ("south", None)]


def test_a_move_into_an_affiliation_that_is_over_changes_nothing(north: Db) -> None:
    person = affiliate(north, "ana", until=utc_now() - DAY)
    before = primaries(north, person)
    with pytest.raises(InvalidField, match="lies inside an earlier primary affiliation"):
        affiliations.affiliate(editor(north), person, "south", start=utc_now() - 2 * DAY)
    assert primaries(north, person) == before


def test_a_move_before_a_later_primary_affiliation_changes_nothing(north: Db) -> None:
    last = utc_now() + 30 * DAY
    person = affiliate(north, "ana", until=last)
    affiliations.affiliate(editor(north), person, "south", start=last)
    before = primaries(north, person)
    with pytest.raises(InvalidField, match="is not after the start"):
        affiliations.affiliate(editor(north), person, "vendor")
    assert primaries(north, person) == before


def test_accepting_an_invitation_moves_somebody_with_a_known_last_day(north: Db, settings: Settings) -> None:
    person = affiliate(north, "ana", until=utc_now() + 30 * DAY)
    mailer = FileMailer(settings.data_folder / "mail")
    invitations.invite(editor(north), settings, mailer, "south", {"email": "ana@north.example"})
    code = next((settings.data_folder / "mail").iterdir()).read_text().partition("code=")[2].split()[0]
    at = utc_now()
    invitations.accept(editor(north, at), code)
    assert primaries(north, person) == [("north", at), ("south", None)]


def test_somebody_with_a_known_last_day_is_not_invited_again(north: Db, settings: Settings) -> None:
    affiliate(north, "ana", until=utc_now() + 30 * DAY)
    with pytest.raises(Collision, match="is one of the organization's"):
        invitations.invite(
            editor(north), settings, FileMailer(settings.data_folder), "north", {"email": "ana@north.example"}
        )


def test_removing_somebody_ends_an_affiliation_with_a_known_last_day(north: Db) -> None:
    person = affiliate(north, "ana", until=utc_now() + 30 * DAY)
    erasure.erase(editor(north), person, mode="remove", reason="asked")
    assert Directory(north, utc_now() + DAY).members_of("north") == []


def test_somebody_who_came_back_belongs_and_is_seen_now(north: Db) -> None:
    person = affiliate(north, "ana", until=utc_now() - DAY)
    affiliations.affiliate(editor(north), person, "north")
    assert Directory(north, utc_now(), ["north"]).known_until() == {person: None}
