"""`lrs rules`: check, test and new read and write files; the others ask and change what is published."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from lrs.admission import admit
from lrs.commands import PROBLEMS, STALE, USAGE, _plain, aligned, fail, json_option, show, with_laurel
from lrs.commands._rules_files import RuleFile, check, new, test
from lrs.context import Laurel
from rules import enquiries, plans
from rules.errors import AlreadyEnded, InvalidRuleFile, RuleError, StalePlan
from rules.explain import as_dict
from rules.explain_text import as_text
from rules.foresight import SYMBOLS
from rules.publishing import end_lifecycle


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
@json_option
@with_laurel
def plan(here: Laurel, files: Sequence[tuple[str, bytes]], by: str | None, *, as_json: bool) -> None:
    """Show who would gain, change and lose if FILEs were published; the plan lives 24 hours."""
    with exit_statuses():
        made = plans.make_plan(here.db, files, here.now(), operator(by), admit)
        if as_json:
            print_json(plans.reply(made))
        else:
            for line in plan_lines(made):
                click.echo(line)


def plan_lines(made: dict[str, Any]) -> Iterator[str]:
    """Yield a plan as text for people."""
    names = ", ".join(
        f"{one['id']} v{one['base_version']} -> v{one['version']}"
        if one["base_version"]
        else f"{one['id']} v{one['version']} (new)"
        for one in made["documents"]
    )
    yield f"plan {made['_id']}  {names}  expires {made['expires_at']:%Y-%m-%dT%H:%MZ}"
    yield "   ".join(f"{SYMBOLS[name]} {count:,} {name}" for name, count in made["summary"].items())
    order = list(SYMBOLS)
    people = sorted(made["people"], key=lambda one: (order.index(one["change"]), _called(one)))
    yield from aligned([_plan_cells(one) for one in people])
    for one in made["tiers"]:
        yield f"tiers: {one['text']}"


def _plan_cells(one: dict[str, Any]) -> list[str]:
    """Return the cells of one person's line in a plan; the reason stands last, where lines may be long."""
    before, after = one["before"], one["after"]
    reason = one.get("reason") or (f"missing {', '.join(one['missing'])}" if one["missing"] else "")
    running = after["state"] not in {"expired", "revoked", "withdrawn"} and "expires" in after
    dates = f" until {after['expires']}" if running else ""
    return [
        f"{SYMBOLS[one['change']]} {_called(one)}",
        one["certification"],
        f"{before['state']} -> {after['state']}{dates}",
        f"{one['at']:%Y-%m-%d}",
        reason,
    ]


def _called(one: dict[str, Any]) -> str:
    return str(one.get("name") or one["person"])


@group.command()
@click.argument("plan_id", metavar="PLAN")
@by_option
@json_option
@with_laurel
def apply(here: Laurel, plan_id: str, by: str | None, *, as_json: bool) -> None:
    """Publish what PLAN says; exit status 3 where it expired or no longer says what would happen."""
    with exit_statuses():
        rows = plans.apply_plan(
            here.db, plan_id, here.now(), operator(by), two_persons=here.settings.two_persons
        )
        if as_json:
            print_json([plans.record_reply(row) for row in rows])
        for row in rows if not as_json else ():
            click.echo(
                f"published {row['kind']} {row['id']} v{row['version']} "
                f"from {row['effective_from']} {row['hash'][:12]}"
            )


@group.command(name="list")
@json_option
@with_laurel
def list_(here: Laurel, *, as_json: bool) -> None:
    """List what is published, with running backfills and failures."""
    rows = enquiries.list_rules(here.db, here.now())
    show(
        rows,
        ("kind", "id", "version", "title", "mode", "lifecycle", "effective_from", "backfill", "failure"),
        as_json=as_json,
    )


@group.command(name="show")
@click.argument("rule_id", metavar="ID")
@click.option("--version", help="A version; default: the newest.")
@json_option
@with_laurel
def show_(here: Laurel, rule_id: str, version: str | None, *, as_json: bool) -> None:
    """Print the source of a published document."""
    with exit_statuses():
        row = enquiries.get_record(here.db, rule_id, version)
        if as_json:
            print_json(plans.record_reply(row) | {"source": row["source"]})
        else:
            click.echo(row["source"], nl=not row["source"].endswith("\n"))


@group.command()
@click.argument("rule_id", metavar="ID")
@click.argument("old", required=False)
@click.argument("new", required=False)
@json_option
@with_laurel
def diff(here: Laurel, rule_id: str, old: str | None, new: str | None, *, as_json: bool) -> None:
    """Show what differs between two versions of a document; by default the two newest."""
    with exit_statuses():
        lines = list(enquiries.diff_versions(here.db, rule_id, old, new))
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
@with_laurel
def explain(
    here: Laurel,
    person: str,
    certification: str,
    at: dt.datetime | None,
    known_at: dt.datetime | None,
    *,
    as_json: bool,
) -> None:
    """Say why PERSON holds CERTIFICATION, or why not yet."""
    with exit_statuses():
        found = enquiries.explain(
            here.db, person, certification, instant(at), here.now(), known_at=instant(known_at)
        )
        if as_json:
            print_json(as_dict(found))
        else:
            click.echo(as_text(found))
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
@with_laurel
def history(here: Laurel, person: str, certification: str, *, as_json: bool) -> None:
    """List what engine and people decided about PERSON in CERTIFICATION, corrections included."""
    with exit_statuses():
        rows = enquiries.history_of(here.db, person, certification)
        if not rows and not as_json:
            click.echo("nothing was decided yet")
            return
        columns = [*HISTORY, *(name for name in ("until", "note") if any(name in row for row in rows))]
        show(rows if as_json else map(_with_short_evidence, rows), columns, as_json=as_json)


def _with_short_evidence(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a history in which statements are named as `explain` names them: `6f1c…`."""
    return row | {"evidence": [f"{one[:4]}…" for one in row.get("evidence", ())]}


@group.command()
@click.argument("rule_id", metavar="CERTIFICATION")
@click.option(
    "--withdraw", is_flag=True, help="End all running periods now, instead of letting them run out."
)
@click.option("--reason", help="Kept with the record.")
@by_option
@json_option
@with_laurel
def retire(
    here: Laurel, rule_id: str, reason: str | None, by: str | None, *, withdraw: bool, as_json: bool
) -> None:
    """Give no new awards of CERTIFICATION; running periods end by date."""
    with exit_statuses():
        row = end_lifecycle(
            here.db, rule_id, "withdraw" if withdraw else "retire", here.now(), operator(by), reason=reason
        )
        if as_json:
            print_json(plans.record_reply(row) | {"action": row["action"]})
            return
        effect = "all running periods end now" if withdraw else "no new awards; running periods end by date"
        click.echo(f"{'withdrawn' if withdraw else 'retired'} {rule_id}: {effect}")
