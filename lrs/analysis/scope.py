"""Which stores an analyst may read: one organization, a subtree, or all of the vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.auth import Principal
from lrs.refusals import UnknownThing

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The organizations whose statements and people a question may touch, sorted by id."""

    orgs: tuple[str, ...]
    whole: bool = False  # every organization of the vendor

    def filter(self) -> dict[str, Any]:
        """Return the MongoDB condition on `org`; always names the organizations."""
        return {"org": self.orgs[0] if len(self.orgs) == 1 else {"$in": list(self.orgs)}}


def scope_of(db: Database[Document], principal: Principal, wanted: Sequence[str] = ()) -> Scope:
    """Return what `principal` may read, narrowed to `wanted` organizations.

    A vendor-wide principal reads every store, any other its own organization and those below it. An
    organization outside of that is unknown to the principal: UnknownThing, as if it did not exist.
    """
    if principal.vendor_wide:
        allowed = {org["_id"] for org in db.orgs.find({}, {"_id": 1})}
    else:
        below = db.orgs.find({"ancestors": principal.org}, {"_id": 1})
        allowed = {principal.org} | {org["_id"] for org in below}
    if not wanted:
        return Scope(tuple(sorted(allowed)), whole=principal.vendor_wide)
    for org in wanted:
        if org not in allowed:
            raise UnknownThing("organization", org)
    return Scope(tuple(sorted(set(wanted))))


def whole_scope(db: Database[Document]) -> Scope:
    """Return every organization: for the operator's command line."""
    return Scope(tuple(sorted(org["_id"] for org in db.orgs.find({}, {"_id": 1}))), whole=True)
