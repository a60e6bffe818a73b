"""`lrs worker`: evaluation and scheduled jobs; any number may run beside each other."""

from __future__ import annotations

import logging.config
import os

import click

from lrs.foundation.settings import Settings
from lrs.foundation.watching.logs import configuration
from lrs.running.worker import run


@click.command()
def group() -> None:
    """Evaluate marked statements and run scheduled jobs until SIGTERM or Ctrl-C."""
    settings = Settings.from_env(os.environ)
    logging.config.dictConfig(configuration(settings.log_level, settings.log_format))
    run(settings)
