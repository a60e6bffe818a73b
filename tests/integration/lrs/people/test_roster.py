"""Rosters carried out: moves that are told and chosen, ends that move, and one transaction for each row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_access import editor, make_client, make_org, make_person, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.foundation.errors import Collision
from lrs.people import affiliations, records, roster

Db = Database[dict[str, Any]]
DAY = dt.timedelta(days=1)


@pytest.fixture
def north(db: Db, app: Flask) -> Db:
    make_org(db, "north")
    make_org(db, "south")
    return db


def bring(db: Db, org: str, text: str, **how: Any) -> roster.RosterResult:
    now = how.pop("now", None)
    return roster.import_roster(editor(db, now), org, text, by_vendor=True, **how)


def held(db: Db, person: str, org: str) -> list[tuple[Any, Any, bool]]:
    rows = db.affiliations.find({"person": person, "org": org}).sort("from")
    return [(row["from"], row["until"], row["primary"]) for row in rows]


def test_two_nightly_files_without_a_choice_never_move_anybody(north: Db) -> None:
    ana = make_person(north, "ana@x.example", "north", name="Ana")
    before = list(north.affiliations.find())
    for _ in range(2):
        for org in ("north", "south"):
            bring(north, org, "email,name\nana@x.example,Ana\n")
    assert list(north.affiliations.find()) == before
    report = bring(north, "south", "email\nana@x.example\n", dry_run=True)
    assert report.counts["refused"] == 1
    assert "moves Ana from north" in report.rows[0]["reason"]
    assert held(north, ana, "south") == []


def test_a_chosen_move_is_told_by_the_dry_run_and_by_the_import(north: Db) -> None:
    ana = make_person(north, "ana@x.example", "north", name="Ana")
    text = "email,primary\nana@x.example,yes\n"
    dry, real = (bring(north, "south", text, dry_run=dry_run) for dry_run in (True, False))
    assert dry.counts == real.counts == {"added": 1, "changed": 0, "unchanged": 0, "refused": 0}
    assert [row["does"][1:] for row in (*dry.rows, *real.rows)] == [["moves Ana from north"]] * 2
    assert held(north, ana, "south")[0][1:] == (None, True)
    assert held(north, ana, "north")[0][1] is not None


def test_an_end_that_is_ahead_follows_the_roster(north: Db) -> None:
    header = "email,from,until\nana@x.example,2026-01-01,"
    for until in ("2099-01-01", "2098-01-01", "2100-01-01", ""):
        bring(north, "north", header + until + "\n")
        [row] = north.affiliations.find()
        assert (row["until"] and row["until"].date().isoformat()) == (until or None)
        again = bring(north, "north", header + until + "\n")
        assert (again.counts["unchanged"], again.rows) == (1, [])


def test_a_row_that_fails_leaves_nothing_behind(north: Db) -> None:
    report = bring(north, "north", "email,from,until\nana@x.example,,2020-01-01\n")
    assert report.counts["refused"] == 1
    assert (north.people.count_documents({}), north.affiliations.count_documents({})) == (0, 0)


def test_two_rows_of_one_person_are_refused_from_the_second_on(north: Db) -> None:
    ana = make_person(north, "ana@x.example")
    records.add_identifier(editor(north), ana, "account::7@http://lms.example")
    text = "email,ifi,role\nana@x.example,,sales\n,account::7@http://lms.example,lead\n"
    for _ in range(2):
        report = bring(north, "north", text)
        assert [row["reason"] for row in report.rows if row["outcome"] == "refused"] == [
            "ifi: is the person of line 2"
        ]
    assert [row["role"] for row in north.affiliations.find()] == ["sales"]


def test_instants_finer_than_the_database_keeps_change_nothing_again(north: Db) -> None:
    text = "email,from\nana@x.example,2026-01-01T00:00:00.123456Z\n"
    assert bring(north, "north", text).counts["added"] == 1
    assert bring(north, "north", text).counts["unchanged"] == 1


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_instant_beyond_the_calendar_is_a_bad_value(north: Db, at: str) -> None:
    assert "from" in bring(north, "north", f"email,from\nana@x.example,{at}\n").rows[0]["reason"]


def test_a_vendors_row_confirms_what_waited(north: Db) -> None:
    ana = make_person(north, "ana@x.example")
    affiliations.affiliate(editor(north), ana, "north", primary=False, confirmed=False)
    assert bring(north, "north", "email\nana@x.example\n").counts["changed"] == 1
    [row] = north.affiliations.find()
    assert row["primary"] is True
    assert row["confirmed_at"] is not None
    assert north.people.find_one({"_id": ana})["confirmed"] is True


def test_the_api_moves_or_takes_back_an_end_that_is_ahead(north: Db, client: FlaskClient, auth: Any) -> None:
    ana = make_person(north, "ana@x.example", "north")
    [row] = north.affiliations.find()
    path = f"/api/v1/people/{ana}/affiliations/{row['_id']}/end"
    for until in ("2099-01-01T00:00:00+00:00", "2098-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00"):
        answer = client.post(path, json={"until": until}, headers=auth())
        assert (answer.status_code, answer.json["until"]) == (200, until)
    assert client.post(path, json={"until": None}, headers=auth()).json["until"] is None
    assert client.post(path, json={"until": None}, headers=auth()).status_code == 409
    assert client.post(path, json={}, headers=auth()).status_code == 200
    assert client.post(path, json={"until": "2099-01-01T00:00:00Z"}, headers=auth()).status_code == 409


def test_an_end_is_not_prolonged_over_the_time_at_another(north: Db) -> None:
    ana = make_person(north, "ana@x.example", "north")
    affiliations.affiliate(editor(north), ana, "south", start=utc_now() + 10 * DAY)
    old = north.affiliations.find_one({"org": "north"})
    with pytest.raises(Collision):
        affiliations.end_affiliation(editor(north), old["_id"], utc_now() + 20 * DAY)
    with pytest.raises(Collision):
        affiliations.end_affiliation(editor(north), old["_id"], None)
    sooner = utc_now() + 5 * DAY
    affiliations.end_affiliation(editor(north), old["_id"], sooner)
    assert held(north, ana, "north")[0][1] == sooner


def test_a_move_makes_a_secondary_affiliation_primary_with_its_role_and_end(north: Db) -> None:
    ana = make_person(north, "ana@x.example", "north")
    start, until, at = utc_now() - 20 * DAY, utc_now() + 90 * DAY, utc_now()
    row = affiliations.affiliate(editor(north), ana, "south", start=start, primary=False, role="sales")
    affiliations.end_affiliation(editor(north), row["_id"], until)
    moved = affiliations.affiliate(editor(north, at), ana, "south")
    assert (moved["role"], moved["until"], moved["primary"]) == ("sales", until, True)
    assert held(north, ana, "south") == [(start, at, False), (at, until, True)]
    assert held(north, ana, "north")[0][1] == at


def test_a_partner_with_a_verified_domain_chooses_without_learning_from_whom(
    north: Db, client: FlaskClient
) -> None:
    from lrs.people import invitations

    who = editor(north)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    make_person(north, "ana@north.example", "south", name="Ana")
    headers = make_client(north, "north")
    answers = [
        client.post(
            f"/api/v1/people/roster?org=north{more}",
            data="email\nana@north.example\n",
            content_type="text/csv",
            headers=headers,
        )
        for more in ("", "&elsewhere=move")
    ]
    assert [one.json["counts"]["refused"] for one in answers] == [1, 0]
    assert all("south" not in one.text for one in answers)
    assert "moves them from another organization" in answers[1].text


def test_the_address_follows_a_move_unless_somebody_chose_another(north: Db) -> None:
    ana = make_person(north, "ana@north.example", "north")
    records.add_identifier(editor(north), ana, "mbox::mailto:ana@south.example")
    bring(north, "south", "email,primary\nana@south.example,yes\n")
    person = north.people.find_one({"_id": ana})
    assert person["email"] == "ana@south.example"
    records.edit_person(editor(north), ana, {"email": "ana@home.example"}, person["version"])
    bring(north, "north", "email,primary\nana@north.example,yes\n")
    assert north.people.find_one({"_id": ana})["email"] == "ana@home.example"
