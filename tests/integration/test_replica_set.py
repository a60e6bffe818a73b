"""On a replica set of three: an election passes, and nothing that was acknowledged is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import basic, empty, running_server
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lrs.mongod import find_mongod, free_port
from lrs.settings import Settings

SECONDS_OF_WRITING = 8.0
OPTIONS = (
    "--bind_ip", "127.0.0.1", "--replSet", "three", "--nounixsocket", "--quiet",
    "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "50",
)  # fmt: skip


@dataclasses.dataclass
class Three:
    """Three mongods in one set."""

    ports: list[int]
    processes: list[subprocess.Popen[bytes]]

    @property
    def uri(self) -> str:
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/?replicaSet=three"

    def primary(self) -> int:
        """Return the place of the primary in the lists."""
        for place, port in enumerate(self.ports):
            client: MongoClient[Any] = MongoClient(
                port=port, directConnection=True, serverSelectionTimeoutMS=500
            )
            with client, contextlib.suppress(PyMongoError):
                if client.admin.command("hello").get("isWritablePrimary"):
                    return place
        raise LookupError("no primary")


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    """A set of three on loopback with short election times."""
    ports = [free_port() for _ in range(3)]
    processes = []
    for port in ports:
        (tmp_path / str(port)).mkdir()
        processes.append(
            subprocess.Popen(
                [find_mongod().program, "--dbpath", tmp_path / str(port), "--port", str(port), *OPTIONS],
                stdout=subprocess.DEVNULL,
            )
        )
    made = Three(ports, processes)
    try:
        initiate(made)
        yield made
    finally:
        for process in processes:
            process.kill()
            process.wait()


def initiate(three: Three) -> None:
    client: MongoClient[Any] = MongoClient(port=three.ports[0], directConnection=True)
    members = [{"_id": i, "host": f"127.0.0.1:{port}"} for i, port in enumerate(three.ports)]
    settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 300}
    with client:
        for _ in range(100):
            with contextlib.suppress(PyMongoError):
                client.admin.command(
                    "replSetInitiate", {"_id": "three", "members": members, "settings": settings}
                )
                break
            time.sleep(0.1)
    for _ in range(200):
        with contextlib.suppress(LookupError):
            three.primary()
            return
        time.sleep(0.1)


def test_writes_and_reads_go_on_through_an_election(three: Three, tmp_path: Path) -> None:
    client: MongoClient[Any] = MongoClient(three.uri, uuidRepresentation="standard")
    settings = Settings(mongodb_uri=three.uri, database="elected", data_folder=tmp_path / "data")
    acknowledged: list[str] = []
    answered: list[float] = []
    stop = threading.Event()

    with client:
        empty(client.elected)
        with running_server(settings, client, tmp_path / "gunicorn.log") as server:

            def write() -> None:
                with requests.Session() as session:
                    while not stop.is_set():
                        one = str(uuid.uuid4())
                        body = {
                            "id": one,
                            "actor": {"mbox": "mailto:ana@partner.example"},
                            "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
                            "object": {"id": "https://content.example/a"},
                        }
                        with contextlib.suppress(requests.RequestException):
                            answer = session.post(
                                f"{server.xapi}/statements", json=body, headers=basic(), timeout=30
                            )
                            if answer.status_code == 200:
                                acknowledged.append(one)
                                answered.append(time.monotonic())
                            else:
                                assert answer.status_code >= 500, answer.text

            writers = [threading.Thread(target=write) for _ in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(SECONDS_OF_WRITING / 4)
            fell = time.monotonic()
            before = three.primary()
            three.processes[before].kill()
            deadline = fell + 40
            while time.monotonic() < deadline and not (answered and answered[-1] > fell + 3):
                time.sleep(0.1)
            time.sleep(SECONDS_OF_WRITING / 4)
            stop.set()
            for writer in writers:
                writer.join(40)
            assert three.primary() != before, "another member was elected"
            assert answered[-1] > fell + 3, "writing went on"
            listed = requests.get(f"{server.xapi}/statements?limit=1", headers=basic(), timeout=30)
            assert listed.status_code == 200, "reading went on"
        stored = client.elected.statements.count_documents(
            {"id": {"$in": [uuid.UUID(one) for one in acknowledged]}}
        )
        assert stored == len(acknowledged) > 20
