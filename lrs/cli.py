"""The `lrs` command: each subcommand is a module in a room of `lrs.commands`, imported when asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.metadata import version

import click
from pymongo.errors import ConnectionFailure

import lrs.commands
from lrs.foundation.settings import StartFailure
from lrs.foundation.watching.logs import without_secrets


class LazyGroup(click.Group):
    """A click group whose members are the modules in the rooms of `lrs.commands`; each exposes `group`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the subcommand names without importing them."""
        return sorted(_modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's
        """Import one subcommand."""
        module = _modules().get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).group
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands of each room below the room's name."""
        rooms: dict[str, list[tuple[str, str]]] = {}
        for name, module in sorted(_modules().items()):
            command = self.get_command(ctx, name)
            if command is not None:
                rooms.setdefault(module.split(".")[2], []).append((name, command.get_short_help_str(64)))
        for room, rows in rooms.items():
            with formatter.section(room.capitalize()):
                formatter.write_dl(rows)


def _modules() -> dict[str, str]:
    """Return the full name of each subcommand's module by the subcommand's name: `lrs.commands.ROOM.NAME`."""
    found = pkgutil.walk_packages(lrs.commands.__path__, "lrs.commands.")
    names = (module.name for module in found if module.name.count(".") == 3)
    return {name.rpartition(".")[2]: name for name in names}


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
