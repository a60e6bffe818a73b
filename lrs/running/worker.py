"""`lrs worker`: the evaluation loop beside scheduled jobs; any number of workers may run, work is leased."""

from __future__ import annotations

import datetime as dt
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final

from apscheduler.schedulers.background import BackgroundScheduler
from pymongo.database import Database

from lrs.analysis.questions import saved
from lrs.console.organizations import holders
from lrs.content.attempts import sending
from lrs.content.cmi5.sessions import abandon_silent
from lrs.content.library import housekeeping, intake
from lrs.content.library.intake import Intake
from lrs.content.lti import grades as lti_grades
from lrs.content.player import silence
from lrs.credentials import issuer
from lrs.credentials.public import registry_listing
from lrs.credentials.recognising.rechecking import recheck
from lrs.engagement import leaderboards, next_steps, reminders
from lrs.fast_path.processes import collect_rarely
from lrs.foundation.bell import listening
from lrs.foundation.context import Services, utc_now
from lrs.foundation.database import Document, connect
from lrs.foundation.disk import Disk
from lrs.foundation.fetching import Fetcher
from lrs.foundation.figures import Figures
from lrs.foundation.mail import mailer
from lrs.foundation.settings import Settings
from lrs.foundation.watching import telemetry
from lrs.indexes import ensure_indexes
from lrs.instruction import bookings
from lrs.lake.bounds import set_bounds
from lrs.messaging import answered_questions, due_notices, notices
from lrs.messaging.award_statements import write_back
from lrs.messaging.dispatching import WebhookDispatcher
from lrs.messaging.mail_queue import send_due
from lrs.migrations import run as migrations
from lrs.people.auto_enrolment import admit
from lrs.people.privacy import retention, retention_work
from lrs.running.backpressure import Backpressure
from lrs.running.clock import clock_faults
from lrs.running.lake_keeper import LakeKeeper
from lrs.running.news import Heard, News
from lrs.xapi.consistent_through import bells_path, board, board_path
from rules.catalogue.store import cache_of
from rules.engine.engine import BATCH, Engine
from rules.engine.queues import evaluation_queue, outbox
from rules.engine.round import RoundResult
from rules.programmes import tier_recording
from rules.publication import backfill

log = logging.getLogger("laurel.worker")

POLL: Final = 0.05  # seconds between looks at the board, which cost microseconds
LONGEST_POLL: Final = 0.2  # what a pause between such looks grows to
FEED: Final = 0.2  # seconds between two times that events get their place, while there are any
AWAKE: Final = 3.0  # seconds after news for which the scheduler runs: its frequent jobs have a turn meanwhile
REST: Final = 0.5  # seconds after which a loop without news looks all the same; doubled while all is quiet
LONGEST_REST: Final = 5.0
STEP: Final = 1.0  # seconds by which a clock that is slewed never moves between two looks
QUIET: Final = 10.0  # seconds after which the jobs of the scheduler do
PAUSE_AFTER_FAILURE: Final = 1.0
SWITCH: Final = 0.0005  # seconds a thread that signs may keep deciding from going on after each answer
SHARE: Final = 2.0  # seconds after which the backlog has a turn though live work never ends


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """What the loop and the jobs of one worker share."""

    settings: Settings
    db: Database[Document]
    engine: Engine
    webhooks: WebhookDispatcher
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], dt.datetime] = utc_now
    backpressure: Backpressure = field(default_factory=Backpressure)
    news: News = field(default_factory=News)
    disk: Disk = field(init=False)
    lake: LakeKeeper = field(init=False)
    pages: Services = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", Services(self.settings, self.db, self.now))
        object.__setattr__(self, "disk", Disk(self.settings, self.db))
        object.__setattr__(self, "lake", LakeKeeper(self.settings, self.db))


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the scheduler: run every so often in each worker, so it leases what it works on."""

    name: str
    run: Callable[[WorkerServices], None]
    every: dt.timedelta


def republish_status_lists(services: WorkerServices) -> None:
    """Sign the status lists that changed or grow old."""
    issuer.republish(services.settings, services.db, services.now())


def recheck_recognised(services: WorkerServices) -> None:
    """Ask the issuers of imported credentials whether they still stand by them."""
    settings = services.settings
    fetcher = Fetcher(allow_private=settings.allow_private_addresses)
    if recheck(services.db, settings.public_url, fetcher.get, services.now, services.stop.is_set):
        services.news.note()


def run_saved_queries(services: WorkerServices) -> None:
    """Run the saved queries whose time has come; mail answers, and figures that passed a bound."""
    db, now = services.db, services.now()

    def tell(question: Document, result: Document) -> None:
        answered_questions.tell(db, question, result, now)
        answered_questions.tell_alerts(db, question, result, now)

    saved.run_due(db, now, tell=tell)


def deliver_events(services: WorkerServices) -> None:
    """Start delivering to the webhook endpoints that are due; never waits for one."""
    if services.webhooks.tick():
        services.news.note()


def plan_notices(services: WorkerServices) -> None:
    """Plan notices for new events, turn what is due into mails, and send them."""
    if services.backpressure.consequences_wait():
        return
    notices.plan(services.db, services.now())
    notices.tell_due(services.db, services.now(), services.settings.programme_owner)
    send_due(services.settings, services.db, mailer(services.settings), services.now, services.stop.is_set)


def plan_due_notices(services: WorkerServices) -> None:
    """Plan the reminders of what is asked of people."""
    due_notices.plan(services.db, services.now())


def write_award_statements(services: WorkerServices) -> None:
    """Tell the vendor's store of new awards by xAPI statements."""
    if services.settings.award_statements and not services.backpressure.consequences_wait():
        write_back(services.settings, services.db, services.now())


def migrate(services: WorkerServices) -> None:
    """Go on with migrations while nothing more urgent waits."""
    migrations.run_pending(
        services.db,
        services.now,
        stopped=lambda: services.backpressure.consequences_wait() or services.stop.is_set(),
    )


def read_content(services: WorkerServices) -> None:
    """Read the content packages that were uploaded."""
    intake.work(Intake(services.settings, services.db, services.now), services.stop.is_set)


def sweep_content(services: WorkerServices) -> None:
    """Remove content files that a crash left without a name."""
    for org in services.db.content_versions.distinct("org"):
        housekeeping.sweep(Intake(services.settings, services.db, services.now), org)


def send_content_statements(services: WorkerServices) -> None:
    """Store what commits of content told."""
    if sending.send(services.db, services.settings.public_url, services.now):
        services.news.note()


def send_lti_results(services: WorkerServices) -> None:
    """Tell other learning systems of the results of learners whom they sent."""
    lti_grades.send_due(services.settings, services.db, services.now)


def end_silent_content(services: WorkerServices) -> None:
    """End the runs and sessions of content that fell silent."""
    silence.sweep(services.db, services.now())
    abandon_silent(services.db, services.settings.public_url, services.now())


def apply_retention(services: WorkerServices) -> None:
    """Plan what is automatic, and carry out what was applied, while nothing more urgent waits."""

    def stopped() -> bool:
        return services.backpressure.consequences_wait() or services.stop.is_set()

    retention.apply_automatic(services.db, services.now())
    retention.count_left(services.db, services.now, stopped)
    retention_work.run(services.db, services.now, stopped)


def count_engagement(services: WorkerServices) -> None:
    """Count leaderboards and what others did next, and remind of questions."""
    if services.backpressure.consequences_wait():
        return
    db, now = services.db, services.now()
    leaderboards.refresh(db, now)
    next_steps.refresh(db, services.settings.similar_people, now)
    reminders.remind(db, now)


def fill_seats(services: WorkerServices) -> None:
    """Let who waits for a session move up to seats that a merge or an erasure left free."""
    bookings.fill(services.db, services.now())


def keep_figures(services: WorkerServices) -> None:
    """Make the figures over everybody that pages show, where they are many, so that no page waits for it."""
    if services.backpressure.consequences_wait():
        return
    for part in FIGURES:
        services.pages.part(part).keep()


def keep_lake(services: WorkerServices) -> None:
    """Let the lake follow the store, while nothing more urgent waits."""
    if not services.settings.lake_url or services.backpressure.consequences_wait():
        return
    if not services.lake.round(services.now(), services.stop.is_set):
        services.news.note()  # so that it is looked again


FIGURES: Final[tuple[Callable[[Services], Figures[Any]], ...]] = (
    holders.counted, holders.ends_of_all, registry_listing.listed_partners,
)  # fmt: skip
JOBS: list[Job] = [
    Job("content", read_content, dt.timedelta(seconds=1)),
    Job("content files", sweep_content, dt.timedelta(hours=1)),
    Job("notices", plan_notices, dt.timedelta(seconds=2)),
    Job("due notices", plan_due_notices, dt.timedelta(seconds=60)),
    Job("award statements", write_award_statements, dt.timedelta(seconds=2)),
    Job("content statements", send_content_statements, dt.timedelta(seconds=1)),
    Job("LTI results", send_lti_results, dt.timedelta(seconds=5)),
    Job("silent content", end_silent_content, dt.timedelta(seconds=60)),
    Job("webhooks", deliver_events, dt.timedelta(seconds=1)),
    Job("status lists", republish_status_lists, dt.timedelta(seconds=30)),
    Job("recognised credentials", recheck_recognised, dt.timedelta(seconds=60)),
    Job("saved queries", run_saved_queries, dt.timedelta(seconds=30)),
    Job("retention", apply_retention, dt.timedelta(seconds=10)),
    Job("engagement", count_engagement, dt.timedelta(seconds=60)),
    Job("seats", fill_seats, dt.timedelta(seconds=30)),
    Job("figures", keep_figures, dt.timedelta(seconds=30)),
    Job("lake", keep_lake, dt.timedelta(seconds=3)),
    Job("migrations", migrate, dt.timedelta(seconds=10)),
]
"""Further jobs; modules add theirs here, in the module that owns the job's feature."""

Step = Callable[[WorkerServices], bool]


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; the round that is under way is finished first."""
    db = connect(settings)
    told = telemetry.start(settings, "laurel-worker")
    migrations.start(db, utc_now())
    ensure_indexes(db)
    services = worker_services(settings, db)
    services.news.board = board(board_path(settings.mongodb_uri, settings.database))
    for fault in clock_faults(db, utc_now):
        log.error("this machine's clock is %s", fault)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: services.stop.set())
    services.engine.cache.get(fresh=True)
    if settings.fast_path:
        collect_rarely(100_000, 50, 100)
    sys.setswitchinterval(SWITCH)
    scheduler = schedule(services)
    scheduler.start()
    threads = [
        # Signing takes milliseconds for each credential: in a thread of its own it makes no decision wait.
        threading.Thread(target=loop, args=[services, CREDENTIALS], name="credentials"),
        # The tiers of a large organization take longer than many credentials.
        threading.Thread(target=loop, args=[services, TIERS], name="tiers"),
        # A place in the feed is given to many at once: each time takes a transaction.
        threading.Thread(target=loop, args=[services, EVENTS], kwargs={"after_work": FEED}, name="events"),
        threading.Thread(target=watch, args=[services, scheduler], name="news"),
    ]
    for thread in threads:
        thread.start()
    try:
        with listening(bells_path(settings.mongodb_uri, settings.database), services.news.note):
            loop(services, DECISIONS, BACKLOG, after_none=0.0)  # who stored something for it rings the bell
    finally:
        services.stop.set()
        for thread in threads:
            thread.join()
        scheduler.shutdown()
        services.webhooks.close()
        services.lake.close()
        db.client.close()
        if told is not None:
            told.close()


def worker_services(
    settings: Settings, db: Database[Document], now: Callable[[], dt.datetime] = utc_now
) -> WorkerServices:
    """Return what a worker over a database needs; tests pass their clock."""
    engine = Engine(db, cache_of(db), admit)
    set_bounds(settings.lake_memory_mb, settings.lake_threads)
    return WorkerServices(settings, db, engine, WebhookDispatcher(settings, db, now), now=now)


def schedule(services: WorkerServices) -> BackgroundScheduler:
    """Return a scheduler with all jobs; a job that fails is logged and runs again at its next time."""
    scheduler = BackgroundScheduler(timezone=dt.UTC)
    for job in JOBS:
        scheduler.add_job(
            WhenNews(job.run),
            "interval",
            seconds=job.every.total_seconds(),
            args=[services],
            id=job.name,
            name=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            jitter=min(job.every.total_seconds() / 10, 30),
        )
    return scheduler


@dataclass(slots=True)
class WhenNews:
    """A job that looks only where there is news since it looked last."""

    run: Callable[[WorkerServices], None]
    heard: Heard | None = None

    def __call__(self, services: WorkerServices) -> None:
        """Run, or leave it."""
        if (count := services.news.heard()) != self.heard:
            self.heard = count
            self.run(services)


def watch(services: WorkerServices, scheduler: BackgroundScheduler) -> None:
    """Wake the loops and the scheduler when there is news; QUIET seconds without any are news too.

    What rests costs nothing meanwhile: a scheduler that runs wakes for each job's time. Where the machine's
    clock is set back, jobs would wait for the time they were set to: they are due at once.
    """
    heard, since, pause = services.news.heard(), time.monotonic(), POLL
    ahead = time.time() - time.monotonic()
    while not services.stop.wait(pause):
        if (now := time.time() - time.monotonic()) < ahead - STEP:
            log.warning("the clock was set back by %.0f s", ahead - now)
            for job in scheduler.get_jobs():
                job.modify(next_run_time=utc_now())
        ahead = now
        if time.monotonic() - since >= QUIET:
            services.news.note()
        if (count := services.news.heard()) != heard:
            heard, since, pause = count, time.monotonic(), POLL
            services.news.wake()
            scheduler.resume()
        else:
            pause = min(pause * 2, LONGEST_POLL)
            if time.monotonic() - since >= AWAKE:
                scheduler.pause()
    services.news.wake()


def loop(
    services: WorkerServices,
    live: Sequence[Step] = (),
    backlog: Sequence[Step] = (),
    *,
    after_work: float = 0.0,
    after_none: float = POLL,
) -> None:
    """Look for work again and again, at once while there is some; a step that fails stops no other.

    The backlog waits for live work, but not for ever: every `SHARE` seconds one of its steps has a turn. All
    waits while a disk is full. `after_work` and `after_none` are seconds in which no news makes it look
    again: each write is news, and a stream of them would keep it looking for ever.
    """
    turns, served, seconds = cycle(backlog), time.monotonic(), REST
    while not services.stop.is_set():
        if services.disk.lack() is not None:
            services.stop.wait(PAUSE_AFTER_FAILURE)
            continue
        heard = services.news.heard()
        done = [attempt(services, step) for step in live]
        if True not in done or time.monotonic() - served >= SHARE:
            for step in islice(turns, len(backlog)):
                done.append(attempt(services, step))
                if done[-1]:
                    break
            served = time.monotonic()
        if None in done:
            services.stop.wait(PAUSE_AFTER_FAILURE)
        elif True in done:
            services.news.note()
            seconds = REST
            services.stop.wait(after_work)
        else:
            services.stop.wait(after_none)
            services.news.wait(heard, seconds, services.stop)
            seconds = min(2 * seconds, LONGEST_REST)


def attempt(services: WorkerServices, step: Step) -> bool | None:
    """Run a step; tells whether anything was done, None where it failed."""
    began = time.perf_counter()
    try:
        done = step(services)
    except Exception:
        log.exception("%s failed; it is tried again", step.__name__)
        return None
    if done:
        telemetry.done(step.__name__, time.perf_counter() - began)
    return done


def decide_marked(services: WorkerServices) -> bool:
    """Decide the people of marked statements, looking past those whom other workers hold."""
    done, after = RoundResult(), None
    while True:
        report, after = services.engine.run_marked(services.now(), BATCH, after)
        done.add(report)
        if after is None or report.people:
            services.backpressure.note_lag(done.lag, done.marks)
            return bool(done.people or done.marks)


def decide_due(services: WorkerServices) -> bool:
    """Decide the people whose clock has come, and those marked by a change other than a statement."""
    return bool(services.engine.run_due(services.now()).people)


def decide_tiers(services: WorkerServices) -> bool:
    """Look at the tiers of one organization whose people, affiliations or clock moved."""
    if services.backpressure.tiers_wait():
        return False
    began = time.monotonic()
    done = tier_recording.run_due(services.db, services.engine.cache.get(), services.now(), limit=1)
    services.backpressure.note_tiers(time.monotonic() - began)
    return bool(done)


def number_events(services: WorkerServices) -> bool:
    """Give the events written since their place in the feed."""
    return bool(outbox.number(services.db))


def issue_credentials(services: WorkerServices) -> bool:
    """Make the credentials of awards that a decision marked."""
    if services.backpressure.consequences_wait():
        return False
    return issuer.issue_due(services.settings, services.db, services.now())


def decide_backlog(services: WorkerServices) -> bool:
    """Decide some of the people whom a publication concerns."""
    return bool(services.engine.run_due(services.now(), 200, [evaluation_queue.BACKLOG]).people)


def backfill_page(services: WorkerServices) -> bool:
    """Look at one page of what was stored before a publication."""
    return backfill.step(
        services.db, services.engine.cache.get(fresh=True), services.now(), services.engine.admit
    )


DECISIONS: Final[tuple[Step, ...]] = (decide_marked, decide_due)
EVENTS: Final[tuple[Step, ...]] = (number_events,)
CREDENTIALS: Final[tuple[Step, ...]] = (issue_credentials,)
TIERS: Final[tuple[Step, ...]] = (decide_tiers,)
BACKLOG: Final[tuple[Step, ...]] = (decide_backlog, backfill_page)
