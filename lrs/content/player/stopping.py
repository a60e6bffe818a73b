"""Where learners who did not complete an item stopped: the part, and the page as the content names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from pymongo import DESCENDING
from pymongo.database import Database

from lrs.content.attempts.records import load
from lrs.content.cmi5.satisfaction import is_met
from lrs.content.packages.model import Package

Document = dict[str, Any]

LOOKED_AT: Final = 300  # attempts, and registrations, the newest ones
SHOWN: Final = 10
LONGEST: Final = 80  # characters of a bookmark, which some tools fill with everything they know

Place = tuple[str, str]  # id of the part, bookmark


def stopped_at(db: Database[Document], org: str, item: str, package: Package) -> list[Document]:
    """Return [{part, page, learners}] for learners who are under way, the most frequent first."""
    counted = Counter(_of_attempts(db, org, item))
    counted.update(_of_registrations(db, org, item, package))
    rows = sorted(counted.items(), key=lambda row: (-row[1], row[0]))[:SHOWN]
    return [{"part": part, "page": page, "learners": number} for (part, page), number in rows]


def _of_attempts(db: Database[Document], org: str, item: str) -> list[Place]:
    newest = db.attempts.find({"org": org, "item": item}).sort("begun_at", DESCENDING).limit(LOOKED_AT)
    last: dict[str, Document] = {}
    for attempt in newest:
        known = last.setdefault(attempt["registration"], attempt)
        if attempt["number"] > known["number"]:
            last[attempt["registration"]] = attempt
    under_way = [
        (attempt["_id"], attempt["parts"][-1]["id"])
        for attempt in last.values()
        if attempt["parts"] and attempt["course"]["standing"]["completion"] != "completed"
    ]
    wanted = [f"{attempt}/{part}" for attempt, part in under_way]
    rows = db.attempt_scos.find({"_id": {"$in": wanted}}, {"record": 1})
    pages = {row["_id"]: page_of(load(row["record"]).cmi) for row in rows}
    return [(part, pages.get(f"{attempt}/{part}", "")) for attempt, part in under_way]


def page_of(cmi: Mapping[str, Any]) -> str:
    """Return the bookmark in the data of a SCO, of either edition; "" where it is no short text."""
    core = cmi.get("core")
    found = core.get("lesson_location") if isinstance(core, Mapping) else cmi.get("location")
    return found if isinstance(found, str) and len(found) <= LONGEST and found.isprintable() else ""


def _of_registrations(db: Database[Document], org: str, item: str, package: Package) -> list[Place]:
    asks = {one.id: one.cmi5.move_on for one in package.launchable() if one.cmi5}
    if not asks:
        return []
    newest = db.cmi5_registrations.find({"org": org, "item": item}, {"told": 0}).limit(LOOKED_AT)
    places = []
    for registration in newest:
        said = {row["id"]: row["said"].keys() for row in registration["units"]}
        is_done = all(is_met(move_on, said.get(unit, frozenset())) for unit, move_on in asks.items())
        if registration["sessions"] and not is_done:
            places.append((registration["sessions"][-1]["unit"], ""))
    return places
