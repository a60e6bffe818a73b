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
from statements.intake.attachments import Part, check_parts, wanted_parts
from statements.intake.compare import refuse_conflicts
from statements.intake.prepare import CLOCK, OrderClock, Setting, Writer, prepare
from statements.intake.signatures import check_signatures
from statements.intake.stored_id import StoredId
from statements.intake.validate import check_statement
from statements.parsing.lazy import Lazy, changed
from statements.parsing.parse import Parsed
from statements.parsing.splice import append_members
from statements.parsing.times import Version
from statements.storage.definitions import Lesson, NewName
from statements.storage.gathered import Gathered, as_objects
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
    A lazy `batch` is gone through a statement at a time, and only what is stored of it is there as a whole.
    Raises InvalidStatement, DuplicateStatementId, StatementConflict,
    AttachmentMismatch, VoidingRefused, StoreBusy.
    """
    first = (clock or CLOCK).take(now, max(1, len(batch)))
    intake = _Intake(store, Setting.of(store.org, writer, version, is_relevant), attachments or {}, first)
    paths = [root] if len(batch) == 1 else [f"$[{index}]" for index in range(len(batch))]
    if permit is not None or not isinstance(batch, Lazy):  # step after step is faster where all are there
        for path, parsed in zip(paths, batch, strict=True):
            check_statement(parsed.value, version, path)
        intake.is_checked = True
    if permit is not None:
        permit(changed(batch, _value_of))
    if statement_id is not None:
        batch = [_with_id(batch[0], statement_id)]
    for path, parsed in zip(paths, batch, strict=True):
        intake.take(parsed, path, len(batch))
    intake.finish(batch, paths)
    documents = intake.documents
    store.keep_parts(list(intake.parts.values()))
    fresh: set[bytes] | None
    if not documents.refers and store.insert_new(documents):
        fresh = None
    elif not documents.refers and _are_stored(store, documents, version):
        fresh = set()
    else:
        fresh = store.in_transaction(partial(_insert_linked, store, documents, version))
    intake.learn(fresh)
    if repeated is not None and fresh is not None and len(fresh) < len(intake.ids):
        repeated(intake.known_before(fresh))
    return [str(statement_id) for statement_id in intake.ids]


class _Intake:
    """The statements of one request as they become documents, one after the other."""

    def __init__(
        self, store: StatementStore, setting: Setting, parts: Mapping[str, Part], first: int
    ) -> None:
        self.documents = Gathered()
        self.ids: list[StoredId] = []
        self._keys: list[bytes] = []  # `_id` of the documents
        self.is_checked = False
        self.parts = parts
        self._definitions = store.definition_store
        self._setting = setting
        self._first = first  # `stored` of the first statement, in microseconds
        self._seen: set[StoredId] = set()
        self._wanted: set[str] = set()
        self._with_signatures: list[int] = []  # numbers of those that may bear a signature
        self._names: list[NewName] = []
        self._lessons: list[Lesson] = []
        self._texts: dict[bytes, bytes] = {}  # of definitions, which repeat themselves

    def take(self, parsed: Parsed, path: str, count: int) -> None:
        """Check a statement of `count` by itself and beside those before it, and prepare its document."""
        value, setting, writer = parsed.value, self._setting, self._setting.writer
        if not self.is_checked:
            check_statement(value, setting.version, path)
        index = len(self.ids)
        self._wanted |= wanted_parts(value, self.parts, path)
        if "attachments" in value:
            self._with_signatures.append(index)
        names: list[NewName] = []
        teaches = writer.teaches(value)
        if teaches:
            names = self._definitions.new_names(value, writer.vouches_for)
            self._names += names
        document = prepare(
            parsed,
            setting,
            self._first + index,
            behind=count - 1 - index,
            named=[identifier for identifier, _ in names],
        )
        statement_id: StoredId = document["id"]
        if count > 1:
            self._refuse_repeated(statement_id, path)
        if "voids" in document and not writer.may_void:  # voiding needs a right of its own (Data 2.3.2)
            raise VoidingRefused(path)
        if teaches:
            for activity_id, text in self._definitions.new_definitions(value, writer.vouches_for):
                self._lessons.append((document["_id"], activity_id, self._texts.setdefault(text, text)))
        self.ids.append(statement_id)
        self._keys.append(document["_id"])
        self.documents.append(document)

    def _refuse_repeated(self, statement_id: StoredId, path: str) -> None:
        """One id stands once in a request, whatever the letter case (IEEE 9274.1.1 4.1.6.1)."""
        if statement_id in self._seen:
            raise DuplicateStatementId(str(statement_id), f"{path}.id")
        self._seen.add(statement_id)

    def finish(self, batch: Sequence[Parsed], paths: Sequence[str]) -> None:
        """Check what is only known when all statements are: whether each part is wanted, and signatures."""
        check_parts(self.parts, self._wanted)
        for index in self._with_signatures:
            check_signatures([batch[index]], self.parts, self._setting.version, [paths[index]])

    def known_before(self, fresh: set[bytes]) -> list[str]:
        """Return the ids of those that were stored before as they are."""
        return [str(one) for one, key in zip(self.ids, self._keys, strict=True) if key not in fresh]

    def learn(self, fresh: set[bytes] | None) -> None:
        """Learn definitions and names from new statements, None for all; repeats change nothing."""
        if fresh is None or len(fresh) == len(self.ids):
            self._definitions.remember_names(self._names)
            self._definitions.learn(self._lessons)
        else:
            self._definitions.learn([lesson for lesson in self._lessons if lesson[0] in fresh])


def _value_of(parsed: Parsed) -> Any:
    return parsed.value


def _are_stored(store: StatementStore, gathered: Gathered, version: Version) -> bool:
    """Tell whether all statements are stored as they are: to say so again takes no transaction.

    Raises StatementConflict where one is stored with other content.
    """
    for window in gathered.windows():
        documents = as_objects(window)
        known = store.settled([document["id"] for document in documents])
        if len(known) < len(documents) or refuse_conflicts(documents, known.get, version):
            return False
    return True


def _insert_linked(
    store: StatementStore, gathered: Gathered, version: Version, session: ClientSession
) -> set[bytes]:
    """Insert what refers to other statements, or whose ids are known or awaited.

    A window after the other, as if each arrived alone. Returns the order keys of what was new.
    """
    fresh: set[bytes] = set()
    for window in gathered.windows():
        documents = as_objects(window)
        named = store.named(documents, session)
        linked = link_references(
            refuse_conflicts(documents, named.statement, version), named, store.longest_chain
        )
        void_targets(linked, named)
        named.insert(linked)
        fresh.update(document["_id"] for document in linked)
    return fresh


def _with_id(parsed: Parsed, statement_id: UUID) -> Parsed:
    """Return the statement with the id of PUT; another id in the body is refused (Communication 2.1.1)."""
    if "id" not in parsed.value:
        text = append_members(parsed.text, b',"id":"%b"' % str(statement_id).encode())
        value = {**parsed.value, "id": str(statement_id)}
        return Parsed(value, text, parsed.compact, parsed.received, parsed.repairs)
    if UUID(parsed.value["id"]) != statement_id:
        raise InvalidStatement("$.id", f"is not the statementId {statement_id} of the request")
    return parsed
