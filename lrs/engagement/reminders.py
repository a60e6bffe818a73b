"""A mail to who asked for one, on days on which questions wait: at most one in a week."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.engagement.published import recalls
from lrs.engagement.recall import cards_of, due_cards
from lrs.engagement.turns import take_turn
from lrs.messaging.mail_queue import queue, refused_kinds
from lrs.people.affiliations import contact_address
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of

Document = dict[str, Any]
KIND: Final = "recall"
EVERY: Final = dt.timedelta(hours=6)
PAUSE: Final = dt.timedelta(days=7)


def remind(db: Database[Document], now: dt.datetime) -> bool:
    """Look, every six hours, whom questions wait for who wants to hear of it."""
    rules = cache_of(db).get()
    if not recalls(rules, now):
        return False
    return take_turn(db, "recall reminders", EVERY, now, lambda: _remind_all(db, rules, now))


def _remind_all(db: Database[Document], rules: RuleSet, now: dt.datetime) -> None:
    wanted = {
        "org": VENDOR, "engagement.mail": True, "merged_into": None, "erased_at": None,
        "$or": [{"engagement.reminded_at": None}, {"engagement.reminded_at": {"$lte": now - PAUSE}}],
    }  # fmt: skip
    for person in db.people.find(wanted):
        waiting = due_cards(cards_of(db, rules, person["_id"], now), now)
        address = contact_address(db, person, now)
        if waiting and address is not None and KIND not in refused_kinds(db, address, [KIND]):
            db.people.update_one({"_id": person["_id"]}, {"$set": {"engagement.reminded_at": now}})
            queue(db, [_mail(person, address, len(waiting), now)], None)


def _mail(person: Document, address: str, count: int, now: dt.datetime) -> Document:
    key = hashlib.sha256(f"{KIND}|{person['_id']}|{now.date().isoformat()}".encode()).hexdigest()[:32]
    return {
        "_id": key, "org": VENDOR, "notice": key, "to": address, "name": person.get("name"),
        "language": person.get("language") or "en", "template": KIND, "person": person["_id"],
        "state": "waiting", "due_at": now, "tries": 0, "leased_until": now,
        "values": {"count": str(count), "link": "/me/questions"},
    }  # fmt: skip
