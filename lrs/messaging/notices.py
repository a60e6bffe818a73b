"""Notices: each reminder and each event told once to each recipient, by e-mail, in time (cert#8-5).

notices {_id effect, org: "vendor", kind, person, organization, award, valid_until, certification,
         assignment?, to, values, max_age, due_at, state planned|told|skipped, decided_at, skipped_because?}

The feed of events plans notices; what is due becomes one mail per recipient (`mail_queue`) under an id
that follows from both. A reminder is judged again when it is due: it is skipped if the award ended meanwhile
or a nearer reminder has overtaken it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.messaging.event_consumers import consume
from lrs.messaging.mail_queue import is_unsubscribed, queue
from lrs.messaging.old_news import earliest, why_untold
from lrs.people.affiliations import contact_address
from lrs.people.directory import Directory
from rules.calendar import add
from rules.catalogue.rule_set import RuleSet, timezone_of
from rules.catalogue.store import cache_of
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.language.durations import Duration, duration
from rules.language.model import Assignment, Certification, PartnerTiers
from rules.programmes.assigned import standing_of_person
from rules.programmes.assignments import UNMET
from rules.programmes.targeted import due_of
from rules.wording.phrases import spoken

Document = dict[str, Any]
CONSUMER: Final = "notices"
ABOUT_DUE: Final = frozenset({"before_due", "after_due"})
TO_DO: Final = frozenset({"before_expiry", "award.renewal_open", "award.grace", "award.expired"})
AT_NINE: Final = dt.time(9)
TITLES: Final = ("certification", "programme")
TIERS: Final = ("tier", "previous_tier", "falls_to")
# Told without being asked for: a tier about to fall concerns the whole partner.
ALWAYS: Final[Mapping[str, tuple[str, ...]]] = {"tier.at_risk": ("partner_admin",)}

INDEXES: dict[str, list[IndexModel]] = {
    "notices": [
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("award", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("to", ASCENDING)]),
    ],
}


def plan(db: Database[Document], now: dt.datetime) -> int:
    """Plan notices for what happened since the last look; returns how many events were read."""
    rules = cache_of(db).get()

    def handle(events: list[Document]) -> None:
        insert(db, [row for event in events for row in _planned(db, rules, event, now)])

    return consume(db, CONSUMER, handle, lambda: now)


def _planned(db: Database[Document], rules: RuleSet, event: Document, now: dt.datetime) -> list[Document]:
    """Return the notices that an event asks for."""
    data = event["data"]
    rows = _told_of(db, event, ALWAYS.get(event["type"], ()), None, now)
    document = _document(rules, data)
    if document is not None:
        for notice in document.notices:
            if event["type"] in notice.events:
                rows += _told_of(db, event, notice.to, notice.max_age, now)
        if data.get("award"):
            rows += _reminders_of(db, document, data["award"], data["decided_at"])
    return rows


def _title(rules: RuleSet, row: Mapping[str, Any]) -> str | None:
    """Return what the certification or the assignment of a notice is called; None for neither."""
    kind = "Assignment" if row.get("assignment") else "Certification"
    record = rules.newest(kind, row.get("assignment") or row.get("certification") or "")
    return record.document.title if record else None


def _document(rules: RuleSet, data: Mapping[str, Any]) -> Certification | None:
    record = rules.newest("Certification", data["certification"]) if data.get("certification") else None
    return record.document if record and isinstance(record.document, Certification) else None


def _told_of(
    db: Database[Document], event: Document, to: Iterable[str], max_age: Duration | None, now: dt.datetime
) -> list[Document]:
    """Return the notices of an event to these; what is too old to be news is on record, skipped."""
    rows = [_told(event, one, now) for one in to]
    why = why_untold(db, event, max_age, now) if rows else None
    skipped = {"state": "skipped", "skipped_because": why, "decided_at": now} if why else {}
    return [{**row, **skipped} for row in rows]


def _told(event: Document, to: str, now: dt.datetime) -> Document:
    data = event["data"]
    return {
        "_id": effect_id(event["_id"], to),
        "org": VENDOR,
        "kind": event["type"],
        "to": to,
        "person": data.get("person"),
        "organization": data.get("organization"),
        "certification": data.get("certification"),
        "award": data.get("award"),
        "values": _values(data),
        "due_at": now,
        "state": "planned",
    }


def _values(data: Mapping[str, Any]) -> dict[str, str]:
    kept = ("reason", "tier", "previous_tier", "falls_to", "organization", "programme")
    found = {name: str(data[name]) for name in kept if data.get(name)}
    if data.get("falls_at"):
        found["falls_at"] = data["falls_at"].date().isoformat()
    if data.get("missing"):
        found["missing"] = ", ".join(str(one.get("label") or one.get("key")) for one in data["missing"])
    return found


def _reminders_of(
    db: Database[Document], document: Certification, award: str, known_at: dt.datetime
) -> Iterable[Document]:
    """Yield the reminders of an award's present end that lay ahead when it became known."""
    if not any(notice.before_expiry for notice in document.notices):
        return
    found = db.awards.find_one({"_id": award})
    until = _end(found)
    if found is None or until is None:
        return
    for notice in document.notices:
        for offset in notice.before_expiry:
            due_at = reminder_at(document, until, offset)
            for to in notice.to if due_at > known_at else ():
                yield {
                    "_id": effect_id(award, len(found["periods"]), offset, until, to),
                    "org": VENDOR,
                    "kind": "before_expiry",
                    "to": to,
                    "person": found["person"],
                    "certification": document.id,
                    "award": award,
                    "valid_until": until.isoformat(),
                    "values": {},
                    "max_age": notice.max_age and str(notice.max_age),
                    "due_at": due_at,
                    "state": "planned",
                }


def reminder_at(
    document: Certification | Assignment, until: dt.date, offset: Duration, sign: int = -1
) -> dt.datetime:
    """Return when a reminder is due: 09:00 in the programme zone of the day minus (or plus) the offset."""
    local = dt.datetime.combine(add(until, offset, sign), AT_NINE, ZoneInfo(timezone_of(document)))
    return local.astimezone(dt.UTC)


def _end(award: Document | None) -> dt.date | None:
    """Return the end of an award's newest period; None for forever, or for no period."""
    periods = award.get("periods") if award else None
    until = periods[-1]["valid_until"] if periods else None
    return dt.date.fromisoformat(until) if until else None


def effect_id(*parts: Any) -> str:
    """Return the id of an effect: whatever repeats it, repeats its id."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


def insert(db: Database[Document], rows: list[Document]) -> None:
    """Write planned notices; one that was planned, told or skipped before stays as it is."""
    changes = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
    if changes:
        db.notices.bulk_write(changes, ordered=False)


def tell_due(db: Database[Document], now: dt.datetime, programme_owner: str | None, limit: int = 500) -> int:
    """Turn due notices into mails; returns how many were looked at. A repeat makes no mail twice."""
    rules = cache_of(db).get()
    rows = list(db.notices.find({"state": "planned", "due_at": {"$lte": now}}).sort("due_at", 1).limit(limit))
    for row in rows:
        mails = _mails(db, rules, row, programme_owner, now) if _still_true(db, rules, row, now) else []
        queue(db, mails)
        outcome = {"state": "told" if mails else "skipped", "decided_at": now}
        db.notices.update_one({"_id": row["_id"]}, {"$set": outcome})
    return len(rows)


def _still_true(db: Database[Document], rules: RuleSet, row: Document, now: dt.datetime) -> bool:
    """Tell whether a reminder still holds: the same end, a running award, and no nearer reminder due."""
    if row["kind"] not in {"before_expiry", *ABOUT_DUE}:
        return True
    if row["due_at"] < earliest(now, duration(row["max_age"]) if row.get("max_age") else None):
        return False
    if row["kind"] in ABOUT_DUE:
        due = _due_of(db, rules, row, now)
        return due is not None and due.isoformat() == row["values"]["due"]
    until = _end(db.awards.find_one({"_id": row["award"]}))
    if until is None or until.isoformat() != row["valid_until"]:
        return False
    standing = db.standings.find_one({"_id": f"{row['person']}/{row['certification']}"})
    held = state_at(standing, now) if standing else None
    if held is None or held.state not in HELD_STATES or not held.counts or held.award != row["award"]:
        return False
    same = {name: row[name] for name in ("org", "award", "kind", "to", "valid_until")}
    return db.notices.find_one({**same, "due_at": {"$gt": row["due_at"], "$lte": now}}) is None


def _due_of(db: Database[Document], rules: RuleSet, row: Document, now: dt.datetime) -> dt.date | None:
    """Return by which day what a reminder is about is due now; None where nothing is."""
    if row.get("assignment") is None:
        return due_of(db, rules, row["person"], row["certification"], now)
    if rules.newest("Assignment", row["assignment"]) is None:
        return None
    standing = standing_of_person(db, rules, row["person"], row["assignment"], now)
    if standing is None or standing.state not in UNMET or standing.evaluated:
        return None
    return standing.asked.due


def _mails(
    db: Database[Document], rules: RuleSet, row: Document, programme_owner: str | None, now: dt.datetime
) -> list[Document]:
    """Return one mail per recipient who did not refuse this kind."""
    person = db.people.find_one({"_id": row["person"]}) if row.get("person") else None
    told = {
        "org": VENDOR,
        "notice": row["_id"],
        "template": row["kind"],
        "person": row.get("person"),
        "certification": row.get("certification"),
        "values": _told_values(db, rules, row, person, now),
        "tries": 0,
        "leased_until": now,
    }
    return [
        {
            "_id": effect_id(row["_id"], one["to"]),
            **told,
            **_timing(one, now),
            **one,
            **_named(rules, told, one),
        }
        for one in recipients(db, row, person, programme_owner, now)
        if not is_unsubscribed(db, one["to"], row["kind"])
    ]


def _named(rules: RuleSet, told: Document, recipient: Mapping[str, Any]) -> Document:
    """Return the values of a notice with what the rules call things in the recipient's language."""
    known = rules.names(recipient["language"])
    values: Mapping[str, str] = told["values"]
    called = {name: known.get(spoken(values[name]), values[name]) for name in TIERS if name in values}
    titles = {name: known.get(values[name], values[name]) for name in TITLES if name in values}
    return {"values": {**values, **called, **titles}}


def _timing(recipient: Document, now: dt.datetime) -> Document:
    """Take the wish for a digest out of a recipient; a digest waits for the next 09:00 UTC."""
    if not recipient.pop("digest"):
        return {"state": "waiting", "due_at": now}
    today = now.replace(hour=9, minute=0, second=0, microsecond=0)
    return {"state": "digest", "due_at": today if today > now else today + dt.timedelta(days=1)}


def _told_values(
    db: Database[Document], rules: RuleSet, row: Document, person: Document | None, now: dt.datetime
) -> dict[str, str]:
    """Return the words of a notice: who, what, until when, and where to look."""
    values = {**row["values"], "event": row["kind"]}
    title = _title(rules, row)
    if person is not None:
        values["holder"] = person.get("name") or person.get("email") or "the holder"
    if title is not None:
        values["certification"] = title
    if row["kind"].startswith("tier."):
        values["link"] = "/partner" if row["to"] == "partner_admin" else "/registry"
        values["programme"] = _programme_title(rules, values.get("programme", ""))
    if row["kind"] in ABOUT_DUE:
        days = (dt.date.fromisoformat(values["due"]) - now.date()).days
        values["days"] = str(max(0, days if row["kind"] == "before_due" else -days))
        values["link"] = _own_page(row) if row["to"] == "holder" else _person_page(row)
    if row.get("award"):
        until = _end(db.awards.find_one({"_id": row["award"]}))
        values["link"] = _place(row)
        values["award_of"] = row["to"]
        values["expires"] = until.isoformat() if until else "further notice"
        values["days"] = str(max(0, (until - now.date()).days)) if until else "0"
    return values


def _place(row: Mapping[str, Any]) -> str:
    """Return where a notice leads: holders to their credential, or to what is missing; others to the person.

    A credential opens for its holder alone until the holder shows it.
    """
    if row["to"] != "holder":
        return _person_page(row)
    return f"/credentials/{row['award']}{'/needed' if row['kind'] in TO_DO else ''}"


def _own_page(row: Mapping[str, Any]) -> str:
    if row.get("assignment"):
        return f"/me/assignments/{row['assignment']}"
    return f"/me/certifications/{row['certification']}"


def _person_page(row: Mapping[str, Any]) -> str:
    if row["kind"] == "after_due" and row["to"] == "partner_admin":
        return f"/partner/people/{row['person']}"
    return f"/console/people/{row['person']}#certifications"


def _programme_title(rules: RuleSet, programme: str) -> str:
    """Return what the programme of a tier is called; its id where it is not published any more."""
    return next((one.title for one in rules.of_kind(PartnerTiers) if one.id == programme), programme)


def recipients(
    db: Database[Document],
    row: Document,
    person: Document | None,
    programme_owner: str | None,
    now: dt.datetime,
) -> list[Document]:
    """Return who is told: address, name, language, and whether they want a daily digest."""
    if row["to"] == "holder":
        address = contact_address(db, person, now) if person else None
        return [_recipient(address, person)] if person and address else []
    if row["to"] == "programme_owner":
        return [_recipient(programme_owner, {})] if programme_owner else []
    org = row.get("organization")
    if org is None and row.get("person"):
        org = Directory(db, now).organization_of(row["person"])
    if org is None:
        return []
    admins = db.users.find({"org": org, "role": "partner_admin", "disabled_at": None})
    return [_recipient(admin["email"], admin) for admin in admins]


def _recipient(to: str, who: Mapping[str, Any]) -> Document:
    chosen = who.get("notices") or {}
    return {
        "to": to,
        "name": who.get("name"),
        "language": who.get("language") or "en",
        "digest": chosen.get("digest", False),
    }
