"""Direct and related filters on a real MongoDB: what is stored once is found once, by walks in order."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from commands_seen import nodes
from factories import AUTHORITY, agent, found_ids, make_statement, make_store, new_id, reference, send
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from statements.ingest import Writer
from statements.parsing.search_keys import key
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

Json = dict[str, Any]
PEOPLE = ("p0", "p1")
ACTIVITIES = ("http://e.org/a0", "http://e.org/a1")
VERBS = ("http://e.org/v0", "http://e.org/v1")


@pytest.fixture
def store(db: Database[Json]) -> StatementStore:
    return make_store(db)


def mailbox(name: str) -> str:
    return f"mbox::mailto:{name}@example.com"


def stored_keys(store: StatementStore, statement_id: str) -> set[int]:
    document = store.db.statements.find_one({"org": store.org, "id": UUID(statement_id)})
    assert document is not None
    assert len(document["keys"]) == len(set(document["keys"]))
    return set(document["keys"])


# What is stored


def test_what_is_direct_is_not_stored_as_related_again(store: StatementStore) -> None:
    first, second = agent("p0"), agent("p1")
    both = {"objectType": "Group", "member": [first, second]}
    a, b = ({"id": one} for one in ACTIVITIES)
    context = {
        "instructor": first,
        "team": both,
        "contextActivities": {"parent": [a, b], "other": [a]},
    }
    actor = stored_keys(store, send(store, make_statement(actor=first, object=a, context=context))[0])
    assert {key("a", mailbox("p0")), key("A", mailbox("p1")), key("o", a["id"]), key("O", b["id"])} <= actor
    assert (
        not {key("A", mailbox("p0")), key("a", mailbox("p1")), key("O", a["id"]), key("o", b["id"])} & actor
    )
    group = stored_keys(store, send(store, make_statement(object=both, context=context))[0])
    assert {key("a", mailbox("p0")), key("a", mailbox("p1")), key("O", a["id"])} <= group
    assert not {key("A", mailbox("p0")), key("A", mailbox("p1"))} & group
    sub = {"objectType": "SubStatement", **make_statement(id=None, actor=both, object=a, context=context)}
    outer = stored_keys(store, send(store, make_statement(actor=first, object=sub))[0])
    assert {key("a", mailbox("p0")), key("A", mailbox("p1")), key("O", a["id"]), key("O", b["id"])} <= outer
    assert not {key("A", mailbox("p0")), key("o", a["id"])} & outer


def make_older(db: Database[Json], letters: str = "ao") -> None:
    """Give every statement the related keys beside the direct ones, as older versions stored them."""
    related = {key("a", mailbox(one)): key("A", mailbox(one)) for one in PEOPLE if "a" in letters}
    related |= {key("o", one): key("O", one) for one in ACTIVITIES if "o" in letters}

    def both(keys: list[int]) -> list[int]:
        return sorted({*keys, *(related[one] for one in keys if one in related)})

    for row in db.statements.find({"keys": {"$exists": True}}):
        change: Json = {"keys": both(row["keys"])}
        if "chain" in row:
            change["chain"] = [{"k": both(link["k"])} for link in row["chain"]]
        db.statements.update_one({"_id": row["_id"]}, {"$set": change})


def test_a_statement_of_an_older_version_is_found_once(store: StatementStore, db: Database[Json]) -> None:
    """It has both keys of everything direct; a newer reference takes them over."""
    activity = {"id": ACTIVITIES[0]}
    old = send(store, make_statement(actor=agent("p0"), object=activity))[0]
    make_older(db)
    assert {key("a", mailbox("p0")), key("A", mailbox("p0")), key("O", ACTIVITIES[0])} <= stored_keys(
        store, old
    )
    ref = send(store, make_statement(actor=agent("p1"), object=reference(old)))[0]
    new = send(
        store, make_statement(actor=agent("p0"), object=activity, context={"instructor": agent("p1")})
    )[0]
    related = {"agent": agent("p0"), "related_agents": "true"}
    about = {"activity": ACTIVITIES[0], "related_activities": "true"}
    verb = {"verb": make_statement()["verb"]["id"]}
    alone = StatementStore(db, "acme", only_client="client-1")
    for params in (related, about, {**related, **about}, {**related, **verb}, {"agent": agent("p0")}):
        assert found_ids(store, **params) == [new, ref, old]
        assert found_ids(store, **params, ascending="true") == [old, ref, new]
        assert found_ids(alone, **params) == [new, old]
    assert found_ids(store, agent=agent("p1"), related_agents="true") == [new, ref]


# What is found, beside a plain model

AGENTS = st.sampled_from(PEOPLE).map(agent)
GROUPS = st.builds(
    lambda members, more: {"objectType": "Group", "member": members, **more},
    st.lists(AGENTS, min_size=1, max_size=2),
    st.sampled_from([{}, {"mbox": "mailto:p1@example.com"}]),
)
ACTORS = st.one_of(AGENTS, GROUPS)
ABOUT = st.sampled_from(ACTIVITIES).map(lambda one: {"id": one})
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "instructor": ACTORS,
        "team": GROUPS,
        "contextAgents": AGENTS.map(lambda one: [{"objectType": "contextAgent", "agent": one}]),
        "contextGroups": GROUPS.map(lambda one: [{"objectType": "contextGroup", "group": one}]),
        "contextActivities": st.dictionaries(
            st.sampled_from(["parent", "grouping", "category", "other"]),
            st.lists(ABOUT, min_size=1, max_size=2),
            max_size=2,
        ),
    },
)


def statements_about(targets: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "actor": ACTORS,
            "verb": st.sampled_from(VERBS).map(lambda one: {"id": one}),
            "object": targets,
        },
        optional={"context": CONTEXTS},
    )


SUB_STATEMENTS = statements_about(st.one_of(ABOUT, AGENTS)).map(
    lambda one: {"objectType": "SubStatement", **one}
)


def names_of(*agents: Json) -> set[str]:
    """Return the mailboxes of agents and groups with those of the members."""
    everyone = [one for each in agents for one in (each, *each.get("member", ()))]
    return {one["mbox"] for one in everyone if "mbox" in one}


def reach(statement: Json, *, related: bool) -> tuple[set[str], set[str]]:
    """Return the agents and the activities that a statement is found by, by the words of the specification."""
    target, context = statement["object"], statement.get("context", {})
    kind = target.get("objectType", "Activity")
    agents = names_of(statement["actor"], *([target] if kind in {"Agent", "Group"} else []))
    activities = {target["id"]} if kind == "Activity" else set()
    if related:
        agents |= names_of(*(context[name] for name in ("instructor", "team") if name in context))
        agents |= names_of(*(one["agent"] for one in context.get("contextAgents", ())))
        agents |= names_of(*(one["group"] for one in context.get("contextGroups", ())))
        agents |= names_of(statement.get("authority", {}))
        activities |= {one["id"] for many in context.get("contextActivities", {}).values() for one in many}
        if kind == "SubStatement":
            inner = reach(target, related=True)
            agents, activities = agents | inner[0], activities | inner[1]
    return agents, activities


def satisfies(statement: Json, asked: Json) -> bool:
    """Tell whether one statement alone satisfies all filters."""
    agents = reach(statement, related="related_agents" in asked)[0]
    activities = reach(statement, related="related_activities" in asked)[1]
    return (
        ("agent" not in asked or asked["agent"]["mbox"] in agents)
        and ("activity" not in asked or asked["activity"] in activities)
        and asked.get("verb", statement["verb"]["id"]) == statement["verb"]["id"]
    )


def paged_ids(store: StatementStore, limit: int, **params: Any) -> list[str]:
    """Return the ids of all pages, the query taken up again from its cursor each time."""
    texts = {name: [value if isinstance(value, str) else json.dumps(value)] for name, value in params.items()}
    asked = StatementQuery.parse({**texts, "limit": [str(limit)]}, "2.0.0")
    found: list[str] = []
    while True:
        page = store.find(asked)
        found += [json.loads(raw)["id"] for raw in page.statements]
        if page.next is None:
            return found
        asked = StatementQuery.resume(asked.cursor(page.next))


QUERIES: list[Json] = [
    {**who, **what, **verb}
    for who in (
        {}, {"agent": agent("p0")}, {"agent": agent("p0"), "related_agents": "true"},
        {"agent": agent("p1"), "related_agents": "true"},
    )
    for what in ({}, {"activity": ACTIVITIES[0]}, {"activity": ACTIVITIES[0], "related_activities": "true"})
    for verb in ({}, {"verb": VERBS[0]})
]  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_related_queries_find_what_the_specification_says(db: Database[Json], data: st.DataObject) -> None:
    """Random statements and references in any order, some as older versions stored them, beside a plain model."""
    store = make_store(db, new_id())
    mine = StatementStore(db, store.org, only_client="mine")
    ids = [new_id() for _ in range(data.draw(st.integers(1, 6), "size"))]
    targets = st.one_of(ABOUT, ACTORS, SUB_STATEMENTS, st.sampled_from([*ids, new_id()]).map(reference))
    statements = {own: {"id": own, **data.draw(statements_about(targets))} for own in ids}
    order = data.draw(st.permutations(ids), "order")
    clients = {own: data.draw(st.sampled_from(["mine", "other"]), "client") for own in order}
    for own in order:
        authority = agent("p1") if clients[own] == "mine" else AUTHORITY
        statements[own]["authority"] = authority
        send(store, statements[own], writer=Writer(clients[own], None, "vendor", authority))
        if data.draw(st.integers(0, 3), "older") == 0:
            make_older(db, data.draw(st.sampled_from(["a", "o", "ao"]), "letters"))

    def chain_of(own: str) -> list[Json]:
        passed: dict[str, Json] = {}
        while own in statements and own not in passed:
            passed[own] = statements[own]
            own = statements[own]["object"].get("id", "")
        return list(passed.values())

    for asked in QUERIES:
        found = [own for own in order if any(satisfies(one, asked) for one in chain_of(own))]
        alone = [own for own in order if clients[own] == "mine" and satisfies(statements[own], asked)]
        assert paged_ids(store, 2, **asked) == found[::-1]
        assert paged_ids(store, 3, **asked, ascending="true") == found
        assert found_ids(mine, **asked, ascending="true") == alone


# How it is found

FACES = 60
CROWD = 1200  # statements: 20 are each person's own, 20 more name the person, half of them have one verb


@pytest.fixture
def crowd(store: StatementStore) -> StatementStore:
    """Many statements of which few are about one person or one activity, and many have the same verb."""
    send(
        store,
        *(
            make_statement(
                actor=agent(str(n % FACES)),
                verb={"id": VERBS[n // FACES % 2]},
                object={"id": f"http://e.org/a{n % FACES}"},
                context={
                    "instructor": agent(str((n + 1) % FACES)),
                    "registration": str(UUID(int=n // 2, version=4)),
                    "contextActivities": {"parent": [{"id": f"http://e.org/a{(n + 1) % FACES}"}]},
                },
            )
            for n in range(CROWD)
        ),
    )
    return store


RELATED_AGENT = {"agent": agent("3"), "related_agents": "true"}
RELATED_ACTIVITY = {"activity": "http://e.org/a3", "related_activities": "true"}


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("only_client", [None, "client-1"])
@pytest.mark.parametrize(
    ("params", "letters", "matching"),
    [
        (RELATED_AGENT, "aA", 40),
        (RELATED_ACTIVITY, "oO", 40),
        ({**RELATED_AGENT, "verb": VERBS[0]}, "aA", 20),
        ({**RELATED_ACTIVITY, "verb": VERBS[0]}, "oO", 20),
        ({**RELATED_AGENT, **RELATED_ACTIVITY}, "aA", 40),
        ({**RELATED_AGENT, **RELATED_ACTIVITY, "verb": VERBS[0]}, "aA", 20),
        ({**RELATED_AGENT, "activity": "http://e.org/a3"}, "aA", 20),
        ({**RELATED_ACTIVITY, "agent": agent("3"), "verb": VERBS[0]}, "a", 10),
        ({"agent": agent("3"), "verb": VERBS[0]}, "a", 10),
        ({"agent": agent("3"), "activity": "http://e.org/a3"}, "a", 20),
        ({**RELATED_AGENT, "registration": str(UUID(int=1, version=4))}, "r", 2),
    ],
    ids=str,
)  # fmt: skip
def test_the_most_selective_filter_is_walked_and_merged_in_order(
    crowd: StatementStore, params: Json, letters: str, matching: int, only_client: str | None, ascending: str
) -> None:
    """Whichever filters come together: never the verb's range, never the client's, nothing sorted in memory."""
    texts = {name: [value if isinstance(value, str) else json.dumps(value)] for name, value in params.items()}
    parsed = StatementQuery.parse({**texts, "ascending": [ascending]}, "2.0.0")
    plan = (
        crowd.db.statements.find(parsed.filter("acme", only_client), {"raw": 1})
        .sort("_id", 1 if parsed.ascending else -1).limit(parsed.limit + 1).hint("keys").explain()
    )  # fmt: skip
    winning = list(nodes(plan["queryPlanner"]["winningPlan"]))
    stages = {node["stage"] for node in winning if isinstance(node.get("stage"), str)}
    walked = {tuple(node["indexBounds"]["keys"]) for node in winning if "indexBounds" in node}
    values = {"a": mailbox("3"), "o": "http://e.org/a3", "r": str(UUID(int=1, version=4))}
    wanted = [key(letter, values[letter.lower()]) for letter in letters]
    assert walked == {(f"[{one}, {one}]",) for one in wanted}
    assert stages <= {"LIMIT", "PROJECTION_SIMPLE", "FETCH", "IXSCAN", "SORT_MERGE"}
    assert plan["queryPlanner"]["rejectedPlans"] == []
    told = plan["executionStats"]
    assert told["nReturned"] == matching
    assert told["totalDocsExamined"] <= 40
    assert told["totalKeysExamined"] <= 40 + len(wanted)
    first = {**params, "ascending": ascending, "limit": "3"}
    assert len(found_ids(make_store(crowd.db), **first)) == min(3, matching)
