"""Erasing a person across all stores: counted first, then done step by step, each step safe to repeat.

pseudonymise  the person becomes an account without meaning; statements, awards and counts stay as they are
remove        the person's own statements go, and with them the awards; who only mentions the person keeps a
              pseudonym; learners' documents, names, addresses and attachments go in both modes

erasures {_id, org "vendor", person, mode, pseudonym, reason, state begun|done, begun_at, done_at, counts, by}
The record keeps neither names nor addresses. An erasure that was cut short is finished by asking again.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision
from lrs.people.privacy import legal_holds
from lrs.people.privacy.erasure_in_directories import forget_in_directories
from lrs.people.privacy.erasure_of_refusals import drop_refusals
from lrs.people.records import MBOX, get_person, same_mailbox
from rules.credentials.store import CredentialStore
from rules.engine.affiliations import unended
from rules.engine.ownership import note_owners
from rules.engine.queues import evaluation_queue
from statements.intake.attachments import attachments_of
from statements.parsing.actor import ifi
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json
from statements.parsing.search_keys import key

Document = dict[str, Any]

MODES: Final = ("pseudonymise", "remove")
ACCOUNTS: Final = "urn:laurel:erased"  # home page of accounts that stand for erased people
AGENT_LETTERS: Final = ("a", "A", "e", "f")  # search keys that are made of an agent's identifier

INDEXES: dict[str, list[IndexModel]] = {"erasures": [IndexModel([("org", ASCENDING), ("person", ASCENDING)])]}
CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True, tzinfo=dt.UTC, uuid_representation=UuidRepresentation.STANDARD
)


def count(db: Database[Document], person: str) -> Document:
    """Return what an erasure would touch; nothing is changed. Raises UnknownThing."""
    ifis = identifiers_of(get_person(db, person))
    stores = {org: _count_statements(db, org, ifis) for org in _stores(db)}
    found = [row["_id"] for row in db.awards.find({"org": VENDOR, "person": person}, {"_id": 1})]
    return {
        "person": person,
        "identifiers": len(ifis),
        "stores": {org: counts for org, counts in stores.items() if any(counts.values())},
        "documents": db.documents.count_documents({"ifi": {"$in": ifis}}),
        "names": db.agent_names.count_documents({"ifi": {"$in": ifis}}),
        "attachments": sum(len(_own_hashes(db, org, ifis)) for org in _stores(db)),
        "affiliations": db.affiliations.count_documents({"person": person}),
        "awards": len(found),
        "credentials": db.credentials.count_documents({"org": VENDOR, "person": person}),
        "launches": db.launches.count_documents({"limit.actor": {"$in": ifis}}),
        "attempts": _count_attempts(db, ifis),
    }


def _count_attempts(db: Database[Document], ifis: list[str]) -> int:
    registrations = db.content_enrolments.distinct("_id", {"ifi": {"$in": ifis}})
    return db.attempts.count_documents({"registration": {"$in": registrations}})


def identifiers_of(person: Mapping[str, Any]) -> list[str]:
    """Return every identifier the person ever had, an mbox also by its sha1sum."""
    return sorted({same for row in person["ifis"] for same in same_mailbox(row["ifi"])})


def erase(editor: Editor, person: str, *, mode: str, reason: str) -> Document:
    """Erase a person; return the counts. Asking again finishes what was cut short.

    The order matters: the record that remembers the identifiers goes last. Raises UnknownThing, or Collision
    while a legal hold keeps what is to go.
    """
    db, found = editor.db, get_person(editor.db, person)
    _check_not_held(db, found)
    record = _begin(editor, found, mode, reason)
    ifis, pseudonym = identifiers_of(found), pseudonym_of(record["pseudonym"])
    counts = {"statements_removed": 0, "statements_changed": 0, "attachments": 0}
    for org in _stores(db):
        counts["attachments"] += _drop_attachments(db, org, ifis)
        if mode == "remove":
            counts["statements_removed"] += _remove_own(db, org, ifis)
        counts["statements_changed"] += _rewrite(db, org, ifis, pseudonym)
    counts |= _drop_about(db, ifis, editor.now)
    counts["refusals"] = drop_refusals(db, _stores(db), found, ifis)
    counts |= _finish(editor, found, record, pseudonym)
    return {"mode": mode, **counts}


def addresses_of(person: Mapping[str, Any]) -> list[str]:
    """Return every mail address of a person."""
    owned = [row["ifi"].removeprefix(MBOX) for row in person["ifis"] if row["ifi"].startswith(MBOX)]
    return [*owned, *([person["email"]] if person.get("email") else [])]


def pseudonym_of(name: str) -> Document:
    """Return the Agent that stands for an erased person."""
    return {"objectType": "Agent", "account": {"homePage": ACCOUNTS, "name": name}}


def _begin(editor: Editor, person: Document, mode: str, reason: str) -> Document:
    """Record that an erasure begins, or return the one that was cut short."""
    open_one = editor.db.erasures.find_one({"org": VENDOR, "person": person["_id"], "state": "begun"})
    if open_one is not None:
        if open_one["mode"] != mode:
            raise Collision(f"an erasure of this person by {open_one['mode']} was begun; finish that")
        return open_one
    record = {
        "_id": new_id(editor.now),
        "org": VENDOR,
        "person": person["_id"],
        "mode": mode,
        "pseudonym": secrets.token_hex(16),
        "reason": reason,
        "state": "begun",
        "begun_at": editor.now,
        "done_at": None,
        "by": editor.who["id"],
    }

    def act(session: ClientSession) -> Document:
        editor.db.erasures.insert_one(record, session=session)
        shown = {"mode": mode, "reason": reason}
        editor.note("person.erase", "erasure", record["_id"], org=VENDOR, after=shown, note=person["_id"])
        return record

    return editor.change(act)


def _check_not_held(db: Database[Document], person: Mapping[str, Any]) -> None:
    """Refuse while a legal hold keeps the person, or a store in which they stand; raises Collision."""
    if person["_id"] in legal_holds.held_people(db):
        raise Collision("the person is under a legal hold")
    ifis = identifiers_of(person)
    for org in legal_holds.held_orgs(db):
        if any(_count_statements(db, org, ifis).values()):
            raise Collision(f"the organization {org!r}, in whose store they stand, is under a legal hold")


def _stores(db: Database[Document]) -> list[str]:
    return sorted(row["_id"] for row in db.orgs.find({}, {"_id": 1}))


def statements_whole(db: Database[Document]) -> Collection[Document]:
    """Return the statements as documents that can be written back."""
    return db.get_collection("statements", codec_options=CODEC)


def _mentioning(org: str, ifis: Iterable[str]) -> Document:
    """Return the filter of all statements in which one of the identifiers stands, or that refer to such."""
    return {"org": org, "keys": {"$in": [key(letter, one) for one in ifis for letter in AGENT_LETTERS]}}


def _count_statements(db: Database[Document], org: str, ifis: list[str]) -> Document:
    own = {**_mentioning(org, ifis), "actor": {"$in": ifis}}
    return {
        "own": db.statements.count_documents(own),
        "mentioning": db.statements.count_documents({**_mentioning(org, ifis), "actor": {"$nin": ifis}}),
    }


def _own_hashes(db: Database[Document], org: str, ifis: list[str]) -> list[str]:
    """Return the hashes of attachments that only statements of the person have."""
    own: set[str] = set()
    for row in db.statements.find({**_mentioning(org, ifis), "actor": {"$in": ifis}}, {"raw": 1}):
        if b'"attachments"' in row.get("raw", b""):
            own |= {one["sha2"].lower() for _, one in attachments_of(parse_json(row["raw"]))}
    others = {"org": org, "actor": {"$nin": ifis}, "raw": {"$exists": True}}
    return [
        sha2
        for sha2 in sorted(own)
        if not db.statements.find_one({**others, "keys": key("s", sha2)}, {"_id": 1})
    ]


def _drop_attachments(db: Database[Document], org: str, ifis: list[str]) -> int:
    """Remove the bytes of attachments that only the person's statements have: signatures, photographs."""
    hashes = _own_hashes(db, org, ifis)
    files = list(db["attachments.files"].find({"org": org, "sha2": {"$in": hashes}}, {"_id": 1}))
    ids = [file["_id"] for file in files]
    db["attachments.files"].delete_many({"org": org, "_id": {"$in": ids}})
    db["attachments.chunks"].delete_many({"org": org, "files_id": {"$in": ids}})
    return len(ids)


def _remove_own(db: Database[Document], org: str, ifis: list[str]) -> int:
    """Delete the statements whose actor the person is."""
    return db.statements.delete_many({**_mentioning(org, ifis), "actor": {"$in": ifis}}).deleted_count


def _rewrite(db: Database[Document], org: str, ifis: list[str], pseudonym: Document) -> int:
    """Put the pseudonym for the person in every statement that has them; each is one atomic write."""
    statements, changed = statements_whole(db), 0
    for row in statements.find(_mentioning(org, ifis)):
        update = {"$set": rewritten(row, set(ifis), pseudonym), "$unset": {"received": ""}}
        changed += statements.update_one({"_id": row["_id"], "org": org}, update).modified_count
    return changed


def rewritten(row: Document, ifis: set[str], pseudonym: Document) -> Document:
    """Return the fields of a statement's document in which the pseudonym stands for these identifiers.

    `received`, the text of a repaired statement, names people in any form: whoever writes this drops it.
    """
    new = ifi(pseudonym) or ""
    renamed = {key(letter, one): key(letter, new) for one in ifis for letter in AGENT_LETTERS}
    change = {
        **_renamed_keys(row, renamed),
        **_renamed_fields(row, ifis, new),
        **_renamed_origin(row, ifis, pseudonym),
    }
    if "raw" in row:
        change["raw"] = dump_text(replaced(parse_json(row["raw"]), ifis, pseudonym))
    return change


def replaced(value: Any, ifis: set[str], pseudonym: Document) -> Any:
    """Return a JSON value in which every agent with one of the identifiers is the pseudonym.

    Numbers keep their value; strings elsewhere (extensions, responses) are left alone.
    """
    if isinstance(value, list):
        return [replaced(one, ifis, pseudonym) for one in value]
    if not isinstance(value, dict):
        return value
    if _is_agent(value) and ifi(value) in ifis:
        members = {"member": replaced(value["member"], ifis, pseudonym)} if "member" in value else {}
        return {**pseudonym, "objectType": value.get("objectType", "Agent"), **members}
    return {name: replaced(one, ifis, pseudonym) for name, one in value.items()}


def agents_in(value: Any) -> set[str]:
    """Return the identifiers of all agents in a JSON value."""
    if isinstance(value, list):
        return {found for one in value for found in agents_in(one)}
    if not isinstance(value, dict):
        return set()
    own = ifi(value) if _is_agent(value) else None
    return {found for one in value.values() for found in agents_in(one)} | ({own} if own else set())


def _is_agent(value: Mapping[str, Any]) -> bool:
    account = value.get("account")
    texts = [value[name] for name in ("mbox", "mbox_sha1sum", "openid") if name in value]
    if isinstance(account, dict):
        texts += [account.get("homePage"), account.get("name")]
    return bool(texts) and all(isinstance(text, str) for text in texts)


def _renamed_keys(row: Document, renamed: Mapping[int, int]) -> Document:
    """Return the search keys with the person's replaced, those kept per reference target too."""
    change: Document = {"keys": sorted({renamed.get(one, one) for one in row["keys"]})}
    for name in ("chain", "links"):
        if name in row:
            change[name] = _renamed_within(row[name], renamed)
    return change


def _renamed_within(value: Any, renamed: Mapping[int, int]) -> Any:
    """Replace keys at any depth; lists of keys are sorted, as the store keeps them."""
    if isinstance(value, list):
        within = [_renamed_within(one, renamed) for one in value]
        return sorted(within) if all(isinstance(one, int) for one in within) else within
    if isinstance(value, dict):
        return {name: _renamed_within(one, renamed) for name, one in value.items()}
    return renamed.get(value, value) if isinstance(value, int) else value


def _renamed_fields(row: Document, ifis: set[str], new: str) -> Document:
    change: Document = {name: new for name in ("actor", "instructor", "authority") if row.get(name) in ifis}
    if row.get("object", {}).get("id") in ifis:
        change["object"] = {**row["object"], "id": new}
    return change


def _renamed_origin(row: Document, ifis: set[str], pseudonym: Document) -> Document:
    """Return what another store set, with the pseudonym for the person."""
    origin = row.get("origin")
    if origin is None:
        return {}
    text = dump_text(replaced(parse_json(origin["text"]), ifis, pseudonym)).decode("utf-8")
    renamed = {"authority": ifi(pseudonym)} if origin.get("authority") in ifis else {}
    return {"origin": {**origin, **renamed, "text": text}}


def _drop_about(db: Database[Document], ifis: list[str], now: dt.datetime) -> Document:
    """Delete what is kept by identifier: state, profiles, names, launches, codes, the learner's account."""
    rows = list(db.documents.find({"ifi": {"$in": ifis}}, {"chunks": 1, "org": 1}))
    for row in rows:
        if "chunks" in row:
            db["documents.chunks"].delete_many({"org": row["org"], "files_id": row["chunks"]})
    gone = {
        "_id": {"$in": [row["_id"] for row in rows]},
        "org": {"$in": sorted({row["org"] for row in rows})},
    }
    addresses = [one.removeprefix(MBOX) for one in ifis if one.startswith(MBOX)]
    db.codes.delete_many({"email": {"$in": addresses}})
    _drop_accounts(db, addresses, now)
    db.quiet_imports.delete_many({"org": VENDOR, "_id": {"$in": ifis}})
    return {
        "documents": db.documents.delete_many(gone).deleted_count,
        "names": db.agent_names.delete_many({"ifi": {"$in": ifis}}).deleted_count,
        "launches": db.launches.delete_many({"limit.actor": {"$in": ifis}}).deleted_count,
        "attempts": _drop_attempts(db, ifis),
    }


def _drop_accounts(db: Database[Document], addresses: list[str], now: dt.datetime) -> None:
    """Delete the accounts by which the person learned; who administers as well stays a user."""
    mine = {"org": VENDOR, "role": "learner", "email": {"$in": [one.lower() for one in addresses]}}
    users = [row["_id"] for row in db.users.find(mine, {"_id": 1})]
    db.sessions.delete_many({"user": {"$in": users}})
    db.audit.update_many({"who.id": {"$in": users}}, {"$set": {"who.name": None, "address": None}})
    emptied = {"before": None, "after": None, "redacted_at": now}
    db.audit.update_many({"thing": {"$in": users}, "kind": "user"}, {"$set": emptied})
    db.users.delete_many({"_id": {"$in": users}})


def _drop_attempts(db: Database[Document], ifis: list[str]) -> int:
    """Delete what content kept of the learner: enrolments go last, for they name the registrations."""
    mine = {"ifi": {"$in": ifis}}
    rows = db.content_enrolments.find(mine, {"_id": 1, "retakes": 1})
    registrations = [one for row in rows for one in (row["_id"], *row.get("retakes", ()))]
    theirs = {"registration": {"$in": registrations}}
    attempts = [row["_id"] for row in db.attempts.find(theirs, {"_id": 1})]
    for kept in (db.attempt_outbox, db.attempt_scos):
        kept.delete_many({"attempt": {"$in": attempts}})
    db.content_launches.delete_many(theirs)
    db.lti_grades.delete_many(mine)
    db.cmi5_registrations.delete_many({"_id": {"$in": registrations}})
    db.attempts.delete_many(theirs)
    db.content_enrolments.delete_many(mine)
    return len(attempts)


def _finish(editor: Editor, person: Document, record: Document, pseudonym: Document) -> Document:
    """Empty the person's record, have the engine decide anew, close the erasure: one transaction."""
    db, remove = editor.db, record["mode"] == "remove"
    name = ifi(pseudonym)

    def act(session: ClientSession) -> Document:
        emptied: Document = {
            "name": None,
            "email": None,
            "display": {},
            "ifis": [{"ifi": name, "from": None, "until": None}],
            "erased_at": editor.now,
            "updated_at": editor.now,
        }
        db.people.update_one(
            {"_id": person["_id"]},
            {"$set": emptied, "$unset": {"engagement": ""}, "$inc": {"version": 1}},
            session=session,
        )
        note_owners(db, [person["_id"]], session)
        pointers = [
            row["_id"]
            for row in db.people.find(
                {"org": VENDOR, "merged_into": person["_id"]}, {"_id": 1}, session=session
            )
        ]
        bare: Document = {"name": None, "email": None, "display": {}, "erased_at": editor.now}
        db.people.update_many({"_id": {"$in": pointers}}, {"$set": bare}, session=session)
        _rename_former(db, identifiers_of(person), name, session)
        db.affiliations.update_many({"person": person["_id"]}, {"$set": {"known_as": None}}, session=session)
        kept = (db.credential_displays, db.wallet_offers, db.recognitions, db.endorsements, db.recall_cards)
        for shown in kept:
            shown.delete_many({"org": VENDOR, "person": person["_id"]}, session=session)
        db.excuses.delete_many({"person": person["_id"]}, session=session)  # reasons tell of illness
        whose = {"person": {"$in": [person["_id"], *pointers]}}
        forget_in_directories(db, whose, editor.now, session)
        db.mails.delete_many({"org": VENDOR, **whose}, session=session)
        db.bookings.delete_many({"person": person["_id"]}, session=session)
        db.calendar_feeds.delete_many({"org": VENDOR, "person": person["_id"]}, session=session)
        taught = {"instructor.person": person["_id"]}
        db.training_sessions.update_many(taught, {"$set": {"instructor.name": None}}, session=session)
        said = {"org": VENDOR, "by_person": person["_id"]}
        db.endorsements.delete_many(said, session=session)
        endorser = {"org": VENDOR, "of_org": None, "of_person": person["_id"]}
        db.endorsers.delete_many(endorser, session=session)
        for addressed in ({"person": person["_id"]}, {"to": {"$in": addresses_of(person)}}):
            db.notices.delete_many({"org": VENDOR, **addressed}, session=session)
        asked = {"org": VENDOR, "person": {"$in": [person["_id"], *pointers]}}
        db.gate_answers.update_many(asked, {"$set": {"submitter": person["_id"]}}, session=session)
        counts = {"affiliations": 0, "credentials": 0}
        if remove:
            counts = _drop_standing(editor, person["_id"], session)
        _redact_audit(db, [person["_id"], *pointers], editor.now, session)
        evaluation_queue.enqueue(db, [person["_id"]], editor.now, session=session)
        close = {"state": "done", "done_at": editor.now, "counts": counts}
        db.erasures.update_one({"_id": record["_id"]}, {"$set": close}, session=session)
        editor.note("person.erased", "erasure", record["_id"], org=VENDOR, after=counts, note=person["_id"])
        return counts

    return editor.change(act)


def _rename_former(db: Database[Document], ifis: list[str], name: str | None, session: ClientSession) -> None:
    """Rename the identifiers where a merge or a split left them: with others who had them, with pointers."""
    for field in ("former", "had"):
        db.people.update_many(
            {"org": VENDOR, f"{field}.ifi": {"$in": ifis}},
            {"$set": {f"{field}.$[one].ifi": name}},
            array_filters=[{"one.ifi": {"$in": ifis}}],
            session=session,
        )


def _drop_standing(editor: Editor, person: str, session: ClientSession) -> Document:
    """End affiliations and memberships; take back credentials: the list says so, and the documents go."""
    db = editor.db
    ended = db.affiliations.update_many(
        {"person": person, **unended(editor.now)}, {"$set": {"until": editor.now}}, session=session
    )
    db.groups.update_many(
        {"$or": [{"members.person": person}, {"past.person": person}]},
        {"$pull": {"members": {"person": person}, "past": {"person": person}}},
        session=session,
    )
    held = {"org": VENDOR, "person": person}
    awards = [row["award"] for row in db.credentials.find(held, {"award": 1}, session=session)]
    store = CredentialStore(db)
    for award in set(awards):
        store.set_entries(store.unset_entries(award, session), "withdrawn", editor.now, session)
    store.set_entries(store.entries_of_record(person, session), "withdrawn", editor.now, session)
    gone = db.credentials.delete_many(held, session=session)
    db.credential_subjects.delete_many({"_id": person}, session=session)
    db.credential_displays.delete_many(held, session=session)
    return {"affiliations": ended.modified_count, "credentials": gone.deleted_count}


def _redact_audit(
    db: Database[Document], persons: list[str], now: dt.datetime, session: ClientSession
) -> None:
    """Empty what the audit says about the person; that something was done, when and by whom stays."""
    rows = db.affiliations.find({"person": {"$in": persons}}, {"_id": 1}, session=session)
    things = [*persons, *(row["_id"] for row in rows)]
    emptied = {"before": None, "after": None, "redacted_at": now}
    db.audit.update_many(
        {"thing": {"$in": things}, "kind": {"$in": ["person", "affiliation"]}},
        {"$set": emptied},
        session=session,
    )
