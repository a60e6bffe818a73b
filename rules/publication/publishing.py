"""Names of the store for `rules.checking.check`, and the publication of checked documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.calendar import local_date
from rules.catalogue.rule_set import RuleSet, timezone_of
from rules.catalogue.store import RuleStore
from rules.checking.names import PublishedNames
from rules.engine.queues import outbox, tier_queue
from rules.engine.queues.outbox import Event
from rules.errors import AlreadyEnded
from rules.language.model import AnyDocument, Fragment, PartnerTiers, Release
from rules.language.suggestions import nearest
from rules.publication import backfill
from rules.stored import OWN_LABELS, Document
from statements.parsing.search_keys import key


@dataclass(frozen=True, slots=True)
class StoredActivities:
    """The activities that statements were about, asked of the collection `activities` one by one."""

    db: Database[Document]

    def has(self, activity: str) -> bool:
        """Tell whether an activity, or any below a prefix that ends in `*`, was seen."""
        if activity.endswith("*"):
            start = {"$gte": activity[:-1], "$lt": activity[:-1] + "\U0010ffff"}
            return self.db.activities.find_one({"id": start}, {"_id": 1}) is not None
        orgs = [row["_id"] for row in self.db.orgs.find({}, {"_id": 1})]
        wanted = {"org": {"$in": orgs}, "keys": key("o", activity)}
        return self.db.statements.find_one(wanted, {"_id": 1}) is not None

    def near(self, activity: str) -> str | None:
        """Return the seen activity that is most like this one, among those that begin alike."""
        start = activity[: max(len(activity) // 2, activity.find("/", 8) + 1)]
        wanted = {"id": {"$gte": start, "$lt": start + "\U0010ffff"}}
        known = self.db.activities.find(wanted, {"id": 1}).sort("id", ASCENDING).limit(500)
        return nearest(activity, {row["id"] for row in known})


def published_names(db: Database[Document], rules: RuleSet, now: dt.datetime) -> PublishedNames:
    """Gather the names of the store that a check asks for (cert#3-4)."""
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for name, records in rules.documents.items():
        versions[name] = {one.version: one.hash for one in records}
    partners = list(db.orgs.find({}, {"region": 1}))
    return PublishedNames(
        versions=versions,
        holds=rules.holds,
        tiers={one.id: one.order for one in rules.of_kind(PartnerTiers)},
        groups=frozenset(str(row.get("name") or row["_id"]) for row in db.groups.find({"org": "vendor"})),
        organizations=frozenset(row["_id"] for row in partners),
        regions=frozenset(region for row in partners if (region := row.get("region"))),
        clients=frozenset(OWN_LABELS) | {label for label in db.clients.distinct("label") if label},
        fragments={one.id: one for one in in_force(rules, now)},
        releases={(one.product, one.release): one.id for one in rules.of_kind(Release)},
        activities=StoredActivities(db),
        today=now.date(),
    )


def surroundings(db: Database[Document], now: dt.datetime) -> tuple[PublishedNames, list[AnyDocument]]:
    """Return what files are checked and tested against, by command, API and console alike (cert#3-6).

    The names of the store, and every version of what is published, with the day from which it applies.
    """
    rules = RuleStore(db).rule_set()
    documents = [
        replace(one.document, effective_from=local_date(one.effective_at, timezone_of(one.document)))
        for records in rules.documents.values()
        for one in records
    ]
    return published_names(db, rules, now), documents


def in_force(rules: RuleSet, now: dt.datetime) -> list[Fragment]:
    """Return the fragments in the version that applies now (cert#2.7)."""
    ids = [rule_id for kind, rule_id in rules.documents if kind == "Fragment"]
    return [
        cast("Fragment", rules.applicable("Fragment", one, now).document)
        for one in ids
        if rules.documents["Fragment", one][0].effective_at <= now
    ]


def publish(
    db: Database[Document],
    documents: Sequence[tuple[AnyDocument, str]],
    now: dt.datetime,
    by: str | None,
    session: ClientSession,
    *,
    plan: str | None = None,
    planned_by: str | None = None,
) -> list[Document]:
    """Record documents (with their texts) as published, with their events, in the caller's transaction."""
    store = RuleStore(db)
    rows = []
    for document, source in documents:
        row = store.publish(
            document, source=source, now=now, by=by, plan=plan, planned_by=planned_by, session=session
        )
        rows.append(row)
    outbox.append(db, [event for row in rows for event in _events(row)], now, session)
    if any(row["kind"] == "PartnerTiers" for row in rows):
        partners = db.orgs.find({"kind": {"$ne": "vendor"}}, {"_id": 1}, session=session)
        tier_queue.enqueue(db, [one["_id"] for one in partners], now, session)
    return rows


def _events(row: Document) -> list[Event]:
    data = {
        "kind": row["kind"],
        "id": row["id"],
        "version": row["version"],
        "hash": row["hash"],
        "by": row["by"],
    }
    effect = (row["kind"], row["id"], row["version"])
    events = [Event("rules.published", effect, row["decided_at"], data)]
    if row["kind"] == "Release":
        events.append(Event("release.published", effect, row["decided_at"], data))
    return events


def retire(
    db: Database[Document], certification: str, now: dt.datetime, by: str | None, *, reason: str | None = None
) -> Document:
    """Retire a certification: no new awards, running periods end by date. Raises as `end_lifecycle`."""
    with db.client.start_session() as session:
        return session.with_transaction(
            lambda inside: end_lifecycle(db, certification, "retire", now, by, session=inside, reason=reason)
        )


def end_lifecycle(
    db: Database[Document],
    certification: str,
    action: Literal["retire", "withdraw"],
    now: dt.datetime,
    by: str | None,
    *,
    session: ClientSession,
    reason: str | None = None,
    plan: str | None = None,
    planned_by: str | None = None,
) -> Document:
    """Retire a certification (no new awards) or withdraw it (all periods end), and have its people decided.

    Raises UnknownRule, or AlreadyEnded where it was retired (for `retire`) or withdrawn before.
    """
    refuse_ended(db, certification, action, session)
    row = RuleStore(db).add(
        "Certification",
        certification,
        action,
        now,
        by,
        reason=reason,
        plan=plan,
        planned_by=planned_by,
        session=session,
    )
    backfill.start(db, row["_id"], [certification], now, session, scan=False)
    return row


ENDED: Final[Mapping[str, str]] = {"retire": "retired", "withdraw": "withdrawn"}


def refuse_ended(
    db: Database[Document], certification: str, action: str, session: ClientSession | None = None
) -> None:
    """Raise UnknownRule, or AlreadyEnded where `action` would change nothing; withdrawn is retired too."""
    wanted = {"org": "vendor", "kind": "Certification", "id": certification}
    rows = list(db.rule_versions.find(wanted, session=session).sort("seq", ASCENDING))
    if not rows:
        raise RuleStore(db).rule_set().unknown("Certification", certification)
    last = rows[-1]
    if last["action"] in {action, "withdraw"}:
        raise AlreadyEnded(
            certification, ENDED[last["action"]], last["decided_at"], last["by"], last.get("reason")
        )
