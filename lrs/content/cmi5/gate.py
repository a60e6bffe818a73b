"""The statement route of a session: cmi5's order is enforced there, for units of kept courses.

What is said is written down before it is stored, so that of two requests at once only one may say it; where
the store refuses it, it is taken back. The same statement sent again passes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from lrs.access.auth import Principal
from lrs.content.cmi5.registrations import Registrations, log_of, session_of, unit_of
from lrs.content.cmi5.rules import Session as Launched
from lrs.content.cmi5.rules import SessionRefused, follow
from lrs.content.cmi5.sessions import settle
from lrs.content.player.shelf import Shelf
from lrs.content.telling import writer_of
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services
from lrs.foundation.errors import OutsideLaunch
from statements.parsing.actor import ifi

Document = dict[str, Any]
Statement = Mapping[str, Any]


@dataclass(slots=True)
class Session:
    """One request of a session; implements `lrs.xapi.sessions.Session`."""

    here: Services
    principal: Principal
    registration: Document
    id: str
    statement_id: UUID | None = None  # of PUT
    added: dict[str, str] = field(default_factory=dict)  # what this request wrote down: verb -> statement id

    def permit(self, values: Sequence[Statement]) -> None:
        """Write down what is said; raises OutsideLaunch for what the session may not say now."""
        if self.statement_id is not None:
            values = [{**value, "id": str(self.statement_id)} for value in values]
        act = partial(_say, session=self.id, values=values, now=self.here.now(), added=self.added)
        self.registration = Registrations(self.here.db).change(self.registration["_id"], act)

    def note_preferences(self) -> None:
        """Write down, once, that the unit asked for the learner's preferences (cmi5 11)."""
        if not session_of(self.registration, self.id).get("preferences"):
            act = partial(_note_preferences, session=self.id)
            self.registration = Registrations(self.here.db).change(self.registration["_id"], act)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Take back what was not stored; tell what follows from what was."""
        if kind is None:
            self._settle()
        elif self.added:
            act = partial(_take_back, session=self.id, added=self.added)
            Registrations(self.here.db).change(self.registration["_id"], act)

    def _settle(self) -> None:
        principal = self.principal
        who = {"kind": "launch", "id": principal.id, "name": principal.label}
        editor = Editor(self.here.db, who, self.here.now())
        version = Shelf(self.here.db).version(self.registration["version"])
        writer = writer_of(self.registration["org"], self.here.settings.public_url)
        settle(editor, version, UUID(self.registration["_id"]), self.id, writer)


def session(services: Services, principal: Principal, statement_id: UUID | None) -> Session | None:
    """Return the session of a principal, None where its course is not kept here."""
    name = principal.limit.session if principal.limit else None
    found = Registrations(services.db).of_session(name) if name else None
    if name is None or found is None:
        return None
    return Session(services, principal, found, name, statement_id)


def _say(
    registration: Document, session: str, values: Sequence[Statement], now: dt.datetime, added: dict[str, str]
) -> None:
    """Write down what a session says, in `added` what is new of it; raises OutsideLaunch else."""
    row = session_of(registration, session)
    known = Launched(
        id=row["id"],
        actor=ifi(registration["actor"]) or "",
        registration=registration["_id"],
        activity=row["activity"],
        publisher=row["unit"],
        mode=row["mode"],
        mastery_score=row["mastery"],
        has_preferences=row.get("preferences", True),  # launched before this was written down
    )
    log = log_of(registration, row)
    for number, value in enumerate(values):
        try:
            log = follow(known, log, value)
        except SessionRefused as error:
            raise OutsideLaunch(f"[{number}]", error.reason) from error
    added.clear()  # what is tried again begins anew
    added.update({verb: one for verb, one in log.session.items() if row["said"].get(verb) != one})
    row["said"], row["last_at"] = dict(log.session), now
    unit_of(registration, row["unit"])["said"] = dict(log.unit)
    if "terminated" in log.session and row["over"] is None:
        row["over"] = "terminated"


def _note_preferences(registration: Document, session: str) -> None:
    session_of(registration, session)["preferences"] = True


def _take_back(registration: Document, session: str, added: Mapping[str, str]) -> None:
    """Remove what one request had written down: another one of the session may have been stored meanwhile."""
    row = session_of(registration, session)
    row["said"] = {verb: one for verb, one in row["said"].items() if added.get(verb) != one}
    unit = unit_of(registration, row["unit"])
    unit["said"] = {verb: one for verb, one in unit["said"].items() if added.get(verb) != one}
    if row["over"] == "terminated" and "terminated" not in row["said"]:
        row["over"] = None
