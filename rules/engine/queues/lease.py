"""A lease on one document: whoever takes it works on it alone, until it is given back or its time is over.

`leased_until` says until when; a document without it, or with an instant that is over, is free. Its value
tells holders apart too: it only grows while nobody gives the document back, so whoever lost a lease matches
nothing and writes nothing. People's evaluation has a lease of its own, fenced within its transaction
(`rules.engine.queues.evaluation_queue`); what gives work to many at once has a mark that is put off
(`rules.credentials.due_awards`), and the shards of a rebuild are parts of one document (`rules.rebuild`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from rules.stored import Document

FREE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def take(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    now: dt.datetime,
    lasts: dt.timedelta,
    sort: Sequence[tuple[str, int]] | None = None,
) -> Document | None:
    """Return the first document that is wanted and free, now leased; None where there is none."""
    return collection.find_one_and_update(
        {**wanted, "leased_until": {"$not": {"$gt": now}}},
        {"$set": {"leased_until": now + lasts}},
        sort=sort,
        return_document=ReturnDocument.AFTER,
    )


def held(taken: Document) -> Document:
    """Return the filter that finds a taken document as long as the lease is ours."""
    return {"_id": taken["_id"], "leased_until": taken["leased_until"]}


def renew(
    collection: Collection[Document],
    taken: Document,
    now: dt.datetime,
    lasts: dt.timedelta,
    *,
    where: Mapping[str, Any] | None = None,
    sets: Mapping[str, Any] | None = None,
    increments: Mapping[str, int] | None = None,
) -> bool:
    """Lease a document for longer and change fields of it; false where it is not ours, or not `where`."""
    until = now + lasts
    until = until.replace(microsecond=until.microsecond // 1000 * 1000)  # as MongoDB stores it
    change = _change({**(sets or {}), "leased_until": until}, increments)
    done = collection.update_one({**(where or {}), **held(taken)}, change)
    if done.matched_count:
        taken["leased_until"] = until
    return done.matched_count == 1


def fence(collection: Collection[Document], taken: Document, session: ClientSession) -> bool:
    """Tie a transaction to a lease, so that of it and whoever takes the lease meanwhile only one goes on.

    False where the lease is no more ours.
    """
    done = collection.update_one(held(taken), {"$inc": {"fences": 1}}, session=session)
    return done.matched_count == 1


def give_back(
    collection: Collection[Document],
    taken: Document,
    sets: Mapping[str, Any] | None = None,
    increments: Mapping[str, int] | None = None,
) -> bool:
    """Free a taken document and change fields of it; false, and nothing done, where it is no more ours."""
    change = _change({**(sets or {}), "leased_until": FREE}, increments)
    return collection.update_one(held(taken), change).matched_count == 1


def _change(sets: Mapping[str, Any], increments: Mapping[str, int] | None) -> Document:
    return {"$set": sets, **({"$inc": increments} if increments else {})}
