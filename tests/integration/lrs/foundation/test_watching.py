"""What an operator watches by: metrics that dashboard and alerts name, access log, slow queries, traces."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient
from places import ROOT
from pymongo.database import Database
from ruamel.yaml import YAML

from lrs.app import create_app
from lrs.foundation import database
from lrs.foundation.settings import Settings, StartFailure
from lrs.foundation.watching import telemetry

NAME = re.compile(r"\blaurel_\w+")
Db = Database[dict[str, Any]]


def expressions() -> list[str]:
    alerts = YAML(typ="safe").load(ROOT / "docs/operations/alerts.yaml")
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    board = json.loads((ROOT / "docs/operations/dashboard.json").read_text())
    return rules + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_dashboard_and_alerts_name_metrics_that_there_are(client: FlaskClient, auth: Any) -> None:
    assert client.get("/xapi/about").status_code == 200
    there = set(NAME.findall(client.get("/metrics").text))
    named = {name for text in expressions() for name in NAME.findall(text)}
    assert named - there == set()
    assert "laurel_disk_free_bytes" in named


def test_every_metric_of_ours_is_watched(client: FlaskClient) -> None:
    families = re.findall(
        r"^# TYPE (laurel_\w+?)(?:_total|_created)? ", client.get("/metrics").text, re.MULTILINE
    )
    watched = " ".join(expressions())
    assert [one for one in families if one not in watched] == []


def test_the_access_log_says_who_asked_which_route_and_no_value(
    client: FlaskClient, auth: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lrs.requests")
    client.get("/xapi/activities", query_string={"activityId": "https://x.example/private"}, headers=auth())
    (line,) = [one for one in caplog.records if one.name == "lrs.requests"]
    assert vars(line).items() >= {"client": "test-key", "route": "/xapi/activities", "status": 200}.items()
    assert vars(line)["bytes"] > 0
    assert "private" not in line.getMessage() + str(vars(line))


def test_the_access_log_is_off_unless_asked_for(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "lrs.requests")
    client.get("/xapi/about")
    assert [one for one in caplog.records if one.name == "lrs.requests"] == []


def test_slow_queries_are_logged_without_values(
    settings: Settings, db: Db, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = database.connect(dataclasses.replace(settings, slow_query_ms=1))
    with heard.client:
        heard.people.insert_one({"_id": "a", "org": "vendor"})
        heard.people.find_one({"$where": "sleep(20) || true", "email": "private@x.example"})
        list(
            heard.people.aggregate(
                [{"$match": {"org": "vendor", "name": {"$ne": "private"}, "$expr": {"$function": SLEEPS}}}]
            )
        )
    lines = [one for one in caplog.records if one.name == "lrs.slow_queries"]
    found = {(one.getMessage().split()[0], vars(one)["collection"]): vars(one)["fields"] for one in lines}
    assert found["find", "people"] == "$where, email"
    assert found["aggregate", "people"] == "$expr, name, org"
    assert "private" not in caplog.text


SLEEPS = {"body": "function() { sleep(20); return true }", "args": [], "lang": "js"}


def test_nothing_of_opentelemetry_is_imported_without_a_collector(client: FlaskClient) -> None:
    client.get("/xapi/about")
    assert not [name for name in sys.modules if name.startswith("opentelemetry")]
    assert telemetry.span("x") is telemetry.OFF


def test_a_collector_without_the_library_stops_the_start(
    settings: Settings, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(StartFailure, match=r"OpenTelemetry is not installed.*laurel-lrs\[telemetry\]"):
        create_app(dataclasses.replace(settings, otlp_url="http://127.0.0.1:9"), db)
