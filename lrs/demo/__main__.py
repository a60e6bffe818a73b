"""`python -m lrs.demo`: load the living example into the configured database; `lrs serve --demo` runs it."""

from __future__ import annotations

import datetime as dt
import os

import click

from lrs import tenancy
from lrs.database import connect, ensure_indexes
from lrs.demo.load import load
from lrs.settings import Settings

settings = Settings.from_env(os.environ)
db = connect(settings)
with db.client:
    ensure_indexes(db)
    now = dt.datetime.now(dt.UTC)
    tenancy.bootstrap(db, settings.bootstrap_key, settings.bootstrap_secret, now)
    load(db, settings, now, click.echo)
