"""What goes wrong in learners' browsers: told by the player, counted by version and browser, of nobody.

content_problems {_id: hash of what follows, org, item, version, kind, what, place, browser,
                  count (openings that met it), first_at, last_at, forget_at}

A row says what failed and where in the package. Who met it is in none: names, addresses and long numbers are
taken out of what the content's scripts say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import quote

import orjson
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.database import Database

from lrs.content.origin.cleaning import WIDE, browser_of, place_of, without_numbers, without_people

Document = dict[str, Any]
Kind = Literal["script", "request", "interface", "storage", "saving"]

KINDS: Final = frozenset(get_args(Kind))
MOST_OF_LAUNCH: Final = 100  # a browser that reports more is not listened to
MOST_OF_VERSION: Final = 200  # rows; what is new beyond them is not kept
KEPT: Final = dt.timedelta(days=90)  # after it was last seen
SHOWN: Final = 20
SHORTEST_NAME: Final = 3  # letters; a shorter one is in too many words

INDEXES: dict[str, list[IndexModel]] = {
    "content_problems": [
        IndexModel([("org", ASCENDING), ("item", ASCENDING)]),
        IndexModel([("version", ASCENDING)]),
        IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0),
    ]
}


@dataclass(frozen=True, slots=True)
class Place:
    """The version of an item that a browser runs."""

    org: str
    item: str
    version: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong: what the browser says of it, and the address where."""

    kind: Kind
    what: str
    place: str


def note(
    db: Database[Document],
    launch: Mapping[str, Any],
    problems: Iterable[Problem],
    agent: str,
    now: dt.datetime,
) -> int:
    """Count the problems of a launch, as far as it may have more; return how many are kept."""
    found = list(problems)
    if not found or launch.get("problems", 0) >= MOST_OF_LAUNCH:
        return 0
    db.content_launches.update_one({"_id": launch["_id"]}, {"$inc": {"problems": len(found)}})
    names = _names_of(launch)
    place = Place(launch["org"], launch["item"], launch["version"])
    return _keep(db, [_row(place, problem, browser_of(agent), names) for problem in found], now)


def note_missing(db: Database[Document], place: Place, path: str, agent: str, now: dt.datetime) -> int:
    """Count that a package lacks a file that its content asks for; return how many rows are kept."""
    problem = Problem("request", "404", f"/v/{place.version}/{quote(path)}")
    return _keep(db, [_row(place, problem, browser_of(agent))], now)


def _keep(db: Database[Document], rows: Iterable[Document], now: dt.datetime) -> int:
    """Count rows of one version; new ones as long as it has not too many."""
    wanted = {row["_id"]: row for row in rows}
    version = next(iter(wanted.values()))["version"]
    known = {one["_id"] for one in db.content_problems.find({"version": version}, {"_id": 1})}
    room = max(0, MOST_OF_VERSION - len(known))
    fresh = [name for name in wanted if name not in known][:room]
    changes = [
        UpdateOne(
            {"_id": name},
            {
                "$setOnInsert": {**wanted[name], "first_at": now},
                "$inc": {"count": 1},
                "$set": {"last_at": now, "forget_at": now + KEPT},
            },
            upsert=True,
        )
        for name in (*(name for name in wanted if name in known), *fresh)
    ]
    if changes:
        db.content_problems.bulk_write(changes, ordered=False)
    return len(changes)


def _row(place: Place, problem: Problem, browser: str, names: Iterable[str] = ()) -> Document:
    row = {
        "org": place.org,
        "item": place.item,
        "version": place.version,
        "kind": problem.kind,
        "what": without_numbers(without_people(problem.what, names)),
        "place": without_people(place_of(problem.place, place.version), names),
        "browser": browser,
    }
    return {"_id": hashlib.sha256(orjson.dumps(list(row.values()))).hexdigest()[:32], **row}


def _names_of(launch: Mapping[str, Any]) -> list[str]:
    """Return the texts that name the learner, the longest first."""
    actor, learner = launch["actor"], launch["learner"]
    account = actor.get("account", {})
    names = [learner["name"], *learner["name"].split(), learner["id"], actor.get("name"), account.get("name")]
    found = {name for name in names if isinstance(name, str) and len(name) >= _shortest(name)}
    return sorted(found, key=len, reverse=True)


def _shortest(name: str) -> int:
    """Return how long a name has to be to be taken out: two signs of a script that parts no words."""
    return 2 if WIDE.search(name) else SHORTEST_NAME


def seen(db: Database[Document], org: str, item: str) -> list[Document]:
    """Return the problems of an item, the most frequent first.

    Each is {version, kind, what, place, browsers [(name, count)], count, last_at}.
    """
    groups: dict[tuple[str, ...], Document] = {}
    browsers: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for row in db.content_problems.find({"org": org, "item": item}):
        key: tuple[str, ...] = (row["version"], row["kind"], row["what"], row["place"])
        group = groups.setdefault(key, {**row, "count": 0})
        group["count"] += row["count"]
        group["last_at"] = max(group["last_at"], row["last_at"])
        browsers[key][row["browser"]] = row["count"]
    for place, group in groups.items():
        group["browsers"] = sorted(browsers[place].items(), key=lambda one: (-one[1], one[0]))
    return sorted(groups.values(), key=lambda one: (-one["count"], one["what"], one["version"]))[:SHOWN]
