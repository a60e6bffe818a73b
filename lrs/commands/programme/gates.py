"""`lrs gates`: ask a gate, show what it needs, list what was answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lrs import commands
from lrs.commands import PROBLEMS, json_option, with_services
from lrs.commands.programme.rules import exit_statuses, print_json
from lrs.foundation.context import Services
from rules.catalogue.store import cache_of
from rules.programmes import gate_checks
from rules.programmes.gate_checks import GateQuestion


@click.group()
def group() -> None:
    """Ask the gates that partners' systems ask."""


@group.command()
@click.argument("gate")
@click.option("--organization", "-o", required=True, help="The partner on whose behalf is asked.")
@click.option(
    "--submitter", "-s", required=True, help="The person who submits: an id, an address or an identifier."
)
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@json_option
@with_services
def check(
    services: Services, gate: str, organization: str, submitter: str, fields: Sequence[str], *, as_json: bool
) -> None:
    """Ask GATE about a subject whose fields are given as FIELD=VALUE; exit status 1 where it refuses."""
    unclear = [one for one in fields if "=" not in one]
    if unclear:
        raise click.UsageError(f"{unclear[0]!r} is not FIELD=VALUE")
    subject = dict(one.split("=", 1) for one in fields)
    with exit_statuses():
        rules = cache_of(services.db).get(fresh=True)
        asked = GateQuestion(organization, submitter, subject)
        reply = gate_checks.reply(gate_checks.check(services.db, rules, gate, [asked], services.now())[0])
    if as_json:
        print_json(reply)
    else:
        enforced = "" if reply["enforced"] else " (not enforced)"
        click.echo(f"{reply['answer']}{enforced}  {reply['message'] or ''}".rstrip())
        for one in reply["reasons"]:
            mark = "ok" if one["ok"] else "--"
            click.echo(f"  {mark}  {one['key']}: required {one['required']}, observed {one['observed']}")
    if reply["answer"] != "allow":
        sys.exit(PROBLEMS)


@group.command()
@click.argument("gate")
@json_option
@with_services
def show(services: Services, gate: str, *, as_json: bool) -> None:
    """Show what GATE asks and what has to be told to it; with --json the schema of a question too."""
    with exit_statuses():
        told = gate_checks.describe(cache_of(services.db).get(fresh=True), gate, services.now())
        if as_json:
            print_json(told)
        else:
            for line in description(told):
                click.echo(line)


def description(told: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that describe a gate to people."""
    mode = "" if told["mode"] == "active" else f"  mode: {told['mode']}"
    programme = f"  tiers of {told['programme']}" if told["programme"] else ""
    yield f"{told['gate']} v{told['version']}  {told['title']}{programme}{mode}"
    yield "allows when the submitter belongs to the organization, and"
    yield from (f"  {line}" for line in conditions(told["allow_when"]))
    yield f"refuses with: {told['refusal']}"
    if not told["needs"]:
        yield f"needs no field of the {told['subject']}"
    for one in told["needs"]:
        yield f"needs {told['subject']}.{one['field']}  ({', '.join(one['places'])})"
    fields = "".join(f" {one['field']}=..." for one in told["needs"])
    yield f"ask: lrs gates check {told['gate']} -o ORGANIZATION -s PERSON{fields}"


def conditions(demand: dict[str, Any]) -> Iterator[str]:
    """Yield a tree of conditions, one line each, parts indented."""
    label = f"  ({demand['label']})" if demand.get("label") else ""
    for form, words in (("all", "all of"), ("any", "one of")):
        if form in demand:
            yield f"{words}{label}"
            yield from (f"  {line}" for part in demand[form] for line in conditions(part))
    if "tier_at_least" in demand:
        yield f"tier {demand['tier_at_least']} or higher{label}"
    if "submitter_holds" in demand:
        held = " ".join(f"{name} {value}" for name, value in demand["submitter_holds"].items())
        yield f"the submitter holds {held}, {' or '.join(demand['status'])}{label}"


@group.command(name="list")
@click.option("--gate", help="Only this gate.")
@click.option("--organization", help="Only this partner.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, newest first."
)
@json_option
@with_services
def list_(
    services: Services, gate: str | None, organization: str | None, limit: int, *, as_json: bool
) -> None:
    """List answers that were given, newest first."""
    wanted = {"org": "vendor", "gate": gate, "organization": organization}
    rows = services.db.gate_answers.find({name: value for name, value in wanted.items() if value is not None})
    shown = ({"answer_id": row.pop("_id"), **row} for row in rows.sort("at", -1).limit(limit))
    columns = ("at", "gate", "organization", "submitter", "answer", "failed", "message")
    commands.print_rows(shown, columns, as_json=as_json)
