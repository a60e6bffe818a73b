"""Analysis and rosters over data at the edges: whatever is asked, no answer is a failure of ours."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from analysis_requests import EXTENSION, AnalysisRequests
from conftest import KEY, SECRET
from edge_requests import INSTANTS, Asked
from factories import make_statement
from factories_access import basic, make_client, make_org, make_person
from factories_engine import TIERS, World, exam, simple
from flask.testing import FlaskClient

COUNT = int(os.environ.get("LAUREL_ANALYSIS_REQUESTS", "2000"))
STAMPS = (*INSTANTS[:6], "2026-03-01T10:00:00Z", "2026-06-30T23:59:59.999Z")
SEED = int(os.environ.get("LAUREL_EDGE_SEED", "1"))


@pytest.fixture
def people(db: Any) -> list[str]:
    """Two partners with certified people, a tier, and statements with times and values at the edges."""
    world = World(db)
    for org in ("north", "south"):
        make_org(db, org, region="emea" if org == "north" else None)
    found = [
        make_person(db, name, name.split("@")[1].split(".")[0])
        for name in ("ana@north.example", "cy@south.example")
    ]
    world.publish(simple(), TIERS)
    world.send([exam("ana", world.clock(), 0.9), exam("zoe", world.clock(), 0.4)])
    world.send([_edge(i, at) for i, at in enumerate(STAMPS)] + [make_statement()], "north")
    world.settle()
    return found


def _edge(number: int, at: str) -> dict[str, Any]:
    """Return a statement of a person of ours."""
    values = (True, "text", 7, "x" * 6000, {"a": [1]}, None, 1e300)
    result = {
        "response": "=1+1", "success": number % 2 == 0, "score": {"raw": number, "scaled": (number % 3) / 2},
        "extensions": {EXTENSION: values[number % len(values)], "http://x.example/long": "y" * (4000 + 50 * number)},
    }  # fmt: skip
    actor = {"mbox": f"mailto:{('ana', 'bo')[number % 2]}@north.example"}
    return make_statement(actor=actor, result=result, timestamp=at)


def refuse(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


@pytest.mark.parametrize(
    "asked",
    [
        "reports/certified?until=0001-01-01", "reports/awards?until=0001-01-01T00:00:00Z",
        "reports/certified?until=0001-01-02&since=9999-12-31", "reports/awards?since=9999-12-31",
        "deals/comparison?certification=sales&since=2026-01-01",
        "reports/certified?since=9999-12-31T23:59:59.999999Z", "reports/awards?since=9999-12-31T23:59:59.999999Z",
    ],
)  # fmt: skip
def test_what_a_generated_request_once_failed_at_is_answered(
    people: list[str], client: FlaskClient, asked: str
) -> None:
    deals = "id,partner,person,created,won,amount\n" + "".join(
        f"{i},north,{people[0]},2026-03-01,yes,{amount}\n"
        for i, amount in enumerate(("1e308", "1e308", "1e400", "5"))
    )
    sent = client.post(
        "/api/v1/deals", data=deals, headers={**basic(KEY, SECRET), "Content-Type": "text/csv"}
    )
    assert sent.json["imported"] == 1
    assert client.get(f"/api/v1/{asked}", headers=basic(KEY, SECRET)).status_code == 200


def answer_of(client: FlaskClient, asked: Asked, headers: dict[str, str]) -> None:
    answer = client.open(
        asked.path, method=asked.method, data=asked.body, headers={**headers, **asked.headers}
    )
    assert answer.status_code < 500, answer.text[-600:]
    if answer.mimetype in {"application/json", "application/problem+json"} and answer.data:
        json.loads(answer.data, parse_constant=refuse)
    answer.get_data()  # an export fails while it is read
    answer.close()


@pytest.mark.filterwarnings(
    "ignore:Precision loss:RuntimeWarning"
)  # of scipy, where amounts are nearly equal
def test_no_generated_question_report_or_roster_is_answered_by_a_failure(
    people: list[str], client: FlaskClient, db: Any
) -> None:
    asking = [basic(KEY, SECRET), make_client(db, "north")]
    failed: list[str] = []
    affiliations = [row["_id"] for row in db.affiliations.find({}, {"_id": 1}).sort("_id", 1)]
    for number, asked in enumerate(AnalysisRequests(SEED, people, affiliations).requests(COUNT)):
        try:
            answer_of(client, asked, asking[number % 4 == 0])
        except Exception as error:  # noqa: BLE001 -- a stream that fails raises what it will
            body = (asked.body or b"")[:600]
            failed.append(
                f"{asked.method} {asked.path[:300]} {body!r}: {type(error).__name__} {str(error)[-400:]}"
            )
    assert not failed, f"{len(failed)} of {COUNT}:\n" + "\n".join(failed[:20])
