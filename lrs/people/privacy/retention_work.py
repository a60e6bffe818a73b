"""What a retention plan does to a store: counted page by page, and carried out the same way.

Statements are judged by when they were stored, documents by when they were last written. A statement stays
that names somebody under a legal hold, that the engine has still to look at, or that a certification looks
at: awards are decided from it, also when they are decided anew. Such evidence is pseudonymised where the
policy says so: the people in it get an account without meaning, from then on one of their identifiers.
Identifiers that a merge or split moved are left as they are, as the record of what was known then needs them.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.people.privacy import legal_holds
from lrs.people.privacy.erasure import ACCOUNTS, AGENT_LETTERS, agents_in, rewritten, statements_whole
from rules.catalogue.relevance import is_observed
from rules.catalogue.store import cache_of
from rules.engine.identity import Interval, give_identifier, interval
from rules.engine.queues import evaluation_queue, lease
from statements.intake.attachments import attachments_of
from statements.parsing.actor import agent_of
from statements.parsing.parse import parse_json
from statements.parsing.search_keys import evidence_key, key
from statements.parsing.times import microseconds
from statements.storage.store import StatementStore

Document = dict[str, Any]
Rules = Sequence[Mapping[str, Any]]

PSEUDONYMS: Final = "urn:laurel:retained"  # home page of accounts that stand for people in old evidence
PAGE: Final = 500
LASTS: Final = dt.timedelta(minutes=2)  # the lease of one page
PLAN_LASTS: Final = dt.timedelta(hours=24)
NOTED: Final = 1.0  # seconds of counting after which a plan notes how far it is
FLOOR: Final = b"\x00" * 8 + b"\xff" * 8  # above the order keys of placeholders
FIELDS: Final = ("org", "keys", "actor", "actor_type", "verb", "object", "category", "grouping")


@dataclass(frozen=True, slots=True)
class Judge:
    """Tells what becomes of a statement that is old enough."""

    held_keys: frozenset[int]
    is_relevant: Callable[[Mapping[str, Any]], bool]
    evidence: str

    @classmethod
    def of(cls, db: Database[Document], evidence: str) -> Judge:
        """Return who judges by the holds and by what is published now."""
        held = legal_holds.held_identifiers(db)
        keys = frozenset(key(letter, one) for one in held for letter in AGENT_LETTERS)
        rules = cache_of(db).get(fresh=True)
        return cls(keys, partial(is_observed, rules), evidence)

    def outcome(self, row: Mapping[str, Any]) -> str:
        """Return `removed`, `held`, `evidence_kept` or `pseudonymised`, or `settled`: it was done before."""
        if self.held_keys.intersection(row["keys"]):
            return "held"
        actor = row.get("actor")
        if not (actor is not None and evidence_key(actor) in row["keys"]) and not self.is_relevant(row):
            return "removed"
        if self.evidence == "keep":
            return "evidence_kept"
        return "settled" if actor is not None and actor.endswith(f"@{PSEUDONYMS}") else "pseudonymised"


def count(
    db: Database[Document], org: str, rules: Rules, evidence: str, most: int | None = None
) -> dict[str, int]:
    """Return how many statements and documents each outcome has; nothing is changed.

    Of the oldest `most` statements, where somebody only wants to see: then `unseen` says that there are more.
    """
    judge, found = Judge.of(db, evidence), Counter[str]()
    for page in _pages(db, org, rules):
        if most is not None and found.total() >= most:
            found["unseen"] = 1
            break
        found.update(judge.outcome(row) for row in page)
    return dict(sorted((found + _of_old_documents(db, org, rules)).items()))


def count_on(
    db: Database[Document],
    plan: Document,
    now: Callable[[], dt.datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Count what a leased plan has not looked at, noting how far it is; false where it was cut short.

    Whoever goes on begins where the last note ended.
    """
    plans, judge = db.retention_plans, Judge.of(db, plan["evidence"])
    found, noted = Counter[str](plan["counts"]), time.monotonic()
    for page in _pages(db, plan["org"], plan["rules"], plan.get("after", FLOOR)):
        found.update(judge.outcome(row) for row in page)
        if stopped() or time.monotonic() - noted >= NOTED:
            sets = {"counts": dict(found), "after": page[-1]["_id"], "share": _share(plan, page[-1]["_id"])}
            if not lease.renew(plans, plan, now(), LASTS, sets=sets):
                return False
            if stopped():
                lease.give_back(plans, plan)
                return False
            noted = time.monotonic()
    found += _of_old_documents(db, plan["org"], plan["rules"])
    ended = {"state": "planned", "counts": dict(sorted(found.items())), "share": 1.0}
    return lease.give_back(plans, plan, {**ended, "expires_at": now() + PLAN_LASTS})


def _share(plan: Mapping[str, Any], at: bytes) -> float:
    """Return how much of the time in which a store filled was looked at, by the order key of a statement."""
    first: int = plan["first"]
    last = max(microseconds(one["before"]) for one in plan["rules"])
    reached = int.from_bytes(bytes(at)[:8], "big")
    share: float = (reached - first) / max(1, last - first)
    return round(min(1.0, max(0.0, share)), 4)


def first_stored(db: Database[Document], org: str) -> int:
    """Return when the oldest statement of a store was stored, in microseconds; 0 for an empty one."""
    row = db.statements.find_one({"org": org, "_id": {"$gt": FLOOR}}, {"_id": 1}, sort=[("_id", ASCENDING)])
    return 0 if row is None else int.from_bytes(bytes(row["_id"])[:8], "big")


def _of_old_documents(db: Database[Document], org: str, rules: Rules) -> Counter[str]:
    found, held = Counter[str](), legal_holds.held_identifiers(db)
    for rule in rules:
        if rule["what"] != "statements":
            rows = db.documents.find(_of_documents(org, rule), {"ifi": 1})
            outcomes = Counter("held" if row.get("ifi") in held else "removed" for row in rows)
            found.update({f"{rule['what']}_{name}": number for name, number in outcomes.items()})
    return found


def _pages(db: Database[Document], org: str, rules: Rules, after: bytes = FLOOR) -> Iterator[list[Document]]:
    """Yield the statements that are old enough, as the judge needs them, in order of storing."""
    wanted = [_of_statements(rule) for rule in rules if rule["what"] == "statements"]
    if not wanted:
        return
    newest = max(one["_id"]["$lt"] for one in wanted)
    while True:
        span = {"org": org, "_id": {"$gt": after, "$lt": newest}, "pending": {"$ne": True}, "$or": wanted}
        rows = db.statements.find(span, dict.fromkeys(FIELDS, 1)).sort("_id", ASCENDING).limit(PAGE)
        page = list(rows)
        if not page:
            return
        yield page
        after = page[-1]["_id"]


def _of_statements(rule: Mapping[str, Any]) -> Document:
    at = max(0, microseconds(rule["before"]))  # order keys begin in 1970
    wanted: Document = {"_id": {"$lt": at.to_bytes(8, "big") + b"\x00" * 8}}
    if rule.get("verb"):
        wanted["verb"] = rule["verb"]
    if rule.get("activity"):
        wanted["object.id"] = rule["activity"]
    return wanted


def _of_documents(org: str, rule: Mapping[str, Any]) -> Document:
    wanted: Document = {"org": org, "kind": rule["what"], "updated": {"$lt": microseconds(rule["before"])}}
    return {**wanted, "activity": rule["activity"]} if rule.get("activity") else wanted


def run(db: Database[Document], now: Callable[[], dt.datetime], stopped: Callable[[], bool]) -> int:
    """Carry out the plans that were applied, one after the other; return how many came to their end.

    One worker has a plan at a time. What was cut short is begun anew, and finds only what is left.
    """
    done = 0
    while not stopped():
        plan = lease.take(db.retention_plans, {"state": "applying"}, now(), LASTS, [("_id", ASCENDING)])
        if plan is None:
            break
        if not _carry_out(db, plan, now, stopped):
            break
        done += 1
    return done


def _carry_out(
    db: Database[Document], plan: Document, now: Callable[[], dt.datetime], stopped: Callable[[], bool]
) -> bool:
    """Do what is left of a plan; false where it was stopped, lost its lease, or met a hold on the store."""
    plans, org, waiting = db.retention_plans, plan["org"], 0
    for work in (_statements(db, plan, now), _documents(db, plan)):
        for counts in work:
            waiting += counts.pop("waiting", 0)
            increments = {f"done.{name}": number for name, number in counts.items()}
            if not lease.renew(plans, plan, now(), LASTS, increments=increments):
                return False
            if stopped() or org in legal_holds.held_orgs(db):
                lease.give_back(plans, plan)
                return False
    state = {} if waiting else {"state": "done", "done_at": now()}
    return lease.give_back(plans, plan, state) and not waiting


def _statements(
    db: Database[Document], plan: Mapping[str, Any], now: Callable[[], dt.datetime]
) -> Iterator[Counter[str]]:
    """Remove and pseudonymise page by page; yields what was done, and how many wait for the engine."""
    org = plan["org"]
    for page in _pages(db, org, plan["rules"]):
        judge = Judge.of(db, plan["evidence"])  # a hold that was placed meanwhile counts
        outcomes: defaultdict[str, list[Any]] = defaultdict(list)
        for row in page:
            outcomes[judge.outcome(row)].append(row["_id"])
        done = Counter({"removed": _remove(db, org, outcomes["removed"])})
        if outcomes["pseudonymised"]:
            done += _pseudonymise(db, org, outcomes["pseudonymised"], now)
        yield done


def _remove(db: Database[Document], org: str, ids: Collection[Any]) -> int:
    """Remove statements, unless the engine was given one meanwhile, and bytes that only they had."""
    if not ids:
        return 0
    gone = {"org": org, "_id": {"$in": list(ids)}, "pending": {"$ne": True}}
    hashes = {
        one["sha2"].lower()
        for row in db.statements.find(gone, {"raw": 1})
        if b'"attachments"' in row.get("raw", b"")
        for _, one in attachments_of(parse_json(row["raw"]))
    }
    removed = db.statements.delete_many(gone).deleted_count
    StatementStore(db, org).drop_unused_parts(sorted(hashes))
    return removed


def _pseudonymise(
    db: Database[Document], org: str, ids: Collection[Any], now: Callable[[], dt.datetime]
) -> Counter[str]:
    """Put pseudonyms for the people in evidence; those whom the engine decides just now wait."""
    statements, done = statements_whole(db), Counter[str]()
    rows = list(statements.find({"org": org, "_id": {"$in": list(ids)}}))
    named = {row["_id"]: _agents(row) for row in rows}
    known = _Owners.of(db, {one for each in named.values() for one in each})
    meant = {row["_id"]: known.people_in(named[row["_id"]], row) for row in rows}
    pseudonyms = _pseudonyms(db, {person for each in meant.values() if each for person in each}, now())
    for row in rows:
        people = meant[row["_id"]]
        if not people:
            done["evidence_kept"] += 1
            continue
        if not people.keys() <= pseudonyms.keys():
            done["waiting"] += 1
            continue
        change: Document = {}
        for person, ifis in people.items():
            change |= rewritten({**row, **change}, ifis, pseudonyms[person])
        same = {"_id": row["_id"], "org": org, "keys": row["keys"], "raw": row["raw"]}
        written = statements.update_one(same, {"$set": change, "$unset": {"received": ""}})
        done["pseudonymised" if written.matched_count else "waiting"] += 1
    return done


def _agents(row: Mapping[str, Any]) -> set[str]:
    """Return the identifiers in a statement, and in what another store had set of it."""
    origin = row.get("origin")
    found = agents_in(parse_json(row["raw"]))
    return found if origin is None else found | agents_in(parse_json(origin["text"]))


@dataclass(frozen=True, slots=True)
class _Owners:
    """Whose identifiers are, and which of them a merge or a split moved."""

    intervals: Mapping[str, Sequence[Interval]]
    moved: frozenset[str]

    @classmethod
    def of(cls, db: Database[Document], ifis: Collection[str]) -> _Owners:
        wanted = {"$in": sorted(ifis)}
        intervals: defaultdict[str, list[Interval]] = defaultdict(list)
        moved = set()
        for person in db.people.find({"org": VENDOR, "ifis.ifi": wanted}, {"ifis": 1}):
            for row in person["ifis"]:
                intervals[row["ifi"]].append(interval(person["_id"], row))
                moved |= {row["ifi"]} if row.get("gains") else set()
        for field in ("former", "had"):
            for person in db.people.find({"org": VENDOR, f"{field}.ifi": wanted}, {field: 1}):
                moved |= {row["ifi"] for row in person[field]}
        return cls(intervals, frozenset(moved))

    def people_in(self, ifis: Collection[str], row: Mapping[str, Any]) -> dict[str, set[str]]:
        """Return the people in a statement with their identifiers there; nobody where one was moved."""
        at, found = min(row["timestamp"], row["stored"]), defaultdict[str, set[str]](set)
        if self.moved.intersection(ifis):
            return {}
        for one in ifis:
            if not one.endswith((f"@{PSEUDONYMS}", f"@{ACCOUNTS}")):
                for owned in self.intervals.get(one, ()):
                    if owned.holds_at(at):
                        found[owned.of].add(one)
        return found


def _pseudonyms(db: Database[Document], people: Collection[str], now: dt.datetime) -> dict[str, Document]:
    """Return the agent that stands for each person in old evidence; some get one now.

    A decision reads identifiers first and evidence then: while it is under way nobody gets a new identifier.
    """
    found, new = {}, []
    for person in db.people.find({"_id": {"$in": sorted(people)}}, {"ifis": 1}):
        own = [
            one for one in person["ifis"] if one["ifi"].endswith(f"@{PSEUDONYMS}") and not one.get("gains")
        ]
        if own:
            found[person["_id"]] = agent_of(own[0]["ifi"])
        else:
            new.append(person["_id"])
    entries = evaluation_queue.entries_of(db, new)
    taken = evaluation_queue.lease(db, list(entries), now)
    for person in new:
        if person not in entries or person in taken.rows:
            name = f"account::{secrets.token_hex(16)}@{PSEUDONYMS}"
            row = {"ifi": name, "from": None, "until": None}
            give_identifier(db, person, row, **{"$inc": {"version": 1}})
            found[person] = agent_of(name)
    evaluation_queue.give_back(db, taken)
    return found


def _documents(db: Database[Document], plan: Mapping[str, Any]) -> Iterator[Counter[str]]:
    """Remove documents page by page; one that was written meanwhile stays."""
    org = plan["org"]
    for rule in plan["rules"]:
        if rule["what"] == "statements":
            continue
        wanted, after = _of_documents(org, rule), ""
        while rows := _some_documents(db, wanted, after):
            after, held, done = rows[-1]["_id"], legal_holds.held_identifiers(db), 0
            for row in rows:
                if row.get("ifi") not in held:
                    gone = db.documents.delete_one({**wanted, "_id": row["_id"]}).deleted_count
                    if gone and "chunks" in row:
                        db["documents.chunks"].delete_many({"org": org, "files_id": row["chunks"]})
                    done += gone
            yield Counter({f"{rule['what']}_removed": done})


def _some_documents(db: Database[Document], wanted: Mapping[str, Any], after: Any) -> list[Document]:
    later = {**wanted, **({"_id": {"$gt": after}} if after else {})}
    return list(db.documents.find(later, {"chunks": 1, "ifi": 1}).sort("_id", ASCENDING).limit(PAGE))
