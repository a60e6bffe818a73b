"""Saved queries: a name, an owner, a schedule, the last results, and links that show them to others.

saved_queries {_id, org, owner, name, expression, organizations, whole, vendor_wide, schedule, next_at,
               leased_until, links [{digest, until}], shown_as, created_at, updated_at, version,
               readers? [{user, language}] who get each scheduled answer by mail,
               alerts? [...] who is told of figures beyond a bound (lrs.analysis.questions.alerts)}
query_results {query, org, at, rows, seconds, error}
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import bson
from apscheduler.triggers.cron import CronTrigger
from bson import json_util
from bson.errors import InvalidDocument
from pymongo import DESCENDING, ReturnDocument
from pymongo.database import Database

from lrs.analysis.questions import dashboards
from lrs.analysis.readable_stores import Scope, reach, whole_scope
from lrs.analysis.run import Analyst, Answer
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from rules.engine.queues import lease
from statements.errors import StatementError

Document = dict[str, Any]

LEASE = dt.timedelta(minutes=2)
READERS = 100  # users who get the answers of one query by mail
MOST = 1000  # queries that an organization keeps
MOST_LINKS = 100  # of one query that have not run out
KEPT = 100  # answers of one query
LARGEST = 8 * 1024 * 1024  # bytes of one answer as it is kept
PICTURES = ("auto", "table", "bars", "stacked", "lines", "heat")
"""How the answer is shown where there are pictures: `auto` is what says most."""


def create(
    db: Database[Document],
    *,
    name: str,
    owner: str,
    org: str,
    scope: Scope,
    expression: Any,
    schedule: str | None,
    now: dt.datetime,
    shown_as: str = "auto",
) -> Document:
    """Save a query after checking it; InvalidQuery or InvalidField names what is wrong.

    `shown_as` is one of PICTURES. Raises Collision where the organization keeps MOST.
    """
    Analyst(db, scope, now).parse(expression)
    if db.saved_queries.count_documents({"org": org}, limit=MOST) >= MOST:
        raise Collision(f"an organization keeps at most {MOST} queries; delete one first")
    document = {
        "_id": uuid4().hex,
        "org": org,
        "owner": owner,
        "name": name,
        "expression": json_util.dumps(expression),
        "organizations": list(scope.orgs),
        "whole": scope.whole,
        "vendor_wide": scope.wide,
        "schedule": schedule,
        "links": [],
        "shown_as": shown_as,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    if schedule is not None:
        document["next_at"] = next_run(schedule, now)
    db.saved_queries.insert_one(document)
    return document


def readable(org: str, *, wide: bool) -> Document:
    """Return the filter of an organization's saved queries; those over every store need that right."""
    return {"org": org} if wide else {"org": org, "vendor_wide": False}


def get(db: Database[Document], org: str, query_id: str, *, wide: bool) -> Document:
    """Return a saved query of an organization; UnknownThing if there is none."""
    found = db.saved_queries.find_one({"_id": query_id, **readable(org, wide=wide)})
    if found is None:
        raise UnknownThing("query", query_id)
    return found


def next_run(schedule: str, now: dt.datetime) -> dt.datetime:
    """Return the next instant of a crontab line (five fields, UTC); InvalidField when it is none.

    A line that restricts both the day of the month and the weekday means either, as in cron.
    """
    try:
        lines = _either(schedule.split())
        triggers = [CronTrigger.from_crontab(line, timezone=ZoneInfo("UTC")) for line in lines]
    except ValueError as error:
        raise InvalidField("schedule", f"is not a crontab line: {error}") from error
    found: list[dt.datetime] = [
        at for one in triggers if (at := one.get_next_fire_time(None, now)) is not None
    ]
    if not found:
        raise InvalidField("schedule", "never comes")
    return min(found)


def _either(fields: list[str]) -> list[str]:
    """Return the lines of which each says when it is due; APScheduler wants all fields of a line to fit."""
    if len(fields) != 5:
        return [" ".join(fields)]
    minute, hour, day, month, weekday = fields
    weekday = weekdays(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        return [f"{minute} {hour} {day} {month} {weekday}"]
    return [f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {weekday}"]


def weekdays(field: str) -> str:
    """Return the last field of a crontab line with names of days: cron counts from Sunday, APScheduler not.

    ValueError for a range that runs backwards or beyond 7 (Sunday again).
    """
    return ",".join(_named(part) for part in field.split(","))


def _named(part: str) -> str:
    found = _DAYS.fullmatch(part)
    if found is None or part == "*":
        return part  # names of days
    first, last, step = found["first"] or "0", found["last"], int(found["step"] or 1)
    end = int(last or (first if found["step"] is None else 6))
    if not int(first) <= end <= 7 or step < 1:
        raise ValueError(f"{part!r} are no days of the week")
    return ",".join(dict.fromkeys(DAY_NAMES[day % 7] for day in range(int(first), end + 1, step)))


DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS = re.compile(r"(?:\*|(?P<first>\d)(?:-(?P<last>\d))?)(?:/(?P<step>\d+))?")


def scope_now(db: Database[Document], saved: Document) -> Scope:
    """Return what a saved query may read today: organizations that moved away since are out of reach."""
    if saved["whole"]:
        return whole_scope(db)
    orgs = set(saved["organizations"])
    kept = orgs if saved["vendor_wide"] else orgs & reach(db, saved["org"])
    return Scope(tuple(sorted(kept)), wide=saved["vendor_wide"])


def run(db: Database[Document], saved: Document, now: dt.datetime) -> Document:
    """Run a saved query inside its own scope and keep the result; of many results the newest."""
    scope = scope_now(db, saved)
    try:
        answer: Answer = Analyst(db, scope, now).ask(json_util.loads(saved["expression"]))
        outcome: Document = {"rows": answer.rows, "previous": answer.previous, "seconds": answer.seconds}
    except StatementError as error:
        outcome = {"rows": [], "error": str(error)}
    whose = {"query": saved["_id"], "org": saved["org"]}
    result = {**whose, "at": now, **outcome}
    if not _can_be_kept(db, result):
        reason = f"the answer is larger than {LARGEST >> 20} MB, or holds what cannot be kept: ask for less"
        result = {**whose, "at": now, "rows": [], "error": reason}
    db.query_results.insert_one(result)
    older = list(db.query_results.find(whose, {"_id": 1}).sort("at", DESCENDING).skip(KEPT).limit(KEPT))
    db.query_results.delete_many({**whose, "_id": {"$in": [one["_id"] for one in older]}})
    return result


def _can_be_kept(db: Database[Document], result: Document) -> bool:
    """Tell whether MongoDB takes a result: a whole number beyond 64 bits is one that it does not take."""
    try:
        return len(bson.encode(result, codec_options=db.codec_options)) <= LARGEST
    except (InvalidDocument, OverflowError):
        return False


def latest(db: Database[Document], saved: Document) -> Document | None:
    """Return the newest result of a saved query."""
    wanted = {"org": saved["org"], "query": saved["_id"]}
    return db.query_results.find_one(wanted, sort=[("at", DESCENDING)])


def run_due(
    db: Database[Document],
    now: dt.datetime,
    limit: int = 20,
    tell: Callable[[Document, Document], object] | None = None,
) -> int:
    """Run what is due: a job of the worker. Each is leased, so that two workers never run the same.

    `tell(saved, result)` comes before the next run is set: where a worker dies between, it comes again.
    """
    done = 0
    wanted = {"next_at": {"$lte": now}}
    while done < limit and (saved := lease.take(db.saved_queries, wanted, now, LEASE)) is not None:
        result = run(db, saved, now)
        if tell is not None:
            tell(saved, result)
        lease.give_back(db.saved_queries, saved, {"next_at": next_run(saved["schedule"], now)})
        done += 1
    return done


def change(
    db: Database[Document],
    saved: Document,
    now: dt.datetime,
    *,
    schedule: str | None,
    name: str | None = None,
) -> Document:
    """Give a saved query another schedule (None for none), or name; Outdated if it changed meanwhile."""
    next_at = None if schedule is None else next_run(schedule, now)
    kept = {"schedule": schedule, "name": name or saved["name"], "updated_at": now}
    update: Document = {"$set": kept, "$inc": {"version": 1}, "$unset": {"leased_until": ""}}
    if next_at is None:
        update["$unset"]["next_at"] = ""
    else:
        kept["next_at"] = next_at
    found = db.saved_queries.find_one_and_update(
        {"_id": saved["_id"], "org": saved["org"], "version": saved["version"]}, update,
        return_document=ReturnDocument.AFTER,
    )  # fmt: skip
    if found is None:
        raise Outdated("query")
    return found


def send_to(db: Database[Document], saved: Document, user: str, language: str | None) -> None:
    """Send each scheduled answer to a user too, in a language; None sends none any more."""
    wanted = {"_id": saved["_id"], "org": saved["org"]}
    db.saved_queries.update_one(wanted, {"$pull": {"readers": {"user": user}}})
    if language is not None:
        room = {f"readers.{READERS - 1}": {"$exists": False}}
        added = {"$push": {"readers": {"user": user, "language": language}}}
        if not db.saved_queries.update_one({**wanted, **room}, added).matched_count:
            raise InvalidField("readers", f"has {READERS} already")


def delete(db: Database[Document], saved: Document) -> None:
    """Delete a saved query with its links and results; it goes from dashboards."""
    dashboards.forget(db, saved["org"], saved["_id"])
    db.saved_queries.delete_one({"_id": saved["_id"], "org": saved["org"]})
    db.query_results.delete_many({"query": saved["_id"], "org": saved["org"]})


def share(
    db: Database[Document], saved: Document, now: dt.datetime, lasts: dt.timedelta
) -> tuple[str, dt.datetime]:
    """Return a new secret that shows the results to anybody until an instant; its digest is kept.

    Links that have run out go; raises Collision where MOST_LINKS are left.
    """
    token = secrets.token_urlsafe(24)
    until = now + lasts
    link = {"digest": _digest(token), "until": until}
    this = {"_id": saved["_id"], "org": saved["org"]}
    db.saved_queries.update_one(this, {"$pull": {"links": {"until": {"$lte": now}}}})
    room = {f"links.{MOST_LINKS - 1}": {"$exists": False}}
    if not db.saved_queries.update_one({**this, **room}, {"$push": {"links": link}}).matched_count:
        raise Collision(f"a query has at most {MOST_LINKS} links; end them first")
    return token, until


def shared(db: Database[Document], token: str, now: dt.datetime) -> Document:
    """Return the saved query of a link; UnknownThing when the link is none, or has run out."""
    digest = _digest(token)
    saved = db.saved_queries.find_one({"links.digest": digest})
    links: Sequence[Document] = saved["links"] if saved else ()
    for link in links:
        if hmac.compare_digest(link["digest"], digest) and now < link["until"] and saved is not None:
            return saved
    raise UnknownThing("link", "shared query")


def unshare(db: Database[Document], saved: Document) -> None:
    """End all links of a saved query."""
    db.saved_queries.update_one({"_id": saved["_id"], "org": saved["org"]}, {"$set": {"links": []}})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
