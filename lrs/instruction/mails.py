"""What people are told of sessions by mail: queued in the transaction of what happened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.messaging.mail_queue import queue
from lrs.people.affiliations import contact_address
from lrs.words.writing import long_day

Document = dict[str, Any]


def tell(
    editor: Editor,
    kind: str,
    of: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    session: ClientSession,
) -> None:
    """Queue a mail to each person of some bookings; whom no address is known of is left out."""
    db, now = editor.db, editor.now
    organization = (db.orgs.find_one({"_id": of["org"]}, {"name": 1}) or {}).get("name", "")
    mails = []
    for row in rows:
        person = db.people.find_one({"_id": row["person"], "erased_at": None}, session=session)
        address = contact_address(db, person, now) if person is not None else None
        if person is None or address is None:
            continue
        language = person.get("language") or "en"
        key = hashlib.sha256(f"{kind}|{row['_id']}|{now.isoformat()}".encode()).hexdigest()[:32]
        mails.append({
            "_id": key, "org": VENDOR, "notice": key, "to": address, "name": person.get("name"),
            "language": language, "template": kind, "person": person["_id"],
            "state": "waiting", "due_at": now, "tries": 0, "leased_until": now,
            "values": {
                "session": of["title"], "when": spoken(of, language),
                "place": of.get("place") or of.get("link") or "-",
                "organization": organization, "reason": of.get("reason") or "-",
                "link": f"/me/sessions/{of['_id']}" if of.get("cancelled_at") is None else "/me/sessions",
            },
        })  # fmt: skip
    queue(db, mails, session)


def spoken(of: Mapping[str, Any], language: str) -> str:
    """Return when a session is, in its own time zone: `4 December 2026, 10:00-12:00 (Europe/Berlin)`."""
    begins, ends = (of[name].astimezone(ZoneInfo(of["timezone"])) for name in ("begins_at", "ends_at"))
    days = {at.date(): long_day(language, at.date()) for at in (begins, ends)}
    until = f"{ends:%H:%M}" if len(days) == 1 else f"{days[ends.date()]}, {ends:%H:%M}"
    dash = "\N{EN DASH}" if len(days) == 1 else " \N{EN DASH} "
    return f"{days[begins.date()]}, {begins:%H:%M}{dash}{until} ({of['timezone']})"
