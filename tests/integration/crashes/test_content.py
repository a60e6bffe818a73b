"""SIGKILL of whoever takes commits and whoever sends statements loses no acknowledged commit and tells nothing twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from factories_content import NOW, learner, outline, told, verbs
from places import ROOT
from pymongo.database import Database

from lrs.content.attempts.changing import Changes
from lrs.content.attempts.policy import Policy
from lrs.content.attempts.receiving import Commit
from lrs.content.attempts.sending import send
from lrs.content.attempts.store import begin, get_attempt, record_of
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings, to_env
from statements.errors import StoreBusy

# 200 moments: LAUREL_CRASH_MOMENTS=200 pytest tests/integration/crashes/test_content.py
MOMENTS = int(os.environ.get("LAUREL_CRASH_MOMENTS", "8"))
URL = "http://lrs.example"

# Opens a run, then commits one more answer each time and writes down what was acknowledged.
LEARNER = """
import os, sys
sys.path.insert(0, sys.argv[2])
from factories_content import outline
from lrs.content.attempts.changing import Changes
from lrs.content.attempts.receiving import Commit
from lrs.content.attempts.store import record_of
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from statements.errors import StoreBusy
db = connect(Settings.from_env(os.environ))
here, name = Changes(db, outline()), sys.argv[1]

def patiently(act):  # as the player: a dead process holds its transaction for up to a minute
    while True:
        try:
            return act()
        except StoreBusy:
            pass

opened = patiently(lambda: here.open(name, "s1", utc_now()))
rows = dict(opened.sco.cmi.get("interactions", {}))
for sequence in range(1, 100_000):
    rows[str(len(rows))] = {"id": f"q{len(rows)}", "type": "choice", "student_response": "a"}
    cmi = {"core": {"lesson_status": "incomplete"}, "suspend_data": str(len(rows)), "interactions": rows}
    patiently(lambda: here.commit(name, "s1", Commit(opened.number, sequence, cmi), utc_now()))
    print(len(rows), flush=True)
"""
SENDER = """
import os, time
from lrs.content.attempts.sending import send
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
db = connect(Settings.from_env(os.environ))
while True:
    send(db, "http://lrs.example", utc_now)
    time.sleep(0.005)
"""


def start(code: str, settings: Settings, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environ = to_env(settings, os.environ) | {"PYTHONPATH": str(ROOT)}
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environ, stdout=output)


def open_patiently(here: Changes, attempt: str) -> int:
    """Open a run; what a killed process had begun holds the attempt until MongoDB ends it, within a minute."""
    for _ in range(3):
        with contextlib.suppress(StoreBusy):
            return here.open(attempt, "s1", utc_now()).number
    raise AssertionError("the attempt stays locked")


def test_no_acknowledged_commit_is_lost_and_each_statement_is_there_once(
    db: Database[dict[str, Any]], settings: Settings, tmp_path: Path
) -> None:
    attempt = begin(db, learner(), "1", Policy(), NOW)["_id"]
    acknowledged = tmp_path / "acknowledged"
    chance = random.Random(20261129)
    starts = [
        lambda: start(LEARNER, settings, acknowledged, attempt, str(ROOT / "tests")),
        lambda: start(SENDER, settings, tmp_path / "sender"),
    ]
    running = [begin_() for begin_ in starts]
    try:
        for _ in range(MOMENTS):
            size = acknowledged.stat().st_size
            for _ in range(2000):  # a learner that never gets as far as a commit proves nothing
                if acknowledged.stat().st_size > size:
                    break
                time.sleep(0.05)
            time.sleep(chance.random() * 0.2)
            which = chance.randrange(2)
            running[which].send_signal(signal.SIGKILL)
            running[which].wait()
            running[which] = starts[which]()
    finally:
        for process in running:
            process.kill()
            process.wait()
    last = [int(line) for line in acknowledged.read_text().split()][-1]
    here = Changes(db, outline())
    stored = record_of(db, attempt, "s1")
    assert int(stored.cmi["suspend_data"]) in {last, last + 1}
    number = open_patiently(here, attempt)
    here.commit(attempt, "s1", Commit(number, 1, stored.cmi, "terminate"), utc_now())
    send(db, URL, utc_now)
    statements = told(db)
    ids = [statement["id"] for statement in statements]
    assert len(ids) == len(set(ids)) == get_attempt(db, attempt)["told"]
    assert verbs(statements).count("responded") == len(stored.cmi["interactions"]) >= MOMENTS
    assert db.attempt_outbox.count_documents({}) == 0
