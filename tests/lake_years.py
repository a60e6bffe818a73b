"""Some years of a programme by a seed, in MongoDB and in a lake, and reports over them counted by hand."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from dateutil.relativedelta import relativedelta

from lrs.access.clients import OWN_CLIENT
from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.award_states import holding_spans
from lrs.analysis.readable_stores import Scope
from lrs.analysis.reports.catalogue import EVERY_REPORT
from lrs.analysis.reports.report import Report
from lrs.foundation.context import utc_now
from lrs.lake import tending
from lrs.lake.filling import Filler
from rules.catalogue.store import RuleStore
from rules.checking.load import load
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage import definitions
from statements.storage.store import StatementStore

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
EVER = dt.datetime(1, 1, 2, tzinfo=dt.UTC)  # a line of states begins before everything
ORGS = ("north", "south")
ADL = "http://adlnet.gov/expapi/verbs/"
BERLIN = ZoneInfo("Europe/Berlin")
AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://x.example", "name": "k"}}
CONTENT = [f"https://x.example/content/{n}" for n in range(5)]
QUESTIONS = [f"https://x.example/test/question-{n}" for n in range(4)]
RULE = """
kind: Certification
id: {id}
version: "1"
title: {title}
role: sales
evidence:
  course: {{verb: completed, activity: "https://x.example/{id}/course/*"}}
  exam: {{verb: [passed, failed], activity: "https://x.example/{id}/exam"}}
award:
  when:
    all:
      - {{done: course, label: The course}}
      - {{score: exam, at_least: 0.8, label: The exam}}
validity: {{lasts: 12 months}}
"""
TIERS = """
kind: PartnerTiers
id: partners
version: "1"
order: [registered, silver, gold]
tiers:
  silver: {people_holding: {role: sales}, at_least: 1}
  gold: {people_holding: {role: sales}, at_least: 2}
"""
ORDER = {"partners": ("registered", "silver", "gold")}
VISITS = ("launched", "initialized", "attempted", "completed", "passed", "failed", "mastered")


@dataclass
class Did:
    """One statement as it was told."""

    person: str
    org: str
    verb: str
    activity: str
    at: dt.datetime
    registration: str
    success: bool | None = None
    scaled: float | None = None
    response: str | None = None
    order: int = 0  # in which it was stored


@dataclass
class Years:
    """People of two partners over three years: where they belonged, what they held, did and sold."""

    db: Any
    seed: int
    people: int = 24
    memberships: dict[str, list[tuple[str, dt.datetime, dt.datetime | None]]] = field(default_factory=dict)
    states: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    did: list[Did] = field(default_factory=list)
    deals: list[dict[str, Any]] = field(default_factory=list)
    _acts: dict[tuple[str, ...], list[Did]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        definitions._RECENT = definitions.RecentMemory()  # of a database that was emptied
        for org, region in zip(ORGS, ("EU", "US"), strict=True):
            self.db.orgs.insert_one(
                {
                    "_id": org,
                    "name": org.title(),
                    "ancestors": ["vendor"],
                    "region": region,
                    "kind": "partner",
                    "status": "active",
                }
            )
        for name in ("sales", "tech"):
            self._publish(name, RULE.format(id=name, title=name.title()))
        for n in range(self.people):
            self._person(f"p_{n:02}")
        self._store()
        self._tiers()

    def _publish(self, name: str, text: str) -> None:
        loaded = load(text.encode(), f"{name}.yaml")
        assert loaded.document is not None, loaded
        RuleStore(self.db).publish(loaded.document, source=text, by="test", now=NOW - 1500 * DAY)

    def _tiers(self) -> None:
        self._publish("tiers", TIERS)
        for org in ORGS:
            steps = sorted((self.some(1, 900), self.chance.choice(ORDER["partners"])) for _ in range(4))
            document = {"_id": org, "organization": org, "programme": "partners"}
            self.db.tiers.insert_one({**document, "steps": [{"at": at, "tier": tier} for at, tier in steps]})

    def some(self, least: int, most: int) -> dt.datetime:
        """Return an instant so many days ago, at an hour that every zone has once."""
        at = NOW - self.chance.randrange(least, most) * DAY
        return at.replace(hour=self.chance.randrange(8, 20), minute=self.chance.randrange(60))

    def _person(self, person: str) -> None:
        ifis = [{"ifi": f"mbox::mailto:{person}{n}@x.example", "from": None, "until": None} for n in (1, 2)]
        self.db.people.insert_one({"_id": person, "org": "vendor", "name": person.upper(), "ifis": ifis})
        spans = [(self.chance.choice(ORGS), self.some(800, 1000), None)]
        if self.chance.random() < 0.3:
            moved = self.some(50, 700)
            org, start, _ = spans[0]
            spans = [(org, start, moved)]
            if self.chance.random() < 0.6:
                spans.append((self.chance.choice(ORGS), moved, None))
        self.memberships[person] = spans
        for n, (org, start, end) in enumerate(spans):
            self.db.affiliations.insert_one({
                "_id": f"{person}-{n}", "person": person, "org": org, "role": "sales", "primary": True,
                "from": start, "until": end, "confirmed_at": start,
            })  # fmt: skip
        for certification in ("sales", "tech"):
            if self.chance.random() < 0.75:
                self._hold(person, certification)
            elif self.chance.random() < 0.8:  # on the way, and never there
                self._stand(person, certification, [{"at": EVER, "state": "in_progress"}])
                self._try(person, spans[-1][0], certification, self.some(30, 950))
        org = spans[-1][0]
        for _ in range(self.chance.randrange(0, 4)):
            self._deal(person, org)
        for _ in range(self.chance.randrange(0, 12)):
            self._attempt(person, org)

    def _hold(self, person: str, certification: str) -> None:
        at = self.some(30, 950)
        self._try(
            person, self.memberships[person][-1][0], certification, at - self.chance.randrange(10, 90) * DAY
        )
        states: list[dict[str, Any]] = [{"at": EVER, "state": "in_progress"}]
        for _ in range(self.chance.randrange(1, 4)):
            states.append({"at": at, "state": "active", "version": "1"})
            if self.chance.random() < 0.4:
                states.append({"at": at + 200 * DAY, "state": "renewal_open", "version": "1"})
            at += 365 * DAY
            if self.chance.random() < 0.6:
                states.append({"at": at, "state": "expired", "version": "1"})
                at += self.chance.randrange(10, 90) * DAY
        if states[-1]["state"] != "expired":
            states.append({"at": at, "state": "expired", "version": "1"})
        self._stand(person, certification, states)

    def _stand(self, person: str, certification: str, states: list[dict[str, Any]]) -> None:
        self.states[person, certification] = states
        self.db.standings.insert_one({
            "_id": f"{person}/{certification}", "org": "vendor", "person": person,
            "certification": certification, "states": states,
        })  # fmt: skip

    def _try(self, person: str, org: str, certification: str, at: dt.datetime) -> None:
        """Some evidence, as a course or an exam leaves it."""
        base, registration = (
            f"https://x.example/{certification}",
            str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
        )
        for n in range(self.chance.randrange(0, 3)):
            self.did.append(Did(person, org, "completed", f"{base}/course/{n}", at + n * DAY, registration))
        for _ in range(self.chance.randrange(0, 3)):
            scaled = self.chance.randrange(21) / 20
            verb = "passed" if scaled >= 0.8 else "failed"
            at += 2 * DAY
            self.did.append(
                Did(person, org, verb, f"{base}/exam", at, registration, verb == "passed", scaled)
            )

    def _deal(self, person: str, org: str) -> None:
        won = self.chance.choice([True, False, None])
        deal = {
            "_id": f"{org}/{len(self.deals)}", "org": org, "id": str(len(self.deals)), "partner": org,
            "person": person, "product": None, "created": self.some(1, 900), "won": won,
            "amount": float(self.chance.randrange(1, 90)) if self.chance.random() < 0.9 else None,
        }  # fmt: skip
        self.deals.append(deal)
        self.db.deals.insert_one(deal)

    def _attempt(self, person: str, org: str) -> None:
        """Some content one after the other, and a test at its end."""
        at, registration = self.some(1, 900), str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        for _ in range(self.chance.randrange(1, 5)):
            verb = self.chance.choice((*VISITS, "experienced"))
            scaled = self.chance.randrange(21) / 20 if verb in {"passed", "failed"} else None
            success = None if scaled is None else verb == "passed"
            self.did.append(
                Did(person, org, verb, self.chance.choice(CONTENT), at, registration, success, scaled)
            )
            at += self.chance.randrange(1, 60) * 5 * HOUR
        for question in QUESTIONS[: self.chance.randrange(0, 5)]:
            right = self.chance.random() < (0.8 if question == QUESTIONS[0] else 0.5)
            response = "right" if right else self.chance.choice("abc")
            at += HOUR
            self.did.append(Did(person, org, "answered", question, at, registration, right, None, response))

    def _store(self) -> None:
        self.did = [one for one in self.did if one.at < NOW]
        self.chance.shuffle(self.did)
        for org in ORGS:
            mine = [one for one in self.did if one.org == org]
            for order, one in enumerate(mine):
                one.order = order
            if mine:
                self._send(org, [self.statement(one) for one in mine])
            told = [self.statement(one) for one in mine[:2]]  # what Laurel writes itself is nobody's doing
            self._send(org, told, client=OWN_CLIENT)

    def _send(self, org: str, told: list[dict[str, Any]], client: str = "k") -> None:
        writer = Writer(client, "vendor", "vendor", AUTHORITY)
        store_statements(
            StatementStore(self.db, org), parse_statements(orjson.dumps(told)), writer=writer, version="2.0.0", now=NOW
        )  # fmt: skip

    def statement(self, one: Did) -> dict[str, Any]:
        result: dict[str, Any] = {}
        if one.success is not None:
            result["success"] = one.success
        if one.scaled is not None:
            result["score"] = {"scaled": one.scaled}
        if one.response is not None:
            result["response"] = one.response
        told: dict[str, Any] = {
            "id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "actor": {
                "mbox": f"mailto:{one.person}{self.chance.choice('12') if one.response is None else 1}@x.example"
            },
            "verb": {"id": ADL + one.verb},
            "object": {"id": one.activity},
            "context": {"registration": one.registration},
            "timestamp": one.at.isoformat().replace("+00:00", ".000Z"),
        }
        if one.response is not None:
            told["object"]["definition"] = {
                "type": "http://adlnet.gov/expapi/activities/cmi.interaction", "interactionType": "choice",
                "description": {"en": f"What is {one.activity[-1]}?"},
            }  # fmt: skip
        return {**told, **({"result": result} if result else {})}

    # what is true of people

    def member(self, person: str, at: dt.datetime, orgs: tuple[str, ...] = ORGS) -> str | None:
        return next(
            (
                org
                for org, start, end in self.memberships[person]
                if org in orgs and start <= at and (end is None or at < end)
            ),
            None,
        )

    def belonged(self, orgs: tuple[str, ...]) -> set[str]:
        return {p for p, spans in self.memberships.items() if any(org in orgs for org, *_ in spans)}

    def spans(
        self, orgs: tuple[str, ...] = ORGS
    ) -> Iterator[tuple[str, str, list[tuple[dt.datetime, dt.datetime | None]]]]:
        known = self.belonged(orgs)
        for (person, certification), states in self.states.items():
            if person in known and (found := holding_spans(states)):
                yield person, certification, found

    def acts(self, orgs: tuple[str, ...]) -> list[Did]:
        if orgs not in self._acts:
            known = self.belonged(orgs)
            self._acts[orgs] = [one for one in self.did if one.org in orgs and one.person in known]
        return self._acts[orgs]

    def acts_of(self, orgs: tuple[str, ...], person: str) -> list[Did]:
        key = (*orgs, "of", person)
        if key not in self._acts:
            self._acts[key] = [one for one in self.acts(orgs) if one.person == person]
        return self._acts[key]

    def ask(self, url: str, name: str, orgs: tuple[str, ...] = ORGS, **wanted: Any) -> Report:
        narrow = ReportFilter(**wanted)
        whom = audience(self.db, Scope(orgs, whole=orgs == ORGS), narrow, NOW)
        return EVERY_REPORT[name](ReportRequest(self.db, whom, narrow, NOW, url, predicts=True))


def fill(db: Any, filler: Filler) -> str:
    """Copy the store into the lake; return where it is."""
    filler.create()
    filler.build(lambda _count: True)
    url = filler.statements.uri.removesuffix("/statements")
    tending.keep(db, url, utc_now)
    return url


def holds(spans: list[tuple[dt.datetime, dt.datetime | None]], at: dt.datetime) -> bool:
    return any(start <= at and (end is None or at < end) for start, end in spans)


def quarter(at: dt.datetime) -> str:
    day = at.astimezone(BERLIN)
    return f"{day.year} Q{(day.month + 2) // 3}"


# the reports by hand


def retention(years: Years, orgs: tuple[str, ...]) -> list[dict[str, Any]]:
    awards: Counter[str] = Counter()
    seen: dict[tuple[str, int], list[tuple[str, bool]]] = defaultdict(list)
    for person, _, spans in years.spans(orgs):
        first = spans[0][0]
        if first > NOW or years.member(person, first, orgs) is None:
            continue
        awards[quarter(first)] += 1
        for months in range(3, 37, 3):
            then = (first.astimezone(BERLIN).replace(tzinfo=None) + relativedelta(months=months)).replace(
                tzinfo=BERLIN
            )
            then = then.astimezone(dt.UTC)
            if then <= NOW and years.member(person, then, orgs) is not None:
                seen[quarter(first), months].append((person, holds(spans, then)))
    rows = []
    for (cohort, months), found in sorted(seen.items()):
        few = len({person for person, _ in found}) < 5
        held = sum(one for _, one in found)
        rows.append({
            "cohort": cohort, "awards": awards[cohort], "months": months, "observed": len(found),
            "held": None if few else held, "share": None if few else round(held / len(found), 3),
        })  # fmt: skip
    return rows


def quartiles(values: list[float]) -> list[float | None]:
    if len(values) < 5:
        return [None, None, None]
    return list(statistics.quantiles(values, n=4, method="inclusive"))


def competency(years: Years, orgs: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    joined: dict[str, list[float]] = {org: [] for org in orgs}
    learned: dict[str, list[float]] = {org: [] for org in orgs}
    waiting = Counter[str]()
    firsts: dict[str, dt.datetime] = {}
    for person, _, spans in years.spans(orgs):
        firsts[person] = min(firsts.get(person, spans[0][0]), spans[0][0])
    for person in years.belonged(orgs):
        first = firsts.get(person)
        now = years.member(person, NOW, orgs)
        if now is not None and (first is None or first > NOW):
            waiting[now] += 1
        if first is None or first > NOW:
            continue
        for org, start, end in years.memberships[person]:
            if org in orgs and start <= first and (end is None or first < end):
                joined[org].append((first - start) / DAY)
                began = min((one.at for one in years.acts_of(orgs, person)), default=None)
                if began is not None and began <= first:
                    learned[org].append((first - began) / DAY)
    return {
        org: {
            "people": len(joined[org]), "days": quartiles(joined[org]), "learners": len(learned[org]),
            "learning": quartiles(learned[org]), "waiting": waiting[org],
        }
        for org in orgs
    }  # fmt: skip


def items(years: Years, orgs: tuple[str, ...]) -> dict[tuple[str, str], dict[str, Any]]:
    every = [one for one in years.acts(orgs) if one.response is not None]
    tests: dict[str, dict[str, Did]] = defaultdict(dict)
    for one in sorted(every, key=lambda each: each.order):
        tests[one.registration][one.activity] = one
    found: dict[tuple[str, str], list[Did]] = defaultdict(list)
    for one in every:
        found[one.activity, quarter(one.at)].append(one)
    rows = {}
    for (question, when), answers in found.items():
        pairs = [
            (float(test[question].success or False), sum(bool(o.success) for q, o in test.items() if q != question) / (len(test) - 1))
            for test in tests.values()
            if question in test and quarter(test[question].at) == when and len(test) > 1
        ]  # fmt: skip
        varied = all(len({pair[i] for pair in pairs}) > 1 for i in (0, 1))
        wrong = [one for one in answers if not one.success]
        common = {
            response: sum(one.response == response for one in wrong) / len(answers)
            for response in {one.response for one in wrong}
            if len({one.person for one in wrong if one.response == response}) >= 5
        }
        few = len({one.person for one in answers}) < 5
        rows[question, when] = {
            "answers": len(answers),
            "difficulty": None if few else 1 - len(wrong) / len(answers),
            "discrimination": statistics.correlation(*zip(*pairs, strict=True)) if varied and pairs and not few else None,
            "distractors": None if few else common,
        }  # fmt: skip
    return rows


def paths(years: Years, orgs: tuple[str, ...], days: int) -> dict[tuple[str, str], tuple[int, int, float]]:
    by_person: dict[str, list[Did]] = defaultdict(list)
    for one in years.acts(orgs):
        if one.verb in VISITS:
            by_person[one.person].append(one)
    steps: list[tuple[str, str, str]] = []
    for person, mine in by_person.items():
        visits: list[list[Any]] = []
        for one in sorted(mine, key=lambda each: (each.at, each.order)):
            if visits and visits[-1][0] == one.activity:
                visits[-1][2] = one.at
            else:
                visits.append([one.activity, one.at, one.at])
        for i, (content, _, ended) in enumerate(visits):
            following = visits[i + 1] if i + 1 < len(visits) else None
            if following and following[1] - ended <= days * DAY:
                steps.append((person, content, following[0]))
            elif NOW - ended >= days * DAY:
                steps.append((person, content, "(nothing)"))
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    for person, content, following in steps:
        people[content, following].add(person)
    folded = [
        (p, c, f if f == "(nothing)" or len(people[c, f]) >= 5 else "(other content)") for p, c, f in steps
    ]
    leaving = Counter(content for _, content, _ in folded)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for person, content, following in folded:
        told[content, following].append(person)
    return {
        key: (len(set(who)), len(who), len(who) / leaving[key[0]])
        for key, who in told.items()
        if len(set(who)) >= 5
    }


def cohorts(years: Years, orgs: tuple[str, ...], certification: str) -> dict[bool, list[dict[str, Any]]]:
    spans = {p: found for p, name, found in years.spans(orgs) if name == certification}
    found: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for deal in years.deals:
        if deal["org"] in orgs and years.member(deal["person"], deal["created"], orgs) is not None:
            found[holds(spans.get(deal["person"], []), deal["created"])].append(deal)
    return found


def health(years: Years, orgs: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    year_ago = NOW - 365 * DAY
    acts = [one for one in years.acts(orgs) if year_ago < one.at <= NOW]
    spans = list(years.spans(orgs))

    def mean(values: list[bool]) -> float | None:
        return sum(values) / len(values) if values else None

    found: dict[str, dict[str, float | None]] = {}
    for org in orgs:
        mine = {p for p in years.memberships if years.member(p, NOW, orgs) == org}
        if not mine:
            continue
        held = [(p, c, next(end for start, end in s if start <= NOW and (end is None or end > NOW)))
                for p, c, s in spans if p in mine and holds(s, NOW)]  # fmt: skip
        tried: dict[tuple[str, str, str], list[Did]] = defaultdict(list)
        for one in acts:
            if one.person in mine and one.scaled is not None:
                tried[one.person, one.activity, one.registration].append(one)
        found[org] = {
            "certified": len({p for p, *_ in held}) / len(mine),
            "active": len({one.person for one in acts if one.person in mine and one.at > NOW - 60 * DAY}) / len(mine),
            "kept": mean([holds(s, NOW) for p, _, s in spans if p in mine and years.member(p, year_ago, orgs) == org and holds(s, year_ago)]),
            "safe": mean([end is None or end > NOW + 90 * DAY for *_, end in held]),
            "passing": mean([any(one.verb == "passed" or bool(one.success) for one in each) for each in tried.values()]),
            "learning": len({p for p, _, s in spans if p in mine and year_ago < s[0][0] <= NOW}) / len(mine),
        }  # fmt: skip
    return found
