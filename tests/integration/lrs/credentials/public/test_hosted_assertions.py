"""Open Badges 2.0 of a credential: hosted while its holder shows it, found revoked at once; others agree."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from factories_credentials import make_period
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob2 import OB2Verifier

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.baking import unbake
from rules.credentials.issuing import issue, refresh_status

BASE, AWARD = "https://lrs.example", "01JZ3T8Q4M5N6P7R8S9TAVBWCX"
NOW = dt.datetime.now(dt.UTC)
PATH = f"/credentials/{AWARD}/assertion"


class Site:
    def __init__(self, settings, db):
        settings = dataclasses.replace(
            settings, public_url=BASE, key_passphrase="test", signing_algorithm="ES256"
        )
        self.client, self.db, self.issuer = (
            create_app(settings, db).test_client(),
            db,
            issuer_of(settings, db),
        )
        self.issue(period=1)

    def issue(self, **changes):
        usual = {"valid_from": NOW - dt.timedelta(days=2), "ends_at": NOW + dt.timedelta(days=300)}
        issue(self.issuer, make_period(award=AWARD, **usual | changes), NOW)

    def show(self, **choice):
        DisplayStore(self.db).choose(AWARD, make_period().person, Display(shown=True, **choice), NOW)

    def get(self, url, _=""):
        answer = self.client.get(url.removeprefix(BASE))
        if answer.status_code != 200:
            raise FetchRefused(url, "no", answer.status_code)
        return Fetched(url, answer.content_type, answer.data)

    def by_ours(self, copy):
        return verify_credential(copy, Inquiry(self.get, NOW), email="ana@example.com").is_valid

    def by_openbadgeslib(self, copy):
        try:
            OB2Verifier(download=lambda url: self.get(url).body).verify_hosted(
                unbake(copy) if copy.startswith(b"\x89") else copy.decode(),
                expected_recipient="ana@example.com",
            )
        except (LibOpenBadgesException, FetchRefused):
            return False
        return True


@pytest.fixture
def site(settings, db):
    return Site(settings, db)


def test_verifiers_of_open_badges_2_accept_what_is_shown_and_refuse_what_is_changed_revoked_or_hidden(site):
    assert site.client.get(PATH).status_code == site.client.get(f"{PATH}.png").status_code == 404
    site.show(evidence=True)
    copy, baked = site.client.get(PATH).data, site.client.get(f"{PATH}.png").data
    assert json.loads(unbake(baked)) == json.loads(copy)
    assert json.loads(copy)["evidence"][0]["name"] == "Sales exam, 80 % or better"
    forged = json.dumps(json.loads(copy) | {"expires": "2999-01-01T00:00:00Z"}).encode()
    for verifier in (site.by_ours, site.by_openbadgeslib):
        assert verifier(copy)
        assert verifier(baked)
        assert not verifier(forged)
    refresh_status(site.issuer, AWARD, "revoked", NOW)
    answer = site.client.get(PATH)
    assert (answer.status_code, answer.json["revoked"]) == (410, True)
    assert not site.by_ours(copy)
    assert not site.by_openbadgeslib(copy)


def test_badge_class_and_issuer_are_public_and_say_nothing_of_a_holder(site):
    site.show()
    badge = site.client.get(site.client.get(PATH).json["badge"].removeprefix(BASE))
    assert (badge.content_type, badge.json["type"], badge.json["name"]) == (
        "application/ld+json", "BadgeClass", "Sales Professional"
    )  # fmt: skip
    assert site.get(badge.json["image"]).body.startswith(b"\x89PNG")
    assert site.client.get("/issuer").json == {
        "@context": "https://w3id.org/openbadges/v2", "type": "Issuer", "id": f"{BASE}/issuer",
        "name": site.issuer.issuer.name, "url": BASE,
    }  # fmt: skip
    assert site.client.get("/achievements/other/1/badge").status_code == 404
    site.issue(period=2, emails=(), valid_from=NOW - dt.timedelta(days=1))
    assert site.client.get(PATH).status_code == 404  # it would be made for nobody
