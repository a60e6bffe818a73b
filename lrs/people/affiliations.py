"""Dated affiliations of people with organizations: begin, move, end, prolong, confirm, name a role.

affiliations {_id, org, person, from, until, primary, role, confirmed_at, known_as}: `known_as` is what
              the organization knows the person by: the only identifier that its administrators see
At most one is primary at any instant, and none overlaps another with the same organization. Everything that
changes what a decision reads marks the persons (`evaluation_queue`) in its transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.people.records import MBOX, get_person
from rules.engine.affiliations import unended
from rules.engine.queues import evaluation_queue, tier_queue

Document = dict[str, Any]
FOREVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
BEGINNING: Final = dt.datetime.min.replace(tzinfo=dt.UTC)

INDEXES: dict[str, list[IndexModel]] = {
    "affiliations": [
        IndexModel([("person", ASCENDING), ("from", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
        IndexModel(
            [("confirmed_at", ASCENDING), ("_id", ASCENDING)],
            name="pending",
            partialFilterExpression={"confirmed_at": None},
        ),
    ],
}


def begins(row: Mapping[str, Any]) -> dt.datetime:
    """Return the first instant of an affiliation; the beginning of time where that is open."""
    return row["from"] or BEGINNING


def ends(row: Mapping[str, Any]) -> dt.datetime:
    """Return the end of an affiliation; the end of time where that is open."""
    return row["until"] or FOREVER


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two affiliations share an instant."""
    return begins(one) < ends(other) and begins(other) < ends(one)


def affiliations_of(db: Database[Document], person: str, session: ClientSession | None) -> list[Document]:
    """Return all affiliations of a person, by their beginning."""
    found = list(db.affiliations.find({"person": person}, session=session))
    return sorted(found, key=lambda row: (begins(row), row["_id"]))


def affiliate(
    editor: Editor,
    person: str,
    org: str,
    *,
    start: dt.datetime | None = None,
    primary: bool = True,
    role: str | None = None,
    confirmed: bool = True,
    known_as: str | None = None,
) -> Document:
    """Begin an affiliation; a new primary one ends the earlier primary one at its start (a move).

    It counts from its confirmation (cert#5-5). A secondary affiliation with the organization goes on as
    the primary one, with its role and its end. Raises UnknownThing, InvalidField or Collision.
    """
    at = start or editor.now

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        organization = get_org(editor.db, org)
        wanted: Document = {
            "_id": new_id(editor.now),
            "org": org,
            "person": before["_id"],
            "from": at,
            "until": None,
            "primary": primary,
            "role": role,
            "confirmed_at": at if confirmed else None,
            "known_as": known_as or _own_mailbox(before, organization),
        }
        row = _taking_over(editor, wanted, session)
        if primary:
            end_primary(editor, before["_id"], at, session)
        editor.db.affiliations.replace_one({"_id": row["_id"]}, row, upsert=True, session=session)
        editor.note("affiliation.begin", "affiliation", row["_id"], org=org, after=row)
        after_change(editor, before["_id"], session)
        return row

    return editor.change(act)


def _taking_over(editor: Editor, wanted: Document, session: ClientSession) -> Document:
    """Return the affiliation that begins: as wanted, or as what a secondary one becomes.

    What ran as a secondary one stays on record up to the start; what never counted is taken over whole.
    Raises Collision where the organization has the person at that time already.
    """
    rows = [
        row
        for row in affiliations_of(editor.db, wanted["person"], session)
        if row["org"] == wanted["org"] and ends(row) > wanted["from"]
    ]
    if not rows:
        return wanted
    old = rows[0]
    if len(rows) > 1 or not wanted["primary"] or old["primary"]:
        raise Collision(f"the person is affiliated with {wanted['org']!r} at that time already")
    kept = {name: wanted[name] or old[name] for name in ("role", "known_as")}
    row = {**wanted, **kept, "until": old["until"]}
    if old["confirmed_at"] is None or begins(old) >= wanted["from"]:
        return {**row, "_id": old["_id"]}
    _end(editor, old, wanted["from"], session)
    return row


def _own_mailbox(person: Mapping[str, Any], org: Mapping[str, Any]) -> str | None:
    """Return an mbox of the person under a verified domain of the organization: the others are private."""
    domains = verified_domains(org)
    mboxes = [row["ifi"] for row in person["ifis"] if row["ifi"].startswith(MBOX)]
    return next((ifi for ifi in mboxes if mail_domain(ifi) in domains), None)


def end_primary(editor: Editor, person: str, until: dt.datetime, session: ClientSession) -> None:
    """End the primary affiliation of a person, where there is one, at an instant: one at a time.

    One with a known last day ahead ends earlier; one that has ended stays as it was: InvalidField.
    """
    later = {"person": person, "primary": True, **unended(until)}
    rows = list(editor.db.affiliations.find(later, session=session))
    for row in rows:
        check_can_yield(row, until, editor.now)
    for row in rows:
        _end(editor, row, until, session)


def check_can_yield(row: Mapping[str, Any], until: dt.datetime, now: dt.datetime) -> None:
    """Refuse to let a primary affiliation end at an instant that it does not allow; raises InvalidField."""
    if row["until"] is not None and row["until"] <= now:
        raise InvalidField("from", "lies inside an earlier primary affiliation")
    if row["from"] is not None and row["from"] >= until:
        raise InvalidField("from", "is not after the start of the present primary affiliation")


def end_affiliation(editor: Editor, affiliation: str, until: dt.datetime | None) -> Document:
    """Let an affiliation end at an instant; an end that is still ahead can be moved, or taken back (None).

    Raises UnknownThing; Collision where it has ended or goes on already, or another begins before the new
    end; InvalidField where the end is not after the start.
    """

    def act(session: ClientSession) -> Document:
        row = get_affiliation(editor.db, affiliation, session)
        if row["until"] is not None and row["until"] <= editor.now:
            raise Collision("the affiliation has ended before")
        if until is None and row["until"] is None:
            raise Collision("the affiliation has no end to take back")
        if until is not None and until < begins(row):
            raise InvalidField("until", "is before the start of the affiliation")
        rest = [one for one in affiliations_of(editor.db, row["person"], session) if one["_id"] != row["_id"]]
        check_apart({**row, "until": until}, rest)
        ended = _end(editor, row, until, session)
        after_change(editor, row["person"], session)
        return ended

    return editor.change(act)


def check_apart(row: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> None:
    """Refuse an affiliation that overlaps another of its organization, or two primary ones; Collision."""
    for other in others:
        if overlap(row, other) and begins(row) < ends(row) and begins(other) < ends(other):
            if other["org"] == row["org"]:
                raise Collision("the organization has another affiliation with the person in that time")
            if other["primary"] and row["primary"]:
                raise Collision("another organization has the person as its own in that time")


def confirm_affiliation(editor: Editor, affiliation: str) -> Document:
    """Confirm an affiliation: from now on the person counts for the organization; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        row = get_affiliation(editor.db, affiliation, session)
        if row["confirmed_at"] is not None:
            return row
        after = {**row, "confirmed_at": editor.now}
        editor.db.affiliations.update_one(
            {"_id": affiliation}, {"$set": {"confirmed_at": editor.now}}, session=session
        )
        editor.note(
            "affiliation.confirm", "affiliation", affiliation, org=row["org"], before=row, after=after
        )
        after_change(editor, row["person"], session)
        return after

    return editor.change(act)


def set_role(editor: Editor, affiliation: str, role: str | None) -> Document:
    """Name the role of a person in an organization; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        row = get_affiliation(editor.db, affiliation, session)
        after = {**row, "role": role}
        editor.db.affiliations.update_one({"_id": affiliation}, {"$set": {"role": role}}, session=session)
        editor.note("affiliation.role", "affiliation", affiliation, org=row["org"], before=row, after=after)
        evaluation_queue.enqueue(editor.db, [row["person"]], editor.now, session=session)
        return after

    return editor.change(act)


def get_affiliation(
    db: Database[Document], affiliation: str, session: ClientSession | None = None
) -> Document:
    """Return an affiliation; raises UnknownThing."""
    row = db.affiliations.find_one({"_id": affiliation}, session=session)
    if row is None:
        raise UnknownThing("affiliation", affiliation)
    return row


def put_affiliations(
    editor: Editor,
    person: str,
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Document],
    session: ClientSession,
) -> None:
    """Write the affiliations of a person as they become; note each that differs."""
    was = {row["_id"]: row for row in before}
    for row in after:
        old = was.get(row["_id"])
        if row == old:
            continue
        editor.db.affiliations.replace_one({"_id": row["_id"]}, row, upsert=True, session=session)
        differs = {name for name in row if old is not None and row[name] != old[name]}
        action = "begin" if old is None else ACTIONS.get(frozenset(differs), "change")
        editor.note(f"affiliation.{action}", "affiliation", row["_id"], org=row["org"], before=old, after=row)
    after_change(editor, person, session)


ACTIONS: Final = {frozenset({"until"}): "end", frozenset({"role"}): "role"}


def _end(editor: Editor, row: Document, until: dt.datetime | None, session: ClientSession) -> Document:
    after = {**row, "until": until}
    editor.db.affiliations.update_one({"_id": row["_id"]}, {"$set": {"until": until}}, session=session)
    editor.note("affiliation.end", "affiliation", row["_id"], org=row["org"], before=row, after=after)
    return after


def after_change(editor: Editor, person: str, session: ClientSession) -> None:
    """Keep `confirmed` and the address right and mark the person.

    Touching the person makes concurrent changes collide.
    """
    rows = affiliations_of(editor.db, person, session)
    known = get_person(editor.db, person, session)
    change: Document = {"confirmed": any(row["confirmed_at"] is not None for row in rows)}
    change |= _address_after(known, rows, editor.now)
    editor.db.people.update_one({"_id": person}, {"$set": change, "$inc": {"version": 1}}, session=session)
    if "email" in change:
        editor.note("person.edit", "person", person, org="vendor", before=known, after={**known, **change})
    evaluation_queue.enqueue(editor.db, [person], editor.now, session=session)
    tier_queue.enqueue_people(editor.db, [person], editor.now, session)


def _address_after(person: Document, rows: Sequence[Document], now: dt.datetime) -> Document:
    """Return the contact address that follows a move: the mailbox by which the new organization knows them.

    An address that no organization has given stays: the person, or the vendor, has chosen it.
    """
    mine = next((row for row in rows if row["primary"] and begins(row) <= now < ends(row)), None)
    if mine is None or not str(mine.get("known_as")).startswith(MBOX):
        return {}
    address = str(mine["known_as"]).removeprefix(MBOX)
    owned = {row["ifi"] for row in person["ifis"] if row["until"] is None}
    given = {row.get("known_as") for row in rows if row["_id"] != mine["_id"] and row["org"] != mine["org"]}
    present = person.get("email")
    if present == address or mine["known_as"] not in owned:
        return {}
    return {"email": address} if present is None or MBOX + present in given else {}


def contact_address(db: Database[Document], person: Document, now: dt.datetime) -> str | None:
    """Return the address at which a person is reached now: it follows a move, also one that began ahead."""
    rows = affiliations_of(db, person["_id"], None)
    address: str | None = _address_after(person, rows, now).get("email") or person.get("email")
    return address


def verified_domains(org: Mapping[str, Any]) -> set[str]:
    """Return the mail domains that an organization has proven to be its own."""
    return {row["domain"] for row in org["domains"] if row["verified_at"] is not None}


def mail_domain(ifi: str) -> str | None:
    """Return the mail domain of an mbox identifier, None of another."""
    return ifi.rpartition("@")[2].lower() if ifi.startswith(MBOX) else None
