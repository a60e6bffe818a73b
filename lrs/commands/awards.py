"""`lrs awards`: list standings, record what people decide (hold, revoke, extend ...), rebuild the view."""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from typing import Any, get_args

import click

from lrs.admission import admit
from lrs.commands import PROBLEMS, USAGE, fail, json_option, show, with_laurel
from lrs.commands.rules import INSTANT, by_option, exit_statuses, instant, operator, print_json
from lrs.context import Laurel, utc_now
from lrs.database import connect
from lrs.settings import Settings
from lrs.worker import collect_rarely
from rules import enquiries, rebuild, rulings
from rules.course import State
from rules.engine import Engine
from rules.explain_text import headline
from rules.facts import REASONS
from rules.history import Fact, FactKind
from rules.people import find_person
from rules.rulings import RESOLUTIONS
from rules.store import cache_of

COLUMNS = ("name", "certification", "state", "awarded", "expires", "version", "award")


@click.group()
def group() -> None:
    """List awards and record what people decide about them."""


@group.command(name="list")
@click.option("--person", help="An id, an address or name@organization.")
@click.option("--certification", help="Only this certification.")
@click.option("--state", type=click.Choice(get_args(State)), help="Only this state, as it is now.")
@click.option("--organization", help="Only people whose primary affiliation this is.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
@with_laurel
def list_(here: Laurel, *, limit: int | None, as_json: bool, **filters: str | None) -> None:
    """List who stands how in which certification, now."""
    with exit_statuses():
        certification, organization = filters["certification"], filters["organization"]
        if certification is not None:
            enquiries.get_record(here.db, certification, kind="Certification")
        if organization is not None and here.db.orgs.find_one({"_id": organization}) is None:
            fail(f"no organization {organization!r}", USAGE)
        rows = enquiries.list_awards(
            here.db,
            here.now(),
            person=filters["person"],
            certification=certification,
            state=filters["state"],
            organization=organization,
            limit=limit,
        )
        show(enquiries.with_names(here.db, rows, here.now()), COLUMNS, as_json=as_json)


def person_and_certification(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options that every fact has."""
    for option in (
        by_option,
        click.option("--note", help="Kept with the fact."),
        click.option("--at", type=INSTANT, help="When it takes effect; default now."),
        click.argument("certification"),
        click.argument("person"),
    ):
        function = option(function)
    return function


def record(
    here: Laurel,
    kind: FactKind,
    person: str,
    certification: str,
    *,
    at: dt.datetime | None,
    by: str | None,
    decided_by: str | None = None,
    **values: Any,
) -> None:
    """Record a fact and say how the person stands then; `-` as certification means all of the person's."""
    now = here.now()
    with exit_statuses():
        found = find_person(here.db, person)
        fact = Fact(
            kind=kind,
            at=instant(at) or now,
            decided_at=now,
            certification=None if certification == "-" else certification,
            by=decided_by,
            **values,
        )
        rules = cache_of(here.db).get(fresh=True)
        row = rulings.rule(here.db, rules, found, fact, now, recorded_by=operator(by))
        click.echo(f"recorded {kind} {row['_id']}")
        if certification != "-":
            click.echo(headline(enquiries.explain(here.db, found, certification, None, here.now())))


reason_option = click.option("--reason", type=click.Choice(REASONS), required=True)


@group.command()
@person_and_certification
@reason_option
@click.option("--until", type=INSTANT, help="When it ends by itself.")
@click.option("--revoke-at", type=INSTANT, help="When it becomes a revocation if nobody lifts it.")
@with_laurel
def hold(
    here: Laurel,
    person: str,
    certification: str,
    until: dt.datetime | None,
    revoke_at: dt.datetime | None,
    **rest: Any,
) -> None:
    """Suspend PERSON's award of CERTIFICATION until it is lifted."""
    record(here, "hold", person, certification, until=instant(until), revoke_at=instant(revoke_at), **rest)


@group.command()
@person_and_certification
@click.option("--hold", "of", help="The hold; default: the only one that is open.")
@with_laurel
def lift(here: Laurel, person: str, certification: str, **rest: Any) -> None:
    """End a hold."""
    record(here, "lift", person, certification, **rest)


@group.command()
@person_and_certification
@reason_option
@with_laurel
def revoke(here: Laurel, person: str, certification: str, **rest: Any) -> None:
    """Revoke PERSON's award for good."""
    record(here, "revocation", person, certification, **rest)


@group.command()
@person_and_certification
@with_laurel
def withdraw(here: Laurel, person: str, certification: str, **rest: Any) -> None:
    """Withdraw PERSON's award at the holder's wish."""
    record(here, "withdrawal", person, certification, **rest)


@group.command()
@person_and_certification
@click.option("--until", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The new last day.")
@with_laurel
def extend(here: Laurel, person: str, certification: str, day: dt.datetime, **rest: Any) -> None:
    """Let the running period end later."""
    record(here, "extension", person, certification, until_day=day.date(), **rest)


@group.command()
@person_and_certification
@click.option("--approver", required=True, help="The person who approves, a member of the group.")
@click.option("--deny", is_flag=True, help="Refuse instead.")
@with_laurel
def approve(here: Laurel, person: str, certification: str, approver: str, *, deny: bool, **rest: Any) -> None:
    """Approve an award that waits for it."""
    operated = rest.pop("by")
    with exit_statuses():
        decider = find_person(here.db, approver)
    record(
        here,
        "approval",
        person,
        certification,
        by=operated,
        allowed=not deny,
        decided_by=decider,
        **rest,
    )


@group.command()
@person_and_certification
@click.argument("statement")
@click.option("--reject", is_flag=True, help="Reject it instead.")
@with_laurel
def accept(
    here: Laurel, person: str, certification: str, statement: str, *, reject: bool, **rest: Any
) -> None:
    """Let a statement that came late count."""
    record(here, "acceptance", person, certification, statement=statement, allowed=not reject, **rest)


@group.command()
@person_and_certification
@click.argument("statement")
@click.argument("choice", type=click.Choice(RESOLUTIONS))
@with_laurel
def resolve(here: Laurel, person: str, certification: str, **rest: Any) -> None:
    """Say what a voided statement under review does to the award."""
    record(here, "resolution", person, certification, **rest)


@group.command()
@click.option("--certification", help="Only this certification.")
@json_option
@with_laurel
def reviews(here: Laurel, certification: str | None, *, as_json: bool) -> None:
    """List what waits for a decision of a human being."""
    rows = map(rulings.review_reply, rulings.open_reviews(here.db, certification=certification))
    named = enquiries.with_names(here.db, rows, here.now())
    show(named, ("what", "name", "certification", "statement", "opened_at", "review"), as_json=as_json)


def processors() -> int:
    """Return how many cores this process may use."""
    return min(len(os.sched_getaffinity(0)), 64)


@group.command(name="rebuild")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=processors,
    show_default="one for each core",
    help="How many work on it.",
)
@click.option("--afresh", is_flag=True, help="Begin a new one where another was not finished.")
@json_option
@with_laurel
def rebuild_(here: Laurel, processes: int, *, afresh: bool, as_json: bool) -> None:
    """Recompute everything derived, report what differed (nothing should); goes on where it stopped."""
    job = rebuild.begin(here.db, here.now(), afresh=afresh)
    started = time.monotonic()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(work_on_rebuild, here.settings, job, i, processes) for i in range(processes)]
        while wait(running, timeout=1).not_done:
            tell_progress(rebuild.progress(here.db, job), started)
        for one in running:
            one.result()
    ended = rebuild.finish(Engine(here.db, cache_of(here.db), admit), job, here.now(), with_tiers=False)
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {name: ended[name] for name in ("people", "differences", "listed", "started_at", "finished_at")}
        )
    else:
        rate = ended["people"] / max(seconds, 0.001)
        click.echo(
            f"{ended['people']:,} people in {seconds:.1f} s ({rate:,.0f}/s), "
            f"{ended['differences']} differences"
        )
        if ended["listed"]:
            listed = enquiries.with_names(here.db, ended["listed"], here.now())
            show(listed, ("name", "person", "certification", "what"), as_json=False)
    if ended["differences"]:
        sys.exit(PROBLEMS)


def work_on_rebuild(settings: Settings, job: str, part: int, of: int) -> None:
    """Work on a rebuild in a process of its own: people with all others, then its part of the tiers."""
    db = connect(settings)
    try:
        cache_of(db).get(fresh=True)
        collect_rarely()
        gc.disable()  # a page makes a million objects and no cycles; what there is goes after each page
        engine = Engine(db, cache_of(db), admit)
        rebuild.run(engine, job, utc_now, collect)
        while not rebuild.progress(db, job).done:  # other processes are at the rest, or one was killed at it
            time.sleep(0.2)
            rebuild.run(engine, job, utc_now, collect)
        rebuild.rebuild_tiers(engine, job, utc_now(), part=part, of=of)
    finally:
        db.client.close()


def collect(_progress: rebuild.Progress) -> None:
    """Free what a page of a rebuild left behind."""
    gc.collect()


def tell_progress(progress: rebuild.Progress, started: float) -> None:
    """Print one line of progress to standard error."""
    rate = progress.people / max(time.monotonic() - started, 0.001)
    text = f"{progress.people:,} of {progress.of:,} people, {rate:,.0f}/s, {progress.differences} differences"
    click.echo(text, err=True)
