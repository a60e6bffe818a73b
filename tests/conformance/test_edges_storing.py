"""Edge cases 1 to 18: ids, batches, races, voiding in any order, references and their chains.

Races run against a real server with two worker processes.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from conformance_support import VOIDED, Lrs, changed, pause, ref, statement, sub_statement, uid, voider

THREADS = 12


class Racer:
    """Sends requests to a real server from many threads at the same moment."""

    def __init__(self, server: Any, version: str = "1.0.3") -> None:
        self.url = server.xapi
        self.headers = server.auth(version=version)
        self.local = threading.local()

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        headers = {**self.headers, **more.pop("headers", {})}
        return self.local.session.request(method, self.url + path, headers=headers, timeout=60, **more)

    def all(self, calls: list[tuple[str, str, dict[str, Any]]]) -> list[requests.Response]:
        start = threading.Barrier(min(THREADS, len(calls)))

        def run(call: tuple[str, str, dict[str, Any]]) -> requests.Response:
            start.wait(30)
            return self.send(call[0], call[1], **call[2])

        with ThreadPoolExecutor(start.parties) as pool:
            return list(pool.map(run, calls))


@pytest.fixture
def racer(server: Any) -> Racer:
    return Racer(server)


def test_edge_01_concurrent_puts_of_one_id_with_other_content(racer: Racer) -> None:
    for _ in range(5):
        made = statement()
        calls = [
            (
                "PUT",
                f"/statements?statementId={made['id']}",
                {"json": changed(made, "result.response", str(n))},
            )
            for n in range(THREADS)
        ]
        answers = racer.all(calls)
        assert sorted(one.status_code for one in answers) == [204] + [409] * (THREADS - 1)
        won = next(n for n, one in enumerate(answers) if one.status_code == 204)
        found = racer.send("GET", f"/statements?statementId={made['id']}").json()
        assert found["result"]["response"] == str(won)


def test_edge_02_concurrent_puts_of_one_id_with_equal_content(racer: Racer) -> None:
    for _ in range(5):
        made = statement(actor={"mbox": f"mailto:{uid()}@example.com"})
        answers = racer.all([("POST", "/statements", {"json": made})] * THREADS)
        assert {one.status_code for one in answers} == {200}
        query = {"agent": str(made["actor"]).replace("'", '"')}
        assert len(racer.send("GET", "/statements", params=query).json()["statements"]) == 1


def test_edge_03_overlapping_batches_are_seen_whole_or_not_at_all(racer: Racer) -> None:
    shared = statement()
    batches = [
        [statement(result={"response": str(n)}), changed(shared, "result.response", str(n)), statement()]
        for n in range(THREADS)
    ]
    answers = racer.all([("POST", "/statements", {"json": batch}) for batch in batches])
    assert sorted(one.status_code for one in answers) == [200] + [409] * (THREADS - 1)
    for batch, answer in zip(batches, answers, strict=True):
        for one in (batch[0], batch[2]):
            status = racer.send("GET", f"/statements?statementId={one['id']}").status_code
            assert status == (200 if answer.status_code == 200 else 404)


def test_edge_04_a_failure_in_mid_batch_leaves_nothing(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymongo.collection import Collection
    from pymongo.errors import OperationFailure

    batch = [statement() for _ in range(4)]
    insert = Collection.insert_many
    failed = []

    def fail_once(self: Any, documents: Any, *args: Any, **more: Any) -> Any:
        result = insert(self, documents, *args, **more)
        if self.name == "statements" and not failed:
            failed.append(True)
            raise OperationFailure("made to fail after the insert", 112, {"errorLabels": []})
        return result

    monkeypatch.setattr(Collection, "insert_many", fail_once)
    lrs.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    first = lrs.post("/statements", batch)
    if failed and first.status_code != 200:
        assert [lrs.get("/statements", {"statementId": one["id"]}).status_code for one in batch] == [404] * 4
    again = lrs.post("/statements", batch)
    assert again.status_code == 200
    assert sorted(lrs.ids()) == sorted(one["id"] for one in batch)


@pytest.mark.parametrize("equal", [True, False])
def test_edge_05_one_id_twice_in_a_batch(lrs: Lrs, equal: bool) -> None:
    first, twice = statement(), statement()
    other = twice if equal else changed(twice, "verb.id", "http://example.com/other")
    lrs.refuses([first, twice, other])
    assert lrs.ids() == []


def test_edge_06_ids_are_compared_without_case(lrs: Lrs) -> None:
    upper = statement(id="ABCDEF01-2345-4678-9ABC-DEF012345678")
    lower = changed(upper, "id", upper["id"].lower())
    lrs.refuses([upper, lower])
    lrs.store(upper)
    assert lrs.post("/statements", lower).status_code == 200
    assert lrs.refuses(changed(lower, "verb.id", "http://example.com/other"), 409)
    for spelling in (upper["id"], lower["id"]):
        assert lrs.one(spelling)["id"].lower() == lower["id"]
    assert lrs.put("/statements", {"statementId": upper["id"]}, lower).status_code == 204


@pytest.mark.parametrize("voider_first", [True, False])
def test_edge_07_voider_and_target_in_one_batch(lrs: Lrs, voider_first: bool) -> None:
    target = statement()
    pair = [voider(target["id"]), target] if voider_first else [target, voider(target["id"])]
    lrs.store(*pair)
    assert_voided(lrs, target["id"])


def assert_voided(lrs: Lrs, target: str) -> None:
    assert lrs.get("/statements", {"statementId": target}).status_code == 404
    assert lrs.get("/statements", {"voidedStatementId": target}).json["id"] == target
    assert target not in lrs.ids()


def test_edge_08_a_voider_may_come_first(lrs: Lrs) -> None:
    target = statement()
    lrs.store(voider(target["id"]))
    assert lrs.post("/statements", target).status_code == 200
    assert_voided(lrs, target["id"])


@pytest.mark.parametrize("order", ["x v1 v2", "v2 v1 x", "v1 v2 x", "v2 x v1"])
def test_edge_09_a_voider_of_a_voider_voids_nothing(lrs: Lrs, order: str) -> None:
    target = statement()
    first = voider(target["id"])
    second = voider(first["id"])
    known = {"x": target, "v1": first, "v2": second}
    for name in order.split():
        lrs.store(known[name])
    assert_voided(lrs, target["id"])
    assert lrs.one(first["id"])["id"] == first["id"]
    assert lrs.one(second["id"])["id"] == second["id"]
    assert lrs.get("/statements", {"voidedStatementId": first["id"]}).status_code == 404


def test_edge_10_a_voider_of_itself(lrs: Lrs) -> None:
    made = uid()
    lrs.store(voider(made, id=made))
    assert lrs.one(made)["id"] == made
    assert lrs.ids() == [made]


def test_edge_11_a_sub_statement_voids_nothing(lrs: Lrs) -> None:
    [target] = lrs.store(statement())
    lrs.store(statement(object=sub_statement(verb={"id": VOIDED}, object=ref(target))))
    assert lrs.one(target)["id"] == target


def test_edge_12_an_acknowledged_voider_hides_its_target(racer: Racer) -> None:
    for _ in range(10):
        actor = {"mbox": f"mailto:{uid()}@example.com"}
        target = statement(actor=actor)
        racer.send("POST", "/statements", json=target)
        assert racer.send("POST", "/statements", json=voider(target["id"], actor=actor)).status_code == 200
        query = {"agent": str(actor).replace("'", '"')}
        answers = racer.all([("GET", "/statements", {"params": query})] * 4)
        for answer in answers:
            assert target["id"] not in [one["id"] for one in answer.json()["statements"]]


def test_edge_13_a_reference_matches_when_its_target_arrives(lrs: Lrs) -> None:
    verb = f"http://example.com/{uid()}"
    target = statement(verb={"id": verb})
    [reference] = lrs.store(statement(object=ref(target["id"])))
    assert lrs.ids(verb=verb) == []
    lrs.store(target)
    assert lrs.ids(verb=verb) == [target["id"], reference]


def chain(lrs: Lrs, verb: str, order: list[int]) -> list[str]:
    """Store d and the references c -> d, b -> c, a -> b in some order; return the ids of a, b, c, d."""
    ids = [uid() for _ in range(4)]
    links = [statement(id=ids[n], object=ref(ids[n + 1])) for n in range(3)]
    made = [*links, statement(id=ids[3], verb={"id": verb})]
    for n in order:
        lrs.store(made[n])
        pause()
    return ids


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [0, 1, 2, 3], [1, 3, 0, 2], [2, 0, 3, 1]])
def test_edge_14_a_chain_matches_as_a_whole(lrs: Lrs, order: list[int]) -> None:
    verb = f"http://example.com/{uid()}"
    ids = chain(lrs, verb, order)
    assert lrs.ids(verb=verb) == [ids[n] for n in reversed(order)]
    assert lrs.ids(verb=verb, ascending="true", limit=1) == [ids[n] for n in order]


def test_edge_15_time_applies_to_each_link_itself(lrs: Lrs) -> None:
    verb = f"http://example.com/{uid()}"
    a, b, c, d = chain(lrs, verb, [3, 2, 1, 0])
    assert lrs.ids(verb=verb, since=lrs.one(d)["stored"]) == [a, b, c]
    assert lrs.ids(verb=verb, until=lrs.one(d)["stored"]) == [d]


def test_edge_16_cycles_end(lrs: Lrs) -> None:
    a, b, c = uid(), uid(), uid()
    lrs.store(statement(id=a, object=ref(b)))
    lrs.store(statement(id=b, object=ref(a), verb={"id": "http://example.com/cycle"}))
    lrs.store(statement(id=c, object=ref(c), verb={"id": "http://example.com/cycle"}))
    assert set(lrs.ids(verb="http://example.com/cycle")) == {a, b, c}


def test_edge_17_long_chains_and_many_references(lrs1: Lrs) -> None:
    links = [uid() for _ in range(1001)]
    lrs1.store(*(statement(id=links[n], object=ref(links[n + 1])) for n in range(1000)))
    lrs1.store(statement(id=links[1000], verb={"id": "http://example.com/end"}))
    assert set(lrs1.ids(verb="http://example.com/end")) <= set(links)
    assert links[1000] in lrs1.ids(verb="http://example.com/end")

    target = uid()
    lrs1.store(*(statement(object=ref(target)) for _ in range(2000)))
    lrs1.store(statement(id=target, verb={"id": "http://example.com/popular"}))
    assert len(lrs1.ids(verb="http://example.com/popular")) == 2001


def test_edge_18_only_the_object_of_the_statement_is_a_reference(lrs: Lrs) -> None:
    verb = f"http://example.com/{uid()}"
    [target] = lrs.store(statement(verb={"id": verb}))
    lrs.store(
        statement(context={"statement": ref(target)}), statement(object=sub_statement(object=ref(target)))
    )
    assert lrs.ids(verb=verb) == [target]
