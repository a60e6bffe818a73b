"""`lrs rules`: check, test and new read and write files; the others ask and change what is published."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from lrs.commands import (
    PROBLEMS,
    STALE,
    USAGE,
    Told,
    _plain,
    aligned,
    fail,
    json_option,
    print_rows,
    processes_option,
    with_services,
)
from lrs.commands.comparing import compared_by
from lrs.commands.rule_files import RuleFile, check, new, test
from lrs.content.fulfilling import courses_for
from lrs.foundation.context import Services
from lrs.people.auto_enrolment import admit
from rules import queries
from rules.errors import AlreadyEnded, InvalidRuleFile, RuleError, StalePlan
from rules.explaining.explain import as_dict
from rules.explaining.text import as_text
from rules.publication import plans, reviews
from rules.publication.preview import SYMBOLS
from rules.publication.publishing import retire as retire_now


@click.group()
def group() -> None:
    """Write, plan, publish and question certification rules."""


for command in (check, test, new):
    group.add_command(command)


@contextmanager
def exit_statuses() -> Iterator[None]:
    """End with the status that fits an error: 3 for a stale plan, 1 for problems, 2 for the rest."""
    try:
        yield
    except StalePlan as error:
        fail(str(error), STALE)
    except (InvalidRuleFile, AlreadyEnded) as error:
        fail(str(error), PROBLEMS)
    except RuleError as error:
        fail(str(error), USAGE)


def print_json(reply: Any) -> None:
    """Print an API reply."""
    click.echo(json.dumps(reply, default=_plain, ensure_ascii=False, indent=2))


def operator(by: str | None) -> str:
    """Return who works at the command line: `--by`, else the account's name."""
    return by or f"cli:{getpass.getuser()}"


by_option = click.option("--by", metavar="WHO", help="Who is doing this; default: the account's name.")


@group.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=RuleFile())
@by_option
@processes_option
@json_option
@with_services
def plan(
    services: Services,
    files: Sequence[tuple[str, bytes]],
    by: str | None,
    *,
    processes: int,
    as_json: bool,
) -> None:
    """Show who would gain, change and lose if FILEs were published; the plan lives 24 hours."""
    progress, compare = Told("comparisons"), compared_by(services.settings, processes)
    asked = services.db, files, services.now(), operator(by), admit
    with exit_statuses():
        print_plan(plans.make_plan(*asked, progress=progress, compare=compare), as_json=as_json)


def print_plan(made: dict[str, Any], *, as_json: bool) -> None:
    """Print a plan as its API reply, or as text for people."""
    if as_json:
        print_json(plans.reply(made))
    else:
        click.echo("\n".join(plan_lines(made)))


def plan_lines(made: dict[str, Any]) -> Iterator[str]:
    """Yield a plan as text for people."""
    names = ", ".join(map(_step, made["documents"]))
    yield f"plan {made['_id']}  {names}  expires {made['expires_at']:%Y-%m-%dT%H:%MZ}"
    yield "   ".join(f"{SYMBOLS[name]} {count:,} {name}" for name, count in made["summary"].items())
    order = list(SYMBOLS)
    people = sorted(made["people"], key=lambda one: (order.index(one["change"]), _called(one)))
    yield from aligned([_plan_cells(one) for one in people])
    yield from aligned([_asked_cells(one) for one in made["asked"]])
    for one in made["tiers"]:
        yield f"tiers: {one['text']}"


def _step(one: dict[str, Any]) -> str:
    """Say what a plan makes of one document."""
    if one.get("action") == "withdraw":
        return f"{one['id']} v{one['version']} -> withdrawn"
    before = one["base_version"]
    return f"{one['id']} v{before} -> v{one['version']}" if before else f"{one['id']} v{one['version']} (new)"


def _plan_cells(one: dict[str, Any]) -> list[str]:
    """Return the cells of one person's line in a plan; the reason stands last, where lines may be long."""
    reason = one.get("reason") or (f"missing {', '.join(one['missing'])}" if one["missing"] else "")
    return [
        f"{SYMBOLS[one['change']]} {_called(one)}",
        one["certification"],
        _becomes(one["before"], one["after"]),
        f"{one['at']:%Y-%m-%d}",
        reason,
    ]


def _asked_cells(one: dict[str, Any]) -> list[str]:
    """Return the cells of a person of whom targets would ask something else."""
    before, after = one["before"] or {}, one["after"] or {}
    due = f", due {after['due']}" if after.get("due") else ""
    words = {
        "asked": f"asked since {after.get('since')}{due}",
        "due_changed": f"due {before.get('due') or 'on no day'} -> {after.get('due') or 'on no day'}",
        "not_asked": "no longer asked",
    }
    asked = one.get("certification") or one["assignment"]
    return [f"? {_called(one)}", asked, words[one["change"]], f"{one['at']:%Y-%m-%d}"]


def _becomes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Say what becomes of a standing; where the state stays, what else does not."""
    if before["state"] != after["state"]:
        running = after["state"] not in {"expired", "revoked", "withdrawn"} and "expires" in after
        until = f" until {after['expires']}" if running else ""
        return f"{before['state']} -> {after['state']}{until}"
    names = {"version": "version", "awarded": "awarded", "expires": "until"}
    differing = [name for name in names if before.get(name) != after.get(name)]
    moved = [f"{names[n]} {before.get(n, 'never')} -> {after.get(n, 'never')}" for n in differing]
    return f"{after['state']}: {', '.join(moved)}"


def _called(one: dict[str, Any]) -> str:
    return str(one.get("name") or one["person"])


@group.command()
@click.argument("plan_id", metavar="PLAN")
@click.argument("verdict", type=click.Choice(reviews.VERDICTS))
@click.option("--comment", "-m", default="", help="What you say of it; an objection needs it.")
@by_option
@json_option
@with_services
def review(
    services: Services, plan_id: str, verdict: str, comment: str, by: str | None, *, as_json: bool
) -> None:
    """Approve PLAN, object to it, or comment; nobody approves what they planned themselves."""
    with exit_statuses():
        said = comment.strip()[: reviews.LONGEST]
        plan = reviews.review_plan(
            services.db, plan_id, services.now(), operator(by), verdict=verdict, comment=said
        )
        if as_json:
            print_json(plans.reply(plans.get_plan(services.db, plan_id)))
        for one in plan["reviews"] if not as_json else ():
            click.echo(f"{one['at']:%Y-%m-%dT%H:%MZ}  {one['verdict']:8}  {one['by']}  {one['comment']}")


@group.command()
@click.argument("plan_id", metavar="PLAN")
@by_option
@json_option
@with_services
def apply(services: Services, plan_id: str, by: str | None, *, as_json: bool) -> None:
    """Publish what PLAN says; exit status 3 where it expired or no longer says what would happen."""
    with exit_statuses():
        rows = plans.apply_plan(
            services.db, plan_id, services.now(), operator(by), two_persons=services.settings.two_persons
        )
        if as_json:
            print_json([plans.record_reply(row) for row in rows])
        for row in rows if not as_json else ():
            click.echo(_applied(row))


def _applied(row: dict[str, Any]) -> str:
    if row["action"] == "withdraw":
        return f"withdrawn {row['kind']} {row['id']}: all running periods end now"
    name = f"{row['kind']} {row['id']} v{row['version']}"
    return f"published {name} from {row['effective_from']} {row['hash'][:12]}"


@group.command(name="list")
@json_option
@with_services
def list_(services: Services, *, as_json: bool) -> None:
    """List what is published, with running backfills and failures."""
    rows = queries.list_rules(services.db, services.now())
    print_rows(
        rows,
        ("kind", "id", "version", "title", "mode", "lifecycle", "effective_from", "backfill", "failure"),
        as_json=as_json,
    )


@group.command(name="show")
@click.argument("rule_id", metavar="ID")
@click.option("--version", help="A version; default: the newest.")
@json_option
@with_services
def show_(services: Services, rule_id: str, version: str | None, *, as_json: bool) -> None:
    """Print the source of a published document."""
    with exit_statuses():
        row = queries.get_record(services.db, rule_id, version)
        if as_json:
            print_json(plans.record_reply(row) | {"source": row["source"]})
        else:
            click.echo(row["source"], nl=not row["source"].endswith("\n"))


@group.command()
@click.argument("rule_id", metavar="ID")
@click.argument("old", required=False)
@click.argument("new", required=False)
@json_option
@with_services
def diff(services: Services, rule_id: str, old: str | None, new: str | None, *, as_json: bool) -> None:
    """Show what differs between two versions of a document; by default the two newest."""
    with exit_statuses():
        lines = list(queries.diff_versions(services.db, rule_id, old, new))
        if as_json:
            print_json({"id": rule_id, "same": not lines, "lines": lines})
        else:
            click.echo("\n".join(lines) or "the texts are the same")


class Instant(click.ParamType[dt.datetime]):
    """A day, meaning its first instant in UTC, or an instant as RFC 3339 has it; without offset, UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Return the instant with its offset; a usage error for anything else."""
        try:
            found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(
                f"{value!r} is neither a day like 2026-12-31 nor an instant like 2026-12-31T12:00:00Z",
                param,
                ctx,
            )
        return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


INSTANT = Instant()


def instant(value: dt.datetime | None) -> dt.datetime | None:
    """Return an option's instant in UTC."""
    return None if value is None else value.astimezone(dt.UTC)


@group.command()
@click.argument("person")
@click.argument("certification")
@click.option("--at", type=INSTANT, help="The instant asked about; default now.")
@click.option("--known-at", type=INSTANT, help="What was known then; default now.")
@json_option
@with_services
def explain(
    services: Services,
    person: str,
    certification: str,
    at: dt.datetime | None,
    known_at: dt.datetime | None,
    *,
    as_json: bool,
) -> None:
    """Say why PERSON holds CERTIFICATION, or why not yet."""
    with exit_statuses():
        found = queries.explain(
            services.db, person, certification, instant(at), services.now(), known_at=instant(known_at)
        )
        courses = courses_for(services.db, found, services.settings.public_url)
        if as_json:
            print_json(as_dict(found) | {"courses": courses})
        else:
            click.echo(as_text(found))
            for one in courses:
                click.echo(f"Course: {one['title']}  {one['start']}")
            if at is not None or known_at is not None:
                click.echo(as_of(found.at, instant(known_at)))


def as_of(at: dt.datetime, known_at: dt.datetime | None) -> str:
    """Return the line that says for which instant, and from what knowledge, an explanation holds."""
    known = f", as known at {known_at:%Y-%m-%dT%H:%M:%SZ}" if known_at is not None else ""
    return f"This is how it stands at {at:%Y-%m-%dT%H:%M:%SZ}{known}."


HISTORY = ("what", "from", "to", "effective_at", "decided_at", "version", "evidence", "by", "reason")


@group.command()
@click.argument("person")
@click.argument("certification")
@json_option
@with_services
def history(services: Services, person: str, certification: str, *, as_json: bool) -> None:
    """List what engine and people decided about PERSON in CERTIFICATION, corrections included."""
    with exit_statuses():
        rows = queries.history_of(services.db, person, certification, services.now())
        if not rows and not as_json:
            click.echo("nothing was decided yet")
            return
        columns = [*HISTORY, *(name for name in ("until", "note") if any(name in row for row in rows))]
        print_rows(rows if as_json else map(_with_short_evidence, rows), columns, as_json=as_json)


def _with_short_evidence(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a history in which statements are named as `explain` names them: `6f1c…`."""
    return row | {"evidence": [f"{one[:4]}…" for one in row.get("evidence", ())]}


@group.command()
@click.argument("rule_id", metavar="CERTIFICATION")
@click.option(
    "--withdraw", is_flag=True, help="Plan the end of all running periods; `lrs rules apply PLAN` ends them."
)
@click.option("--reason", help="Kept with the record.")
@by_option
@json_option
@with_services
def retire(
    services: Services, rule_id: str, reason: str | None, by: str | None, *, withdraw: bool, as_json: bool
) -> None:
    """Give no new awards of CERTIFICATION; running periods end by date, or by a plan with --withdraw."""
    asked = services.db, rule_id, services.now(), operator(by)
    with exit_statuses():
        if withdraw:
            print_plan(plans.plan_withdrawal(*asked, reason=reason), as_json=as_json)
            return
        row = retire_now(*asked, reason=reason)
        if as_json:
            print_json(plans.record_reply(row))
        else:
            click.echo(f"retired {rule_id}: no new awards; running periods end by date")
