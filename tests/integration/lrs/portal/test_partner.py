"""Pages of a partner's manager: what breaks and who mends it, the roster's care, and other partners sealed away."""

from __future__ import annotations

import re
from typing import Any

import pytest
from factories_access import Browser, make_user

BOREALIS = ("Rosa Almeida", "Sven Dahl", "Tara Quinn", "Zoe Laurent")


def names_of(world: Any, org: str) -> list[str]:
    people = world.db.affiliations.distinct("person", {"org": org})
    return sorted(one["name"] for one in world.db.people.find({"_id": {"$in": people}}) if one["name"])


def links(text: str) -> list[str]:
    return re.findall(r'href="(/partner/people/p[^"?]+)', text)


def test_the_manager_sees_what_falls_when_and_who_mends_it_soonest(world: Any) -> None:
    page = world.paul.open("/partner").text
    breaks = page[page.index("What breaks if nobody renews") :]
    assert breaks.index("Sven Dahl") < breaks.index("falls on")
    keep = page[page.index("To keep Gold") : page.index("To reach Platinum")]
    assert "1 person is missing" in keep
    sven = world.person("Sven Dahl")
    assert f'href="/partner/people/{sven}"' in keep, "who is in grace renews, and it holds"
    assert "Exam, 80 % or better" in keep
    told = world.paul.open(f"/partner/people/{sven}").text
    assert "In grace" in told
    assert page.index("Deal registration") < page.index("Tier Silver or higher")


def test_who_is_late_stands_before_what_ends(world: Any) -> None:
    found = world.paul.open("/partner/due.json?days=365").json["items"]
    whats = [one["what"] for one in found]
    assert (whats[0], "ends" in whats) == ("late", True)
    assert [one["day"] for one in found] == sorted(one["day"] for one in found)
    assert {one["certification"] for one in found if one["what"] == "late"} == {
        "onboarding",
        "tech-associate",
    }
    assert world.paul.open("/partner/due.csv").text.startswith("day,what,person")
    assert world.paul.open("/partner/due?days=7").status_code == 422


PAGES = (
    "/partner", "/partner/people", "/partner/people.json", "/partner/people.csv", "/partner/due?days=365",
    "/partner/due.csv?days=365", "/partner/people/import", "/partner/reports",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_page_names_anybody_of_another_partner(world: Any, path: str) -> None:
    mine, others = names_of(world, "borealis"), names_of(world, "cumulus") + names_of(world, "drift")
    answer = world.paul.open(path)
    assert answer.status_code == 200
    assert [name for name in others if name in answer.text] == []
    if "people." in path:
        assert [name for name in mine if name not in answer.text] == []
    foreign = f"{path}{'&' if '?' in path else '?'}org=cumulus"
    assert world.paul.open(foreign).status_code == 404
    assert world.ana.open(path).status_code == 403


def test_what_is_of_another_partner_is_not_there_and_cannot_be_changed(world: Any) -> None:
    theirs = world.person("Chloe Martin")
    row = world.db.affiliations.find_one({"person": theirs, "org": "cumulus"})
    before = world.db.affiliations.find_one({"_id": row["_id"]})
    for method, path in (
        ("GET", f"/partner/people/{theirs}"), ("POST", f"/partner/people/{theirs}/account"),
        ("POST", f"/partner/people/{theirs}/remind"),
        ("POST", f"/partner/people/affiliations/{row['_id']}/end"),
        ("POST", "/partner/people/invite?org=cumulus"), ("POST", "/partner/people/import?org=cumulus"),
    ):  # fmt: skip
        assert world.paul.open(path, method, data={"email": "x@y.example"}).status_code == 404, path
    assert world.db.affiliations.find_one({"_id": row["_id"]}) == before


def test_a_list_is_looked_at_before_it_is_done_and_the_same_list_twice_changes_nothing(world: Any) -> None:
    text = "email,name,role\ncarl.new@elsewhere.example,Carl New,sales\nnot a mail,X,sales\n"
    before = world.db.affiliations.count_documents({})

    def sent(action: str) -> str:
        answer = world.pat.open("/partner/people/import", "POST", data={"csv": text, "action": action})
        assert answer.status_code == 200
        return str(answer.text)

    assert "This is what it would do" in sent("check")
    assert world.db.affiliations.count_documents({}) == before
    done = sent("import")
    assert ("to be confirmed" in done, "is not a mail address" in done) == (True, True)
    assert world.db.affiliations.count_documents({}) == before + 1
    sent("import")
    assert world.db.affiliations.count_documents({}) == before + 1
    wrong = world.pat.open("/partner/people/import", "POST", data={"csv": "a,b\n1,2\n"})
    assert (wrong.status_code, "the first line names columns" in wrong.text) == (422, True)
    waiting = world.db.affiliations.find_one({"known_as": "mbox::mailto:carl.new@elsewhere.example"})
    assert "carl.new@elsewhere.example" in world.pat.open("/partner/people").text
    assert world.pat.open(f"/partner/people/affiliations/{waiting['_id']}/end", "POST").status_code == 303
    assert "carl.new@elsewhere.example" not in world.pat.open("/partner/people").text


def test_somebody_is_invited_again_and_leaves_on_a_day(world: Any) -> None:
    hana = world.person("Hana Sato")
    answer = world.pat.open(f"/partner/people/{hana}/account", "POST")
    assert answer.location == f"/partner/people/{hana}?saved=account"
    assert world.db.codes.count_documents({"purpose": "account", "email": "hana.sato@aurora.example"}) == 1
    row = world.db.affiliations.find_one({"person": hana, "org": "aurora"})
    day = {"until": "2099-12-31"}
    assert (
        world.pat.open(f"/partner/people/affiliations/{row['_id']}/end", "POST", data=day).status_code == 303
    )
    assert world.db.affiliations.find_one({"_id": row["_id"]})["until"].year == 2099
    wrong = {"until": "tomorrow"}
    assert (
        world.pat.open(f"/partner/people/affiliations/{row['_id']}/end", "POST", data=wrong).status_code
        == 422
    )


def test_somebody_is_reminded_once_a_day_and_may_refuse_that(world: Any) -> None:
    igor, asked = world.person("Igor Petrov"), {"certification": "sales-pro"}
    for _ in range(2):
        answer = world.pat.open(f"/partner/people/{igor}/remind", "POST", data=asked)
        assert answer.location == f"/partner/people/{igor}?saved=reminded"
    world.work()
    (mail,) = world.db.mails.find({"person": igor, "template": "reminder"})
    assert (mail["to"], "Demo" in mail["values"]["missing"]) == ("igor.petrov@aurora.example", True)
    wrong = world.pat.open(f"/partner/people/{igor}/remind", "POST", data={"certification": "nothing"})
    assert wrong.status_code == 422
    world.db.unsubscribed.insert_one({"_id": "igor.petrov@aurora.example|reminder", "org": "vendor"})
    assert world.pat.open(f"/partner/people/{igor}/remind", "POST", data=asked).status_code == 409


def test_the_vendor_looks_at_one_partner_at_a_time(world: Any) -> None:
    from factories_access import log_in

    ada: Browser = log_in(world.app, make_user(world.db, "vendor", "vendor_admin", "ada.b@vendor.example"))
    assert ada.open("/partner").location == "/console/partners"
    page = ada.open("/partner?org=borealis").text
    assert all(f"{one}?org=borealis" in page for one in links(page))
    assert "Gold" in page
