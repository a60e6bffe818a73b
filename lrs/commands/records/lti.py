"""`lrs lti`: the learning systems that open our content for their learners (LTI 1.3)."""

from __future__ import annotations

from typing import Any

import click

from lrs.access.organizations import VENDOR
from lrs.commands import json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.content.lti import keys, platforms
from lrs.content.lti.addresses import tool_addresses
from lrs.foundation.context import Services

COLUMNS = ("id", "label", "issuer", "client_id", "deployments")
RESULTS = ("platform", "subject", "item", "sent", "sent_at", "look_at", "tries", "error")


@click.group("lti")
def group() -> None:
    """Learning systems (LTI 1.3 platforms) that open content of ours and get the results.

    `tool` prints what the administrator of the other system has to enter; `add` takes what that system says
    of itself; `deploy` says whose learners a deployment sends.
    """


@group.command("tool")
@with_services
def tool(services: Services) -> None:
    """Print the addresses that the other system asks for."""
    for name, url in tool_addresses(services.settings).items():
        click.echo(f"{name:22}{url}")


@group.command("list")
@json_option
@with_services
def list_platforms(services: Services, as_json: bool) -> None:
    """List the platforms with their deployments."""
    print_rows(map(_row, services.db.lti_platforms.find().sort("_id")), COLUMNS, as_json=as_json)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    deployments = [f"{one['id']} = {one['org']}" for one in found["deployments"]]
    return {**found, "id": found["_id"], "deployments": deployments}


@group.command("add")
@click.argument("issuer")
@click.option("--client-id", required=True, help="The id that it gave us.")
@click.option("--login-url", required=True, help="Its OpenID Connect login (authentication request).")
@click.option("--token-url", required=True, help="Its access token service.")
@click.option("--keys-url", required=True, help="Its public keys (JWKS).")
@click.option("--audience", help="Audience of token requests, where it is not the token address.")
@click.option("--label", default="", help="What people call it.")
@click.option("--deployment", help="A deployment, of --org.")
@click.option("--org", default=VENDOR, show_default=True, help="Whose learners that deployment sends.")
@with_services
@refusals_as_exit
def add(services: Services, issuer: str, *, deployment: str | None, org: str, **said: Any) -> None:
    """Register a platform."""
    who, registration = operator(services), platforms.Registration(issuer, **said)
    private = services.settings.allow_private_addresses
    made = platforms.register(who, registration, plain_http=private)
    if deployment:
        platforms.deploy(who, made.id, deployment, org)
    click.echo(f"registered {made.id}" + (f", deployment {deployment} of {org}" if deployment else ""))


@group.command("deploy")
@click.argument("platform")
@click.argument("deployment")
@click.argument("org")
@with_services
@refusals_as_exit
def deploy(services: Services, platform: str, deployment: str, org: str) -> None:
    """Say whose learners a deployment sends."""
    platforms.deploy(operator(services), platform, deployment, org)
    click.echo(f"deployment {deployment} is of {org}")


@group.command("withdraw")
@click.argument("platform")
@click.argument("deployment")
@with_services
@refusals_as_exit
def withdraw(services: Services, platform: str, deployment: str) -> None:
    """Let a deployment open nothing any more."""
    platforms.withdraw(operator(services), platform, deployment)
    click.echo(f"deployment {deployment} opens nothing any more")


@group.command("remove")
@click.argument("platform")
@with_services
@refusals_as_exit
def remove(services: Services, platform: str) -> None:
    """Forget a platform: it opens nothing, and gets no results any more."""
    platforms.remove(operator(services), platform)
    click.echo(f"removed {platform}")


@group.command("results")
@click.argument("platform")
@json_option
@with_services
@refusals_as_exit
def results(services: Services, platform: str, as_json: bool) -> None:
    """List the results of its learners: what was sent, and what could not be."""
    known = platforms.get_platform(services.db, platform).id
    rows = services.db.lti_grades.find({"platform": known}).sort("launched_at", 1)
    print_rows(rows, RESULTS, as_json=as_json)


@group.command("new-key")
@with_services
@refusals_as_exit
def new_key(services: Services) -> None:
    """Sign with a new key from now on; the older ones stay published."""
    click.echo(f"signing with {keys.add_key(services.settings, services.db, services.now())}")
