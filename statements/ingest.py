"""The use case "statements come in": the ordered list of its steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from statements.attachments import Part, check_attachments
from statements.errors import DuplicateStatementId, InvalidStatement, VoidingRefused
from statements.keys import evidence_key
from statements.parse import Parsed
from statements.prepare import CLOCK, Setting, Writer, prepare
from statements.signatures import check_signatures
from statements.splice import append_members
from statements.store import StatementStore
from statements.stored_id import StoredId
from statements.times import Version
from statements.validate import check_statement

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
) -> list[str]:
    """Store a batch, all or nothing; return the ids in request order, durable when this returns.

    `attachments` maps the lower-case sha2 of each received part to it (None for a request without parts);
    `statement_id` is the parameter of PUT; `permit` may refuse the valid statements by an error of its own.
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
    parts = check_attachments([parsed.value for parsed in batch], attachments or {}, paths)
    check_signatures(batch, attachments or {}, version, paths)
    documents = _prepare(store.org, batch, writer, version, now)
    _refuse_repeated_ids(documents, paths)
    _check_right_to_void(documents, writer, paths)
    if is_relevant is not None:
        _mark_relevant(documents, is_relevant)
    values = [parsed.value for parsed in batch]
    names = store.knowledge.mark_names(documents, values) if writer.may_define else []
    store.keep_parts(parts)
    fresh = store.insert(documents, version)
    if writer.may_define:
        _learn(store, documents, fresh, values, names)
    return [str(document["id"]) for document in documents]


def _with_id(parsed: Parsed, statement_id: UUID) -> Parsed:
    """Return the statement with the id of PUT; another id in the body is refused (Communication 2.1.1)."""
    if "id" not in parsed.value:
        text = append_members(parsed.text, b',"id":"%b"' % str(statement_id).encode())
        return Parsed({**parsed.value, "id": str(statement_id)}, text, parsed.compact)
    if UUID(parsed.value["id"]) != statement_id:
        raise InvalidStatement("$.id", f"is not the statementId {statement_id} of the request")
    return parsed


def _prepare(
    org: str, batch: Sequence[Parsed], writer: Writer, version: Version, now: dt.datetime
) -> list[Document]:
    """Make the documents; a later statement of the batch has a later `stored`."""
    setting = Setting.of(org, writer, version)
    first = CLOCK.take(now, max(1, len(batch)))
    documents = [prepare(parsed, setting, first + index) for index, parsed in enumerate(batch)]
    for index, document in enumerate(reversed(documents)):
        if index:
            document["behind"] = index  # how many of the batch have a later `stored`: all are known at once
    return documents


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


def _mark_relevant(documents: Sequence[Document], is_relevant: Callable[[Document], bool]) -> None:
    """Put the mark of the certification engine into the document itself: one write, nothing to miss."""
    for document in documents:
        if is_relevant(document):
            document["pending"] = True
            document["marks"] = 1
            if document["actor"] is not None:
                document["keys"].append(evidence_key(document["actor"]))


def _learn(
    store: StatementStore,
    documents: Sequence[Document],
    fresh: Sequence[Document],
    values: Sequence[Any],
    names: list[tuple[Any, ...]],
) -> None:
    """Learn definitions and names from new statements only; repeats change nothing."""
    if len(fresh) == len(documents):
        store.knowledge.learn(documents, values)
        store.knowledge.remember_names(names)
        return
    new = {document["_id"] for document in fresh}
    kept = [pair for pair in zip(documents, values, strict=True) if pair[0]["_id"] in new]
    store.knowledge.learn([document for document, _ in kept], [value for _, value in kept])
