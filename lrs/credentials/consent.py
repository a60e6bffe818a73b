"""What a holder lets others see, and the signed links by which a holder decides without an account.

credential_displays {_id: award id or "person:<id>", org, person, shown, name, evidence, registry, decided_at}
A choice for one award goes before the choice for the person; without any, nothing is shown.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from itsdangerous import BadSignature, URLSafeSerializer
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

ORG = "vendor"
Document = dict[str, Any]
NameShown = Literal["full", "initials", "hidden"]
Right = Literal["holder", "view"]
RIGHTS: Final[tuple[Right, ...]] = ("holder", "view")
LIFETIME: Mapping[Right, dt.timedelta] = {"holder": dt.timedelta(days=365), "view": dt.timedelta(days=30)}

INDEXES = {
    "credential_displays": [
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("registry", ASCENDING), ("person", ASCENDING)]),
    ]
}


@dataclass(frozen=True, slots=True)
class Display:
    """A holder's choice; the default shows nothing."""

    shown: bool = False
    name: NameShown = "full"
    evidence: bool = False
    registry: bool = False


@dataclass(frozen=True, slots=True)
class DisplayStore:
    """Reads and writes holders' choices."""

    db: Database[Document]

    def get(self, award: str, person: str) -> Display:
        """Return the choice that holds for an award."""
        return self.of([(award, person)])[award]

    def of(self, awards: Collection[tuple[str, str]]) -> dict[str, Display]:
        """Return the choices that hold for these (award, person) pairs."""
        names = {award for award, _ in awards} | {f"person:{person}" for _, person in awards}
        rows = self.db["credential_displays"].find({"_id": {"$in": sorted(names)}})
        found = {row["_id"]: to_display(row) for row in rows}
        return {
            award: found.get(award) or found.get(f"person:{person}") or Display() for award, person in awards
        }

    def choose(self, award: str | None, person: str, choice: Display, now: dt.datetime) -> None:
        """Record a choice for one award, or for all of a person's awards (which forgets single choices)."""
        displays = self.db["credential_displays"]
        if award is None:
            displays.delete_many({"org": ORG, "person": person, "_id": {"$ne": f"person:{person}"}})
        displays.replace_one(
            {"_id": award or f"person:{person}"},
            {"org": ORG, "person": person, **asdict(choice), "decided_at": now},
            upsert=True,
        )
        # the credential gets its refresh service, and carries details of its evidence, or no more
        mine = {"org": ORG, "person": person} | ({"award": award} if award else {})
        awards = self.db["credentials"].distinct("award", mine)
        self.db["awards"].update_many({"_id": {"$in": awards}}, {"$set": {"credential_due": now}})

    def listed_people(self) -> list[str]:
        """Return everybody who agreed to be listed with at least one award."""
        query = {"org": ORG, "registry": True, "shown": True}
        return sorted(self.db["credential_displays"].distinct("person", query))


def to_display(row: Mapping[str, Any]) -> Display:
    """Make a choice from its document."""
    return Display(**{name: row[name] for name in Display.__dataclass_fields__})


def shown_name(full: str | None, choice: Display) -> str | None:
    """Return a holder's name as far as they let it be seen."""
    if not full or choice.name == "hidden":
        return None
    if choice.name == "initials":
        return " ".join(f"{part[0].upper()}." for part in full.split())
    return full


@dataclass(frozen=True, slots=True)
class Links:
    """Signs and reads the tokens in links: for one award, one right, until an instant."""

    secrets: tuple[bytes, ...]  # the first one signs; all read

    def make(self, award: str, right: Right, now: dt.datetime) -> str:
        """Return a token; a holder's lives a year, a viewer's thirty days."""
        return str(self._serializer(right).dumps([award, int((now + LIFETIME[right]).timestamp())]))

    def right(self, token: str | None, award: str, now: dt.datetime) -> Right | None:
        """Return what a token allows for an award, None if nothing."""
        if not token or len(token) > 500:
            return None
        for right in RIGHTS:
            try:
                named, until = self._serializer(right).loads(token)
            except (BadSignature, ValueError, TypeError):
                continue
            if named == award and now.timestamp() < until:
                return right
        return None

    def carry(self, token: str, right: Right, award: str) -> str:
        """Return a token that allows for another award what a good one allows, and as long."""
        _, until = self._serializer(right).loads(token)
        return str(self._serializer(right).dumps([award, until]))

    def _serializer(self, right: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self.secrets[::-1], salt=f"credential-{right}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def seen_by(choice: Display, right: Right | None) -> Display:
    """Return the choice as it applies to somebody with a link, who sees page, name and evidence."""
    return choice if right is None else replace(choice, shown=True, name="full", evidence=True)
