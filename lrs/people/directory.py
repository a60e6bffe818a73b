"""Who is whose: the people of organizations as somebody sees them, for the API, commands, pages and notices.

Who belongs to an organization is defined once, in `rules.engine.affiliations`. An organization sees the
people who belong, belonged or will belong to it, confirmed; of them its own affiliations and the identifier
it knows them by. What they hold is shown while they belong, and afterwards as it was then (cert#5-5).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.errors import UnknownThing
from lrs.people import records
from rules.engine.affiliations import holding, holds, span_of, unended
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]
CONFIRMED: Final[Document] = {"confirmed_at": {"$ne": None}}


@dataclass(frozen=True, slots=True)
class Directory:
    """The people at an instant, as seen by who sees these organizations; None means all, and everything."""

    db: Database[Document]
    now: dt.datetime
    orgs: Sequence[str] | None = None

    def get(self, person: str) -> Document:
        """Return a person, following merges; raises UnknownThing for whom the organizations do not know."""
        found = records.get_person(self.db, person)
        known = self._affiliations(person=found["_id"], **CONFIRMED)
        if self.orgs is not None and self.db.affiliations.find_one(known, {"_id": 1}) is None:
            raise UnknownThing("person", person)
        return found

    def filter(self, *, org: str | None = None, email: str | None = None, ifi: str | None = None) -> Document:
        """Return the filter of the people who are seen: of an organization now, by an identifier."""
        clauses: list[Document] = [{"org": VENDOR, "merged_into": None}]
        ids = self.known()
        if org is not None:
            belong = self.members_of(org)
            ids = belong if ids is None else sorted(set(belong) & set(ids))
        if ids is not None:
            clauses.append({"_id": {"$in": ids}})
        if ifi is not None or email is not None:
            clauses.append(self._called(ifi, email))
        return {"$and": clauses}

    def _called(self, ifi: str | None, email: str | None) -> Document:
        """Return the filter of an identifier: organizations cannot look up one that they do not know."""
        ifi, by_email = ifi or mbox_ifi(email or ""), ifi is None
        if self.orgs is not None:
            return {"_id": {"$in": self._persons(known_as=ifi)}}
        owned: Document = {"ifis.ifi": ifi}
        return {"$or": [{"email": email}, owned]} if by_email else owned

    def known(self) -> list[str] | None:
        """Return who belongs, belonged or will belong to the organizations; None means everybody."""
        return None if self.orgs is None else self._persons(**CONFIRMED)

    def members(self) -> list[str] | None:
        """Return who belongs to the organizations now, whose present state they see; None means everybody."""
        return None if self.orgs is None else self._persons(**holding(self.now))

    def members_of(self, org: str) -> list[str]:
        """Return who belongs to an organization now."""
        return self._persons(org=org, **holding(self.now))

    def count(self, org: str) -> int:
        """Return how many people count for an organization now."""
        return self.db.affiliations.count_documents({"org": org, "primary": True, **holding(self.now)})

    def organization_of(self, person: str) -> str | None:
        """Return the organization that a person counts for now."""
        found = self.db.affiliations.find_one({"person": person, "primary": True, **holding(self.now)})
        return None if found is None else str(found["org"])

    def waiting(self, org: str | None = None) -> Document:
        """Return the filter of the affiliations that wait for the person's confirmation."""
        asked = {} if org is None else {"org": org}
        return {"$and": [self._affiliations(confirmed_at=None, **unended(self.now)), asked]}

    def left_at(self, person: str) -> dt.datetime | None:
        """Return when somebody who is seen last belonged; None while they belong, or for who sees everything.

        Raises UnknownThing for somebody who has not begun: of them there is nothing to see yet.
        """
        if self.orgs is None:
            return None
        until = self.known_until(person=person)
        if person not in until:
            raise UnknownThing("person", person)
        return until[person]

    def known_until(self, **wanted: Any) -> dict[str, dt.datetime | None]:
        """Return until when the state of each person is seen, None while they belong; of who has begun."""
        until: dict[str, dt.datetime | None] = {}
        for row in self.db.affiliations.find(self._affiliations(**CONFIRMED, **wanted)):
            span = span_of(row)
            if span is None or span[0] > self.now:
                continue
            end = None if holds(row, self.now) else span[1]
            before = until.get(row["person"], end)
            until[row["person"]] = None if end is None or before is None else max(before, end)
        return until

    def present(self, person: Document) -> Document:
        """Return a person with their affiliations, as far as they are seen."""
        return self.present_each([person])[0]

    def present_each(self, persons: Sequence[Document]) -> list[Document]:
        """Return people with their affiliations, as far as they are seen, by one question for all."""
        whose: dict[str, list[Document]] = {one["_id"]: [] for one in persons}
        found = self.db.affiliations.find(self._affiliations(person={"$in": sorted(whose)}))
        for row in found.sort([("person", 1), ("from", 1)]):
            whose[row["person"]].append(row)
        return [self._presented(one, whose[one["_id"]]) for one in persons]

    def _presented(self, person: Document, rows: list[Document]) -> Document:
        shown = {**person, "affiliations": rows, "display": person.get("display") or {}}
        if self.orgs is None:
            return shown
        known = dict.fromkeys(str(row["known_as"]) for row in rows if row.get("known_as"))
        mailbox = next((ifi for ifi in known if ifi.startswith(records.MBOX)), None)
        return {
            **shown,
            "ifis": [{"ifi": ifi, "from": None, "until": None} for ifi in known],
            "email": mailbox and mailbox.removeprefix(records.MBOX),
            "confirmed": any(holds(row, self.now) for row in rows),
        }

    def _affiliations(self, **wanted: Any) -> Document:
        """Return the filter of affiliations with the organizations."""
        return wanted if self.orgs is None else {"$and": [{"org": {"$in": list(self.orgs)}}, wanted]}

    def _persons(self, **wanted: Any) -> list[str]:
        rows = self.db.affiliations.find(self._affiliations(**wanted), {"person": 1})
        return sorted({row["person"] for row in rows})
