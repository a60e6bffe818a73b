"""Why: what brought somebody points, how far milestones are, and when which question comes back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from lrs.engagement.happened import happenings
from lrs.engagement.published import engagements, name_of, products, seasons
from lrs.engagement.recall import cards_of
from rules.catalogue.store import cache_of
from rules.engagement.milestones import progress
from rules.engagement.points import earned, total
from rules.engine.identity import find_person

Document = dict[str, Any]


def explained(db: Database[Document], who: str, now: dt.datetime) -> Document:
    """Return seasons, milestones and questions of somebody with their reasons; raises UnknownPerson."""
    rules = cache_of(db).get(fresh=True)
    person = find_person(db, who, now)
    happened = happenings(db, rules, [person]).get(person, [])
    brought = [(*one, earned(one[1], one[0].timezone, happened, now)) for one in seasons(rules, now)]
    reached = [
        progress(one, happened, now, products(rules))
        for each in engagements(rules, now)
        for one in each.milestones
    ]
    return {
        "person": person,
        "seasons": [
            {
                "season": name_of(document, season), "title": season.title, "points": total(found),
                "earned": [
                    {
                        "at": one.happening.at, "kind": one.happening.kind, "what": one.happening.what,
                        "points": one.points,
                    }
                    for one in found
                ],
            }
            for document, season, found in brought
        ],
        "milestones": [
            {
                "milestone": one.milestone.id, "title": one.milestone.title, "have": one.have,
                "need": one.need, "reached_at": one.at,
            }
            for one in reached
        ],
        "questions": [
            {
                "recall": one.recall.id, "question": one.question.id, "answers": len(one.answers),
                "right": one.answers[-1].right if one.answers else None, "due_at": one.due_at,
                "pause": str(one.recall.intervals[one.step]),
            }
            for one in cards_of(db, rules, person, now)
        ],
    }  # fmt: skip
