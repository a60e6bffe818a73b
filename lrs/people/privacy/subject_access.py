"""Everything held on one person, as one archive (ZIP): what a subject access request asks for.

    person.json               the record, and those that were merged into it
    NAME.ndjson               other rows, by collection: affiliations, awards, facts, credentials, mails, ...
    statements/ORG.ndjson     statements of the person, as they were received
    mentions/ORG.ndjson       statements of others in which the person stands: look through before handing on
    documents/ORG/N           contents of state and profile documents; documents.ndjson says which is which
    attachments/ORG/SHA2      bytes that the person's own statements name
    contents.json             what is in the archive, and what was left out and why

What says nothing about the person, or is a secret, is left out (`LEFT_OUT`).
"""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.people.privacy.erasure import AGENT_LETTERS, addresses_of, identifiers_of
from lrs.people.privacy.erasure_of_refusals import refusals_of
from lrs.people.records import get_person
from statements.intake.attachments import attachments_of
from statements.parsing.parse import parse_json
from statements.parsing.search_keys import key
from statements.storage.chunks import Chunks
from statements.storage.store import StatementStore

Document = dict[str, Any]

SECRET: Final = frozenset(
    {
        "secrets",
        "hash",
        "password",
        "code",
        "token",
        "fetch",
        "second_factor",
        "factor_wanted",
        "passkeys",
        "leased_until",
        "leased_by",
    }
)
LEFT_OUT: Final[Mapping[str, str]] = {
    "work": "which people the engine has to look at: nothing but their ids",
    "figures": "what of everybody ends within a year, made anew each few minutes; a copy of what awards say",
    "plan_people": "what a plan of rules would do, kept for a day; a copy of what is decided then",
    "counters": "whose identifiers changed lately: nothing but ids, for a while",
    "calendar_feeds": "that somebody has an address for their calendar, by the hash of a secret",
    "deliveries": "which event went to which receiver; the events are in outbox.ndjson",
    "erasures": "that somebody was erased, without a name",
    "followers": "what people in a role did next, by counts",
    "leaderboards": "who leads in points by consent, counted anew every ten minutes from the other rows",
    "legal_holds": "why something has to be kept; ask who placed the hold",
    "sessions": "where somebody is logged in now, which their account page shows; hashes of secrets",
    "logins": "that somebody is logging in just now, for minutes, by hashes of secrets",
    "status_entries": "numbers of credentials and of learner records",
    "tiers": "which organizations have which tier, by counts",
    "wallet_offers": "that a wallet may fetch a credential within minutes, by hashes of secrets",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One person: ids of the record and of those merged into it, of affiliations; identifiers; addresses."""

    record: Document
    ids: tuple[str, ...]
    affiliations: tuple[str, ...]
    ifis: tuple[str, ...]
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, db: Database[Document], person: str) -> Subject:
        """Return the person, following merges; raises UnknownThing."""
        record = get_person(db, person)
        merged = db.people.find({"org": VENDOR, "merged_into": record["_id"]}, {"_id": 1})
        ids = (record["_id"], *(row["_id"] for row in merged))
        belongs = tuple(
            row["_id"] for row in db.affiliations.find({"person": {"$in": list(ids)}}, {"_id": 1})
        )
        return cls(
            record, ids, belongs, tuple(identifiers_of(record)), tuple(sorted({*addresses_of(record)}))
        )


Question = Callable[[Subject], Document]


def _by(field: str) -> Question:
    return lambda subject: {field: {"$in": list(subject.ids)}}


def _of_vendor(field: str) -> Question:
    return lambda subject: {"org": VENDOR, field: {"$in": list(subject.ids)}}


HELD: Final[tuple[tuple[str, Question], ...]] = (
    ("affiliations", _by("person")),
    ("groups", lambda of: {"org": VENDOR, "$or": [_by("members.person")(of), _by("past.person")(of)]}),
    ("standings", _of_vendor("person")),
    ("awards", _of_vendor("person")),
    ("facts", _of_vendor("person")),
    ("credentials", _of_vendor("person")),
    ("credential_displays", _of_vendor("person")),
    ("credential_subjects", _by("_id")),
    ("recognitions", _of_vendor("person")),
    ("endorsements", _of_vendor("person")),
    ("endorsers", _of_vendor("of_person")),
    ("bookings", _by("person")),
    ("recall_cards", _of_vendor("person")),
    ("excuses", _by("person")),
    ("training_sessions", _by("instructor.person")),
    ("outbox", _of_vendor("data.person")),
    ("notices", _of_vendor("person")),
    ("mails", _of_vendor("person")),
    ("gate_answers", _of_vendor("person")),
    ("deals", _by("person")),
    ("attempts", _by("person")),
    ("content_launches", _by("person")),
    ("lti_grades", lambda of: {"ifi": {"$in": list(of.ifis)}}),
    ("content_enrolments", lambda of: {"ifi": {"$in": list(of.ifis)}}),
    ("launches", lambda of: {"limit.actor": {"$in": list(of.ifis)}}),
    ("quiet_imports", lambda of: {"org": VENDOR, "_id": {"$in": list(of.ifis)}}),
    ("scim_resources", _by("person")),
    ("codes", lambda of: {"email": {"$in": list(of.addresses)}}),
    ("users", lambda of: {"email": {"$in": list(of.addresses)}}),
    ("audit", lambda of: {"thing": {"$in": [*of.ids, *of.affiliations]}}),
)
"""Every collection with rows about people, and the question that finds them."""


def export(editor: Editor, person: str, into: IO[bytes]) -> Document:
    """Write everything held on a person as a ZIP archive, and note that in the audit; return the counts.

    Raises UnknownThing.
    """
    db, subject = editor.db, Subject.of(editor.db, person)
    counts: dict[str, int] = {}
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        merged = db.people.find({"org": VENDOR, "merged_into": subject.record["_id"]})
        archive.writestr("person.json", _text({**subject.record, "merged": list(merged)}))
        for name, question in HELD:
            _write(archive, f"{name}.ndjson", map(_text, db[name].find(question(subject))), counts)
        for org in sorted(row["_id"] for row in db.orgs.find({}, {"_id": 1})):
            _write_store(db, archive, org, subject, counts)
        stores = [row["_id"] for row in db.orgs.find({}, {"_id": 1})]
        refusals = db.inbound.find(refusals_of(stores, subject.record, list(subject.ifis)))
        _write(archive, "inbound.ndjson", map(_text, refusals), counts)
        _write_documents(db, archive, subject, counts)
        contents = {"person": subject.record["_id"], "at": editor.now, "rows": counts, "left_out": LEFT_OUT}
        archive.writestr("contents.json", _text(contents))

    def act(_: ClientSession) -> None:
        editor.note("person.export", "person", subject.record["_id"], org=VENDOR, after=counts)

    editor.change(act)
    return {"person": subject.record["_id"], "rows": counts}


def _write(archive: zipfile.ZipFile, name: str, lines: Iterable[str], counts: dict[str, int]) -> None:
    """Write lines as one member, unless there is none."""
    rows = iter(lines)
    first = next(rows, None)
    if first is None:
        return
    counts[name] = 0
    with archive.open(name, "w", force_zip64=True) as member:
        for line in chain([first], rows):
            member.write(line.encode() + b"\n")
            counts[name] += 1


def _write_store(
    db: Database[Document], archive: zipfile.ZipFile, org: str, subject: Subject, counts: dict[str, int]
) -> None:
    ifis = list(subject.ifis)
    where = {"org": org, "keys": {"$in": [key(letter, one) for one in ifis for letter in AGENT_LETTERS]}}
    hashes: set[str] = set()

    def raws(of: Document, *, own: bool) -> Iterator[str]:
        for row in db.statements.find({**where, "raw": {"$exists": True}, **of}, {"raw": 1}):
            if own and b'"attachments"' in row["raw"]:
                hashes.update(one["sha2"].lower() for _, one in attachments_of(parse_json(row["raw"])))
            yield row["raw"].decode()

    _write(archive, f"statements/{org}.ndjson", raws({"actor": {"$in": ifis}}, own=True), counts)
    _write(archive, f"mentions/{org}.ndjson", raws({"actor": {"$nin": ifis}}, own=False), counts)
    for part in StatementStore(db, org).parts(hashes):
        archive.writestr(f"attachments/{org}/{part.sha2}", part.content)
        counts["attachments"] = counts.get("attachments", 0) + 1


def _write_documents(
    db: Database[Document], archive: zipfile.ZipFile, subject: Subject, counts: dict[str, int]
) -> None:
    """Write state and profile documents, each as a file of its own."""
    listed = []
    for number, row in enumerate(db.documents.find({"ifi": {"$in": list(subject.ifis)}})):
        name = f"documents/{row['org']}/{number}"
        with archive.open(name, "w", force_zip64=True) as member:
            chunks = Chunks(db, "documents.chunks", row["org"])
            for block in chunks.read(row["chunks"]) if "chunks" in row else [row["content"]]:
                member.write(block)
        kept = ("org", "kind", "activity", "ifi", "registration", "id", "content_type", "length", "updated")
        listed.append(_text({"file": name, **{field: row.get(field) for field in kept}}))
    _write(archive, "documents.ndjson", listed, counts)


def _text(row: Mapping[str, Any]) -> str:
    return json.dumps(_plain(row), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return what JSON can carry, without what is secret."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items() if name not in SECRET}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, str | int | float):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)
