"""Launching units of a kept cmi5 course, and what follows from what they say."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pymongo.database import Database

from lrs.access.auth import Principal
from lrs.content.attempts.store import SILENCE
from lrs.content.cmi5.lms_statements import Teller, store_told
from lrs.content.cmi5.registrations import Registrations, unit_of
from lrs.content.cmi5.satisfaction import is_met, satisfied
from lrs.content.launching import Wish, end_launch, make_launch, open_session
from lrs.content.packages.model import Cmi5Item, Item, Package, item_iri
from lrs.content.player.shelf import Shelved
from lrs.content.telling import writer_of
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.settings import Settings
from rules.catalogue.relevance import relevance
from statements.ingest import Writer

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """A learner's registration in one version of a course."""

    settings: Settings
    editor: Editor
    principal: Principal
    version: Shelved
    registration: UUID

    @property
    def package(self) -> Package:
        """Return the course structure."""
        return self.version.package

    def begin(self, actor: Mapping[str, Any]) -> Document:
        """Return the registration; the first time what asks for nothing is satisfied at once (9.6.1)."""
        fields = {
            "org": self.principal.org,
            "item": self.version.item,
            "version": self.version.id,
            "actor": dict(actor),
        }
        self._registrations().begin(self.registration, fields)
        return self._settle(str(uuid.uuid4()))

    def is_begun(self) -> bool:
        """Tell whether a unit was launched in the registration."""
        key = {"_id": str(self.registration), "sessions.0": {"$exists": True}}
        return self.editor.db.cmi5_registrations.find_one(key, {"_id": 1}) is not None

    def next_unit(self, actor: Mapping[str, Any]) -> str:
        """Return the unit to go on with: the first that is not met, else the first."""
        said = {row["id"]: row for row in self.begin(actor)["units"]}
        units = [item for item in self.package.launchable() if item.cmi5]
        for item in units:
            row = said.get(item.id, {"said": {}})
            if not is_met(_of(item).move_on, row["said"].keys()):
                return item.id
        return units[0].id

    def launch(self, unit: Item, wish: Wish, origin: str | None, mode: str = "normal") -> tuple[str, str]:
        """Launch a unit in a new session; return the address to open and the mode.

        Every open session of the registration is abandoned first. A unit that is met is launched in review.
        """
        registration = self.begin(wish.actor or {})
        self.abandon(registration)
        said = unit_of(registration, unit.id)["said"].keys()
        chosen = "Review" if mode == "normal" and is_met(_of(unit).move_on, said) and said else mode.title()
        told = _of(unit)
        wish = replace(
            wish,
            mode=chosen,
            move_on=told.move_on,
            mastery_score=told.mastery_score,
            parameters=told.launch_parameters,
            entitlement_key=told.entitlement_key or str(self.registration),
        )
        url = self.settings.public_url
        launch, address = make_launch(self.editor, self.principal, wish, url, origin)
        self._note_session(launch, unit, wish)
        open_session(
            self.editor.db,
            launch,
            wish,
            writer=self.writer,
            now=self.editor.now,
            is_relevant=relevance(self.editor.db),
        )
        return address, chosen

    def _note_session(self, launch: Document, unit: Item, wish: Wish) -> None:
        row = {
            "id": launch["limit"]["session"],
            "launch": launch["_id"],
            "unit": unit.id,
            "activity": launch["limit"]["activity"],
            "mode": wish.mode,
            "mastery": wish.mastery_score,
            "launched_at": self.editor.now,
            "last_at": self.editor.now,
            "said": {},
            "preferences": False,
            "over": None,
        }

        def act(found: Document) -> None:
            found["sessions"].append(row)
            unit_of(found, unit.id)["move_on"] = wish.move_on

        self._registrations().change(str(self.registration), act)

    def abandon(self, registration: Document, session: str | None = None) -> None:
        """End the open sessions, or one of them (9.3.6)."""
        abandon(self.editor, registration, self.writer, lambda row: session in {None, row["id"]})

    def waive(self, unit: Item, reason: str) -> None:
        """Take a unit as met without its being run, once (9.3.7); raises Collision for the second time."""
        session = str(uuid.uuid4())

        def act(found: Document) -> None:
            row = unit_of(found, unit.id)
            if "waived" in row["said"]:
                raise Collision("this unit is waived already")
            row["said"]["waived"] = session
            activity = item_iri(self.package, self.version.course, unit)
            Teller(found, self.editor.now).waived(unit.id, activity, session, reason)

        self._registrations().change(str(self.registration), act)
        self._settle(session)

    def unit(self, unit: str) -> Item:
        """Return a unit of the course; raises UnknownThing."""
        found = self.package.item(unit)
        if found is None or found.cmi5 is None:
            raise UnknownThing("unit", unit)
        return found

    def _settle(self, session: str) -> Document:
        return settle(self.editor, self.version, self.registration, session, self.writer)

    def _registrations(self) -> Registrations:
        return Registrations(self.editor.db)

    @property
    def writer(self) -> Writer:
        """Return who says what the launching system says."""
        return writer_of(self.principal.org, self.settings.public_url)


def abandon(
    editor: Editor, registration: Document, writer: Writer, is_meant: Callable[[Document], bool]
) -> None:
    """End open sessions of a registration: their tokens are refused, `abandoned` is told (9.3.6)."""

    def act(found: Document) -> None:
        teller = Teller(found, editor.now)
        for row in found["sessions"]:
            if row["over"] is None and is_meant(row):
                row["over"] = "abandoned"
                teller.abandoned(row, row["activity"])

    before = {row["id"] for row in registration["sessions"] if row["over"]}
    found = Registrations(editor.db).change(registration["_id"], act)
    for row in found["sessions"]:
        if row["over"] == "abandoned" and row["id"] not in before:
            end_launch(editor, row["launch"])
    store_told(editor.db, found, writer, editor.now)


def abandon_silent(db: Database[Document], public_url: str, now: dt.datetime) -> int:
    """Abandon sessions that said nothing for SILENCE; returns how many registrations had one.

    A job of the worker, which any number of them may do at once. A unit may have said its last word and lost
    only `terminated`: what it said stays.
    """
    editor = Editor(db, {"kind": "system", "id": "silence", "name": "silence"}, now)
    for found in (registrations := Registrations(db).silent(now - SILENCE)):
        writer = writer_of(found["org"], public_url)
        abandon(editor, found, writer, lambda row: bool(row["last_at"] <= now - SILENCE))
    return len(registrations)


def settle(editor: Editor, version: Shelved, registration: UUID, session: str, writer: Writer) -> Document:
    """Tell what is satisfied by now and not told yet, inner blocks first; return the registration."""

    def act(found: Document) -> None:
        said = {row["id"]: row["said"].keys() for row in found["units"]}
        move_ons = {row["id"]: row["move_on"] for row in found["units"] if row["move_on"]}
        teller = Teller(found, editor.now)
        for item in satisfied(version.package.root, said, move_ons):
            teller.satisfied(version.package, version.course, item, session)

    found = Registrations(editor.db).change(str(registration), act)
    store_told(editor.db, found, writer, editor.now)
    return found


def _of(item: Item) -> Cmi5Item:
    return item.cmi5 or Cmi5Item()
