"""The `lrs` command: each subcommand is a module of `lrs.commands`, imported when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.metadata import version

import click
from pymongo.errors import ConnectionFailure

import lrs.commands
from lrs.logs import without_secrets
from lrs.settings import StartFailure


class LazyGroup(click.Group):
    """A click group whose members are the modules of `lrs.commands`; each exposes `group`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the subcommand names without importing them."""
        names = (module.name for module in pkgutil.iter_modules(lrs.commands.__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"lrs.commands.{cmd_name}").group
        return command


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version("laurel-lrs"), prog_name="lrs")
def cli() -> None:
    """Laurel: an xAPI learning record store with a certification engine."""


def main() -> None:
    """Run the command line; a start that fails is one line with its advice and exit status 2."""
    try:
        cli(prog_name="lrs")
    except StartFailure as failure:
        click.echo(f"lrs: {failure}", err=True)
        sys.exit(2)
    except ConnectionFailure as failure:
        reason = without_secrets(str(failure)).partition(",")[0]
        click.echo(f"lrs: MongoDB does not answer: {reason}; start it or correct LRS_MONGODB_URI", err=True)
        sys.exit(2)
