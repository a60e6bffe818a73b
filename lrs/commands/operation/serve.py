"""`lrs serve`: everything on this machine with one command."""

from __future__ import annotations

import os
from typing import Any

import click

from lrs.foundation.settings import Settings, variables
from lrs.running.serve import serve


def _options(command: click.Command) -> click.Command:
    """Give the command one option per variable; what names a secret stays out of process lists."""
    for name, one in variables().items():
        if one.name == "mongodb_uri" or not one.metadata["secret"]:
            option = f"--{one.name.replace('_', '-')}"
            command.params.append(
                click.Option([option, one.name], help=f"{one.metadata['doc']} [{name}]", metavar="VALUE")
            )
    return command


@click.command()
@click.option("--demo", is_flag=True, help="Load a small living example into an empty database.")
def group(*, demo: bool, **options: Any) -> None:
    """Run MongoDB (unless a URI is given), gunicorn and one worker until Ctrl-C or SIGTERM."""
    chosen = {f"LRS_{name.upper()}": value for name, value in options.items() if value is not None}
    given = {**os.environ, **chosen}
    own = not {"LRS_MONGODB_URI", "LRS_MONGODB_URI_FILE"} & given.keys()
    serve(Settings.from_env(given), own_mongodb=own, say=click.echo, demo=demo)


_options(group)
