"""Rules, awards, gates and events over HTTP."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from factories_engine import GATE, START, TIERS, World, exam, simple

from lrs.access import clients, scopes
from lrs.app import create_app

pytestmark = pytest.mark.described


@pytest.fixture
def world(db: Any) -> World:
    return World(db)


@pytest.fixture
def api(world: World, settings: Any, auth: Any) -> Any:
    """Call the API as the vendor: api(method, path, json) -> response."""
    clients.create_client(
        world.db,
        "vendor",
        now=world.clock(),
        scopes=scopes.SCOPES,
        controlled_by="vendor",
        label="bootstrap",
        vendor_wide=True,
        key="test-key",
        secret="test-secret",
    )
    app = create_app(settings, world.db)
    app.extensions["laurel"] = dataclasses.replace(app.extensions["laurel"], now=world.clock)
    client = app.test_client()

    def call(method: str, path: str, json: Any = None, headers: dict[str, str] | None = None) -> Any:
        return client.open("/api/v1" + path, method=method, json=json, headers=auth() | (headers or {}))

    return call


def test_rules_are_planned_and_applied_and_gates_answered_over_http(world: World, api: Any) -> None:
    world.partner("north")
    plan = api(
        "POST",
        "/rules/plans",
        {
            "files": [
                {"file": "sales.yaml", "text": simple()},
                {"file": "tiers.yaml", "text": TIERS},
                {"file": "gate.yaml", "text": GATE},
            ]
        },
    )
    assert plan.status_code == 201, plan.json
    applied = api("POST", f"/rules/plans/{plan.json['plan_id']}/apply")
    assert [one["id"] for one in applied.json] == ["sales", "partners", "deal"]
    again = api("POST", f"/rules/plans/{plan.json['plan_id']}/apply")
    assert again.status_code == 409
    world.settle()
    world.clock.forward(minutes=5)
    question = {"organization": "north", "submitter": "ana@example.com", "deal": {"product": "acme-platform"}}
    refused = api("POST", "/gates/deal/check", question)
    assert refused.status_code == 200, refused.json
    assert refused.json["answer"] == "refuse"
    assert refused.json["failed"][0] == "submitter_affiliated"
    world.send([exam("ana", START)], "north")
    world.settle()
    allowed = api("POST", "/gates/deal/check", question)
    assert allowed.json["answer"] == "allow", allowed.json
    batch = api(
        "POST",
        "/gates/deal/check/batch",
        {"questions": [question, {**question, "deal": {"product": "other"}}]},
    )
    assert [one["answer"] for one in batch.json["answers"]] == ["allow", "refuse"]
    assert world.db.gate_answers.count_documents({}) == 4
    events = api("GET", "/events?after=0").json
    types = [one["type"] for one in events["items"]]
    assert {"rules.published", "award.issued", "tier.changed", "gate.answered"} <= set(types)
    batch = api("GET", "/events?after=0&limit=3", headers={"Accept": "application/cloudevents-batch+json"})
    assert batch.content_type == "application/cloudevents-batch+json"
    assert [one["id"] for one in batch.json] == [one["id"] for one in events["items"][:3]]
    for told, item in zip(batch.json, events["items"], strict=False):
        event = JSONFormat().read(CloudEvent, json.dumps(told))  # the library checks the attributes
        assert (event.get_id(), event.get_type()) == (item["id"], item["type"])
        assert event.get_extension("sequence") == str(item["cursor"])
        assert event.get_data() == {name: item[name] for name in ("type", "timestamp", "data")}
    following = batch.headers["Link"].partition("/api/v1")[2].partition(">")[0]
    assert api("GET", following).json["items"][0]["id"] == events["items"][3]["id"]
    assert "award.issued" not in [
        one["type"] for one in api("GET", f"/events?after={events['cursor']}").json["items"]
    ]


def test_an_explanation_names_the_missing_part_and_the_statement_that_counts(world: World, api: Any) -> None:
    world.publish(simple())
    world.clock.forward(minutes=5)
    world.send([exam("ana", START, 0.7)])
    world.settle()
    person = world.person("ana")
    tree = api("GET", f"/people/{person}/certifications/sales/explain")
    assert tree.status_code == 200, tree.json
    assert (tree.json["state"], tree.json["met"], tree.json["of"]) == ("in_progress", 0, 1)
    assert api("GET", f"/people/{person}/certifications/none/explain").status_code == 404
    assert api("GET", "/people/p_none/certifications/sales/explain").status_code == 404


def test_a_hold_suspends_until_it_is_lifted_and_history_shows_both(world: World, api: Any) -> None:
    world.publish(simple())
    world.clock.forward(minutes=5)
    world.send([exam("ana", START)])
    world.settle()
    person = world.person("ana")
    path = f"/people/{person}/certifications/sales/facts"
    assert api("POST", path, {"kind": "hold"}).status_code == 422
    assert api("POST", path, {"kind": "lift"}).status_code == 422
    for kind in ("approval", "readmission", "grant"):
        refused = api("POST", path, {"kind": kind})
        assert (refused.status_code, refused.json["detail"][:4]) == (422, "by: "), refused.json
    world.clock.forward(minutes=5)
    held = api("POST", path, {"kind": "hold", "reason": "misconduct", "at": world.clock().isoformat()})
    assert held.status_code == 201, held.json
    world.settle()
    assert world.standing("ana").state == "suspended"
    world.clock.forward(minutes=5)
    assert api("POST", path, {"kind": "lift", "at": world.clock().isoformat()}).status_code == 201
    world.settle()
    assert world.standing("ana").state == "active"
    history = api("GET", f"/people/{person}/certifications/sales/history").json["items"]
    assert [one.get("to") or one["what"] for one in history] == [
        "active",
        "hold",
        "suspended",
        "lift",
        "active",
    ]
    listed = api("GET", "/awards?state=active").json["items"]
    assert [one["person"] for one in listed] == [person]
    between = (world.clock() - dt.timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    assert [one["state"] for one in api("GET", f"/awards?at={between}").json["items"]] == ["suspended"]
    assert api("GET", f"/awards?at={between}&state=active").json["items"] == []
    both = api("GET", f"/awards?at={between}&state=active&state=suspended").json["items"]
    assert [one["person"] for one in both] == [person]
    assert {one["type"] for one in world.events()} >= {"award.suspended", "award.reinstated"}


def test_a_gate_tells_what_it_needs_and_refuses_questions_without_it(world: World, api: Any) -> None:
    """cert#5-7, cert#2.9: no answer is given or kept about a subject whose fields are missing."""
    world.partner("north")
    world.publish(simple(), TIERS, GATE)
    told = api("GET", "/gates/deal").json
    assert told["needs"] == [
        {"field": "product", "places": ["allow_when.all[1].submitter_holds.product", "refusal"]}
    ]
    assert told["question"]["properties"]["deal"]["required"] == ["product"]
    assert api("GET", "/gates/none").status_code == 404
    good = {"organization": "north", "submitter": "ana@example.com", "deal": {"product": "acme-platform"}}
    for deal in ({}, {"product": None}, {"product": ""}, {"product": ["acme-platform"]}, {"Product": "x"}):
        refused = api("POST", "/gates/deal/check", good | {"deal": deal})
        assert (refused.status_code, refused.json["path"]) == (422, "deal.product")
        assert "gate deal needs deal.product" in refused.json["detail"]
    bare = {"organization": "north", "submitter": "ana@example.com"}
    assert api("POST", "/gates/deal/check", bare).status_code == 422
    batch = api("POST", "/gates/deal/check/batch", {"questions": [good, bare, good | {"deal": {"sku": 1}}]})
    assert batch.status_code == 422
    assert batch.json["errors"] == [
        {"path": f"questions.{i}.deal.product", "detail": "is missing"} for i in (1, 2)
    ]
    assert world.db.gate_answers.count_documents({}) == 0
    assert api("POST", "/gates/deal/check", good).status_code == 200


def test_retiring_twice_over_http_is_a_conflict(world: World, api: Any) -> None:
    world.publish(simple())
    assert api("POST", "/rules/sales/retire", {}).status_code == 201
    again = api("POST", "/rules/sales/retire", {})
    assert again.status_code == 409
    assert "sales is retired already" in again.json["detail"]
    plan = api("POST", "/rules/sales/retire", {"withdraw": True})
    assert (plan.status_code, plan.json["documents"][0]["action"]) == (201, "withdraw")
    applied = api("POST", f"/rules/plans/{plan.json['plan_id']}/apply", {})
    assert [one["action"] for one in applied.json] == ["withdraw"]
    assert api("POST", "/rules/sales/retire", {"withdraw": True}).status_code == 409
    assert api("POST", "/rules/sales/retire", {}).status_code == 409
    unknown = api("POST", "/rules/salse/retire", {})
    assert (unknown.status_code, "did you mean sales?" in unknown.json["detail"]) == (404, True)
