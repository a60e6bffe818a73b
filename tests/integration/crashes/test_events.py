"""SIGKILL of workers at random moments loses no event and no notice, and tells nobody twice (cert#8)."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories_engine import World, exam, simple
from places import ROOT
from receivers import Receivers

from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings, to_env
from lrs.messaging import webhooks

# 5,000 transitions: LAUREL_CRASH_TRANSITIONS=5000 pytest tests/integration/crashes/test_events.py
COURSES = ("alpha", "beta", "gamma")
PEOPLE = int(os.environ.get("LAUREL_CRASH_TRANSITIONS", "210")) // len(COURSES)
WORKERS = 2
BATCH = max(20, PEOPLE * len(COURSES) // 40)
PATIENCE = 120 + PEOPLE  # seconds; far more than a quiet machine needs
NOTICES = "notices: [{events: [award.issued], to: [holder]}]"
# The worker as it is, but that what a dead one held is free after seconds instead of a minute or two.
WORKER = """
import datetime as dt, os
from lrs.messaging import delivery, event_consumers, mail_queue
from rules.credentials import due_awards
from rules.engine.queues import evaluation_queue, tier_queue
from rules.publication import backfill
for module in (event_consumers, delivery, mail_queue, backfill, due_awards, tier_queue, evaluation_queue):
    module.LEASE = dt.timedelta(seconds=4)
from lrs.foundation.settings import Settings
from lrs.running.worker import run
run(Settings.from_env(os.environ))
"""


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers()
    yield made
    made.close()


@pytest.fixture
def real(settings: Settings, receivers: Receivers) -> Settings:
    """Settings of real workers that deliver to the receivers."""
    return dataclasses.replace(
        settings, smtp_url=f"smtp://127.0.0.1:{receivers.smtp.port}", allow_private_addresses=True,
        key_passphrase="of the tests", signing_algorithm="ES256", log_level="warning", award_statements=False,
    )  # fmt: skip


class Workers:
    """Some real worker processes; each that is killed is replaced at once."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.environ = to_env(settings, os.environ) | {"PYTHONPATH": str(ROOT)}
        self.log = log
        self.running = [self._start() for _ in range(WORKERS)]

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", WORKER],
                env=self.environ,
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def kill_one(self, chance: random.Random) -> None:
        place = chance.randrange(WORKERS)
        victim = self.running[place]
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        self.running[place] = self._start()

    def end(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(30)


def is_done(db: Any, transitions: int) -> bool:
    """Tell whether every transition was decided, told, delivered and sent."""
    return (
        db.outbox.count_documents({"type": "award.issued"}) == transitions
        and db.outbox.count_documents({"type": "credential.issued"}) == transitions
        and not db.statements.count_documents({"pending": True})
        and not db.outbox.count_documents({"unnumbered": True})
        and db.mails.count_documents({"state": {"$in": ["sent", "unconfirmed"]}}) == transitions
        and db.deliveries.count_documents({"state": "delivered"}) >= db.outbox.count_documents({})
    )


def test_killed_workers_lose_no_event_and_no_notice_and_tell_nobody_twice(
    db: Any, real: Settings, receivers: Receivers, tmp_path: Path
) -> None:
    webhooks.create(real, db, org="vendor", url=receivers.hook, types=None, now=utc_now())
    world = World(db)
    world.clock.at = utc_now()
    world.publish(*[simple(name, more=NOTICES, title=name.title()) for name in COURSES])
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    workers = Workers(real, tmp_path / "workers.log")
    transitions, kills = PEOPLE * len(COURSES), 0
    deadline = time.monotonic() + PATIENCE
    people = [f"p{i}" for i in range(PEOPLE)]
    try:
        waiting = [(who, course) for course in COURSES for who in people]
        chance.shuffle(waiting)
        while time.monotonic() < deadline and not is_done(db, transitions):
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            if batch:
                world.clock.at = utc_now()
                world.send([exam(who, world.clock(), of=course) for who, course in batch])
            time.sleep(chance.uniform(0.2, 1.5))
            if waiting or kills < 12:
                workers.kill_one(chance)
                kills += 1
    finally:
        workers.end()
    print(f"{kills} kills, log:\n{workers.log.read_text()[-2000:]}")
    check(db, receivers, transitions)
    assert kills >= 5, "the workers did die meanwhile"


def check(db: Any, receivers: Receivers, transitions: int) -> None:
    """Compare what the receivers took with what was decided."""
    decided = {row["_id"] for row in db.outbox.find({}, {"_id": 1})}
    assert db.outbox.count_documents({"type": "award.issued"}) == transitions
    taken = [event for event, _ in receivers.events]
    assert set(taken) == decided, "every event arrived, and no other"
    assert len(set(receivers.events)) == len(set(taken)), "under one id always the same body"

    told = {f"<{row['_id']}@lrs.example>": row["state"] for row in db.mails.find({}, {"state": 1})}
    assert len(told) == transitions, "one notice for each award"
    assert len(set(receivers.mails)) == len(receivers.mails), "nobody was told twice"
    assert set(receivers.mails) <= set(told)
    missing = set(told) - set(receivers.mails)
    assert all(told[one] == "unconfirmed" for one in missing), "what may be missing is listed as such"
    print(f"{len(taken) - len(decided)} events twice, {len(missing)} mails missing, "
          f"{sum(state == 'unconfirmed' for state in told.values())} unconfirmed")  # fmt: skip
