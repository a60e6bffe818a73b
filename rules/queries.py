"""Questions about rules and people, answered for command line, API and console alike."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from pymongo import ASCENDING
from pymongo.database import Database

from rules.calendar import local_date
from rules.catalogue.rule_set import RuleSet, timezone_of
from rules.catalogue.store import RuleStore, cache_of
from rules.engine.affiliations import holding
from rules.engine.decisions import full_history
from rules.engine.histories import load_histories
from rules.engine.identity import find_person, listed_names_of, names_of
from rules.engine.queues import evaluation_queue
from rules.engine.standings import StateAt, state_at
from rules.errors import OnlyVersion, UnknownRule
from rules.evaluation.timeline import HELD_STATES
from rules.explaining import explain as explanation
from rules.explaining.explain import Explanation
from rules.explaining.next_steps import asked_for
from rules.language.suggestions import nearest
from rules.programmes import assigned
from rules.programmes.assignments import Standing
from rules.programmes.targeted import asked_of_person
from rules.publication import backfill
from rules.stored import VENDOR, Document


def list_rules(db: Database[Document], now: dt.datetime) -> list[Document]:
    """Return every published document, newest version of each, with what is wrong with it, if anything."""
    rules, failures = cache_of(db).get(fresh=True), RuleStore(db).failures()
    running = {
        one["_id"] for job in backfill.unfinished(db) for one in [{"_id": c} for c in job["certifications"]]
    }
    found = []
    for (kind, rule_id), records in sorted(rules.documents.items()):
        newest = records[-1]
        failure = failures.get(rule_id) if kind == "Certification" else None
        found.append(
            {
                "kind": kind,
                "id": rule_id,
                "version": newest.version,
                "title": newest.document.title,
                "mode": newest.mode,
                "lifecycle": lifecycle(rules, kind, rule_id, now),
                "effective_from": local_date(newest.effective_at, timezone_of(newest.document)).isoformat(),
                "decided_at": newest.decided_at,
                "versions": len(records),
                "hash": newest.hash,
                "backfill": rule_id in running and kind == "Certification",
                "failure": failure
                and {"error": failure["error"], "tries": failure["tries"], "retry_at": failure["retry_at"]},
            }
        )
    return found


def lifecycle(rules: RuleSet, kind: str, rule_id: str, at: dt.datetime) -> str:
    """Return draft, published, retired, withdrawn or disabled (cert#1)."""
    if kind != "Certification":
        return "published"
    changes = [one for one in rules.certifications[rule_id].lifecycle if one.at <= at]
    return changes[-1].to if changes else "published"


def get_record(
    db: Database[Document], rule_id: str, version: str | None = None, kind: str | None = None
) -> Document:
    """Return the row of a published version, the newest one if none is named; raises UnknownRule."""
    query: Document = {"org": VENDOR, "action": "publish", "id": rule_id}
    query |= {} if version is None else {"version": version}
    query |= {} if kind is None else {"kind": kind}
    found = db.rule_versions.find_one(query, sort=[("effective_at", -1), ("seq", -1)])
    if found is None:
        raise _unknown(db, rule_id, version, kind or "rule")
    return found


def _unknown(db: Database[Document], rule_id: str, version: str | None, kind: str) -> UnknownRule:
    """Return the error that there is no such id or version, with the versions or the nearest id."""
    published = [row for row in RuleStore(db).rows() if row["action"] == "publish"]
    versions = [row["version"] for row in published if row["id"] == rule_id]
    if versions:
        return UnknownRule(kind, f"{rule_id} v{version}", f"versions: {', '.join(versions)}")
    close = nearest(rule_id, {row["id"] for row in published})
    return UnknownRule(kind, rule_id, f"did you mean {close}?" if close else None)


def diff_versions(
    db: Database[Document], rule_id: str, old: str | None, new: str | None, kind: str | None = None
) -> Iterator[str]:
    """Yield the unified difference of two versions' source texts; without names, of the two newest."""
    if old is None or new is None:
        rows = [row for row in RuleStore(db).rows(rule_id=rule_id) if row["action"] == "publish"]
        if not rows:
            raise _unknown(db, rule_id, None, "rule")
        if len(rows) < 2 and new is None:
            raise OnlyVersion(rule_id, rows[0]["version"])
        rows.sort(key=lambda row: (row["effective_at"], row["seq"]))
        old, new = old or rows[-2]["version"], new or rows[-1]["version"]
    before, after = get_record(db, rule_id, old, kind), get_record(db, rule_id, new, kind)
    yield from difflib.unified_diff(
        before["source"].splitlines(), after["source"].splitlines(),
        f"{rule_id} v{old}", f"{rule_id} v{new}", before["effective_from"], after["effective_from"],
        lineterm="",
    )  # fmt: skip


def explain(
    db: Database[Document],
    person: str,
    certification: str,
    at: dt.datetime | None,
    now: dt.datetime,
    *,
    known_at: dt.datetime | None = None,
) -> Explanation:
    """Say why a person holds a certification at an instant, or why not yet (cert#6-3).

    Raises UnknownPerson or UnknownRule.

    With `known_at`, only what was stored, decided and published until then is known.
    """
    rules = cache_of(db).get(fresh=True) if known_at is None else RuleStore(db).rule_set(known_at)
    if certification not in rules.certifications:
        later = known_at is not None and certification in cache_of(db).get(fresh=True).certifications
        if later:
            raise UnknownRule("Certification", certification, f"it was published after {known_at:%Y-%m-%d}")
        raise rules.unknown("Certification", certification)
    found = find_person(db, person, now, known_at)
    row = evaluation_queue.entries_of(db, [found]).get(found)
    histories, shared = load_histories(db, rules, {found: row.stores if row else ()}, known_at)
    known = histories[found].known_at(now) if known_at is None else known_at
    history = full_history(rules, histories[found], shared, known, certification)
    published = rules.certifications[certification]
    told = explanation.explain(published, history, known, at or now)
    asked = asked_of_person(db, rules, found, certification, at or now)
    steps = told.next
    if asked is not None and told.state not in HELD_STATES:
        today = local_date(at or now, published.versions[-1].timezone)
        steps = (asked_for(asked, today), *steps)
    return replace(told, name=names_of(db, [found]).get(found), asked=asked, next=steps)


def explain_each(
    db: Database[Document], person: str, certifications: Iterable[str], now: dt.datetime
) -> dict[str, Explanation]:
    """Explain several certifications of a person now, reading once what the person did (cert#6-3).

    What is not published is left out, and what is asked by whom: `asked` stays None. Raises UnknownPerson.
    """
    rules = cache_of(db).get(fresh=True)
    wanted = [name for name in certifications if name in rules.certifications]
    found = find_person(db, person, now)
    if not wanted:
        return {}
    row = evaluation_queue.entries_of(db, [found]).get(found)
    histories, shared = load_histories(db, rules, {found: row.stores if row else ()})
    known = histories[found].known_at(now)
    return {
        name: explanation.explain(
            rules.certifications[name],
            full_history(rules, histories[found], shared, known, name),
            known,
            now,
        )
        for name in wanted
    }


def explain_assignment(
    db: Database[Document], person: str, assignment: str, at: dt.datetime, now: dt.datetime
) -> tuple[Standing | None, Explanation]:
    """Say how a person stands in an assignment, and why: each step of its path, met or not (cert#5-9).

    The standing is None where it is not asked of the person. Raises UnknownPerson or UnknownRule.
    """
    told = explain_path(db, person, assignment, at, now)
    asking = assigned.Asking([assignment], [told.person], at)
    standing = next((one for _, one in assigned.standings_of(db, cache_of(db).get(), asking, now)), None)
    return standing, replace(told, asked=standing.asked if standing else None)


def explain_path(
    db: Database[Document], person: str, assignment: str, at: dt.datetime, now: dt.datetime
) -> Explanation:
    """Say which steps of an assignment's path a person has met, asked of them or not.

    Raises UnknownPerson or UnknownRule.
    """
    rules = cache_of(db).get(fresh=True)
    found = find_person(db, person, now)
    version = assigned.path_at(rules, assignment, at)
    history, known_at = assigned.history_of(db, rules, found, assignment, now)
    told = explanation.explain(version.path, history, known_at, at)
    return replace(told, version=version.document.version, name=names_of(db, [found]).get(found))


def history_of(db: Database[Document], person: str, certification: str, now: dt.datetime) -> list[Document]:
    """Return the transitions on record, with corrections and people's facts, in order of decision (cert#6).

    Raises UnknownPerson or UnknownRule.
    """
    found = find_person(db, person, now)
    wanted = {"org": VENDOR, "person": found, "certification": {"$in": [certification, None]}}
    order = [("decided_at", ASCENDING), ("effective_at", ASCENDING), ("n", ASCENDING)]
    rows = [_history_row(row) for row in db.facts.find(wanted).sort(order)]
    rules = cache_of(db).get(fresh=True)
    if not rows and certification not in rules.certifications:
        raise rules.unknown("Certification", certification)
    return rows


def _history_row(row: Document) -> Document:
    fields: Document = {
        "what": row["kind"],
        "from": row.get("before"),
        "to": row.get("after"),
        "effective_at": row["effective_at"],
        "decided_at": row["decided_at"],
        "version": row.get("version"),
        "evidence": row.get("evidence"),
        "by": row.get("by") or row.get("recorded_by"),
        "reason": row.get("reason"),
        "until": row.get("until") or row.get("until_day"),
        "note": row.get("note"),
        "id": row["_id"],
        "evaluated": row.get("evaluated") or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def list_awards(  # one keyword per filter
    db: Database[Document],
    now: dt.datetime,
    *,
    person: str | None = None,
    persons: Collection[str] | None = None,
    certification: str | None = None,
    states: Collection[str] = (),
    organization: str | None = None,
    at: dt.datetime | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Iterator[Document]:
    """Yield standings as they are at an instant (`at`, else now), by person and certification.

    What is known now decides; without `states` all are listed. Raises UnknownPerson.
    """
    at = at or now
    query: Document = {"org": VENDOR, "$and": []}
    if person is not None:
        query["$and"].append({"person": find_person(db, person, now)})
    if persons is not None:
        query["$and"].append({"person": {"$in": sorted(persons)}})
    if organization is not None:
        counting = {"org": organization, "primary": True, **holding(at)}
        members = db.affiliations.find(counting, {"person": 1})
        query["$and"].append({"person": {"$in": sorted({row["person"] for row in members})}})
    if not query["$and"]:
        del query["$and"]
    if certification is not None:
        query["certification"] = certification
    if after is not None:
        query["_id"] = {"$gt": after}
        query["$and"] = [*query.get("$and", ()), {"person": {"$gte": after.partition("/")[0]}}]
    given = 0
    by_id = [("person", ASCENDING), ("certification", ASCENDING)]  # what an id is made of, and indexes hold
    for standing in db.standings.find(query).sort(by_id):
        found = state_at(standing, at)
        if found is None or (states and found.state not in states):
            continue
        yield award_row(standing, found)
        given += 1
        if limit is not None and given >= limit:
            return


def with_names(
    db: Database[Document], rows: Iterable[Document], now: dt.datetime, field: str = "person"
) -> Iterator[Document]:
    """Yield rows with `name`, what the person of `field` is called; people are read by the hundred."""
    remaining = iter(rows)
    while some := list(islice(remaining, 500)):
        names = listed_names_of(db, {row[field] for row in some if row.get(field)}, now)
        for row in some:
            yield row | {"name": names.get(row.get(field) or "")}


def award_row(standing: Document, found: StateAt) -> Document:
    """Return one standing as a row of a listing."""
    return {
        "id": standing["_id"],
        "person": standing["person"],
        "certification": standing["certification"],
        "state": found.state,
        "since": found.since,
        "awarded": found.awarded,
        "expires": found.expires,
        "version": found.version,
        "award": found.award,
        "evaluated": not found.counts,
    }
