"""Break a running Laurel on purpose, again and again, and compare with what it had acknowledged.

    .venv/bin/python scripts/torture.py [--faults 60] [--seed 1] [--pause 2.0]

Three MongoDB members, `lrs serve` before them, writers that send each statement until it is acknowledged, and
writers that count one document up by its ETag. Meanwhile web processes, workers and members are killed, held
and made to step down, in an order that the seed fixes. At the end the histories are judged:

- every acknowledged statement is stored once, a batch whole, and no mark is left;
- each learner who passed has one award, one event of it, one credential;
- the document is linearizable: each number was written by one writer, and no read began after the answer to a
  write and missed it; what got no answer may have been written or not.

Exit code 1 and the findings where one does not hold. docs/reliability.md has figures.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
from click.testing import CliRunner
from pymongo import MongoClient
from pymongo.errors import PyMongoError

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from serving import Serve, gone  # noqa: E402 -- found by the path above

from lrs.cli import cli  # noqa: E402 -- found by the path above
from lrs.running.mongod import end_with_parent, find_mongod, free_port  # noqa: E402 -- as above

KEY, SECRET = "torture-key", "torture-secret-of-some-length"
AUTH: Final = (KEY, SECRET)
LEARNERS: Final = 40
PATIENCE: Final = 120.0
HEADERS: Final = {"X-Experience-API-Version": "1.0.3"}
STATE: Final = {
    "activityId": "https://content.example/course", "stateId": "count",
    "agent": '{"mbox":"mailto:count@partner.example"}',
}  # fmt: skip
RULE: Final = """
kind: Certification
id: torture
version: "1"
title: Torture
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


class Members:
    """Three mongods of one replica set, each of which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(3)]
        self.processes = {port: self._start(port) for port in self.ports}
        members = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(self.ports)]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        asked = {"_id": "trio", "members": members, "settings": settings}
        wait_for(lambda: self._command(self.ports[0], "replSetInitiate", asked))

    @property
    def uri(self) -> str:
        """The address of the set."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/?replicaSet=trio&serverSelectionTimeoutMS=20000"

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        (self.folder / str(port)).mkdir(exist_ok=True)
        return subprocess.Popen(
            [str(find_mongod().program), "--dbpath", str(self.folder / str(port)), "--port", str(port),
             "--bind_ip", "127.0.0.1", "--replSet", "trio", "--wiredTigerCacheSizeGB", "0.25", "--quiet",
             "--oplogSize", "100", "--nounixsocket"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 -- no other way to set it
        )  # fmt: skip

    def _command(self, port: int, name: str, value: Any = 1, **more: Any) -> dict[str, Any] | None:
        with contextlib.suppress(PyMongoError):
            client: MongoClient[dict[str, Any]] = MongoClient(
                "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
            )
            with client:
                return client.admin.command(name, value, **more)
        return None

    def primary(self) -> int:
        """Return the port of the primary, waiting for one."""

        def found() -> int | None:
            answers = ((port, self._command(port, "hello") or {}) for port in self.ports)
            return next((port for port, told in answers if told.get("isWritablePrimary")), None)

        return int(wait_for(found))

    def kill_primary(self, pause: float) -> None:
        """Kill the primary; it comes back after a while."""
        port = self.primary()
        self.processes[port].kill()
        self.processes[port].wait()
        time.sleep(pause)
        self.processes[port] = self._start(port)

    def hold_primary(self, pause: float) -> None:
        """Stop the primary in its tracks for longer than an election takes."""
        process = self.processes[self.primary()]
        process.send_signal(signal.SIGSTOP)
        time.sleep(pause + 3)
        process.send_signal(signal.SIGCONT)

    def step_down(self, pause: float) -> None:
        """Let the primary step down."""
        self._command(self.primary(), "replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)
        time.sleep(pause)

    def end(self) -> None:
        """Kill all."""
        for process in self.processes.values():
            process.kill()
            process.wait()


def wait_for(found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what is found in the end; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)
    return value


@dataclass
class History:
    """What the writers were told."""

    url: str
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    batches: list[list[str]] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    counted: list[int] = field(default_factory=list)  # acknowledged numbers of the document
    unknown: int = 0  # writes of the document without an answer
    faults: list[str] = field(default_factory=list)

    def write_statements(self, seed: int) -> None:
        """Send single statements and batches, each until it is acknowledged."""
        chance = random.Random(seed)
        while not self.over.is_set():
            learners = [f"learner{chance.randrange(LEARNERS)}" for _ in range(chance.choice((1, 1, 5)))]
            batch = [statement(learner, completed=chance.random() < 0.5) for learner in learners]
            self._acknowledged(batch)
            with self.lock:
                self.batches.append([one["id"] for one in batch])
                self.passed |= {
                    one["actor"]["mbox"] for one in batch if one["verb"]["id"].endswith("completed")
                }

    def _acknowledged(self, batch: list[dict[str, Any]]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(requests.RequestException):
                answer = requests.post(
                    f"{self.url}/xapi/statements", json=batch, auth=AUTH, headers=HEADERS, timeout=30
                )
                if answer.status_code == 200:
                    return
                if answer.status_code not in {429, 500, 502, 503, 504} or answer.status_code == 500:
                    self.note(f"a statement was answered {answer.status_code}: {answer.text[:200]}")
            if time.monotonic() > deadline:
                raise TimeoutError("a batch was not acknowledged")
            time.sleep(0.1)

    def count_up(self) -> None:
        """Count the document up by one, as long as nobody else did it meanwhile."""
        address = f"{self.url}/xapi/activities/state"
        while not self.over.is_set():
            with self.lock:
                least = max(self.counted, default=0)
            try:
                read = requests.get(address, params=STATE, auth=AUTH, headers=HEADERS, timeout=30)
            except requests.RequestException:
                continue
            if read.status_code not in {200, 404}:
                time.sleep(0.1)
                continue
            number = read.json()["n"] if read.status_code == 200 else 0
            if number < least:
                self.note(f"a read gave {number} after {least} was acknowledged")
            condition = {"If-Match": read.headers["ETag"]} if number else {"If-None-Match": "*"}
            try:
                put = requests.put(
                    address, params=STATE, auth=AUTH, json={"n": number + 1, "by": str(uuid.uuid4())},
                    headers=HEADERS | condition, timeout=30,
                )  # fmt: skip
            except requests.RequestException:
                put = None
            with self.lock:
                if put is not None and put.status_code == 204:
                    self.counted.append(number + 1)
                elif put is None or put.status_code >= 500:
                    self.unknown += 1
            time.sleep(0.02)

    def note(self, fault: str) -> None:
        """Note what should not be."""
        with self.lock:
            self.faults.append(fault)


def statement(learner: str, *, completed: bool) -> dict[str, Any]:
    """Return a statement that counts for the certification, or not."""
    return {
        "id": str(uuid.uuid4()), "actor": {"mbox": f"mailto:{learner}@partner.example"},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{'completed' if completed else 'experienced'}"},
        "object": {"id": "https://content.example/course"},
    }  # fmt: skip


def kill(serve: Serve, part: str, chance: random.Random) -> None:
    """Kill a process of the server."""
    found = [pid for pid in serve.children(part) if pid != serve.process.pid]
    if found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)


def hold(serve: Serve, part: str, chance: random.Random, pause: float) -> None:
    """Hold a process of the server for a while."""
    found = [pid for pid in serve.children(part) if pid != serve.process.pid]
    if found:
        held = chance.choice(found)
        with contextlib.suppress(ProcessLookupError):
            os.kill(held, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(held, signal.SIGCONT)


WEB, WORKER = "fd://", "lrs\0worker"


def faults(
    members: Members, serve: Serve, chance: random.Random, pause: float
) -> dict[str, Callable[[], None]]:
    """Return what can happen, by name."""
    return {
        "web process killed": lambda: kill(serve, WEB, chance),
        "worker killed": lambda: kill(serve, WORKER, chance),
        "web process held": lambda: hold(serve, WEB, chance, pause),
        "worker held": lambda: hold(serve, WORKER, chance, pause),
        "primary killed": lambda: members.kill_primary(pause),
        "primary held": lambda: members.hold_primary(pause),
        "primary steps down": lambda: members.step_down(pause),
    }


@contextlib.contextmanager
def stand(folder: Path) -> Iterator[tuple[Members, Serve]]:
    """Run three members and a server with the rule in force."""
    members = Members(folder)
    data = folder / "run" / "data"
    data.parent.mkdir()
    environ = {
        "LRS_MONGODB_URI": members.uri, "LRS_BOOTSTRAP_KEY": KEY, "LRS_BOOTSTRAP_SECRET": SECRET,
        "LRS_DATA_FOLDER": str(data),
    }  # fmt: skip
    serve = None
    try:
        members.primary()
        serve = Serve(data, **environ).wait_ready()
        rule = folder / "torture.yaml"
        rule.write_text(RULE)
        planned = CliRunner().invoke(cli, ["rules", "plan", str(rule), "--by", "ops"], env=environ)
        with MongoClient[dict[str, Any]](members.uri) as client:
            plan = client.laurel.plans.find_one({})
        assert plan, planned.output
        applied = CliRunner().invoke(cli, ["rules", "apply", plan["_id"], "--by", "ops"], env=environ)
        assert applied.exit_code == 0, applied.output
        yield members, serve
    finally:
        if serve is not None:
            serve.end()
            gone(serve)
        members.end()


def read_count(url: str) -> int:
    """Return what the document says, 0 while there is no answer."""
    with contextlib.suppress(requests.RequestException):
        address = f"{url}/xapi/activities/state"
        answer = requests.get(address, params=STATE, auth=AUTH, headers=HEADERS, timeout=30)
        if answer.status_code == 200:
            return int(answer.json()["n"])
    return 0


def judge(db: Any, history: History) -> list[str]:
    """Return what does not agree with what was acknowledged."""
    found = list(history.faults)
    ids = Counter(str(row["id"]) for row in db.statements.find({"client": KEY}, {"id": 1}))
    told = {one for batch in history.batches for one in batch}
    found += [f"lost: {one}" for one in told - set(ids)]
    found += [f"stored {count} times: {one}" for one, count in ids.items() if count > 1]
    found += [f"stored and never acknowledged: {one}" for one in set(ids) - told]
    found += [
        f"a number was written twice: {n}" for n, times in Counter(history.counted).items() if times > 1
    ]
    last, least = wait_for(lambda: read_count(history.url)), len(history.counted)
    if not max(history.counted) <= last or not least <= last <= least + history.unknown:
        found.append(
            f"the document says {last} after {least} acknowledged and {history.unknown} unknown writes"
        )
    for collection, by in (("awards", "person"), ("credentials", "award")):
        held = Counter(str(row[by]) for row in db[collection].find({}, {by: 1}))
        if len(held) != len(history.passed) or max(held.values(), default=0) > 1:
            found.append(f"{sum(held.values())} {collection} for {len(history.passed)} who passed")
    events = Counter(row["data"]["person"] for row in db.outbox.find({"type": "award.issued"}))
    if len(events) != len(history.passed) or max(events.values(), default=0) > 1:
        found.append(f"{sum(events.values())} events for {len(history.passed)} who passed")
    return found


def torture(count: int, seed: int, pause: float, say: Callable[[str], None] = print) -> list[str]:
    """Let `count` faults happen; return what does not hold."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, stand(Path(name)) as (members, serve):
        history = History(f"http://127.0.0.1:{serve.port}")
        writers = [threading.Thread(target=history.write_statements, args=(seed + n,)) for n in range(3)]
        writers += [threading.Thread(target=history.count_up) for _ in range(3)]
        for writer in writers:
            writer.start()
        known = faults(members, serve, chance, pause)
        done: Counter[str] = Counter()
        try:
            for number in range(count):
                time.sleep(chance.uniform(0.2, pause))
                fault = chance.choice(sorted(known))
                known[fault]()
                done[fault] += 1
                say(f"{number + 1}/{count} {fault}; {len(history.batches)} requests")
            members.primary()
            time.sleep(pause)
        finally:
            history.over.set()
            for writer in writers:
                writer.join()
        with MongoClient[dict[str, Any]](members.uri, uuidRepresentation="standard") as client:
            db = client.laurel
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: not db.statements.count_documents({"pending": True})
                         and db.credentials.count_documents({}) >= len(history.passed))  # fmt: skip
            if left := db.statements.count_documents({"pending": True}):
                history.note(f"{left} marks are left")
            found = judge(db, history)
        if found:
            kept = Path(tempfile.mkstemp(prefix="torture-", suffix=".log")[1])
            kept.write_text(serve.text)
            say(f"what the server said is in {kept}")
        say(f"{dict(done)}; {sum(map(len, history.batches))} statements, {len(history.counted)} counts "
            f"({history.unknown} unknown), {len(history.passed)} passed; {len(found)} findings")  # fmt: skip
    return found


def main() -> int:
    """Read the options, run, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--pause", type=float, default=2.0, help="seconds, at most, between two faults")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    found = torture(given.faults, given.seed, given.pause, lambda text: print(text, flush=True))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
