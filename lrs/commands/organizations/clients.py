"""`lrs clients`: API keys, their scopes, secrets and ends."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from lrs.access import clients, launch_tokens
from lrs.access.scopes import SCOPES, XAPI_SCOPES
from lrs.commands import json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.foundation.context import Services

COLUMNS = (
    "key",
    "org",
    "label",
    "controlled_by",
    "scopes",
    "handling",
    "vendor_wide",
    "state",
    "last_used_at",
)


@click.group("clients")
def group() -> None:
    """Clients: who may write and read by an API key."""


def row(client: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """Return a client as a listing shows it, without its secrets."""
    over = client["expires_at"] is not None and client["expires_at"] <= now
    state = "revoked" if client["revoked_at"] else "expired" if over else "live"
    kept = {name: value for name, value in client.items() if name not in {"_id", "secrets"}}
    return {"key": client["_id"], **kept, "state": state}


@group.command("list")
@click.option("--org", help="Only clients of this organization.")
@json_option
@with_services
@refusals_as_exit
def list_clients(services: Services, org: str | None, as_json: bool) -> None:
    """List clients."""
    found = services.db.clients.find({"org": org} if org else {}).sort("_id")
    print_rows((row(client, services.now()) for client in found), COLUMNS, as_json=as_json)


@group.command("add")
@click.argument("org")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES),
              help="May be given more than once; default: what content needs.")  # fmt: skip
@click.option("--label", help="Name that rules use (`from`).")
@click.option(
    "--controlled-by", type=click.Choice(("vendor", "partner")), default="partner", show_default=True
)
@click.option("--vendor-wide", is_flag=True, help="May read the stores of all organizations.")
@click.option("--handling", multiple=True, type=click.Choice(clients.HANDLING),
              help="How its statements are taken; may be given more than once.")  # fmt: skip
@click.option("--days", type=float, help="Days until it expires; default: never.")
@json_option
@with_services
@refusals_as_exit
def add_client(
    services: Services, org: str, scopes: tuple[str, ...], days: float | None, as_json: bool, **more: Any
) -> None:
    """Make a client; its secret is printed once and kept nowhere."""
    expires_at = None if days is None else services.now() + dt.timedelta(days=days)
    wanted = scopes or ("statements/write", "statements/read/mine", "state", "profile", "define")
    document, secret = clients.add_client(
        operator(services), org, {**more, "scopes": wanted, "expires_at": expires_at}
    )
    _print(document, secret, services.now(), as_json)


@group.command("handle")
@click.argument("key")
@click.argument("handling", nargs=-1, type=click.Choice(clients.HANDLING))
@with_services
@refusals_as_exit
def handle(services: Services, key: str, handling: tuple[str, ...]) -> None:
    """Choose how the statements of a client are taken: repair, partial, strict, or none of these."""
    after = clients.edit_client(operator(services), key, {"handling": handling})
    click.echo(f"{key}: {', '.join(after['handling']) or 'as they are'}")


@group.command("rotate")
@click.argument("key")
@click.option(
    "--overlap-hours", type=float, default=24.0, show_default=True, help="How long the old secret stays."
)
@json_option
@with_services
@refusals_as_exit
def rotate(services: Services, key: str, overlap_hours: float, as_json: bool) -> None:
    """Give a client a new secret; the old one stays valid for the overlap."""
    document, secret = clients.rotate_client(operator(services), key, dt.timedelta(hours=overlap_hours))
    _print(document, secret, services.now(), as_json)


@group.command("revoke")
@click.argument("key")
@with_services
@refusals_as_exit
def revoke(services: Services, key: str) -> None:
    """Revoke a client for good; running servers see it within seconds."""
    clients.revoke_client(operator(services), key)
    click.echo(f"revoked {key}")


@group.command("rotate-launch-key")
@click.option("--drop-old", is_flag=True, help="A key became known: end every running launch.")
@with_services
@refusals_as_exit
def rotate_launch_key(services: Services, drop_old: bool) -> None:
    """Sign launch tokens with a new key from now on."""
    kid, _ = launch_tokens.rotate_key(services.db, services.now(), drop_old=drop_old)
    click.echo(f"launches are signed with {kid}")


@group.command("scopes")
def scopes() -> None:
    """List the scopes."""
    for scope in SCOPES:
        click.echo(f"{scope:24}{'content' if scope in XAPI_SCOPES else 'administration'}")


def _print(document: dict[str, Any], secret: str, now: dt.datetime, as_json: bool) -> None:
    if as_json:
        print_rows([{**row(document, now), "secret": secret}], COLUMNS, as_json=True)
    else:
        click.echo(f"key     {document['_id']}\nsecret  {secret}\n(the secret is shown this once)")
