"""cmi5 sessions of courses that are kept here: what holds their requests to the order of cmi5."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol
from uuid import UUID

from flask import current_app

from lrs.access.auth import Principal
from lrs.foundation.context import Services, current_services

SESSIONS: Final = "laurel_sessions"  # the application's extension that is a `Sessions`
PREFERENCES: Final = "cmi5LearnerPreferences"  # id of the agent profile that a unit has to read (cmi5 11)


class Session(AbstractContextManager[None], Protocol):
    """One request of a cmi5 session: left by an error it said nothing, else what follows is told."""

    def permit(self, values: Sequence[Any]) -> None:
        """Refuse statements that the session may not say now; raises OutsideLaunch."""

    def note_preferences(self) -> None:
        """Write down that the unit asked for the learner's preferences."""


class Sessions(Protocol):
    """Finds the session of a principal; courses that are kept here have one."""

    def __call__(self, services: Services, principal: Principal, statement_id: UUID | None) -> Session | None:
        """Return the session of a request."""


def session_of(principal: Principal, statement_id: UUID | None = None) -> Session | None:
    """Return what holds a cmi5 session to its order, None where there is no session."""
    if principal.limit is None or principal.limit.session is None:
        return None
    sessions: Sessions | None = current_app.extensions.get(SESSIONS)
    return None if sessions is None else sessions(current_services(), principal, statement_id)
