"""One worker at a time keeps or removes the content files of an organization.

content_leases {_id: org, leased_until, fences}
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.engine.queues import lease

Document = dict[str, Any]

LEASE: Final = dt.timedelta(seconds=60)


class OrgLeaseLost(Exception):
    """The lease ran out; somebody else may hold it."""


@dataclass(frozen=True, slots=True)
class OrgLease:
    """A lease that is held."""

    db: Database[Document]
    taken: Document

    @property
    def org(self) -> str:
        """Return whose files it is about."""
        return str(self.taken["_id"])

    def renew(self, now: dt.datetime) -> None:
        """Hold it for another LEASE; raises OrgLeaseLost."""
        if not lease.renew(self.db.content_leases, self.taken, now, LEASE):
            raise OrgLeaseLost(self.org)

    def fence(self, session: ClientSession) -> None:
        """Let a transaction end well only while the lease is held; raises OrgLeaseLost."""
        if not lease.fence(self.db.content_leases, self.taken, session):
            raise OrgLeaseLost(self.org)

    def release(self) -> None:
        """Give it back."""
        lease.give_back(self.db.content_leases, self.taken)


def take(db: Database[Document], org: str, now: dt.datetime) -> OrgLease | None:
    """Return the lease of an organization, None while another holds it."""
    db.content_leases.update_one({"_id": org}, {"$setOnInsert": {"leased_until": lease.FREE}}, upsert=True)
    taken = lease.take(db.content_leases, {"_id": org}, now, LEASE)
    return OrgLease(db, taken) if taken else None
