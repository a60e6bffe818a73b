"""What a launch token, which any learner's browser holds, teaches the store: nothing beyond the launch."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from conftest import KEY, SECRET
from factories_access import basic
from flask.testing import FlaskClient

ADMIN = basic(KEY, SECRET)
COURSE, ELSEWHERE = "http://content.example/course", "http://elsewhere.example/exam"
FORGED = {"id": ELSEWHERE, "definition": {"name": {"en": "Renamed by a learner"}}}
OTHER = {"mbox": "mailto:boss@v.example", "name": "Renamed by a learner"}
LEARNER = {"mbox": "mailto:ana@v.example"}
MEMBERS = {"objectType": "Group", "member": [OTHER]}
IN_2_0 = {"contextAgents": [{"objectType": "contextAgent", "agent": OTHER}]}


@pytest.fixture
def token(client: FlaskClient) -> dict[str, str]:
    body = {"url": f"{COURSE}/index.html", "activity_id": COURSE, "actor": LEARNER}
    made = client.post("/api/v1/launches", json=body, headers=ADMIN).json
    given = dict(parse_qsl(urlsplit(made["launch_url"]).query))
    return {"Authorization": given["auth"], "registration": given["registration"]}


def tell(
    client: FlaskClient, token: dict[str, str], version: str = "1.0.3", *, unit: str = "", **context: Any
) -> int:
    statement = {
        "actor": {**LEARNER, "name": f"Ana {version}{unit}"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": f"{COURSE}/one/{unit}", "definition": {"name": {"en": "Unit one"}}},
        "context": {"registration": token["registration"], **context},
    }
    headers = {"Authorization": token["Authorization"], "X-Experience-API-Version": version}
    return client.post("/xapi/statements", json=statement, headers=headers).status_code


@pytest.mark.parametrize("place", ["parent", "grouping", "category", "other"])
def test_a_launch_defines_no_activity_that_it_may_not_write_about(
    client: FlaskClient, token: dict[str, str], place: str
) -> None:
    own = {"id": f"{COURSE}/two/{place}", "definition": {"name": {"en": "Unit two"}}}
    status = tell(client, token, unit=place, contextActivities={place: [FORGED, own]})
    assert status == (403 if place in {"parent", "grouping"} else 200)

    def name(activity: str) -> Any:
        known = client.get("/xapi/activities", query_string={"activityId": activity}, headers=ADMIN).json
        return known.get("definition", {}).get("name")

    assert name(ELSEWHERE) is None
    if status == 200:
        assert (name(f"{COURSE}/one/{place}"), name(own["id"])) == ({"en": "Unit one"}, {"en": "Unit two"})


@pytest.mark.parametrize(
    ("version", "context"),
    [("1.0.3", {"team": {**MEMBERS, "mbox": "mailto:team@v.example"}}), ("2.0.0", IN_2_0)],
)
def test_a_launch_names_nobody_but_its_learner(
    client: FlaskClient, token: dict[str, str], version: str, context: dict[str, Any]
) -> None:
    assert tell(client, token, version, **context) == 200

    def names(agent: dict[str, Any]) -> Any:
        given = {"agent": json.dumps({"mbox": agent["mbox"]})}
        return client.get("/xapi/agents", query_string=given, headers=ADMIN).json.get("name")

    assert not names(OTHER)
    assert names(LEARNER) == [f"Ana {version}"]
