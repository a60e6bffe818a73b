"""Every report against a brute-force computation, and no report tells a partner of another's people."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from dateutil.relativedelta import relativedelta

from lrs.access.clients import OWN_CLIENT
from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.award_states import holding_spans
from lrs.analysis.figures.charts import draw
from lrs.analysis.readable_stores import Scope
from lrs.analysis.reports.catalogue import REPORTS, about, arranged, as_csv, as_json
from lrs.analysis.reports.content import discrimination
from lrs.analysis.reports.report import Report
from lrs.foundation.errors import InvalidField
from rules.catalogue.store import RuleStore
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ORGS = ("north", "south")
ADL = "http://adlnet.gov/expapi/verbs/"
EXAM = "https://x.example/exam"
AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://x.example", "name": "k"}}
WRITER = Writer("k", "vendor", "vendor", AUTHORITY)
RULE = """\
kind: Certification
id: sales
version: "1"
title: Sales
effective_from: 2025-01-01
evidence:
  course: {verb: completed, activity: "https://x.example/course"}
  exam: {verb: [passed, failed], activity: "https://x.example/exam"}
award:
  when:
    all:
      - {done: course, label: The course}
      - {score: exam, at_least: 0.8, label: The exam}
validity: {lasts: 12 months}
"""


class World:
    """People of two partners, what they hold, and what they did; made by a seed."""

    def __init__(self, db: Any, seed: int) -> None:
        self.db, self.random = db, random.Random(seed)
        self.people = {f"p_{n}": self.random.choice(ORGS) for n in range(12)}
        self.states: dict[str, list[dict[str, Any]]] = {}
        self.statements: list[dict[str, Any]] = []
        db.orgs.insert_many([
            {"_id": org, "name": org.title(), "ancestors": ["vendor"], "region": region, "kind": "partner"}
            for org, region in zip(ORGS, ("EU", "US"), strict=True)
        ])  # fmt: skip
        for person, org in self.people.items():
            self._person(person, org)
        for org in ORGS:
            self._store(org)

    def _person(self, person: str, org: str) -> None:
        ifi = {"ifi": f"mbox::mailto:{person}@x.example", "from": None, "until": None}
        self.db.people.insert_one({"_id": person, "org": "vendor", "name": person.upper(), "ifis": [ifi]})
        start = NOW - 400 * DAY
        self.db.affiliations.insert_one({
            "person": person, "org": org, "role": self.random.choice(["sales", "technical"]), "primary": True,
            "from": start, "until": None, "confirmed_at": start,
        })  # fmt: skip
        if self.random.random() < 0.7:
            began = NOW - self.random.randrange(10, 390) * DAY
            ends = began + 365 * DAY
            shown = {"expires": (ends - DAY).date().isoformat(), "version": "1"}
            states = [
                {"at": began - 20 * DAY, "state": "in_progress"},
                {"at": began, "state": "active", **shown},
                {"at": ends, "state": "expired", **shown},
            ]
            self.states[person] = states
            standing = {"_id": f"{person}/sales", "org": "vendor", "person": person}
            self.db.standings.insert_one({**standing, "certification": "sales", "states": states})

    def _store(self, org: str) -> None:
        batch = [
            self._statement(person, org)
            for person, of in self.people.items()
            for _ in range(self.random.randrange(0, 6) if of == org else 0)
        ]
        if batch:
            raw = orjson.dumps([{k: v for k, v in s.items() if k != "org"} for s in batch])
            store_statements(
                StatementStore(self.db, org), parse_statements(raw), writer=WRITER, version="2.0.0", now=NOW
            )
        self.statements += batch

    def _statement(self, person: str, org: str) -> dict[str, Any]:
        verb = self.random.choice(["passed", "failed", "completed", "initialized"])
        result: dict[str, Any] = {"duration": f"PT{self.random.randrange(1, 90)}M"}
        if verb in {"passed", "failed"}:
            result["score"] = {"scaled": self.random.randrange(0, 20) / 20}
            result["success"] = verb == "passed"
        at = NOW - self.random.randrange(1, 200 * 24) * dt.timedelta(hours=1)
        return {
            "org": org,
            "id": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "actor": {"mbox": f"mailto:{person}@x.example"},
            "verb": {"id": ADL + verb},
            "object": {"id": self.random.choice([EXAM, "https://x.example/course"])},
            "result": result,
            "context": {"registration": str(uuid.UUID(int=self.random.randrange(1, 40), version=4))},
            "timestamp": at.isoformat().replace("+00:00", ".000Z"),
        }

    def person_of(self, statement: dict[str, Any]) -> str:
        return str(statement["actor"]["mbox"]).removeprefix("mailto:").removesuffix("@x.example")

    def holds(self, person: str, at: dt.datetime) -> bool:
        states = self.states.get(person)
        return bool(states) and states[1]["at"] <= at < states[2]["at"]


@pytest.fixture(params=range(3))
def world(db: Any, request: pytest.FixtureRequest) -> World:
    return World(db, request.param)


@pytest.fixture
def published(db: Any) -> None:
    from rules.checking.load import load

    loaded = load(RULE.encode(), "sales.yaml")
    assert loaded.document is not None
    RuleStore(db).publish(loaded.document, source=RULE, by="test", now=NOW - 400 * DAY)


def run(db: Any, name: str, orgs: tuple[str, ...] = ORGS, **wanted: Any) -> Report:
    narrow = ReportFilter(**wanted)
    scope = Scope(orgs, whole=orgs == ORGS)
    return REPORTS[name](ReportRequest(db, audience(db, scope, narrow, NOW), narrow, NOW))


def members(world: World, orgs: tuple[str, ...]) -> list[str]:
    return [person for person, org in world.people.items() if org in orgs]


BOTH = pytest.mark.parametrize("orgs", [ORGS, ("north",), ("south",)])


@BOTH
@pytest.mark.usefixtures("published")
def test_certified_counts_holders_at_each_instant(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    rows = run(db, "certified", orgs).rows
    assert len(rows) == 13
    for row in rows:
        expected = sum(world.holds(person, row["at"]) for person in members(world, orgs))
        assert row["people"] == expected, row["at"]


@pytest.mark.usefixtures("published")
def test_a_month_ends_with_its_last_day_in_the_programmes_zone(db: Any, world: World) -> None:
    """Who expired on the last day is counted, who came the day after is not, and the row says which day."""
    from rules.checking.load import load

    text = RULE.replace(
        "validity: {lasts: 12 months}", "validity: {lasts: 12 months, timezone: America/New_York}"
    )
    text = text.replace("id: sales", "id: eastern", 1)
    loaded = load(text.encode(), "eastern.yaml")
    assert loaded.document is not None, loaded.problems
    RuleStore(db).publish(loaded.document, source=text, by="test", now=NOW - 400 * DAY)
    zone = ZoneInfo("America/New_York")
    last_month = NOW.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begins, day_after = last_month - 40 * DAY, last_month + dt.timedelta(hours=1)
    for person, since, until in (("ends", begins, last_month), ("comes", day_after, None)):
        states = [{"at": since.astimezone(dt.UTC), "state": "active", "counts": True}]
        if until is not None:
            states.append({"at": until.astimezone(dt.UTC), "state": "expired", "counts": False})
        db.people.insert_one({"_id": person, "org": "vendor", "ifis": [], "name": person})
        db.affiliations.insert_one(
            {"_id": f"a-{person}", "org": "north", "person": person, "primary": True, "role": None,
             "from": NOW - 300 * DAY, "confirmed_at": NOW - 300 * DAY, "until": None}
        )  # fmt: skip
        db.standings.insert_one(
            {"_id": f"{person}/eastern", "org": "vendor", "person": person, "certification": "eastern",
             "states": states}
        )  # fmt: skip
    rows = {row["day"]: row["people"] for row in run(db, "certified", certification="eastern").rows}
    ended_on = (last_month - DAY).date()
    assert rows[ended_on] == 1
    assert rows[NOW.astimezone(zone).date()] == 1
    assert ended_on.month != (ended_on + DAY).month
    by_utc = {
        row["day"]: row["people"]
        for row in run(db, "certified", timezone="UTC", certification="eastern").rows
    }
    assert by_utc[ended_on] == 1  # UTC's day ended some hours earlier: still one, who had not yet expired


@pytest.mark.usefixtures("published")
def test_awards_are_counted_by_the_month_and_region_in_which_they_began(db: Any, world: World) -> None:
    rows = run(db, "awards", timezone="UTC").rows
    counted = {(row["month"], row["region"]): row["awards"] for row in rows}
    expected: dict[Any, int] = dict.fromkeys(counted, 0)
    regions = {org["_id"]: org.get("region") or "(no region)" for org in db.orgs.find()}
    for person, states in world.states.items():
        for start, _ in holding_spans(states):
            if NOW - relativedelta(months=12) <= start < NOW:
                expected[start.date().replace(day=1), regions[world.people[person]]] += 1
    assert counted == expected
    assert sum(counted.values()) > 0


def test_a_report_is_sorted_by_a_column_and_cut(db: Any, world: World) -> None:
    whole = run(db, "attempts")
    falling = arranged(whole, "-mean", 2).rows
    assert [row["mean"] for row in falling] == sorted((r["mean"] for r in whole.rows), reverse=True)[:2]
    for column in whole.columns:
        assert len(arranged(whole, column, None).rows) == len(whole.rows)
    with pytest.raises(InvalidField, match="one of activity, title"):
        arranged(whole, "score", None)


def test_equals_share_a_rank(db: Any, world: World) -> None:
    rows = run(db, "leaderboard").rows
    for row in rows:
        better = [one for one in rows if (one["certifications"], one["certified"])
                  > (row["certifications"], row["certified"])]  # fmt: skip
        assert row["rank"] == 1 + len(better)
    db.affiliations.update_many({}, {"$set": {"until": NOW}})
    for org in ORGS:
        db.people.insert_one({"_id": f"p-{org}", "org": "vendor", "ifis": []})
        db.affiliations.insert_one(
            {"_id": f"a-{org}", "org": org, "person": f"p-{org}", "primary": True, "role": None,
             "from": NOW - DAY, "confirmed_at": NOW - DAY, "until": None}
        )  # fmt: skip
    assert [row["rank"] for row in run(db, "leaderboard").rows] == [1] * len(ORGS)


@BOTH
@pytest.mark.usefixtures("published")
def test_expiring_lists_who_ends_within_ninety_days(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    expected = set()
    for person in members(world, orgs):
        if world.holds(person, NOW):
            last = dt.date.fromisoformat(world.states[person][1]["expires"])
            if (last - NOW.date()).days <= 90:
                expected.add((person, last.isoformat()))
    rows = run(db, "expiring", orgs).rows
    assert {(row["person"], row["expires"]) for row in rows} == expected
    assert all(row["days"] <= row["within"] < row["days"] + 31 for row in rows)


@BOTH
def test_attempts_have_their_best_score(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    best: dict[tuple[str, str, str], float] = {}
    for s in world.statements:
        if s["org"] in orgs and "score" in s["result"]:
            key = (s["object"]["id"], world.person_of(s), s["context"]["registration"])
            best[key] = max(best.get(key, 0.0), s["result"]["score"]["scaled"])
    rows = {row["activity"]: row for row in run(db, "attempts", orgs).rows}
    assert rows.keys() == {activity for activity, _, _ in best}
    for activity, row in rows.items():
        scores = [score for (a, _, _), score in best.items() if a == activity]
        assert row["attempts"] == len(scores)
        assert row["people"] == len({p for a, p, _ in best if a == activity})
        assert row["mean"] == pytest.approx(statistics.fmean(scores), abs=0.001)
        assert row["median"] == pytest.approx(statistics.median(scores), abs=0.001)


@BOTH
def test_content_counts_people_who_began_and_finished(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    began: dict[str, set[str]] = {}
    done: dict[str, set[str]] = {}
    for s in world.statements:
        if s["org"] in orgs:
            person, activity = world.person_of(s), s["object"]["id"]
            began.setdefault(activity, set()).add(person)
            if s["verb"]["id"] != ADL + "initialized":
                done.setdefault(activity, set()).add(person)
    rows = {row["activity"]: row for row in run(db, "content", orgs).rows}
    assert {a: row["people"] for a, row in rows.items()} == {a: len(p) for a, p in began.items()}
    assert {a: row["finished"] for a, row in rows.items()} == {a: len(done.get(a, ())) for a in began}


def test_time_spent_is_that_of_the_sessions_or_else_the_longest_that_is_told(db: Any, world: World) -> None:
    north = sorted(p for p, of in world.people.items() if of == "north")[:3]
    told = (
        (0, "terminated", "PT10M"), (0, "terminated", "PT20M"), (0, "completed", "PT25M"), (0, "initialized", None),
        (1, "initialized", None), (1, "completed", "PT40M"), (2, "terminated", "PT1H"),
    )  # fmt: skip
    batch = [
        {"actor": {"mbox": f"mailto:{north[n]}@x.example"}, "verb": {"id": ADL + verb},
         "object": {"id": "https://x.example/timed"}, "timestamp": "2026-01-05T10:00:00.000Z",
         **({"result": {"duration": duration}} if duration else {})}
        for n, verb, duration in told
    ]  # fmt: skip
    store_statements(
        StatementStore(db, "north"), parse_statements(orjson.dumps(batch)), writer=WRITER, version="2.0.0",
        now=NOW,
    )  # fmt: skip
    timed = next(row for row in run(db, "content").rows if row["activity"] == "https://x.example/timed")
    assert (timed["people"], timed["finished"]) == (2, 2)  # the third has only an end in the period
    assert timed["median_minutes"] == 35.0  # of 30 and 40


def test_what_was_only_experienced_has_no_end_to_miss(db: Any, world: World) -> None:
    batch = [
        {"actor": {"mbox": f"mailto:{person}@x.example"}, "verb": {"id": ADL + verb},
         "object": {"id": f"https://x.example/{activity}"}, "timestamp": "2026-01-05T10:00:00.000Z"}
        for person in sorted(p for p, of in world.people.items() if of == "north")
        for verb, activity in (("experienced", "page"), ("initialized", "unfinished"))
    ]  # fmt: skip
    store_statements(
        StatementStore(db, "north"), parse_statements(orjson.dumps(batch)), writer=WRITER, version="2.0.0",
        now=NOW,
    )  # fmt: skip
    report = run(db, "content")
    rows = {row["activity"]: row for row in report.rows}
    names = ("finished", "completion", "dropped_off")
    page, course = rows["https://x.example/page"], rows["https://x.example/unfinished"]
    assert [page[name] for name in names] == [None, None, None]
    assert [course[name] for name in names] == [0, 0, course["people"]]
    assert page["people"] == course["people"] > 0
    assert draw(report, "svg").count(b"<svg") == 1


def test_what_laurel_tells_of_awards_is_nothing_that_people_did(db: Any, world: World) -> None:
    """An award that ended is no sign of life of its holder, and no learning at midnight."""
    before = {name: run(db, name).rows for name in ("inactive", "heatmap", "partner-health")}
    own = Writer(OWN_CLIENT, OWN_CLIENT, "vendor", WRITER.authority)
    batch = [
        {"actor": {"mbox": f"mailto:{person}@x.example"}, "verb": {"id": "http://x.example/verbs/expired"},
         "object": {"id": "https://x.example/award"}, "timestamp": (NOW - DAY).isoformat()}
        for person in sorted(world.people)
    ]  # fmt: skip
    store_statements(
        StatementStore(db, "north"),
        parse_statements(orjson.dumps(batch)),
        writer=own,
        version="2.0.0",
        now=NOW,
    )
    assert {name: run(db, name).rows for name in before} == before


@BOTH
def test_inactive_lists_who_was_silent_for_sixty_days(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    last: dict[str, dt.datetime] = {}
    for s in world.statements:
        at = dt.datetime.fromisoformat(s["timestamp"])
        last[world.person_of(s)] = max(last.get(world.person_of(s), at), at)
    expected = {p for p in members(world, orgs) if p not in last or (NOW - last[p]).days >= 60}
    assert {row["person"] for row in run(db, "inactive", orgs).rows} == expected


@BOTH
@pytest.mark.usefixtures("published")
def test_the_leaderboard_counts_certifications(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    held = {org: sum(world.holds(p, NOW) for p, of in world.people.items() if of == org) for org in orgs}
    rows = run(db, "leaderboard", orgs).rows
    assert {row["organization"]: row["certifications"] for row in rows} == held
    assert [row["certifications"] for row in rows] == sorted(held.values(), reverse=True)


@BOTH
def test_the_heat_map_counts_every_statement_once(db: Any, world: World, orgs: tuple[str, ...]) -> None:
    rows = run(db, "heatmap", orgs).rows
    mine = [dt.datetime.fromisoformat(s["timestamp"]) for s in world.statements if s["org"] in orgs]
    assert sum(row["statements"] for row in rows) == len(mine)
    for row in rows:
        assert row["statements"] == sum(f"{at:%A}" == row["day"] and at.hour == row["hour"] for at in mine)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_no_report_tells_a_partner_of_anothers_people(db: Any, world: World, name: str) -> None:
    """The other partner may vanish, with statements of its people in our store, and nothing changes."""
    stray = dict(world._statement(members(world, ("south",))[0], "north"))
    raw = orjson.dumps({k: v for k, v in stray.items() if k != "org"})
    store_statements(
        StatementStore(db, "north"), parse_statements(raw), writer=WRITER, version="2.0.0", now=NOW
    )
    before = as_json(run(db, name, ("north",), certification="sales"))
    others = members(world, ("south",))
    actors = [f"mbox::mailto:{p}@x.example" for p in others]
    db.statements.delete_many({"$or": [{"org": "south"}, {"actor": {"$in": actors}}]})
    for collection in ("standings", "awards", "affiliations", "work"):
        db[collection].delete_many({"person": {"$in": others}})
    db.people.delete_many({"_id": {"$in": others}})
    assert as_json(run(db, name, ("north",), certification="sales")) == before


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_report_has_all_three_forms(db: Any, name: str) -> None:
    World(db, 0)
    report = run(db, name, certification="sales")
    assert about(name).endswith(".")
    assert as_csv(report).decode().splitlines()[0] == ",".join(report.columns)
    assert all(set(row) == set(report.columns) for row in report.rows)
    assert draw(report, "png").startswith(b"\x89PNG")
    assert b"<svg" in draw(report, "svg")


def test_narrowing_by_region_role_and_organization(db: Any) -> None:
    world = World(db, 9)
    for wanted, orgs in (({"region": "EU"}, {"north"}), ({"organization": "south"}, {"south"})):
        rows = run(db, "leaderboard", **wanted).rows
        assert {row["organization"] for row in rows} == orgs & set(world.people.values())
    sales = {row["person"] for row in db.affiliations.find({"role": "sales"})}
    assert {row["person"] for row in run(db, "inactive", role="sales").rows} <= sales


def answered(person: str, question: str, attempt: int, *, right: bool, response: str) -> dict[str, Any]:
    return {
        "actor": {"mbox": f"mailto:{person}@x.example"},
        "verb": {"id": ADL + "answered"},
        "object": {
            "id": f"https://x.example/{question}",
            "definition": {"description": {"en": f"What is {question}?"}, "interactionType": "choice"},
        },
        "result": {"success": right, "response": response},
        "context": {"registration": str(uuid.UUID(int=attempt, version=4))},
    }


def test_items_tell_difficulty_discrimination_and_distractors(db: Any) -> None:
    world = World(db, 1)
    people = members(world, ("north",))[:4]
    given = [(True, True, True), (True, True, False), (False, True, False), (False, False, False)]
    batch = [
        answered(person, f"q{i}", n + 1, right=right, response="a" if right else "bc"[n % 2])
        for n, (person, answers) in enumerate(zip(people, given, strict=True))
        for i, right in enumerate(answers)
    ]
    db.statements.delete_many({})
    raw = parse_statements(orjson.dumps(batch))
    store_statements(StatementStore(db, "north"), raw, writer=WRITER, version="2.0.0", now=NOW)
    rows = {row["question"]: row for row in run(db, "items").rows}
    assert [rows[f"https://x.example/q{i}"]["difficulty"] for i in range(3)] == [0.5, 0.75, 0.25]
    rest = [(a[1] + a[2]) / 2 for a in given]
    expected = statistics.correlation([float(a[0]) for a in given], rest)
    assert rows["https://x.example/q0"]["discrimination"] == pytest.approx(expected, abs=0.001)
    assert rows["https://x.example/q0"]["distractors"] == "b: 25%; c: 25%"
    assert rows["https://x.example/q1"]["title"] == "What is q1?"


def test_discrimination_needs_variation() -> None:
    assert discrimination("q", [{"q": True, "r": True}, {"q": True, "r": False}]) is None
    assert discrimination("q", [{"q": True}]) is None
