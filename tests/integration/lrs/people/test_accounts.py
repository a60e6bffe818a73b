"""Accounts of people: invitations open them, links by mail log in, and a mailbox ties user and person."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from factories_access import editor, log_in, make_org, make_person, make_user, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import users
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, TooManyTries, UnknownThing
from lrs.foundation.mail import FileMailer
from lrs.foundation.settings import Settings
from lrs.people import accounts, invitations, merge, records
from lrs.people.privacy import erasure

Db = Database[dict[str, Any]]
MAIL = "Ana@north.example"
PAGE = "/start/nothing"  # 404 for who is a person, 403 for who proves no mailbox


@pytest.fixture
def north(app: Flask, db: Db) -> Db:
    make_org(db, "north")
    return db


@pytest.fixture
def letters(settings: Settings) -> Path:
    return settings.data_folder / "mail"


def newest(letters: Path) -> str:
    """Return the code of the newest mail."""
    text = max(letters.glob("*.eml")).read_text()
    found = re.search(r"code=3D([A-Z0-9-]+)|code=([A-Z0-9-]+)", text)
    assert found is not None
    return found[1] or found[2]


def invited(db: Db, settings: Settings, letters: Path, mail: str = MAIL) -> str:
    invitations.invite(editor(db), settings, FileMailer(letters), "north", {"email": mail})
    return newest(letters)


def linked(client: FlaskClient, letters: Path, mail: str = MAIL) -> str:
    with client.post("/login/link", data={"email": mail}) as answer:
        assert answer.status_code == 200
    return newest(letters)


def test_an_invitation_opens_an_account_that_is_the_person(
    north: Db, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    code = invited(north, settings, letters)
    assert north.users.count_documents({}) == 0, "an invitation alone makes no account"
    answer = client.post("/join", data={"code": code})
    assert (answer.status_code, answer.location) == (303, "/me?welcome=1")
    user = north.users.find_one({"email": MAIL.lower()})
    assert user is not None
    assert (user["role"], user["org"], user["mailbox"]) == ("learner", "vendor", MAIL)
    person = accounts.person_of(north, user)
    assert person is not None
    assert person["_id"] == north.affiliations.find_one({"org": "north"})["person"]
    assert client.get(PAGE).status_code == 404, "courses open for the account"
    assert client.get("/console").status_code == 403


def test_codes_are_kept_as_hashes_and_work_once(
    north: Db, app: Flask, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    code = invited(north, settings, letters)
    assert code not in str(list(north.codes.find()))
    client.post("/join", data={"code": code})
    before = (list(north.users.find()), list(north.affiliations.find()), north.sessions.count_documents({}))
    for again in (code, "WRONG", ""):
        other = app.test_client()
        answer = other.post("/join", data={"code": again})
        assert (answer.status_code, "nothing was changed" in answer.text) == (404, True)
        assert other.post("/login/link/use", data={"code": again}).status_code == 404
    assert before == (
        list(north.users.find()),
        list(north.affiliations.find()),
        north.sessions.count_documents({}),
    )


def test_an_invitation_that_is_too_old_changes_nothing(north: Db, settings: Settings, letters: Path) -> None:
    code = invited(north, settings, letters)
    with pytest.raises(UnknownThing):
        accounts.join(editor(north, utc_now() + dt.timedelta(days=15)), code)
    assert north.users.count_documents({}) == 0
    assert north.affiliations.find_one({"org": "north"})["confirmed_at"] is None


def test_a_link_by_mail_logs_in_once_and_not_by_another_kind_of_code(
    north: Db, app: Flask, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    app.test_client().post("/join", data={"code": invited(north, settings, letters)})
    code = linked(client, letters)
    assert client.get(f"/login/link?code={code}").status_code == 200
    assert client.get(PAGE).status_code == 302, "opening the link's page logs nobody in"
    assert client.post("/join", data={"code": code}).status_code == 404
    answer = client.post("/login/link/use", data={"code": code})
    assert (answer.status_code, answer.location) == (303, "/me")
    assert client.get(PAGE).status_code == 404
    assert client.post("/login/link/use", data={"code": code}).status_code == 404


def test_a_link_by_mail_is_no_way_around_a_second_factor(
    north: Db, app: Flask, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    app.test_client().post("/join", data={"code": invited(north, settings, letters)})
    sealed = {"sealed": "unread", "recovery": [], "step": 0}
    north.users.update_one({"email": MAIL.lower()}, {"$set": {"second_factor": sealed}})
    answer = client.post("/login/link/use", data={"code": linked(client, letters)})
    assert (answer.status_code, answer.location) == (303, "/login/code")
    assert client.get(PAGE).status_code == 302, "nobody is logged in yet"


def test_asking_for_a_link_does_not_tell_who_has_an_account(
    north: Db, client: FlaskClient, letters: Path
) -> None:
    make_user(north, "vendor", "vendor_admin", "ada@vendor.example")
    for mail in ("nobody@north.example", "ada@vendor.example"):
        answer = client.post("/login/link", data={"email": mail})
        answer.close()  # the mail leaves after the answer
        assert (answer.status_code, f"If {mail} has an account" in answer.text) == (200, True)
    assert not letters.exists(), "staff of the vendor get no link either"


def test_links_to_one_address_are_few(north: Db, settings: Settings) -> None:
    for _ in range(accounts.LINKS):
        accounts.ask_link(editor(north), settings, MAIL)
    with pytest.raises(TooManyTries):
        accounts.ask_link(editor(north), settings, MAIL.upper())


def test_a_password_of_somebody_else_proves_nothing_and_goes_with_the_proof(
    north: Db, app: Flask, client: FlaskClient, letters: Path
) -> None:
    make_person(north, MAIL, "north")
    pat = make_user(north, "north", "partner_admin", MAIL)
    by_password = log_in(app, pat)
    assert by_password.open(PAGE).status_code == 403
    answer = client.post("/login/link/use", data={"code": linked(client, letters)})
    assert answer.location == "/partner", "the role stays"
    assert client.get(PAGE).status_code == 404
    assert by_password.open(PAGE).status_code == 302, "sessions from before have ended"
    assert north.users.find_one({"_id": pat["_id"]})["password"] is None
    users.edit_user(editor(north), pat["_id"], {"password": "a new one of the administrator"})
    again = log_in(app, users.get_user(north, pat["_id"]))
    assert again.open(PAGE).status_code == 403, "and a new password takes the proof along"


def test_who_belongs_already_is_invited_to_log_in_at_the_mailbox_that_is_theirs_now(
    north: Db, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    person = make_person(north, MAIL, "north")
    make_org(north, "south")
    with pytest.raises(UnknownThing):
        accounts.invite_to_log_in(editor(north), settings, FileMailer(letters), "south", person)
    accounts.invite_to_log_in(editor(north), settings, FileMailer(letters), "north", person)
    assert "Open my page" in client.get(f"/join?code={newest(letters)}").text
    assert client.post("/join", data={"code": newest(letters)}).location == "/me?welcome=1"
    records.end_identifier(editor(north), person, f"mbox::mailto:{MAIL}", utc_now())
    with pytest.raises(Collision):
        accounts.invite_to_log_in(editor(north), settings, FileMailer(letters), "north", person)
    assert accounts.person_of(north, north.users.find_one({"email": MAIL.lower()})) is None


def test_the_vendor_makes_a_learner_an_administrator_and_back_and_a_partner_cannot(
    north: Db, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    client.post("/join", data={"code": invited(north, settings, letters)})
    wish = {"email": MAIL, "role": "partner_admin", "password": "of somebody else here"}
    partner = Editor(north, {"kind": "user", "id": "u_pat", "name": "pat", "org": "north"}, utc_now())
    with pytest.raises(Collision):
        users.add_user(partner, "north", wish)
    user = users.add_user(editor(north), "north", wish)
    assert (user["role"], user["org"], user["mailbox"], user["password"]) == (
        "partner_admin",
        "north",
        MAIL,
        None,
    )
    assert client.get(PAGE).status_code == 302, "the session of before ended"
    with pytest.raises(InvalidField):
        users.edit_user(partner, user["_id"], {"role": "learner"})
    again = users.edit_user(editor(north), user["_id"], {"role": "learner"})
    assert (again["role"], again["org"], again["mailbox"]) == ("learner", "vendor", MAIL)


def test_an_account_follows_a_merge_and_goes_with_an_erasure(
    north: Db, client: FlaskClient, settings: Settings, letters: Path
) -> None:
    client.post("/join", data={"code": invited(north, settings, letters)})
    user = north.users.find_one({"email": MAIL.lower()})
    mine = accounts.person_of(north, user)
    assert mine is not None
    older = make_person(north, "ana@home.example")
    merge.merge(editor(north), older, mine["_id"])
    found = accounts.person_of(north, user)
    assert found is not None
    assert found["_id"] == older
    erasure.erase(editor(north), older, mode="pseudonymise", reason="asked")
    assert (north.users.count_documents({}), north.sessions.count_documents({})) == (0, 0)
    told = str(list(north.audit.find()))
    assert MAIL not in told
    assert MAIL.lower() not in told
