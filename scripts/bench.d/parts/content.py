"""Learners who commit every ten seconds, alone and beside statements; an upload until it can be played."""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import http.client
import io
import operator
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from run import Figures, Run, warm
from stand import ROOT, Stand, Web

from lrs.content.library.intake import Intake, Upload, receive, work
from lrs.content.library.items import publish
from lrs.content.opening import open_content
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted
from lrs.foundation.audit import Editor
from lrs.foundation.settings import Settings

LEARNERS, EVERY = 200, 10.0  # seconds between two commits of one learner
THREADS = 8
ROUNDS = 7
SECONDS = 30.0  # three commits of each learner, or more where measurements are longer
QUIZ = ROOT / "lrs" / "demo" / "packages" / "scorm12-quiz"
LARGE = 50 * 1024 * 1024  # bytes that do not get smaller in a zip


def measure_content(run: Run) -> Figures:
    """Measure commits alone, single statements alone and beside them, and an upload of 50 MB."""
    place = run.place
    db = place.database("content")
    auths = "\n".join(value for org, value in place.auths["content"].items() if org != "vendor")
    item = take_in(place.settings("content"), db)
    single = {"KIND": "post", "SIZE": "1", "AUTHS": auths}
    found: Figures = {}
    with (
        db.client,
        place.web("content") as web,
        place.web("content", "lrs.content_app:from_env()", workers=1) as content,  # as `lrs serve` does
        worker(place),
    ):
        learners = [Learner.begin(place.settings("content"), db, content, item, n) for n in range(LEARNERS)]
        warm(web, auths)
        found["commits alone"] = together(learners, run)
        alone, beside, took = list[float](), list[float](), list[float]()
        for _ in range(ROUNDS):  # in turn, so that what else happens on the machine disturbs both alike
            alone.append(run.measure_once(web, "write.lua", single, 16, "/xapi/statements")["statements_s"])
            with committing(learners) as more:
                posts = run.measure_once(web, "write.lua", single, 16, "/xapi/statements")
                beside.append(posts["statements_s"])
            took += more
        found["commits beside statements"] = spread(took)
        found["single POST"] = statistics.median(alone)
        found["single POST beside commits"] = statistics.median(beside)
        found["share of single POST kept"] = statistics.median(map(operator.truediv, beside, alone))
        found["seconds from upload of 50 MB to playable"] = upload(place, web, content, db)
    for name, value in found.items():
        run.say(f"  {name:44} {value if isinstance(value, dict) else round(value, 2)}")
    return found


def editor(db: Any) -> Editor:
    return Editor(db, {"kind": "client", "id": "bench", "name": "bench"}, dt.datetime.now(dt.UTC))


def take_in(settings: Settings, db: Any) -> str:
    """Publish the quiz of the demo; return its item."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(QUIZ.rglob("*")):
            archive.write(path, path.relative_to(QUIZ))
    here = Intake(settings, db, lambda: dt.datetime.now(dt.UTC))
    version = receive(here, editor(db), Upload("vendor", "quiz.zip", Wish(), None), [made.getvalue()])
    work(here)
    return str(publish(editor(db), version["_id"])["item"])


@contextlib.contextmanager
def worker(place: Stand) -> Iterator[None]:
    """Run a worker, which stores what commits tell and reads uploads."""
    command = [sys.executable, "-m", "lrs", "worker"]
    process = subprocess.Popen(command, env=place.environ("content"), cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@dataclass
class Learner:
    """A learner in a quiz who answers one more question with each commit."""

    connection: http.client.HTTPConnection
    path: str
    run: int
    sequence: int = 0
    answers: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: Settings, db: Any, content: Web, item: str, number: int) -> Learner:
        account = {"homePage": "https://bench.example", "name": f"learner {number}"}
        wanted = Wanted("vendor", item, {"objectType": "Agent", "account": account})
        path = urlsplit(open_content(settings, editor(db), wanted).url).path
        connection = http.client.HTTPConnection(urlsplit(content.url).netloc)
        learner = cls(connection, path, 0)
        learner.run = learner.ask("open", {"part": "quiz"})["run"]
        return learner

    def ask(self, what: str, body: dict[str, Any]) -> Any:
        try:
            answer = self.sent(what, body)
        except (ConnectionError, http.client.HTTPException):  # idle for long, so closed: as browsers do
            self.connection.close()
            answer = self.sent(what, body)
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{what}: {answer.status} {text[:300]!r}")
        return orjson.loads(text)

    def sent(self, what: str, body: dict[str, Any]) -> http.client.HTTPResponse:
        self.connection.request("POST", f"{self.path}{what}", orjson.dumps(body))
        return self.connection.getresponse()

    def commit(self) -> None:
        self.sequence += 1
        count = len(self.answers) % 40  # a course has an end
        self.answers[str(count)] = {
            "id": f"q{count}",
            "type": "choice",
            "student_response": "a",
            "result": "correct",
        }
        core = {"lesson_status": "incomplete", "lesson_location": str(count), "score": {"raw": str(count)}}
        cmi = {"core": core, "suspend_data": "s" * 2000, "interactions": self.answers}
        told = self.ask("commit", {"part": "quiz", "run": self.run, "sequence": self.sequence, "cmi": cmi})
        if told["result"] != "true":
            raise RuntimeError(f"commit: {told}")


@contextlib.contextmanager
def committing(learners: list[Learner]) -> Iterator[list[float]]:
    """Let the learners commit until the block ends; the list fills with milliseconds of each commit.

    Each is timed from when it was due, so that one that waits for another counts as slow too.
    """
    stop, took, failed = threading.Event(), list[float](), list[BaseException]()
    chance, began = random.Random(0), time.perf_counter()  # learners commit when they do, not in step
    first = sorted(began + chance.uniform(0.0, EVERY) for _ in learners)
    due = list(zip(first, range(len(learners)), learners, strict=True))
    jobs = [
        threading.Thread(target=_commit_in_turn, args=(due[i::THREADS], stop, took, failed))
        for i in range(THREADS)
    ]
    for job in jobs:
        job.start()
    try:
        yield took
    finally:
        stop.set()
        for job in jobs:
            job.join()
    if failed:
        raise failed[0]


def _commit_in_turn(
    due: list[tuple[float, int, Learner]],
    stop: threading.Event,
    took: list[float],
    failed: list[BaseException],
) -> None:
    try:
        while not stop.wait(max(0.0, due[0][0] - time.perf_counter())):
            at, number, learner = due[0]
            learner.commit()
            took.append((time.perf_counter() - at) * 1000)
            heapq.heapreplace(due, (at + EVERY, number, learner))
    except BaseException as error:  # noqa: BLE001 -- told by whoever waits for this thread
        failed.append(error)


def together(learners: list[Learner], run: Run) -> Figures:
    """Return what commits take while nothing else happens."""
    with committing(learners) as took:
        time.sleep(max(SECONDS, run.seconds))
    return spread(took)


def spread(took: list[float]) -> Figures:
    """Return the number and the quantiles of some times in milliseconds."""
    ordered = sorted(took)
    return {
        "commits": len(ordered),
        **{f"p{q}_ms": round(ordered[min(len(ordered) - 1, len(ordered) * q // 100)], 2) for q in (50, 99)},
    }


def upload(place: Stand, web: Web, content: Web, db: Any) -> float:
    """Return the seconds from the first byte of an upload of 50 MB until a learner's page has its outline."""
    file, auth = large_package(place.folder), place.auths["content"]["vendor"]
    headers = {"Authorization": auth, "Content-Type": "application/zip"}
    began = time.perf_counter()
    with file.open("rb") as body:
        length = {"Content-Length": str(file.stat().st_size)}
        asked = urllib.request.Request(f"{web.url}/api/v1/content", body, {**headers, **length})
        version = orjson.loads(urllib.request.urlopen(asked).read())["id"]
    place_of_it = urllib.request.Request(f"{web.url}/api/v1/content/versions/{version}", headers=headers)
    while (found := orjson.loads(urllib.request.urlopen(place_of_it).read()))["state"] in {
        "waiting",
        "reading",
    }:
        time.sleep(0.05)
    if found["state"] != "draft":
        raise RuntimeError(f"the package was not taken in: {found}")
    item = publish(editor(db), version)["item"]
    Learner.begin(place.settings("content"), db, content, item, 0)
    return time.perf_counter() - began


def large_package(folder: Path) -> Path:
    """Write the quiz with a film of 50 MB into a zip; return its path."""
    path = folder / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(QUIZ.rglob("*")):
            archive.write(file, file.relative_to(QUIZ))
        archive.writestr("film.mp4", os.urandom(LARGE))
    return path


def table_lines(found: Figures) -> list[str]:
    """Return the lines of the table."""
    lines = [""]
    for name, value in found.items():
        text = (
            f"p50 {value['p50_ms']} ms, p99 {value['p99_ms']} ms"
            if isinstance(value, dict)
            else f"{value:,.2f}"
        )
        lines.append(f"{name:44}{text:>30}")
    return lines
