"""Reviews of plans: somebody approves, objects or comments before a plan is applied (cert#6-2).

A plan holds reviews [{by, at, verdict, comment}] in their order, and by whom it is approved (approved_by) or
objected to (objecting) now: whoever approves takes the own objection back, and the other way round.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from rules.errors import StalePlan
from rules.publication.plans import ReviewMissing, SamePerson, UnknownPlan
from rules.stored import VENDOR

Document = dict[str, Any]

VERDICTS: Final = ("approve", "object", "comment")
LONGEST: Final = 2000  # characters of a comment
MOST: Final = 100  # reviews of one plan


def review_plan(
    db: Database[Document], plan: str, now: dt.datetime, by: str, *, verdict: str, comment: str = ""
) -> Document:
    """Add a review to an open plan and return the plan.

    Raises UnknownPlan; StalePlan where it was applied, expired, or has MOST reviews; SamePerson where whoever
    made it approves; ReviewMissing where an objection or a comment says nothing.
    """
    found = db.plans.find_one({"_id": plan, "org": VENDOR}, {"by": 1, "expires_at": 1, "applied_at": 1})
    if found is None:
        raise UnknownPlan(plan)
    if verdict == "approve" and found["by"] == by:
        raise SamePerson(plan, by)
    if verdict != "approve" and not comment:
        raise ReviewMissing(plan, verdict)
    entry = {"by": by, "at": now, "verdict": verdict, "comment": comment}
    update: Document = {"$push": {"reviews": entry}}
    if verdict != "comment":
        kept, ended = ("approved_by", "objecting") if verdict == "approve" else ("objecting", "approved_by")
        update |= {"$addToSet": {kept: by}, "$pull": {ended: by}}
    room = {f"reviews.{MOST - 1}": {"$exists": False}}
    reviewed = db.plans.find_one_and_update(
        {"_id": plan, "org": VENDOR, "applied_at": None, "expires_at": {"$gt": now}, **room},
        update,
        return_document=ReturnDocument.AFTER,
    )
    if reviewed is None:
        raise StalePlan(plan, "it takes no review any more: it was applied, expired, or has too many")
    return reviewed
