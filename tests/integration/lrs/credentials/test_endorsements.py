"""Partners and assessors stand behind a credential; what they say is signed, verifies, and is seen with the credential."""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Any

import pytest
from factories_access import editor, make_client
from factories_engine import World, exam, simple

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.recognising.store import SHOWN
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import utc_now
from lrs.foundation.fetching import Fetched, FetchRefused
from lrs.people import groups
from lrs.people.privacy import erasure

BASE = "http://lrs.example"


class Site(World):
    """Ana of north is certified; north, south and the vendor have clients."""

    def __init__(self, db, settings):
        super().__init__(db)
        self.clock.at = utc_now() - dt.timedelta(days=1)
        self.publish(simple(title="Sales Professional"))
        self.partner("north")
        self.partner("south")
        self.send([exam("ana", self.clock()), exam("ines", self.clock())])
        self.settle()
        self.settings = settings
        self.app = create_app(settings, db)
        self.client = self.app.test_client()
        self.keys = {org: make_client(db, org) for org in ("vendor", "north", "south")}
        self.ana, self.ines = self.person("ana"), self.person("ines")
        db.people.update_one({"_id": self.ines}, {"$set": {"name": "Ines Roth"}})
        for person in (self.ana, self.ines):
            db.affiliations.insert_one(
                {"_id": f"a-{person}", "org": "north", "person": person, "from": self.clock(), "until": None,
                 "primary": True, "role": None, "confirmed_at": self.clock()}
            )  # fmt: skip
        self.award = db.credentials.find_one({"person": self.ana})["award"]
        self.place = f"/api/v1/credentials/{self.award}/endorsements"

    def say(self, org: str, **body: Any) -> Any:
        return self.client.post(
            self.place, json={"comment": "Seen <at> work."} | body, headers=self.keys[org]
        )

    def verify(self, document: dict[str, Any]) -> Any:
        def get(url: str, _accept: str) -> Fetched:
            answer = self.client.get(url.removeprefix("https://lrs.example"))
            if answer.status_code != 200:
                raise FetchRefused(url, "not there")
            return Fetched(url, "", answer.data)

        return verify_credential(json.dumps(document).encode(), Inquiry(get, utc_now()))


@pytest.fixture
def site(db, settings):
    return Site(db, settings)


def test_a_partner_endorses_with_its_own_name_and_the_copy_verifies(site):
    made = site.say("north")
    assert made.status_code == 201, made.text
    document = made.json["credential"]
    assert document["issuer"]["id"].startswith("did:web:lrs.example:endorsers:")
    assert document["issuer"]["name"] == "north"
    assert document["credentialSubject"]["id"] == f"{BASE}/credentials/{site.award}"
    report = site.verify(document)
    assert report.is_valid, report.checks
    assert "endorsement" in report.checks[1].detail
    for change in ({"endorsementComment": "Better."}, {"id": f"{BASE}/credentials/other"}):
        false = copy.deepcopy(document)
        false["credentialSubject"] |= change
        assert site.verify(false).verdict == "not valid", change
    false = copy.deepcopy(document)
    del false["credentialSubject"]["type"]
    assert "structure" in [one.name for one in site.verify(false).checks if one.outcome == "failed"]


def test_it_is_seen_where_the_credential_is(site):
    site.say("north")
    path = f"/credentials/{site.award}"
    assert site.client.get(f"{path}/endorsements.json").status_code == 404
    DisplayStore(site.db).choose(None, site.ana, Display(shown=True), utc_now())
    page = site.client.get(path, headers={"Accept": "text/html"}).text
    assert "Seen &lt;at&gt; work." in page
    [document] = site.client.get(f"{path}/endorsements.json").json["endorsement"]
    assert site.verify(document).is_valid


def test_an_assessor_has_to_be_in_a_group_and_only_the_vendor_names_one(site):
    assert site.say("vendor", assessor=site.ines).status_code == 422
    groups.put_group(editor(site.db), "assessors", [{"person": site.ines, "from": None, "until": None}])
    assert site.say("north", assessor=site.ines).status_code == 403
    made = site.say("vendor", assessor=site.ines)
    assert (made.status_code, made.json["name"]) == (201, "Ines Roth")
    assert site.verify(made.json["credential"]).is_valid


def test_one_endorses_once_and_what_is_refused_leaves_nothing(site):
    assert site.say("north").status_code == 201
    assert site.say("north").status_code == 409
    assert site.say("south").status_code == 404
    assert site.say("vendor", comment="").status_code == 422
    assert site.say("vendor", comment="x" * 2001).status_code == 422
    assert site.db.endorsements.count_documents({}) == 1


def test_whose_person_has_left_neither_endorses_nor_learns_what_came_later(site):
    left = utc_now() - dt.timedelta(hours=6)
    for number, (brought, back) in enumerate([(-2, None), (-1, 2), (1, None)]):
        site.db.recognitions.insert_one(
            dict.fromkeys(SHOWN)
            | {"_id": f"r{number}", "org": "vendor", "person": site.ana, "issuer": "did:web:else.example",
               "credential": f"c{number}", "valid_from": left, "imported_at": left + dt.timedelta(hours=brought),
               "taken_back_at": back and left + dt.timedelta(hours=back), "reason": back and "revoked"}
        )  # fmt: skip
    place = f"/api/v1/people/{site.ana}/recognised-credentials"
    assert site.client.get(place, headers=site.keys["north"]).json["total"] == 3
    site.db.affiliations.update_one({"person": site.ana}, {"$set": {"until": left}})
    seen = site.client.get(place, headers=site.keys["north"]).json["items"]
    assert sorted((one["id"], one["taken_back_at"], one["reason"]) for one in seen) == [
        ("r0", None, None), ("r1", None, None),
    ]  # fmt: skip
    assert site.client.get(place, headers=site.keys["vendor"]).json["total"] == 3
    assert site.say("north").status_code == 403
    assert site.db.endorsements.count_documents({}) == 0


def test_the_vendor_removes_any_a_partner_its_own(site):
    one, other = site.say("north").json["id"], site.say("vendor").json["id"]
    assert site.client.delete(f"{site.place}/{other}", headers=site.keys["north"]).status_code == 404
    assert site.client.delete(f"{site.place}/{one}", headers=site.keys["south"]).status_code == 404
    assert site.client.delete(f"{site.place}/{one}", headers=site.keys["north"]).status_code == 204
    assert site.client.delete(f"{site.place}/{other}", headers=site.keys["vendor"]).status_code == 204
    assert site.client.get(site.place, headers=site.keys["vendor"]).json["total"] == 0


@pytest.mark.parametrize("who", ["ana", "ines"])
def test_an_erasure_of_holder_or_assessor_removes_it(site, who):
    groups.put_group(editor(site.db), "assessors", [{"person": site.ines, "from": None, "until": None}])
    site.say("vendor", assessor=site.ines)
    erasure.erase(editor(site.db), site.person(who), mode="pseudonymise", reason="asked")
    assert site.db.endorsements.count_documents({}) == 0
    assert site.db.endorsers.count_documents({}) == (1 if who == "ana" else 0)
