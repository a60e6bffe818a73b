"""SIGKILL of any process at any moment loses no acknowledged statement and no award, and repeats none."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from conftest import basic
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from serving import Serve, gone

from lrs.cli import cli

STATEMENTS, LEARNERS, CLIENTS = 2000, 100, 8
PATIENCE = 90.0
KEY, SECRET = "crash-key", "crash-secret-of-some-length"
VICTIMS = ("fd://", "lrs\0worker", "mongod\0", "fd://", "lrs\0worker", "mongod\0", "fd://", "lrs\0worker")
RULE = """
kind: Certification
id: crash-proof
version: "1"
title: Crash proof
evidence:
  course: {verb: completed, activity: "https://content.example/course"}
award:
  when: {done: course}
validity: {lasts: 12 months, counted_from: completion, timezone: UTC}
tests:
  - name: the course is enough
    given: [{who: ana, verb: completed, activity: "https://content.example/course", at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`lrs serve` with its own MongoDB on disk, as people run it."""
    folder = tmp_path / "run" / "data"
    folder.parent.mkdir()
    running = Serve(folder, LRS_BOOTSTRAP_KEY=KEY, LRS_BOOTSTRAP_SECRET=SECRET).wait_ready()
    yield running
    if running.process.poll() is None:
        running.end()
    assert gone(running)


def statement(number: int) -> dict[str, Any]:
    """Half of the statements count for the certification, each learner's several times."""
    verb = "completed" if number // LEARNERS % 2 else "experienced"
    return {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": f"mailto:learner{number % LEARNERS}@partner.example"},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
        "object": {"id": "https://content.example/course"},
    }


def send(url: str, numbers: range) -> list[str]:
    """Send statements one by one as patient clients do: the same one again until it is acknowledged."""
    acknowledged = []
    deadline = time.monotonic() + PATIENCE
    with requests.Session() as session:
        for number in numbers:
            body = statement(number)
            while time.monotonic() < deadline:
                with contextlib.suppress(requests.RequestException):
                    answer = session.post(
                        f"{url}/xapi/statements", json=body, headers=basic(KEY, SECRET), timeout=20
                    )
                    if answer.status_code == 200:
                        acknowledged.append(body["id"])
                        break
                    assert answer.status_code >= 500, answer.text
                time.sleep(0.05)
    return acknowledged


def kill_at_random(serve: Serve, seed: int, stop: threading.Event) -> list[str]:
    """Kill one process after another while statements come in."""
    chance = random.Random(seed)
    killed = []
    for victim in VICTIMS:
        if stop.wait(chance.uniform(0.1, 1.2)):
            break
        found = [pid for pid in serve.children(victim) if pid != serve.process.pid]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)
                killed.append(victim)
    return killed


def wait_until_decided(database: Any) -> None:
    """Wait until no statement is marked and every learner has a credential, at most a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(PyMongoError):
            waiting = database.statements.count_documents({"pending": True})
            if not waiting and database.credentials.count_documents({}) >= LEARNERS:
                return
        time.sleep(0.2)


def test_no_acknowledged_statement_and_no_award_is_lost(serve: Serve, tmp_path: Path) -> None:
    rule = tmp_path / "crash-proof.yaml"
    rule.write_text(RULE)
    environ = {"LRS_DATA_FOLDER": str(serve.folder)}
    planned = CliRunner().invoke(cli, ["rules", "plan", str(rule), "--by", "ops", "--json"], env=environ)
    assert planned.exit_code == 0, planned.output
    uri = (serve.folder / "mongodb.uri").read_text().strip()
    client: MongoClient[dict[str, Any]] = MongoClient(uri, uuidRepresentation="standard")
    with client:
        database = client.laurel
        plan = database.plans.find_one({})
        assert plan
        applied = CliRunner().invoke(cli, ["rules", "apply", plan["_id"], "--by", "ops"], env=environ)
        assert applied.exit_code == 0, applied.output

        seed = random.randrange(2**32)
        print(f"seed {seed}")
        stop = threading.Event()
        share = STATEMENTS // CLIENTS
        url = f"http://127.0.0.1:{serve.port}"
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            killer = pool.submit(kill_at_random, serve, seed, stop)
            senders = [pool.submit(send, url, range(i * share, (i + 1) * share)) for i in range(CLIENTS)]
            acknowledged = [one for sender in senders for one in sender.result()]
            stop.set()
        assert len(killer.result()) >= 3, "the processes did die while statements came in"
        assert len(acknowledged) == STATEMENTS
        wait_until_decided(database)

        ids = [uuid.UUID(one) for one in acknowledged]
        assert database.statements.count_documents({"id": {"$in": ids}}) == STATEMENTS
        assert database.statements.count_documents({"client": KEY}) == STATEMENTS, "nothing was stored twice"
        assert database.statements.count_documents({"pending": True}) == 0, "every mark was worked off"
        awarded = list(database.outbox.find({"type": "award.issued"}))
        assert len(awarded) == LEARNERS, "one award each, none lost, none repeated"
        assert len({event["data"]["person"] for event in awarded}) == LEARNERS
        assert len(database.credentials.distinct("award")) == LEARNERS
