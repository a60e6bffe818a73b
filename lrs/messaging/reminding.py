"""A reminder that a manager sends: what is next in one certification, once a day at most."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.errors import Collision
from lrs.messaging.mail_queue import is_unsubscribed, queue
from lrs.people.affiliations import contact_address

Document = dict[str, Any]
KIND: Final = "reminder"


def remind(
    db: Database[Document],
    organization: str,
    person: Mapping[str, Any],
    certification: tuple[str, str],
    *,
    missing: Sequence[str],
    now: dt.datetime,
) -> None:
    """Queue a mail to a person about a certification (id, title); a repeat on the same day sends no second.

    Raises Collision where no address is known, or reminders were refused.
    """
    address = contact_address(db, dict(person), now)
    if address is None or is_unsubscribed(db, address, KIND):
        raise Collision("this person cannot be reminded by mail: no address is known, or they refused")
    name, title = certification
    key = hashlib.sha256(f"{KIND}|{person['_id']}|{name}|{now.date()}".encode()).hexdigest()[:32]
    mail = {
        "_id": key, "org": VENDOR, "notice": key, "to": address, "name": person.get("name"),
        "language": person.get("language") or "en", "template": KIND, "person": person["_id"],
        "certification": name, "state": "waiting", "due_at": now, "tries": 0, "leased_until": now,
        "values": {
            "organization": organization, "certification": title, "missing": ", ".join(missing) or title,
            "link": f"/me/certifications/{name}",
        },
    }  # fmt: skip
    queue(db, [mail])
