"""`lrs webhooks`: where events go, what did not arrive, and sending it again."""

from __future__ import annotations

from typing import Any

import click

from lrs.access.organizations import VENDOR, get_org
from lrs.commands import json_option, print_rows, with_services
from lrs.foundation.context import Services
from lrs.foundation.errors import AccessError
from lrs.messaging import webhooks
from lrs.messaging.event_data import CONSENT, CONTACT
from rules.engine.event_types import EVENT_TYPES

ORG = click.option("--org", default=VENDOR, show_default=True, help="Whose webhooks.")


@click.group()
def group() -> None:
    """Deliver events to other systems."""


@group.command(name="list")
@click.option("--org", help="Only webhooks of this organization.")
@json_option
@with_services
def list_(services: Services, *, org: str | None, as_json: bool) -> None:
    """List webhooks with how many events wait for them, and how many are dead."""
    rows = [
        _row(services, one) for one in services.db.endpoints.find({"org": org} if org else {}).sort("_id", 1)
    ]
    print_rows(rows, ("id", "org", "url", "enabled", "waiting", "dead", "why"), as_json=as_json)


def _row(services: Services, endpoint: dict[str, Any]) -> dict[str, Any]:
    counted = {
        state: services.db.deliveries.count_documents({"endpoint": endpoint["_id"], "state": state})
        for state in ("waiting", "dead")
    }
    shown = {name: endpoint[name] for name in ("org", "url", "types", "enabled")}
    return {"id": endpoint["_id"], **shown, **counted, "why": endpoint["disabled_reason"]}


@group.command()
@click.argument("url")
@click.option("--type", "types", multiple=True, type=click.Choice(EVENT_TYPES), help="Only these events.")
@click.option(
    "--contact", multiple=True, type=click.Choice(CONTACT), help="Say this of the person; may be repeated."
)
@click.option(
    "--consent",
    type=click.Choice(CONSENT),
    default="needed",
    show_default=True,
    help="Of whom: only who agreed, or all but who refused.",
)
@ORG
@with_services
def create(
    services: Services,
    *,
    url: str,
    types: tuple[str, ...],
    contact: tuple[str, ...],
    consent: str,
    org: str,
) -> None:
    """Deliver the events from now on to URL; prints the secret that signs them, once."""
    get_org(services.db, org)
    try:
        made, secret = webhooks.create(
            services.settings,
            services.db,
            org=org,
            url=url,
            types=list(types) or None,
            now=services.now(),
            contact=list(contact),
            consent=consent,
        )
    except AccessError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{made['_id']}  secret {secret}  (shown once)")


@group.command()
@click.argument("webhook")
@ORG
@json_option
@with_services
def dead(services: Services, *, webhook: str, org: str, as_json: bool) -> None:
    """List the events that were given up for WEBHOOK, with the receiver's last answer."""
    rows = []
    for row in services.db.deliveries.find({"org": org, "endpoint": webhook, "state": "dead"}).sort("seq", 1):
        last = row.get("last") or {}
        rows.append({
            "event": row["event"], "tries": row["tries"], "at": last.get("at"), "status": last.get("status"),
            "reason": last.get("reason"),
        })  # fmt: skip
    print_rows(rows, ("event", "tries", "at", "status", "reason"), as_json=as_json)


@group.command()
@click.argument("webhook")
@click.option("--event", help="Only this event, dead or not; all dead ones without it.")
@ORG
@with_services
def resend(services: Services, *, webhook: str, event: str | None, org: str) -> None:
    """Send dead events of WEBHOOK again."""
    try:
        webhooks.get(services.db, org, webhook)
        count = webhooks.resend(services.db, org, webhook, services.now(), event)
    except AccessError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{count:,} events go out again")
