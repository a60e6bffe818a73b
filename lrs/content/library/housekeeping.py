"""Removing what nobody needs: drafts that are given up, and files that a crash left without a name."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import Any, Final

from pymongo.client_session import ClientSession

from lrs.content.library import org_lease
from lrs.content.library.files import content_files
from lrs.content.library.intake import Intake, remove_paths, remove_unnamed
from lrs.content.library.items import get_version
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision

Document = dict[str, Any]

ORPHANED: Final = dt.timedelta(days=1)  # after which a file without a name is not one that is on its way
AT_ONCE: Final = 500
NEVER_BEGUN: Final = ("waiting", "draft", "refused")


def discard(here: Intake, editor: Editor, version: str) -> None:
    """Remove a version that was never published, its files and an item that has no other.

    Raises UnknownThing, or Collision where it was published or a worker is busy with the organization.
    """
    found = get_version(here.db, version)
    if found["state"] not in NEVER_BEGUN:
        raise Collision(f"this version is {found['state']}; only what was never published can be removed")
    lease = org_lease.take(here.db, found["org"], here.now())
    if lease is None:
        raise Collision("another package of this organization is being read; try again in a moment")

    def act(session: ClientSession) -> None:
        gone = {"_id": version, "state": {"$in": list(NEVER_BEGUN)}}
        if not here.db.content_versions.delete_one(gone, session=session).deleted_count:
            raise Collision("this version was published meanwhile")
        if found["item"] and not here.db.content_versions.find_one({"item": found["item"]}, session=session):
            here.db.content_items.delete_one({"_id": found["item"]}, session=session)
        here.db.content_problems.delete_many({"version": version}, session=session)
        editor.note("content.discard", "content", version, org=found["org"], before={"name": found["name"]})

    try:
        editor.change(act)
        files = content_files(here.settings, here.db, found["org"])
        files.delete([version])
        remove_paths(here.db, files, found["org"], version)
    finally:
        lease.release()


def sweep(here: Intake, org: str) -> int:
    """Remove files of an organization that nothing names for a day; returns how many were looked at."""
    lease = org_lease.take(here.db, org, here.now())
    if lease is None:
        return 0
    files, seen = content_files(here.settings, here.db, org), 0
    try:
        names = iter(files.stored_before(here.now() - ORPHANED))
        while some := set(islice(names, AT_ONCE)):
            lease.renew(here.now())
            versions = here.db.content_versions.distinct("_id", {"_id": {"$in": sorted(some)}})
            remove_unnamed(here.db, files, org, some.difference(versions))
            seen += len(some)
    finally:
        lease.release()
    return seen
