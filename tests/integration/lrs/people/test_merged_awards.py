"""A merge calls no honest credential false: awards become part of others, pages lead there, ghosts are gone."""

from __future__ import annotations

from typing import Any

import pytest
from factories_access import editor
from factories_engine import World, exam, simple, voiding
from flask.testing import FlaskClient

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.reports.funnel import funnel
from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.foundation.context import Services
from lrs.people import merge
from rules import queries
from rules.catalogue.store import cache_of
from rules.credentials.due_awards import issue_due
from rules.credentials.proving.signing import read_compact
from rules.credentials.proving.status_list import decode, get_bit
from rules.credentials.status_publishing import current_list
from rules.engine.facts import from_fact
from rules.engine.queues import evaluation_queue
from rules.evaluation.award_ids import award_id
from rules.evidence.history import Fact

HTML = {"Accept": "text/html"}
SHOWN = Display(shown=True, name="full", evidence=True)


class Two:
    """Ana under two records: `old` has passed the exam, `new` as well or not; both can be merged."""

    def __init__(self, db: Any) -> None:
        self.world = World(db)
        self.db = db
        self.world.publish(simple())
        self.world.send([exam("old", self.world.clock())])
        self.old = self.world.person("old")
        self.was = award_id(self.old, "sales", 1)

    @property
    def new(self) -> str:
        return self.world.person("new")

    @property
    def now(self) -> str:
        return award_id(self.new, "sales", 1)

    def settle(self) -> None:
        self.world.settle()
        issue_due(self.db, self.issuer(), cache_of(self.db).get(fresh=True), self.world.clock())

    def issuer(self) -> Any:
        return issuer_of(self.world.services.settings, self.db)

    def merge(self) -> dict[str, Any]:
        self.world.clock.forward(days=1)
        preview = merge.preview_merge(self.db, self.new, self.old)
        merge.merge(editor(self.db, self.world.clock()), self.new, self.old, preview["basis"])
        self.settle()
        return preview

    def client(self) -> FlaskClient:
        app = create_app(self.world.services.settings, self.db)
        app.extensions["laurel"] = Services(self.world.services.settings, self.db, self.world.clock)
        return app.test_client()

    def is_revoked(self, award: str) -> bool:
        record = self.issuer().store.newest(award)
        listed = read_compact(current_list(self.issuer(), record.list, self.world.clock()).jwt).claims
        return get_bit(decode(listed["credentialSubject"]["encodedList"]), record.index)


@pytest.fixture(params=["both passed", "one passed"])
def two(db: Any, request: pytest.FixtureRequest) -> Two:
    two = Two(db)
    two.world.clock.forward(days=2)
    two.world.send([exam("new", two.world.clock(), 0.9 if request.param == "both passed" else 0.6)])
    two.settle()
    return two


def test_the_page_of_a_merged_credential_leads_to_the_one_it_is_part_of(two: Two) -> None:
    DisplayStore(two.db).choose(two.was, two.old, SHOWN, two.world.clock())
    client = two.client()
    assert client.get(f"/credentials/{two.was}", headers=HTML).status_code == 200
    two.merge()
    led = client.get(f"/credentials/{two.was}", headers=HTML)
    assert led.status_code == 302
    assert f"Credential {two.was} is now part of another" in led.text
    page = client.get(led.headers["Location"], headers=HTML)
    assert page.status_code == 200
    assert f"Credential {two.was} is now part of credential {two.now}" in page.text
    assert "did not hold" not in page.text
    for form in (".jwt", ".png", ".pdf", "/card.png", "/badge.png", "/refresh", "/verify"):
        led = client.get(f"/credentials/{two.was}{form}")
        assert led.headers["Location"].startswith(f"/credentials/{two.now}{form}?")
        assert client.get(led.headers["Location"]).status_code == 200


def test_a_holders_link_goes_on_working(two: Two) -> None:
    two.merge()
    token = links_of(two.world.services.settings).make(two.was, "holder", two.world.clock())
    led = two.client().get(f"/credentials/{two.was}/display?token={token}", headers=HTML)
    assert two.client().get(led.headers["Location"], headers=HTML).status_code == 200
    two.world.clock.forward(days=366)
    assert two.client().get(f"/credentials/{two.was}?token={token}").status_code == 404


def test_what_was_not_shown_leads_nowhere(two: Two) -> None:
    two.merge()
    assert two.client().get(f"/credentials/{two.was}", headers=HTML).status_code == 404


def test_a_page_claims_no_merge_that_did_not_happen(two: Two) -> None:
    DisplayStore(two.db).choose(two.was, two.old, SHOWN, two.world.clock())
    page = two.client().get(f"/credentials/{two.was}?merged={two.now}", headers=HTML)
    assert "is now part of" not in page.text


def test_a_merged_credential_falls_with_the_award_it_is_part_of_and_not_before(two: Two) -> None:
    two.merge()
    assert not two.is_revoked(two.was)
    now = two.world.clock()
    fact = Fact(
        kind="revocation", at=now, decided_at=now, id="r1", certification="sales", reason="misconduct"
    )
    two.db.facts.insert_one(from_fact(fact, two.new))
    evaluation_queue.enqueue(two.db, [two.new], now)
    two.settle()
    assert two.is_revoked(two.now)
    assert two.is_revoked(two.was)
    told = [row["data"] for row in two.world.events() if row["type"] == "credential.status_changed"]
    assert [row["merged_into"]["person"] for row in told if row["award"] == two.was] == [two.new]


def test_a_merged_credential_falls_when_all_its_evidence_is_voided(two: Two) -> None:
    two.merge()
    actors = [f"mbox::mailto:{who}@example.com" for who in ("old", "new")]
    for row in list(two.db.statements.find({"actor": {"$in": actors}})):
        two.world.send([voiding(str(row["id"]))])
    two.settle()
    two.world.clock.forward(days=90)
    two.settle()
    assert two.is_revoked(two.was) == two.is_revoked(two.now)


def test_the_events_say_merged_and_nobody_hears_of_a_loss(two: Two) -> None:
    before = len(two.world.events())
    two.merge()
    told = [row for row in two.world.events()[before:] if row["data"].get("person") == two.old]
    assert {row["type"] for row in told} == {"person.merged", "award.merged"}
    [award] = [row["data"] for row in told if row["type"] == "award.merged"]
    assert award["award"] == two.was
    assert award["merged_into"] == {"person": two.new, "award": two.now}
    [person] = [row["data"] for row in told if row["type"] == "person.merged"]
    assert person["merged_into"] == {"person": two.new}
    stored = two.db.awards.find_one({"_id": two.was})
    assert stored["merged_into"]["person"] == two.new


def test_ghosts_are_gone_from_lists_and_funnels_and_stay_gone(two: Two) -> None:
    two.merge()
    for _ in range(2):
        rows = list(queries.list_awards(two.db, two.world.clock()))
        assert [row["person"] for row in rows] == [two.new]
        wanted = ReportFilter(certification="sales")
        whom = audience(two.db, whole_scope(two.db), wanted, two.world.clock())
        steps = funnel(ReportRequest(two.db, whom, wanted, two.world.clock())).rows
        assert {row["step"]: row["people"] for row in steps}["Started"] == 1
        assert two.db.standings.count_documents({"person": two.old}) == 0
        assert two.db.facts.count_documents({"person": two.old, "kind": "retraction"}) > 0
        before = list(two.db.facts.find({"person": two.old}))
        two.world.services.engine.recompute([two.old], two.world.clock())
        assert list(two.db.facts.find({"person": two.old})) == before


def test_the_preview_says_all_that(two: Two) -> None:
    preview = two.merge()
    [row] = preview["credentials"]
    assert (row["award"], row["becomes_part_of"]) == (two.was, two.now)
    assert preview["tells"] == ["person.merged", "award.merged"]


def test_a_merge_of_somebody_without_awards_tells_only_of_the_person(db: Any) -> None:
    two = Two(db)
    two.world.send([exam("new", two.world.clock(), 0.6)])
    two.settle()
    preview = merge.preview_merge(db, two.old, two.new)
    assert (preview["credentials"], preview["tells"]) == ([], ["person.merged"])
