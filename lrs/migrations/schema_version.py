"""The schema version of a database: which build wrote it last, and whether this one may use it.

schema {_id: "version", number, written_by, at}: the newest migration that a build which wrote here knew;
        an older build would read what it does not understand, so it refuses to start
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pymongo.database import Database

from lrs.foundation.settings import StartFailure

Document = dict[str, Any]
NUMBER = "version"


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The number of the newest migration that a database may hold, and the build that wrote there."""

    number: int
    written_by: str


def build() -> str:
    """Return the version of this build."""
    try:
        return version("laurel-lrs")
    except PackageNotFoundError:  # run from a folder of sources
        return "unknown"


def read(db: Database[Document]) -> SchemaVersion | None:
    """Return what the database says of itself; None where nobody ever said."""
    row = db.schema.find_one({"_id": NUMBER})
    return None if row is None else SchemaVersion(row["number"], row["written_by"])


def claim(db: Database[Document], number: int, now: dt.datetime) -> None:
    """Write that this build writes here; raises StartFailure where a newer one did."""
    refuse_newer(read(db), number)
    # one write: between two, a process that starts at the same moment would read half a row
    newer = {"$gt": ["$number", number]}
    settled = {"$or": [newer, {"$and": [{"$eq": ["$number", number]}, {"$eq": ["$written_by", build()]}]}]}
    row = {
        "number": {"$max": ["$number", number]},
        "written_by": {"$cond": [newer, "$written_by", build()]},
        "at": {"$cond": [settled, "$at", now]},
    }
    db.schema.update_one({"_id": NUMBER}, [{"$set": row}], upsert=True)


def refuse_newer(found: SchemaVersion | None, number: int) -> None:
    """Raise StartFailure that names the build which wrote the database, where this one is older."""
    if found is not None and found.number > number:
        raise StartFailure(
            f"the database was written by Laurel {found.written_by} (schema {found.number}); "
            f"this is {build()} (schema {number})",
            f"run Laurel {found.written_by} or newer on it",
        )
