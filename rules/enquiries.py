"""Questions about rules and people, answered for command line, API and console alike."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.database import Database

from rules import backfill, work
from rules import explain as explanation
from rules.calendar import local_date
from rules.check_words import nearest
from rules.decisions import full_history
from rules.errors import OnlyVersion, UnknownRule
from rules.explain import Explanation
from rules.histories import load_dossiers
from rules.people import callings_of, find_person, names_of
from rules.rule_set import RuleSet, timezone_of
from rules.standings import StateAt, state_at
from rules.store import RuleStore, cache_of

Document = dict[str, Any]

VENDOR: Final = "vendor"


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
    """Return draft, published, retired, withdrawn or disabled (1)."""
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


def diff_versions(db: Database[Document], rule_id: str, old: str | None, new: str | None) -> Iterator[str]:
    """Yield the unified difference of two versions' source texts; without names, of the two newest."""
    if old is None or new is None:
        rows = [row for row in RuleStore(db).rows(rule_id=rule_id) if row["action"] == "publish"]
        if not rows:
            raise _unknown(db, rule_id, None, "rule")
        if len(rows) < 2 and new is None:
            raise OnlyVersion(rule_id, rows[0]["version"])
        rows.sort(key=lambda row: (row["effective_at"], row["seq"]))
        old, new = old or rows[-2]["version"], new or rows[-1]["version"]
    before, after = get_record(db, rule_id, old), get_record(db, rule_id, new)
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
    """Say why a person holds a certification at an instant, or why not yet (6-3).

    Raises UnknownPerson or UnknownRule.

    With `known_at`, only what was stored, decided and published until then is known.
    """
    rules = cache_of(db).get(fresh=True) if known_at is None else RuleStore(db).rule_set(known_at)
    if certification not in rules.certifications:
        later = known_at is not None and certification in cache_of(db).get(fresh=True).certifications
        if later:
            raise UnknownRule("Certification", certification, f"it was published after {known_at:%Y-%m-%d}")
        raise rules.unknown("Certification", certification)
    found = find_person(db, person, known_at)
    row = work.rows_of(db, [found]).get(found)
    dossiers, shared = load_dossiers(db, rules, {found: row.stores if row else ()}, known_at)
    known = dossiers[found].known_at(now) if known_at is None else known_at
    history = full_history(rules, dossiers[found], shared, known, certification)
    told = explanation.explain(rules.certifications[certification], history, known, at or now)
    return replace(told, name=names_of(db, [found]).get(found))


def history_of(db: Database[Document], person: str, certification: str) -> list[Document]:
    """Return the transitions on record, corrections and people's facts included, in order of decision (6).

    Raises UnknownPerson or UnknownRule.
    """
    found = find_person(db, person)
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
    state: str | None = None,
    organization: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Iterator[Document]:
    """Yield standings as they are at an instant, by person and certification; raises UnknownPerson."""
    query: Document = {"org": VENDOR, "$and": []}
    if person is not None:
        query["$and"].append({"person": find_person(db, person)})
    if persons is not None:
        query["$and"].append({"person": {"$in": sorted(persons)}})
    if organization is not None:
        running = {"$or": [{"until": None}, {"until": {"$gt": now}}]}
        members = db.affiliations.find({"org": organization, "primary": True, **running}, {"person": 1})
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
        found = state_at(standing, now)
        if found is None or (state is not None and found.state != state):
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
        names = callings_of(db, {row[field] for row in some if row.get(field)}, now)
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
