"""People: first sight, moves, merges, splits, rosters, invitations, domains, groups."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from factories_access import editor, make_client, make_org, make_person, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from lrs.foundation.mail import FileMailer
from lrs.foundation.settings import Settings
from lrs.people import affiliations, auto_enrolment, groups, invitations, merge, records, roster
from rules.engine.identity import Sighting, owner_at, owners_of, persons_for

pytestmark = pytest.mark.described

Db = Database[dict[str, Any]]
MBOX = "mbox::mailto:ana@north.example"
SHA1 = "mbox_sha1sum::" + hashlib.sha1(b"mailto:ana@north.example").hexdigest()
DAY = dt.timedelta(days=1)


@pytest.fixture
def north(db: Db, app: Flask) -> Db:
    make_org(db, "north")
    make_org(db, "south")
    return db


def see(db: Db, ifi: str, store: str) -> str:
    now = utc_now()
    owner = owner_at(persons_for(db, [Sighting(ifi, store)], now, auto_enrolment.admit), ifi, now)
    assert owner is not None
    return owner


def primary(db: Db, person: str) -> str | None:
    found = db.affiliations.find_one({"person": person, "primary": True, "until": None})
    return found and found["org"]


def marks(db: Db, person: str) -> int:
    found = db.work.find_one({"_id": person})
    return found["marks"] if found else 0


# first sight


@pytest.mark.parametrize("order", [(MBOX, SHA1), (SHA1, MBOX)])
def test_an_mbox_and_its_sha1sum_are_one_person(north: Db, order: tuple[str, str]) -> None:
    first, second = (see(north, ifi, "north") for ifi in order)
    assert first == second
    assert north.people.count_documents({}) == 1


def test_two_workers_that_see_both_forms_at_once_make_one_person(north: Db) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda ifi=ifi: found.append(see(north, ifi, "vendor")))
        for ifi in (MBOX, SHA1) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert {row["ifi"] for row in north.people.find_one()["ifis"]} == {MBOX, SHA1}


@pytest.mark.parametrize(
    ("policy", "verified", "ifi", "expected"),
    [
        ("open", False, MBOX, "north"),
        ("open", False, "account::7@http://lms.example", "north"),
        ("domain", True, MBOX, "north"),
        ("domain", False, MBOX, None),
        ("domain", True, "account::7@http://lms.example", None),
        ("invitation", True, MBOX, None),
        ("roster", True, MBOX, None),
    ],
)
def test_the_policy_decides_who_is_admitted_on_first_sight(
    north: Db, policy: str, verified: bool, ifi: str, expected: str | None
) -> None:
    north.orgs.update_one({"_id": "north"}, {"$set": {"policy": policy}})
    if verified:
        who = editor(north)
        who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    person = see(north, ifi, "north")
    assert primary(north, person) == expected
    assert north.people.find_one({"_id": person})["confirmed"] is (expected is not None)


def test_a_verified_domain_finds_its_partner_in_the_vendors_store(north: Db) -> None:
    who = editor(north)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    assert primary(north, see(north, MBOX, "vendor")) == "north"
    assert primary(north, see(north, "mbox::mailto:bo@elsewhere.example", "vendor")) is None


def test_somebody_who_belongs_elsewhere_stays_there_when_seen(north: Db) -> None:
    person = see(north, MBOX, "south")
    assert see(north, MBOX, "north") == person
    assert primary(north, person) == "south"


# affiliations


def test_a_move_ends_the_earlier_primary_affiliation_at_its_instant(north: Db) -> None:
    person = make_person(north, "ana@north.example", "north")
    at = utc_now()
    before = marks(north, person)
    affiliations.affiliate(editor(north, at), person, "south")
    rows = list(north.affiliations.find({"person": person}).sort("from"))
    assert [(row["org"], row["until"]) for row in rows] == [("north", at), ("south", None)]
    assert marks(north, person) > before, "the engine decides anew"


def test_at_most_one_affiliation_is_primary_at_any_instant(north: Db) -> None:
    person = make_person(north, "ana@north.example", "north")
    start = utc_now() - 10 * DAY
    affiliations.affiliate(editor(north), person, "south", start=start)
    with pytest.raises(InvalidField):
        affiliations.affiliate(editor(north), person, "vendor", start=start - DAY)
    with pytest.raises(Collision):
        affiliations.affiliate(editor(north), person, "south")


def test_concurrent_moves_leave_one_primary_affiliation(north: Db) -> None:
    person = make_person(north, "ana@north.example")
    orgs = [f"o{number}" for number in range(4)]
    for org in orgs:
        make_org(north, org)

    def move(org: str) -> None:
        with contextlib.suppress(InvalidField):
            affiliations.affiliate(editor(north), person, org)

    threads = [threading.Thread(target=move, args=(org,)) for org in orgs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert north.affiliations.count_documents({"person": person, "primary": True, "until": None}) == 1


def test_an_unconfirmed_affiliation_counts_from_its_confirmation(north: Db) -> None:
    from rules.engine.identity import affiliations_of

    person = make_person(north, "ana@north.example")
    row = affiliations.affiliate(editor(north, utc_now() - DAY), person, "north", confirmed=False)
    assert affiliations_of(north, [person]) == {}
    at = utc_now()
    affiliations.confirm_affiliation(editor(north, at), row["_id"])
    assert affiliations_of(north, [person])[person][0].start == at


def test_a_new_organization_does_not_learn_the_address_of_the_earlier_one(
    north: Db, client: FlaskClient, auth: Any
) -> None:
    ana = make_person(north, "ana@south.example", "south", name="Ana")
    client.post(f"/api/v1/people/{ana}/affiliations", json={"org": "north"}, headers=auth())
    seen = client.get(f"/api/v1/people/{ana}", headers=make_client(north, "north"))
    assert seen.json["name"] == "Ana"
    assert "south" not in seen.text


# merge and split


def test_a_merge_joins_identifiers_affiliations_groups_and_facts(north: Db) -> None:
    kept = make_person(north, "ana@north.example", "north", name="Ana")
    gone = make_person(north, "ana@south.example", "south")
    groups.put_group(editor(north), "assessors", [{"person": gone, "from": None, "until": None}])
    north.facts.insert_many(
        [
            {"_id": "f1", "org": "vendor", "person": gone, "by_people": True, "kind": "hold"},
            {"_id": "f2", "org": "vendor", "person": gone, "by_people": True, "kind": "lift", "of": "f1"},
        ]
    )
    preview = merge.preview_merge(north, kept, gone)
    assert (preview["facts"], preview["groups"]) == (2, ["assessors"])
    assert preview["affiliations"] == [{"org": "south", "primary": False, "was_primary": True}]
    before = marks(north, kept), marks(north, gone)
    merge.merge(editor(north), kept, gone, preview["basis"])
    assert {"mbox::mailto:ana@south.example", MBOX} <= {
        row["ifi"] for row in north.people.find_one({"_id": kept})["ifis"]
    }
    assert (
        owner_at(
            owners_of(north, ["mbox::mailto:ana@south.example"]), "mbox::mailto:ana@south.example", utc_now()
        )
        == kept
    )
    assert records.get_person(north, gone)["_id"] == kept
    assert primary(north, kept) == "north"
    assert north.groups.find_one({"_id": "assessors"})["members"][0]["person"] == kept
    hold, lift = (north.facts.find_one({"person": kept, "kind": kind}) for kind in ("hold", "lift"))
    assert lift["of"] == hold["_id"] != "f1"
    assert (marks(north, kept), marks(north, gone)) > before
    assert north.audit.count_documents({"action": {"$in": ["person.merge", "person.merged"]}}) == 2


def test_a_merge_after_a_change_needs_a_new_preview(north: Db) -> None:
    kept, gone = make_person(north, "ana@north.example"), make_person(north, "ana@south.example")
    preview = merge.preview_merge(north, kept, gone)
    records.add_identifier(editor(north), gone, "account::7@http://lms.example")
    with pytest.raises(Outdated):
        merge.merge(editor(north), kept, gone, preview["basis"])
    assert north.people.find_one({"_id": gone}).get("merged_into") is None


def test_a_split_from_an_instant_leaves_the_time_before(north: Db) -> None:
    person = make_person(north, "ana@north.example", "north")
    records.add_identifier(editor(north), person, "account::7@http://lms.example")
    since = utc_now() - DAY
    made = merge.split(editor(north), person, ["account::7@http://lms.example"], since=since, name="Bo")
    owners = owners_of(north, ["account::7@http://lms.example"])
    assert owner_at(owners, "account::7@http://lms.example", since - DAY) == person
    assert owner_at(owners, "account::7@http://lms.example", since) == made["_id"]


def test_a_split_takes_the_sha1sum_of_an_mbox_along(north: Db) -> None:
    person = make_person(north, "ana@north.example")
    records.add_identifier(editor(north), person, "account::7@http://lms.example")
    made = merge.split(editor(north), person, [MBOX])
    assert {row["ifi"] for row in made["ifis"]} == {MBOX, SHA1}
    assert made["_id"] != person
    with pytest.raises(InvalidField):
        merge.split(editor(north), person, ["account::7@http://lms.example"])


def test_merge_and_split_over_the_api_preview_by_default(north: Db, client: FlaskClient, auth: Any) -> None:
    kept, gone = make_person(north, "ana@north.example"), make_person(north, "ana@south.example")
    path = f"/api/v1/people/{kept}/merge"
    first = client.post(path, json={"gone": gone}, headers=auth()).json
    assert first["done"] is False
    assert north.people.find_one({"_id": gone}).get("merged_into") is None
    body = {"gone": gone, "dry_run": False, "basis": first["preview"]["basis"]}
    assert client.post(path, json=body, headers=auth()).json["done"] is True
    ifis = {"ifis": ["mbox::mailto:ana@south.example"], "dry_run": False}
    split = client.post(f"/api/v1/people/{kept}/split", json=ifis, headers=auth()).json
    assert client.get(f"/api/v1/people/{split['preview']['person_made']}", headers=auth()).status_code == 200


def test_an_identifier_of_somebody_else_is_not_given_away(north: Db) -> None:
    ana, bo = make_person(north, "ana@north.example"), make_person(north, "bo@north.example")
    with pytest.raises(Collision):
        records.add_identifier(editor(north), bo, MBOX)
    records.end_identifier(editor(north), ana, MBOX, utc_now() - DAY)
    records.add_identifier(editor(north), bo, MBOX, utc_now())
    assert owner_at(owners_of(north, [MBOX]), MBOX, utc_now() + DAY) == bo


def test_a_merged_and_split_identifier_seen_again_finds_its_owner(north: Db) -> None:
    person = make_person(north, "ana@north.example")
    records.add_identifier(editor(north), person, "account::7@http://lms.example")
    made = merge.split(editor(north), person, [MBOX])
    assert see(north, MBOX, "north") == made["_id"]
    assert see(north, SHA1, "north") == made["_id"]


# rosters

ROSTER = """email,name,role,from
ana@north.example,Ana,sales,2026-01-01
bo@north.example,Bo,engineer,2026-01-01
"""


def test_a_roster_is_imported_once_and_changes_nothing_again(north: Db) -> None:
    told: list[tuple[int, int]] = []
    report = roster.import_roster(
        editor(north), "north", ROSTER, by_vendor=True, progress=lambda done, of: told.append((done, of))
    )
    assert report.counts == {"added": 2, "changed": 0, "unchanged": 0, "refused": 0}
    assert told == [(1, 2), (2, 2)]
    before = list(north.affiliations.find())
    again = roster.import_roster(editor(north), "north", ROSTER, by_vendor=True)
    assert (again.counts["unchanged"], again.rows) == (2, [])
    assert list(north.affiliations.find()) == before
    changed = roster.import_roster(editor(north), "north", ROSTER.replace("sales", "lead"), by_vendor=True)
    assert changed.counts["changed"] == 1
    assert [row["role"] for row in north.affiliations.find().sort("role")] == ["engineer", "lead"]


def test_a_dry_run_tells_the_same_and_writes_nothing(north: Db) -> None:
    dry = roster.import_roster(editor(north), "north", ROSTER, by_vendor=True, dry_run=True)
    assert north.people.count_documents({}) == 0
    assert north.audit.count_documents({"action": "roster.import"}) == 0
    real = roster.import_roster(editor(north), "north", ROSTER, by_vendor=True)
    assert dry.counts == real.counts


def test_bad_rows_are_reported_by_line_and_the_good_ones_done(north: Db) -> None:
    text = """email,name,from,until,primary
ana@north.example,Ana,,,
not-an-address,X,,,
bo@north.example,Bo,31.12.2026,,
bo@north.example,Bo,2026-02-01,2026-01-01,
ana@north.example,Twice,,,
cy@north.example,Cy,,,perhaps
short,row
,,,,"""
    report = roster.import_roster(editor(north), "north", text, by_vendor=True)
    assert report.counts["added"] == 1
    assert [(row["line"], row["reason"].split(":")[0]) for row in report.rows if row["outcome"] == "refused"] == [
        (3, "email"), (4, "from"), (5, "until"), (6, "ifi"), (7, "primary"), (8, "csv"), (9, "email"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "name\nAna", "email,email\na@b.example,x", "email,colour\na@b.example,red", '"']
)
def test_an_unusable_head_is_refused_whole(north: Db, text: str) -> None:
    with pytest.raises(InvalidField):
        roster.import_roster(editor(north), "north", text, by_vendor=True)


def test_a_partners_roster_does_not_take_people_from_others(north: Db, client: FlaskClient) -> None:
    ana = make_person(north, "ana@south.example", "south", name="Ana")
    headers = make_client(north, "north")
    text = "email,name\nana@south.example,Mallory\n"
    report = client.post(
        "/api/v1/people/roster?org=north", data=text, content_type="text/csv", headers=headers
    )
    assert report.json["counts"]["added"] == 1
    assert primary(north, ana) == "south"
    assert north.people.find_one({"_id": ana})["name"] == "Ana"
    assert client.get("/api/v1/people", headers=headers).json["items"] == []
    assert client.get(f"/api/v1/people/{ana}", headers=headers).status_code == 404
    pending = client.get("/api/v1/people/pending", headers=headers).json["items"]
    assert [(row["known_as"], row["person"]) for row in pending] == [("mbox::mailto:ana@south.example", None)]


def test_a_partners_roster_counts_at_once_under_its_verified_domain(north: Db, client: FlaskClient) -> None:
    who = editor(north)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    headers = make_client(north, "north")
    client.post("/api/v1/people/roster?org=north", data=ROSTER, content_type="text/csv", headers=headers)
    listed = client.get("/api/v1/people", headers=headers).json["items"]
    assert sorted(person["email"] for person in listed) == ["ana@north.example", "bo@north.example"]


def test_another_organizations_roster_is_not_there(north: Db, client: FlaskClient) -> None:
    headers = make_client(north, "south")
    assert client.post("/api/v1/people/roster?org=north", data=ROSTER, headers=headers).status_code == 404


# invitations and domains


def code_in(folder: Path) -> str:
    text = max(folder.glob("*.eml")).read_text()
    found = re.search(r"[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}", text.replace("=\n", ""))
    assert found is not None
    return found[0]


def test_an_invitation_counts_when_its_code_comes_back_once(
    north: Db, client: FlaskClient, settings: Settings
) -> None:
    ana = make_person(north, "ana@south.example", "south")
    headers = make_client(north, "north")
    body = {"org": "north", "email": "ana@south.example", "role": "sales"}
    invited = client.post("/api/v1/people/invitations", json=body, headers=headers)
    assert (invited.status_code, invited.json["person"]) == (202, None)
    assert primary(north, ana) == "south"
    code = code_in(settings.data_folder / "mail")
    assert code not in str(list(north.codes.find()))
    accepted = client.post("/api/v1/people/invitations/accept", json={"code": code.lower().replace("-", " ")})
    assert accepted.status_code == 200
    assert primary(north, ana) == "north"
    assert client.post("/api/v1/people/invitations/accept", json={"code": code}).status_code == 404


def test_a_second_invitation_ends_the_code_of_the_first(north: Db, settings: Settings) -> None:
    mailer, folder = FileMailer(settings.data_folder / "m"), settings.data_folder / "m"
    wish = {"email": "ana@north.example"}
    invitations.invite(editor(north), settings, mailer, "north", wish)
    first = code_in(folder)
    invitations.invite(editor(north), settings, mailer, "north", wish)
    with pytest.raises(UnknownThing):
        invitations.accept(editor(north), first)
    assert invitations.accept(editor(north), code_in(folder))["confirmed_at"] is not None


def test_an_invitation_ends_after_two_weeks(north: Db, settings: Settings) -> None:
    folder = settings.data_folder / "m"
    invitations.invite(editor(north), settings, FileMailer(folder), "north", {"email": "ana@north.example"})
    with pytest.raises(UnknownThing):
        invitations.accept(editor(north, utc_now() + 15 * DAY), code_in(folder))


def test_the_invitation_page_asks_before_it_confirms(
    north: Db, client: FlaskClient, settings: Settings
) -> None:
    folder = settings.data_folder / "m"
    row = invitations.invite(
        editor(north), settings, FileMailer(folder), "north", {"email": "ana@north.example"}
    )
    code = code_in(folder)
    page = client.get(f"/join?code={code}")
    assert "Org north" in page.text
    assert north.affiliations.find_one({"_id": row["_id"]})["confirmed_at"] is None, (
        "opening a page changes nothing"
    )
    assert client.post("/join", data={"code": code}).location == "/me?welcome=1"
    assert north.affiliations.find_one({"_id": row["_id"]})["confirmed_at"] is not None
    assert client.get("/join?code=WRONG").status_code == 404


def test_a_mail_domain_is_proven_by_the_code_to_its_postmaster(
    north: Db, client: FlaskClient, settings: Settings
) -> None:
    headers = make_client(north, "north")
    asked = client.post("/api/v1/orgs/north/domains", json={"domain": "North.Example"}, headers=headers)
    assert asked.json["domains"] == [{"domain": "north.example", "verified_at": None}]
    code = code_in(settings.data_folder / "mail")
    assert "postmaster@north.example" in max((settings.data_folder / "mail").glob("*.eml")).read_text()
    wrong = client.post("/api/v1/orgs/north/domains/verify", json={"code": "AAAA-BBBB"}, headers=headers)
    assert wrong.status_code == 404
    other = make_client(north, "south")
    assert (
        client.post("/api/v1/orgs/south/domains/verify", json={"code": code}, headers=other).status_code
        == 404
    )
    done = client.post("/api/v1/orgs/north/domains/verify", json={"code": code}, headers=headers)
    assert done.json["domains"][0]["verified_at"] is not None


def test_a_domain_belongs_to_one_organization_and_says_not_to_which(north: Db, client: FlaskClient) -> None:
    who = editor(north)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    with pytest.raises(Collision) as refused:
        who.change(lambda session: invitations.set_domain(who, "south", "north.example", session))
    assert "north" not in str(refused.value).replace("north.example", "")


def test_only_the_vendor_trusts_a_domain_without_a_code(north: Db, client: FlaskClient, auth: Any) -> None:
    body = {"domain": "north.example", "trusted": True}
    path = "/api/v1/orgs/north/domains"
    assert client.post(path, json=body, headers=make_client(north, "north")).status_code == 403
    assert client.post(path, json=body, headers=auth()).json["domains"][0]["verified_at"] is not None


# groups


def test_a_change_of_a_group_has_whom_it_signed_for_decided_anew(north: Db) -> None:
    assessor, learner = make_person(north, "as@vendor.example"), make_person(north, "ana@north.example")
    north.work.update_one({"_id": learner}, {"$set": {"signers": ["mbox::mailto:as@vendor.example"]}})
    before = marks(north, learner)
    groups.put_group(editor(north), "assessors", [{"person": assessor, "from": None, "until": None}])
    assert marks(north, learner) > before


def test_persons_for_many_sightings_is_one_person_each(north: Db) -> None:
    seen = [Sighting(f"mbox::mailto:p{number}@north.example", "north") for number in range(20)]
    owners = persons_for(north, seen, utc_now(), auto_enrolment.admit)
    assert len({owner[0].of for owner in owners.values()}) == 20
    assert north.affiliations.count_documents({"org": "north"}) == 20


def test_the_account_of_this_server_is_given_once(db: Any) -> None:
    person = make_person(db, "ana@x.example")
    names = {records.account_here(db, person, "https://lrs.example") for _ in range(2)}
    owned = [row["ifi"] for row in db.people.find_one({"_id": person})["ifis"]]
    assert names == {f"account::{person}@https://lrs.example"}
    assert [one for one in owned if one.startswith("account::")] == [*names]
