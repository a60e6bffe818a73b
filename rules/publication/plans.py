"""Plans: what a publication or a withdrawal would change, kept for a day; and their application (cert#6).

plans       {_id, org: "vendor", sources, withdraw?, reason?, document_hash, documents, base, computed_at,
             expires_at, by, summary, tiers, applied_at?, applied_by?,
             reviews?, approved_by?, objecting? (rules.publication.reviews)}
plan_people {plan, person, certification, change, at, before, after, missing, reason?, name,
             organization, expires_at}
plan_asked  {plan, person, certification or assignment, change, at, before, after, name, organization,
             expires_at}

Both sides of a plan are computed by the very functions that decide live, over the same stored history.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet, effective_instant
from rules.catalogue.store import RuleStore
from rules.checking.check import check, resolved
from rules.checking.load import Loaded, load
from rules.checking.names import PublishedNames
from rules.engine.identity import (
    Admit,
    no_affiliation,
)
from rules.errors import InvalidRuleFile, RuleError, StalePlan
from rules.evaluation.award_ids import encode
from rules.language.dump import document_hash
from rules.language.model import AnyDocument, Assignment, Certification, PartnerTiers, Release
from rules.publication import backfill, publishing
from rules.publication.affected import Affected, affected_people
from rules.publication.asked_changes import ASKED_CHANGES
from rules.publication.before_and_after import (
    Sides,
    differences,
    people_concerned,
    people_newly_matched,
    sides_of,
)
from rules.publication.comparing import Compare, Progress, compared_here, planned_changes
from rules.stored import VENDOR, Document
from rules.testing.runner import case_problems, run_tests

LIVES: Final = dt.timedelta(hours=24)
LINES: Final = 1000

INDEXES: dict[str, list[IndexModel]] = {
    "plan_people": [
        IndexModel([("plan", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("plan", ASCENDING), ("person", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=7 * 24 * 3600),
    ],
    "plan_asked": [
        IndexModel([("plan", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=7 * 24 * 3600),
    ],
    "plans": [
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=7 * 24 * 3600),
        IndexModel([("org", ASCENDING), ("applied_at", ASCENDING), ("expires_at", ASCENDING)]),
    ],
}


class UnknownPlan(RuleError):
    """No plan has that id; plans are forgotten a week after they expire."""

    def __init__(self, plan: str) -> None:
        self.plan = plan
        super().__init__(f"no plan {plan!r}")


class SamePerson(RuleError):
    """The deployment asks for two persons, and the one who planned wants to apply (cert#6-2)."""

    def __init__(self, plan: str, by: str) -> None:
        self.plan, self.by = plan, by
        super().__init__(f"plan {plan} was made by {by}; somebody else has to approve or apply it")


class ReviewMissing(RuleError):
    """An objection or a comment without a word."""

    def __init__(self, plan: str, verdict: str) -> None:
        self.plan, self.verdict = plan, verdict
        super().__init__("say what you mean: an objection or a comment needs a text")


class ObjectedPlan(RuleError):
    """Somebody objects to the plan; it waits until they approve, or is made anew (cert#6-2)."""

    def __init__(self, plan: str, by: Sequence[str]) -> None:
        self.plan, self.by = plan, tuple(by)
        super().__init__(f"{', '.join(by)} object to plan {plan}; they approve it, or it is planned again")


def read_files(
    files: Sequence[tuple[str, bytes | str]], names: PublishedNames, known: Iterable[AnyDocument]
) -> list[tuple[AnyDocument, str]]:
    """Check files together and run their tests; return resolved documents with their texts.

    Raises InvalidRuleFile with every problem that is not a warning.
    """
    loaded = [load(text, file) for file, text in files]
    problems = [one for one in check(loaded, names) if one.severity == "error"]
    if problems:
        raise InvalidRuleFile(problems)
    found = [(one, document) for one in loaded if (document := resolved(one, loaded, names)) is not None]
    others = [*known, *(document for _, document in found)]
    failed = [problem for one, document in found for problem in _failed_tests(one, document, others)]
    if failed or len(found) < len(loaded):
        raise InvalidRuleFile(failed)
    return [(document, one.text) for one, document in found]


def _failed_tests(loaded: Loaded, document: AnyDocument, others: Sequence[AnyDocument]) -> list[Any]:
    return case_problems(run_tests(document, others), loaded.positions)


def make_plan(
    db: Database[Document],
    files: Sequence[tuple[str, bytes | str]],
    now: dt.datetime,
    by: str,
    admit: Admit = no_affiliation,
    *,
    progress: Progress | None = None,
    compare: Compare = compared_here,
) -> Document:
    """Compute and store a plan, saying how far it is; raises InvalidRuleFile while check or tests fail.

    `compare` compares people under both rules, in several processes where it is told so.
    """
    rules = RuleStore(db).rule_set()
    names = publishing.published_names(db, rules, now)
    known = [records[-1].document for records in rules.documents.values()]
    documents = read_files(files, names, known)
    sides = sides_of(db, [document for document, _ in documents], now)
    affected = affected_people(db, sides, now, admit)
    asked: Document = {
        "computed_at": now,
        "by": by,
        "sources": [{"file": files[i][0], "text": text} for i, (_, text) in enumerate(documents)],
        "document_hash": _hash([document for document, _ in documents]),
        "documents": [_described(sides, document) for document, _ in documents],
    }
    return _computed(db, sides, affected, asked, progress, compare=compare)


def plan_withdrawal(
    db: Database[Document], certification: str, now: dt.datetime, by: str, reason: str | None = None
) -> Document:
    """Compute and store the plan that ends all running periods of a certification.

    Raises UnknownRule, or AlreadyEnded where it was withdrawn before.
    """
    publishing.refuse_ended(db, certification, "withdraw")
    sides = sides_of(db, (), now, certification)
    newest = sides.old.certifications[certification].versions[-1].document
    asked: Document = {
        "computed_at": now,
        "by": by,
        "sources": [],
        "withdraw": certification,
        "reason": reason,
        "document_hash": document_hash(newest),
        "documents": [_described(sides, newest) | {"action": "withdraw"}],
    }
    everybody = frozenset(people_concerned(db, sides.concerned))
    return _computed(db, sides, Affected(everybody, everybody), asked)


def _computed(
    db: Database[Document],
    sides: Sides,
    affected: Affected,
    asked: Document,
    progress: Progress | None = None,
    *,
    compare: Compare = compared_here,
) -> Document:
    """Compute what would change for these people, and store it with what was asked, when and by whom."""
    now = asked["computed_at"]
    seen = planned_changes(db, sides, affected, now, progress, compare=compare)
    counted = Counter(one["change"] for one in seen.asked)
    plan: Document = asked | {
        "_id": _plan_id(now),
        "org": VENDOR,
        "base": {
            f"{one['kind']}/{one['id']}": _newest_hash(sides.old, one["kind"], one["id"])
            for one in asked["documents"]
        },
        "expires_at": now + LIVES,
        "summary": seen.summary,
        "asked_summary": {kind: counted[kind] for kind in ASKED_CHANGES},
        "tiers": seen.tiers,
    }
    kept = {"plan": plan["_id"], "expires_at": plan["expires_at"]}
    for collection, rows in ((db.plan_people, seen.people), (db.plan_asked, seen.asked)):
        for lines in batched(rows, LINES):
            collection.insert_many([{**one, **kept} for one in lines])
    db.plans.insert_one(plan)
    return plan | {"people": seen.people, "asked": seen.asked}


def batched(rows: Sequence[Document], size: int) -> Iterator[Sequence[Document]]:
    """Yield the rows in groups of at most `size`."""
    for i in range(0, len(rows), size):
        yield rows[i : i + size]


def _plan_id(now: dt.datetime) -> str:
    millis = int(now.timestamp() * 1000)
    return encode(millis << 80 | secrets.randbits(80))


def _newest_hash(rules: RuleSet, kind: str, rule_id: str) -> str | None:
    newest = rules.newest(kind, rule_id)
    return newest.hash if newest else None


def _described(sides: Sides, document: AnyDocument) -> Document:
    newest = sides.old.newest(type(document).__name__, document.id)
    return {
        "kind": type(document).__name__,
        "id": document.id,
        "version": document.version,
        "hash": document_hash(document),
        "base_version": newest.version if newest else None,
    }


def _hash(documents: Sequence[AnyDocument]) -> str:
    if len(documents) == 1:
        return document_hash(documents[0])
    return sha256("".join(map(document_hash, documents)).encode()).hexdigest()


def get_plan(db: Database[Document], plan: str) -> Document:
    """Return a stored plan; raises UnknownPlan."""
    found = db.plans.find_one({"_id": plan, "org": VENDOR})
    if found is None:
        raise UnknownPlan(plan)
    people, asked = (
        list(rows.find({"plan": plan}, {"_id": 0, "plan": 0, "expires_at": 0}).sort("_id", ASCENDING))
        for rows in (db.plan_people, db.plan_asked)
    )
    return found | {"people": people, "asked": asked}


def apply_plan(
    db: Database[Document], plan_id: str, now: dt.datetime, by: str, *, two_persons: bool = False
) -> list[Document]:
    """Publish what a plan says, if it would still do what the plan says; returns the rule records.

    Raises UnknownPlan, ObjectedPlan, SamePerson where two persons are asked for and there was one, and
    StalePlan where it expired, the base is no longer the newest, or facts that arrived since would change or
    lose what is not in the plan (cert#6-2; they are listed in its reason).
    """
    plan = get_plan(db, plan_id)
    if plan.get("applied_at") is not None:
        raise StalePlan(plan_id, f"it was applied at {plan['applied_at']:%Y-%m-%dT%H:%M:%SZ}")
    if plan["expires_at"] <= now:
        raise StalePlan(plan_id, f"it expired at {plan['expires_at']:%Y-%m-%dT%H:%M:%SZ}; plan again")
    refuse_unreviewed(plan, by, two_persons=two_persons)
    rules = RuleStore(db).rule_set()
    names = publishing.published_names(db, rules, now)
    known = [records[-1].document for records in rules.documents.values()]
    documents = read_files([(one["file"], one["text"]) for one in plan["sources"]], names, known)
    if (name := overtaken(rules, plan)) is not None:
        raise StalePlan(plan_id, f"another version of {name} was published since; plan again")
    surprises = list(unforeseen(db, plan, [document for document, _ in documents], now))
    if surprises:
        raise StalePlan(plan_id, "it would now also do this: " + "; ".join(surprises))

    def change(session: ClientSession) -> list[Document]:
        claimed = db.plans.update_one(
            {"_id": plan_id, "applied_at": None, "objecting": {"$in": [None, []]}},
            {"$set": {"applied_at": now, "applied_by": by}},
            session=session,
        )
        if not claimed.modified_count:
            raise StalePlan(plan_id, "it is being applied, or somebody objected just now")
        rows = publishing.publish(db, documents, now, by, session, plan=plan_id, planned_by=plan["by"])
        start_backfill(db, plan_id, [document for document, _ in documents], now, session)
        if ending := plan.get("withdraw"):
            rows.append(
                publishing.end_lifecycle(
                    db,
                    ending,
                    "withdraw",
                    now,
                    by,
                    session=session,
                    reason=plan["reason"],
                    plan=plan_id,
                    planned_by=plan["by"],
                )
            )
        return rows

    with db.client.start_session() as session:
        return session.with_transaction(change)


def overtaken(rules: RuleSet, plan: Mapping[str, Any]) -> str | None:
    """Return the first document, as kind/id, of which another version was published since; or None."""
    for one in plan["documents"]:
        name = f"{one['kind']}/{one['id']}"
        if _newest_hash(rules, one["kind"], one["id"]) != plan["base"][name]:
            return name
    return None


def refuse_unreviewed(plan: Mapping[str, Any], by: str, *, two_persons: bool) -> None:
    """Refuse what somebody objects to, and where two persons are asked for, what only its planner wants."""
    if objecting := plan.get("objecting"):
        raise ObjectedPlan(plan["_id"], objecting)
    if two_persons and plan["by"] == by and not plan.get("approved_by"):
        raise SamePerson(plan["_id"], by)


def start_backfill(
    db: Database[Document],
    name: str,
    documents: Sequence[AnyDocument],
    now: dt.datetime,
    session: ClientSession,
) -> None:
    """Begin to look at what was stored before these documents."""
    own = [one.id for one in documents if isinstance(one, Certification)]
    paths = [one.id for one in documents if isinstance(one, Assignment) and one.evidence]
    if own or paths:
        backfill.start(db, name, own, now, session, assignments=paths)
    products = {one.product for one in documents if isinstance(one, Release)}
    if products:
        rows = db.rule_versions.find({"org": VENDOR, "kind": "Certification"}, {"id": 1}, session=session)
        backfill.start(db, f"{name}-releases", sorted({row["id"] for row in rows}), now, session, scan=False)


def unforeseen(
    db: Database[Document], plan: Mapping[str, Any], documents: Sequence[AnyDocument], now: dt.datetime
) -> Iterator[str]:
    """Yield each change or loss that would follow now and is not in the plan (cert#6-2).

    Only people about whom something was decided or stored since are looked at again, unless the day changed
    from which a version would apply.
    """
    sides = sides_of(db, documents, now, plan.get("withdraw"))
    computed = plan["computed_at"]
    if _days(documents, computed) != _days(documents, now):
        persons = set(affected_people(db, sides, now).decided)
    else:
        persons = _moved_since(db, computed) | people_newly_matched(
            db, sides, now, since=computed - backfill.BEFORE
        )
    planned = {(one["person"], one["certification"]): one for one in plan["people"]}
    for one in differences(db, sides, persons, now):
        found, person, name = one.found, one.stored_history.person, one.certification
        if found.change not in {"change", "lose"}:
            continue
        entry = planned.get((person, name))
        if entry is None or entry["change"] != found.change:
            before = found.before.state if found.before else "in_progress"
            after = found.after.state if found.after else "in_progress"
            yield f"{found.change} {person} {name} {before} -> {after} {found.at.date()}"


def _days(documents: Sequence[AnyDocument], now: dt.datetime) -> list[dt.date]:
    return [effective_instant(one, now)[0] for one in documents if not isinstance(one, PartnerTiers)]


def _moved_since(db: Database[Document], instant: dt.datetime) -> set[str]:
    """Return people about whom something was decided since, or still has to be."""
    wanted = {"org": VENDOR, "$or": [{"decided_at": {"$gte": instant}}, {"due_at": {"$gte": instant}}]}
    return {row["_id"] for row in db.work.find(wanted, {"_id": 1})}


def reply(plan: Mapping[str, Any]) -> Document:
    """Return a plan as the API gives it (cert#6-1)."""
    first = plan["documents"][0] if len(plan["documents"]) == 1 else {}
    return {
        "plan_id": plan["_id"],
        "document_hash": plan["document_hash"],
        "base_version": first.get("base_version"),
        "documents": plan["documents"],
        "computed_at": plan["computed_at"],
        "expires_at": plan["expires_at"],
        "by": plan["by"],
        "applied_at": plan.get("applied_at"),
        "reviews": plan.get("reviews", []),
        "summary": plan["summary"],
        "people": plan["people"],
        "asked": plan["asked"],
        "tiers": plan["tiers"],
    }


def record_reply(row: Mapping[str, Any]) -> Document:
    """Return a rule record as the API gives it."""
    names = (
        "action",
        "kind",
        "id",
        "version",
        "mode",
        "hash",
        "effective_from",
        "effective_at",
        "decided_at",
        "by",
        "plan",
        "planned_by",
    )
    return {name: row[name] for name in names if row.get(name) is not None}
