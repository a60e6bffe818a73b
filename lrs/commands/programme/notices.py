"""`lrs notices`: see how notices read, and what was sent to whom."""

from __future__ import annotations

from pathlib import Path

import click

from lrs.commands import json_option, print_rows, with_services
from lrs.foundation.context import Services
from lrs.foundation.errors import UnknownThing
from lrs.messaging import notice_texts
from lrs.messaging.mail_queue import resend as send_again
from lrs.messaging.notice_texts import DEFAULT_LANGUAGE, LANGUAGES, kinds
from lrs.messaging.own_notice_texts import own_texts


@click.group()
def group() -> None:
    """Preview notices and list mails."""


@group.command()
@click.argument("kind", type=click.Choice(kinds()))
@click.option("--language", type=click.Choice(LANGUAGES), default=DEFAULT_LANGUAGE, show_default=True)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the HTML part to a file."
)
@with_services
def preview(services: Services, *, kind: str, language: str, html: Path | None) -> None:
    """Show a notice as its recipient would get it, with made-up names."""
    own = own_texts(services.db)
    made = notice_texts.preview(services.settings, kind, language, services.now(), own)
    click.echo(f"Subject: {made['Subject']}\n")
    for part in made.iter_parts():
        if part.get_content_type() == "text/plain":
            click.echo(part.get_content())
        elif html is not None:
            html.write_text(part.get_content(), encoding="utf-8")


@group.command(name="list")
@click.option(
    "--state",
    type=click.Choice(["waiting", "digest", "sent", "unconfirmed", "dead", "dropped"]),
    help="Only mails in this state.",
)
@click.option("--limit", default=50, show_default=True)
@json_option
@with_services
def list_(services: Services, *, state: str | None, limit: int, as_json: bool) -> None:
    """List mails, the newest first."""
    found = services.db.mails.find({"state": state} if state else {}).sort("due_at", -1).limit(limit)
    rows = [{**mail, "id": mail["_id"]} for mail in found]
    print_rows(rows, ("id", "due_at", "state", "to", "template", "tries", "error"), as_json=as_json)


@group.command()
@click.argument("mail_id")
@with_services
def resend(services: Services, mail_id: str) -> None:
    """Send a mail again that is dead, or of which nobody knows whether it arrived (unconfirmed)."""
    try:
        send_again(services.db, mail_id, services.now())
    except UnknownThing as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{mail_id} goes out with the next round of the worker")
