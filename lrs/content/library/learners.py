"""What visibility asks of a person, read from the database."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.content.library.visibility import Belonging, Learner
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.programmes.tier_recording import step_at

Document = dict[str, Any]


def learner_of(
    db: Database[Document], person: str, now: dt.datetime, languages: tuple[str, ...] = ()
) -> Learner:
    """Return the facts of a person at an instant; `languages` are those of the request, if known."""
    rows = [row for row in db.affiliations.find({"person": person}) if _holds(row, now)]
    orgs = {org["_id"]: org for org in db.orgs.find({"_id": {"$in": [row["org"] for row in rows]}})}
    return Learner(
        belongings=tuple(
            Belonging(
                org=row["org"],
                ancestors=tuple(orgs[row["org"]]["ancestors"]),
                role=row.get("role"),
                region=orgs[row["org"]].get("region"),
                tiers=_tiers(db, row["org"], now),
            )
            for row in rows
            if row["org"] in orgs and orgs[row["org"]]["status"] == "active"
        ),
        certifications=_held(db, person, now),
        languages=languages,
    )


def _holds(row: Document, now: dt.datetime) -> bool:
    """Tell whether an affiliation is confirmed and holds now."""
    confirmed = row.get("confirmed_at")
    if confirmed is None or confirmed > now:
        return False
    return (row["from"] is None or row["from"] <= now) and (row["until"] is None or now < row["until"])


def _tiers(db: Database[Document], org: str, now: dt.datetime) -> dict[str, str]:
    """Return the tier of an organization in each programme, as the worker last recorded its course."""
    found = {}
    for view in db.tiers.find({"org": VENDOR, "organization": org}):
        tier = step_at(view, now).tier
        if tier is not None:
            found[view["programme"]] = tier
    return found


def _held(db: Database[Document], person: str, now: dt.datetime) -> frozenset[str]:
    standings = db.standings.find({"org": VENDOR, "person": person}, {"certification": 1, "states": 1})
    held = ((row["certification"], state_at(row, now)) for row in standings)
    return frozenset(
        name for name, state in held if state is not None and state.counts and state.state in HELD_STATES
    )
