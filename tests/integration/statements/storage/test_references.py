"""Voiding and StatementRef targeting in any order of arrival (xapi#3.2, xapi#3.3, xapi#edge-7 to xapi#edge-18)."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from factories import VOIDED, agent, found_ids, make_statement, make_store, new_id, reference, send, voider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from statements.errors import StatementNotFound, VoidingRefused
from statements.ingest import Writer
from statements.parsing.search_keys import evidence_key
from statements.query.parameters import StatementQuery
from statements.storage.references import MAX_CHAIN
from statements.storage.store import StatementStore

Json = dict[str, Any]
VERB = "http://example.com/verbs/"


@pytest.fixture
def store(db: Database[Json]) -> StatementStore:
    return make_store(db)


def verb(name: str) -> Json:
    return {"id": VERB + name}


def is_voided(store: StatementStore, statement_id: str) -> bool:
    """Return whether only voidedStatementId finds it; both ways must agree."""
    try:
        store.get(UUID(statement_id))
    except StatementNotFound:
        store.get(UUID(statement_id), voided=True)
        return True
    with pytest.raises(StatementNotFound):
        store.get(UUID(statement_id), voided=True)
    return False


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two requests"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["target first", "voider first"])
def test_target_is_voided_in_either_order(
    store: StatementStore, together: bool, order: tuple[int, int]
) -> None:
    target = make_statement(verb=verb("x"))
    statements = [target, voider(target["id"])]
    arriving = [statements[index] for index in order]
    if together:
        send(store, *arriving)
    else:
        for statement in arriving:
            send(store, statement)
    assert is_voided(store, target["id"])
    assert found_ids(store, verb=VOIDED) == [statements[1]["id"]]
    assert target["id"] not in found_ids(store)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_voider_of_a_voider_voids_nothing_in_any_order(store: StatementStore, order: Sequence[int]) -> None:
    target = make_statement()
    first = voider(target["id"])
    second = voider(first["id"])
    for index in order:
        send(store, (target, first, second)[index])
    assert is_voided(store, target["id"])
    assert not is_voided(store, first["id"])
    assert not is_voided(store, second["id"])


def test_voider_of_itself_is_stored_and_voids_nothing(store: StatementStore) -> None:
    own = new_id()
    send(store, voider(own, id=own))
    assert not is_voided(store, own)


def test_second_voider_is_accepted_and_the_first_one_counts(
    store: StatementStore, db: Database[Json]
) -> None:
    target = make_statement()
    first, second = voider(target["id"]), voider(target["id"])
    for statement in (target, first, second):
        send(store, statement)
    document = db.statements.find_one({"org": "acme", "id": UUID(target["id"])})
    assert document is not None
    assert document["voided_by"] == UUID(first["id"])


def test_voided_verb_inside_a_substatement_voids_nothing(store: StatementStore) -> None:
    target = make_statement()
    inner = {"objectType": "SubStatement", **voider(target["id"])}
    inner.pop("id")
    send(store, target)
    send(store, make_statement(object=inner))
    assert not is_voided(store, target["id"])


def test_client_without_the_right_may_not_void(store: StatementStore) -> None:
    target = make_statement()
    send(store, target)
    powerless = Writer("c", None, "partner", {"mbox": "mailto:c@example.com"}, may_void=False)
    with pytest.raises(VoidingRefused):
        send(store, make_statement(), voider(target["id"]), writer=powerless)
    assert not is_voided(store, target["id"])


def test_voiding_marks_a_relevant_statement_again(store: StatementStore, db: Database[Json]) -> None:
    relevant = make_statement()
    send(store, relevant, is_relevant=lambda document: True)
    db.statements.update_many({"org": "acme"}, {"$unset": {"pending": ""}})
    send(store, voider(relevant["id"]))
    document = db.statements.find_one({"org": "acme", "id": UUID(relevant["id"])})
    assert document is not None
    assert document["pending"] is True
    assert evidence_key(document["actor"]) in document["keys"]


def test_evidence_key_of_the_target_is_not_lent(store: StatementStore, db: Database[Json]) -> None:
    relevant = make_statement()
    send(store, relevant, is_relevant=lambda document: True)
    send(store, make_statement(object=reference(relevant["id"]), verb=verb("refers")))
    key = evidence_key("mbox::mailto:learner@example.com")
    assert db.statements.count_documents({"org": "acme", "keys": key}) == 1


def test_verb_filter_finds_reference_and_voider_of_a_voided_statement(store: StatementStore) -> None:
    """XAPI-00162: exactly [reference, voider], newest first."""
    target = make_statement(verb=verb("v"))
    void, ref = voider(target["id"]), make_statement(verb=verb("refers"), object=reference(target["id"]))
    for statement in (target, void, ref):
        send(store, statement)
    assert found_ids(store, verb=VERB + "v") == [ref["id"], void["id"]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_chain_is_found_whatever_the_order_of_arrival(store: StatementStore, order: Sequence[int]) -> None:
    ids = [new_id() for _ in range(4)]
    chain = [make_statement(id=ids[i], verb=verb(f"r{i}"), object=reference(ids[i + 1])) for i in range(3)]
    chain.append(make_statement(id=ids[3], verb=verb("end")))
    for index in order:
        send(store, chain[index])
    assert sorted(found_ids(store, verb=VERB + "end")) == sorted(ids)
    assert sorted(found_ids(store, verb=VERB + "r1")) == sorted(ids[:2])


def test_since_applies_to_the_referring_statement_alone(store: StatementStore) -> None:
    end = make_statement(verb=verb("end"))
    send(store, end)
    since = store.get(UUID(end["id"])).stored.isoformat()
    ref = make_statement(object=reference(end["id"]), verb=verb("r"))
    send(store, ref)
    assert found_ids(store, verb=VERB + "end", since=since.replace("+00:00", "Z")) == [ref["id"]]


@pytest.mark.parametrize("together", [True, False])
def test_cycles_end(store: StatementStore, together: bool) -> None:
    a, b, c, own = (new_id() for _ in range(4))
    statements = [
        make_statement(id=a, verb=verb("a"), object=reference(b)),
        make_statement(id=b, verb=verb("b"), object=reference(c)),
        make_statement(id=c, verb=verb("c"), object=reference(a)),
        make_statement(id=own, verb=verb("own"), object=reference(own)),
    ]
    if together:
        send(store, *statements)
    else:
        for statement in statements:
            send(store, statement)
    for name in "abc":
        assert sorted(found_ids(store, verb=VERB + name)) == sorted([a, b, c])
    assert found_ids(store, verb=VERB + "own") == [own]


def test_voided_link_still_passes_the_match_on(store: StatementStore) -> None:
    end = make_statement(verb=verb("end"))
    middle = make_statement(verb=verb("m"), object=reference(end["id"]))
    outer = make_statement(verb=verb("o"), object=reference(middle["id"]))
    for statement in (end, middle, outer):
        send(store, statement)
    send(store, voider(middle["id"], id=(void := new_id())))
    assert found_ids(store, verb=VERB + "end") == [void, outer["id"], end["id"]]


def test_one_statement_of_the_chain_has_to_satisfy_all_filters(store: StatementStore) -> None:
    """Decision 8: filters are not mixed over the chain."""
    target = make_statement(verb=verb("x"), actor={"mbox": "mailto:one@example.com"})
    ref = make_statement(
        verb=verb("y"), actor={"mbox": "mailto:two@example.com"}, object=reference(target["id"])
    )
    send(store, target, ref)
    assert found_ids(store, verb=VERB + "x", agent={"mbox": "mailto:two@example.com"}) == []
    assert found_ids(store, verb=VERB + "y", agent={"mbox": "mailto:one@example.com"}) == []
    assert found_ids(store, verb=VERB + "x", agent={"mbox": "mailto:one@example.com"}) == [
        ref["id"],
        target["id"],
    ]


def test_context_statement_and_reference_in_a_substatement_lend_nothing(store: StatementStore) -> None:
    target = make_statement(verb=verb("x"))
    inner = {
        "objectType": "SubStatement",
        "actor": target["actor"],
        "verb": verb("y"),
        "object": reference(target["id"]),
    }
    send(store, target)
    send(store, make_statement(verb=verb("z"), context={"statement": reference(target["id"])}))
    send(store, make_statement(verb=verb("z"), object=inner))
    assert found_ids(store, verb=VERB + "x") == [target["id"]]


def test_reference_does_not_reach_a_target_in_another_store(
    store: StatementStore, db: Database[Json]
) -> None:
    other = make_store(db, "other")
    target = make_statement(verb=verb("secret"))
    send(other, target)
    send(store, make_statement(object=reference(target["id"])), voider(target["id"]))
    assert found_ids(store, verb=VERB + "secret") == []
    assert not is_voided(other, target["id"])


def test_placeholder_of_an_awaited_statement_is_never_shown(store: StatementStore) -> None:
    awaited = new_id()
    void = voider(awaited)
    send(store, void)
    assert found_ids(store) == found_ids(store, ascending="true") == [void["id"]]
    for voided in (True, False):
        with pytest.raises(StatementNotFound):
            store.get(UUID(awaited), voided=voided)


def test_ten_thousand_references_to_one_late_target(store: StatementStore) -> None:
    target = make_statement(verb=verb("late"))
    refs = [make_statement(verb=verb("r"), object=reference(target["id"])) for _ in range(10_000)]
    for start in range(0, len(refs), 2_000):
        send(store, *refs[start : start + 2_000])
    send(store, target)
    assert len(found_ids(store, verb=VERB + "late", limit="500")) == 500
    assert store.db.statements.count_documents({"org": "acme", "open": {"$exists": True}}) == 0


@pytest.mark.parametrize("longest", [1, 4, 20])
def test_a_chain_beyond_the_bound_gives_one_answer_in_any_order(db: Database[Json], longest: int) -> None:
    ids = [new_id() for _ in range(12)]
    chain = [make_statement(id=ids[0], verb=verb("end"))]
    chain += [
        make_statement(id=own, verb=verb("r"), object=reference(target), actor=agent(own))
        for target, own in itertools.pairwise(ids)
    ]
    orders = [chain, chain[::-1], *(random.Random(seed).sample(chain, len(chain)) for seed in range(3))]
    for number, order in enumerate(orders):
        store = StatementStore(db, f"org{number}", longest_chain=longest)
        for statement in order:
            send(store, statement)
        assert set(found_ids(store, verb=VERB + "end")) == set(ids[: longest + 1])


@pytest.mark.parametrize("backwards", [False, True], ids=["targets first", "targets last"])
@pytest.mark.parametrize("distinct", [False, True], ids=["one actor", "each its own actor"])
def test_chain_of_a_thousand_links(store: StatementStore, backwards: bool, distinct: bool) -> None:
    """Exact over any number of links with the same keys, over MAX_CHAIN different ones; the work is bounded."""
    ids = [new_id() for _ in range(1_000)]
    chain = [make_statement(id=ids[0], verb=verb("end"))]
    chain += [
        make_statement(
            id=own, verb=verb("r"), object=reference(target), actor=agent(own if distinct else "one")
        )
        for target, own in itertools.pairwise(ids)
    ]
    if backwards:
        chain.reverse()
    for start in range(0, 1_000, 100):
        send(store, *chain[start : start + 100])
    found: set[str] = set()
    search = StatementQuery.parse({"verb": [VERB + "end"]}, "2.0.0")
    page = store.find(search)
    found.update(json.loads(raw)["id"] for raw in page.statements)
    while page.next is not None:
        page = store.find(StatementQuery.resume(search.cursor(page.next)))
        found.update(json.loads(raw)["id"] for raw in page.statements)
    assert found >= set(ids[: MAX_CHAIN + 1] if distinct else ids)
    longest = store.db.statements.aggregate([{"$project": {"n": {"$size": {"$ifNull": ["$chain", []]}}}}])
    assert max(document["n"] for document in longest) <= 2 * MAX_CHAIN + 2


ORDERS = ["targets first", "targets last", "mixed", "one batch", "one batch, backwards", "halves"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("longest", [3, 12])
def test_a_long_chain_answers_alike_whatever_the_order_of_arrival(db: Any, order: str, longest: int) -> None:
    """A reference is found by the first `longest` different statements behind it, no more and no fewer."""
    store = StatementStore(db, "acme", longest_chain=longest)
    ids = [new_id() for _ in range(20)]
    chain = [make_statement(id=ids[0], verb=verb("end"), actor=agent("end"))]
    chain += [
        make_statement(id=own, verb=verb("r"), object=reference(target), actor=agent(f"a{own}"))
        for target, own in itertools.pairwise(ids)
    ]
    batches = {
        "targets first": [[one] for one in chain],
        "targets last": [[one] for one in reversed(chain)],
        "mixed": [[one] for one in random.Random(7).sample(chain, len(chain))],
        "one batch": [chain],
        "one batch, backwards": [chain[::-1]],
        "halves": [chain[1::2], chain[::2]],
    }[order]
    for batch in batches:
        send(store, *batch)
    assert set(found_ids(store, verb=VERB + "end")) == set(ids[: longest + 1])
    assert set(found_ids(store, agent=json.dumps(agent(f"a{ids[5]}")))) == set(ids[5 : 6 + longest])
    assert db.statements.count_documents({"stub": True}) == 0
    sizes = [len(one.get("chain", ())) for one in db.statements.find({}, {"chain": 1})]
    assert max(sizes) == longest + 1


def in_threads(*jobs: Callable[[], Any]) -> None:
    """Run jobs at once; an exception of one fails the test."""
    barrier = threading.Barrier(len(jobs))
    failures: list[BaseException] = []

    def run(job: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            job()
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_race_of_voider_and_target_never_leaves_it_unvoided(store: StatementStore) -> None:
    for _ in range(60):
        target = make_statement(verb=verb("raced"))
        in_threads(
            lambda target=target: send(store, target),
            lambda target=target: send(store, voider(target["id"])),
            lambda target=target: send(store, voider(target["id"])),
        )
        assert is_voided(store, target["id"])


def test_race_of_a_whole_chain_links_all_of_it(store: StatementStore) -> None:
    """Each link, and the end, arrive at once: no reference may miss a statement behind it."""
    for round_ in range(25):
        ids = [new_id() for _ in range(5)]
        chain = [
            make_statement(id=ids[i], verb=verb(f"{round_}-{i}"), object=reference(ids[i + 1]))
            for i in range(4)
        ]
        chain.append(make_statement(id=ids[4], verb=verb(f"{round_}-4")))
        random.shuffle(chain)
        in_threads(*(lambda s=statement: send(store, s) for statement in chain))
        for i in range(5):
            assert sorted(found_ids(store, verb=f"{VERB}{round_}-{i}")) == sorted(ids[: i + 1])
    assert store.db.statements.count_documents({"org": "acme", "stub": True}) == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_graph_in_any_order_and_batching_matches_the_definition(
    store: StatementStore, data: st.DataObject
) -> None:
    """The filters equal a plain walk along the references over random graphs with voiders, cycles and gaps."""
    size = data.draw(st.integers(2, 7), "size")
    ids = [new_id() for _ in range(size)]
    missing = new_id()
    prefix = new_id()
    targets = {}
    statements = []
    for index, own in enumerate(ids):
        target = data.draw(st.sampled_from([None, *ids, missing]), f"target {index}")
        voids = target is not None and data.draw(st.booleans(), f"voids {index}")
        targets[own] = (target, voids)
        statements.append(
            make_statement(
                id=own,
                actor={"mbox": f"mailto:{prefix}-{index}@example.com"},
                verb={"id": VOIDED} if voids else verb(prefix),
                **({"object": reference(target)} if target else {}),
            )
        )
    order = data.draw(st.permutations(statements), "order")
    while order:
        count = data.draw(st.integers(1, len(order)), "batch")
        send(store, *order[:count])
        order = order[count:]
    voided = {
        t for own, (t, voids) in targets.items() if voids and t != own and t in targets and not targets[t][1]
    }
    for index, wanted in enumerate(ids):
        expected = set()
        for own in ids:
            position, seen = own, set()
            while position in targets and position not in seen:
                seen.add(position)
                position = targets[position][0]
            if wanted in seen and own not in voided:
                expected.add(own)
        assert set(found_ids(store, agent={"mbox": f"mailto:{prefix}-{index}@example.com"})) == expected
    assert {own for own in ids if is_voided(store, own)} == voided


VENDOR = Writer("v", "vendor", "vendor", agent("vendor"))
PARTNER = Writer("p", "partner", "partner", agent("partner"))


def test_a_partners_client_voids_nothing_that_the_vendor_wrote(store: StatementStore) -> None:
    """Vendor-controlled statements can be evidence; who is measured by them may not take them away."""
    target = make_statement(verb=verb("x"))
    send(store, target, writer=VENDOR)
    with pytest.raises(VoidingRefused):
        send(store, voider(target["id"]), writer=PARTNER)
    assert not is_voided(store, target["id"])
    own = make_statement(verb=verb("x"))
    send(store, own, writer=PARTNER)
    send(store, voider(own["id"]), writer=PARTNER)
    send(store, voider(target["id"]), writer=VENDOR)
    assert is_voided(store, own["id"])
    assert is_voided(store, target["id"])


@pytest.mark.parametrize("author", [VENDOR, PARTNER], ids=["vendor", "partner"])
@pytest.mark.parametrize("voiders", [(VENDOR, PARTNER), (PARTNER, VENDOR), (PARTNER,), (VENDOR,)])
def test_an_early_voider_counts_only_where_its_client_may_void(
    store: StatementStore, db: Database[Json], author: Writer, voiders: Sequence[Writer]
) -> None:
    """Whoever voids before the target arrives gains no right by being early; the first that counts is named."""
    target = make_statement(verb=verb("x"))
    sent = [(writer, send(store, voider(target["id"]), writer=writer)[0]) for writer in voiders]
    send(store, target, writer=author)
    counting = [own for writer, own in sent if writer is VENDOR or author is PARTNER]
    assert is_voided(store, target["id"]) is bool(counting)
    stored = db.statements.find_one({"id": UUID(target["id"])})
    assert stored
    assert stored.get("voided_by") == (UUID(counting[0]) if counting else None)


def test_a_client_that_may_not_define_teaches_nothing(store: StatementStore) -> None:
    """xAPI 1.0.3 Communication 4.2, scope `define`: the statement keeps its definition, the store does not."""
    activity = {"id": "http://example.com/a", "definition": {"name": {"en": "A"}}}
    quiet = Writer("q", "q", "vendor", agent("q"), may_define=False)
    send(store, make_statement(object=activity, actor={**agent("ana"), "name": "Ana"}), writer=quiet)
    assert store.activity(activity["id"]) == {"objectType": "Activity", "id": activity["id"]}
    assert "name" not in store.person(agent("ana"))
    send(store, make_statement(object=activity, actor={**agent("ana"), "name": "Ana"}), writer=VENDOR)
    assert store.activity(activity["id"])["definition"] == activity["definition"]
    assert store.person(agent("ana"))["name"] == ["Ana"]
