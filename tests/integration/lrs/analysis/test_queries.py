"""Every operator, grouping and measure of the query language against a brute-force computation in Python."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import threading
import time
import uuid
import zoneinfo
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import ExecutionTimeout

from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst, Cancelled, cancel
from statements.errors import InvalidQuery, QueryTimeout
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.query.analyst_query import COMPARISONS
from statements.storage.store import StatementStore

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ORGS = ("north", "south")
VERBS = ("passed", "failed", "completed")
ADL = "http://adlnet.gov/expapi/verbs/"
EXTENSION = "https://ext.example/v1.2/room$x"
LEVEL = "https://ext.example/v1.2/level"
WRITER = Writer(
    "k", "vendor", "vendor", {"objectType": "Agent", "account": {"homePage": "http://x.example", "name": "k"}}
)

rows = st.fixed_dictionaries({
    "org": st.sampled_from(ORGS),
    "actor": st.integers(0, 4),
    "verb": st.sampled_from(VERBS),
    "activity": st.integers(0, 2),
    "scaled": st.none() | st.integers(0, 20).map(lambda n: n / 20),
    "success": st.none() | st.booleans(),
    "platform": st.none() | st.sampled_from(["Moodle", "Moodle 4", "Totara"]),
    "room": st.none() | st.sampled_from(["a", "b"]),
    "level": st.none() | st.integers(0, 3),
    "registration": st.none() | st.integers(1, 3),
    "category": st.lists(st.sampled_from(["urn:c:1", "urn:c:2"]), unique=True, max_size=2),
    "minute": st.integers(0, 170 * 24 * 60),
    "duration": st.none() | st.integers(1, 600),
    "voided": st.just(False) | st.booleans(),
})  # fmt: skip
stores = st.lists(rows, max_size=14)


def timestamp(row: dict[str, Any]) -> dt.datetime:
    return START + dt.timedelta(minutes=row["minute"])


def attempt(row: dict[str, Any]) -> uuid.UUID | None:
    return None if row["registration"] is None else uuid.UUID(int=row["registration"], version=4)


def statement(row: dict[str, Any]) -> dict[str, Any]:
    result = {
        "score": None if row["scaled"] is None else {"scaled": row["scaled"]},
        "success": row["success"],
        "duration": None if row["duration"] is None else f"PT{row['duration']}S",
    }
    context = {
        "platform": row["platform"],
        "contextActivities": {"category": [{"id": c} for c in row["category"]]} if row["category"] else None,
        "extensions": {k: v for k, v in ((EXTENSION, row["room"]), (LEVEL, row["level"])) if v is not None},
        "registration": None if row["registration"] is None else str(attempt(row)),
    }
    return {
        "id": row["id"],
        "actor": {"mbox": f"mailto:p{row['actor']}@x.example"},
        "verb": {"id": ADL + row["verb"]},
        "object": {"id": f"https://x.example/a{row['activity']}"},
        "result": {k: v for k, v in result.items() if v is not None},
        "context": {k: v for k, v in context.items() if v is not None},
        "timestamp": timestamp(row).isoformat().replace("+00:00", ".000Z"),
    }


def fill(db: Any, store: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store the rows through the real ingest; return those that are not voided, in order of storing."""
    db.statements.delete_many({})
    for i, row in enumerate(store):
        row["id"] = str(uuid.UUID(int=i + 1, version=4))
    for org in ORGS:
        batch = [statement(row) for row in store if row["org"] == org]
        batch += [
            {
                "actor": {"mbox": "mailto:admin@x.example"},
                "verb": {"id": ADL + "voided"},
                "object": {"objectType": "StatementRef", "id": row["id"]},
            }
            for row in store
            if row["voided"] and row["org"] == org
        ]
        if batch:
            parsed = parse_statements(orjson.dumps(batch))
            store_statements(StatementStore(db, org), parsed, writer=WRITER, version="2.0.0", now=NOW)
    return [row for row in store if not row["voided"]]


NO_VOIDERS = {"not": {"field": "verb", "eq": "voided"}}


def analyst(db: Any, orgs: tuple[str, ...] = ORGS) -> Analyst:
    return Analyst(db, Scope(orgs), NOW)


# Conditions with their meaning in Python

Condition = tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]


def compare(field: str, get: Callable[[dict[str, Any]], Any], values: Any) -> st.SearchStrategy[Condition]:
    """Order comparisons hold only for values that are there; `ne` also for missing ones."""
    tests = {
        "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a is not None and a < b,
        "lte": lambda a, b: a is not None and a <= b, "gt": lambda a, b: a is not None and a > b,
        "gte": lambda a, b: a is not None and a >= b,
    }  # fmt: skip

    def make(operator: str, value: Any) -> Condition:
        shown = value.isoformat() if isinstance(value, dt.datetime) else value
        return {"field": field, operator: shown}, lambda row: tests[operator](get(row), value)

    return st.builds(make, st.sampled_from(sorted(tests)), values)


def extension(iri: str, operator: str, value: Any, test: Callable[[Any], bool], name: str) -> Condition:
    body = {"field": "context.extensions", "key": iri, operator: value}
    return body, lambda row: test(row[name])


def ordered(name: str, value: Any) -> Callable[[Any], bool]:
    """Return the meaning of an operator: order only among what is there, `ne` also where it is missing."""
    return {
        "eq": lambda a: a == value, "ne": lambda a: a != value, "lt": lambda a: a is not None and a < value,
        "lte": lambda a: a is not None and a <= value, "gt": lambda a: a is not None and a > value,
        "gte": lambda a: a is not None and a >= value,
    }[name]  # fmt: skip


def simple(field: str, operator: str, value: Any, test: Callable[[dict[str, Any]], bool]) -> Condition:
    return {"field": field, operator: value}, test


leaves: st.SearchStrategy[Condition] = st.one_of(
    compare("score.scaled", lambda r: r["scaled"], st.integers(0, 20).map(lambda n: n / 20)),
    compare("duration_s", lambda r: r["duration"], st.integers(1, 600)),
    compare(
        "timestamp", timestamp, st.integers(0, 170 * 24 * 60).map(lambda m: START + dt.timedelta(minutes=m))
    ),
    st.sampled_from(VERBS).map(lambda v: simple("verb", "eq", v, lambda r: r["verb"] == v)),
    st.sets(st.sampled_from(VERBS), min_size=1).map(
        lambda vs: simple("verb", "in", sorted(vs), lambda r: r["verb"] in vs)
    ),
    st.integers(0, 4).map(
        lambda n: simple("actor", "eq", f"mbox::mailto:p{n}@x.example", lambda r: r["actor"] == n)
    ),
    st.integers(0, 2).map(
        lambda n: simple("object.id", "eq", f"https://x.example/a{n}", lambda r: r["activity"] == n)
    ),
    st.booleans().map(lambda b: simple("success", "eq", b, lambda r: r["success"] is b)),
    st.booleans().map(lambda b: simple("platform", "exists", b, lambda r: (r["platform"] is not None) is b)),
    st.sampled_from(["Moodle", "Tot"]).map(
        lambda p: simple("platform", "prefix", p, lambda r: (r["platform"] or "").startswith(p))
    ),
    st.sampled_from(["urn:c:1", "urn:c:2"]).map(
        lambda c: simple("category", "contains", c, lambda r: c in r["category"])
    ),
    st.sampled_from(["a", "b"]).map(
        lambda v: ({"field": "context.extensions", "key": EXTENSION, "eq": v}, lambda r: r["room"] == v)
    ),
    st.tuples(st.sampled_from(COMPARISONS), st.sampled_from(["Moodle", "Nope", "T"])).map(
        lambda c: simple("platform", c[0], c[1], lambda r: ordered(*c)(r["platform"]))
    ),
    st.sets(st.integers(0, 20).map(lambda n: n / 20), min_size=1).map(
        lambda vs: simple("score.scaled", "in", sorted(vs), lambda r: r["scaled"] in vs)
    ),
    st.sets(st.integers(1, 3), min_size=1).map(
        lambda ns: simple(
            "registration",
            "in",
            [str(uuid.UUID(int=n, version=4)) for n in sorted(ns)],
            lambda r: r["registration"] in ns,
        )
    ),
    st.tuples(st.sampled_from(["eq", "ne"]), st.integers(1, 3)).map(
        lambda c: simple(
            "registration",
            c[0],
            str(uuid.UUID(int=c[1], version=4)),
            lambda r: ordered(*c)(r["registration"]),
        )
    ),
    st.tuples(st.sampled_from(["eq", "ne"]), st.booleans()).map(
        lambda c: simple("success", c[0], c[1], lambda r: ordered(*c)(r["success"]))
    ),
    st.tuples(
        st.sampled_from(["scaled", "duration", "category", "registration", "success"]), st.booleans()
    ).map(
        lambda c: simple(
            {"scaled": "score.scaled", "duration": "duration_s"}.get(c[0], c[0]),
            "exists",
            c[1],
            lambda r: (r[c[0]] not in (None, [])) is c[1],
        )
    ),
    st.tuples(st.sampled_from(COMPARISONS), st.integers(0, 3)).map(
        lambda c: extension(LEVEL, c[0], c[1], ordered(*c), "level")
    ),
    st.tuples(st.sampled_from(COMPARISONS), st.sampled_from(["a", "b"])).map(
        lambda c: extension(EXTENSION, c[0], c[1], ordered(*c), "room")
    ),
    st.sets(st.sampled_from(["a", "b"]), min_size=1).map(
        lambda vs: extension(EXTENSION, "in", sorted(vs), lambda v: v in vs, "room")
    ),
    st.just(extension(EXTENSION, "prefix", "a", lambda v: v == "a", "room")),
    st.booleans().map(lambda b: extension(LEVEL, "exists", b, lambda v: (v is not None) is b, "level")),
    st.integers(1, 180 * 24).map(
        lambda n: simple(
            "timestamp", "last", f"{n} hours", lambda r: timestamp(r) >= NOW - dt.timedelta(hours=n)
        )
    ),
    st.integers(1, 180).map(
        lambda n: simple(
            "timestamp", "last", f"{n} days", lambda r: timestamp(r) >= NOW - dt.timedelta(days=n)
        )
    ),
)


def nest(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    lists = st.lists(children, max_size=3)
    return st.one_of(
        lists.map(lambda cs: ({"all": [c for c, _ in cs]}, lambda r: all(t(r) for _, t in cs))),
        lists.map(lambda cs: ({"any": [c for c, _ in cs]}, lambda r: any(t(r) for _, t in cs))),
        children.map(lambda c: ({"not": c[0]}, lambda r: not c[1](r))),
    )


conditions = st.recursive(leaves, nest, max_leaves=6)
relaxed = settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@relaxed
@given(store=stores, condition=conditions, orgs=st.sampled_from([("north",), ("south",), ORGS]))
def test_a_filter_selects_what_python_selects(
    db: Any, store: Any, condition: Condition, orgs: tuple[str, ...]
) -> None:
    kept = fill(db, store)
    body, test = condition
    answer = analyst(db, orgs).ask({"filter": {"all": [body, NO_VOIDERS]}, "select": ["id"], "limit": 100})
    assert {row["id"] for row in answer.rows} == {r["id"] for r in kept if r["org"] in orgs and test(r)}


KEYS: dict[str, tuple[Any, Callable[[dict[str, Any]], list[Any]]]] = {
    "verb": ("verb", lambda r: [ADL + r["verb"]]),
    "org": ("org", lambda r: [r["org"]]),
    "platform": ("platform", lambda r: [r["platform"]]),
    "success": ("success", lambda r: [r["success"]]),
    "category": ("category", lambda r: r["category"] or [None]),
    "room": ({"field": "context.extensions", "key": EXTENSION, "name": "room"}, lambda r: [r["room"]]),
    "level": ({"field": "context.extensions", "key": LEVEL, "name": "level"}, lambda r: [r["level"]]),
    "score.scaled": ("score.scaled", lambda r: [r["scaled"]]),
    "duration_s": ("duration_s", lambda r: [r["duration"]]),
    "object.id": ("object.id", lambda r: [f"https://x.example/a{r['activity']}"]),
    "actor": ("actor", lambda r: [f"mbox::mailto:p{r['actor']}@x.example"]),
    "person": ("person", lambda r: [f"mbox::mailto:p{r['actor']}@x.example"]),
    "registration": ("registration", lambda r: [r["registration"] and str(attempt(r))]),
    "hour": (
        {"bucket": "hour", "timezone": "Asia/Kathmandu"},
        lambda r: [local(r, "Asia/Kathmandu", "hour")],
    ),
    "berlin": (
        {"bucket": "day", "timezone": "Europe/Berlin", "name": "berlin"},
        lambda r: [local(r, "Europe/Berlin", "day")],
    ),
    "quarter": (
        {"bucket": "quarter", "timezone": "America/New_York"},
        lambda r: [local(r, "America/New_York", "quarter")],
    ),
    "year": ({"bucket": "year", "timezone": "Europe/Berlin"}, lambda r: [local(r, "Europe/Berlin", "year")]),
    "month": ({"bucket": "month"}, lambda r: [timestamp(r).replace(day=1, hour=0, minute=0)]),
    "day": ({"bucket": "day"}, lambda r: [timestamp(r).replace(hour=0, minute=0)]),
    "week": ({"bucket": "week"}, lambda r: [monday(timestamp(r))]),
}


def local(row: dict[str, Any], zone: str, unit: str) -> dt.datetime:
    """Return where the bucket of a row begins by the clocks of a zone."""
    at = timestamp(row).astimezone(zoneinfo.ZoneInfo(zone)).replace(minute=0)
    if unit == "hour":
        return at
    at = at.replace(hour=0)
    if unit == "quarter":
        return at.replace(month=(at.month - 1) // 3 * 3 + 1, day=1)
    return at.replace(month=1, day=1) if unit == "year" else at


def monday(at: dt.datetime) -> dt.datetime:
    return (at - dt.timedelta(days=at.weekday())).replace(hour=0, minute=0)


def nearest_rank(values: list[float], p: float) -> float | None:
    ordered = sorted(values)
    return ordered[math.ceil(p * len(ordered)) - 1] if ordered else None


def measured(group: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [r["scaled"] for r in group if r["scaled"] is not None]
    by_time = sorted(
        (r for r in group if r["platform"] is not None), key=lambda r: (timestamp(r), r["order"])
    )
    return {
        "n": len(group),
        "people": len({r["actor"] for r in group}),
        "total": sum(scores),
        "mean": sum(scores) / len(scores) if scores else None,
        "low": min(scores, default=None),
        "high": max(scores, default=None),
        "median": nearest_rank(scores, 0.5),
        "p90": nearest_rank(scores, 0.9),
        "first": by_time[0]["platform"] if by_time else None,
        "last": by_time[-1]["platform"] if by_time else None,
    }


MEASURES = {
    "n": "count", "people": {"distinct": "person"}, "total": {"sum": "score.scaled"},
    "mean": {"avg": "score.scaled"}, "low": {"min": "score.scaled"}, "high": {"max": "score.scaled"},
    "median": {"percentile": "score.scaled", "p": 0.5}, "p90": {"percentile": "score.scaled", "p": 0.9},
    "first": {"first": "platform"}, "last": {"last": "platform"},
}  # fmt: skip


@relaxed
@given(store=stores, keys=st.lists(st.sampled_from(sorted(KEYS)), max_size=2, unique=True))
def test_groups_and_measures_are_what_python_computes(db: Any, store: Any, keys: list[str]) -> None:
    kept = fill(db, store)
    for org in ORGS:  # the order of storing decides between equal timestamps
        for i, row in enumerate(r for r in store if r["org"] == org):
            row["order"] = (ORGS.index(org), i)
    groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in kept:
        for values in itertools.product(*(KEYS[key][1](row) for key in keys)):
            groups[values].append(row)
    if not keys:
        groups.setdefault((), [])
    query = {"filter": NO_VOIDERS, "group": [KEYS[k][0] for k in keys], "measures": MEASURES, "limit": 1000}
    answer = analyst(db).ask(query)
    found = {tuple(row[key] for key in keys): row for row in answer.rows}
    assert found.keys() == groups.keys()
    for values, group in groups.items():
        for name, expected in measured(group).items():
            got = found[values][name]
            assert got == (pytest.approx(expected) if isinstance(expected, float) else expected), name


@relaxed
@given(
    store=stores,
    limit=st.integers(1, 5),
    sort=st.sampled_from(["stored", "-stored", "timestamp", "-score.scaled", "score.scaled"]),
)
def test_pages_hold_every_statement_once_in_order(db: Any, store: Any, limit: int, sort: str) -> None:
    kept = fill(db, store)
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {
            "filter": NO_VOIDERS,
            "select": ["id", "timestamp", "score.scaled"],
            "sort": sort,
            "limit": limit,
        }
        answer = analyst(db).ask(query | ({"cursor": cursor} if cursor else {}))
        seen += answer.rows
        cursor = answer.cursor
        if cursor is None:
            break
        assert len(answer.rows) == limit
    assert sorted(row["id"] for row in seen) == sorted(row["id"] for row in kept)
    name = sort.removeprefix("-")
    if name != "stored":
        values = [row[name] for row in seen if row[name] is not None]
        assert values == sorted(values, reverse=sort.startswith("-"))


def test_top_n_comes_from_sort_and_limit(db: Any) -> None:
    fill(db, [row(verb=v) for v in ("passed", "passed", "failed")])
    answer = analyst(db).ask({"group": ["verb"], "measures": {"n": "count"}, "sort": "-n", "limit": 1})
    assert answer.rows == [{"verb": ADL + "passed", "n": 2}]


def test_the_mean_of_success_is_the_share_that_succeeded(db: Any) -> None:
    fill(db, [row(success=one) for one in (True, False, True, True, None)])
    answer = analyst(db).ask({"measures": {"share": {"avg": "success"}, "done": {"avg": "completion"}}})
    assert answer.rows == [{"share": 0.75, "done": None}], "who says nothing counts for nothing"


def test_the_previous_period_has_the_same_length_and_ends_where_this_begins(db: Any) -> None:
    fill(db, [row(minute=m * 24 * 60) for m in (100, 101, 105, 111, 112, 113)])
    span = {"all": [
        {"field": "timestamp", "gte": (START + dt.timedelta(days=110)).isoformat()},
        {"field": "timestamp", "lt": (START + dt.timedelta(days=120)).isoformat()},
    ]}  # fmt: skip
    answer = analyst(db).ask({"filter": span, "measures": {"n": "count"}, "compare": "previous_period"})
    assert (answer.rows, answer.previous) == ([{"n": 3}], [{"n": 3}])


def test_buckets_follow_the_time_zone(db: Any) -> None:
    fill(db, [row(minute=23 * 60 + 30)])
    query = {"group": [{"bucket": "day", "timezone": "Europe/Berlin"}], "measures": {"n": "count"}}
    assert analyst(db).ask(query).rows == [{"day": dt.datetime(2026, 1, 1, 23, tzinfo=dt.UTC), "n": 1}]


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "org": "north", "actor": 0, "verb": "passed", "activity": 0, "scaled": None, "success": None,
        "platform": None, "room": None, "level": None, "registration": None, "category": [], "minute": 0, "duration": None, "voided": False,
    }  # fmt: skip
    return base | changes


def test_attributes_of_people_hold_at_the_time_of_the_statement(db: Any) -> None:
    """A move between organizations splits a person's statements by when they happened."""
    moved = START + dt.timedelta(days=50)
    db.orgs.insert_many(
        [{"_id": o, "name": o, "ancestors": [], "region": r} for o, r in (("north", "EU"), ("south", "US"))]
    )
    ifi = {"ifi": "mbox::mailto:p0@x.example", "from": None, "until": None}
    db.people.insert_one({"_id": "p_0", "org": "vendor", "ifis": [ifi]})
    for org, role, start, end in (("north", "sales", START, moved), ("south", "technical", moved, None)):
        when = {"from": start, "confirmed_at": start, "until": end}
        db.affiliations.insert_one({"person": "p_0", "org": org, "role": role, "primary": True, **when})
    fill(db, [row(minute=10), row(minute=20), row(minute=60 * 24 * 60), row(actor=1)])
    asked = analyst(db)
    by_org = {"group": ["person.organization"], "measures": {"n": "count", "people": {"distinct": "person"}}}
    assert sorted(asked.ask(by_org).rows, key=lambda r: -r["n"]) == [
        {"person.organization": "north", "n": 2, "people": 1},
        {"person.organization": None, "n": 1, "people": 1},
        {"person.organization": "south", "n": 1, "people": 1},
    ]
    columns = ["timestamp", "person", "person.organization", "person.role", "person.region"]
    listed = asked.ask({"select": columns, "sort": "timestamp", "filter": {"field": "verb", "eq": "passed"}})
    assert sorted(tuple(map(str, r.values()))[1:] for r in listed.rows) == sorted([
        ("p_0", "north", "sales", "EU"), ("p_0", "north", "sales", "EU"), ("p_0", "south", "technical", "US"),
        ("mbox::mailto:p1@x.example", "None", "None", "None"),
    ])  # fmt: skip
    for attribute, value, count in (
        ("role", "sales", 2),
        ("role", "technical", 1),
        ("region", "US", 1),
        ("region", "EU", 2),
    ):
        found = asked.ask(
            {"filter": {"field": f"person.{attribute}", "eq": value}, "measures": {"n": "count"}}
        )
        assert found.rows == [{"n": count}], (attribute, value)


def test_two_addresses_of_one_person_count_once(db: Any) -> None:
    ifis = [{"ifi": f"mbox::mailto:p{n}@x.example", "from": None, "until": None} for n in (0, 1)]
    db.people.insert_one({"_id": "p_0", "org": "vendor", "ifis": ifis})
    fill(db, [row(actor=0), row(actor=1), row(actor=2)])
    assert analyst(db).ask({"measures": {"people": {"distinct": "person"}}}).rows == [{"people": 2}]
    by_person = analyst(db).ask({"group": ["person"], "measures": {"n": "count"}}).rows
    assert {"person": "p_0", "n": 2} in by_person


def test_an_award_state_is_that_at_the_time_of_the_statement(db: Any) -> None:
    ifi = {"ifi": "mbox::mailto:p0@x.example", "from": None, "until": None}
    db.people.insert_one({"_id": "p_0", "org": "vendor", "ifis": [ifi]})
    states = [
        {"at": START + dt.timedelta(days=10), "state": "active"},
        {"at": START + dt.timedelta(days=40), "state": "expired"},
    ]
    db.standings.insert_one(
        {"_id": "p_0/c", "org": "vendor", "person": "p_0", "certification": "c", "states": states}
    )
    fill(db, [row(minute=day * 24 * 60) for day in (5, 15, 20, 50)])
    where = {"field": "person.award", "certification": "c", "eq": "active"}
    asked = Analyst(db, Scope(ORGS, wide=True), NOW)
    assert asked.ask({"filter": where, "measures": {"n": "count"}}).rows == [{"n": 2}]
    group = {"field": "person.award", "certification": "c", "name": "state"}
    rows = asked.ask({"group": [group], "measures": {"n": "count"}}).rows
    assert {r["state"]: r["n"] for r in rows} == {None: 1, "active": 2, "expired": 1}
    listed = asked.ask({"select": ["timestamp", group], "sort": "timestamp"}).rows
    assert [r["state"] for r in listed] == [None, "active", "active", "expired"]


def test_an_organization_sees_awards_of_its_people_only_and_of_former_ones_while_they_belonged(
    db: Any,
) -> None:
    """Two partners ask about statements of their stores; somebody who never belonged has no state there."""
    left = START + dt.timedelta(days=30)
    for n in (0, 1):
        ifi = {"ifi": f"mbox::mailto:p{n}@x.example", "from": None, "until": None}
        db.people.insert_one({"_id": f"p_{n}", "org": "vendor", "ifis": [ifi]})
        states = [
            {"at": START + dt.timedelta(days=10), "state": "active"},
            {"at": START + dt.timedelta(days=40), "state": "expired"},
        ]
        line = {"org": "vendor", "person": f"p_{n}", "certification": "c", "states": states}
        db.standings.insert_one({"_id": f"p_{n}/c", **line})
    for _id, person, org, until in (("a", "p_0", "north", left), ("b", "p_1", "south", None)):
        when = {"from": START, "confirmed_at": START, "until": until, "primary": True, "role": "sales"}
        db.affiliations.insert_one({"_id": _id, "person": person, "org": org, **when})
    days = (5, 20, 50)
    fill(db, [row(org=org, actor=n, minute=d * 24 * 60) for org in ORGS for n in (0, 1) for d in days])
    group = {"field": "person.award", "certification": "c", "name": "state"}

    def seen(org: str, **kinds: bool) -> list[tuple[int, Any]]:
        asked = Analyst(db, Scope((org,), **kinds), NOW)
        rows = asked.ask({"select": ["actor", "timestamp", group], "sort": "timestamp"}).rows
        return sorted((int(r["actor"][14]), r["timestamp"], r["state"] or "") for r in rows)

    assert [state for *_, state in seen("north")] == ["", "active", "", "", "", ""]
    assert [state for *_, state in seen("south")] == ["", "", "", "", "active", "expired"]
    assert [state for *_, state in seen("north", wide=True)] == ["", "active", "expired"] * 2


@relaxed
@given(store=stores)
def test_selected_columns_are_those_of_the_statements(db: Any, store: Any) -> None:
    """Fields, extensions by key under a name of the asker's, and lists."""
    kept = fill(db, store)
    columns = ["id", "platform", {"field": "score.scaled", "name": "score"}, "category",
               {"field": "context.extensions", "key": EXTENSION, "name": "room"}]  # fmt: skip
    rows = analyst(db).ask({"filter": NO_VOIDERS, "select": columns, "limit": 100}).rows
    assert {row["id"]: row for row in rows} == {
        r["id"]: {
            "id": r["id"], "platform": r["platform"], "score": r["scaled"], "category": r["category"] or None,
            "room": r["room"],
        }
        for r in kept
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"filter": {"field": "verbs", "eq": "x"}}, "filter.field"),
        ({"filter": {"field": "verb", "like": "x"}}, "filter"),
        ({"filter": {"field": "verb", "eq": "x", "ne": "y"}}, "filter"),
        ({"filter": {"all": {"field": "verb"}}}, "filter.all"),
        ({"filter": {"field": "score.scaled", "gte": "0.8"}}, "filter.gte"),
        ({"filter": {"field": "verb", "eq": {"$ne": ""}}}, "filter.eq"),
        ({"filter": {"field": "timestamp", "gte": "yesterday"}}, "filter.gte"),
        ({"filter": {"field": "timestamp", "last": "3 fortnights"}}, "filter.last"),
        ({"filter": {"field": "result.extensions", "eq": 1}}, "filter"),
        ({"filter": {"field": "person.award", "eq": "active"}}, "filter"),
        ({"filter": {"$where": "1"}}, "filter"),
        ({"group": ["timestamp"]}, "group[0]"),
        ({"group": [{"bucket": "fortnight"}]}, "group[0].bucket"),
        ({"group": [{"bucket": "day", "timezone": "Mars/Olympus"}]}, "group[0].timezone"),
        ({"measures": {"n": {"sum": "verb"}}}, "measures.n.sum"),
        ({"measures": {"n": {"percentile": "score.raw", "p": 50}}}, "measures.n.p"),
        ({"measures": {"$n": "count"}}, "measures"),
        ({"select": ["person.award"]}, "select[0]"),
        ({"select": ["context.extensions"]}, "select[0]"),
        ({"select": [{"field": "verb", "certification": "c"}]}, "select[0].certification"),
        ({"select": ["verb", "verb"]}, "select"),
        ({"select": [{"field": "verb", "bucket": "day"}]}, "select[0]"),
        ({"select": [{"verb": "passed"}]}, "select[0]"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"sort": "verb"}, "sort"),
        ({"compare": "previous_period", "measures": {"n": "count"}}, "compare"),
        (
            {
                "compare": "previous_period",
                "filter": {"all": [{"field": "stored", "gte": "2026-01-01"}, {"field": "stored", "lt": "2026-02-01"}]},
            },
            "compare",
        ),
        ({"filter": {"field": "verb", "prefix": "x" * 5000}}, "filter.prefix"),
        ({"filter": {"field": "result.extensions", "key": EXTENSION, "lt": True}}, "filter.lt"),
        ({"having": {}}, "query"),
        ([], "query"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused_with_its_place(db: Any, query: Any, place: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        analyst(db).ask(query)
    assert refused.value.parameter == place


def test_deep_and_wide_filters_are_bounded(db: Any) -> None:
    deep: Any = {"field": "verb", "eq": "x"}
    for _ in range(50):
        deep = {"not": deep}
    wide = {"any": [{"field": "verb", "eq": "x"}] * 600}
    for query in (deep, wide):
        with pytest.raises(InvalidQuery):
            analyst(db).ask({"filter": query})


def test_mongodbs_time_limit_is_told_as_ours(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise ExecutionTimeout("operation exceeded time limit", 50)

    monkeypatch.setattr(Analyst, "_aggregate", stopped)
    with pytest.raises(QueryTimeout) as refused:
        Analyst(db, Scope(ORGS), NOW, max_seconds=2).ask({"group": ["verb"]})
    assert refused.value.seconds == 2


def test_a_running_query_is_cancelled_by_its_name(db: Any) -> None:
    """`$function` keeps the server busy; nothing else of the test depends on time."""
    fill(db, [row()])
    asked = Analyst(db, Scope(ORGS), NOW, query_id="me:q1")
    busy = {
        "$expr": {
            "$function": {"body": "function() { sleep(20000); return true; }", "args": [], "lang": "js"}
        }
    }
    asked.filter = lambda _: busy  # type: ignore[method-assign]  # a filter that takes long
    outcome: list[Any] = []

    def ask() -> None:
        try:
            outcome.append(asked.ask({"measures": {"n": "count"}}))
        except Cancelled as error:
            outcome.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive() and not cancel(db, "me:q1"):
        time.sleep(0.01)
    thread.join(15)
    assert [type(one) for one in outcome] == [Cancelled]
    assert cancel(db, "me:q1") is False


def test_the_statements_of_a_person_are_found_by_their_identifiers(db: Any) -> None:
    fill(db, [row(actor=n % 5, minute=n) for n in range(60)])
    ifis = [{"ifi": f"mbox::mailto:p{n}@x.example", "from": None, "until": None} for n in (1, 2)]
    db.people.insert_one({"_id": "p_1", "org": "vendor", "ifis": ifis})
    db.people.insert_one(
        {"_id": "p_3", "org": "vendor", "ifis": [{**ifis[0], "ifi": "mbox::mailto:p3@x.example"}]}
    )
    for wanted, count in (({"eq": "p_1"}, 24), ({"in": ["p_1", "p_3"]}, 36), ({"eq": "p_none"}, 0)):
        asked = {"filter": {"field": "person", **wanted}, "limit": 100}
        stats = analyst(db, ("north",)).explain(asked)["executionStats"]
        assert stats["totalDocsExamined"] == stats["nReturned"] == count
        assert len(analyst(db, ("north",)).ask({**asked, "select": ["id"]}).rows) == count


def test_alternatives_that_each_name_an_actor_walk_the_index(db: Any) -> None:
    fill(db, [row(actor=n % 5, minute=n) for n in range(60)])
    one, two = ({"field": "actor", "eq": f"mbox::mailto:p{n}@x.example"} for n in (1, 2))
    passed = {"field": "verb", "eq": "passed"}
    plan = analyst(db, ("north",)).explain({"filter": {"any": [one, {"all": [two, passed]}]}, "limit": 100})
    assert plan["executionStats"]["totalDocsExamined"] == plan["executionStats"]["nReturned"] == 24
    apart = analyst(db, ("north",)).ask({"filter": {"any": [one, passed]}, "select": ["id"], "limit": 100})
    assert len(apart.rows) == 60, "one alternative names no actor: everything is looked at"


def test_bounds_on_stored_read_no_more_than_lies_between(db: Any) -> None:
    fill(db, [row(minute=n) for n in range(20)])
    stored = sorted(one["stored"] for one in db.statements.find({"org": "north"}))
    for operator, bound, count in (
        ("gt", stored[-1], 0), ("gte", stored[0], 20), ("lt", stored[0], 0), ("lte", stored[-1], 20),
        ("gte", stored[-1] + dt.timedelta(seconds=1), 0), ("lt", stored[0] - dt.timedelta(days=1), 0),
    ):  # fmt: skip
        asked = {"filter": {"field": "stored", operator: bound.isoformat()}, "limit": 100}
        assert len(analyst(db, ("north",)).ask({**asked, "select": ["id"]}).rows) == count, (operator, bound)
        if (bound - stored[0]) % dt.timedelta(seconds=1):
            continue
        examined = analyst(db, ("north",)).explain(asked)["executionStats"]["totalDocsExamined"]
        assert examined <= max(count, 20 if operator in {"gt", "lt"} and bound in stored else count)


def test_an_indexed_query_walks_the_index(db: Any) -> None:
    fill(db, [row(actor=n % 5, minute=n) for n in range(60)])
    plan = analyst(db, ("north",)).explain({"filter": {"field": "actor", "eq": "mbox::mailto:p1@x.example"}})
    stats = plan["executionStats"]
    assert stats["totalDocsExamined"] == stats["nReturned"] == 12
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
