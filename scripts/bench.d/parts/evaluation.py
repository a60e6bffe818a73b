"""The certification engine over 50 published certifications: marks, visible awards, rebuild, explain."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import crowd
import orjson
from drive import cpu_seconds, family
from run import Figures, Run
from stand import ROOT

from rules.engine.identity import person_id
from rules.queries import explain

NAME = "evaluation"
DUE = 1000  # relevant statements per second that evaluation has to keep up with
MARKED = 4000  # people whose marks are timed while nothing else goes on
CONNECTIONS = 16
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
RATE, SPAN = 200, 15  # statements per second while visible awards are timed, and seconds of it


class Worker:
    """A running `lrs worker` and the processor time of it and of MongoDB."""

    def __init__(self, run: Run) -> None:
        environ = run.place.environ(NAME)
        self.mongod = run.place.mongod.process.pid
        self.process = subprocess.Popen([sys.executable, "-m", "lrs", "worker"], env=environ, cwd=ROOT)
        self.before = self.used()

    def used(self) -> tuple[float, float]:
        return cpu_seconds(self.process.pid), cpu_seconds(self.mongod)

    def each(self, count: int) -> dict[str, float]:
        """Return milliseconds of worker and of MongoDB for each of `count` marks."""
        own, mongod = (after - before for after, before in zip(self.used(), self.before, strict=True))
        return {"worker ms": round(1e3 * own / count, 3), "mongod ms": round(1e3 * mongod / count, 3)}


@contextlib.contextmanager
def worker(run: Run) -> Iterator[Worker]:
    started = Worker(run)
    try:
        yield started
    finally:
        started.process.terminate()
        started.process.wait(60)


def until_cleared(db: Any, patience: float = 600) -> None:
    began = time.perf_counter()
    while db.statements.find_one({"pending": True}, {"_id": 1}) is not None:
        time.sleep(0.02)
        if time.perf_counter() - began > patience:
            raise RuntimeError("the worker does not work")


class Poster(threading.Thread):
    """Posts bodies over one connection, each at its time; notes when each was answered with 200.

    It writes plain text to a socket: an HTTP library in Python takes as long as the server does, on the same
    two cores.
    """

    def __init__(self, url: str, bodies: list[tuple[float, str, bytes]]) -> None:
        super().__init__()
        self.address = urllib.parse.urlsplit(url)
        self.requests = [(at, self.request(auth, body)) for at, auth, body in bodies]
        self.answered: list[float] = []

    def request(self, auth: str, body: bytes) -> bytes:
        head = (
            f"POST /xapi/statements HTTP/1.1\r\nHost: {self.address.netloc}\r\nAuthorization: {auth}\r\n"
            "X-Experience-API-Version: 1.0.3\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def run(self) -> None:
        place = (self.address.hostname or "", self.address.port or 80)
        with socket.create_connection(place, timeout=60) as connection:
            for at, request in self.requests:
                time.sleep(max(0.0, at - time.perf_counter()))
                connection.sendall(request)
                answer = self.answer(connection)
                if not answer.startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(answer.decode())
                self.answered.append(time.perf_counter())

    def answer(self, connection: socket.socket) -> bytes:
        """Return one whole answer; ours names the length of its body."""
        text = b""
        while True:
            more = connection.recv(65536)
            if not more:
                raise RuntimeError(f"closed after {text.decode()}")
            text += more
            head, end, body = text.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            if end and length and len(body) >= int(length[1]):
                return text


def post_all(url: str, bodies: list[tuple[float, str, bytes]], connections: int) -> list[Poster]:
    posters = [Poster(url, bodies[i::connections]) for i in range(connections)]
    for poster in posters:
        poster.start()
    return posters


def load(run: Run, people: int) -> None:
    """Store the crowd, but for the last statements of those whose marks are timed."""
    last, marked = crowd.EACH - 1, min(people, MARKED)
    uri = run.place.mongod.uri
    crowd.load(uri, NAME, crowd.Part(0, people, range(last)))
    crowd.load(uri, NAME, crowd.Part(marked, people, range(last, crowd.EACH), makes_people=False))


def settle(db: Any) -> None:
    """Take the past as told: credentials as issued, events as read, publications as looked back from."""
    db.awards.update_many({"credential_due": {"$exists": True}}, {"$unset": {"credential_due": ""}})
    db.outbox.delete_many({})
    db.backfills.update_many({"finished_at": None}, {"$set": {"finished_at": dt.datetime.now(dt.UTC)}})


def alone(run: Run, db: Any, people: int) -> Figures:
    """One mark for each of some people with 19 statements before it, nothing else going on."""
    last, marked = crowd.EACH - 1, min(people, MARKED)
    part = crowd.Part(0, marked, range(last, crowd.EACH), makes_people=False, marked=True)
    crowd.load(run.place.mongod.uri, NAME, part)
    with worker(run) as at_work:
        while db.statements.count_documents({"pending": True}) == marked:
            time.sleep(0.01)
        left = db.statements.count_documents({"pending": True})
        at_work.before, began = at_work.used(), time.perf_counter()
        until_cleared(db)
        took = time.perf_counter() - began
        return {"marks/s": round(left / took, 1), **at_work.each(left)}


def keeping_up(run: Run, db: Any, web: Any, size: int, count: int) -> Figures:
    """Relevant statements of known people posted as fast as asked, until the last mark is cleared."""
    auths, members = run.place.auths[NAME], max(1, run.people // crowd.ORGS)
    began = time.perf_counter() + 0.5
    bodies = []
    for i in range(0, count, size):
        org = i // size % crowd.ORGS
        numbers = [org + crowd.ORGS * ((i // crowd.ORGS + k) % members) for k in range(size)]
        told = orjson.dumps([crowd.statement(n, 1 + n % 4) for n in numbers])
        bodies.append((began + i / DUE, auths[f"partner-{org:02d}"], told))
    with worker(run) as at_work:
        time.sleep(1.5)
        late = time.perf_counter() - began
        posters = post_all(web.url, [(at + late, auth, body) for at, auth, body in bodies], CONNECTIONS)
        for poster in posters:
            poster.join()
        ended = max(poster.answered[-1] for poster in posters)
        until_cleared(db)
        cleared = time.perf_counter()
        return {
            "asked for, statements/s": DUE,
            "ingested, statements/s": round(count / (ended - began - late), 1),
            "ingested and evaluated, statements/s": round(count / (cleared - began - late), 1),
            "cleared after the last answer, seconds": round(cleared - ended, 2),
            **at_work.each(count),
        }


def visible(run: Run, db: Any, web: Any, first: int) -> Figures:
    """From a statement's 200 to its award and to the credential of that, at 200 statements per second."""
    auths, count = run.place.auths[NAME], RATE * SPAN
    people = [n for n in range(first, first + 5 * count) if crowd.is_awarded(n)][:count]
    part = crowd.Part(first, people[-1] + 1, range(4), recent=True, awarded=True)
    crowd.load(run.place.mongod.uri, NAME, part)
    with worker(run) as at_work:
        time.sleep(3)
        at_work.before, began = at_work.used(), time.perf_counter() + 0.2
        bodies = [
            (began + i / RATE, auths[crowd.org_of(n)], orjson.dumps(crowd.statement(n, 4)))
            for i, n in enumerate(people)
        ]
        ids = [person_id("mbox::" + crowd.mailbox(n)) for n in people]
        watching = Watching(db, ("awards", "credentials"), set(ids))
        watching.start()
        posters = post_all(web.url, bodies, CONNECTIONS)
        for poster in posters:
            poster.join()
        watching.stop_at = time.perf_counter() + 30
        watching.join()
        used = at_work.each(count)
    told = {
        ids[i + CONNECTIONS * k]: at for i, one in enumerate(posters) for k, at in enumerate(one.answered)
    }
    result: Figures = {}
    for name, seen in (("award", watching.seen["awards"]), ("credential", watching.seen["credentials"])):
        times = sorted(1e3 * max(0.0, at - told[person]) for person, at in seen.items())
        if not times:
            raise RuntimeError(f"no {name} was made")
        result |= {
            f"{name}s": len(times),
            f"{name}, p50 ms": round(times[len(times) // 2]),
            f"{name}, p99 ms": round(times[len(times) * 99 // 100]),
            f"{name}, max ms": round(times[-1]),
        }
    return result | used


class Watching(threading.Thread):
    """Notes when the first document of each person is there to be read, as MongoDB tells of new ones itself.

    It looks at nothing again and again: that would cost MongoDB what is measured here.
    """

    def __init__(self, db: Any, names: tuple[str, ...], persons: set[str]) -> None:
        super().__init__()
        self.persons, self.seen = persons, {name: dict[str, float]() for name in names}
        self.stop_at = float("inf")
        new = {"operationType": "insert", "ns.coll": {"$in": list(names)}}
        fields = {"ns.coll": 1, "fullDocument.person": 1}
        self.stream = db.watch([{"$match": new}, {"$project": fields}], max_await_time_ms=200)

    def run(self) -> None:
        """Listen until all were seen, or for as long as is allowed."""
        left = len(self.persons) * len(self.seen)
        with self.stream as stream:
            while left and time.perf_counter() < self.stop_at:
                found = stream.try_next()
                if found is not None and found["fullDocument"]["person"] in self.persons:
                    seen = self.seen[found["ns"]["coll"]]
                    left -= found["fullDocument"]["person"] not in seen
                    seen.setdefault(found["fullDocument"]["person"], time.perf_counter())


def rebuild(run: Run, *, interrupted_after: float | None = None) -> Figures:
    """Rebuild by the command, with as many processes as there are cores; interrupted, it goes on."""
    environ = run.place.environ(NAME)
    command = [sys.executable, "-m", "lrs", "awards", "rebuild", "--json"]
    server, began, used = cpu_seconds(run.place.mongod.process.pid), time.perf_counter(), 0.0
    if interrupted_after is not None:
        process = subprocess.Popen(
            command, env=environ, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(interrupted_after)
        used += sum(map(cpu_seconds, family([process.pid])))
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    process = subprocess.Popen(
        command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took, said = time.perf_counter() - began, json.loads(output)
    used += usage.ru_utime + usage.ru_stime
    done = said["people"]
    return {
        "people": done,
        "differences": said["differences"],
        "people/s": round(done / took, 1),
        "client ms": round(1e3 * used / done, 3),
        "mongod ms": round(1e3 * (cpu_seconds(run.place.mongod.process.pid) - server) / done, 3),
        "peak MB of a process": usage.ru_maxrss // 1024,
    }


def plans(run: Run, name: str, files: list[tuple[str, bytes]]) -> Figures:
    """Plan by the command, as somebody does who moves the pass marks in some files."""
    folder = run.place.folder / "plans"
    folder.mkdir(exist_ok=True)
    for file, text in files:
        (folder / file).write_bytes(text)
    command = [
        sys.executable,
        "-m",
        "lrs",
        "rules",
        "plan",
        "--json",
        *(str(folder / one) for one, _ in files),
    ]
    server, began = cpu_seconds(run.place.mongod.process.pid), time.perf_counter()
    before = os.times()
    done = subprocess.run(command, env=run.place.environ(name), cwd=ROOT, stdout=subprocess.PIPE, check=True)
    after = os.times()
    client = after.children_user + after.children_system - before.children_user - before.children_system
    told = json.loads(done.stdout)
    return {
        **told["summary"],
        "seconds": round(time.perf_counter() - began, 2),
        "client seconds": round(client, 2),
        "mongod seconds": round(cpu_seconds(run.place.mongod.process.pid) - server, 2),
    }


def explaining(db: Any, people: int) -> Figures:
    """Explain answers in milliseconds, each for another person."""
    times = []
    for n in range(0, people, max(1, people // 200)):
        began = time.perf_counter()
        explain(
            db, person_id("mbox::" + crowd.mailbox(n)), f"product-{n * 7 % crowd.CERTIFICATIONS:02d}", None,
            dt.datetime.now(dt.UTC),
        )  # fmt: skip
        times.append(1e3 * (time.perf_counter() - began))
    times.sort()
    return {
        "p50 ms": round(times[len(times) // 2], 1),
        "p99 ms": round(times[len(times) * 99 // 100], 1),
        "max ms": round(times[-1], 1),
    }


def measure_evaluation(run: Run) -> Figures:
    """Return all figures of the engine; `--people` says how many people with 20 statements are rebuilt."""
    db = run.place.database(NAME)
    crowd.publish(db, dt.datetime.now(dt.UTC) - dt.timedelta(days=900))
    people, result = run.people, {}

    def note(name: str, figures: Figures) -> None:
        result[name] = figures
        run.say(f"  {name}: {figures}")

    with db.client:
        load(run, people)
        note("first rebuild", rebuild(run))
        settle(db)
        note("one worker alone", alone(run, db, people))
        note("rebuild", rebuild(run))
        note("rebuild, interrupted once", rebuild(run, interrupted_after=2 + people / 10000))
        note("explain", explaining(db, people))
        for name, files in crowd.moved_marks().items():
            note(f"plan of {name}", plans(run, NAME, files))
        settle(db)
        with run.place.web(NAME) as web:
            for size in (50, 1):
                note(f"batches of {size}", keeping_up(run, db, web, size, DUE * 10))
            note(f"visible award at {RATE}/s", visible(run, db, web, 1_000_000))
    return result
