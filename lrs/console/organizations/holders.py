"""How many people count for whom and are in which state of a certification, and what ends when."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from pymongo.database import Database

from lrs.foundation.context import Services
from lrs.foundation.figures import Figures, Kept
from rules.engine.affiliations import holding
from rules.evaluation.timeline import HELD_STATES
from rules.stored import VENDOR

Document = dict[str, Any]
Counts = Mapping[str, Mapping[str, int]]
MOST_GRACE: Final = dt.timedelta(days=400)  # after its end, something may still be held for so long
YEAR: Final = dt.timedelta(days=366)
End = tuple[str, str, str, str]
"""What ends: the day, the person, the certification, the state until then."""


def count_states(db: Database[Document], now: dt.datetime, persons: Collection[str] | None = None) -> Counts:
    """Return certification -> state -> people; of these persons, or of everybody."""
    wanted: Document = {"org": VENDOR}
    if persons is not None:
        wanted["person"] = {"$in": sorted(persons)}
    begun = {"$filter": {"input": "$states", "cond": {"$lte": ["$$this.at", now]}}}
    last = {"certification": 1, "last": {"$last": begun}}
    known = {"last.state": {"$exists": True}, "last.evaluated": {"$ne": True}}
    grouped = {"_id": {"of": "$certification", "state": "$last.state"}, "people": {"$sum": 1}}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in db.standings.aggregate(
        [{"$match": wanted}, {"$project": last}, {"$match": known}, {"$group": grouped}]
    ):
        found[row["_id"]["of"]][row["_id"]["state"]] = row["people"]
    return found


def counted(services: Services) -> Figures[Counts]:
    """Return the part of an application that counts the states of everybody."""
    return Figures(services, count_states, Kept("states", dict))


def held_by_month(
    db: Database[Document], now: dt.datetime, certification: str, persons: Collection[str] | None = None
) -> list[tuple[dt.date, int]]:
    """Return how many held a certification at the beginning of each month of a year, and now."""
    instants = [dt.datetime(year, month, 1, tzinfo=dt.UTC) for year, month in _months(now)] + [now]
    counts = [0] * len(instants)
    shown = {"_id": 0, "states.at": 1, "states.state": 1, "states.evaluated": 1}
    for row in db.standings.find(_of(persons, certification), shown, batch_size=10_000):
        begun = [one["at"] for one in row["states"]]
        for place, at in enumerate(instants):
            last = bisect_right(begun, at) - 1
            if last >= 0 and row["states"][last]["state"] in HELD_STATES:
                counts[place] += not row["states"][last].get("evaluated")
    return [(at.date(), count) for at, count in zip(instants, counts, strict=True)]


def _months(now: dt.datetime) -> list[tuple[int, int]]:
    first = now.year * 12 + now.month - 1
    return [(place // 12, place % 12 + 1) for place in range(first - 11, first + 1)]


class Trends:
    """The holders of each certification over a year, of everybody, remembered as `Figures` are."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, Figures[list[tuple[dt.date, int]]]] = {}

    def of(self, certification: str) -> list[tuple[dt.date, int]]:
        """Return the trend of a certification that there is."""
        if certification not in self._known:
            make = partial(_trend, certification=certification)
            self._known[certification] = Figures(self._services, make)
        return self._known[certification].get()[0]


def _trend(db: Database[Document], now: dt.datetime, *, certification: str) -> list[tuple[dt.date, int]]:
    return held_by_month(db, now, certification)


def count_people(db: Database[Document], orgs: Sequence[str], now: dt.datetime) -> dict[str, int]:
    """Return how many people count for each of these organizations."""
    wanted = {"org": {"$in": list(orgs)}, "primary": True, **holding(now)}
    grouped = {"$group": {"_id": "$org", "people": {"$sum": 1}}}
    rows = db.affiliations.aggregate([{"$match": wanted}, grouped])
    return {row["_id"]: row["people"] for row in rows}


def ending(
    db: Database[Document],
    now: dt.datetime,
    until: dt.date,
    *,
    persons: Collection[str] | None = None,
    certification: str | None = None,
) -> Iterator[Document]:
    """Yield what is held now and ends until a day: person, certification, state, expires, days left."""
    for one in _ends(db, now, until, _of(persons, certification)):
        yield row_of_end(one, now)


def _of(persons: Collection[str] | None, certification: str | None) -> Document:
    wanted: Document = {"org": VENDOR}
    if persons is not None:
        wanted["person"] = {"$in": sorted(persons)}
    if certification is not None:
        wanted["certification"] = certification
    return wanted


def ends_of_all(services: Services) -> Figures[list[End]]:
    """Return the part of an application that knows what of everybody ends within a year."""
    return Figures(services, _ends_within_a_year, Kept("ends", _ends_of_json))


def all_ending(
    services: Services,
    now: dt.datetime,
    until: dt.date,
    persons: Collection[str] | None = None,
    certification: str | None = None,
) -> list[End]:
    """Return in order what ends until a day, at most a year ahead; of everybody (None) what is remembered."""
    if persons is not None:
        return sorted(_ends(services.db, now, until, _of(persons, certification)))
    found, _ = services.part(ends_of_all).get()
    last = until.isoformat()
    return [one for one in found if one[0] <= last and certification in {None, one[2]}]


def _ends_within_a_year(db: Database[Document], now: dt.datetime) -> list[End]:
    names: dict[str, str] = {}  # each text once in memory, however many hold it
    found = _ends(db, now, now.date() + YEAR, {"org": VENDOR})
    return sorted(
        (names.setdefault(expires, expires), person, names.setdefault(of, of), names.setdefault(state, state))
        for expires, person, of, state in found
    )


def _ends_of_json(rows: list[list[str]]) -> list[End]:
    texts: dict[str, str] = {}
    return [
        (texts.setdefault(day, day), person, texts.setdefault(of, of), texts.setdefault(state, state))
        for day, person, of, state in rows
    ]


def _ends(db: Database[Document], now: dt.datetime, until: dt.date, wanted: Document) -> Iterator[End]:
    """Yield (expires, person, certification, state) of what is held now and ends until a day."""
    ends = {"$gte": (now.date() - MOST_GRACE).isoformat(), "$lte": until.isoformat()}
    begun = {"$filter": {"input": "$states", "cond": {"$lte": ["$$this.at", now]}}}
    held = {
        "last.state": {"$in": sorted(HELD_STATES)}, "last.expires": ends, "last.evaluated": {"$ne": True},
    }  # fmt: skip
    for row in db.standings.aggregate(
        [
            {"$match": {**wanted, "states": {"$elemMatch": {"expires": ends}}}},
            {"$project": {"_id": 0, "person": 1, "certification": 1, "last": {"$last": begun}}},
            {"$match": held},
            {"$project": {"person": 1, "certification": 1, "last.state": 1, "last.expires": 1}},
        ],
        batchSize=10_000,
    ):
        yield row["last"]["expires"], row["person"], row["certification"], row["last"]["state"]


def row_of_end(end: End, now: dt.datetime) -> Document:
    """Return what ends as a row, with the days that are left."""
    expires, person, certification, state = end
    return {
        "person": person, "certification": certification, "state": state, "expires": expires,
        "days": (dt.date.fromisoformat(expires) - now.date()).days,
    }  # fmt: skip
