"""The use case "statements come in": the ordered list of its steps."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from pymongo.client_session import ClientSession

from statements.errors import DuplicateStatementId, InvalidStatement, VoidingRefused
from statements.intake.attachments import Part, check_attachments
from statements.intake.compare import refuse_conflicts
from statements.intake.prepare import CLOCK, OrderClock, Setting, Writer, prepare
from statements.intake.signatures import check_signatures
from statements.intake.stored_id import StoredId
from statements.intake.validate import check_statement
from statements.parsing.parse import Parsed
from statements.parsing.splice import append_members
from statements.parsing.times import Version
from statements.storage.definitions import NewName, Vouches
from statements.storage.references import link_references
from statements.storage.store import StatementStore
from statements.storage.voiding import void_targets

__all__ = ["Part", "Writer", "store_statements"]

Document = dict[str, Any]


def store_statements(
    store: StatementStore,
    batch: Sequence[Parsed],
    *,
    writer: Writer,
    version: Version,
    now: dt.datetime,
    attachments: Mapping[str, Part] | None = None,
    is_relevant: Callable[[Document], bool] | None = None,
    statement_id: UUID | None = None,
    permit: Callable[[Sequence[Any]], None] | None = None,
    root: str = "$",
    clock: OrderClock | None = None,
    repeated: Callable[[list[str]], None] | None = None,
) -> list[str]:
    """Store a batch, all or nothing; return the ids in request order, durable when this returns.

    `attachments` maps the lower-case sha2 of each received part to it (None for a request without parts);
    `statement_id` is the parameter of PUT; `permit` may refuse the valid statements by an error of its own;
    `clock` hands out `stored`, by default that of the process, which never goes back behind what it stored;
    `repeated` is told the ids of what was stored before as it is.
    Raises InvalidStatement, DuplicateStatementId, StatementConflict,
    AttachmentMismatch, VoidingRefused, StoreBusy.
    """
    paths = [f"$[{index}]" for index in range(len(batch))] if len(batch) != 1 else [root]
    for parsed, path in zip(batch, paths, strict=True):
        check_statement(parsed.value, version, path)
    if permit is not None:
        permit([parsed.value for parsed in batch])
    if statement_id is not None:
        batch = [_with_id(batch[0], statement_id)]
    values = [parsed.value for parsed in batch]
    parts = check_attachments(values, attachments or {}, paths)
    check_signatures(batch, attachments or {}, version, paths)
    names = [
        store.definition_store.new_names(value, writer.vouches_for) if writer.teaches(value) else []
        for value in values
    ]
    setting = Setting.of(store.org, writer, version, is_relevant)
    documents = _prepare(batch, setting, names, now, clock or CLOCK)
    _refuse_repeated_ids(documents, paths)
    _check_right_to_void(documents, writer, paths)
    store.keep_parts(parts)
    refers = any("target" in document for document in documents)
    if not refers and store.insert_new(documents):
        stored = documents
    else:
        stored = store.in_transaction(partial(_insert_linked, store, documents, version))
    if writer.may_define:
        _learn(store, list(zip(documents, values, strict=True)), stored, names, writer.vouches_for)
    ids = [str(document["id"]) for document in documents]
    if repeated is not None and len(stored) < len(documents):
        new = {str(document["id"]) for document in stored}
        repeated([one for one in ids if one not in new])
    return ids


def _insert_linked(
    store: StatementStore, documents: Sequence[Document], version: Version, session: ClientSession
) -> list[Document]:
    """Insert what refers to other statements, or whose ids are known or awaited; return what was new."""
    documents = [{**document, "id": document["id"].as_uuid()} for document in documents]
    named = store.named(documents, session)
    fresh = refuse_conflicts(documents, named.statement, version)
    linked = link_references(fresh, named, store.longest_chain)
    void_targets(linked, named)
    named.insert(linked)
    return linked


def _with_id(parsed: Parsed, statement_id: UUID) -> Parsed:
    """Return the statement with the id of PUT; another id in the body is refused (Communication 2.1.1)."""
    if "id" not in parsed.value:
        text = append_members(parsed.text, b',"id":"%b"' % str(statement_id).encode())
        value = {**parsed.value, "id": str(statement_id)}
        return Parsed(value, text, parsed.compact, parsed.received, parsed.repairs)
    if UUID(parsed.value["id"]) != statement_id:
        raise InvalidStatement("$.id", f"is not the statementId {statement_id} of the request")
    return parsed


def _prepare(
    batch: Sequence[Parsed],
    setting: Setting,
    names: Sequence[Sequence[NewName]],
    now: dt.datetime,
    clock: OrderClock,
) -> list[Document]:
    """Make the documents; a later statement of the batch has a later `stored`."""
    first, last = clock.take(now, max(1, len(batch))), len(batch) - 1
    return [
        prepare(parsed, setting, first + i, behind=last - i, named=[identifier for identifier, _ in names[i]])
        for i, parsed in enumerate(batch)
    ]


def _refuse_repeated_ids(documents: Sequence[Document], paths: Sequence[str]) -> None:
    """One id stands once in a request, whatever the letter case (IEEE 9274.1.1 4.1.6.1)."""
    if len(documents) > 1:
        seen: set[StoredId] = set()
        for document, path in zip(documents, paths, strict=True):
            if document["id"] in seen:
                raise DuplicateStatementId(str(document["id"]), f"{path}.id")
            seen.add(document["id"])


def _check_right_to_void(documents: Sequence[Document], writer: Writer, paths: Sequence[str]) -> None:
    """Voiding needs a right of its own (Data 2.3.2)."""
    if not writer.may_void:
        for document, path in zip(documents, paths, strict=True):
            if "voids" in document:
                raise VoidingRefused(path)


def _learn(
    store: StatementStore,
    pairs: Sequence[tuple[Document, Any]],
    stored: Sequence[Document],
    names: Sequence[Sequence[NewName]],
    vouches_for: Vouches | None,
) -> None:
    """Learn definitions and names from new statements within their launch; repeats change nothing."""
    if len(stored) == len(pairs):
        store.definition_store.remember_names([name for brought in names for name in brought])
    new = {document["_id"] for document in stored if "beyond_launch" not in document}
    store.definition_store.learn([pair for pair in pairs if pair[0]["_id"] in new], vouches_for)
