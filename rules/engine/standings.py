"""The current view, derived from facts and statements; it can be dropped and rebuilt (`lrs awards rebuild`).

standings {_id: "<person>/<certification>", org: "vendor", person, certification, states, awards, reviews?,
           next_change_at, digest, decided_at}
awards    {_id: award id, org: "vendor", person, certification, ordinal, version, periods, states, final, ...}

`digest` stands for the timeline of which standing and awards were made: they are rewritten when it changes.

`states` is the line of public states, past and to come: [{at, state, version, award, awarded, expires, ...}].
What holds at an instant is read off it (`state_at`), whether or not a worker runs.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

import orjson
from pymongo import ASCENDING, IndexModel, InsertOne, ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.evaluation.award_ids import award_id
from rules.evaluation.timeline import AwardRecord, AwardTimeline, Period, Segment
from rules.stored import VENDOR, Document

INDEXES: dict[str, list[IndexModel]] = {
    "standings": [
        IndexModel([("org", ASCENDING), ("person", ASCENDING), ("certification", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("certification", ASCENDING), ("person", ASCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("reviews", ASCENDING)],
            partialFilterExpression={"reviews": {"$exists": True}},
        ),
    ],
    "awards": [
        IndexModel([("org", ASCENDING), ("person", ASCENDING), ("certification", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("certification", ASCENDING), ("_id", ASCENDING)]),
        IndexModel(
            [("credential_due", ASCENDING)], partialFilterExpression={"credential_due": {"$exists": True}}
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class StateAt:
    """A public state at an instant, read off a standing or an award."""

    state: str
    since: dt.datetime
    award: str | None = None
    awarded: str | None = None
    expires: str | None = None
    version: str | None = None
    counts: bool = True


def digest_of(rules: RuleSet, timeline: AwardTimeline) -> str:
    """Return what is the same for two timelines if, and only if, standing and awards would be the same."""
    silent = {
        one.version
        for one in timeline.segments
        if rules.mode(timeline.certification, one.version) == "evaluate"
    }
    periods = [_SHOWN_OF_PERIOD(one) for one in timeline.periods]
    said = (timeline.segments, periods, timeline.awards, _open_reviews(timeline), sorted(map(str, silent)))
    return sha256(orjson.dumps(said)).hexdigest()[:32]


_NOT_SHOWN: Final = {"timezone", "renews_from", "deadlines", "suspensions"}
_SHOWN_OF_PERIOD: Final = attrgetter(*(one.name for one in fields(Period) if one.name not in _NOT_SHOWN))
"""What standing and awards show of a period, in the order of its fields; stored digests depend on it."""


def _open_reviews(timeline: AwardTimeline) -> int:
    return sum(1 for item in timeline.reviews if item.closed_at is None)


def standing_of(
    rules: RuleSet, person: str, timeline: AwardTimeline, now: dt.datetime, digest: str | None = None
) -> Document:
    """Return the standing that a timeline makes; `digest` where it is known already."""
    name = timeline.certification
    states = [_state(rules, person, name, segment) for segment in timeline.segments]
    body: Document = {
        "org": VENDOR,
        "person": person,
        "certification": name,
        "states": states,
        "awards": [award_id(person, name, one.ordinal) for one in timeline.awards],
        "reviews": _open_reviews(timeline) or None,
        "next_change_at": timeline.next_change_after(now),
    }
    if body["reviews"] is None:
        del body["reviews"]
    digest = digest or digest_of(rules, timeline)
    return {"_id": f"{person}/{name}", **body, "digest": digest, "decided_at": now}


def awards_of(
    rules: RuleSet, person: str, timeline: AwardTimeline, digest: str, now: dt.datetime
) -> list[Document]:
    """Return the award documents that a timeline makes, one for each award, in order."""
    return [_award(rules, person, timeline, record, digest=digest, now=now) for record in timeline.awards]


def _award(
    rules: RuleSet,
    person: str,
    timeline: AwardTimeline,
    record: AwardRecord,
    *,
    digest: str,
    now: dt.datetime,
) -> Document:
    name = timeline.certification
    periods = [period for period in timeline.periods if period.award == record.ordinal]
    segments = [segment for segment in timeline.segments if segment.award == record.ordinal]
    body: Document = {
        "org": VENDOR,
        "person": person,
        "certification": name,
        "ordinal": record.ordinal,
        "version": periods[-1].version if periods else None,
        "awarded_at": record.awarded_at,
        "final": record.final,
        "final_at": record.final_at,
        "reason": record.reason,
        "periods": [_period(period) for period in periods],
        "states": [_state(rules, person, name, segment) for segment in segments],
        "evaluated": bool(periods) and rules.mode(name, periods[-1].version) == "evaluate",
    }
    return {"_id": award_id(person, name, record.ordinal), **body, "digest": digest, "decided_at": now}


def _state(rules: RuleSet, person: str, name: str, segment: Segment) -> Document:
    fields: Document = {
        "at": segment.at,
        "state": segment.state,
        "reason": segment.reason,
        "version": segment.version,
        "award": None if segment.award is None else award_id(person, name, segment.award),
        "period": segment.period,
        "awarded": segment.awarded and segment.awarded.isoformat(),
        "expires": segment.expires and segment.expires.isoformat(),
        "evaluated": rules.mode(name, segment.version) == "evaluate" or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _period(period: Period) -> Document:
    return {
        "kind": period.kind,
        "version": period.version,
        "evidence": list(period.evidence),
        "awarded_at": period.awarded_at,
        "valid_from": period.valid_from,
        "awarded": period.awarded.isoformat(),
        "baseline_until": period.baseline_until and period.baseline_until.isoformat(),
        "valid_until": period.valid_until and period.valid_until.isoformat(),
        "anchor": period.anchor.isoformat(),
        "n": period.n,
        "opens_at": period.opens_at,
        "ends_at": period.ends_at,
        "lapses_at": period.lapses_at,
        "ending": period.ending,
        "extensions": [{"at": at, "until": day.isoformat()} for at, day in period.extensions],
        "gaps": [{"from": start, "until": end} for start, end in period.gaps],
        "upgrades": [{"at": at, "version": version} for at, version in period.upgrades],
    }


def is_empty(timeline: AwardTimeline) -> bool:
    """Tell whether a timeline says nothing: no award, no review, never anything but in_progress."""
    return (
        not timeline.awards
        and not timeline.reviews
        and all(s.state == "in_progress" for s in timeline.segments)
    )


# Reading


def state_at(document: Mapping[str, Any], at: dt.datetime) -> StateAt | None:
    """Return the state that a standing or an award shows at an instant; None before its beginning."""
    states: Sequence[Mapping[str, Any]] = document["states"]
    index = bisect.bisect_right(states, at, key=lambda one: one["at"]) - 1
    if index < 0:
        return None
    found = states[index]
    return StateAt(
        state=found["state"],
        since=found["at"],
        award=found.get("award"),
        awarded=found.get("awarded"),
        expires=found.get("expires"),
        version=found.get("version"),
        counts=not found.get("evaluated", False),
    )


def digests(db: Database[Document], persons: Collection[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return what the view says of these persons: person -> id -> (certification, digest)."""
    wanted = {"org": VENDOR, "person": {"$in": list(persons)}}
    fields = {"person": 1, "certification": 1, "digest": 1}
    found: dict[str, dict[str, tuple[str, str]]] = {person: {} for person in persons}
    for name in ("standings", "awards"):
        for row in db[name].find(wanted, fields, batch_size=5000):
            found[row["person"]][row["_id"]] = (row["certification"], row["digest"])
    return found


def by_certification(view: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Return what the view says of a person by certification: id -> digest."""
    found: dict[str, dict[str, str]] = {}
    for one, (certification, digest) in view.items():
        found.setdefault(certification, {})[one] = digest
    return found


def write(
    db: Database[Document],
    standings: Iterable[Document],
    awards: Iterable[Document],
    gone: Mapping[str, Document | None],
    session: ClientSession | None,
    *,
    known: Collection[str],
    now: dt.datetime,
) -> None:
    """Write these standings and awards; `gone` are awards that are no more, `known` ids that are there.

    `gone` says what each became part of, where its person was merged into another.
    What others keep on an award (`credential_due`, what its holder displays) stays.
    """
    views: list[Any] = [
        ReplaceOne({"_id": row["_id"]}, row) if row["_id"] in known else InsertOne(row) for row in standings
    ]
    if views:
        db.standings.bulk_write(views, ordered=False, session=session)
    changes: list[Any] = [
        UpdateOne({"_id": row["_id"]}, {"$set": {k: v for k, v in row.items() if k != "_id"}})
        if row["_id"] in known
        else InsertOne(row)
        for row in awards
    ]
    ended = {"annulled": True, "states": [], "periods": [], "digest": "", "credential_due": now}
    for one, merged_into in gone.items():
        part: Document = {"merged_into": merged_into} if merged_into else {}
        changes.append(UpdateOne({"_id": one}, {"$set": ended | part}))
    if changes:
        db.awards.bulk_write(changes, ordered=False, session=session)


def drop(db: Database[Document], standings: Collection[str], session: ClientSession | None) -> None:
    """Remove standings that nothing supports any more."""
    if standings:
        db.standings.delete_many({"_id": {"$in": list(standings)}}, session=session)
