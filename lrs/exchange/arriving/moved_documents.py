"""State and profile documents in and out: one JSON object per line, the bytes of the document in base64.

{"kind": "state" | "agent_profile" | "activity_profile", "activityId", "agent", "registration", "stateId" or
 "profileId", "contentType", "updated", "content"}
xAPI has no way to list whose documents a store has, so they move by file only.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from pymongo.database import Database

from lrs.exchange.arriving.importing import ImportProgress, Refusal
from lrs.exchange.compressed import open_bytes
from statements.errors import InvalidDocument, PreconditionFailed, StatementError
from statements.parsing.actor import agent_of
from statements.storage.documents import (
    MAX_DOCUMENT_BYTES,
    DocumentStore,
    Key,
    Kind,
    Preconditions,
    StoredDocument,
)

NAME: Final = "documents.ndjson"
MAX_LINE: Final = MAX_DOCUMENT_BYTES * 4 // 3 + 64 * 1024
ID_NAMES: Final[dict[Kind, str]] = {
    "state": "stateId",
    "agent_profile": "profileId",
    "activity_profile": "profileId",
}
CREATE: Final = Preconditions(if_none_match="*")


def write_documents(db: Database[Any], orgs: tuple[str, ...], folder: Path, *, compress: bool) -> int:
    """Write every document of these stores into a folder, whole or not at all; return how many."""
    target = folder / (NAME + (".gz" if compress else ""))
    unfinished = target.with_name(target.name + ".new")
    count = 0
    with gzip.open(unfinished, "wb") if compress else unfinished.open("wb") as file:
        for org in orgs:
            for key, document in DocumentStore(db, org).all():
                file.write(_line(key, document))
                count += 1
    unfinished.replace(target)
    return count


def _line(key: Key, document: StoredDocument) -> bytes:
    told = {
        "kind": key.kind,
        "activityId": key.activity,
        "agent": None if key.ifi is None else agent_of(key.ifi),
        "registration": None if key.registration is None else str(key.registration),
        ID_NAMES[key.kind]: key.id,
        "contentType": document.content_type,
        "updated": document.updated.isoformat().replace("+00:00", "Z"),
        "content": base64.b64encode(document.content).decode(),
    }
    return orjson.dumps({name: value for name, value in told.items() if value is not None}) + b"\n"


def documents_of(folder: Path) -> Path | None:
    """Return the file of documents in an exported folder, None where there is none."""
    found = (folder / NAME, folder / f"{NAME}.gz")
    return next((path for path in found if path.is_file()), None)


def import_documents(path: Path, store: DocumentStore, now: dt.datetime) -> ImportProgress:
    """Create every document of a file that is not there; what is there is never replaced."""
    report = ImportProgress()
    for place, line in _lines(path):
        try:
            _create(line, store, now)
            report.stored += 1
        except StatementError as error:
            report.refused.append(Refusal(place, str(error)))
    return report


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    with open_bytes(path) as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            if line.strip():
                yield f"{path.name}:{number}", line


def _create(line: bytes, store: DocumentStore, now: dt.datetime) -> None:
    key, content, content_type = _read(line)
    try:
        store.put(key, content, content_type, preconditions=CREATE, version="1.0.3", now=now)
    except PreconditionFailed:
        known = store.get(key)
        if known is None or known.content != content:
            raise InvalidDocument("another document is stored under the same key; it was kept") from None


def _read(line: bytes) -> tuple[Key, bytes, str | None]:
    """Return key, bytes and media type of a line; InvalidDocument, or InvalidQuery for a part of the key."""
    try:
        given = orjson.loads(line)
        kind: Kind = given["kind"]
        names = {"activityId", "agent", "registration", ID_NAMES[kind]} & given.keys()
        key = Key.parse(kind, {name: [_text(given[name])] for name in names}, "1.0.3")
        given[ID_NAMES[kind]]  # xAPI lets a request leave it out, a document has one
        return key, base64.b64decode(given["content"], validate=True), given.get("contentType")
    except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError, binascii.Error) as error:
        raise InvalidDocument(f"is no document as `lrs export --documents` writes them: {error!r}") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
