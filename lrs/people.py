"""People: identifiers, dated affiliations with at most one primary, and moves.

people       {_id, org "vendor", name, email, ifis [{ifi, from, until}], confirmed, display, created_at,
              updated_at, version, merged_into?}
affiliations {_id, org, person, from, until, primary, role, confirmed_at, known_as}: `known_as` is what
              the organization knows the person by: the only identifier that its administrators see
Everything that changes what a decision reads marks the persons concerned (`rules.work`) in its transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.audit import Editor, new_id
from lrs.refusals import Collision, InvalidField, Outdated, UnknownThing
from lrs.tenancy import VENDOR, get_org
from rules import tier_work, work
from rules.people import MAX_IDS, digest_of, new_person, person_id
from statements.actor import agent_of

Document = dict[str, Any]
MBOX: Final = "mbox::mailto:"
EDITABLE: Final = ("name", "email", "display")

INDEXES: dict[str, list[IndexModel]] = {
    "people": [
        IndexModel([("org", ASCENDING), ("ifis.ifi", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("email", ASCENDING)]),
        *(
            IndexModel(
                [("org", ASCENDING), (f"{field}.ifi", ASCENDING)],
                partialFilterExpression={f"{field}.ifi": {"$exists": True}},
            )
            for field in ("former", "had")
        ),
        IndexModel(
            [("org", ASCENDING), ("merged_into", ASCENDING)],
            partialFilterExpression={"merged_into": {"$exists": True}},
        ),
    ],
    "affiliations": [
        IndexModel([("person", ASCENDING), ("from", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
        IndexModel(
            [("until", ASCENDING), ("_id", ASCENDING)],
            name="pending",
            partialFilterExpression={"confirmed_at": None},
        ),
    ],
    "groups": [IndexModel([("org", ASCENDING), ("members.person", ASCENDING)])],
}


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
        for ifi in listed:
            _check_free(editor.db, ifi, session)
        every = dict.fromkeys(same for ifi in listed for same in same_mailbox(ifi))
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
        work.mark(editor.db, [document["_id"]], editor.now, session=session)
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

    Where that is past, evidence from then on is lost as by a split (4.9-3): decided again after `settle`.
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
    work.mark(editor.db, [before["_id"]], editor.now, session=session)
    work.mark_signed_by(editor.db, {row["ifi"] for row in rows}, editor.now, session=session)
    return after


def _check_free(db: Database[Document], ifi: str, session: ClientSession) -> None:
    owner = db.people.find_one(
        {"org": VENDOR, "ifis": {"$elemMatch": {"ifi": ifi, "until": None}}}, {"_id": 1}, session=session
    )
    if owner is not None:
        raise Collision(f"{ifi} belongs to person {owner['_id']}; merge them instead")


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

    It counts from its confirmation (section 5-5). Raises UnknownThing, InvalidField or Collision.
    """
    begins = start or editor.now

    def act(session: ClientSession) -> Document:
        before = get_person(editor.db, person, session)
        organization = get_org(editor.db, org)
        _refuse_overlap(editor.db, before["_id"], org, begins, session)
        if primary:
            _refuse_two_primaries(editor.db, before["_id"], begins, session)
            end_primary(editor, before["_id"], begins, session)
        row = {
            "_id": new_id(editor.now),
            "org": org,
            "person": before["_id"],
            "from": begins,
            "until": None,
            "primary": primary,
            "role": role,
            "confirmed_at": begins if confirmed else None,
            "known_as": known_as or _own_mailbox(before, organization),
        }
        editor.db.affiliations.insert_one(row, session=session)
        _after_affiliation(editor, before, session)
        editor.note("affiliation.begin", "affiliation", row["_id"], org=org, after=row)
        return row

    return editor.change(act)


def _own_mailbox(person: Mapping[str, Any], org: Mapping[str, Any]) -> str | None:
    """Return an mbox of the person under a verified domain of the organization: the others are private."""
    domains = verified_domains(org)
    mboxes = [row["ifi"] for row in person["ifis"] if row["ifi"].startswith(MBOX)]
    return next((ifi for ifi in mboxes if mail_domain(ifi) in domains), None)


def end_primary(editor: Editor, person: str, until: dt.datetime, session: ClientSession) -> None:
    """End the running primary affiliation of a person, where there is one, at an instant."""
    running = editor.db.affiliations.find_one(
        {"person": person, "primary": True, "until": None}, session=session
    )
    if running is None:
        return
    if running["from"] is not None and running["from"] >= until:
        raise InvalidField("from", "is not after the start of the present primary affiliation")
    _end(editor, running, until, session)


def _refuse_two_primaries(
    db: Database[Document], person: str, start: dt.datetime, session: ClientSession
) -> None:
    """Refuse a start inside an earlier primary affiliation that has ended since (one primary at a time)."""
    overlapping = db.affiliations.find_one(
        {"person": person, "primary": True, "until": {"$gt": start}}, session=session
    )
    if overlapping is not None:
        raise InvalidField("from", "lies inside an earlier primary affiliation")


def end_affiliation(editor: Editor, affiliation: str, until: dt.datetime) -> Document:
    """End an affiliation at an instant; raises UnknownThing or InvalidField."""

    def act(session: ClientSession) -> Document:
        row = get_affiliation(editor.db, affiliation, session)
        if row["until"] is not None and row["until"] <= until:
            raise Collision("the affiliation has ended before")
        if row["from"] is not None and until < row["from"]:
            raise InvalidField("until", "is before the start of the affiliation")
        ended = _end(editor, row, until, session)
        _after_affiliation(editor, get_person(editor.db, row["person"], session), session)
        return ended

    return editor.change(act)


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
        _after_affiliation(editor, get_person(editor.db, row["person"], session), session)
        return after

    return editor.change(act)


def set_role(editor: Editor, affiliation: str, role: str | None) -> Document:
    """Name the role of a person in an organization; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        row = get_affiliation(editor.db, affiliation, session)
        after = {**row, "role": role}
        editor.db.affiliations.update_one({"_id": affiliation}, {"$set": {"role": role}}, session=session)
        editor.note("affiliation.role", "affiliation", affiliation, org=row["org"], before=row, after=after)
        work.mark(editor.db, [row["person"]], editor.now, session=session)
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


def _end(editor: Editor, row: Document, until: dt.datetime, session: ClientSession) -> Document:
    after = {**row, "until": until}
    editor.db.affiliations.update_one({"_id": row["_id"]}, {"$set": {"until": until}}, session=session)
    editor.note("affiliation.end", "affiliation", row["_id"], org=row["org"], before=row, after=after)
    return after


def _refuse_overlap(
    db: Database[Document], person: str, org: str, start: dt.datetime, session: ClientSession
) -> None:
    rows = db.affiliations.find({"person": person, "org": org}, session=session)
    if any(row["until"] is None or row["until"] > start for row in rows):
        raise Collision(f"the person is affiliated with {org!r} at that time already")


def _after_affiliation(editor: Editor, person: Document, session: ClientSession) -> None:
    """Keep `confirmed` right and mark the person; touching the person makes concurrent changes collide."""
    confirmed = editor.db.affiliations.find_one(
        {"person": person["_id"], "confirmed_at": {"$ne": None}}, {"_id": 1}, session=session
    )
    editor.db.people.update_one(
        {"_id": person["_id"]},
        {"$set": {"confirmed": confirmed is not None}, "$inc": {"version": 1}},
        session=session,
    )
    work.mark(editor.db, [person["_id"]], editor.now, session=session)
    tier_work.mark_people(editor.db, [person["_id"]], editor.now, session)


def verified_domains(org: Mapping[str, Any]) -> set[str]:
    """Return the mail domains that an organization has proven to be its own."""
    return {row["domain"] for row in org["domains"] if row["verified_at"] is not None}


def mail_domain(ifi: str) -> str | None:
    """Return the mail domain of an mbox identifier, None of another."""
    return ifi.rpartition("@")[2].lower() if ifi.startswith(MBOX) else None
