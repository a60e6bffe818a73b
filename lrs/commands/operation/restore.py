"""`lrs restore`: bring a database back from backups, as it was at some moment."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import click

from lrs.backups.copies import Copies
from lrs.backups.repository import NoBackup, Repository
from lrs.backups.restore import restore, restore_organization
from lrs.backups.sealed_files import Damaged
from lrs.commands import PROBLEMS, with_services
from lrs.commands.programme.rules import INSTANT, instant
from lrs.foundation.context import Services
from lrs.indexes import ensure_indexes


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--at", type=INSTANT, help="As it was at this instant; default: as late as the backups go.")
@click.option("--org", help="Only this organization, which must have no documents now.")
@click.option("--copy", "copy", metavar="ADDRESS",
              help="First bring what FOLDER, which has the keys, lacks from its copy.")  # fmt: skip
@with_services
def group(
    services: Services, folder: Path, *, at: dt.datetime | None, org: str | None, copy: str | None
) -> None:
    """Bring the database, which must be empty, back from FOLDER; nothing else may run on it meanwhile."""

    def say(text: str) -> None:
        click.echo(text, err=True)

    try:
        if copy is not None:
            Copies(copy).bring(folder, say)
        repository = Repository(folder, services.settings.backup_passphrase or None)
        if org is not None:
            count = restore_organization(services.db, repository, org, say, at=instant(at))
            click.echo(f"{count:,} documents of {org} are back; `lrs awards rebuild` decides its people anew")
            return
        ensure_indexes(services.db)
        shown = restore(services.db, repository, say, at=instant(at))
    except (NoBackup, Damaged) as error:
        click.echo(f"lrs: {error}", err=True)
        sys.exit(PROBLEMS)
    click.echo(
        f"{services.db.name} is as it was at {shown.as_datetime():%Y-%m-%dT%H:%M:%SZ}; run `lrs doctor`"
    )
