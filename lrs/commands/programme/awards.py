"""`lrs awards`: list standings, record what people decide (hold, revoke, extend ...), rebuild the view."""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from typing import Any, get_args

import click

from lrs.commands import (
    PROBLEMS,
    USAGE,
    fail,
    json_option,
    print_csv,
    print_rows,
    processes_option,
    with_services,
)
from lrs.commands.programme.rules import INSTANT, by_option, exit_statuses, instant, operator, print_json
from lrs.foundation.context import Services, utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.people.auto_enrolment import admit
from rules import queries, rebuild
from rules.catalogue.store import cache_of
from rules.engine import manual_decisions
from rules.engine.engine import Engine
from rules.engine.facts import REASONS
from rules.engine.identity import find_person
from rules.engine.manual_decisions import RESOLUTIONS
from rules.evaluation.timeline import State
from rules.evidence.history import Fact, FactKind
from rules.explaining.text import headline

COLUMNS = ("name", "certification", "state", "awarded", "expires", "version", "award")


@click.group()
def group() -> None:
    """List awards and record what people decide about them."""


@group.command(name="list")
@click.option("--person", help="An id, an address or name@organization.")
@click.option("--certification", help="Only this certification.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(get_args(State)),
    help="In this state; may be repeated.",
)
@click.option("--at", type=INSTANT, help="As of this instant; default now.")
@click.option("--organization", help="Only people whose primary affiliation this is.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with every column, for a spreadsheet.")
@json_option
@with_services
def list_(
    services: Services,
    *,
    states: tuple[str, ...],
    at: dt.datetime | None,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
    **filters: str | None,
) -> None:
    """List who stands how in which certification."""
    with exit_statuses():
        certification, organization = filters["certification"], filters["organization"]
        if certification is not None:
            queries.get_record(services.db, certification, kind="Certification")
        if organization is not None and services.db.orgs.find_one({"_id": organization}) is None:
            fail(f"no organization {organization!r}", USAGE)
        rows = queries.list_awards(
            services.db,
            services.now(),
            person=filters["person"],
            certification=certification,
            states=states,
            at=instant(at),
            organization=organization,
            limit=limit,
        )
        named = queries.with_names(services.db, rows, services.now())
        if as_csv:
            print_csv(named, ("person", *COLUMNS, "since"))
        else:
            print_rows(named, COLUMNS, as_json=as_json)


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
    services: Services,
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
    now = services.now()
    with exit_statuses():
        found = find_person(services.db, person, now)
        fact = Fact(
            kind=kind,
            at=instant(at) or now,
            decided_at=now,
            certification=None if certification == "-" else certification,
            by=decided_by,
            **values,
        )
        rules = cache_of(services.db).get(fresh=True)
        row = manual_decisions.decide_manually(services.db, rules, found, fact, now, recorded_by=operator(by))
        click.echo(f"recorded {kind} {row['_id']}")
        if certification != "-":
            click.echo(headline(queries.explain(services.db, found, certification, None, services.now())))


reason_option = click.option("--reason", type=click.Choice(REASONS), required=True)


@group.command()
@person_and_certification
@reason_option
@click.option("--until", type=INSTANT, help="When it ends by itself.")
@click.option("--revoke-at", type=INSTANT, help="When it becomes a revocation if nobody lifts it.")
@with_services
def hold(
    services: Services,
    person: str,
    certification: str,
    until: dt.datetime | None,
    revoke_at: dt.datetime | None,
    **rest: Any,
) -> None:
    """Suspend PERSON's award of CERTIFICATION until it is lifted."""
    record(
        services, "hold", person, certification, until=instant(until), revoke_at=instant(revoke_at), **rest
    )


@group.command()
@person_and_certification
@click.option("--hold", "of", help="The hold; default: the only one that is open.")
@with_services
def lift(services: Services, person: str, certification: str, **rest: Any) -> None:
    """End a hold."""
    record(services, "lift", person, certification, **rest)


@group.command()
@person_and_certification
@reason_option
@with_services
def revoke(services: Services, person: str, certification: str, **rest: Any) -> None:
    """Revoke PERSON's award for good."""
    record(services, "revocation", person, certification, **rest)


@group.command()
@person_and_certification
@with_services
def withdraw(services: Services, person: str, certification: str, **rest: Any) -> None:
    """Withdraw PERSON's award at the holder's wish."""
    record(services, "withdrawal", person, certification, **rest)


@group.command()
@person_and_certification
@click.option("--until", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The new last day.")
@with_services
def extend(services: Services, person: str, certification: str, day: dt.datetime, **rest: Any) -> None:
    """Let the running period end later."""
    record(services, "extension", person, certification, until_day=day.date(), **rest)


@group.command()
@person_and_certification
@click.option("--approver", required=True, help="The person who approves, a member of the group.")
@click.option("--deny", is_flag=True, help="Refuse instead.")
@with_services
def approve(
    services: Services, person: str, certification: str, approver: str, *, deny: bool, **rest: Any
) -> None:
    """Approve an award that waits for it."""
    operated = rest.pop("by")
    with exit_statuses():
        decider = find_person(services.db, approver, services.now())
    record(
        services,
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
@click.option("--approver", required=True, help="The person who grants it, a member of the group.")
@click.option(
    "--selector", "of", help="The selector whose attempts it is for; default: each that limits them."
)
@with_services
def grant(services: Services, person: str, certification: str, approver: str, **rest: Any) -> None:
    """Grant PERSON one further attempt, whatever was used up and however long it was to wait."""
    with exit_statuses():
        decider = find_person(services.db, approver, services.now())
    record(services, "grant", person, certification, decided_by=decider, **rest)


@group.command()
@person_and_certification
@click.option("--approver", required=True, help="The person who agrees, a member of the group.")
@click.option("--revocation", "of", help="The revocation; default: the one that stands.")
@click.option("--deny", is_flag=True, help="Refuse instead.")
@with_services
def readmit(
    services: Services, person: str, certification: str, approver: str, *, deny: bool, **rest: Any
) -> None:
    """Agree that PERSON may be certified again after a revocation."""
    with exit_statuses():
        decider = find_person(services.db, approver, services.now())
    record(services, "readmission", person, certification, decided_by=decider, allowed=not deny, **rest)


@group.command()
@person_and_certification
@click.argument("statement")
@click.option("--reject", is_flag=True, help="Reject it instead.")
@with_services
def accept(
    services: Services, person: str, certification: str, statement: str, *, reject: bool, **rest: Any
) -> None:
    """Let a statement that came late count."""
    record(services, "acceptance", person, certification, statement=statement, allowed=not reject, **rest)


@group.command()
@person_and_certification
@click.argument("statement")
@click.argument("choice", type=click.Choice(RESOLUTIONS))
@with_services
def resolve(services: Services, person: str, certification: str, **rest: Any) -> None:
    """Say what a voided statement under review does to the award."""
    record(services, "resolution", person, certification, **rest)


@group.command()
@click.option("--certification", help="Only this certification.")
@json_option
@with_services
def reviews(services: Services, certification: str | None, *, as_json: bool) -> None:
    """List what waits for a decision of a human being."""
    rows = map(
        manual_decisions.review_reply, manual_decisions.open_reviews(services.db, certification=certification)
    )
    named = queries.with_names(services.db, rows, services.now())
    print_rows(named, ("what", "name", "certification", "statement", "opened_at", "review"), as_json=as_json)


@group.command(name="rebuild")
@processes_option
@click.option("--afresh", is_flag=True, help="Begin a new one where another was not finished.")
@json_option
@with_services
def rebuild_(services: Services, processes: int, *, afresh: bool, as_json: bool) -> None:
    """Recompute everything derived, report what differed (nothing should); goes on where it stopped."""
    job = rebuild.begin(services.db, services.now(), afresh=afresh)
    started = time.monotonic()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running = [
            pool.submit(work_on_rebuild, services.settings, job, i, processes) for i in range(processes)
        ]
        while wait(running, timeout=1).not_done:
            tell_progress(rebuild.progress(services.db, job), started)
        for one in running:
            one.result()
    ended = rebuild.finish(
        Engine(services.db, cache_of(services.db), admit), job, services.now(), with_tiers=False
    )
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
            listed = queries.with_names(services.db, ended["listed"], services.now())
            print_rows(listed, ("name", "person", "certification", "what"), as_json=False)
    if ended["differences"]:
        sys.exit(PROBLEMS)


def work_on_rebuild(settings: Settings, job: str, part: int, of: int) -> None:
    """Work on a rebuild in a process of its own: people with all others, then its part of the tiers."""
    db = connect(settings)
    try:
        cache_of(db).get(fresh=True)
        gc.collect()
        gc.freeze()  # rules and modules stay
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
