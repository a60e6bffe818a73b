"""Who is admitted to an organization on first sight, by its policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import POLICIES, VENDOR
from lrs.foundation.audit import Editor, new_id
from lrs.people.affiliations import mail_domain, verified_domains
from rules.engine.queues import tier_queue

Document = dict[str, Any]
LOOKED_AT: Final = 2000  # statements of a store, the newest, whose actors tell what a policy would do


def admit(
    db: Database[Document],
    ifis: Mapping[str, str],
    orgs: Mapping[str, str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Give new persons (id -> IFI, id -> store) the affiliation that the organizations' policies allow.

    open: everybody seen in the organization's own store, confirmed. domain: whose mailbox is under a verified
    domain, in the own or in the vendor's store, confirmed. invitation, roster: nobody by being seen. With the
    session of the transaction that inserts them, many at once.
    """
    editor = Editor(db, {"kind": "system", "id": "first-sight", "name": "first sight"}, now)
    editor.session = session
    known = db.affiliations.find({"person": {"$in": list(ifis)}}, {"person": 1}, session=session)
    affiliated = {row["person"] for row in known}
    admitting = _admitting(db, ifis, orgs, session)

    def act(session: ClientSession) -> None:
        rows = [
            _first_affiliation(person, admitting[person], ifis[person], now)
            for person in ifis
            if person in admitting and person not in affiliated
        ]
        if not rows:
            return
        db.affiliations.insert_many(rows, session=session)
        persons = [row["person"] for row in rows]
        db.people.update_many(
            {"_id": {"$in": persons}}, {"$set": {"confirmed": True}, "$inc": {"version": 1}}, session=session
        )
        for row in rows:
            editor.note("affiliation.begin", "affiliation", row["_id"], org=row["org"], after=row)
        tier_queue.enqueue_people(db, persons, now, session)

    editor.change(act)


def _first_affiliation(person: str, org: str, ifi: str, now: dt.datetime) -> Document:
    return {
        "_id": new_id(now),
        "org": org,
        "person": person,
        "from": now,
        "until": None,
        "primary": True,
        "role": None,
        "confirmed_at": now,
        "known_as": ifi,
    }


def _admitting(
    db: Database[Document],
    ifis: Mapping[str, str],
    orgs: Mapping[str, str],
    session: ClientSession | None,
) -> dict[str, str]:
    """Return the organization whose policy admits each person first seen in a store, where there is one."""
    domains = {domain for ifi in ifis.values() if (domain := mail_domain(ifi)) is not None}
    verified = {"domains": {"$elemMatch": {"domain": {"$in": sorted(domains)}, "verified_at": {"$ne": None}}}}
    wanted = {"$or": [{"_id": {"$in": sorted(set(orgs.values()))}}, verified]}
    found = {row["_id"]: row for row in db.orgs.find(wanted, session=session)}
    holders = {
        domain: row
        for row in found.values()
        if row["status"] == "active" and row["policy"] in {"domain", "open"}
        for domain in verified_domains(row)
    }
    admitting = {}
    for person, ifi in ifis.items():
        store, domain = orgs[person], mail_domain(ifi)
        if store == VENDOR:
            org = holders.get(domain or "")
        else:
            org = found.get(store)
            org = org if org is not None and admits(org["policy"], org, domain) else None
        if org is not None:
            admitting[person] = str(org["_id"])
    return admitting


def admits(policy: str, org: Mapping[str, Any], domain: str | None) -> bool:
    """Tell whether a policy admits somebody of a mail domain who is first seen in an organization's store."""
    return policy == "open" or (policy == "domain" and domain in verified_domains(org))


def effect(db: Database[Document], org: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """Return how many seen lately in a store belong nowhere, and how many each policy would have admitted.

    Seen lately: the actors of its newest statements (`LOOKED_AT`).
    """
    newest = db.statements.find({"org": org["_id"]}, {"actor": 1}).sort("_id", -1).limit(LOOKED_AT)
    actors = sorted({row["actor"] for row in newest if row.get("actor")})
    people = db.people.find({"org": VENDOR, "ifis.ifi": {"$in": actors}}, {"ifis.ifi": 1})
    known = {row["_id"]: [one["ifi"] for one in row["ifis"]] for row in people}
    affiliated = set(db.affiliations.distinct("person", {"person": {"$in": sorted(known)}}))
    domains = [
        next((found for one in ifis if (found := mail_domain(one)) is not None), None)
        for person, ifis in known.items()
        if person not in affiliated
    ]
    return len(domains), {policy: sum(admits(policy, org, one) for one in domains) for policy in POLICIES}
