"""Merging two records of one human being, and splitting one record of two: with preview, audit and marks."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import InvalidField, Outdated
from lrs.people import merged_rows
from lrs.people.records import check_ifi, get_person, same_mailbox
from rules.engine import merges
from rules.engine.affiliations import holding
from rules.engine.ownership import note_owners
from rules.engine.queues import evaluation_queue, outbox, tier_queue
from rules.engine.queues.outbox import Event
from rules.evaluation.award_ids import award_id

Document = dict[str, Any]
FOREVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
BEFORE: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


def basis(*persons: Document) -> str:
    """Return a mark of the state that a preview was made from."""
    states = [f"{person['_id']} {person.get('version', 0)}" for person in persons]
    return hashlib.sha256("\n".join(states).encode()).hexdigest()[:16]


def preview_merge(db: Database[Document], kept: str, gone: str) -> Document:
    """Return what a merge would do; nothing is changed. Raises UnknownThing or InvalidField."""
    one, other = _two(db, kept, gone, None)
    affiliations = _joined_affiliations(db, one["_id"], other["_id"], None)
    return {
        "kept": one["_id"],
        "gone": other["_id"],
        "identifiers": [row["ifi"] for row in other["ifis"]],
        "affiliations": [
            {"org": new["org"], "primary": new["primary"], "was_primary": old["primary"]}
            for old, new in affiliations
        ],
        "groups": [
            group["_id"]
            for group in db.groups.find({"org": VENDOR, "members.person": other["_id"]}, {"_id": 1})
        ],
        "credentials": _credentials(db, one["_id"], other["_id"]),
        "tells": ["person.merged", *(["award.merged"] if _held(db, other["_id"], None) else [])],
        "facts": db.facts.count_documents({"org": VENDOR, "person": other["_id"], "by_people": True}),
        "awards": db.awards.count_documents({"org": VENDOR, "person": other["_id"]}),
        "basis": basis(one, other),
    }


def _credentials(db: Database[Document], kept: str, gone: str) -> list[Document]:
    """Return each award of `gone` with what it becomes part of: its page leads there, nothing is annulled."""
    return [
        {
            "award": award["_id"],
            "certification": award["certification"],
            "becomes_part_of": _part(db, kept, award, None),
            "note": "its page leads there; the credential stays valid; nobody is told of a loss",
        }
        for award in _held(db, gone, None)
    ]


def _held(db: Database[Document], person: str, session: ClientSession | None) -> list[Document]:
    wanted = {"org": VENDOR, "person": person, "annulled": {"$ne": True}}
    return sorted(db.awards.find(wanted, session=session), key=lambda award: str(award["_id"]))


def _part(db: Database[Document], kept: str, award: Document, session: ClientSession | None) -> str:
    """Return the award of the one who is kept that an award will be part of, by its id to be."""
    begun = merges.awards_begun(db, kept, award["certification"], session)
    return merges.part_of(begun, award["awarded_at"]) or award_id(kept, award["certification"], 1)


def merge(editor: Editor, kept: str, gone: str, expected: str | None = None) -> Document:
    """Make one person of two; raises UnknownThing, InvalidField, or Outdated where `expected` is no more.

    Identifiers, affiliations, group memberships and facts recorded by people go to the one who is kept, and
    what the holder let others see; both are decided anew. The other record stays as a pointer.
    """

    def act(session: ClientSession) -> Document:
        one, other = _two(editor.db, kept, gone, session)
        if expected is not None and expected != basis(one, other):
            raise Outdated("preview")
        home = _organization(editor, other["_id"], session)
        _carry_consent(editor, other["_id"], one["_id"], session)
        after = _unite(editor, one, other, session)
        for old, new in _joined_affiliations(editor.db, one["_id"], other["_id"], session):
            editor.db.affiliations.replace_one({"_id": old["_id"]}, new, session=session)
        _move_memberships(editor, other["_id"], one["_id"], session)
        _copy_facts(editor, other["_id"], one["_id"], session)
        brought = {"org": VENDOR, "person": other["_id"]}
        editor.db.endorsements.update_many(brought, {"$set": {"person": one["_id"]}}, session=session)
        editor.db.recognitions.update_many(brought, {"$set": {"person": one["_id"]}}, session=session)
        theirs = {"person": other["_id"]}
        for about in (editor.db.excuses, editor.db.scim_resources):
            about.update_many(theirs, {"$set": {"person": one["_id"]}}, session=session)
        merged_rows.move_bookings(editor, other["_id"], one["_id"], session)
        merged_rows.move_cards(editor, other["_id"], one["_id"], session)
        evaluation_queue.unite_stores(editor.db, [one["_id"], other["_id"]], editor.now, session=session)
        ifis = {row["ifi"] for row in after["ifis"]}
        evaluation_queue.enqueue_signed_by(editor.db, ifis, editor.now, session=session)
        tier_queue.enqueue_people(editor.db, [one["_id"]], editor.now, session)
        told = {"person": other["_id"], "merged_into": {"person": one["_id"]}, "organization": home}
        outbox.append(
            editor.db,
            [Event("person.merged", (other["_id"], one["_id"]), editor.now, told)],
            editor.now,
            session,
        )
        editor.note(
            "person.merge", "person", one["_id"], org=VENDOR, before=one, after=after, note=other["_id"]
        )
        editor.note("person.merged", "person", other["_id"], org=VENDOR, before=other, note=one["_id"])
        return after

    return editor.change(act)


def _organization(editor: Editor, person: str, session: ClientSession) -> str | None:
    """Return the organization that a person counts for now."""
    wanted = {"person": person, "primary": True, **holding(editor.now)}
    found = editor.db.affiliations.find_one(wanted, session=session)
    return None if found is None else str(found["org"])


def _carry_consent(editor: Editor, gone: str, kept: str, session: ClientSession) -> None:
    """Let what the holder showed under the one record be shown under the other; a choice made there stays."""
    displays = editor.db.credential_displays
    wanted = {"org": VENDOR, "person": {"$in": [gone, kept]}}
    choices = {row["_id"]: row for row in displays.find(wanted, session=session)}
    for award in _held(editor.db, gone, session):
        choice = choices.get(award["_id"]) or choices.get(f"person:{gone}")
        part = _part(editor.db, kept, award, session)
        if choice and not {part, f"person:{kept}"} & choices.keys():
            choices[part] = {**choice, "_id": part, "person": kept}
            displays.insert_one(choices[part], session=session)


def _two(
    db: Database[Document], kept: str, gone: str, session: ClientSession | None
) -> tuple[Document, Document]:
    one, other = get_person(db, kept, session), get_person(db, gone, session)
    if one["_id"] == other["_id"]:
        raise InvalidField("gone", "is the same person already")
    return one, other


def _unite(editor: Editor, one: Document, other: Document, session: ClientSession) -> Document:
    """Give the identifiers of `other` to `one` and leave a pointer behind."""
    gained, former = _gained(one, other, editor.now)
    after = {
        **one,
        "name": one.get("name") or other.get("name"),
        "email": one.get("email") or other.get("email"),
        "ifis": one["ifis"] + gained,
        **({"former": former} if former else {}),
        "confirmed": one.get("confirmed", False) or other.get("confirmed", False),
        "updated_at": editor.now,
        "version": one.get("version", 0) + 1,
    }
    pointer = {
        "ifis": [],
        "had": other["ifis"],
        "merged_into": one["_id"],
        "merged_at": editor.now,
        "updated_at": editor.now,
    }
    editor.db.people.update_one(
        {"_id": other["_id"]}, {"$set": pointer, "$inc": {"version": 1}}, session=session
    )
    editor.db.people.replace_one({"_id": one["_id"]}, after, session=session)
    note_owners(editor.db, [one["_id"], other["_id"]], session)
    return after


def _gained(one: Document, other: Document, now: dt.datetime) -> tuple[list[Document], list[Document]]:
    """Return the identifiers that `one` gets of `other`, known from now on, and the former ones of `one`.

    What `one` had lost to a split comes back as it was: splitting and merging again is neutral.
    """
    former = [dict(row) for row in one.get("former", ())]
    owned = {(row["ifi"], row["from"], row["until"]) for row in one["ifis"]}
    gained = []
    for row in other["ifis"]:
        if (row["ifi"], row["from"], row["until"]) in owned:
            continue
        lost = next((each for each in former if "returned_at" not in each and _covers(each, row)), None)
        if lost is not None:
            lost |= {"returned_at": now}
        gains = lost.get("gains", []) if lost else [*row.get("gains", []), {"at": now, "of": other["_id"]}]
        gained.append(_identifier(row, gains))
    return gained, former


def _covers(lost: Document, row: Document) -> bool:
    """Tell whether an identifier that comes back lies inside the interval in which it was lost."""
    return bool(
        lost["ifi"] == row["ifi"]
        and (lost["from"] or BEFORE) <= (row["from"] or BEFORE)
        and (row["until"] or FOREVER) <= (lost["until"] or FOREVER)
    )


def _identifier(row: Document, gains: list[Document]) -> Document:
    bare = {"ifi": row["ifi"], "from": row["from"], "until": row["until"]}
    return {**bare, "gains": gains} if gains else bare


def _joined_affiliations(
    db: Database[Document], kept: str, gone: str, session: ClientSession | None
) -> list[tuple[Document, Document]]:
    """Return the affiliations of `gone` as they are and become: primary only where no other one is."""
    primaries = list(db.affiliations.find({"person": kept, "primary": True}, session=session))
    rows = []
    for old in db.affiliations.find({"person": gone}, session=session).sort("from", 1):
        primary = old["primary"] and not any(_overlap(old, other) for other in primaries)
        rows.append((old, {**old, "person": kept, "primary": primary}))
    return rows


def _overlap(one: Document, other: Document) -> bool:
    return (one["from"] or BEFORE) < (other["until"] or FOREVER) and (other["from"] or BEFORE) < (
        one["until"] or FOREVER
    )


def _move_memberships(editor: Editor, gone: str, kept: str, session: ClientSession) -> None:
    """Give memberships to the one who is kept; that they were another's stays on record."""
    for group in editor.db.groups.find({"org": VENDOR, "members.person": gone}, session=session):
        moved = [one for one in group["members"] if one["person"] == gone]
        members = [
            {**one, "person": kept, "added_at": editor.now} if one["person"] == gone else one
            for one in group["members"]
        ]
        past = [*group.get("past", ()), *({**one, "removed_at": editor.now} for one in moved)]
        change = {"$set": {"members": members, "past": past}, "$inc": {"version": 1}}
        editor.db.groups.update_one({"_id": group["_id"]}, change, session=session)


def _copy_facts(editor: Editor, gone: str, kept: str, session: ClientSession) -> None:
    """Repeat what people decided about one for the other: a revocation does not end by a merge.

    Facts are only ever added; a fact that names another by `of` names its copy. Copies are known from now on.
    """
    db = editor.db
    found = list(db.facts.find({"org": VENDOR, "person": gone, "by_people": True}, session=session))
    names = {fact["_id"]: "fact_" + secrets.token_hex(12) for fact in found}
    copies = [
        {
            **fact,
            "_id": names[fact["_id"]],
            "person": kept,
            "copy_of": fact["_id"],
            "known_at": editor.now,
            **({"of": names.get(fact["of"], fact["of"])} if fact.get("of") else {}),
        }
        for fact in found
    ]
    if copies:
        db.facts.insert_many(copies, session=session)


def preview_split(
    db: Database[Document], person: str, ifis: Collection[str], since: dt.datetime | None
) -> Document:
    """Return what a split would do; nothing is changed. Raises UnknownThing or InvalidField."""
    before = get_person(db, person)
    stay, leave = _divide(before, ifis, since)
    return {
        "person": before["_id"],
        "keeps": stay,
        "leaves": leave,
        "awards": db.awards.count_documents({"org": VENDOR, "person": before["_id"]}),
        "basis": basis(before),
    }


def split(
    editor: Editor,
    person: str,
    ifis: Collection[str],
    *,
    since: dt.datetime | None = None,
    name: str | None = None,
    expected: str | None = None,
) -> Document:
    """Give some identifiers of a person to a new one, from an instant or from ever; return the new person.

    Affiliations, groups and facts stay with the first; both are decided anew.
    """

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        if expected is not None and expected != basis(before):
            raise Outdated("preview")
        stay, leave = _divide(before, ifis, since)
        new, gain = "p_" + new_id(editor.now), {"at": editor.now, "of": before["_id"]}
        mbox = next((row["ifi"] for row in leave if row["ifi"].startswith("mbox::")), None)
        made: Document = {
            "_id": new,
            "org": VENDOR,
            "name": name,
            "email": mbox.removeprefix("mbox::mailto:") if mbox else None,
            "ifis": [_identifier(row, [*row.get("gains", []), gain]) for row in leave],
            "confirmed": False,
            "display": {},
            "created_at": editor.now,
            "updated_at": editor.now,
            "version": 1,
        }
        after = {
            **before,
            "ifis": stay,
            "former": before.get("former", [])
            + [{**row, "lost_at": editor.now, "lost_to": new} for row in leave],
            "updated_at": editor.now,
            "version": before.get("version", 0) + 1,
        }
        editor.db.people.replace_one({"_id": before["_id"]}, after, session=session)
        editor.db.people.insert_one(made, session=session)
        note_owners(editor.db, [before["_id"], made["_id"]], session)
        evaluation_queue.unite_stores(editor.db, [before["_id"], made["_id"]], editor.now, session=session)
        evaluation_queue.enqueue_signed_by(
            editor.db, {row["ifi"] for row in leave}, editor.now, session=session
        )
        editor.note(
            "person.split", "person", before["_id"], org=VENDOR, before=before, after=after, note=made["_id"]
        )
        editor.note("person.add", "person", made["_id"], org=VENDOR, after=made, note=before["_id"])
        return made

    return editor.change(act)


def _divide(
    person: Document, ifis: Collection[str], since: dt.datetime | None
) -> tuple[list[Document], list[Document]]:
    """Return the identifier rows that stay and those that leave; an mbox takes its sha1sum along."""
    leaving = {same for ifi in ifis for same in same_mailbox(check_ifi(ifi))}
    held = {row["ifi"] for row in person["ifis"]}
    missing = sorted(set(ifis) - held)
    if missing:
        raise InvalidField("ifis", f"{missing[0]} is not of this person")
    if held <= leaving:
        raise InvalidField("ifis", "at least one identifier has to stay")
    stay, leave = [], []
    for row in person["ifis"]:
        if row["ifi"] not in leaving or (since and row["until"] and row["until"] <= since):
            stay.append(row)
            continue
        start = row["from"] if since is None or (row["from"] and row["from"] >= since) else since
        leave.append({**row, "from": start})
        if since is not None and (row["from"] is None or row["from"] < since):
            stay.append({**row, "until": since})
    return stay, leave
