"""Three members: reads and writes go on through elections, and nothing that was acknowledged is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import basic
from factories import make_statement, new_id
from flask import Flask
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.running.mongod import end_with_parent, find_mongod, free_port
from rules.engine.queues import marks
from rules.engine.queues.outbox import read_after
from statements.parsing.search_keys import evidence_key

MEMBERS = 3
PATIENCE = 30.0


@dataclasses.dataclass
class ReplicaSet:
    """Three running mongods."""

    ports: list[int]
    processes: dict[int, subprocess.Popen[bytes]]

    @property
    def uri(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/?replicaSet=trio&serverSelectionTimeoutMS=20000"

    def primary(self, other_than: int | None = None) -> int:
        """Return the port of the primary, waiting for one."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for port in self.ports:
                with contextlib.suppress(PyMongoError), member(port) as client:
                    if client.admin.command("hello").get("isWritablePrimary") and port != other_than:
                        return port
            time.sleep(0.1)
        raise AssertionError("no member became primary")


def member(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(port=port, host="127.0.0.1", directConnection=True, serverSelectionTimeoutMS=1000)


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[ReplicaSet]:
    """A replica set of three that elects within a second or two."""
    ports = [free_port() for _ in range(MEMBERS)]
    processes = {port: start(tmp_path / str(port), port) for port in ports}
    try:
        initiate(ports)
        running = ReplicaSet(ports, processes)
        running.primary()
        yield running
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    program = str(find_mongod().program)
    return subprocess.Popen(
        [program, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--replSet", "trio",
         "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "50", "--nounixsocket", "--quiet",
         "--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "enableTestCommands=1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 -- a single-threaded parent; no other way to set it
    )  # fmt: skip


def initiate(ports: list[int]) -> None:
    members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
    settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with member(ports[0]) as client:
                client.admin.command(
                    "replSetInitiate", {"_id": "trio", "members": members, "settings": settings}
                )
        except PyMongoError:
            assert time.monotonic() < deadline, "the set was not initiated"
            time.sleep(0.2)
        else:
            return


class Sender(threading.Thread):
    """Writes single statements and batches until told to stop; an answer that is no 2xx is sent again as it was."""

    def __init__(self, app: Flask, size: int) -> None:
        super().__init__()
        self.app, self.size = app, size
        self.acknowledged: list[tuple[float, list[str]]] = []
        self.refused: list[tuple[int, str]] = []
        self.over = threading.Event()

    def run(self) -> None:
        client, headers = self.app.test_client(), basic()
        while not self.over.is_set():
            batch = [make_statement(id=new_id()) for _ in range(self.size)]
            for _ in range(20):
                answer = client.post("/xapi/statements", json=batch, headers=headers)
                if answer.status_code == 200:
                    self.acknowledged.append((time.monotonic(), answer.json))
                    break
                self.refused.append((answer.status_code, answer.text[:300]))
                time.sleep(0.2)

    def acknowledged_since(self, moment: float) -> bool:
        return any(at > moment for at, _ in self.acknowledged)


def test_nothing_acknowledged_is_lost_in_an_election(trio: ReplicaSet, tmp_path: Path) -> None:
    """Design invariant 1: first the primary steps down, then it is killed, while clients write and read."""
    settings = Settings(
        mongodb_uri=trio.uri, database="trio", data_folder=tmp_path / "data", public_url="http://lrs.example",
        bootstrap_key="test-key", bootstrap_secret="test-secret",
    )  # fmt: skip
    app = create_app(settings)
    senders = [Sender(app, size) for size in (1, 1, 10)]
    for sender in senders:
        sender.start()
    try:
        wait_for_writes(senders)
        first = trio.primary()
        with member(first) as client, contextlib.suppress(PyMongoError):
            client.admin.command("replSetStepDown", 20, secondaryCatchUpPeriodSecs=5)
        second = trio.primary(other_than=first)
        wait_for_writes(senders)
        assert app.test_client().get("/xapi/statements?limit=1", headers=basic()).status_code == 200
        trio.processes[second].send_signal(signal.SIGKILL)
        trio.primary(other_than=second)
        wait_for_writes(senders)
    finally:
        for sender in senders:
            sender.over.set()
        for sender in senders:
            sender.join(PATIENCE)
    assert {status for sender in senders for status, _ in sender.refused} <= {503}, senders[0].refused
    expected = {one for sender in senders for _, ids in sender.acknowledged for one in ids}
    db = app.extensions["laurel"].db
    stored = {str(row["id"]) for row in db.statements.find({"raw": {"$exists": True}}, {"id": 1})}
    assert expected <= stored
    whole = [set(ids) & stored for _, ids in senders[-1].acknowledged]
    assert all(len(found) == 10 for found in whole)
    db.client.close()


def wait_for_writes(senders: list[Sender]) -> None:
    """Wait until every sender got a statement acknowledged that it sent from now on."""
    begin = time.monotonic()
    while not all(sender.acknowledged_since(begin) for sender in senders):
        assert time.monotonic() - begin < PATIENCE, [sender.refused[-1:] for sender in senders]
        time.sleep(0.05)


def test_what_the_other_members_may_never_see_is_not_told(trio: ReplicaSet, tmp_path: Path) -> None:
    """A primary that is cut off shows its own last writes, and an election takes them back."""
    settings = Settings(
        mongodb_uri=trio.uri, database="trio", data_folder=tmp_path / "data", public_url="http://lrs.example",
        bootstrap_key="test-key", bootstrap_secret="test-secret",
    )  # fmt: skip
    client, headers = create_app(settings).test_client(), basic()
    state = {"activityId": "http://a.example/x", "stateId": "s", "agent": '{"mbox":"mailto:a@b.example"}'}
    client.put("/xapi/activities/state", json={"n": 1}, query_string=state, headers=headers)
    known, fresh = new_id(), new_id()
    client.post("/xapi/statements", json=make_statement(id=known), headers=headers)

    def told() -> tuple[bytes | int, int, int, list[Any]]:
        answer = client.get("/xapi/activities/state", query_string=state, headers=headers)
        document = answer.data if answer.status_code == 200 else answer.status_code
        one = client.get("/xapi/statements", query_string={"statementId": fresh}, headers=headers)
        every = client.get("/xapi/statements", headers=headers).json["statements"]
        return document, one.status_code, len(every), read_after(db)

    with MongoClient[dict[str, Any]](trio.uri, uuidRepresentation="standard", w=1) as alone:
        db = alone.trio
        others = [port for port in trio.ports if port != trio.primary()]
        stop_copying(others, "alwaysOn")
        db.documents.update_one({"id": "s"}, {"$set": {"content": b'{"n":2}', "length": 7}})
        db.outbox.insert_one({"_id": "e", "org": "vendor", "seq": 1, "type": "award.issued", "data": {}})
        row = db.statements.find_one({"id": uuid.UUID(known)}) or {}
        db.statements.insert_one({**row, "_id": bytes(row["_id"][:-1]) + b"x", "id": uuid.UUID(fresh)})
        assert told() == (503, 404, 1, []), (
            "a document is linearizable: it is not told while nobody else answers"
        )
        stop_copying(others, "off")
        deadline = time.monotonic() + PATIENCE
        while told()[1] == 404 and time.monotonic() < deadline:
            time.sleep(0.1)
        document, status, count, events = told()
        assert (document, status, count, len(events)) == (b'{"n":2}', 200, 2, 1)


def test_nobody_is_decided_on_what_an_election_may_take_back(trio: ReplicaSet, tmp_path: Path) -> None:
    """Else a round that saw the mark, and then the person without the statement, would clear the mark of the
    same statement when it is stored again: it would be decided by nobody."""
    settings = Settings(mongodb_uri=trio.uri, database="trio", data_folder=tmp_path / "data")
    with MongoClient[dict[str, Any]](trio.uri, uuidRepresentation="standard", w=1) as alone:
        db = alone.trio
        create_app(settings, db)
        actor, others = "mbox::mailto:a@b.example", [port for port in trio.ports if port != trio.primary()]

        def seen() -> tuple[int, int]:
            return len(marks.marked(db, 10)), len(marks.evidence_documents(db, {actor: ["vendor"]})[actor])

        settled = db.get_collection("settled", write_concern=WriteConcern("majority"))
        settled.insert_one({})  # so that the majority has the indexes before it
        stop_copying(others, "alwaysOn")
        instant = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
        keys = {"org": "vendor", "actor": actor, "keys": [evidence_key(actor)], "pending": True}
        db.statements.insert_one({"_id": b"x", "stored": instant, "timestamp": instant, **keys})
        assert db.statements.count_documents({"pending": True}) == 1
        assert seen() == (0, 0)
        stop_copying(others, "off")
        deadline = time.monotonic() + PATIENCE
        while seen() != (1, 1) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert seen() == (1, 1)
        stop_copying(others, "alwaysOn")
        marks.clear(db, [one.document for one in marks.marked(db, 10)])
        assert marks.marked(db, 10) == [], "though the majority has the mark still"
        stop_copying(others, "off")


def stop_copying(ports: list[int], mode: str) -> None:
    """Let members copy nothing from the primary, or go on; they still vote for it."""
    for port in ports:
        with member(port) as client:
            client.admin.command("configureFailPoint", "stopReplProducer", mode=mode)
