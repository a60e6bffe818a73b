"""Storing and finding statements on a real MongoDB: exactness, conflicts, filters, pages, formats, attachments."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from factories import (
    AUTHORITY,
    WRITER,
    agent,
    found_ids,
    make_statement,
    make_store,
    new_id,
    query,
    reference,
    send,
    voider,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from statement_strategies import statements

from statements.errors import (
    AttachmentMismatch,
    DuplicateStatementId,
    InvalidQuery,
    InvalidStatement,
    StatementConflict,
    StatementNotFound,
    TooMuchAtOnce,
)
from statements.ingest import Writer, store_statements
from statements.intake.attachments import Part
from statements.intake.compare import first_difference
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json, parse_statements
from statements.query.parameters import StatementQuery
from statements.query.present import attachment_hashes, present
from statements.storage.group_commit import GroupCommit
from statements.storage.store import StatementStore, statements_of
from statements.storage.transaction import DURABLE, in_transaction

Json = dict[str, Any]
NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
SET_BY_LRS = ("id", "stored", "authority", "timestamp", "version")


@pytest.fixture
def store(db: Database[Json]) -> StatementStore:
    return make_store(db)


def read(store: StatementStore, statement_id: str) -> Any:
    return parse_json(store.get(UUID(statement_id)).raw)


def post_bytes(store: StatementStore, body: bytes, version: Any = "2.0.0") -> list[str]:
    return store_statements(
        store, parse_statements(body), writer=WRITER, version=version, now=dt.datetime.now(dt.UTC)
    )


# What went in comes out


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize("compact", [True, False], ids=["compact", "spaced"])
@settings(max_examples=75, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_statement_comes_back_equal(
    store: StatementStore, version: Any, compact: bool, data: st.DataObject
) -> None:
    """Edge cases 38 to 43, 46: all properties, deep extensions, unusual Unicode, numbers of any size."""
    statement = data.draw(statements(version))
    statement.pop("id", None)
    body = dump_text(statement) if compact else json.dumps(statement, indent=1, ensure_ascii=False).encode()
    returned = read(store, post_bytes(store, body, version)[0])
    assert first_difference(statement, returned, version) is None
    for name, value in parse_json(body).items():
        if name not in SET_BY_LRS and name not in {"context", "object"}:
            assert returned[name] == value
            assert dump_text(returned[name]) == dump_text(value)


def test_every_byte_of_numbers_and_strings_is_kept(store: StatementStore) -> None:
    odd = (
        b'{"http://e.org/x": {"a.b": 1e400, "$set": -0, "": 0.10, "big": 123456789012345678901234567890, "__proto__": '
        b'[1E+2, 0.1234567890123456789012345678901234567890, "\\u0000\\ud83d\\ude00", "e\xcc\x81", "\xc3\xa9"]}}'
    )
    body = (
        json.dumps(make_statement(id=None, result={"extensions": {}}))
        .encode()
        .replace(b'"extensions": {}', b'"extensions": ' + odd)
    )
    raw = store.get(UUID(post_bytes(store, body)[0])).raw
    assert odd in raw
    assert raw.startswith(body[:-1])


def test_members_of_the_lrs_replace_those_received(store: StatementStore) -> None:
    sent = make_statement(
        stored="2001-01-01T00:00:00Z", authority=agent("liar"), timestamp="2026-01-01T02:00:00+02:00"
    )
    returned = read(store, send(store, sent)[0])
    assert returned["authority"] == AUTHORITY
    assert returned["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert returned["stored"] > "2026"


def test_timestamp_is_stored_when_absent(store: StatementStore) -> None:
    returned = read(store, send(store, make_statement())[0])
    assert returned["timestamp"] == returned["stored"]
    assert len(returned["stored"].split(".")[1]) >= 4


def test_single_context_activity_becomes_an_array_in_the_substatement_too(store: StatementStore) -> None:
    context = {"contextActivities": {"parent": {"id": "http://e.org/p"}}}
    inner = {"objectType": "SubStatement", **make_statement(id=None, context=context)}
    returned = read(store, send(store, make_statement(context=context, object=inner))[0])
    for place in (returned, returned["object"]):
        assert place["context"]["contextActivities"]["parent"] == [{"id": "http://e.org/p"}]


@pytest.mark.parametrize(("version", "default"), [("1.0.3", "1.0.0"), ("2.0.0", "2.0.0")])
def test_version_defaults_and_is_kept(store: StatementStore, version: Any, default: str) -> None:
    assert read(store, send(store, make_statement(), version=version)[0])["version"] == default
    assert read(store, send(store, make_statement(version="1.0"), version=version)[0])["version"] == "1.0"


def test_typed_fields_hold_what_bson_can(store: StatementStore, db: Database[Json]) -> None:
    score = {"raw": 2**70, "scaled": Decimal("0.12345678901234567890")}
    body = dump_text(make_statement(result={"score": score, "extensions": {"http://e/long": "x" * 5000}}))
    statement_id = post_bytes(store, body)[0]
    document = statements_of(db).find_one({"org": "acme", "id": UUID(statement_id)})
    assert document is not None
    assert document["score"]["raw"].to_decimal() == 2**70
    assert document["score"]["scaled"].to_decimal() == score["scaled"]
    assert document["extensions"] == [{"where": "result", "k": "http://e/long"}]


# Same id


def test_equal_repeat_changes_nothing(store: StatementStore) -> None:
    statement = make_statement()
    send(store, statement)
    before = store.get(UUID(statement["id"]))
    changed_display = {**statement, "verb": {**statement["verb"], "display": {"de": "fertig"}}}
    assert send(store, changed_display) == [statement["id"]]
    assert store.get(UUID(statement["id"])) == before


def test_conflict_loses_the_whole_batch(store: StatementStore) -> None:
    stored, fresh = make_statement(), make_statement()
    send(store, stored)
    with pytest.raises(StatementConflict) as caught:
        send(store, fresh, {**stored, "verb": {"id": "http://e.org/other"}})
    assert caught.value.statement_id == stored["id"]
    with pytest.raises(StatementNotFound):
        store.get(UUID(fresh["id"]))


def test_batch_with_a_known_equal_statement_stores_the_rest(store: StatementStore) -> None:
    stored, fresh = make_statement(), make_statement()
    send(store, stored)
    assert send(store, stored, fresh) == [stored["id"], fresh["id"]]
    assert found_ids(store) == [fresh["id"], stored["id"]]


def test_id_in_other_letter_case_is_the_same_id(store: StatementStore) -> None:
    statement = make_statement()
    send(store, statement)
    assert send(store, {**statement, "id": statement["id"].upper()}) == [statement["id"]]
    with pytest.raises(DuplicateStatementId):
        send(
            store,
            *(
                make_statement(id=text)
                for text in ("A" * 8 + "-aaaa-4aaa-8aaa-" + "a" * 12, "a" * 8 + "-aaaa-4aaa-8aaa-" + "a" * 12)
            ),
        )


def test_put_takes_its_id_from_the_parameter(store: StatementStore) -> None:
    wanted = UUID(new_id())
    assert send(store, make_statement(id=None), statement_id=wanted) == [str(wanted)]
    assert read(store, str(wanted))["id"] == str(wanted)
    with pytest.raises(InvalidStatement) as caught:
        send(store, make_statement(), statement_id=wanted)
    assert caught.value.path == "$.id"


def test_invalid_statement_of_a_batch_is_named_and_nothing_is_stored(store: StatementStore) -> None:
    with pytest.raises(InvalidStatement) as caught:
        send(store, make_statement(), make_statement(actor={}))
    assert caught.value.path == "$[1].actor"
    assert found_ids(store) == []


def test_same_id_in_two_stores_is_independent(db: Database[Json]) -> None:
    statement = make_statement()
    one, two = make_store(db, "one"), make_store(db, "two")
    send(one, statement)
    send(two, {**statement, "verb": {"id": "http://e.org/other"}})
    assert found_ids(one) == found_ids(two) == [statement["id"]]


def test_racing_conflicts_store_exactly_one(store: StatementStore) -> None:
    """Edge case 1: one stored, the others conflict, never another error."""
    for _ in range(10):
        shared = new_id()
        outcomes: list[str] = []

        def attempt(index: int, shared: str = shared, outcomes: list[str] = outcomes) -> None:
            try:
                send(store, make_statement(id=shared, verb={"id": f"http://e.org/{index}"}))
                outcomes.append("stored")
            except StatementConflict:
                outcomes.append("conflict")

        threads = [threading.Thread(target=attempt, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["conflict"] * 7 + ["stored"]


def test_overlapping_batches_are_never_stored_in_part(store: StatementStore) -> None:
    """Edge case 3: batches that conflict in one id; the loser leaves nothing."""
    for _ in range(8):
        shared = new_id()
        batches = [
            [make_statement(id=shared, verb={"id": f"http://e.org/{i}"}), make_statement()] for i in range(4)
        ]
        outcomes: dict[int, bool] = {}

        def attempt(index: int, batches: Any = batches, outcomes: Any = outcomes) -> None:
            try:
                send(store, *batches[index])
                outcomes[index] = True
            except StatementConflict:
                outcomes[index] = False

        threads = [threading.Thread(target=attempt, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes.values()) == [False, False, False, True]
        everything = set(found_ids(store))
        for index, won in outcomes.items():
            assert (batches[index][1]["id"] in everything) is won


def test_coalesced_inserts_give_each_caller_its_own_outcome(db: Database[Json]) -> None:
    """Group commit: a duplicate of one caller fails that caller alone."""
    queue = GroupCommit(db["group_commit"])
    queue.insert([{"_id": "taken"}])
    outcomes: dict[int, str] = {}

    def insert(index: int) -> None:
        try:
            queue.insert([{"_id": "taken" if index % 4 == 0 else index}])
            outcomes[index] = "stored"
        except Exception as error:  # noqa: BLE001 -- the class is what is tested
            outcomes[index] = type(error).__name__

    threads = [threading.Thread(target=insert, args=(index,)) for index in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {i: "DuplicateKeyError" if i % 4 == 0 else "stored" for i in range(32)}
    assert db["group_commit"].count_documents({}) == 25


def test_coalesced_batches_are_stored_all_or_none_each(db: Database[Json]) -> None:
    """Group commit: one transaction holds several callers; a duplicate fails the batch of its caller alone."""
    queue = GroupCommit(db["group_commit"].with_options(write_concern=DURABLE))
    queue.insert([{"_id": "taken"}])
    outcomes: dict[int, str] = {}
    start = threading.Barrier(24)

    def insert(index: int) -> None:
        documents = [{"_id": f"{index}-{number}"} for number in range(1 + index % 3)]
        start.wait()
        try:
            queue.insert([*documents, {"_id": "taken"}] if index % 4 == 0 else documents)
            outcomes[index] = "stored"
        except (DuplicateKeyError, BulkWriteError):
            outcomes[index] = "duplicate"

    threads = [threading.Thread(target=insert, args=(index,)) for index in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {i: "duplicate" if i % 4 == 0 else "stored" for i in range(24)}
    expected = {f"{i}-{n}" for i in range(24) for n in range(1 + i % 3) if i % 4} | {"taken"}
    assert {one["_id"] for one in db["group_commit"].find()} == expected


def test_order_is_total_even_when_the_clock_steps_back(store: StatementStore) -> None:
    ids = [send(store, make_statement(), now=NOW - dt.timedelta(seconds=i))[0] for i in range(5)]
    ids += send(store, make_statement(), make_statement(), now=NOW - dt.timedelta(days=1))
    assert found_ids(store, ascending="true") == ids
    stored = [read(store, statement_id)["stored"] for statement_id in ids]
    assert stored == sorted(set(stored))


# Filters

SOMEONE: Json = {"mbox": "mailto:Someone@Example.COM"}
OTHERS: list[Json] = [
    {"mbox_sha1sum": "A" * 40},
    {"openid": "http://e.org/id"},
    {"account": {"homePage": "http://e.org", "name": "Bob"}},
]
GROUP_OF = {"objectType": "Group", "member": [SOMEONE, OTHERS[2]]}
NAMED_GROUP = {"objectType": "Group", "mbox": "mailto:group@example.com", "member": [SOMEONE]}


def bare_sub(**overrides: Any) -> Json:
    return {"objectType": "SubStatement", **make_statement(id=None, actor=agent("x"), **overrides)}


@pytest.mark.parametrize(
    ("overrides", "direct"),
    [
        ({"actor": SOMEONE}, True),
        ({"actor": GROUP_OF}, True),
        ({"actor": NAMED_GROUP}, True),
        ({"object": {"objectType": "Agent", **SOMEONE}}, True),
        ({"object": GROUP_OF}, True),
        ({"context": {"instructor": SOMEONE}}, False),
        ({"context": {"instructor": NAMED_GROUP}}, False),
        ({"context": {"team": GROUP_OF}}, False),
        ({"context": {"contextAgents": [{"objectType": "contextAgent", "agent": SOMEONE}]}}, False),
        ({"context": {"contextGroups": [{"objectType": "contextGroup", "group": GROUP_OF}]}}, False),
        ({"object": bare_sub() | {"actor": SOMEONE}}, False),
        ({"object": bare_sub(object={"objectType": "Agent", **SOMEONE})}, False),
        ({"object": bare_sub(context={"instructor": GROUP_OF})}, False),
        ({"actor": agent("nobody")}, None),
    ],
    ids=str,
)
def test_reach_of_agent_and_related_agents(
    store: StatementStore, overrides: Json, direct: bool | None
) -> None:
    statement_id = send(store, make_statement(**{"actor": agent("x"), **overrides}))[0]
    searched = {"mbox": "mailto:Someone@example.com", "name": "any name"}
    assert found_ids(store, agent=searched) == ([statement_id] if direct else [])
    related = found_ids(store, agent=searched, related_agents="true")
    assert related == ([] if direct is None else [statement_id])


@pytest.mark.parametrize("wanted", OTHERS, ids=str)
def test_agent_is_found_by_every_kind_of_identifier(store: StatementStore, wanted: Json) -> None:
    statement_id = send(store, make_statement(actor=wanted))[0]
    send(store, make_statement(actor=agent("x")))
    assert found_ids(store, agent=wanted) == [statement_id]
    assert found_ids(store, agent={**wanted, "objectType": "Group"}) == [statement_id]


def test_account_names_are_case_sensitive_and_pages_are_told_apart(store: StatementStore) -> None:
    send(store, make_statement(actor={"account": {"homePage": "http://e.org", "name": "Bob"}}))
    for page, name in (("http://e.org", "bob"), ("http://e.org/", "Bob"), ("http://e.org:80", "Bob")):
        assert found_ids(store, agent={"account": {"homePage": page, "name": name}}) == []


def test_authority_members_are_related_agents(store: StatementStore) -> None:
    oauth = {
        "objectType": "Group",
        "member": [{"account": {"homePage": "http://e.org", "name": "app"}}, SOMEONE],
    }
    statement_id = send(store, make_statement(), writer=Writer("c", None, "vendor", oauth))[0]
    assert found_ids(store, agent=SOMEONE, related_agents="true") == [statement_id]
    assert found_ids(store, agent=SOMEONE) == []


@pytest.mark.parametrize(
    ("overrides", "direct"),
    [
        ({"object": {"id": "http://e.org/a"}}, True),
        *(({"context": {"contextActivities": {k: [{"id": "http://e.org/a"}]}}}, False) for k in ("parent", "grouping", "category", "other")),
        ({"object": bare_sub(object={"id": "http://e.org/a"})}, False),
        ({"object": bare_sub(context={"contextActivities": {"other": {"id": "http://e.org/a"}}})}, False),
    ],
    ids=str,
)  # fmt: skip
def test_reach_of_activity_and_related_activities(
    store: StatementStore, overrides: Json, direct: bool
) -> None:
    statement_id = send(store, make_statement(**overrides))[0]
    assert found_ids(store, activity="http://e.org/a") == ([statement_id] if direct else [])
    assert found_ids(store, activity="http://e.org/a", related_activities="true") == [statement_id]


def test_registration_and_verb_are_those_of_the_statement_alone(store: StatementStore) -> None:
    registration = new_id()
    outer = send(store, make_statement(context={"registration": registration.upper()}))[0]
    send(
        store,
        make_statement(
            object=bare_sub(verb={"id": "http://e.org/v"}, context={"registration": registration})
        ),
    )
    assert found_ids(store, registration=registration) == [outer]
    assert found_ids(store, verb="http://e.org/v") == []


def test_filters_combine(store: StatementStore) -> None:
    both = send(store, make_statement(actor=SOMEONE, verb={"id": "http://e.org/v"}))[0]
    send(store, make_statement(actor=SOMEONE))
    send(store, make_statement(verb={"id": "http://e.org/v"}))
    params = {"agent": SOMEONE, "verb": "http://e.org/v", "activity": "http://example.com/courses/1"}
    assert found_ids(store, **params, related_agents="true", related_activities="true") == [both]
    assert found_ids(store, **params, registration=new_id()) == []


def test_since_and_until_at_microseconds(store: StatementStore) -> None:
    base = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
    ids = [send(store, make_statement(), now=base + dt.timedelta(microseconds=n))[0] for n in (100, 200, 300)]
    text = "2040-01-01T00:00:00.000{}Z".format
    assert found_ids(store, since=text(200)) == [ids[2]]
    assert found_ids(store, until=text(200)) == [ids[1], ids[0]]
    assert found_ids(store, since=text(100), until=text(299)) == [ids[1]]
    assert found_ids(store, since=text(300), until=text(100)) == []
    assert found_ids(store, since="2040-01-01T02:00:00.000150+02:00", ascending="true") == ids[1:]
    assert found_ids(store, until="0001-01-01T00:00:00Z") == []


def test_pages_are_complete_and_stable_in_both_directions(store: StatementStore) -> None:
    """Edge cases 31, 32: each statement once although others come and are voided between the pages."""
    ids = send(store, *(make_statement() for _ in range(23)))
    for ascending in ("true", "false"):
        first = StatementQuery.parse({"limit": ["5"], "ascending": [ascending]}, "2.0.0")
        page = store.find(first)
        seen = [json.loads(raw)["id"] for raw in page.statements]
        while page.next is not None:
            if ascending == "false":
                send(store, make_statement())
            page = store.find(StatementQuery.resume(first.cursor(page.next)))
            seen += [json.loads(raw)["id"] for raw in page.statements]
        assert seen == (ids if ascending == "true" else ids[::-1])


def test_voided_statements_are_left_out_of_the_next_page(store: StatementStore) -> None:
    ids = send(store, *(make_statement() for _ in range(4)))
    first = StatementQuery.parse({"limit": ["2"]}, "2.0.0")
    page = store.find(first)
    send(store, voider(ids[0]))
    assert page.next is not None
    rest = store.find(StatementQuery.resume(first.cursor(page.next)))
    assert [json.loads(raw)["id"] for raw in rest.statements] == [ids[1]]


def test_last_page_says_so(store: StatementStore) -> None:
    send(store, *(make_statement() for _ in range(3)))
    assert query(store, limit="3").next is None
    assert query(store, limit="2").next is not None
    assert query(store, verb="http://e.org/none").next is None


def test_store_of_one_client_shows_nothing_of_others(db: Database[Json], store: StatementStore) -> None:
    """Edge case 58: a chain through a foreign statement does not leak what it says."""
    foreign = make_statement(verb={"id": "http://e.org/secret"})
    send(store, foreign, writer=Writer("other", None, "vendor", AUTHORITY))
    own = send(store, make_statement(object=reference(foreign["id"])))[0]
    mine = StatementStore(db, "acme", only_client="client-1")
    assert found_ids(mine) == [own]
    assert found_ids(mine, verb="http://e.org/secret") == []
    assert found_ids(store, verb="http://e.org/secret") == [own, foreign["id"]]
    with pytest.raises(StatementNotFound):
        mine.get(UUID(foreign["id"]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("foo", "bar"), ("Limit", "1"), ("limit", "-1"), ("limit", "1.5"), ("limit", ""), ("limit", "1e2"),
        ("limit", "-0"), ("ascending", "True"), ("related_agents", "1"), ("format", "IDS"), ("attachments", ""),
        ("verb", "no iri"), ("activity", "x"), ("registration", "{}"), ("agent", "wrong"), ("agent", "{}"),
        ("agent", '{"mbox":"mailto:a@b.c","openid":"http://e.org"}'), ("agent", '{"objectType":"Group","member":[]}'),
        ("agent", '{"mbox":"mailto:a b@example.com"}'), ("since", "yesterday"), ("since", "2026-01-01T00:00:00 02:00"),
        ("statementId", "5"), ("until", "2026-02-30T00:00:00Z"),
    ],
)  # fmt: skip
def test_bad_parameter_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        StatementQuery.parse({name: [value]}, "2.0.0")
    assert caught.value.parameter == name


def test_repeated_parameters_and_ids_with_filters_are_refused() -> None:
    with pytest.raises(InvalidQuery):
        StatementQuery.parse({"limit": ["1", "2"]}, "2.0.0")
    for name in ("limit", "agent", "ascending", "since", "voidedStatementId"):
        value = {
            "limit": "1",
            "agent": json.dumps(SOMEONE),
            "ascending": "true",
            "since": "2026-01-01T00:00:00Z",
        }
        with pytest.raises(InvalidQuery) as caught:
            StatementQuery.parse({"statementId": [new_id()], name: [value.get(name, new_id())]}, "2.0.0")
        assert caught.value.parameter == name
    StatementQuery.parse({"statementId": [new_id()], "format": ["ids"], "attachments": ["true"]}, "2.0.0")


def test_limit_zero_and_huge_are_the_maximum() -> None:
    for text in ("0", "1000000000000", "007"):
        limit = StatementQuery.parse({"limit": [text]}, "2.0.0").limit
        assert limit == (7 if text == "007" else 500)


@pytest.mark.parametrize("keys", ["[1,2]", "[[1],2]", '[["x"]]', "5", "null"])
def test_a_cursor_with_keys_of_another_form_is_refused(keys: str) -> None:
    """Those that older versions handed out name one key for each filter, and would miss what is stored now."""
    cursor = '{},null,null,5,0,"exact",0,"00"]'
    assert StatementQuery.resume(f"[[[1,2],[3]]{cursor[2:]}".encode()).keys == ((1, 2), (3,))
    with pytest.raises(InvalidQuery) as caught:
        StatementQuery.resume(f"[{keys}{cursor[2:]}".encode())
    assert caught.value.parameter == "more"


def test_every_list_query_is_an_index_walk(store: StatementStore, db: Database[Json]) -> None:
    send(store, *(make_statement(actor=agent(str(n % 7))) for n in range(300)))
    for params in (
        {}, {"verb": "http://adlnet.gov/expapi/verbs/completed"}, {"agent": agent("3"), "since": "2026-01-01T00:00:00Z"},
        {"agent": agent("3"), "verb": "http://adlnet.gov/expapi/verbs/completed"}, {"ascending": "true"},
    ):  # fmt: skip
        texts = {k: [v if isinstance(v, str) else json.dumps(v)] for k, v in params.items()}
        parsed = StatementQuery.parse({**texts, "limit": ["10"]}, "2.0.0")
        plan = (
            db.statements.find(parsed.filter("acme"), {"raw": 1})
            .sort("_id", 1 if parsed.ascending else -1).limit(11).hint("keys" if parsed.keys else "order").explain()
        )  # fmt: skip
        text = json.dumps(plan["queryPlanner"]["winningPlan"], default=str)
        assert "IXSCAN" in text
        assert "SORT" not in text
        assert plan["executionStats"]["totalDocsExamined"] <= 12


# Formats, attachments, what the store learned


def test_canonical_takes_the_merged_definition_in_one_language(store: StatementStore) -> None:
    def definition(**name: str) -> Json:
        return {"id": "http://e.org/a", "objectType": "Activity", "definition": {"name": name}}

    statement = make_statement(object=definition(**{"en-US": "A"}))
    send(store, statement, make_statement(object=definition(fr="B")))
    assert store.activity("http://e.org/a")["definition"] == {"name": {"en-US": "A", "fr": "B"}}
    raw = store.get(UUID(statement["id"])).raw
    shown = json.loads(present([raw], "canonical", "fr;q=0.8, en;q=0.5", store.definitions)[0])
    assert shown["object"] == definition(fr="B")
    assert json.loads(present([raw], "exact", "fr", store.definitions)[0])["object"] == statement["object"]


def test_rejected_and_repeated_statements_teach_nothing(store: StatementStore) -> None:
    statement = make_statement(object={"id": "http://e.org/a", "definition": {"name": {"en": "one"}}})
    send(store, statement)
    other = {"id": "http://e.org/a", "definition": {"name": {"en": "two"}}}
    send(store, {**statement, "object": other})
    with pytest.raises(StatementConflict):
        send(store, {**statement, "object": other, "verb": {"id": "http://e.org/v"}})
    assert store.activity("http://e.org/a")["definition"] == {"name": {"en": "one"}}
    assert store.activity("http://e.org/unknown") == {"objectType": "Activity", "id": "http://e.org/unknown"}


def test_person_has_every_name_seen(store: StatementStore) -> None:
    for name in ("Ann", "Anne", "Ann"):
        send(store, make_statement(actor={**agent(), "name": name}))
    send(
        store,
        make_statement(context={"team": {"objectType": "Group", "member": [{**agent(), "name": "A."}]}}),
    )
    person = store.person({**agent(), "name": "asked"})
    assert person == {
        "objectType": "Person",
        "name": ["Ann", "Anne", "A.", "asked"],
        "mbox": [agent()["mbox"]],
    }
    assert store.person({"openid": "http://e.org"}) == {"objectType": "Person", "openid": ["http://e.org"]}


def attachment(content: bytes, algorithm: str = "sha256", **overrides: Any) -> tuple[Json, Part]:
    sha2 = hashlib.new(algorithm, content).hexdigest()
    described: Json = {
        "usageType": "http://e.org/u", "display": {"en": "x"}, "contentType": "text/plain", "length": 1, "sha2": sha2,
    }  # fmt: skip
    return {**described, **overrides}, Part(sha2, "text/plain", content)


@pytest.mark.parametrize("algorithm", ["sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize(
    "content", [b"", b"\r\n--x\0\r\n", b"z" * (3 * 1024 * 1024)], ids=["empty", "odd", "large"]
)
def test_attachment_comes_back_byte_for_byte(store: StatementStore, algorithm: str, content: bytes) -> None:
    described, part = attachment(content, algorithm)
    statement_id = send(
        store, make_statement(attachments=[{**described, "sha2": described["sha2"].upper()}]), parts=[part]
    )[0]
    raw = store.get(UUID(statement_id)).raw
    assert list(store.parts(attachment_hashes([raw]))) == [part]


def test_attachment_of_a_substatement_needs_and_finds_its_part(store: StatementStore) -> None:
    described, part = attachment(b"inside")
    statement = make_statement(object=bare_sub(attachments=[described]))
    with pytest.raises(AttachmentMismatch):
        send(store, statement)
    send(store, statement, parts=[part])
    assert list(store.parts(attachment_hashes([store.get(UUID(statement["id"])).raw]))) == [part]


def test_missing_superfluous_and_altered_parts_are_refused(store: StatementStore, db: Database[Json]) -> None:
    described, part = attachment(b"abc")
    other, other_part = attachment(b"other")
    for statement, parts in (
        (make_statement(attachments=[described]), []),
        (make_statement(), [part]),
        (make_statement(attachments=[described]), [part, other_part]),
        (make_statement(attachments=[described]), [Part(part.sha2, "text/plain", b"abd")]),
        (make_statement(attachments=[described, other]), [part]),
    ):
        with pytest.raises(AttachmentMismatch):
            send(store, statement, parts=parts)
    assert found_ids(store) == []


def test_file_url_needs_no_part_and_shared_parts_need_one(store: StatementStore) -> None:
    described, part = attachment(b"abc")
    send(store, make_statement(attachments=[{**described, "fileUrl": "http://e.org/f"}]))
    assert list(store.parts({part.sha2})) == []
    send(store, *(make_statement(attachments=[described, described]) for _ in range(2)), parts=[part])
    assert list(store.parts({part.sha2})) == [part]


def test_part_of_another_store_does_not_count(db: Database[Json], store: StatementStore) -> None:
    """Edge case 56."""
    described, part = attachment(b"secret")
    send(make_store(db, "other"), make_statement(attachments=[described]), parts=[part])
    with pytest.raises(AttachmentMismatch):
        send(store, make_statement(attachments=[described]))
    assert list(store.parts({part.sha2})) == []


def test_parts_that_no_statement_names_are_swept(store: StatementStore) -> None:
    described, part = attachment(b"kept")
    _, lost = attachment(b"lost")
    send(store, make_statement(attachments=[described]), parts=[part])
    store.keep_parts([lost])
    assert store.sweep_parts(NOW - dt.timedelta(days=365)) == 0
    assert store.sweep_parts(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)) == 1
    assert list(store.parts({part.sha2, lost.sha2})) == [part]


def test_large_statement_is_stored_whole(store: StatementStore) -> None:
    """Edge case 44: one string of a megabyte, a hundred thousand keys."""
    wide = {f"http://e.org/{n}": n for n in range(20_000)}
    for extensions in (
        {"http://e.org/x": "z" * 1_000_000},
        wide,
        {"http://e.org/x": {str(n): n for n in range(100_000)}},
    ):
        statement_id = send(store, make_statement(result={"extensions": extensions}))[0]
        assert read(store, statement_id)["result"]["extensions"] == extensions


def test_what_one_transaction_does_not_hold_is_told_as_too_much_and_not_as_busy(
    db: Database[Json], store: StatementStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client would send the same again after 503 for ever; with others in one write, they are written all the same."""
    whole = GroupCommit._send_whole

    def refusing(self: GroupCommit, batch: list[Any]) -> None:
        if sum(len(ticket.documents) for ticket in batch) > 10:
            in_transaction(db.client, too_large)
        whole(self, batch)

    def too_large(_: Any) -> None:
        raise OperationFailure("TransactionTooLargeForCache", 388)

    monkeypatch.setattr(GroupCommit, "_send_whole", refusing)
    batches = [[make_statement() for _ in range(count)] for count in (6, 11, 6)]
    outcomes: list[str] = []

    def sending(batch: list[Json]) -> None:
        try:
            send(store, batch)
        except TooMuchAtOnce:
            outcomes.append("too much")
        else:
            outcomes.append("stored")

    at_once = [threading.Thread(target=sending, args=(batch,)) for batch in batches]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()
    assert sorted(outcomes) == ["stored", "stored", "too much"]
    assert db.statements.count_documents({}) == 12
