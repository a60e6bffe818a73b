"""Statements from CSV: rows that say exactly one statement, or whole statements in a column `raw`.

Whatever a row cannot say is refused, never read as something else: an unknown or repeated column, a row
longer or shorter than the header, an object or an actor that is no activity or agent.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from lrs.analysis.figures.csv_cells import unquoted
from lrs.exchange.arriving.importing import Line
from lrs.exchange.compressed import open_text
from lrs.exchange.part_files import PartFiles
from statements.errors import InvalidStatement

MAX_CELL: Final = 8 * 1024 * 1024
WHOLE: Final = "export whole statements with `--format ndjson`, or give them in one column `raw`"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_IDENTIFIER = re.compile(r"(?:mbox|mbox_sha1sum|openid|account)::")

csv.field_size_limit(MAX_CELL)


class CsvFile:
    """A CSV file, which may be compressed; positions are rows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Return the number of rows, for a progress bar."""
        with open_text(self.path) as file:
            return max(0, sum(1 for _ in _rows(csv.reader(file))) - 1)

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the rows after a row number as statements; InvalidStatement for a header that says none."""
        done, parts = int(position or 0), PartFiles(self.path.parent)
        with open_text(self.path) as file:
            reader = csv.reader(file)
            rows = _rows(reader)
            header = next(rows, [])
            _check_header(header)
            for number, cells in enumerate(rows, 1):
                if number > done and cells:
                    place = f"{self.path.name}:{reader.line_num}"
                    text, fault = _statement(header, cells)
                    yield Line(place, text, str(number), parts.find, fault)


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise InvalidStatement("$", f"is not CSV: {error}") from error


def _check_header(header: list[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidStatement("$", f"the column {twice[0]} stands twice in the header")
    if header == ["raw"]:
        return
    if "raw" in header:
        raise InvalidStatement("$", "a column `raw` holds whole statements and stands alone")
    if len(header) == 1 and ";" in header[0]:
        raise InvalidStatement("$", "the cells are separated by semicolons; separate them by commas")
    if unknown := set(header) - set(CSV_COLUMNS) - set(ONLY):
        raise InvalidStatement("$", f"unknown columns {', '.join(sorted(unknown))}; {WHOLE}")


def _statement(header: list[str], cells: list[str]) -> tuple[bytes, str | None]:
    """Return the text of a row's statement, or why the row says none."""
    if len(cells) != len(header):
        return b"", f"has {len(cells)} cells where the header has {len(header)}"
    row = {name: unquoted(cell) for name, cell in zip(header, cells, strict=True)}
    if "raw" in row:
        return cells[0].encode(), None
    for name, only in ONLY.items():
        if row.get(name, "") not in ("", only):
            return b"", f"{name} {row[name]} cannot be said by columns; {WHOLE}"
    if _IDENTIFIER.match(row.get("object.id", "")):
        return b"", f"object.id is an agent, which cannot be said by columns; {WHOLE}"
    return orjson.dumps(statement_of(row)), None


ONLY: Final = {"object.type": "Activity", "actor_type": "Agent"}  # columns that may only confirm
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
    """Return a number in its own digits; what is none stays a text, which validation refuses."""
    return orjson.Fragment(text) if text and _NUMBER.fullmatch(text) else text


def _boolean(text: str | None) -> Any:
    return {"true": True, "1": True, "false": False, "0": False, "": None, None: None}.get(
        text.lower() if text else text, text
    )


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: p for k, v in value.items() if (p := _prune(v)) not in (None, "", {})}
        return kept or None
    return value
