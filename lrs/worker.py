"""`lrs worker`: the evaluation loop beside scheduled jobs; any number of workers may run, work is leased."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from pymongo.database import Database

from lrs import credential_desk, notices
from lrs.admission import admit
from lrs.analysis import saved
from lrs.award_statements import write_back
from lrs.context import utc_now
from lrs.courier import Courier
from lrs.database import Document, connect, ensure_indexes
from lrs.mail import mailer
from lrs.outgoing_mail import send_due
from lrs.settings import Settings
from rules import backfill, outbox, programmes, work
from rules.engine import BATCH, Engine, Report
from rules.store import cache_of

log = logging.getLogger("laurel.worker")

POLL: Final = (
    0.05  # seconds between looks for marks while there is nothing to do; one look costs about 0.3 ms
)
PAUSE_AFTER_FAILURE: Final = 1.0
SWITCH: Final = 0.0005  # seconds a thread that signs may keep deciding from going on after each answer
BEHIND: Final = dt.timedelta(milliseconds=300)  # a mark that waits longer has credentials and mails wait
PATIENCE: Final = 20.0  # seconds for which they do
REST: Final = 4.0  # beside live decisions, tiers rest so many times as long as they took
SHARE: Final = 2.0  # seconds after which the backlog has a turn though live work never ends


@dataclass(slots=True)
class Pace:
    """Whether decisions are behind: what follows from them gives way then, though not for ever.

    The tiers of a large organization take longer than many decisions, and each of its people who is decided
    asks for them again: while marks come in they also rest after each organization.
    """

    behind_since: float | None = None
    busy: bool = False  # the last look found marks
    tiers_rest_until: float = 0.0

    def note(self, lag: dt.timedelta, marks: int = 0) -> None:
        """Note how long the oldest mark had waited when it was read, and how many marks there were."""
        self.busy = marks > 0
        if lag <= BEHIND:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = time.monotonic()

    def gives_way(self) -> bool:
        """Tell whether credentials, notices and the like should wait for decisions."""
        since = self.behind_since
        return since is not None and time.monotonic() - since < PATIENCE

    def tiers_rest(self) -> bool:
        """Tell whether tiers should wait for decisions."""
        return self.gives_way() or (self.busy and time.monotonic() < self.tiers_rest_until)

    def note_tiers(self, seconds: float) -> None:
        """Note how long the tiers of an organization took."""
        self.tiers_rest_until = time.monotonic() + REST * seconds


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the loop and the jobs of one worker share."""

    settings: Settings
    db: Database[Document]
    engine: Engine
    courier: Courier
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], dt.datetime] = utc_now
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the scheduler: run every so often in each worker, so it leases what it works on."""

    name: str
    run: Callable[[Workshop], None]
    every: dt.timedelta


def republish_status_lists(here: Workshop) -> None:
    """Sign the status lists that changed or grow old."""
    credential_desk.republish(here.settings, here.db, here.now())


def run_saved_queries(here: Workshop) -> None:
    """Run the saved queries whose time has come."""
    saved.run_due(here.db, here.now())


def deliver_events(here: Workshop) -> None:
    """Start delivering to the webhook endpoints that are due; never waits for one."""
    here.courier.tick()


def plan_notices(here: Workshop) -> None:
    """Plan notices for new events, turn what is due into mails, and send them."""
    if here.pace.gives_way():
        return
    notices.plan(here.db, here.now())
    notices.tell_due(here.db, here.now(), here.settings.programme_owner)
    send_due(here.settings, here.db, mailer(here.settings), here.now, here.stop.is_set)


def write_award_statements(here: Workshop) -> None:
    """Tell the vendor's store of new awards by xAPI statements."""
    if here.settings.award_statements and not here.pace.gives_way():
        write_back(here.settings, here.db, here.now())


JOBS: list[Job] = [
    Job("notices", plan_notices, dt.timedelta(seconds=2)),
    Job("award statements", write_award_statements, dt.timedelta(seconds=2)),
    Job("webhooks", deliver_events, dt.timedelta(milliseconds=500)),
    Job("status lists", republish_status_lists, dt.timedelta(seconds=30)),
    Job("saved queries", run_saved_queries, dt.timedelta(seconds=30)),
]
"""Further jobs; modules add theirs here, in the module that owns the job's feature."""

Step = Callable[[Workshop], bool]


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; the round that is under way is finished first."""
    db = connect(settings)
    ensure_indexes(db)
    here = workshop(settings, db)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: here.stop.set())
    here.engine.cache.get(fresh=True)
    collect_rarely()
    sys.setswitchinterval(SWITCH)
    scheduler = schedule(here)
    scheduler.start()
    # Signing takes milliseconds for each credential: in a thread of its own it makes no decision wait.
    consequences = threading.Thread(target=loop, args=[here, CONSEQUENCES], name="consequences")
    consequences.start()
    try:
        loop(here, DECISIONS, BACKLOG)
    finally:
        here.stop.set()
        consequences.join()
        scheduler.shutdown()
        here.courier.close()
        db.client.close()


def collect_rarely() -> None:
    """Let the cyclic collector look seldom: a decision makes many objects and hardly a cycle.

    With Python's own thresholds it takes a third of the time of a decision. Called once rules are loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def workshop(
    settings: Settings, db: Database[Document], now: Callable[[], dt.datetime] = utc_now
) -> Workshop:
    """Return what a worker over a database needs; tests pass their clock."""
    engine = Engine(db, cache_of(db), admit)
    return Workshop(settings, db, engine, Courier(settings, db, now), now=now)


def schedule(here: Workshop) -> BackgroundScheduler:
    """Return a scheduler with all jobs; a job that fails is logged and runs again at its next time."""
    scheduler = BackgroundScheduler(timezone=dt.UTC)
    for job in JOBS:
        scheduler.add_job(
            job.run,
            "interval",
            seconds=job.every.total_seconds(),
            args=[here],
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            jitter=min(job.every.total_seconds() / 10, 30),
        )
    return scheduler


def loop(here: Workshop, live: Sequence[Step] = (), backlog: Sequence[Step] = ()) -> None:
    """Look for work again and again, at once while there is some; a step that fails stops no other.

    The backlog waits for live work, but not for ever: every `SHARE` seconds one of its steps has a turn.
    """
    turns, served = cycle(backlog), time.monotonic()
    while not here.stop.is_set():
        done = [attempt(here, step) for step in live]
        if True not in done or time.monotonic() - served >= SHARE:
            for step in islice(turns, len(backlog)):
                done.append(attempt(here, step))
                if done[-1]:
                    break
            served = time.monotonic()
        if None in done:
            here.stop.wait(PAUSE_AFTER_FAILURE)
        elif True not in done:
            here.stop.wait(POLL)


def attempt(here: Workshop, step: Step) -> bool | None:
    """Run a step; tells whether anything was done, None where it failed."""
    try:
        return step(here)
    except Exception:
        log.exception("%s failed; it is tried again", step.__name__)
        return None


def round_of_work(here: Workshop) -> bool:
    """Do one round: live work first, the backlog only when there is none; tells whether anything was done."""
    busy = [step(here) for step in (*DECISIONS, *CONSEQUENCES)]
    return any(busy) or any([step(here) for step in BACKLOG])  # noqa: C419 -- each step is to be done


def until_quiet(here: Workshop, rounds: int = 1000) -> None:
    """Work until nothing is left to do, as tests do; raises RuntimeError if that never comes."""
    for _ in range(rounds):
        if not round_of_work(here):
            return
    raise RuntimeError(f"there was still work after {rounds} rounds")


def decide_marked(here: Workshop) -> bool:
    """Decide the people of marked statements, looking past those whom other workers hold."""
    done, after = Report(), None
    while True:
        report, after = here.engine.run_marked(here.now(), BATCH, after)
        done.add(report)
        if after is None or report.people:
            here.pace.note(done.lag, done.marks)
            return bool(done.people or done.marks)


def decide_due(here: Workshop) -> bool:
    """Decide the people whose clock has come, and those marked by a change other than a statement."""
    return bool(here.engine.run_due(here.now()).people)


def decide_tiers(here: Workshop) -> bool:
    """Look at the tiers of one organization whose people, affiliations or clock moved."""
    if here.pace.tiers_rest():
        return False
    began = time.monotonic()
    done = programmes.run_due(here.db, here.engine.cache.get(), here.now(), limit=1)
    here.pace.note_tiers(time.monotonic() - began)
    return bool(done)


def number_events(here: Workshop) -> bool:
    """Give the events written since their place in the feed."""
    return bool(outbox.number(here.db))


def issue_credentials(here: Workshop) -> bool:
    """Make the credentials of awards that a decision marked."""
    if here.pace.gives_way():
        return False
    return credential_desk.issue_due(here.settings, here.db, here.now())


def decide_backlog(here: Workshop) -> bool:
    """Decide some of the people whom a publication concerns."""
    return bool(here.engine.run_due(here.now(), 200, [work.BACKLOG]).people)


def backfill_page(here: Workshop) -> bool:
    """Look at one page of what was stored before a publication."""
    return backfill.step(here.db, here.engine.cache.get(fresh=True), here.now(), here.engine.admit)


DECISIONS: Final[tuple[Step, ...]] = (decide_marked, decide_due, number_events)
CONSEQUENCES: Final[tuple[Step, ...]] = (decide_tiers, issue_credentials)
BACKLOG: Final[tuple[Step, ...]] = (decide_backlog, backfill_page)
