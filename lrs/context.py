"""What every part of the application shares in one process: settings, database, clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flask import Request, current_app, g, request
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


def asked() -> Request:
    """Return the present request itself: each look through Flask's `request` searches for it again."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 -- werkzeug's way
    return found


def kept() -> Any:
    """Return what is kept for the present request, the object behind Flask's `g`."""
    return g._get_current_object()  # noqa: SLF001 -- werkzeug's way


def laurel() -> Laurel:
    """Return the collaborators of the application that answers the present request."""
    return cast("Laurel", current_app.extensions["laurel"])
