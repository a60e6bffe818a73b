"""What similar people did next, counted every hour for all, and read for one.

followers {_id: ROLE|TIER|CERTIFICATION, org: "vendor", of, to [{certification, count}], at}
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pymongo import ReplaceOne
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.analysis.audience import tiers_at
from lrs.engagement.happened import first_awards
from lrs.engagement.turns import take_turn
from rules.engagement import followers
from rules.engagement.followers import Followed, Group, Person, Suggestion
from rules.engine.affiliations import holding

Document = dict[str, Any]
EVERY: Final = dt.timedelta(hours=1)
AWARD: Final = {
    "person": 1, "certification": 1, "final": 1, "evaluated": 1, "periods": {"$slice": 1},
}  # fmt: skip


def refresh(db: Database[Document], fewest: int, now: dt.datetime) -> bool:
    """Count anew what people did next, once an hour; nothing where `fewest` is 0, which switches it off."""
    if fewest == 0:
        return False
    return take_turn(db, "next steps of others", EVERY, now, lambda: count(db, fewest, now))


def count(db: Database[Document], fewest: int, now: dt.datetime) -> None:
    """Write what similar people did next, as it is now; groups that are too small are not kept."""
    found = followers.followed(_everybody(db, now))
    rows = [_row(group, one, fewest, now) for group, one in found.items()]
    kept = [row for row in rows if row["to"]]
    if kept:
        db.followers.bulk_write(
            [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in kept], ordered=False
        )
    db.followers.delete_many({"org": VENDOR, "at": {"$lt": now}})


def _row(group: Group, one: Followed, fewest: int, now: dt.datetime) -> Document:
    to = [{"certification": name, "count": n} for name, n in sorted(one.to.items()) if n >= fewest]
    return {"_id": name_of(group), "org": VENDOR, "of": one.of, "to": to, "at": now}


def name_of(group: Group) -> str:
    """Return the id under which a group is kept."""
    role, tier, before = group
    return f"{role}|{tier or ''}|{before}"


def _everybody(db: Database[Document], now: dt.datetime) -> Iterator[Person]:
    """Yield everybody who counts for an organization in a role and was awarded two certifications or more."""
    rows = db.affiliations.find(
        {"primary": True, "role": {"$ne": None}, **holding(now)}, {"person": 1, "org": 1, "role": 1}
    )
    places = {row["person"]: (row["org"], row["role"]) for row in rows}
    tiers = tiers_at(db, sorted({org for org, _ in places.values()}), now)
    awards: dict[str, list[Document]] = defaultdict(list)
    for row in db.awards.find({"org": VENDOR}, AWARD):
        awards[row["person"]].append(row)
    for person, (org, role) in places.items():
        awarded = first_awards(awards.get(person, ()))
        if len(awarded) > 1:
            yield Person(role, _tiers(tiers.get(org, {})), awarded)


def _tiers(tiers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{programme}:{tier}" for programme, tier in sorted(tiers.items()))


def suggested(
    db: Database[Document], person: str, open_to: Collection[str], fewest: int, now: dt.datetime
) -> Suggestion | None:
    """Return what similar people did next that somebody could do, None where there is nothing to say."""
    if fewest == 0:
        return None
    wanted = {"person": person, "primary": True, "role": {"$ne": None}, **holding(now)}
    place = db.affiliations.find_one(wanted, {"org": 1, "role": 1})
    if place is None:
        return None
    awarded = first_awards(db.awards.find({"org": VENDOR, "person": person}, AWARD))
    if not awarded:
        return None
    one = Person(place["role"], _tiers(tiers_at(db, [place["org"]], now).get(place["org"], {})), awarded)
    names = {name_of(group): group for group in followers.groups_of(one)}
    known = {
        names[row["_id"]]: Followed(
            row["of"], Counter({to["certification"]: to["count"] for to in row["to"]})
        )
        for row in db.followers.find({"_id": {"$in": sorted(names)}})
    }
    return followers.suggestion(one, known, open_to, fewest)
