"""Edge cases 19 to 37: who and what a filter reaches, the precision of time, paging, odd parameter values."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from conformance_support import (
    FIXED,
    Lrs,
    agent,
    attachment,
    multipart,
    parts_of,
    pause,
    statement,
    sub_statement,
    uid,
    voider,
)
from flask import Flask

from lrs.xapi.more_links import VALID_FOR

ANA = agent("ana")
IFIS = [
    {"mbox": "mailto:ana@example.com"},
    {"mbox_sha1sum": "A" * 39 + "b"},
    {"openid": "http://ana.openid.example"},
    {"account": {"homePage": "http://example.com", "name": "ana"}},
]


def group(*members: dict, **more: Any) -> dict:
    return {"objectType": "Group", "member": list(members), **more}


@pytest.mark.parametrize(
    "target", [{**ANA, "objectType": "Agent"}, group(ANA), group(ANA, mbox="mailto:g@g.example")]
)
def test_edge_19_an_agent_or_group_as_object_is_reached(lrs: Lrs, target: dict) -> None:
    [known] = lrs.store(statement(object=target))
    assert lrs.ids(agent=ANA) == [known]


@pytest.mark.parametrize("ifi", IFIS)
def test_edge_20_any_member_of_any_group_is_reached(lrs: Lrs, ifi: dict) -> None:
    made = [
        statement(actor=ifi),
        statement(actor=group(agent("x"), ifi)),
        statement(actor=group(ifi, mbox="mailto:g@g.example")),
    ]
    ids = lrs.store(*made)
    assert lrs.ids(agent=ifi, ascending="true") == ids


def test_edge_20_a_group_is_found_by_its_own_identifier_only(lrs: Lrs) -> None:
    own = {"mbox": "mailto:g@g.example"}
    first, _, third = lrs.store(
        statement(actor=group(ANA, **own)),
        statement(actor=ANA),
        statement(actor={"objectType": "Group", **own}),
    )
    assert lrs.ids(agent=group(ANA, **own), ascending="true") == [first, third]


def related_positions(version: str) -> dict[str, dict]:
    places = {
        "instructor": {"context": {"instructor": ANA}},
        "instructor member": {"context": {"instructor": group(ANA)}},
        "team": {"context": {"team": {"objectType": "Group", **ANA}}},
        "sub actor": {"object": sub_statement(actor=ANA)},
        "sub object": {"object": sub_statement(object={**ANA, "objectType": "Agent"})},
        "sub instructor": {"object": sub_statement(context={"instructor": ANA})},
        "sub team": {"object": sub_statement(context={"team": group(ANA)})},
    }
    if version == "2.0.0":
        agents = {"contextAgents": [{"objectType": "contextAgent", "agent": ANA}]}
        groups = {"contextGroups": [{"objectType": "contextGroup", "group": group(ANA)}]}
        places |= {"contextAgents": {"context": agents}, "contextGroups": {"context": groups}}
        places |= {"sub contextAgents": {"object": sub_statement(context=agents)}}
        places |= {"sub contextGroups": {"object": sub_statement(context=groups)}}
    return places


def test_edge_21_related_agents_reach_every_position_and_only_with_the_flag(lrs: Lrs) -> None:
    places = related_positions(lrs.version)
    ids = lrs.store(*(statement(actor=agent("someone"), **more) for more in places.values()))
    assert lrs.ids(agent=ANA) == []
    assert lrs.ids(agent=ANA, related_agents="true", ascending="true") == ids
    authority = lrs.one(ids[0])["authority"]
    assert lrs.ids(agent=authority) == []
    assert lrs.ids(agent=authority, related_agents="true", ascending="true") == ids


def test_edge_22_related_activities_reach_context_and_sub_statements(lrs: Lrs) -> None:
    wanted = {"id": f"http://example.com/{uid()}"}
    kinds = [{"contextActivities": {kind: [wanted]}} for kind in ("parent", "grouping", "category", "other")]
    related = [statement(context=context) for context in kinds]
    related += [statement(object=sub_statement(context=context)) for context in kinds]
    related.append(statement(object=sub_statement(object=wanted)))
    ids = lrs.store(statement(object=wanted), *related)
    assert lrs.ids(activity=wanted["id"]) == ids[:1]
    assert lrs.ids(activity=wanted["id"], related_activities="true", ascending="true") == ids


def test_edge_23_names_and_types_of_the_agent_parameter_play_no_part(lrs: Lrs) -> None:
    [known] = lrs.store(statement(actor=agent("a+b")))
    for parameter in (agent("a+b", name="other"), agent("a+b", objectType="Group", member=[agent("z")])):
        assert lrs.ids(agent=parameter) == [known]
    text = json.dumps(agent("a+b"))
    assert [one["id"] for one in lrs.get("/statements", f"agent={quote(text)}").json["statements"]] == [known]
    assert lrs.get("/statements", f"agent={quote(text).replace('%2B', '+')}").status_code == 400


def test_edge_24_accounts_are_told_apart_by_home_page(lrs: Lrs) -> None:
    homes = [
        "http://e.example",
        "http://e.example/",
        "http://e.example:80/",
        "http://e.example/%7Ea",
        "http://e.example/%7ea",
    ]
    accounts = [{"account": {"homePage": home, "name": "ana"}} for home in homes]
    ids = lrs.store(*(statement(actor=one) for one in accounts))
    for account, known in zip(accounts[:3], ids[:3], strict=True):
        assert lrs.ids(agent=account) == [known]
    assert set(lrs.ids(agent=accounts[3])) in ({ids[3]}, {ids[3], ids[4]})


def test_edge_25_account_names_keep_their_case(lrs: Lrs) -> None:
    accounts = [{"account": {"homePage": "http://e.example", "name": name}} for name in ("Bob", "bob")]
    ids = lrs.store(*(statement(actor=one) for one in accounts))
    assert [lrs.ids(agent=one) for one in accounts] == [ids[:1], ids[1:]]


def test_edge_26_mail_domains_have_no_case_and_come_back_as_sent(lrs: Lrs) -> None:
    ids = lrs.store(
        statement(actor={"mbox": "mailto:Bob@EXAMPLE.com"}),
        statement(actor={"mbox": "mailto:Bob@example.com"}),
    )
    lrs.store(statement(actor={"mbox": "mailto:bob@example.com"}))
    assert lrs.ids(agent={"mbox": "mailto:Bob@Example.Com"}, ascending="true") == ids
    assert lrs.one(ids[0])["actor"] == {"mbox": "mailto:Bob@EXAMPLE.com"}


def test_edge_27_since_and_until_compare_at_real_precision(lrs: Lrs) -> None:
    [known] = lrs.store(statement())
    stored = dt.datetime.fromisoformat(lrs.one(known)["stored"])
    tick = dt.timedelta(microseconds=1)

    def text(moment: dt.datetime) -> str:
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    assert lrs.ids(since=text(stored + 100 * tick)) == []
    assert lrs.ids(since=text(stored - tick)) == [known]
    assert lrs.ids(until=text(stored - tick)) == []
    assert lrs.ids(until=text(stored + 100 * tick)) == [known]


def test_edge_28_since_is_exclusive_and_until_inclusive(lrs: Lrs) -> None:
    ids = []
    for _ in range(3):
        ids += lrs.store(statement())
        pause()
    middle = lrs.one(ids[1])["stored"]
    assert lrs.ids(since=middle) == ids[2:]
    assert lrs.ids(until=middle) == [ids[1], ids[0]]


def test_edge_29_an_empty_interval_is_an_empty_answer(lrs: Lrs) -> None:
    lrs.store(statement())
    assert lrs.ids(since="2030-01-01T00:00:00Z", until="2020-01-01T00:00:00Z") == []
    assert lrs.ids(since="2040-01-01T00:00:00Z") == []


def test_edge_30_since_takes_an_offset(lrs: Lrs) -> None:
    [known] = lrs.store(statement())
    earlier = dt.datetime.now(dt.timezone(dt.timedelta(hours=2))) - dt.timedelta(seconds=20)
    assert lrs.ids(since=earlier.isoformat()) == [known]
    assert lrs.ids(since=(earlier + dt.timedelta(seconds=60)).isoformat()) == []
    assert lrs.get("/statements", f"since={earlier.isoformat()}").status_code == 400


def test_edge_31_equal_times_page_in_a_stable_order(lrs: Lrs) -> None:
    ids = lrs.store(*(statement() for _ in range(23)))
    assert lrs.ids(limit=4, ascending="true") == ids
    assert lrs.ids(limit=5) == ids[::-1]


def test_edge_32_pages_neither_repeat_nor_lose(lrs: Lrs) -> None:
    ids = lrs.store(*(statement() for _ in range(9)))
    first = lrs.get("/statements", {"limit": 3}).json
    lrs.store(statement(), voider(ids[4]))
    second = lrs.more(first["more"]).json
    third = lrs.more(second["more"]).json
    seen = [one["id"] for page in (first, second, third) for one in page["statements"]]
    assert seen == [known for known in reversed(ids) if known != ids[4]]


def test_edge_33_more_is_for_its_client_for_a_day(
    lrs: Lrs, app: Flask, foreign: Lrs, other_client: Callable[..., Lrs]
) -> None:
    lrs.store(statement(), statement())
    link = lrs.get("/statements", {"limit": 1}).json["more"]
    for other in (foreign, other_client("all")):
        answer = other.more(link)
        assert answer.status_code in {403, 404}
        assert "statements" not in answer.json
    assert lrs.more(link + "A").status_code == 400
    assert lrs.more(link.replace("more=", "more=AA")).status_code in {400, 404}
    assert lrs.more(f"{link}&limit=5").json == lrs.more(link).json
    from lrs.xapi.more_links import more_tokens

    del app.extensions["laurel"].parts[more_tokens]
    assert lrs.more(link).status_code == 200, "another process reads it"
    assert dt.timedelta(hours=24) <= VALID_FOR


def test_edge_34_more_repeats_and_keeps_its_options(lrs: Lrs) -> None:
    made = [statement(attachments=[attachment(bytes([n]))], actor=agent("a", name="n")) for n in range(3)]
    body, kind = multipart(made, *(bytes([n]) for n in range(3)))
    assert lrs.post("/statements", body, kind=kind).status_code == 200
    first = lrs.get("/statements", {"limit": 1, "attachments": "true", "format": "ids"})
    link = json.loads(parts_of(first)[0][1])["more"]
    for _ in range(2):
        (_, page), (head, content) = parts_of(lrs.more(link))
        [found] = json.loads(page)["statements"]
        assert found["id"] == made[1]["id"]
        assert found["actor"].keys() <= {"objectType", "mbox"}
        assert head["X-Experience-API-Hash"] == made[1]["attachments"][0]["sha2"]
        assert content == b"\x01"


@pytest.mark.parametrize(
    ("limit", "status"),
    [("0", 200), (str(10**12), 200), ("007", 200), ("1e2", 400), ("-0", 400), ("+1", 400), ("1.0", 400),
     ("", 400), ("-1", 400), ("abc", 400), ("\uff11", 400), (" 1", 400)],
)  # fmt: skip
def test_edge_35_limits(lrs: Lrs, limit: str, status: int) -> None:
    lrs.store(statement(), statement())
    answer = lrs.get("/statements", {"limit": limit})
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json["statements"]) == 2


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "limit=1&limit=1", "agent=a&agent=b", "format=ids&format=ids"]
)
def test_edge_36_a_repeated_parameter_is_refused(lrs: Lrs, query: str) -> None:
    assert lrs.get("/statements", query).status_code == 400
    assert lrs.get("/activities", "activityId=http://a&activityId=http://a").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["related_agents=1", "related_agents=True", "related_agents=", "related_activities=yes", "format=IDS", "format=",
     "ascending=TRUE", "attachments=0", "registration=x", "verb=x", "activity=x", "statementId=x",
     "voidedStatementId=", "since=2020-13-01T00:00:00Z", "until=yesterday", "since=2020-01-01",
     f"statementId={FIXED}&voidedStatementId={FIXED}", f"registration=%7B{FIXED}%7D"],
)  # fmt: skip
def test_edge_37_parameter_values_are_exact(lrs: Lrs, query: str) -> None:
    answer = lrs.get("/statements", query)
    assert answer.status_code == 400
    assert answer.json["path"] in query


def test_what_stands_beside_more_is_ignored(lrs: Lrs) -> None:
    """Clients in use send their query again beside `more`, which holds it already."""
    lrs.store(*(statement() for _ in range(3)))
    link = lrs.get("/statements", {"limit": 2}).json["more"]
    beside = lrs.more(f"{link}&limit=1&verb=http%3A%2F%2Fe.org%2Fother&ascending=true").json
    assert beside == lrs.more(link).json
    assert len(beside["statements"]) == 1
