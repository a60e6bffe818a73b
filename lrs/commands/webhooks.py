"""`lrs webhooks`: where events go, what did not arrive, and sending it again."""

from __future__ import annotations

from typing import Any

import click

from lrs import webhooks
from lrs.commands import json_option, show, with_laurel
from lrs.context import Laurel
from lrs.refusals import AccessError
from lrs.tenancy import VENDOR, get_org
from rules.outbox import EVENT_TYPES

ORG = click.option("--org", default=VENDOR, show_default=True, help="Whose webhooks.")


@click.group()
def group() -> None:
    """Deliver events to other systems."""


@group.command(name="list")
@click.option("--org", help="Only webhooks of this organization.")
@json_option
@with_laurel
def list_(here: Laurel, *, org: str | None, as_json: bool) -> None:
    """List webhooks with how many events wait for them, and how many are dead."""
    rows = [_row(here, one) for one in here.db.endpoints.find({"org": org} if org else {}).sort("_id", 1)]
    show(rows, ("id", "org", "url", "enabled", "waiting", "dead", "why"), as_json=as_json)


def _row(here: Laurel, endpoint: dict[str, Any]) -> dict[str, Any]:
    counted = {
        state: here.db.deliveries.count_documents({"endpoint": endpoint["_id"], "state": state})
        for state in ("waiting", "dead")
    }
    shown = {name: endpoint[name] for name in ("org", "url", "types", "enabled")}
    return {"id": endpoint["_id"], **shown, **counted, "why": endpoint["disabled_reason"]}


@group.command()
@click.argument("url")
@click.option("--type", "types", multiple=True, type=click.Choice(EVENT_TYPES), help="Only these events.")
@ORG
@with_laurel
def create(here: Laurel, *, url: str, types: tuple[str, ...], org: str) -> None:
    """Deliver the events from now on to URL; prints the secret that signs them, once."""
    get_org(here.db, org)
    try:
        made, secret = webhooks.create(
            here.settings, here.db, org=org, url=url, types=list(types) or None, now=here.now()
        )
    except AccessError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{made['_id']}  secret {secret}  (shown once)")


@group.command()
@click.argument("webhook")
@ORG
@json_option
@with_laurel
def dead(here: Laurel, *, webhook: str, org: str, as_json: bool) -> None:
    """List the events that were given up for WEBHOOK, with the receiver's last answer."""
    rows = []
    for row in here.db.deliveries.find({"org": org, "endpoint": webhook, "state": "dead"}).sort("seq", 1):
        last = row.get("last") or {}
        rows.append({
            "event": row["event"], "tries": row["tries"], "at": last.get("at"), "status": last.get("status"),
            "reason": last.get("reason"),
        })  # fmt: skip
    show(rows, ("event", "tries", "at", "status", "reason"), as_json=as_json)


@group.command()
@click.argument("webhook")
@click.option("--event", help="Only this event, dead or not; all dead ones without it.")
@ORG
@with_laurel
def resend(here: Laurel, *, webhook: str, event: str | None, org: str) -> None:
    """Send dead events of WEBHOOK again."""
    try:
        webhooks.get(here.db, org, webhook)
        count = webhooks.resend(here.db, org, webhook, here.now(), event)
    except AccessError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{count:,} events go out again")
