"""`python -m lrs.demo`: load the living example into the configured database; `lrs serve --demo` runs it."""

from __future__ import annotations

import datetime as dt
import os

import click

from lrs.access import clients
from lrs.demo.load import load
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.indexes import ensure_indexes

settings = Settings.from_env(os.environ)
db = connect(settings)
with db.client:
    ensure_indexes(db)
    now = dt.datetime.now(dt.UTC)
    clients.bootstrap(db, settings.bootstrap_key, settings.bootstrap_secret, now)
    load(db, settings, now, click.echo)
