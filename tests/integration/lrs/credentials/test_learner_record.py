"""A learner record holds what its holder holds, is for the holder alone, and falls where one of its parts falls."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from factories_credentials import make_period

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.issuing import issue, refresh_status
from rules.credentials.proving.signing import read_compact

BASE = "https://lrs.example"
ONE, TWO, OTHERS = (f"01JZ3T8Q4M5N6P7R8S9TAVBWC{letter}" for letter in "ABC")
NOW = dt.datetime.now(dt.UTC)
ANA = make_period().person


class Site:
    def __init__(self, settings, db):
        self.settings = dataclasses.replace(
            settings, public_url=BASE, key_passphrase="test", signing_algorithm="ES256"
        )
        self.client, self.db = create_app(self.settings, db).test_client(), db
        self.issuer = issuer_of(self.settings, db)
        for award, person in ((ONE, ANA), (TWO, ANA), (OTHERS, "p_other")):
            dates = {"valid_from": NOW - dt.timedelta(days=2), "ends_at": NOW + dt.timedelta(days=30)}
            issue(self.issuer, make_period(award=award, person=person, **dates), NOW)

    def record(self, form="json", right="holder"):
        token = links_of(self.settings).make(ONE, right, NOW)
        return self.client.get(f"/credentials/{ONE}/record.{form}?token={token}")

    def report(self, copy, silent=""):
        def get(url, accept):
            answer = self.client.get(url.removeprefix(BASE), headers={"Accept": accept})
            if url == silent or answer.status_code != 200:
                raise FetchRefused(url, "not there")
            return Fetched(url, "", answer.data)

        return verify_credential(copy, Inquiry(get, dt.datetime.now(dt.UTC)))  # as the lists are

    def failed(self, copy):
        return [one.name for one in self.report(copy).checks if one.outcome == "failed"]


@pytest.fixture
def site(settings, db):
    return Site(settings, db)


@pytest.mark.parametrize("form", ["json", "jwt"])
def test_a_record_holds_all_of_its_holder_verifies_and_falls_with_each_part(site, form):
    answer = site.record(form)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    document = json.loads(answer.data) if form == "json" else read_compact(answer.text).claims
    subject = document["credentialSubject"]
    assert [one["id"][-26:] for one in subject["verifiableCredential"]] == [ONE, TWO]
    report = site.report(answer.data)
    assert report.is_valid, report.checks
    assert report.checks[-1].detail.startswith("2 credentials")
    refresh_status(site.issuer, TWO, "revoked", NOW)
    assert site.failed(answer.data) == ["contents"]
    [left] = json.loads(site.record().data)["credentialSubject"]["verifiableCredential"]
    assert left["id"].endswith(ONE)
    entry = site.issuer.store.entry_of_record(ANA, NOW)
    with site.db.client.start_session() as session:
        site.issuer.store.set_entries([entry], "withdrawn", NOW, session)
    assert site.failed(answer.data) == ["status", "contents"]


def test_nobody_but_the_holder_downloads_a_record(site):
    DisplayStore(site.db).choose(ONE, ANA, Display(shown=True), NOW)
    assert site.record(right="view").status_code == 404
    assert site.client.get(f"/credentials/{ONE}/record.json").status_code == 404
    refresh_status(site.issuer, ONE, "revoked", NOW)
    refresh_status(site.issuer, TWO, "revoked", NOW)
    assert site.record().status_code == 404  # nothing is in force


def test_what_is_put_together_otherwise_is_refused(site):
    document = json.loads(site.record().data)
    foreign = json.loads(
        site.client.get(
            f"/credentials/{OTHERS}.json?token={links_of(site.settings).make(OTHERS, 'view', NOW)}"
        ).data
    )
    held = document["credentialSubject"]["verifiableCredential"]
    for inside, words in (
        ([*held, foreign], "about somebody else"),
        ([document | {"credentialSubject": {"id": held[0]["credentialSubject"]["id"]}}], "within a record"),
        ([held[0] | {"name": "Forged"}], "the signature does not match"),
        ([], "between 1 and 100"),
        (["x"], "between 1 and 100"),
    ):
        changed = document | {
            "credentialSubject": document["credentialSubject"] | {"verifiableCredential": inside}
        }
        checks = {one.name: one for one in site.report(json.dumps(changed).encode()).checks}
        assert words in checks["contents"].detail
        assert checks["signature"].outcome == "failed"
    silent = site.report(json.dumps(document).encode(), f"{BASE}/.well-known/did.json")
    assert (silent.verdict, silent.checks[-1].outcome) == ("cannot say", "cannot say")
