"""The public registry: nobody without consent, partners by counts only, colours that can be read."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
from factories_engine import World, exam, simple
from PIL import Image

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.public import branding, registry_listing
from lrs.foundation.context import Services
from lrs.foundation.errors import InvalidField
from rules.engine.queues import tier_queue
from rules.evaluation.award_ids import award_id

TIERS = """
kind: PartnerTiers
id: partners
version: "1"
order: [registered, silver]
tiers:
  silver: {all: [{people_holding: {role: sales}, at_least: 1}]}
tests:
  - name: one is enough
    roster: {north: [{who: a, holds: [{role: sales}]}]}
    expect: {north: silver}
"""
ESCO = "http://data.europa.eu/esco/skill/cc7cbd43"
SKILLS = f'badge: {{skills: [{{name: "negotiate <price>", url: "{ESCO}", framework: ESCO, code: "S1"}}]}}'
LISTED = Display(shown=True, name="full", registry=True)


class Registry(World):
    """People at two partners, and the pages over them."""

    def __init__(self, db, settings):
        super().__init__(db)
        self.publish(simple(title="Sales Professional", more=SKILLS), TIERS)
        self.partner("north")
        self.partner("south")
        db.orgs.update_one({"_id": "north"}, {"$set": {"name": "North <Sea>", "region": "Europe"}})
        app = create_app(dataclasses.replace(settings, key_passphrase="of the tests"), db)
        self.shown_by = app.extensions["laurel"] = Services(settings, db, self.clock)
        self.client = app.test_client()

    def certify(self, who, name, org="north"):
        self.send([exam(who, self.clock())])
        self.settle()
        person = self.person(who)
        self.db.people.update_one({"_id": person}, {"$set": {"name": name}})
        now = self.clock()
        self.db.affiliations.insert_one(
            {"_id": f"a-{who}", "org": org, "person": person, "from": now, "until": None, "primary": True,
             "role": None, "confirmed_at": now}
        )  # fmt: skip
        tier_queue.enqueue(self.db, [org], self.clock())
        self.settle()
        self.shown_by.parts.pop(registry_listing.listed_partners, None)
        return person

    def list(self, person, choice=LISTED):
        DisplayStore(self.db).choose(None, person, choice, self.clock())

    def names(self, **query):
        return [one["name"] for one in self.client.get("/registry.json", query_string=query).json["items"]]


@pytest.fixture
def registry(db, settings):
    return Registry(db, settings)


def test_nobody_is_listed_without_consent(registry):
    person = registry.certify("ana", "Ana Ferreira")
    assert registry.names() == []
    for choice in (Display(), Display(shown=True), Display(registry=True)):
        registry.list(person, choice)
        assert registry.names() == []
    registry.list(person)
    assert registry.names() == ["Ana Ferreira"]
    registry.list(person, Display(shown=True))
    assert registry.names() == []


def test_one_hidden_credential_stays_hidden_among_listed_ones(registry):
    registry.publish(simple("tech", title="Technician"))
    person = registry.certify("ana", "Ana Ferreira")
    registry.send([exam("ana", registry.clock(), of="tech")])
    registry.settle()
    registry.list(person)
    hidden = award_id(person, "tech", 1)
    DisplayStore(registry.db).choose(hidden, person, Display(), registry.clock())
    [found] = registry.client.get("/registry.json").json["items"]
    assert [one["title"] for one in found["certifications"]] == ["Sales Professional"]


def test_names_are_shown_as_the_holder_allows(registry):
    person = registry.certify("ana", "Ana Ferreira")
    registry.list(person, dataclasses.replace(LISTED, name="initials"))
    assert registry.names() == ["A. F."]
    registry.list(person, dataclasses.replace(LISTED, name="hidden"))
    assert registry.names() == [registry_listing.UNNAMED]


def test_only_what_is_held_now_is_listed(registry):
    registry.list(registry.certify("ana", "Ana Ferreira"))
    registry.clock.forward(days=400)
    assert registry.names() == []


def test_search_finds_by_name_partner_certification_role_product_and_region(registry):
    registry.list(registry.certify("ana", "Ana Ferreira"))
    registry.list(registry.certify("bo", "Bo Lindqvist", "south"))
    assert registry.names(q="FERR ana") == ["Ana Ferreira"]
    assert registry.names(q="north") == ["Ana Ferreira"]
    assert len(registry.names(q="sales professional")) == 2
    assert registry.names(region="Europe") == ["Ana Ferreira"]
    assert len(registry.names(role="sales", product="acme-platform")) == 2
    assert registry.names(role="technical") == []


def test_partners_are_listed_with_tier_and_counts_without_names(registry):
    registry.certify("ana", "Ana Ferreira")
    items = registry.client.get("/registry/partners.json").json["items"]
    north = next(one for one in items if one["id"] == "north")
    assert north["tiers"] == {"partners": "silver"}
    assert (north["certified_people"], north["roles"]) == (1, ["sales"])
    assert "Ana" not in registry.client.get("/registry/partners/north").text
    for named in ("silver", "partners:silver"):
        tiers = registry.client.get(f"/registry/partners.json?tier={named}").json["items"]
        assert [one["id"] for one in tiers] == ["north"]


def test_a_tier_is_shown_and_found_with_its_programme(registry):
    """Two programmes may have tiers of one name: a page never prints one without saying whose it is."""
    registry.publish(TIERS.replace("id: partners", "id: cloud\ntitle: Cloud Alliance"))
    registry.certify("ana", "Ana")
    page = registry.client.get("/registry/partners/north").text
    assert "Silver in Partners" in page
    assert "Silver in Cloud Alliance" in page
    listed = registry.client.get("/registry/partners").text
    assert "Silver · Cloud Alliance" in listed
    assert '<option value="cloud:silver">Cloud Alliance: Silver</option>' in listed
    feed = "/registry/partners.json?tier="
    assert [one["id"] for one in registry.client.get(f"{feed}cloud:silver").json["items"]] == ["north"]
    assert registry.client.get(f"{feed}cloud:silver").json["items"][0]["tiers"] == {
        "partners": "silver", "cloud": "silver"
    }  # fmt: skip
    assert registry.client.get(f"{feed}silver").json["items"] == []  # of which programme?


def test_a_closed_or_unlisted_partner_is_left_out(registry):
    registry.db.orgs.update_one({"_id": "south"}, {"$set": {"status": "closed"}})
    registry.db.orgs.update_one({"_id": "north"}, {"$set": {"attributes": {"listed": False}}})
    assert registry.client.get("/registry/partners.json").json["items"] == []
    assert registry.client.get("/registry/partners/north").status_code == 404


def test_pages_can_be_read_without_script_and_escape_what_people_typed(registry):
    registry.list(registry.certify("ana", "<b>Ana</b>"))
    for path in ("/registry", "/registry/partners", "/registry/partners/north"):
        text = (
            registry.client.get(f"{path}?q=<script>").text
            if path == "/registry"
            else registry.client.get(path).text
        )
        assert "<script" not in text
        assert "<b>Ana" not in text
        assert 'lang="en"' in text
        assert "Sea>" not in text.replace("Sea&gt;", "")


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page=99999999999", "page=²", "q=" + "a" * 5000, "tier=%00"]
)
def test_odd_questions_get_a_page(registry, query):
    for path in ("/registry", "/registry/partners", "/registry.json", "/registry/partners.json"):
        assert registry.client.get(f"{path}?{query}").status_code == 200


def test_listings_are_split_into_pages(registry, monkeypatch):
    monkeypatch.setattr("lrs.credentials.public.registry.PAGE", 1)
    for who in ("ana", "bo"):
        registry.list(registry.certify(who, who.capitalize()))
    first = registry.client.get("/registry.json").json
    assert first["total"] == 2
    assert first["next"].endswith("/registry.json?page=2")
    assert "Page 1 of 2" in registry.client.get("/registry").text


def picture(size=(2000, 900)):
    stream = io.BytesIO()
    Image.new("RGB", size, "navy").save(stream, "JPEG")
    return stream.getvalue()


def test_a_partners_page_carries_its_colour_with_readable_ink(registry):
    branding.set_brand(registry.db, "north", colour="#F2B705", logo=picture(), now=registry.clock())
    css = registry.client.get("/registry/partners/north/brand.css").text
    assert css == ".brand{background:#f2b705;color:#16211d}"
    logo = registry.client.get("/registry/partners/north/logo.png")
    with Image.open(io.BytesIO(logo.data)) as found:
        assert found.size[0] <= 640
    assert registry.client.get("/registry/partners/south/logo.png").status_code == 404


@pytest.mark.parametrize(
    ("colour", "logo"),
    [
        ("red", None),
        ("#12345", None),
        ("#12345g", None),
        ("url(x)", None),
        ("#000000", b"GIF89a"),
        ("#000000", b""),
    ],
)
def test_no_other_colour_or_logo_is_taken(registry, colour, logo):
    with pytest.raises(InvalidField):
        branding.set_brand(registry.db, "north", colour=colour, logo=logo, now=registry.clock())


@pytest.mark.parametrize("skill", [ESCO, "negotiate <price>", "Negotiate <Price>"])
def test_people_and_partners_are_found_by_a_skill_of_a_framework(registry, skill):
    registry.list(registry.certify("ana", "Ana Lima"))
    for path in ("/registry", "/registry/partners"):
        query = {"skill": skill}
        found = registry.client.get(f"{path}.json", query_string=query).json
        assert found["total"] == 1, path
        assert registry.client.get(f"{path}.json", query_string={"skill": f"{ESCO}x"}).json["total"] == 0
        page = registry.client.get(path, query_string=query).text
        assert "negotiate &lt;price&gt;" in page
    held = registry.client.get("/registry.json").json["items"][0]["certifications"][0]
    assert held["skills"] == [{"name": "negotiate <price>", "url": ESCO}]
    assert registry.client.get("/registry.json", query_string={"q": "negotiate ana"}).json["total"] == 1


def test_a_skill_is_an_alignment_of_the_credential_and_on_its_page(registry):
    registry.list(registry.certify("ana", "Ana Lima"))
    award = registry.db.credentials.find_one({})["award"]
    document = json.loads(registry.client.get(f"/credentials/{award}.json").data)
    assert document["credentialSubject"]["achievement"]["alignment"] == [
        {"type": ["Alignment"], "targetName": "negotiate <price>", "targetUrl": ESCO, "targetFramework": "ESCO",
         "targetCode": "S1"}
    ]  # fmt: skip
    for path in (f"/credentials/{award}", "/achievements/sales/1"):
        page = registry.client.get(path, headers={"Accept": "text/html"}).text
        assert f'<a href="{ESCO}" rel="nofollow">negotiate &lt;price&gt;</a>' in page, path
    badge = registry.client.get("/achievements/sales/1/badge").json
    assert badge["alignment"][0]["targetUrl"] == ESCO
