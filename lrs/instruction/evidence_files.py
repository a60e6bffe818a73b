"""Evidence files: what may be attached, known by its first bytes, kept by SHA-256 beside the statement."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.errors import InvalidField, UnknownThing
from rules.engine.identity import owner_at, owners_of
from rules.stored import ASSESSMENTS
from statements.errors import StatementNotFound
from statements.intake.attachments import Part
from statements.parsing.actor import agent_of, ifi
from statements.parsing.parse import parse_json
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

Document = dict[str, Any]
LARGEST: Final = 5 * 1024 * 1024  # bytes of one file
MOST: Final = 4  # files of one person in one form
# Only what cannot run in a browser, told by how it begins: (offset, bytes).
KINDS: Final[Mapping[str, tuple[tuple[int, bytes], ...]]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
    "image/heic": ((4, b"ftyphei"),),
    "application/pdf": ((0, b"%PDF-"),),
    "video/mp4": ((4, b"ftyp"),),
}
ENDINGS: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic",
    "application/pdf": "pdf", "video/mp4": "mp4",
}  # fmt: skip


def read_file(path: str, content: bytes) -> Part:
    """Return a file as an attachment; raises InvalidField where it is empty, too large or of another kind."""
    if not 1 <= len(content) <= LARGEST:
        raise InvalidField(path, f"a file has 1 byte to {LARGEST // 1024 // 1024} MiB")
    for kind, marks in KINDS.items():
        if all(content.startswith(mark, at) for at, mark in marks):
            return Part(hashlib.sha256(content).hexdigest(), kind, content)
    raise InvalidField(path, "is none of JPEG, PNG, WebP, HEIC, PDF, MP4")


def attached(statement: Mapping[str, Any]) -> Iterator[Document]:
    """Yield the files that a statement of an instructor carries {sha2, contentType, length, name}."""
    for one in statement.get("attachments", ()):
        name = next(iter(one["display"].values()), one["sha2"])
        yield {"sha2": one["sha2"], "type": one["contentType"], "length": one["length"], "name": name}


def signed_off(db: Database[Document], org: str, statement: str) -> Document:
    """Return a statement that an instructor signed off in an organization's store; raises UnknownThing."""
    try:
        found = StatementStore(db, org, only_client=ASSESSMENTS).get(UUID(statement))
    except (StatementNotFound, ValueError) as error:
        raise UnknownThing("statement", statement[:64]) from error
    value: Document = parse_json(found.raw)
    return value


def find_file(db: Database[Document], org: str, statement: Mapping[str, Any], sha2: str) -> Part:
    """Return the file of that hash which a statement of an organization names; raises UnknownThing."""
    if any(one["sha2"] == sha2 for one in attached(statement)):
        for part in StatementStore(db, org).parts({sha2}):
            return part
    raise UnknownThing("file", sha2[:64])


def is_about(db: Database[Document], statement: Mapping[str, Any], person: str) -> bool:
    """Tell whether what was signed off is about a person: who owned the actor's identifier at that time."""
    name, at = ifi(statement["actor"]) or "", dt.datetime.fromisoformat(str(statement["timestamp"]))
    is_correction = "context" not in statement
    return not is_correction and owner_at(owners_of(db, {name}), name, at) == person


def signed_for(
    db: Database[Document], person: Mapping[str, Any], most: int = 30
) -> list[tuple[str, Document]]:
    """Return what instructors signed off for a person and did not take back, with its store, newest first."""
    rows = db.affiliations.find({"person": person["_id"]}, {"org": 1})
    mine = db.orgs.find({"_id": {"$in": sorted({row["org"] for row in rows})}}, {"ancestors": 1})
    stores = {VENDOR, *(one for row in mine for one in (row["_id"], *row["ancestors"]))}
    found = []
    for org in sorted(stores):
        store = StatementStore(db, org, only_client=ASSESSMENTS)
        for owned in person["ifis"]:
            asked = {"agent": [json.dumps(agent_of(owned["ifi"]))], "limit": [str(most)]}
            page = store.find(StatementQuery.parse(asked, "1.0.3"))
            found += [(org, parse_json(raw)) for raw in page.statements]
    seen = [(org, one) for org, one in found if is_about(db, one, person["_id"])]
    return sorted(seen, key=lambda one: str(one[1]["timestamp"]), reverse=True)[:most]
