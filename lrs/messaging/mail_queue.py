"""Mails on their way: leased, sent, tried again like webhooks; digests; refusals (cert#8-4, cert#8-5).

mails {_id, org: "vendor", notice, to, name, language, template, values, person, state
       waiting|handed|sent|unconfirmed|digest|gathered|dead|dropped, due_at, tries, leased_until, sent_at,
       error}
unsubscribed {_id "address|kind", org: "vendor", at}

A mail is marked as handed over durably before the line that ends the message leaves, and as sent when the
server took it. A process that dies before the mark sends it again: without that line the server has nothing.
One that dies after the mark does not, for the line has all but certainly left: nobody is told twice. Such a
mail is `unconfirmed`, to be seen and sent again by hand. docs/events.md says why.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from lrs.access.organizations import VENDOR
from lrs.foundation.errors import UnknownThing
from lrs.foundation.mail import Mailer, Unconfirmed
from lrs.foundation.settings import Settings
from lrs.messaging.delivery import JITTER, RETRIES
from lrs.messaging.notice_texts import Line, Own, message
from lrs.messaging.own_notice_texts import own_texts
from rules.engine.queues import lease

Document = dict[str, Any]
LEASE: Final = dt.timedelta(minutes=2)
SENDERS: Final = 4  # most of a mail is waiting: for the mail server, and for the disk under the marks
DURABLE: Final = WriteConcern(w="majority", j=True)
QUICK: Final = WriteConcern(w=1)

INDEXES: dict[str, list[IndexModel]] = {
    "mails": [
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)]),
        IndexModel([("due_at", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
    ],
}


def send_due(
    settings: Settings,
    db: Database[Document],
    mailer: Mailer,
    now: Callable[[], dt.datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Send every mail that is due; returns how many went out. Two workers never send the same one."""
    gather_digests(db, now())
    give_up_handed(db, now())
    if db.mails.find_one({"state": "waiting", "due_at": {"$lte": now()}}, {"_id": 1}) is None:
        return 0
    own = own_texts(db)

    def work() -> int:
        sent = 0
        while not stopped() and (mail := _claim(db, now())) is not None:
            sent += _send(settings, db, mailer, mail, now=now, own=own)
        return sent

    with ThreadPoolExecutor(SENDERS, thread_name_prefix="mail") as pool:
        return sum(one.result() for one in [pool.submit(work) for _ in range(SENDERS)])


def give_up_handed(db: Database[Document], now: dt.datetime) -> int:
    """Mark as unconfirmed what a process handed over and died before the answer; returns how many."""
    found = db.mails.update_many(
        {"state": "handed", "leased_until": {"$lte": now}},
        {"$set": {"state": "unconfirmed", "error": "the worker died while the mail server had the message"}},
    )
    return found.modified_count


def resend(db: Database[Document], mail_id: str, now: dt.datetime) -> None:
    """Send a mail again that is unconfirmed or dead; UnknownThing if there is none of that id and state."""
    again = {"state": "waiting", "due_at": now, "tries": 0, "leased_until": now}
    wanted = {"_id": mail_id, "state": {"$in": ["unconfirmed", "dead"]}}
    if not db.mails.update_one(wanted, {"$set": again}).matched_count:
        raise UnknownThing("mail", mail_id)


def _claim(db: Database[Document], now: dt.datetime) -> Document | None:
    """Lease a mail; nothing waits for the disk here, because the mark before the end of a message does."""
    wanted = {"state": "waiting", "due_at": {"$lte": now}}
    mails = db.mails.with_options(write_concern=QUICK)
    return lease.take(mails, wanted, now, LEASE, [("due_at", ASCENDING)])


def _send(
    settings: Settings,
    db: Database[Document],
    mailer: Mailer,
    mail: Document,
    *,
    now: Callable[[], dt.datetime],
    own: Own,
) -> bool:
    lines = [Line(part["template"], part["values"]) for part in mail.get("parts", [mail])]
    made = message(
        settings,
        to=mail["to"],
        name=mail["name"],
        language=mail["language"],
        lines=lines,
        now=now(),
        key=mail["_id"],
        own=own,
    )

    def mark() -> None:
        mails = db.mails.with_options(write_concern=DURABLE)
        if not lease.renew(mails, mail, now(), LEASE, where={"state": "waiting"}, sets={"state": "handed"}):
            raise OSError("the lease ran out")  # another worker has it now: let the message go unfinished

    try:
        mailer.send(made, mark)
    except Unconfirmed as error:
        db.mails.update_one({"_id": mail["_id"]}, {"$set": {"state": "unconfirmed", "error": str(error)}})
        return False
    except (OSError, SMTPException) as error:
        _postpone(db, mail, f"{type(error).__name__}: {error}"[:500], now())
        return False
    quickly = db.mails.with_options(write_concern=QUICK)  # forgotten by MongoDB, it would be unconfirmed
    quickly.update_one({"_id": mail["_id"]}, {"$set": {"state": "sent", "sent_at": now()}})
    return True


def _postpone(db: Database[Document], mail: Document, error: str, now: dt.datetime) -> None:
    tries = mail["tries"] + 1
    change: Document = {"state": "waiting", "tries": tries, "error": error, "leased_until": now}
    if tries > len(RETRIES):
        change["state"] = "dead"
    else:
        change["due_at"] = now + RETRIES[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    held = {"_id": mail["_id"], "state": {"$in": ["waiting", "handed"]}}
    db.mails.update_one(held, {"$set": change})


def gather_digests(db: Database[Document], now: dt.datetime) -> int:
    """Put the digest rows that are due into one mail per recipient; a repeat makes no second."""
    groups: dict[tuple[str, dt.datetime], list[Document]] = {}
    for row in db.mails.find({"state": "digest", "due_at": {"$lte": now}}).sort("_id", ASCENDING):
        groups.setdefault((row["to"], row["due_at"]), []).append(row)
    for (to, due_at), rows in groups.items():
        first = rows[0]
        parts = [{"template": row["template"], "values": row["values"]} for row in rows]
        key = hashlib.sha256(f"digest|{to}|{due_at.isoformat()}".encode()).hexdigest()[:32]
        shared = {name: first[name] for name in ("org", "to", "name", "language")}
        body = {"template": first["template"], "values": first["values"], "parts": parts, "state": "waiting"}
        queue(db, [{"_id": key, **shared, **body, "due_at": now, "tries": 0, "leased_until": now}])
        db.mails.update_many({"_id": {"$in": [row["_id"] for row in rows]}}, {"$set": {"state": "gathered"}})
    return len(groups)


def queue(db: Database[Document], mails: list[Document], session: ClientSession | None = None) -> None:
    """Write mails to be sent; one whose id is known already stays as it is."""
    changes = [UpdateOne({"_id": mail["_id"]}, {"$setOnInsert": mail}, upsert=True) for mail in mails]
    if changes:
        db.mails.bulk_write(changes, ordered=False, session=session)


def is_unsubscribed(db: Database[Document], address: str, kind: str) -> bool:
    """Tell whether an address refused reminders of a kind."""
    return db.unsubscribed.find_one({"_id": f"{address}|{kind}"}) is not None


def refused_kinds(db: Database[Document], address: str, kinds: Iterable[str]) -> set[str]:
    """Return the kinds of reminders that an address refused."""
    names = [f"{address}|{kind}" for kind in kinds]
    return {
        row["_id"].rpartition("|")[2] for row in db.unsubscribed.find({"_id": {"$in": names}}, {"_id": 1})
    }


def subscribe(db: Database[Document], address: str, kind: str) -> None:
    """Note that an address takes reminders of a kind again."""
    db.unsubscribed.delete_one({"_id": f"{address}|{kind}"})


def unsubscribe(db: Database[Document], address: str, kind: str, now: dt.datetime) -> None:
    """Note that an address refuses reminders of a kind; mails that wait for it are dropped."""
    row = {"org": VENDOR, "at": now}
    db.unsubscribed.update_one({"_id": f"{address}|{kind}"}, {"$setOnInsert": row}, upsert=True)
    waiting = {"to": address, "template": kind, "state": {"$in": ["waiting", "digest"]}}
    db.mails.update_many(waiting, {"$set": {"state": "dropped"}})
