"""Statements from files and other record stores through the ordinary ingest: idempotent, resumable.

A row without an id gets one that follows from its content, so that importing a file twice stores it once.
Refused rows are reported with their place and reason; they never stop the others.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit
from uuid import UUID, uuid5

import orjson
import requests

from statements.errors import InvalidStatement, StatementError
from statements.parse import Parsed, parse_statements

BATCH = 200
NAMESPACE = UUID("5d1b5c56-57a1-4d2c-9d8f-7a3d8a0f7a11")  # ids of rows that bring none
MAX_LINE = 4 * 1024 * 1024
MAX_PAGE = 64 * 1024 * 1024
TIMEOUT = (10, 60)
_DECODER = json.JSONDecoder()
_SPACE = (" ", "\t", "\n", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a source: where it stands, its bytes, and the position to go on from after it."""

    place: str
    text: bytes
    position: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not stored, and why."""

    place: str
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did so far; `position` is where to go on."""

    stored: int = 0
    refused: list[Refusal] = field(default_factory=list)
    position: str = ""


class Source(Protocol):
    """Where statements come from; `lines(position)` goes on after a position."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the rows that follow the position."""


Store = Callable[[Sequence[Parsed]], Any]


def import_statements(
    source: Source, store: Store, report: Report, done: Callable[[Report], None] = lambda _: None
) -> Report:
    """Store all rows of a source in batches; `done` is called after each batch with the durable position.

    A batch that is refused is stored again row by row, so that only the wrong rows are left out.
    """
    lines = source.lines(report.position)
    while batch := list(islice(lines, BATCH)):
        _store_batch(batch, store, report)
        report.position = batch[-1].position
        done(report)
    return report


def _store_batch(batch: Sequence[Line], store: Store, report: Report) -> None:
    readable = [(line, parsed) for line in batch if (parsed := _parse(line, report)) is not None]
    try:
        if readable:
            store([parsed for _, parsed in readable])
        report.stored += len(readable)
    except StatementError:
        for line, parsed in readable:
            _store_one(line, parsed, store, report)


def _store_one(line: Line, parsed: Parsed, store: Store, report: Report) -> None:
    try:
        store([parsed])
        report.stored += 1
    except StatementError as error:
        report.refused.append(Refusal(line.place, str(error)))


def _parse(line: Line, report: Report) -> Parsed | None:
    try:
        parsed = parse_statements(line.text)
        if len(parsed) != 1 or not isinstance(parsed[0].value, dict):
            raise InvalidStatement("$", "is not one statement")
        return parsed[0] if "id" in parsed[0].value else _with_id(line)
    except StatementError as error:
        report.refused.append(Refusal(line.place, str(error)))
        return None


def _with_id(line: Line) -> Parsed:
    made = uuid5(NAMESPACE, line.text.decode("utf-8", "surrogateescape"))
    body = line.text.strip()
    comma = b"" if body[1:].strip() == b"}" else b","
    return parse_statements(b'{"id":"' + str(made).encode() + b'"' + comma + body[1:])[0]


class NdjsonFile:
    """A file of one statement per line; positions are byte offsets."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Return the size in bytes, for a progress bar."""
        return self.path.stat().st_size

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the lines after a byte offset; empty ones are passed over."""
        with self.path.open("rb") as file:
            offset = int(position or 0)
            number = _lines_before(self.path, offset)
            file.seek(offset)
            for raw in iter(lambda: file.readline(MAX_LINE + 1), b""):
                number += 1
                offset += len(raw)
                text = raw.strip().removeprefix(b"\xef\xbb\xbf")
                if text:
                    yield Line(f"{self.path.name}:{number}", text, str(offset))


def _lines_before(path: Path, offset: int) -> int:
    count = 0
    with path.open("rb") as file:
        while offset > 0 and (block := file.read(min(1 << 20, offset))):
            count += block.count(b"\n")
            offset -= len(block)
    return count


class CsvFile:
    """A CSV file with the columns of `CSV_COLUMNS`, or `raw` (whole statements); positions are rows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Return the number of rows, for a progress bar."""
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            return max(0, sum(1 for _ in csv.reader(file)) - 1)

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the rows after a row number as statements."""
        done = int(position or 0)
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if unknown := set(reader.fieldnames or ()) - set(CSV_COLUMNS) - {"raw"}:
                raise InvalidStatement("$", f"unknown columns {', '.join(sorted(unknown))}")
            for number, row in enumerate(reader, 1):
                if number > done:
                    text = row["raw"].encode() if row.get("raw") else orjson.dumps(statement_of(row))
                    yield Line(f"{self.path.name}:{reader.line_num}", text, str(number))


CSV_COLUMNS = (
    "id", "timestamp", "actor", "actor_name", "verb", "verb_display", "object.id", "object_name",
    "activity_type", "registration", "success", "completion", "score.scaled", "score.raw", "score.min",
    "score.max", "duration", "response", "platform", "language",
)  # fmt: skip
_ADL = "http://adlnet.gov/expapi/verbs/"


def statement_of(row: Mapping[str, str]) -> dict[str, Any]:
    """Return the statement of a CSV row; the validation of ingest judges it, not this function."""
    actor = row.get("actor") or ""
    verb = row.get("verb") or ""
    found: dict[str, Any] = {
        "id": row.get("id"),
        "timestamp": row.get("timestamp"),
        "actor": {"name": row.get("actor_name"), **_identifier(actor)},
        "verb": {
            "id": verb if ":" in verb else _ADL + verb,
            "display": _in_english(row.get("verb_display")),
        },
        "object": {
            "id": row.get("object.id"),
            "definition": {"name": _in_english(row.get("object_name")), "type": row.get("activity_type")},
        },
        "result": {
            "score": {part: _number(row.get(f"score.{part}")) for part in ("scaled", "raw", "min", "max")},
            "success": _boolean(row.get("success")),
            "completion": _boolean(row.get("completion")),
            "duration": row.get("duration"),
            "response": row.get("response"),
        },
        "context": {name: row.get(name) for name in ("registration", "platform", "language")},
    }
    pruned: dict[str, Any] = _prune(found)
    return pruned


def _identifier(text: str) -> dict[str, Any]:
    """Read an actor cell: an address, a `mailto:`, a canonical identifier, or `name@https://home.page`."""
    kind, separator, value = text.partition("::")
    if separator and kind in {"mbox", "mbox_sha1sum", "openid"}:
        return {kind: value}
    name, at, home = (value if kind == "account" and separator else text).partition("@http")
    if at:
        return {"account": {"homePage": "http" + home, "name": name}}
    return {"mbox": text if text.startswith("mailto:") else f"mailto:{text}"}


def _in_english(text: str | None) -> dict[str, str] | None:
    return {"en": text} if text else None


def _number(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return text


def _boolean(text: str | None) -> Any:
    return {"true": True, "1": True, "false": False, "0": False, "": None, None: None}.get(
        text.lower() if text else text, text
    )


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: p for k, v in value.items() if (p := _prune(v)) not in (None, "", {})}
        return kept or None
    return value


class OtherLrs:
    """Another learning record store, read through its statements resource, oldest first.

    Positions are `more` links; the same host only, so that a link cannot lead the credentials elsewhere.
    """

    def __init__(self, endpoint: str, key: str, secret: str, *, since: str = "") -> None:
        self.endpoint, self.since = endpoint.rstrip("/"), since
        self.session = requests.Session()
        self.session.auth = (key, secret)
        self.session.headers["X-Experience-API-Version"] = "1.0.3"
        retry = requests.adapters.Retry(5, backoff_factor=1, status_forcelist=(429, 502, 503, 504))
        self.session.mount("http", requests.adapters.HTTPAdapter(max_retries=retry))

    def size(self) -> None:
        """Return None: xAPI does not tell how many statements there are."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the statements page by page."""
        with self.session:
            yield from self._pages(position or self._first())

    def _pages(self, address: str) -> Iterator[Line]:
        number = 0
        while address:
            statements, more = split_page(self._page(address))
            for index, statement in enumerate(statements):
                number += 1
                # only a whole page is a position: the next link is known to work from there
                last = index == len(statements) - 1
                yield Line(f"statement {number}", statement, self._next(more) if last else address)
            address = self._next(more) if statements else ""

    def _first(self) -> str:
        since = f"&since={quote(self.since)}" if self.since else ""
        return f"{self.endpoint}/statements?ascending=true&limit={BATCH}{since}"

    def _next(self, more: str) -> str:
        if not more:
            return ""
        address = urljoin(self.endpoint + "/", more)
        if urlsplit(address)[:2] != urlsplit(self.endpoint)[:2]:
            raise InvalidStatement("more", f"leads to another host: {address}")
        return address

    def _page(self, address: str) -> bytes:
        with self.session.get(address, timeout=TIMEOUT, stream=True, allow_redirects=False) as response:
            response.raise_for_status()
            out = io.BytesIO()
            for block in response.iter_content(1 << 16):
                out.write(block)
                if out.tell() > MAX_PAGE:
                    raise InvalidStatement("$", "the page is larger than 64 MiB")
        return out.getvalue()


def split_page(body: bytes) -> tuple[list[bytes], str]:
    """Return the exact text of each statement of a StatementResult, and its `more`; InvalidStatement if none.

    Nothing is encoded again, so numbers, key order and escapes stay as the other store gave them.
    """
    try:
        text = body.decode()
        members = dict(_members(text))
        more = json.loads(members.get("more", '""')) or ""
        return [element.encode() for element in _elements(members["statements"])], str(more)
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise InvalidStatement("$", f"is not a StatementResult: {error}") from error


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each member of a JSON object."""
    at = _expect(text, 0, "{")
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _expect(text, at, ":")
        _, end = _DECODER.raw_decode(text, start)
        yield name, text[start:end]
        at = _after(text, end, "}")


def _elements(text: str) -> Iterator[str]:
    """Yield the text of each element of a JSON array."""
    at = _expect(text, 0, "[")
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield text[at:end]
        at = _after(text, end, "]")


def _after(text: str, at: int, end: str) -> int:
    """Return where the next part begins: after a comma, or at the end itself."""
    at = _skip(text, at)
    return at if text[at] == end else _expect(text, at, ",")


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if text[at] != sign:
        raise ValueError(f"expected {sign} at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACE:
        at += 1
    return at
