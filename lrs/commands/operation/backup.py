"""`lrs backup`: save the whole database, or what changed since, while everything runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lrs.backups.backup import back_up
from lrs.backups.copies import Copies
from lrs.backups.repository import Backup, NoBackup, Repository
from lrs.backups.sealed_files import Damaged
from lrs.commands import PROBLEMS, json_option, print_rows, with_services
from lrs.foundation.context import Services

COLUMNS = ("backup", "kind", "shows", "documents", "megabytes")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--whole", is_flag=True, help="Save everything, also where only changes are needed.")
@click.option("--list", "list_", is_flag=True, help="Only list the backups of FOLDER.")
@click.option("--check", is_flag=True, help="Only read all backups of FOLDER again.")
@click.option("--forget", is_flag=True,
              help="Only destroy what is older than the newest whole backup, keys first.")  # fmt: skip
@click.option("--new-passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Only seal the keys with the passphrase in this file from now on.")  # fmt: skip
@click.option("--copy", "copy", metavar="ADDRESS",
              help="Copy all but the keys there too: a folder's file:// or s3://bucket/prefix.")  # fmt: skip
@json_option
@with_services
def group(
    services: Services,
    folder: Path,
    *,
    whole: bool,
    list_: bool,
    check: bool,
    forget: bool,
    new_passphrase_file: Path | None,
    copy: str | None,
    as_json: bool,
) -> None:
    """Save the database to FOLDER: everything first, then what changed since the last time.

    Sealed with LRS_BACKUP_PASSPHRASE (or ..._FILE), which you must keep: without it nobody reads a backup.
    """
    passphrase = services.settings.backup_passphrase or None
    try:
        makes = not (list_ or check or forget or new_passphrase_file)
        repository = Repository(folder, passphrase, make=makes)
        if new_passphrase_file is not None:
            repository.change_passphrase(new_passphrase_file.read_text(encoding="utf-8").strip())
            click.echo("the keys are sealed with the new passphrase: set LRS_BACKUP_PASSPHRASE")
            return
        copies = Copies(copy) if copy else None
        if forget:
            gone = repository.forget()
            if copies is not None:
                copies.send(folder, say, forget=True)
            click.echo(f"{len(gone)} backups are destroyed: {', '.join(gone) or 'none was older'}")
            return
        if check:
            for one in repository.backups():
                repository.check(one)
        if list_ or check:
            print_rows([row(one) for one in repository.backups()], COLUMNS, as_json=as_json)
            return
        if passphrase is None:
            click.echo(
                "lrs: LRS_BACKUP_PASSPHRASE is not set: everybody who has the folder can read it", err=True
            )
        made = back_up(services.db, repository, services.now(), say, whole=whole)
        if copies is not None:
            copies.send(folder, say)
    except (NoBackup, Damaged) as error:
        click.echo(f"lrs: {error}", err=True)
        sys.exit(PROBLEMS)
    print_rows([row(made)], COLUMNS, as_json=as_json)


def say(text: str) -> None:
    """Tell how far it is, beside the answer."""
    click.echo(text, err=True)


def row(backup: Backup) -> dict[str, Any]:
    """Return what a listing says of a backup."""
    files = backup.manifest["files"].values()
    return {
        "backup": backup.folder.name,
        "kind": backup.manifest["kind"],
        "shows": f"{backup.until.as_datetime():%Y-%m-%dT%H:%M:%SZ}",
        "documents": sum(one["documents"] for one in files),
        "megabytes": round(sum(file.stat().st_size for file in backup.folder.iterdir()) / 1e6, 1),
    }
