"""Part 3 of the requirements: the filters of GET /statements, alone and combined, and the forms of the answer."""

import itertools
import json
from typing import Any

import pytest
from conformance_support import (
    Lrs,
    agent,
    attachment,
    changed,
    multipart,
    parts_of,
    pause,
    ref,
    statement,
    sub_statement,
    uid,
    voider,
)

ANA, BOB = agent("ana"), agent("bob")
VERB, OTHER_VERB = "http://example.com/v", "http://example.com/w"
THING, OTHER = "http://example.com/thing", "http://example.com/other"
REGISTRATION = uid()


def test_q3_every_combination_of_filters_selects_what_a_plain_search_selects(lrs: Lrs) -> None:
    kept = {}
    for who, verb, thing, registration in itertools.product(
        (ANA, BOB), (VERB, OTHER_VERB), (THING, OTHER), (REGISTRATION, None)
    ):
        context = {"registration": registration} if registration else None
        made = statement(actor=who, verb={"id": verb}, object={"id": thing}, context=context)
        kept[made["id"]] = made
    lrs.store(*kept.values())
    tests: dict[str, Any] = {
        "agent": (ANA, lambda one: one["actor"] == ANA),
        "verb": (VERB, lambda one: one["verb"]["id"] == VERB),
        "activity": (THING, lambda one: one["object"]["id"] == THING),
        "registration": (REGISTRATION.upper(), lambda one: "context" in one),
    }
    for size in range(5):
        for names in itertools.combinations(tests, size):
            expected = [known for known, one in kept.items() if all(tests[name][1](one) for name in names)]
            query = {name: tests[name][0] for name in names}
            assert lrs.ids(**query, limit=3, ascending="true") == expected
            assert lrs.ids(**query) == expected[::-1]


def test_q3_one_statement_of_a_chain_satisfies_all_filters(lrs: Lrs) -> None:
    """Decision 8: no union of filters over the chain."""
    [target] = lrs.store(statement(actor=ANA, verb={"id": VERB}))
    reference = statement(actor=BOB, verb={"id": OTHER_VERB}, object=ref(target))
    lrs.store(reference)
    assert lrs.ids(agent=ANA, verb=VERB) == [reference["id"], target]
    assert lrs.ids(agent=BOB, verb=OTHER_VERB) == [reference["id"]]
    assert lrs.ids(agent=BOB, verb=VERB) == []


def test_q3_a_voided_link_passes_the_match_on(lrs: Lrs) -> None:
    verb = f"http://example.com/{uid()}"
    [a] = lrs.store(statement(verb={"id": verb}))
    [b] = lrs.store(statement(object=ref(a)))
    [c] = lrs.store(statement(object=ref(b)))
    [void] = lrs.store(voider(b))
    assert lrs.ids(verb=verb) == [void, c, a]


def test_q3_filters_do_not_reach_further_than_they_say(lrs: Lrs) -> None:
    inner = sub_statement(
        actor=ANA, verb={"id": VERB}, object={"id": THING}, context={"registration": REGISTRATION}
    )
    lrs.store(
        statement(object=inner),
        statement(context={"instructor": ANA, "contextActivities": {"parent": {"id": THING}}}),
    )
    for query in ({"agent": ANA}, {"verb": VERB}, {"activity": THING}, {"registration": REGISTRATION}):
        assert lrs.ids(**query) == []
    assert len(lrs.ids(agent=ANA, related_agents="true")) == 2
    assert len(lrs.ids(activity=THING, related_activities="true")) == 2


def test_q3_related_flags_alone_select_everything(lrs: Lrs) -> None:
    ids = lrs.store(statement(), statement())
    assert lrs.ids(related_agents="true", related_activities="true", ascending="true") == ids


def test_q3_attachments_and_extensions_are_never_related(lrs: Lrs) -> None:
    lrs.store(
        statement(context={"extensions": {"x:y": ANA, THING: THING}}),
        statement(attachments=[attachment(b"", usageType=THING, fileUrl=THING)]),
    )
    assert (
        lrs.ids(agent=ANA, related_agents="true") == lrs.ids(activity=THING, related_activities="true") == []
    )


def test_q3_newest_first_or_oldest_first(lrs: Lrs) -> None:
    ids = []
    for _ in range(4):
        ids += lrs.store(statement())
        pause()
    assert lrs.ids(ascending="true") == lrs.ids(ascending="false")[::-1] == ids
    stored = [one["stored"] for one in lrs.get("/statements").json["statements"]]
    assert stored == sorted(stored, reverse=True)


def test_q3_filters_compare_stored_and_never_timestamp(lrs: Lrs) -> None:
    [old] = lrs.store(statement(timestamp="1999-01-01T00:00:00Z"))
    assert lrs.ids(since="2020-01-01T00:00:00Z") == [old]
    assert lrs.ids(until="2000-01-01T00:00:00Z") == []


def test_q3_a_limit_above_the_maximum_is_the_maximum(lrs1: Lrs) -> None:
    lrs1.store(*(statement() for _ in range(510)))
    for limit in ("0", "600", None):
        answer = lrs1.get("/statements", {"limit": limit} if limit else {}).json
        assert len(answer["statements"]) == 500
        assert len(lrs1.more(answer["more"]).json["statements"]) == 10


def test_q3_a_page_is_bounded_in_bytes(lrs1: Lrs) -> None:
    for _ in range(12):
        lrs1.store(statement(result={"response": "x" * 2_000_000}))
    page = lrs1.get("/statements", {"format": "ids"})
    assert 1 <= len(page.json["statements"]) < 12
    assert page.json["more"]
    assert len(lrs1.ids()) == 12


def test_q3_more_keeps_everything_in_force(lrs: Lrs) -> None:
    ids = lrs.store(*(statement(actor=ANA, verb={"id": VERB}) for _ in range(5)))
    lrs.store(statement(actor=BOB, verb={"id": VERB}))
    link = lrs.get("/statements", {"agent": ANA, "limit": 2, "ascending": "true", "format": "ids"}).json[
        "more"
    ]
    page = lrs.more(link).json
    assert [one["id"] for one in page["statements"]] == ids[2:4]
    assert page["statements"][0]["verb"] == {"id": VERB}
    assert [one["id"] for one in lrs.more(page["more"]).json["statements"]] == ids[4:]
    assert "ana" not in link


def test_q3_exact_is_what_came_in(lrs: Lrs) -> None:
    text = (
        '{"verb":{"display":{"en":"d\\u00e9"},"id":"http://example.com/v"},"actor":{"name":"\\ud83d\\ude00",'
        '"mbox":"mailto:a@b.example"},"result":{"extensions":{"http://e/n":1.50,"http://e/big":12345678901234567890}},'
        f'"object":{{"id":"http://example.com/a"}},"id":"{uid()}","timestamp":"2020-01-01T00:00:00.000Z"}}'
    )
    [known] = lrs.post("/statements", text.encode(), kind="application/json").json
    found = lrs.get("/statements", {"statementId": known}).data
    assert found.startswith(text[:-1].encode())
    assert b"".join(lrs.get("/statements").data.split(found)) == b'{"statements":[],"more":""}'


GROUP = {"objectType": "Group", "name": "g", "member": [agent("m", name="M")], **agent("g")}
ANONYMOUS = {"objectType": "Group", "name": "g", "member": [agent("m", name="M")]}


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        (agent("a", name="A", objectType="Agent"), agent("a", objectType="Agent")),
        (agent("a", name="A"), agent("a")),
        (GROUP, {"objectType": "Group", **agent("g")}),
        (ANONYMOUS, {"objectType": "Group", "member": [agent("m")]}),
    ],
)
def test_q3_ids_keep_identifiers_only(lrs: Lrs, actor: dict, shown: dict) -> None:
    thing = {"objectType": "Activity", "id": "x:y", "definition": {"name": {"en": "n"}}}
    context = {"instructor": actor, "contextActivities": {"other": [thing]}, "platform": "kept"}
    result = {"response": "kept"}
    made = statement(actor=actor, context=changed(context, "platform", ...), result=result,
                     object=sub_statement(actor=actor, object=thing, context=context))  # fmt: skip
    lrs.store(made)
    found = lrs.one(made["id"], format="ids")
    assert found["actor"] == found["object"]["actor"] == found["context"]["instructor"] == shown
    assert found["object"]["object"] == {"id": "x:y"}
    assert found["object"]["context"]["contextActivities"] == {"other": [{"id": "x:y"}]}
    assert found["verb"] == {"id": made["verb"]["id"]}
    assert found["object"]["context"]["platform"] == found["result"]["response"] == "kept"
    assert found["stored"] == lrs.one(made["id"])["stored"]


def test_q3_canonical_uses_what_all_statements_say(lrs: Lrs) -> None:
    activity = f"http://example.com/{uid()}"
    full = {
        "type": "x:t",
        "moreInfo": "http://m/",
        "interactionType": "choice",
        "correctResponsesPattern": ["a"],
        "extensions": {"x:e": 1},
    }
    first = statement(object={"id": activity, "definition": {"name": {"en": "name"}, **full}})
    second = statement(object={"id": activity, "definition": {"name": {"fr": "nom"}}})
    lrs.store(first, second)
    for known in (first["id"], second["id"]):
        params = {"statementId": known, "format": "canonical"}
        found = lrs.get("/statements", params, headers={"Accept-Language": "fr"}).json
        assert found["object"]["definition"] == {"name": {"fr": "nom"}, **full}
        assert found["actor"] == first["actor"]


def test_q3_attachments_come_as_parts_each_once(lrs: Lrs) -> None:
    contents = [b"one", b"two\r\n", b""]
    made = [
        statement(attachments=[attachment(content, contentType=f"x/y{n}")])
        for n, content in enumerate(contents)
    ]
    made.append(statement(object=sub_statement(attachments=[attachment(b"one", contentType="x/y0")])))
    body, kind = multipart(made, *contents)
    assert lrs.post("/statements", body, kind=kind).status_code == 200
    answer = lrs.get("/statements", {"attachments": "true"})
    parts = parts_of(answer)
    assert len(json.loads(parts[0][1])["statements"]) == 4
    assert sorted(content for _, content in parts[1:]) == sorted(contents)
    kinds = {content: head["Content-Type"] for head, content in parts[1:]}
    assert kinds == {b"one": "x/y0", b"two\r\n": "x/y1", b"": "x/y2"}
    assert answer.headers["Content-Type"].split(";")[1].startswith(" boundary=")
    for params in ({}, {"attachments": "false"}):
        plain = lrs.get("/statements", params)
        assert plain.mimetype == "application/json"
        assert all("attachments" in one or "attachments" in one["object"] for one in plain.json["statements"])


def test_q3_voided_statements_are_found_as_voided_only(lrs: Lrs) -> None:
    verb = f"http://example.com/{uid()}"
    [target] = lrs.store(statement(verb={"id": verb}))
    [void] = lrs.store(voider(target))
    assert lrs.ids(verb=verb) == [void]
    assert lrs.one(void)["id"] == void
    assert lrs.get("/statements", {"voidedStatementId": target}).json["verb"]["id"] == verb
    [again] = lrs.store(statement(verb={"id": verb}))
    assert lrs.ids(verb=verb) == [again, void]
