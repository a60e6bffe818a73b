"""Which stores an analyst may read: one organization, a subtree, or all of the vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.access.auth import Principal
from lrs.access.organizations import VENDOR, subtree
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The organizations whose statements and people a question may touch, sorted by id."""

    orgs: tuple[str, ...]
    whole: bool = False  # every organization of the vendor
    wide: bool = False  # asked by whoever may read every store, also where it is narrowed

    def filter(self) -> dict[str, Any]:
        """Return the MongoDB condition on `org`; always names the organizations."""
        return {"org": self.orgs[0] if len(self.orgs) == 1 else {"$in": list(self.orgs)}}


def scope_of(db: Database[Document], principal: Principal, wanted: Sequence[str] = ()) -> Scope:
    """Return what `principal` may read, narrowed to `wanted` organizations.

    A vendor-wide principal reads every store, any other its own organization and those below it; the vendor
    stands above all, so without the right to read every store it reads its own only. An organization
    outside of that is unknown to the principal: UnknownThing, as if it did not exist.
    """
    wide = principal.vendor_wide
    allowed = {org["_id"] for org in db.orgs.find({}, {"_id": 1})} if wide else reach(db, principal.org)
    if not wanted:
        return Scope(tuple(sorted(allowed)), whole=wide, wide=wide)
    for org in wanted:
        if org not in allowed:
            raise UnknownThing("organization", org)
    return Scope(tuple(sorted(set(wanted))), wide=wide)


def reach(db: Database[Document], org: str) -> set[str]:
    """Return what somebody of an organization reads without the right to read every store."""
    return {VENDOR} if org == VENDOR else set(subtree(db, org))


def whole_scope(db: Database[Document]) -> Scope:
    """Return every organization: for the operator's command line."""
    return Scope(tuple(sorted(org["_id"] for org in db.orgs.find({}, {"_id": 1}))), whole=True)
