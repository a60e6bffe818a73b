"""`lrs orgs`: organizations, their mail domains and their place in the tree."""

from __future__ import annotations

from typing import Any

import click

from lrs.access import organizations
from lrs.access.organizations import KINDS, POLICIES, STATUSES, VENDOR, get_org
from lrs.commands import fail, json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services
from lrs.foundation.mail import check_domain
from lrs.people import invitations

COLUMNS = ("id", "name", "kind", "parent", "status", "region", "policy")


@click.group("orgs")
def group() -> None:
    """Organizations: the vendor, distributors and partners."""


def row(org: dict[str, Any]) -> dict[str, Any]:
    """Return an organization as a listing shows it."""
    return {"id": org["_id"], **{name: value for name, value in org.items() if name != "_id"}}


@group.command("list")
@click.option("--parent", help="Only what is directly below this organization.")
@json_option
@with_services
@refusals_as_exit
def list_orgs(services: Services, parent: str | None, as_json: bool) -> None:
    """List organizations."""
    wanted = {"parent": parent} if parent else {}
    print_rows((row(org) for org in services.db.orgs.find(wanted).sort("_id")), COLUMNS, as_json=as_json)


@group.command("show")
@click.argument("org")
@with_services
@refusals_as_exit
def show_org(services: Services, org: str) -> None:
    """Show one organization as JSON."""
    print_rows([row(get_org(services.db, org))], COLUMNS, as_json=True)


@group.command("add")
@click.argument("org")
@click.argument("name")
@click.option("--parent", default=VENDOR, show_default=True)
@click.option("--kind", type=click.Choice(KINDS[1:]), default="partner", show_default=True)
@click.option("--region")
@click.option("--policy", type=click.Choice(POLICIES), default="open", show_default=True,
              help="Who is admitted when first seen in the store.")  # fmt: skip
@with_services
@refusals_as_exit
def add_org(services: Services, org: str, **properties: Any) -> None:
    """Add an organization below its parent."""
    organizations.add_org(operator(services), org, properties)
    click.echo(f"added {org}")


@group.command("edit")
@click.argument("org")
@click.option("--name")
@click.option("--parent")
@click.option("--kind", type=click.Choice(KINDS[1:]))
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--region")
@click.option("--policy", type=click.Choice(POLICIES))
@with_services
@refusals_as_exit
def edit_org(services: Services, org: str, **changes: Any) -> None:
    """Change an organization; what is not named stays."""
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        fail("name what to change, such as --status suspended", 2)
    organizations.edit_org(operator(services), org, given, get_org(services.db, org)["version"])
    click.echo(f"changed {org}: {', '.join(sorted(given))}")


@group.command("sso-only")
@click.argument("org")
@click.argument("state", type=click.Choice(("on", "off")))
@with_services
@refusals_as_exit
def sso_only(services: Services, org: str, state: str) -> None:
    """Let an organization's people log in by its login provider alone (on), or otherwise too (off)."""
    from lrs.sign_in import only  # noqa: PLC0415 -- slow to load, and asked for by one command

    only.require(operator(services), org, only=state == "on")
    click.echo(f"{org}: {'by the login provider alone' if state == 'on' else 'other ways are open'}")


@group.command("trust-domain")
@click.argument("org")
@click.argument("domain")
@with_services
@refusals_as_exit
def trust_domain(services: Services, org: str, domain: str) -> None:
    """Count a mail domain as the organization's, without a code."""
    who: Editor = operator(services)
    who.change(lambda session: invitations.set_domain(who, org, check_domain(domain), session))
    click.echo(f"{domain} is a mail domain of {org}")
