"""Leaderboards: who agreed to be on them, counted anew from what happened; any worker makes the same.

leaderboards {_id: DOCUMENT.SEASON, org: "vendor", at, top [{person, points}], values [points of everybody],
              partners [{org, points}]}

Only people who agreed count, for places as for partners; a partner with fewer than `fewest` of them is left
out. What somebody did counts for the partner that they counted for when it happened.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.engagement.happened import happenings
from lrs.engagement.published import name_of, seasons
from lrs.engagement.turns import take_turn
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.engagement import boards
from rules.engagement.happenings import Happening
from rules.engagement.points import Earned, earned, span_of, total
from rules.engine.affiliations import span_of as affiliation_span
from rules.language.engagement import Engagement, Season

Document = dict[str, Any]
EVERY: Final = dt.timedelta(minutes=10)
AFTER: Final = dt.timedelta(days=7)  # for which a season that is over is still counted: what is late counts
BATCH: Final = 500
AGREED: Final = {"engagement.board": {"$in": ["full", "initials"]}}


def refresh(db: Database[Document], now: dt.datetime) -> bool:
    """Count the boards anew, every ten minutes; tell whether they were."""
    rules = cache_of(db).get()
    running = [one for one in seasons(rules, now) if counts_at(*one, now)]
    if not running:
        return False
    return take_turn(db, "leaderboards", EVERY, now, lambda: count(db, rules, running, now))


def counts_at(document: Engagement, season: Season, now: dt.datetime) -> bool:
    """Tell whether a season runs, or ended so lately that what came late is still counted."""
    begins, ends = span_of(season, document.timezone)
    return begins <= now < ends + AFTER


def count(
    db: Database[Document],
    rules: RuleSet,
    wanted: Sequence[tuple[Engagement, Season]],
    now: dt.datetime,
) -> None:
    """Write the boards of some seasons as they are now."""
    points: list[dict[str, int]] = [{} for _ in wanted]
    partners: list[dict[str, dict[str, int]]] = [defaultdict(dict) for _ in wanted]
    for batch in _batches(db.people.find({"org": VENDOR, **AGREED, "merged_into": None}, {"_id": 1})):
        happened, places = happenings(db, rules, batch), _places(db, batch)
        for person in batch:
            for i, (document, season) in enumerate(wanted):
                found = earned(season, document.timezone, happened.get(person, ()), now)
                if found:
                    points[i][person] = total(found)
                for org, sum_ in _by_partner(found, places.get(person, ())).items():
                    partners[i][org][person] = sum_
    for i, (document, season) in enumerate(wanted):
        row = board_row(document, season, points[i], partners[i], now)
        db.leaderboards.replace_one({"_id": row["_id"]}, row, upsert=True)


def board_row(
    document: Engagement,
    season: Season,
    points: Mapping[str, int],
    partners: Mapping[str, Mapping[str, int]],
    now: dt.datetime,
) -> Document:
    """Return a board as it is kept: twice as many people as are shown, for some may change their mind."""
    shown = boards.board(points, 2 * document.top, document.fewest)
    averages = boards.averages(partners, document.fewest)
    return {
        "_id": name_of(document, season), "org": VENDOR, "at": now,
        "top": [{"person": one.who, "points": one.points} for one in shown],
        "values": sorted(points.values(), reverse=True),
        "partners": [{"org": org, "points": value} for org, value in sorted(averages.items())],
    }  # fmt: skip


def _batches(rows: Iterable[Document]) -> Iterator[list[str]]:
    names = (row["_id"] for row in rows)
    while batch := list(islice(names, BATCH)):
        yield batch


def _places(db: Database[Document], persons: Collection[str]) -> dict[str, list[tuple[str, Any]]]:
    """Return where people counted when: (organization, span) by person."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for row in db.affiliations.find({"person": {"$in": list(persons)}, "primary": True}):
        if (span := affiliation_span(row)) is not None:
            found[row["person"]].append((row["org"], span))
    return found


def _by_partner(found: Iterable[Earned], places: Iterable[tuple[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for one in found:
        org = place_at(one.happening, places)
        if org is not None:
            sums[org] += one.points
    return sums


def place_at(happening: Happening, places: Iterable[tuple[str, Any]]) -> str | None:
    """Return the organization that somebody counted for when something happened."""
    for org, (begins, ends) in places:
        if begins <= happening.at and (ends is None or happening.at < ends):
            return org
    return None


def row_of(db: Database[Document], document: Engagement, season: Season) -> Document:
    """Return a season as a row, with what its board was counted of."""
    name = name_of(document, season)
    kept = db.leaderboards.find_one({"_id": name}) or {"values": (), "partners": (), "at": None}
    return {
        "season": name, "title": season.title, "from": season.first.isoformat(),
        "until": season.last.isoformat(), "people": len(kept["values"]), "partners": len(kept["partners"]),
        "counted": kept["at"],
    }  # fmt: skip


def shown(db: Database[Document], document: Engagement, season: Season, mine: int) -> Document | None:
    """Return a board as people see it: names as far as each agrees now, and one's own place; None for none.

    `place` stands among who agreed and has points; how many those are is not told.
    """
    kept = db.leaderboards.find_one({"_id": name_of(document, season)})
    if kept is None:
        return None
    people = {
        row["_id"]: row
        for row in db.people.find({"_id": {"$in": [one["person"] for one in kept["top"]]}, **AGREED})
    }
    top = [one for one in kept["top"] if one["person"] in people]
    values = kept["values"]
    most = min(document.top, len(values) // 2)
    averages = {one["org"]: one["points"] for one in kept["partners"]}
    return {
        "at": kept["at"],
        "people": [
            {
                "place": boards.place_of(values, one["points"]), "person": one["person"],
                "name": shown_name(people[one["person"]]), "points": one["points"],
            }
            for one in top[:most]
        ],
        "place": boards.place_of(values, mine) if mine and len(values) >= document.fewest else None,
        "partners": [
            {"place": one.place, "org": one.who, "points": one.points}
            for one in boards.board(averages, document.top, 2)
        ],
        "averages": averages,
    }  # fmt: skip


def shown_name(person: Mapping[str, Any]) -> str:
    """Return a name as far as its owner lets others on leaderboards see it."""
    full = person.get("name") or ""
    if person["engagement"]["board"] == "initials":
        return " ".join(f"{part[0].upper()}." for part in full.split()) or "\N{EN DASH}"
    return full or "\N{EN DASH}"
