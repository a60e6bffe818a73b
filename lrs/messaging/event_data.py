"""What the data of an event says beside ids: words and dates for everybody, and whom to match by setting.

An endpoint chooses in `contact` what of name, email and external_id it gets, and in `consent` whether people
have to agree first. An organization gets without that what it knows the person by: nothing new is told to it.

Decided 2026-11-29: the default tells no identifier; `needed` asks for `display.contact` of the person, and
who refuses is never told of, whatever the endpoint says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.people.affiliations import contact_address
from lrs.people.records import MBOX
from rules.catalogue.store import cache_of
from rules.engine.affiliations import holds
from rules.engine.merges import successors_of
from rules.language.model import Certification

Document = dict[str, Any]
CONTACT: Final = ("name", "email", "external_id")
CONSENT: Final = ("needed", "assumed")
ACCOUNT: Final = "account::"


def in_words(db: Database[Document], event: Document) -> Document:
    """Return an event whose data has the title of its certification, and until when the award holds."""
    data = event["data"]
    added: Document = {}
    if data.get("certification"):
        record = cache_of(db).get().newest("Certification", data["certification"])
        if record is not None and isinstance(record.document, Certification):
            added["title"] = record.document.title
    if data.get("award"):
        added["expires"] = _expires(db, data)
    return {**event, "data": {**added, **data}}


def _expires(db: Database[Document], data: Mapping[str, Any]) -> str | None:
    """Return the last day of the period that an event is about, else of the newest; None for no end."""
    award = db.awards.find_one({"_id": data["award"]}, {"periods.valid_until": 1}) or {}
    periods = award.get("periods") or [{"valid_until": None}]
    number = data.get("period")
    chosen = periods[number] if isinstance(number, int) and 0 <= number < len(periods) else periods[-1]
    until: str | None = chosen["valid_until"]
    return until


def for_endpoint(
    db: Database[Document], event: Document, endpoint: Mapping[str, Any], now: dt.datetime
) -> Document:
    """Return an event as an endpoint gets it: in words, with the contact that it may be told."""
    told = in_words(db, event)
    wanted = endpoint.get("contact") or ()
    person = db.people.find_one({"_id": told["data"].get("person")}) if wanted else None
    if person is None or person.get("erased_at"):
        return told
    contact = _contact(db, person, endpoint, now)
    shown = {name: contact[name] for name in wanted if contact.get(name)}
    return {**told, "data": {**told["data"], "contact": shown}} if shown else told


def _contact(
    db: Database[Document], person: Document, endpoint: Mapping[str, Any], now: dt.datetime
) -> Document:
    """Return name and identifiers of a person as far as an endpoint may be told."""
    agreed = (person.get("display") or {}).get("contact")
    if agreed is False:
        return {}
    known = _known_by(db, person["_id"], endpoint["org"], now)
    if agreed is None and endpoint.get("consent", "needed") == "needed":
        return _of(known, None, person.get("name") if known else None)
    if endpoint["org"] != VENDOR:
        return _of(known, None, person.get("name") if known else None)
    rows = person.get("ifis") or person.get("had", ())
    owned = [row["ifi"] for row in rows if row["until"] is None]
    return _of(owned, contact_address(db, person, now), person.get("name"))


def _known_by(db: Database[Document], person: str, org: str, now: dt.datetime) -> list[str]:
    """Return what an organization knows a person by, whom it has now; the newest first."""
    kept = successors_of(db, [person]).get(person, person)
    rows = db.affiliations.find({"person": kept, "org": org}).sort("from", -1)
    return [str(row["known_as"]) for row in rows if row.get("known_as") and holds(row, now)]


def _of(identifiers: Iterable[str], email: str | None, name: str | None) -> Document:
    known = list(identifiers)
    mailbox = next((one.removeprefix(MBOX) for one in known if one.startswith(MBOX)), None)
    account = next((one.removeprefix(ACCOUNT) for one in known if one.startswith(ACCOUNT)), None)
    return {"name": name, "email": email or mailbox, "external_id": account}
