"""What every part of the application shares in one process: settings, database, clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Request, g, request
from flask.globals import app_ctx
from pymongo.database import Database

from lrs.foundation.bodies import PLAIN, Bodies
from lrs.foundation.database import Document
from lrs.foundation.settings import Settings

Part = TypeVar("Part")


def utc_now() -> dt.datetime:
    """Return the present instant, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one application; tests pass their own clock."""

    settings: Settings
    db: Database[Document]
    now: Callable[[], dt.datetime] = utc_now
    bodies: Bodies = PLAIN
    parts: dict[Any, Any] = field(default_factory=dict)

    def part(self, make: Callable[[Services], Part]) -> Part:
        """Return what `make` makes of these collaborators, made once in each application, when asked for.

        So a part keeps what it remembers in a process without this module knowing of it.
        """
        found: Part | None = self.parts.get(make)
        return self.parts.setdefault(make, make(self)) if found is None else found


def current_request() -> Request:
    """Return the present request itself: each look through Flask's `request` searches for it again.

    `_get_current_object` is what Flask documents for this ("Notes On Proxies"), so it stands here and not in
    `lrs.fast_path`.
    """
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 -- documented
    return found


def request_state() -> Any:
    """Return what is kept for the present request, the object behind Flask's `g`."""
    return g._get_current_object()  # noqa: SLF001 -- documented


def current_services() -> Services:
    """Return the collaborators of the application that answers the present request."""
    found: Services = app_ctx._get_current_object().app.extensions["laurel"]  # type: ignore[attr-defined]  # noqa: SLF001 -- documented
    return found
