"""/healthz, /readyz and /metrics: for machines, without telling one organization about another."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
import requests
from conftest import Server
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient

from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.foundation.watching.metrics import IDS, measures
from lrs.running.mongod import free_port


def test_process_and_database_are_answered_apart(client: FlaskClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"


def test_not_ready_without_mongodb_but_alive(settings: Settings, app: Flask) -> None:
    gone: MongoClient[dict[str, Any]] = MongoClient(port=free_port(), serverSelectionTimeoutMS=100)
    with gone:
        services = app.extensions["laurel"]
        app.extensions["laurel"] = dataclasses.replace(services, db=gone["x"])
        client = app.test_client()
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "MongoDB does not answer" in answer.text


@pytest.mark.parametrize(
    "sent",
    [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-Ip": "127.0.0.1"}],
)
def test_metrics_are_hidden_from_whoever_comes_through_a_proxy(
    client: FlaskClient, sent: dict[str, str]
) -> None:
    assert client.get("/metrics", headers=sent).status_code == 404


def test_metrics_are_hidden_from_other_machines(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404


def test_a_token_opens_the_metrics_and_nothing_else_does(settings: Settings, db: Any) -> None:
    client = create_app(dataclasses.replace(settings, metrics_token="t0ken"), db).test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer t0ken"}).status_code == 200


def test_metrics_say_what_waits(client: FlaskClient, db: Any) -> None:
    text = client.get("/metrics").text
    assert re.search(r"^laurel_pending_statements 0\.0$", text, re.MULTILINE)
    assert re.search(r"^laurel_pending_age_seconds 0\.0$", text, re.MULTILINE)


def test_metrics_add_up_over_both_processes(server: Server) -> None:
    def counted() -> float:
        found = re.search(
            r'laurel_requests_total\{endpoint="health.healthz",method="GET",status="200"\} (\S+)',
            requests.get(f"{server.url}/metrics", timeout=10).text,
        )
        return float(found[1]) if found else 0.0

    before = counted()
    for _ in range(40):
        requests.get(f"{server.url}/healthz", timeout=10)
    assert counted() == before + 40


def test_an_invented_method_does_not_grow_the_metrics() -> None:
    assert measures("-", "XYZZY", 405) is not None
    assert measures.cache_parameters()["maxsize"] == 1000


def test_request_ids_differ() -> None:
    assert len({IDS.new() for _ in range(1000)}) == 1000
