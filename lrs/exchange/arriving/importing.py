"""Statements from files and other record stores through the ordinary ingest: idempotent, resumable.

A row without an id gets one that follows from its content, so that importing a file twice stores it once.
Refused rows are reported with their place and reason; they never stop the others. Attachments come with the
statements that name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid5

from lrs.exchange.arriving.envelopes import unwrapped
from rules.engine.identity import digest_of
from statements.errors import InvalidStatement, StatementError
from statements.intake.attachments import Part, named_hashes
from statements.parsing.actor import ifi
from statements.parsing.parse import Parsed, parse_statements
from statements.parsing.times import Version

BATCH = 200
BATCH_BYTES = 32 * 1024 * 1024  # of attachments: what a batch holds in memory besides its statements
NAMESPACE = UUID("5d1b5c56-57a1-4d2c-9d8f-7a3d8a0f7a11")  # ids of rows that bring none

PartFinder = Callable[[str], Part | None]  # lower-case sha2 -> the attachment, where the source has it


def no_part(_: str) -> None:
    """Find no attachment: the source has none."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a source: where it stands, its bytes, and the position to go on from after it.

    `part` finds the attachments that came with it; `fault` says why it is refused before it is read.
    """

    place: str
    text: bytes
    position: str
    part: PartFinder = no_part
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not stored, and why."""

    place: str
    reason: str


@dataclass(slots=True)
class ImportProgress:
    """What an import did so far; `position` is where to go on."""

    stored: int = 0
    refused: list[Refusal] = field(default_factory=list)
    position: str = ""


class Source(Protocol):
    """Where statements come from; `lines(position)` goes on after a position."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the rows that follow the position."""


class Store(Protocol):
    """What stores a batch of one version, all or nothing; raises StatementError."""

    def __call__(self, batch: Sequence[Parsed], parts: Mapping[str, Part], version: Version) -> Any:
        """Store statements and the attachments they name."""


class _Row(NamedTuple):
    line: Line
    parsed: Parsed | None  # None for a row that was refused
    parts: Mapping[str, Part]


def import_statements(
    source: Source,
    store: Store,
    report: ImportProgress,
    done: Callable[[ImportProgress], None] = lambda _: None,
) -> ImportProgress:
    """Store all rows of a source in batches; `done` is called after each batch with the durable position.

    A batch that is refused is stored again row by row, so that only the wrong rows are left out.
    """
    for batch in _batches(source.lines(report.position), report):
        readable = [row for row in batch if row.parsed is not None]
        for version, rows in groupby(readable, _version):
            _store(list(rows), version, store, report)
        report.position = batch[-1].line.position
        done(report)
    return report


def _batches(lines: Iterator[Line], report: ImportProgress) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for line in lines:
        row = _read(line, report)
        batch.append(row)
        size += sum(len(part.content) for part in row.parts.values())
        if len(batch) >= BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(line: Line, report: ImportProgress) -> _Row:
    """Return a row with its statement and attachments; one that is none is noted as refused."""
    try:
        parsed = _parse(line)
        wanted = named_hashes(parsed.value)
        parts = {sha2: part for sha2 in wanted if (part := line.part(sha2)) is not None}
        return _Row(line, parsed, parts)
    except StatementError as error:
        report.refused.append(Refusal(line.place, str(error)))
        return _Row(line, None, {})


def _parse(line: Line) -> Parsed:
    if line.fault is not None:
        raise InvalidStatement("$", line.fault)
    text = unwrapped(line.text)
    parsed = parse_statements(text)
    if len(parsed) != 1 or not isinstance(parsed[0].value, dict):
        raise InvalidStatement("$", "is not one statement")
    return parsed[0] if "id" in parsed[0].value else _with_id(text)


def actors_of(statements: Iterable[Any]) -> Iterator[str]:
    """Yield the identifiers of the actors of these values, in every form; what is no statement has none."""
    for value in statements:
        actor = value.get("actor") if isinstance(value, dict) else None
        try:
            found = ifi(actor) if isinstance(actor, dict) else None
        except (KeyError, TypeError, ValueError, AttributeError):
            continue  # storing it tells what is wrong
        if found is not None:
            yield from (found, *filter(None, [digest_of(found)]))


def _with_id(text: bytes) -> Parsed:
    made = uuid5(NAMESPACE, text.decode("utf-8", "surrogateescape"))
    body = text.strip()
    comma = b"" if body[1:].strip() == b"}" else b","
    return parse_statements(b'{"id":"' + str(made).encode() + b'"' + comma + body[1:])[0]


def _version(row: _Row) -> Version:
    """Return the rules that a statement was written by: what 1.0.3 allows, 2.0 may refuse."""
    written = row.parsed.value.get("version") if row.parsed is not None else None
    return "1.0.3" if isinstance(written, str) and written.startswith("1.") else "2.0.0"


def _store(rows: Sequence[_Row], version: Version, store: Store, report: ImportProgress) -> None:
    try:
        _store_all(rows, version, store, report)
    except StatementError:
        for row in rows:
            try:
                _store_all([row], version, store, report)
            except StatementError as error:
                report.refused.append(Refusal(row.line.place, str(error)))


def _store_all(rows: Sequence[_Row], version: Version, store: Store, report: ImportProgress) -> None:
    parts = {sha2: part for row in rows for sha2, part in row.parts.items()}
    store([row.parsed for row in rows if row.parsed is not None], parts, version)
    report.stored += len(rows)
