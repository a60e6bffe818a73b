"""What a decision adds to the record: transitions that began, those that no longer hold, reviews; events.

The difference between a timeline and the transitions on record; a second decision of the same finds nothing.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from rules.catalogue.rule_set import RuleSet
from rules.engine.histories import StoredHistory
from rules.engine.queues.outbox import Event
from rules.evaluation.award_ids import award_id
from rules.evaluation.timeline import ACTIVE_STATES, HELD_STATES, AwardTimeline, State, Transition
from rules.stored import VENDOR, Document


@dataclass(frozen=True, slots=True)
class Changes:
    """What a decision adds to the record of one certification: facts, and the events that tell of them."""

    facts: tuple[Document, ...] = ()
    events: tuple[Event, ...] = ()
    awards: frozenset[str] = frozenset()


def transitions_on_record(recorded: Collection[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the transitions of a certification on record that were not retracted."""
    rows = [row for row in recorded if row["certification"] == name]
    gone = {row["of"] for row in rows if row["kind"] == "retraction"}
    return [row for row in rows if row["kind"] == "transition" and row["_id"] not in gone]


def transition_key(change: Transition) -> str:
    """Return what makes a transition the same one in the next decision: award, period, states, instant."""
    return f"{change.award}:{change.period}:{change.before}>{change.after}@{change.effective_at.isoformat()}"


def changes_of(
    rules: RuleSet,
    stored_history: StoredHistory,
    timeline: AwardTimeline,
    now: dt.datetime,
    organization: str | None,
) -> Changes:
    """Return the facts and events by which the record comes to say what the timeline says, up to now."""
    name = timeline.certification
    standing = {row["key"]: row for row in transitions_on_record(stored_history.recorded, name)}
    uses = Counter(
        row["key"]
        for row in stored_history.recorded
        if row["kind"] == "transition" and row["certification"] == name
    )
    present = {transition_key(one): one for one in timeline.transitions if one.effective_at <= now}
    gone = [row for key, row in standing.items() if key not in present]
    fresh = [(key, one) for key, one in present.items() if key not in standing]
    facts = [_retraction(row, now) for row in gone]
    events: list[Event] = []
    replaced = {(row["after"], row["award"]) for row in gone}
    for n, (key, one) in enumerate(sorted(fresh, key=lambda pair: pair[1].effective_at)):
        row = _transition(rules, stored_history.person, name, one, key=key, now=now) | {"n": n}
        row["_id"] = _fact_id(stored_history.person, name, key, uses[key])
        facts.append(row)
        kind = event_type(one)
        if (one.after, row["award"]) in replaced:
            kind = None
        if kind is not None:
            effect = (
                row["award"] or stored_history.person,
                str(one.period),
                f"{one.before}-{one.after}",
                _iso(one.effective_at),
            )
            events.append(_event(kind, effect + ((str(uses[key]),) if uses[key] else ()), row, organization))
    events += correction_events(gone, timeline, now, organization)
    reviews, told = review_changes(stored_history, timeline, now, organization)
    events += told + extension_events(stored_history, timeline, now, organization)
    silent = rules.mode(name, _version(timeline, now)) == "evaluate"
    touched = frozenset(row["award"] for row in [*gone, *facts] if row.get("award"))
    return Changes((*facts, *reviews), () if silent else tuple(events), touched)


def correction_events(
    gone: Collection[Mapping[str, Any]], timeline: AwardTimeline, now: dt.datetime, organization: str | None
) -> list[Event]:
    """Return one `award.corrected` for each award of which earlier decisions no longer stand."""
    latest = {row["award"]: row for row in sorted(gone, key=lambda row: row["effective_at"]) if row["award"]}
    found = []
    for award, row in latest.items():
        names = "".join(sorted(one["_id"] for one in gone if one["award"] == award))
        decision = sha256(names.encode()).hexdigest()[:32]
        told = {**row, "before": row["after"], "after": timeline.segment_at(now).state, "reason": "corrected"}
        found.append(_event("award.corrected", (award, decision), told, organization))
    return found


def _version(timeline: AwardTimeline, at: dt.datetime) -> str | None:
    return timeline.segment_at(at).version


def _iso(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _fact_id(person: str, name: str, key: str, use: int) -> str:
    return "dec_" + sha256(f"{person}|{name}|{key}|{use}".encode()).hexdigest()[:32]


def _transition(
    rules: RuleSet, person: str, name: str, change: Transition, *, key: str, now: dt.datetime
) -> Document:
    return {
        "org": VENDOR,
        "by_people": False,
        "kind": "transition",
        "person": person,
        "certification": name,
        "key": key,
        "award": None if change.award is None else award_id(person, name, change.award),
        "period": change.period,
        "before": change.before,
        "after": change.after,
        "effective_at": change.effective_at,
        "decided_at": now,
        "version": change.version,
        "evidence": list(change.evidence),
        "reason": change.reason,
        "evaluated": rules.mode(name, change.version) == "evaluate",
    }


def _retraction(row: Mapping[str, Any], now: dt.datetime) -> Document:
    """Return the fact that an earlier decision no longer stands (4.12-2: a correction is a new record)."""
    return {
        "_id": "ret_" + sha256(row["_id"].encode()).hexdigest()[:32],
        "org": VENDOR,
        "by_people": False,
        "kind": "retraction",
        "of": row["_id"],
        "person": row["person"],
        "certification": row["certification"],
        "award": row["award"],
        "before": row["before"],
        "after": row["after"],
        "effective_at": row["effective_at"],
        "decided_at": now,
        "version": row["version"],
        "reason": "corrected",
        "evaluated": row.get("evaluated", False),
    }


def event_type(change: Transition) -> str | None:
    """Return the event of a transition (cert#8); None for those that tell nobody anything."""
    before, after = change.before, change.after
    if after in FINAL_EVENTS:
        return FINAL_EVENTS[after]
    if before in {"in_progress", "pending_review", "revoked", "withdrawn"}:
        return "award.issued" if after in HELD_STATES else None
    if after in {"in_progress", "pending_review"}:
        return "award.corrected"  # a period was annulled (cert#4.9)
    if before == "suspended":
        return "award.reinstated" if after in HELD_STATES else None
    if before == "expired":
        restored = "release" in change.reason or "reinstate" in change.reason
        return ("award.reinstated" if restored else "award.renewed") if after in HELD_STATES else None
    if after in {"renewal_open", "grace"} and before != "grace":
        return f"award.{after}" if (before, after) in CLOCK else None
    if after in ACTIVE_STATES and "extension" not in change.reason and "extended" not in change.reason:
        return "award.renewed"
    return None


CLOCK: Final = {("active", "renewal_open"), ("active", "grace"), ("renewal_open", "grace")}
FINAL_EVENTS: Final[Mapping[State, str]] = {
    "suspended": "award.suspended",
    "revoked": "award.revoked",
    "withdrawn": "award.withdrawn",
    "expired": "award.expired",
}


def _event(kind: str, effect: tuple[str, ...], row: Mapping[str, Any], organization: str | None) -> Event:
    """Return an event with the body of 8-3: no evidence, no address."""
    award = row.get("award")
    return Event(
        kind,
        effect,
        row["effective_at"],
        {
            "person": row["person"],
            "organization": organization,
            "certification": row["certification"],
            "version": row.get("version"),
            "award": award,
            "period": row.get("period"),
            "state": row.get("after"),
            "previous_state": row.get("before"),
            "reason": row.get("reason"),
            "links": {"credential": f"/credentials/{award}"} if award else None,
        },
    )


def review_changes(
    stored_history: StoredHistory, timeline: AwardTimeline, now: dt.datetime, organization: str | None
) -> tuple[list[Document], list[Event]]:
    """Return the review items that opened or closed since, and their events (cert#4.1-3, cert#4.9)."""
    own = [row for row in stored_history.recorded if row["certification"] == timeline.certification]
    known = {row["_id"]: row for row in own if row["kind"] in {"review", "review_closed"}}
    facts: list[Document] = []
    events: list[Event] = []
    present: set[str] = set()
    for item in timeline.reviews:
        award = (
            None
            if item.award is None
            else award_id(stored_history.person, timeline.certification, item.award)
        )
        about = (stored_history.person, timeline.certification, item.kind, item.statement, item.award)
        name = "|".join(map(str, (*about, _iso(item.opened_at))))
        review = "rev_" + sha256(name.encode()).hexdigest()[:32]
        present.add(review)
        shared = {
            "org": VENDOR, "by_people": False, "person": stored_history.person,
            "certification": timeline.certification, "award": award, "decided_at": now, "review": review,
            "item": item.kind, "statement": item.statement, "reason": item.kind,
            "version": _version(timeline, now),
        }  # fmt: skip
        steps = [("review", "review.opened", review, item.opened_at)]
        if item.closed_at is not None:
            steps.append(("review_closed", "review.closed", f"{review}_closed", item.closed_at))
        for kind, event, fact, at in steps:
            if fact not in known and at <= now:
                row = shared | {"_id": fact, "kind": kind, "effective_at": at, "outcome": item.outcome}
                facts.append(row)
                events.append(_event(event, (award or stored_history.person, fact), row, organization))
    for review, known_row in known.items():
        fact = f"{review}_closed"
        if known_row["kind"] == "review" and review not in present and fact not in known:
            closed: Document = {
                **known_row,
                "_id": fact,
                "kind": "review_closed",
                "effective_at": now,
                "decided_at": now,
            }
            facts.append(closed | {"outcome": "obsolete"})
            events.append(
                _event(
                    "review.closed", (closed["award"] or stored_history.person, fact), closed, organization
                )
            )
    return facts, events


def extension_events(
    stored_history: StoredHistory, timeline: AwardTimeline, now: dt.datetime, organization: str | None
) -> list[Event]:
    """Return the events of extensions that work; the outbox drops those it knows."""
    working = {(at, day): period for period in timeline.periods for at, day in period.extensions}
    found = []
    for fact in stored_history.facts:
        period = (
            working.get((fact.at, fact.until_day)) if fact.kind == "extension" and fact.until_day else None
        )
        if period is None or fact.at > now or fact.certification not in {None, timeline.certification}:
            continue
        award = award_id(stored_history.person, timeline.certification, period.award)
        row = {
            "person": stored_history.person, "certification": timeline.certification, "award": award,
            "effective_at": fact.at, "version": period.version, "reason": fact.reason,
            "after": timeline.segment_at(now).state,
        }  # fmt: skip
        found.append(_event("award.extended", (award, fact.id, "extended"), row, organization))
    return found
