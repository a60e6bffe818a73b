"""A disk that is nearly full: writes are refused before MongoDB fails, reads go on, and it mends itself."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
from conftest import basic
from factories import make_statement
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.app import create_app
from lrs.content_app import create_content_app
from lrs.foundation import disk
from lrs.foundation.settings import Settings
from lrs.running import worker

Db = Database[dict[str, Any]]
QUERY = {"measures": {"n": "count"}}


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many bytes MongoDB's disk has left, looked at anew each time."""
    left = {"bytes": 10**12}
    monkeypatch.setattr(disk, "room_of_database", lambda _: left["bytes"])
    monkeypatch.setattr(disk, "EVERY", 0.0)
    return left


def write(client: FlaskClient) -> Any:
    return client.post("/xapi/statements", json=make_statement(), headers=basic())


def test_writes_are_refused_reads_go_on_and_writes_again_when_there_is_room(
    client: FlaskClient, db: Db, room: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    assert write(client).status_code == 200
    room["bytes"] = 100 * disk.MB
    state = {"activityId": "http://x.example/a", "agent": '{"mbox": "mailto:a@x.example"}', "stateId": "s"}
    refused = [
        write(client),
        client.put("/xapi/activities/state", query_string=state, data=b"x", headers=basic()),
        client.post("/api/v1/orgs", json={"id": "north", "name": "N"}, headers=basic()),
    ]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(507, "30")] * 3
    assert db.statements.count_documents({}) == 1
    assert client.get("/xapi/statements", headers=basic()).status_code == 200
    assert client.post("/api/v1/statements/query", json=QUERY, headers=basic()).status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.text) == (
        503, "not ready: MongoDB's disk has 100 MB left, writes need 512 MB\n",
    )  # fmt: skip
    room["bytes"] = 10**12
    assert write(client).status_code == 200
    assert client.get("/readyz").status_code == 200
    said = [record.levelno for record in caplog.records if record.name == "lrs.disk"]
    assert said == [logging.ERROR, logging.WARNING]


def test_content_tells_nothing_while_a_disk_is_full(settings: Settings, db: Db, room: dict[str, int]) -> None:
    client = create_content_app(settings, db).test_client()
    room["bytes"] = 0
    assert client.post("/x").status_code == 507
    assert client.get("/healthz").status_code == 200


def test_mongodb_tells_the_room_on_its_own_disk(settings: Settings, db: Db) -> None:
    """Nobody has an exabyte: the answers of the real server are understood."""
    db.statements.insert_one({})
    room = disk.room_of_database(db)
    assert room is not None
    assert room > 0
    client = create_app(dataclasses.replace(settings, min_free_disk_mb=10**12), db).test_client()
    assert write(client).status_code == 507
    client = create_app(dataclasses.replace(settings, min_free_disk_mb=0), db).test_client()
    assert write(client).status_code == 200


def test_the_fullest_shard_counts() -> None:
    class Sharded:
        def command(self, _: str) -> dict[str, Any]:
            return {
                "raw": {name: {"fsTotalSize": 10, "fsUsedSize": used} for name, used in (("a", 3), ("b", 9))}
            }

    assert disk.room_of_database(Sharded()) == 1  # type: ignore[arg-type]


def test_the_worker_rests_while_a_disk_is_full(
    settings: Settings, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, seen = worker.worker_services(settings, db), []
    rooms = iter([0, 10**12])

    def look(_: Any) -> int:
        seen.append("look")
        return next(rooms)

    def turn(services: worker.WorkerServices) -> bool:
        seen.append("turn")
        services.stop.set()
        return True

    monkeypatch.setattr(disk, "EVERY", 0.0)
    monkeypatch.setattr(disk, "room_of_database", look)
    monkeypatch.setattr(worker, "PAUSE_AFTER_FAILURE", 0.0)
    worker.loop(services, [turn])
    assert seen == ["look", "look", "turn"]
