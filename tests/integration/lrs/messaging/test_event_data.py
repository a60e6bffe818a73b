"""What the data of an event says: title, expiry, and whom to match, by setting and by consent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_access import editor, make_org, make_person, utc_now
from factories_engine import simple
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.messaging import webhooks
from lrs.messaging.event_data import for_endpoint, in_words
from lrs.people import affiliations, merge, records
from rules.catalogue.store import RuleStore, cache_of
from rules.checking.load import load
from rules.engine.queues import outbox

Db = Database[dict[str, Any]]
ALL = ["name", "email", "external_id"]
CRM = "account::7@https://crm.example"


@pytest.fixture
def ana(db: Db, app: Flask) -> str:
    make_org(db, "north")
    make_org(db, "south")
    ana = make_person(db, "ana@north.example", "north", name="Ana")
    records.add_identifier(editor(db), ana, CRM)
    source = simple(title="Sales Professional")
    document = load(source.encode(), "sales.yaml").document
    assert document is not None
    RuleStore(db).publish(document, source=source, by="test", now=utc_now() - dt.timedelta(days=900))
    cache_of(db).get(fresh=True)
    periods = [{"valid_until": "2026-12-31"}, {"valid_until": "2027-12-31"}]
    db.awards.insert_one({"_id": "AW1", "org": "vendor", "person": ana, "periods": periods})
    return ana


def contact(db: Db, person: str, org: str = "vendor", **endpoint: Any) -> Any:
    event = {"_id": "e", "type": "award.issued", "data": {"person": person, "certification": "sales"}}
    told = for_endpoint(db, event, {"org": org, "contact": ALL, **endpoint}, utc_now())
    return told["data"].get("contact")


def agree(db: Db, person: str, value: bool) -> None:
    db.people.update_one({"_id": person}, {"$set": {"display": {"contact": value}}})


@pytest.mark.parametrize(("period", "expires"), [(0, "2026-12-31"), (1, "2027-12-31"), (None, "2027-12-31")])
def test_the_data_names_the_certification_and_its_end(db: Db, ana: str, period: Any, expires: str) -> None:
    data = {"certification": "sales", "award": "AW1", "person": ana, "period": period}
    told = in_words(db, {"_id": "e", "type": "award.issued", "data": data})["data"]
    assert (told["title"], told["expires"]) == ("Sales Professional", expires)


def test_an_event_without_award_or_of_an_unknown_rule_says_no_more(db: Db, ana: str) -> None:
    event = {"_id": "e", "type": "tier.changed", "data": {"certification": "gone", "organization": "north"}}
    assert in_words(db, event) == event


def test_the_vendor_gets_a_contact_by_setting_and_consent(db: Db, ana: str) -> None:
    whole = {"name": "Ana", "email": "ana@north.example", "external_id": "7@https://crm.example"}
    assert contact(db, ana) is None, "nobody agreed"
    assert contact(db, ana, consent="assumed") == whole
    agree(db, ana, True)
    assert contact(db, ana) == whole
    assert contact(db, ana, contact=["email"]) == {"email": "ana@north.example"}
    assert contact(db, ana, contact=[]) is None
    agree(db, ana, False)
    assert contact(db, ana, consent="assumed") is None


def test_a_partner_gets_what_it_knows_the_person_by_and_no_more(db: Db, ana: str) -> None:
    known = {"name": "Ana", "email": "ana@north.example"}
    assert contact(db, ana, "north") == known
    agree(db, ana, True)
    assert contact(db, ana, "north", consent="assumed") == known
    assert contact(db, ana, "south", consent="assumed") is None
    agree(db, ana, False)
    assert contact(db, ana, "north") is None


def test_the_address_follows_a_move_and_the_earlier_partner_gets_none(db: Db, ana: str) -> None:
    new = "mbox::mailto:ana@south.example"
    records.add_identifier(editor(db), ana, new)
    affiliations.affiliate(editor(db), ana, "south", known_as=new)
    assert contact(db, ana, consent="assumed")["email"] == "ana@south.example"
    assert contact(db, ana, "south")["email"] == "ana@south.example"
    assert contact(db, ana, "north") is None


def test_the_address_follows_a_move_that_was_known_ahead(db: Db, ana: str) -> None:
    new, at = "mbox::mailto:ana@south.example", utc_now()
    records.add_identifier(editor(db), ana, new)
    affiliations.affiliate(editor(db), ana, "south", start=at + dt.timedelta(days=5), known_as=new)
    person = db.people.find_one({"_id": ana})
    addresses = [affiliations.contact_address(db, person, at + dt.timedelta(days=days)) for days in (4, 6)]
    assert addresses == ["ana@north.example", "ana@south.example"]


def test_a_merge_is_told_with_whom_to_match(db: Db, ana: str) -> None:
    gone = make_person(db, "ana@home.example", "south", name="Ana A.")
    merge.merge(editor(db), ana, gone)
    outbox.number(db)
    [event] = outbox.read_after(db, types=["person.merged"])
    assert event["data"]["organization"] == "south"
    told = for_endpoint(db, event, {"org": "vendor", "contact": ALL, "consent": "assumed"}, utc_now())
    assert told["data"]["contact"] == {"name": "Ana A.", "email": "ana@home.example"}
    assert told["data"]["merged_into"] == {"person": ana}


def test_an_erased_person_has_no_contact(db: Db, ana: str) -> None:
    db.people.update_one({"_id": ana}, {"$set": {"erased_at": utc_now()}})
    assert contact(db, ana, consent="assumed") is None


def test_the_api_sets_what_an_endpoint_gets(
    db: Db, ana: str, client: FlaskClient, auth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "checked_address", lambda *_, **__: "203.0.113.1")
    body = {"url": "https://crm.example/hook", "contact": ["email"], "consent": "assumed"}
    made = client.post("/api/v1/webhooks", json=body, headers=auth())
    assert (made.json["contact"], made.json["consent"]) == (["email"], "assumed")
    headers = {**auth(), "If-Match": made.headers["ETag"]}
    path = f"/api/v1/webhooks/{made.json['id']}"
    changed = client.patch(path, json={"contact": [], "consent": "needed"}, headers=headers)
    assert (changed.json["contact"], changed.json["consent"]) == ([], "needed")
    wrong = client.post("/api/v1/webhooks", json={**body, "contact": ["phone"]}, headers=auth())
    assert wrong.status_code == 422
