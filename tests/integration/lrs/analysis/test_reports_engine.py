"""Reports that lean on the engine, against a count by hand of what a seeded programme sent."""

from __future__ import annotations

import datetime as dt
import random
import statistics
from typing import Any

import pytest
from factories_engine import World, done, simple

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.readable_stores import Scope
from lrs.analysis.reports.catalogue import REPORTS
from lrs.analysis.run import Analyst
from lrs.foundation.errors import InvalidField
from rules.engine.identity import person_id
from statements.errors import InvalidQuery

TIERS = """
kind: PartnerTiers
id: partners
version: "1"
order: [registered, silver]
tiers:
  silver: {all: [{people_holding: {role: sales}, at_least: 1}]}
"""

DAY = dt.timedelta(days=1)
ORGS = ("north", "south")
COURSE, EXAM = "https://acme.example/sales/course", "https://acme.example/sales/exam"
RULE = """
kind: Certification
id: sales
version: "1"
title: Sales Pro
product: crm
evidence:
  course: {verb: completed, activity: "https://acme.example/sales/course"}
  exam: {verb: [passed, failed], activity: "https://acme.example/sales/exam"}
award:
  when:
    all:
      - {done: course, label: The course}
      - {score: exam, at_least: 0.8, label: The exam}
validity: {lasts: 12 months}
tests:
  - name: both are an award
    given:
      - {who: a, verb: completed, activity: "https://acme.example/sales/course", at: 2026-01-10}
      - {who: a, verb: passed, activity: "https://acme.example/sales/exam", score: 0.9, at: 2026-01-11}
    expect: [{who: a, at: 2026-01-12, status: active}]
"""


class Programme:
    """Twenty people of two partners: the days before now of their course and exam, and the exam's score."""

    def __init__(self, db: Any, seed: int) -> None:
        chance = random.Random(seed)
        self.world = World(db)
        self.now = self.world.clock()
        self.world.clock.at -= 500 * DAY
        for org in ORGS:
            self.world.partner(org)
        self.world.publish(RULE, simple("other"))
        self.world.clock.at = self.now
        self.org = {f"w{n}": chance.choice(ORGS) for n in range(20)}
        self.course = {w: chance.randrange(1, 29) for w in self.org if chance.random() < 0.8}
        self.exam = {w: (chance.randrange(1, 29), chance.choice([0.5, 0.8, 0.95]))
                     for w in self.org if chance.random() < 0.7}  # fmt: skip
        for who, org in self.org.items():
            self._send(who, org)
        self.now = self.world.clock.forward(minutes=1)
        self.world.settle()
        for who, org in self.org.items():
            self._affiliate(db, who, org)
        self.world.settle()

    def _send(self, who: str, org: str) -> None:
        sent = []
        if who in self.course:
            sent.append(done(who, COURSE, self.now - self.course[who] * DAY, "completed"))
        if who in self.exam:
            day, score = self.exam[who]
            sent.append(done(who, EXAM, self.now - day * DAY, "passed", score))
        if sent:
            self.world.send(sent, org)

    def _affiliate(self, db: Any, who: str, org: str) -> None:
        start = self.now - 400 * DAY
        person = {"name": who, "org": "vendor", "merged_into": None,
                  "ifis": [{"ifi": f"mbox::mailto:{who}@example.com", "from": None, "until": None}]}  # fmt: skip
        db.people.update_one(
            {"_id": person_id(person["ifis"][0]["ifi"])}, {"$setOnInsert": person}, upsert=True
        )  # type: ignore[index]  # a list, in a dict of mixed values
        db.affiliations.delete_many({"person": self.world.person(who)})
        db.affiliations.insert_one({
            "person": self.world.person(who), "org": org, "role": "sales" if who < "w2" else "technical",
            "primary": True, "from": start, "until": None, "confirmed_at": start,
        })  # fmt: skip

    def certified(self, who: str) -> bool:
        return who in self.course and self.exam.get(who, (0, 0))[1] >= 0.8

    def of(self, orgs: tuple[str, ...]) -> list[str]:
        return [who for who, org in self.org.items() if org in orgs]

    def rows(self, name: str, orgs: tuple[str, ...], **wanted: Any) -> list[dict[str, Any]]:
        narrow = ReportFilter(**wanted)
        scope = Scope(orgs, whole=orgs == ORGS)
        db = self.world.db
        made = REPORTS[name](ReportRequest(db, audience(db, scope, narrow, self.now), narrow, self.now))
        return [dict(row) for row in made.rows]


@pytest.fixture(params=range(2))
def programme(db: Any, request: pytest.FixtureRequest) -> Programme:
    return Programme(db, request.param)


@pytest.mark.parametrize("orgs", [ORGS, ("north",)])
def test_reports_of_the_engine_agree_with_a_count_by_hand(
    programme: Programme, orgs: tuple[str, ...]
) -> None:
    people = programme.of(orgs)
    started = [w for w in people if w in programme.course or w in programme.exam]
    certified = [w for w in people if programme.certified(w)]
    steps = {row["step"]: row["people"] for row in programme.rows("funnel", orgs, certification="sales")}
    assert steps == {
        "Started": len(started),
        "The course": sum(w in programme.course for w in people),
        "The exam": sum(programme.exam.get(w, (0, 0))[1] >= 0.8 for w in people),
        "Awarded": len(certified),
        "Holds it now": len(certified),
    }
    spans = [float(abs(programme.course[w] - programme.exam[w][0])) for w in certified]
    (row,) = programme.rows("time-to-certify", orgs)
    assert row["people"] == len(certified)
    assert row["title"] == "Sales Pro"
    assert (row["fastest_days"], row["slowest_days"]) == (min(spans), max(spans))
    assert row["median_days"] == round(statistics.median(spans), 1)
    check_health(programme, orgs)


def check_health(programme: Programme, orgs: tuple[str, ...]) -> None:
    rows = {row["organization"]: row for row in programme.rows("partner-health", orgs)}
    for org in orgs:
        people = programme.of((org,))
        active = sum(w in programme.course or w in programme.exam for w in people)
        certified = sum(programme.certified(w) for w in people)
        expected = 50 * certified / len(people) + 30 * active / len(people) + 20
        assert rows[org]["health"] == round(expected)
        assert (rows[org]["active"], rows[org]["certified"]) == (active, certified)


def test_a_report_covers_the_certifications_of_a_product(programme: Programme) -> None:
    found = {row["certification"] for row in programme.rows("certified", ORGS, product="crm")}
    assert found == {"sales"}
    found = {row["certification"] for row in programme.rows("certified", ORGS, product="acme-platform")}
    assert found == {"other"}


def test_statements_group_by_role_and_tier_at_the_time(programme: Programme) -> None:
    db, half = programme.world.db, programme.now - 14 * DAY - dt.timedelta(hours=1)
    for tier, at in (("registered", programme.now - 300 * DAY), ("silver", half)):
        db.facts.insert_one({"_id": f"t-{tier}", "org": "vendor", "kind": "tier", "organization": "north",
                             "programme": "partners", "tier": tier, "effective_at": at,
                             "seq": f"t-{tier}"})  # fmt: skip
        db.facts.insert_one({"_id": f"c-{tier}", "org": "vendor", "kind": "tier", "organization": "north",
                             "programme": "cloud", "tier": "platinum", "effective_at": at,
                             "seq": f"c-{tier}"})  # fmt: skip
    asked = Analyst(db, Scope(ORGS, whole=True), programme.now)
    sent = [(w, d) for w, d in programme.course.items()] + [(w, d) for w, (d, _) in programme.exam.items()]
    roles = {row["person.role"]: row["n"] for row in asked.ask(
        {"group": ["person.role"], "measures": {"n": "count"}}).rows}  # fmt: skip
    assert roles == {
        role: count
        for role, member in (("sales", lambda w: w < "w2"), ("technical", lambda w: w >= "w2"))
        if (count := sum(member(w) for w, _ in sent))
    }
    programme.world.publish(TIERS, TIERS.replace("id: partners", "id: cloud"))
    of_programme = {"field": "person.tier", "programme": "partners"}
    tiers = {row["person.tier"]: row["n"] for row in asked.ask(
        {"group": [of_programme], "measures": {"n": "count"}}).rows}  # fmt: skip
    north = [d for w, d in sent if programme.org[w] == "north"]
    expected = {"registered": sum(d > 14 for d in north), "silver": sum(d <= 14 for d in north),
                None: sum(programme.org[w] == "south" for w, _ in sent)}  # fmt: skip
    assert tiers == {tier: count for tier, count in expected.items() if count}


def test_a_tier_is_always_a_tier_of_a_programme(programme: Programme) -> None:
    """With two programmes no report, filter or attribute takes whichever comes last."""
    db = programme.world.db
    programme.world.publish(TIERS, TIERS.replace("id: partners", "id: cloud"))
    for named, tier in (("partners", "silver"), ("cloud", "registered")):
        db.facts.insert_one({"_id": f"t-{named}", "org": "vendor", "kind": "tier", "organization": "north",
                             "programme": named, "tier": tier, "effective_at": programme.now - 9 * DAY,
                             "seq": f"t-{named}"})  # fmt: skip
    for name in ("leaderboard", "partner-health"):
        told = {row["organization"]: row["tiers"] for row in programme.rows(name, ORGS)}
        assert told == {"north": "cloud:registered, partners:silver", "south": ""}
        for tier, orgs in (("partners:silver", {"north"}), ("cloud:silver", set())):
            assert {row["organization"] for row in programme.rows(name, ORGS, tier=tier)} == orgs
    with pytest.raises(InvalidField, match=r"several programmes: write cloud:silver or partners:silver"):
        programme.rows("leaderboard", ORGS, tier="silver")
    with pytest.raises(InvalidField, match="no programme has the tier"):
        programme.rows("leaderboard", ORGS, tier="gold")
    asked = Analyst(db, Scope(ORGS, whole=True), programme.now)
    with pytest.raises(InvalidQuery, match=r"a tier is a tier of a programme; name one of cloud, partners"):
        asked.ask({"group": ["person.tier"], "measures": {"n": "count"}})
    with pytest.raises(InvalidQuery, match="there is no programme"):
        asked.ask({"filter": {"field": "person.tier", "programme": "x", "eq": "silver"}})
    with pytest.raises(InvalidQuery, match="goes only with"):
        asked.ask({"filter": {"field": "person.role", "programme": "cloud", "eq": "sales"}})
