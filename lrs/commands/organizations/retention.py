"""`lrs retention`: how long statements and documents are kept, and legal holds."""

from __future__ import annotations

from typing import Any

import click

from lrs.commands import PROBLEMS, fail, json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.commands.organizations.people import person_id
from lrs.foundation.context import Services
from lrs.people.privacy import legal_holds, retention, retention_work

HOLDS = ("id", "org", "person", "reason", "by", "at", "lifted_at")
ROUNDS = 10  # how often to go over a plan for people whom a worker decides just now


@click.group("retention")
def group() -> None:
    """What goes by age, planned first; legal holds, which keep everything."""


@group.command("show")
@click.argument("org")
@with_services
@refusals_as_exit
def show(services: Services, org: str) -> None:
    """Show the policy of an organization."""
    print_rows([retention.get_policy(services.db, org)], (), as_json=True)


@group.command("set")
@click.argument("org")
@click.option("--rule", "rules", multiple=True, metavar="WHAT:DAYS",
              help=f"May be given more than once; WHAT is one of {', '.join(retention.KINDS)}.")  # fmt: skip
@click.option("--verb", help="The rules on statements concern this verb only.")
@click.option("--activity", help="The rules concern this activity only.")
@click.option("--evidence", type=click.Choice(retention.EVIDENCE), default="keep", show_default=True,
              help="What becomes of statements that certifications look at.")  # fmt: skip
@click.option("--automatic", is_flag=True, help="The worker plans and applies it once a day.")
@with_services
@refusals_as_exit
def set_policy(
    services: Services,
    org: str,
    rules: tuple[str, ...],
    *,
    verb: str | None,
    activity: str | None,
    evidence: str,
    automatic: bool,
) -> None:
    """Replace the policy of an organization; without a rule everything is kept."""
    read = [_rule(one, verb, activity) for one in rules]
    made = retention.set_policy(operator(services), org, read, evidence=evidence, automatic=automatic)
    print_rows([made], (), as_json=True)


def _rule(text: str, verb: str | None, activity: str | None) -> dict[str, Any]:
    what, _, days = text.partition(":")
    if not days.isdigit():
        raise click.BadParameter(f"{text!r} must be like statements:730")
    return {
        "what": what,
        "days": int(days),
        "verb": verb if what == "statements" else None,
        "activity": activity if what != "agent_profile" else None,
    }


@group.command("plan")
@click.argument("org")
@with_services
@refusals_as_exit
def plan(services: Services, org: str) -> None:
    """Count what the policy would do now: a dry run, which can be applied for a day."""
    made = retention.make_plan(operator(services), org, services.now)
    click.echo(f"plan {made['_id']}  {org}  expires {made['expires_at']:%Y-%m-%dT%H:%M}Z")
    _tell(made["counts"])


@group.command("apply")
@click.argument("org")
@click.argument("plan")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
@refusals_as_exit
def apply(services: Services, org: str, plan: str, yes: bool) -> None:
    """Do what a plan says; what it removes is gone. One that was cut short goes on."""
    found = retention.get_plan(services.db, org, plan)
    _tell(found["counts"])
    if found["state"] == "planned":
        if not yes:
            click.confirm("This cannot be undone. Go on?", abort=True, err=True)
        two = services.settings.two_persons
        retention.apply_plan(operator(services), org, plan, two_persons=two)
    for _ in range(ROUNDS):
        retention_work.run(services.db, services.now, lambda: False)
        found = retention.get_plan(services.db, org, plan)
        if found["state"] == "done":
            break
    click.echo(f"{found['state']}: {_words(found['done'])}")
    if found["state"] != "done":
        fail("lrs: the rest is left to the worker; this command may be given again", PROBLEMS)


def _tell(counts: dict[str, int]) -> None:
    click.echo(_words(counts) or "nothing is old enough")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)


@group.command("holds")
@click.option("--all", "every", is_flag=True, help="Also those that were lifted.")
@json_option
@with_services
def list_holds(services: Services, every: bool, as_json: bool) -> None:
    """List the legal holds."""
    rows = services.db.legal_holds.find({} if every else legal_holds.LASTING).sort("_id")
    print_rows(({"id": row["_id"], **row} for row in rows), HOLDS, as_json=as_json)


@group.command("hold")
@click.option("--org", help="The organization whose whole store is held.")
@click.option("--person", help="The person who is held in every store.")
@click.option("--reason", required=True)
@with_services
@refusals_as_exit
def hold(services: Services, org: str | None, person: str | None, reason: str) -> None:
    """Hold a person or an organization: nothing of theirs is removed, pseudonymised or erased."""
    whom = None if person is None else person_id(services, person)
    made = legal_holds.hold(operator(services), reason=reason, org=org, person=whom)
    click.echo(made["_id"])


@group.command("lift")
@click.argument("hold")
@with_services
@refusals_as_exit
def lift(services: Services, hold: str) -> None:
    """Lift a hold."""
    legal_holds.lift(operator(services), hold)
