"""Two machines restarted one after the other under load: nothing acknowledged is lost, nothing is stored twice.

The clients stand for a proxy with two machines behind it: where a connection is refused or closed before an
answer they try the other one, with the same statement.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from conftest import KEY, Server, basic, empty, running_server, worker_database
from factories import make_statement
from pymongo import MongoClient

from lrs.foundation.settings import Settings

CLIENTS = 4


@dataclasses.dataclass
class Load:
    """Clients that send one statement after the other, and what came of it."""

    machines: list[str]
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)
    acknowledged: list[str] = dataclasses.field(default_factory=list)
    refused: list[str] = dataclasses.field(default_factory=list)
    broken: list[str] = dataclasses.field(default_factory=list)  # connections without an answer

    def send(self) -> None:
        """Send until told to stop; what was begun is ended."""
        with requests.Session() as session:
            while not self.stop.is_set():
                self.deliver(session, make_statement(id=str(uuid.uuid4())))
                time.sleep(0.02)  # the machine has others to serve

    def deliver(self, session: requests.Session, body: dict[str, Any]) -> None:
        """Send one statement until a machine answers."""
        for turn in itertools.count():
            url = self.machines[turn % len(self.machines)]
            try:
                answer = session.post(f"{url}/xapi/statements", json=body, headers=basic(), timeout=30)
            except requests.RequestException as error:
                self.broken.append(type(error).__name__)
                time.sleep(0.02)
                continue
            (self.acknowledged if answer.status_code == 200 else self.refused).append(body["id"])
            return

    def more(self, count: int) -> None:
        """Wait until so many more statements were acknowledged."""
        wanted = len(self.acknowledged) + count
        while len(self.acknowledged) < wanted and not self.refused:
            time.sleep(0.02)


@contextlib.contextmanager
def loaded(machines: list[str]) -> Any:
    """Let clients send while the block runs."""
    load = Load(machines)
    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = [pool.submit(load.send) for _ in range(CLIENTS)]
        try:
            yield load
        finally:
            load.stop.set()
        assert [one.result() for one in sent] == [None] * CLIENTS


def check(load: Load, server: Server) -> None:
    ids = [uuid.UUID(one) for one in load.acknowledged]
    print(f"{len(ids)} acknowledged, {len(load.broken)} connections ended without an answer")
    assert load.refused == []
    assert len(set(ids)) == len(ids)
    assert server.db.statements.count_documents({"id": {"$in": ids}}) == len(ids), "one was lost"
    assert server.db.statements.count_documents({"client": KEY}) == len(ids), "one was stored twice"


def test_restarting_machine_after_machine_loses_and_repeats_nothing(
    mongod: str, mongo_client: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    settings = Settings(mongodb_uri=mongod, database=worker_database("_rolling"), data_folder=tmp_path)
    empty(mongo_client[settings.database])
    with contextlib.ExitStack() as stack:

        def machine(number: int) -> tuple[contextlib.ExitStack, Server]:
            own = stack.enter_context(contextlib.ExitStack())
            return own, own.enter_context(running_server(settings, mongo_client, tmp_path / f"{number}.log"))

        old = [machine(0), machine(1)]
        with loaded([server.url for _, server in old]) as load:
            for place, (own, _) in enumerate(old):
                load.more(40)
                own.close()  # SIGTERM, and waits for the end
                load.more(20)
                load.machines[place] = machine(2 + place)[1].url
            load.more(40)
        check(load, old[0][1])


def test_new_web_processes_by_sighup_lose_and_repeat_nothing(fresh_server: Server) -> None:
    first = web_processes(fresh_server)
    assert first
    with loaded([fresh_server.url]) as load:
        load.more(40)
        fresh_server.process.send_signal(signal.SIGHUP)
        while first & web_processes(fresh_server):
            load.more(10)
        load.more(40)
    check(load, fresh_server)


def web_processes(server: Server) -> set[str]:
    """Return the ids of gunicorn's workers."""
    return set(Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split())
