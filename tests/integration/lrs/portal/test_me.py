"""Pages on the own person: what is next and how, what stays, what others see, and nothing of anybody else."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from factories_access import Browser, editor, log_in, make_user

from lrs.access import users
from lrs.people import affiliations


def me(world: Any, name: str, mail: str) -> Browser:
    """Log the person of a name in as a learner."""
    known = world.db.users.find_one({"email": mail})
    return log_in(world.app, known or make_user(world.db, "vendor", "learner", mail))


def test_what_is_late_comes_first_with_the_shortest_way_and_the_course(world: Any) -> None:
    page = world.ana.open("/me").text
    assert page.index("Onboarding") < page.index("Acme Sales Professional") < page.index("What I hold")
    assert "was due" in page
    (quiz,) = re.findall(r'href="/start/(\w+)"', page)
    assert world.db.content_items.find_one({"_id": quiz}) is not None
    assert "3 of 4 met" in page
    assert "<b>Demo</b>" in page
    assert "You hold nothing yet." in page


def test_what_the_tier_of_the_own_partner_asks_for_is_next_too(world: Any) -> None:
    britta = me(world, "Britta", "britta.holm@borealis.example")
    assert "was due" in britta.open("/me").text
    told = world.paul.open(f"/partner/people/{world.person('Britta Holm')}").text
    assert "was due" in told


def test_what_is_held_leads_to_the_credential_the_certificate_and_sharing(world: Any) -> None:
    page = world.sven.open("/me").text
    assert "it can still be renewed." in page
    assert "Renewal is accepted until" in page
    for link in re.findall(r'href="(/credentials/[^"]+)"', page):
        assert world.app.test_client().get(link.replace("&amp;", "&")).status_code == 200, link
    told = world.sven.open("/me/certifications/sales-pro").text
    assert "The shortest way" in told
    assert world.sven.open("/me/certifications/nothing").status_code == 404
    assert "Sales: exam" in world.sven.open("/me/record").text


def test_a_page_of_mine_shows_nobody_else_and_opens_no_other_room(world: Any) -> None:
    others = [
        one["name"] for one in world.db.people.find({"name": {"$nin": [None, "Ana Lima"]}}, {"name": 1})
    ]
    for path in (
        "/me",
        "/me/record",
        "/me/elsewhere",
        "/me/settings",
        "/me/certifications/sales-pro",
        "/me/data.json",
    ):
        text = world.ana.open(path).text
        assert [name for name in others if name in text] == [], path
    for path in ("/console", "/console/people", "/api/v1/people"):
        assert world.ana.open(path).status_code == 403, path
    found = world.ana.open("/console/search.json?q=a").json["items"]
    assert {one["kind"] for one in found} == {"Action"}
    assert {world.ana.open(one["path"]).status_code for one in found} == {200}, "and only pages that open"


def test_who_proves_no_mailbox_sees_no_person(world: Any) -> None:
    for path in ("/me", "/me/record", "/me/elsewhere", "/me/history", "/me/settings", "/me/data.json"):
        answer = world.paul.open(path)
        assert (answer.status_code, "Is this your mailbox?" in answer.text) == (403, True)
    stranger = me(world, "Nobody", "nobody@else.example")
    assert stranger.open("/me").status_code == 404


def test_what_others_see_is_chosen_once_for_all_and_kept_in_the_audit(world: Any) -> None:
    farida, person = me(world, "Farida", "farida.haddad@aurora.example"), world.person("Farida Haddad")
    award = world.db.credentials.find_one({"person": person})["award"]
    form = {"shown": "yes", "name": "initials", "registry": "yes"}
    assert farida.open("/me/settings/sharing", "POST", data=form).status_code == 303
    page = world.app.test_client().get(f"/credentials/{award}", headers={"Accept": "text/html"})
    assert (page.status_code, "F. H." in page.text, "Farida" in page.text) == (200, True, False)
    assert world.db.audit.count_documents({"action": "credential.display", "thing": person}) == 1
    farida.open("/me/settings/sharing", "POST", data={})
    assert world.app.test_client().get(f"/credentials/{award}").status_code == 404


def test_how_i_am_written_to(world: Any) -> None:
    dana, person = me(world, "Dana", "dana.okafor@aurora.example"), world.person("Dana Okafor")
    form = {"language": "de", "digest": "yes", "kinds": ["before_expiry"]}
    assert dana.open("/me/settings/mail", "POST", data=form).status_code == 303
    found = world.db.people.find_one({"_id": person})
    assert (found["language"], found["notices"]) == ("de", {"digest": True})
    refused = world.db.unsubscribed.distinct("_id", {"_id": {"$regex": "^dana.okafor@"}})
    assert {one.partition("|")[2] for one in refused} == {"award.grace", "award.renewal_open", "reminder"}
    dana.open("/me/settings/mail", "POST", data={**form, "kinds": ["award.grace"]})
    assert world.db.unsubscribed.find_one({"_id": "dana.okafor@aurora.example|award.grace"}) is None
    for wrong in ({"language": "xx"}, {"language": "de", "address": "ana.lima@drift.example"}):
        assert dana.open("/me/settings/mail", "POST", data=wrong).status_code == 422
    assert world.db.people.find_one({"_id": person})["email"] == "dana.okafor@aurora.example"


def test_a_password_of_ones_own_keeps_the_proof_and_ends_other_sessions(world: Any) -> None:
    emil, mail = me(world, "Emil", "emil.novak@aurora.example"), "emil.novak@aurora.example"
    other = me(world, "Emil", mail)
    short = emil.open("/me/settings/password", "POST", data={"password": "short"})
    assert (short.status_code, other.open("/me").status_code) == (422, 200)
    chosen = {"password": "a long one of my own"}
    answer = emil.open("/me/settings/password", "POST", data=chosen, headers={"X-CSRF-Token": csrf(emil)})
    assert (answer.status_code, emil.open("/me").status_code, other.open("/me").status_code) == (
        303,
        200,
        302,
    )
    assert users.log_in(world.db, mail, chosen["password"], "x", world.app.extensions["laurel"].now())


def csrf(browser: Browser) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.open("/me/settings").text)
    assert found is not None
    return found[1]


def test_my_data_is_all_of_mine_and_nothing_of_others(world: Any) -> None:
    answer = world.sven.open("/me/data.json")
    found = orjson.loads(answer.data)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert found["person"]["name"] == "Sven Dahl"
    actors = {one["actor"].get("mbox") for one in found["statements"]}
    assert (len(found["statements"]) > 10, actors) == (True, {"mailto:sven.dahl@borealis.example"})
    assert {one["certification"] for one in found["certifications"]} >= {"sales-pro"}
    assert found["credentials"]


def test_an_erasure_is_asked_for_knowingly_and_once(world: Any) -> None:
    gil, person = me(world, "Gil", "gil.moreau@aurora.example"), world.person("Gil Moreau")
    make_user(world.db, "vendor", "vendor_admin", "vera@vendor.example")
    assert gil.open("/me/settings/erasure", "POST", data={}).status_code == 422
    assert gil.open("/me/settings/erasure", "POST", data={"sure": "yes"}).status_code == 303
    assert gil.open("/me/settings/erasure", "POST", data={"sure": "yes"}).status_code == 429
    assert world.db.audit.count_documents({"action": "person.erasure.ask", "thing": person}) == 1
    letters = [one.read_text() for one in (world.settings.data_folder / "mail").glob("*.eml")]
    assert [person in one for one in letters if "vera@vendor.example" in one] == [True]
    assert world.db.people.find_one({"_id": person})["name"] == "Gil Moreau", "nothing is erased by asking"


def test_a_question_reaches_the_own_organization_and_the_vendor_and_nobody_else(world: Any) -> None:
    sven, path = world.sven, "/me/certifications/sales-pro/question"
    make_user(world.db, "vendor", "vendor_admin", "vito@vendor.example")
    asked = sven.open(path, "POST", data={"text": "My exam of May\nis missing."})
    assert asked.location == "/me/certifications/sales-pro?asked=1#question"
    letters = [one.read_text() for one in (world.settings.data_folder / "mail").glob("*.eml")]
    about = [one for one in letters if "My exam of May" in one]
    whom = {re.search(r"^To: (.+)$", one, re.MULTILINE)[1] for one in about}  # type: ignore[index]
    assert whom >= {"paul.berger@borealis.example", "vito@vendor.example"}
    assert whom.isdisjoint({"pat@aurora.example"})
    assert all("Reply-To: sven.dahl@borealis.example" in one for one in about)
    assert world.db.audit.count_documents({"action": "person.question"}) == 1
    for wrong in ({"text": ""}, {"text": "x" * 2001}):
        assert sven.open(path, "POST", data=wrong).status_code == 422
    assert sven.open("/me/certifications/nothing/question", "POST", data={"text": "?"}).status_code == 404
    answers = [sven.open(path, "POST", data={"text": "and?"}).status_code for _ in range(3)]
    assert answers == [303, 303, 429]


def test_who_changes_the_partner_keeps_page_and_awards(world: Any) -> None:
    carlo, person = me(world, "Carlo", "carlo.benedetti@aurora.example"), world.person("Carlo Benedetti")
    before = world.pat.open(f"/console/people/{person}").status_code
    held = re.findall(r"/credentials/(\w{26})\?", carlo.open("/me").text)
    affiliations.affiliate(editor(world.db), person, "cumulus", role="sales")
    world.work()
    page = carlo.open("/me").text
    assert (before, bool(held), re.findall(r"/credentials/(\w{26})\?", page)) == (200, True, held)
    record = carlo.open("/me/record").text
    assert record.index("Cumulus Digital") < record.index("Aurora Consulting")


@pytest.mark.parametrize("path", ["sharing", "mail", "password", "erasure"])
def test_a_change_needs_the_token_of_the_session(world: Any, path: str) -> None:
    answer = world.ana.client.post(f"/me/settings/{path}", data={"sure": "yes"})
    assert answer.status_code == 403
