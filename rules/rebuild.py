"""Recompute everything that is derived and say what differs from what is there: nothing should.

rebuilds {_id, org: "vendor", started_at, finished_at,
          shards: [{n, from, until, after, held: [person], leased_until, done}],
          people, differences, listed: [{person, certification, what}], tiers_done}

People are decided anew from statements and facts, shard by shard; what the view says otherwise is counted,
listed and put right. Each shard remembers how far it came, so a rebuild that was stopped goes on. It also
remembers whom a worker held when it came by: it is not done before they are decided too.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.database import Database

from rules.engine.engine import BATCH, Engine
from rules.engine.queues.lease import FREE
from rules.programmes import partners, tier_recording
from rules.stored import VENDOR, Document

LEASE: Final = dt.timedelta(seconds=120)
BOUNDS: Final = ("", *(f"p_{digit}" for digit in "123456789abcdefghjkmnpqrstvwxyz"), None)
LISTED: Final = 1000

INDEXES: dict[str, list[IndexModel]] = {
    "rebuilds": [IndexModel([("org", ASCENDING), ("started_at", DESCENDING)])],
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild came."""

    people: int
    of: int
    differences: int
    done: bool


def begin(db: Database[Document], now: dt.datetime, *, afresh: bool = False) -> str:
    """Return the rebuild that was not finished, else a new one; `afresh` leaves an unfinished one alone."""
    found = (
        None
        if afresh
        else db.rebuilds.find_one({"org": VENDOR, "finished_at": None}, sort=[("started_at", -1)])
    )
    if found is not None:
        return str(found["_id"])
    name = "rb_" + secrets.token_hex(8)
    shards = [
        {"n": n, "from": low, "until": BOUNDS[n + 1], "after": None, "leased_until": FREE, "done": False}
        for n, low in enumerate(BOUNDS[:-1])
    ]
    db.rebuilds.insert_one(
        {
            "_id": name, "org": VENDOR, "started_at": now, "finished_at": None, "shards": shards, "people": 0,
            "differences": 0, "listed": [], "tiers_done": False,
        }
    )  # fmt: skip
    return name


def run(
    engine: Engine,
    name: str,
    now: Callable[[], dt.datetime],
    tell: Callable[[Progress], None] = lambda _: None,
    limit: int = BATCH,
) -> None:
    """Work on the free shards of a rebuild until none is left; several processes may do so at once.

    What others hold, shards or people, is left to them: call again until `progress` says that it is done.
    Whoever is interrupted gives the shard back; that of a process that was killed comes free after `LEASE`.
    """
    visited: list[int] = []
    while (shard := _take(engine.db, name, now(), visited)) is not None:
        visited.append(shard["n"])
        done = False
        try:
            after, entered = shard["after"], False
            while after is not None or not entered:
                entered = True
                after = _page(engine, name, shard, after, now=now(), limit=limit)
                tell(progress(engine.db, name))
            done = not _held(engine, name, shard, now())
        finally:
            engine.db.rebuilds.update_one(
                {"_id": name, "shards": {"$elemMatch": {"n": shard["n"], "by": shard["by"]}}},
                {"$set": {"shards.$.done": done, "shards.$.leased_until": FREE}},
            )


def rebuild_tiers(engine: Engine, name: str, now: dt.datetime, *, part: int = 0, of: int = 1) -> None:
    """Recompute the tiers of each `of`th organization, from number `part` on, once all shards are done."""
    db, rules = engine.db, engine.cache.get(fresh=True)
    due = db.tier_work.find({"org": VENDOR, "due_at": {"$lte": now}}, {"_id": 1})
    waiting = {row["_id"] for row in due}
    organizations = db.orgs.find({"kind": {"$ne": "vendor"}}, {"_id": 1}).sort("_id", ASCENDING)
    for row in list(organizations)[part::of]:
        for programme in partners.programme_ids(rules):
            timeline = partners.timeline_of(db, rules, programme, row["_id"])
            view = tier_recording.view_of(programme, row["_id"], timeline)
            known = db.tiers.find_one({"_id": view["_id"]}, {"digest": 1})
            if known is not None and known["digest"] != view["digest"] and row["_id"] not in waiting:
                _count(db, name, [{"organization": row["_id"], "programme": programme, "what": "tier"}])
            tier_recording.record(db, rules, programme, row["_id"], timeline, now=now)


def finish(engine: Engine, name: str, now: dt.datetime, *, with_tiers: bool = True) -> Document:
    """Recompute the tiers, if that is not done, and return the rebuild with its differences."""
    if with_tiers:
        rebuild_tiers(engine, name, now)
    ended = engine.db.rebuilds.find_one_and_update(
        {"_id": name},
        {"$set": {"tiers_done": True, "finished_at": now}},
        return_document=ReturnDocument.AFTER,
    )
    assert ended is not None  # noqa: S101 -- it was begun
    return ended


def progress(db: Database[Document], name: str) -> Progress:
    """Return how far a rebuild came."""
    job = db.rebuilds.find_one({"_id": name}, {"listed": 0}) or {}
    every = db.work.estimated_document_count()
    done = all(shard["done"] for shard in job.get("shards", ()))
    return Progress(job.get("people", 0), every, job.get("differences", 0), done)


def _take(db: Database[Document], name: str, now: dt.datetime, visited: Collection[int]) -> Document | None:
    """Take a shard that is neither done nor held; a shard of a process that died comes free again."""
    free = {"$elemMatch": {"done": False, "leased_until": {"$lte": now}, "n": {"$nin": list(visited)}}}
    token = secrets.token_hex(8)
    job = db.rebuilds.find_one_and_update(
        {"_id": name, "shards": free},
        {"$set": {"shards.$.leased_until": now + LEASE, "shards.$.by": token}},
        return_document=ReturnDocument.AFTER,
    )
    if job is None:
        return None
    return next(dict(shard) for shard in job["shards"] if shard.get("by") == token)


def _page(
    engine: Engine, name: str, shard: Document, after: str | None, *, now: dt.datetime, limit: int
) -> str | None:
    """Decide one page of a shard; returns where to go on, None at its end."""
    db = engine.db
    bounds: Document = {"$gt": after} if after is not None else {"$gte": shard["from"]}
    if shard["until"] is not None:
        bounds["$lt"] = shard["until"]
    rows = list(db.work.find({"_id": bounds}, {"_id": 1, "due_at": 1}).sort("_id", ASCENDING).limit(limit))
    waiting = {row["_id"] for row in rows if row.get("due_at") is not None and row["due_at"] <= now}
    changed, held = engine.recompute([row["_id"] for row in rows], now)
    _count(db, name, [one for one in changed if one["person"] not in waiting])
    reached = rows[-1]["_id"] if rows else after
    db.rebuilds.update_one(
        {"_id": name, "shards.n": shard["n"]},
        {
            "$set": {"shards.$.after": reached, "shards.$.leased_until": now + LEASE},
            "$push": {"shards.$.held": {"$each": sorted(held)}},
            "$inc": {"people": len(rows) - len(held)},
        },
    )
    return reached if len(rows) == limit else None


def _held(engine: Engine, name: str, shard: Document, now: dt.datetime) -> frozenset[str]:
    """Decide those of a shard whom a worker held when their page came; return who still is."""
    this = {"_id": name, "shards.n": shard["n"]}
    job = engine.db.rebuilds.find_one(this, {"shards.$": 1}) or {"shards": [{}]}
    waiting: list[str] = job["shards"][0].get("held", [])
    if not waiting:
        return frozenset()
    marked = engine.db.work.find({"_id": {"$in": waiting}, "due_at": {"$lte": now}}, {"_id": 1})
    due = {row["_id"] for row in marked}
    changed, left = engine.recompute(waiting, now)
    _count(engine.db, name, [one for one in changed if one["person"] not in due])
    change = {"$set": {"shards.$.held": sorted(left)}, "$inc": {"people": len(waiting) - len(left)}}
    engine.db.rebuilds.update_one(this, change)
    return left


def _count(db: Database[Document], name: str, found: list[Document]) -> None:
    if found:
        db.rebuilds.update_one(
            {"_id": name},
            {
                "$inc": {"differences": len(found)},
                "$push": {"listed": {"$each": found[:LISTED], "$slice": LISTED}},
            },
        )
