"""Who works at the command line, and how refusals leave there."""

from __future__ import annotations

import functools
import getpass
import sys
from collections.abc import Callable
from typing import Any

import click

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services
from lrs.foundation.errors import AccessError


def operator(services: Services) -> Editor:
    """Return the person at the command line as the audit names them: their account on this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Editor(
        services.db, {"kind": "command", "id": f"command:{name}", "name": name, "org": VENDOR}, services.now()
    )


def refusals_as_exit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a refusal into one line on standard error and exit status 1."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except AccessError as error:
            click.echo(f"lrs: {error}", err=True)
            sys.exit(1)

    return wrapped
