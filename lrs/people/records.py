"""People: who there is, and their dated identifiers; where they belong is `lrs.people.affiliations`.

people {_id, org "vendor", name, email, ifis [{ifi, from, until}], confirmed, display, created_at,
        updated_at, version, merged_into?, language?, notices {digest}?,
        engagement {board full|initials|None, mail, reminded_at}?}
Everything that changes what a decision reads marks the persons (`evaluation_queue`) in its transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from rules.engine.identity import MAX_IDS, digest_of, give_identifier, new_person, person_id
from rules.engine.ownership import note_owners
from rules.engine.queues import evaluation_queue
from statements.parsing.actor import agent_of, ifi

Document = dict[str, Any]
MBOX: Final = "mbox::mailto:"
EDITABLE: Final = ("name", "email", "display")

INDEXES: dict[str, list[IndexModel]] = {
    "people": [
        IndexModel([("org", ASCENDING), ("ifis.ifi", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("email", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("name", ASCENDING), ("_id", ASCENDING)]),
        *(
            IndexModel(
                [("org", ASCENDING), (f"{field}.ifi", ASCENDING)],
                partialFilterExpression={f"{field}.ifi": {"$exists": True}},
            )
            for field in ("former", "had")
        ),
        *(
            IndexModel(
                [("org", ASCENDING), (f"engagement.{field}", ASCENDING)],
                partialFilterExpression={f"engagement.{field}": {"$exists": True}},
            )
            for field in ("board", "mail")
        ),
        IndexModel(
            [("org", ASCENDING), ("merged_into", ASCENDING)],
            partialFilterExpression={"merged_into": {"$exists": True}},
        ),
    ],
    "groups": [IndexModel([("org", ASCENDING), ("members.person", ASCENDING)])],
}


def account_here(db: Database[Document], person: str, public_url: str) -> str:
    """Return this server's account of a person, theirs from now on: for who knows no other identifier."""
    name = str(ifi({"account": {"homePage": public_url, "name": person}}))
    row = {"ifi": name, "from": None, "until": None}
    give_identifier(db, person, row, **{"$inc": {"version": 1}})
    return name


def get_person(db: Database[Document], person: str, session: ClientSession | None = None) -> Document:
    """Return the person, following merges; raises UnknownThing."""
    found = db.people.find_one({"_id": person}, session=session)
    while found is not None and found.get("merged_into"):
        found = db.people.find_one({"_id": found["merged_into"]}, session=session)
    if found is None:
        raise UnknownThing("person", person)
    return found


def check_ifi(ifi: str) -> str:
    """Return a canonical identifier; raises InvalidField where the text is none."""
    try:
        agent_of(ifi)
    except ValueError as error:
        raise InvalidField(
            "ifi", "must be like mbox::mailto:ana@example.com or account::name@homePage"
        ) from error
    return ifi


def same_mailbox(ifi: str) -> list[str]:
    """Return the identifier and the others that are the same by definition: an mbox and its sha1sum."""
    digest = digest_of(ifi)
    return [ifi] if digest is None else [ifi, digest]


def add_person(
    editor: Editor, ifis: Iterable[str], *, name: str | None = None, email: str | None = None
) -> Document:
    """Insert a person with these identifiers; raises Collision where somebody owns one of them now."""
    listed = [check_ifi(ifi) for ifi in ifis]
    if not listed:
        raise InvalidField("ifis", "at least one identifier is needed")

    def act(session: ClientSession) -> Document:
        for one in listed:
            _check_free(editor.db, one, session)
        every = dict.fromkeys(same for one in listed for same in same_mailbox(one))
        made = new_person(_free_id(editor.db, listed[0], session), listed[0], editor.now)
        document = {
            **made,
            "name": name,
            "email": email or made["email"],
            "ifis": [{"ifi": ifi, "from": None, "until": None} for ifi in every],
            "display": {},
            "updated_at": editor.now,
            "version": 1,
        }
        try:
            editor.db.people.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Collision("somebody was seen under this identifier just now; try again") from error
        editor.note("person.add", "person", document["_id"], org=VENDOR, after=document)
        evaluation_queue.enqueue(editor.db, [document["_id"]], editor.now, session=session)
        note_owners(editor.db, [document["_id"]], session)
        return document

    return editor.change(act)


def _free_id(db: Database[Document], ifi: str, session: ClientSession) -> str:
    """Return the id that a person first seen under this identifier gets."""
    ids = (person_id(ifi, again) for again in range(MAX_IDS))
    return next(one for one in ids if not db.people.find_one({"_id": one}, {"_id": 1}, session=session))


def edit_person(editor: Editor, person: str, changes: Mapping[str, Any], version: int) -> Document:
    """Change name, email or display of a person; raises UnknownThing or Outdated."""

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        kept = {name: changes[name] for name in EDITABLE if name in changes}
        after = editor.db.people.find_one_and_update(
            {"_id": before["_id"], **at_version(version)},
            {"$set": {**kept, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("person")
        editor.note("person.edit", "person", before["_id"], org=VENDOR, before=before, after=after)
        return after

    return editor.change(act)


def set_preferences(editor: Editor, person: str, language: str, *, digest: bool, email: str | None) -> None:
    """Keep how a person wants to be written to: language, one mail a day, the contact address."""
    chosen = {"language": language, "notices": {"digest": digest}} | ({"email": email} if email else {})

    def act(session: ClientSession) -> None:
        before = get_person(editor.db, person, session)
        change = {"$set": {**chosen, "updated_at": editor.now}, "$inc": {"version": 1}}
        editor.db.people.update_one({"_id": before["_id"]}, change, session=session)
        after = {**before, **chosen}
        editor.note("person.edit", "person", before["_id"], org=VENDOR, before=before, after=after)

    editor.change(act)


def set_engagement(editor: Editor, person: str, chosen: Mapping[str, Any]) -> None:
    """Keep whether boards count a person, by which name, and whether questions come by mail."""

    def act(session: ClientSession) -> None:
        before = get_person(editor.db, person, session)
        after = {**before, "engagement": {**before.get("engagement", {}), **chosen}}
        change = {"engagement": after["engagement"], "updated_at": editor.now}
        editor.db.people.update_one(
            {"_id": before["_id"]}, {"$set": change, "$inc": {"version": 1}}, session=session
        )
        editor.note("person.engagement", "person", before["_id"], org=VENDOR, before=before, after=after)

    editor.change(act)


def at_version(version: int) -> Document:
    """Return the filter of a document's version; people seen first by the engine have none, which is 0."""
    return {"version": version or None}


def add_identifier(editor: Editor, person: str, ifi: str, since: dt.datetime | None = None) -> Document:
    """Give an identifier that nobody owns (and its sha1sum) to a person; raises Collision."""

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        owned = {row["ifi"] for row in before["ifis"] if row["until"] is None}
        new = [same for same in same_mailbox(check_ifi(ifi)) if same not in owned]
        for each in new:
            _check_free(editor.db, each, session)
        rows = [*before["ifis"], *({"ifi": each, "from": since, "until": None} for each in new)]
        return replace_identifiers(editor, before, rows, "person.identifier.add", session)

    return editor.change(act)


def end_identifier(editor: Editor, person: str, ifi: str, until: dt.datetime) -> Document:
    """Let a person own an identifier (and its sha1sum) only until an instant; raises UnknownThing.

    Where that is past, evidence since then is lost as by a split (cert#4.9-3): decided again after `settle`.
    """

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        ended = set(same_mailbox(check_ifi(ifi)))
        if not any(row["ifi"] in ended and row["until"] is None for row in before["ifis"]):
            raise UnknownThing("identifier", ifi)
        rows = [
            {**row, "until": until} if row["ifi"] in ended and row["until"] is None else row
            for row in before["ifis"]
        ]
        lost = [
            {**row, "from": until, "lost_at": editor.now}
            for row in before["ifis"]
            if row["ifi"] in ended and row["until"] is None and until < editor.now
        ]
        return replace_identifiers(editor, before, rows, "person.identifier.end", session, lost=lost)

    return editor.change(act)


def replace_identifiers(
    editor: Editor,
    before: Document,
    rows: list[Document],
    action: str,
    session: ClientSession,
    *,
    lost: Sequence[Document] = (),
) -> Document:
    """Write the identifiers of a person, note it and mark the person, and whom the person signed for."""
    written: Document = {"ifis": rows, "updated_at": editor.now}
    if lost:
        written["former"] = [*before.get("former", ()), *lost]
    change = {"$set": written, "$inc": {"version": 1}}
    editor.db.people.update_one({"_id": before["_id"]}, change, session=session)
    after = get_person(editor.db, before["_id"], session)
    editor.note(action, "person", before["_id"], org=VENDOR, before=before, after=after)
    evaluation_queue.enqueue(editor.db, [before["_id"]], editor.now, session=session)
    evaluation_queue.enqueue_signed_by(editor.db, {row["ifi"] for row in rows}, editor.now, session=session)
    note_owners(editor.db, [before["_id"]], session)
    return after


def _check_free(db: Database[Document], ifi: str, session: ClientSession) -> None:
    owner = db.people.find_one(
        {"org": VENDOR, "ifis": {"$elemMatch": {"ifi": ifi, "until": None}}}, {"_id": 1}, session=session
    )
    if owner is not None:
        raise Collision(f"{ifi} belongs to person {owner['_id']}; merge them instead")
