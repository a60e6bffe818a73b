"""What every part of the application shares in one process: settings, database, clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app
from pymongo.database import Database

from lrs.database import Document
from lrs.settings import Settings


def utc_now() -> dt.datetime:
    """Return the present instant, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Laurel:
    """The collaborators of one application; tests pass their own clock."""

    settings: Settings
    db: Database[Document]
    now: Callable[[], dt.datetime] = utc_now


def laurel() -> Laurel:
    """Return the collaborators of the application that answers the present request."""
    return cast("Laurel", current_app.extensions["laurel"])
