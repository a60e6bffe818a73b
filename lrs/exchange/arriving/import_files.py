"""Files of statements: which form one has, told by its content, and its rows.

NDJSON, a JSON array, StatementResults and Learning Locker's documents are read, compressed or not; anything
else is refused with one sentence that says what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from lrs.exchange.arriving.import_csv import CsvFile
from lrs.exchange.arriving.importing import Line, Source
from lrs.exchange.compressed import GZIP, open_bytes
from lrs.exchange.json_stream import JsonStream
from lrs.exchange.part_files import PartFiles
from statements.errors import InvalidStatement

MAX_LINE: Final = 8 * 1024 * 1024
HEAD: Final = 64 * 1024  # bytes that tell the form of a file
BOM: Final = b"\xef\xbb\xbf"
# The beginning of a file that is no NDJSON: an array, a page of a store, a statement over many lines.
_WHOLE: Final = re.compile(rb'\[|\{[ \t\r]*(?:\n|$)|\{(?:\s*"more"\s*:\s*"[^"]*"\s*,)?\s*"statements"\s*:')
FOREIGN: Final = {
    b"PK\x03\x04": "is a ZIP archive: unpack it and import the folder or the file inside",
    b"PAR1": "is Parquet, which holds fields and no whole statements: export with --format ndjson",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
    b"<": "is XML or HTML: give NDJSON, a JSON array or a StatementResult",
}


class SizedSource(Source, Protocol):
    """A source that knows how long it is."""

    def size(self) -> int | None:
        """Return the length in units of its positions, None where only reading would tell."""


def open_source(path: Path) -> SizedSource:
    """Return the source of a file or of an exported folder; InvalidStatement for a form that is not read."""
    if path.is_dir():
        return ExportFolder(path)
    with open_bytes(path) as file:
        head = file.read(HEAD).removeprefix(BOM).lstrip()
    for sign, told in FOREIGN.items():
        if head.startswith(sign):
            raise InvalidStatement(path.name, told)
    if ".csv" in path.suffixes[-2:]:
        return CsvFile(path)
    if _WHOLE.match(head):
        return JsonFile(path)
    if head and not head.startswith(b"{"):
        raise InvalidStatement(
            path.name, "is no JSON: give NDJSON, a JSON array, a StatementResult, or a CSV named .csv"
        )
    return NdjsonFile(path)


class NdjsonFile:
    """A file of one statement per line; positions are offsets in its content."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int | None:
        """Return the size in bytes, for a progress bar; None for a compressed file."""
        with self.path.open("rb") as file:
            return None if file.read(2) == GZIP else self.path.stat().st_size

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the lines after an offset; empty ones are passed over, too long ones are refused."""
        offset, number, parts = int(position or 0), 0, PartFiles(self.path.parent)
        done = 0
        with open_bytes(self.path) as file:
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                done += len(raw)
                fault = None
                if len(raw) > MAX_LINE:
                    fault = f"the line has more than {MAX_LINE} bytes"
                    done += _pass_rest(file, raw)
                text = raw.strip().removeprefix(BOM)
                if text and done > offset:
                    yield Line(f"{self.path.name}:{number}", text, str(done), parts.find, fault)


def _pass_rest(file: BinaryIO, raw: bytes) -> int:
    """Read on to the end of a line in pieces; return how many bytes that were."""
    passed = 0
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(1 << 20)
        passed += len(raw)
    return passed


class JsonFile:
    """Statements in arrays, in StatementResults, or one after the other; positions are their numbers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> None:
        """Return None: only reading the file tells how many statements it has."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the statements after a number; what is no JSON ends the file with a refusal."""
        done, number, parts = int(position or 0), 0, PartFiles(self.path.parent)
        with open_bytes(self.path) as file:
            found = _texts(JsonStream(file))
            while True:
                number += 1
                place = f"{self.path.name}, statement {number}"
                try:
                    text = next(found, None)
                except InvalidStatement as error:
                    yield Line(place, b"", str(number), fault=f"{error.reason}; what follows it was not read")
                    return
                if text is None:
                    return
                if number > done:
                    is_more = text.startswith('"')
                    fault = f"{MORE}: {text[1:-1]}" if is_more else None
                    yield Line(place, text.encode("utf-8", "surrogateescape"), str(number), parts.find, fault)


MORE: Final = "the file is one page of several; pull from the store's address to get those that `more` names"


def _texts(stream: JsonStream) -> Iterator[str]:
    """Yield the text of each statement, and the text of a `more` that leads to further ones."""
    while sign := stream.peek():
        if sign == "[":
            yield from stream.elements()
        elif sign == "{" and stream.begins_with('"statements"', '"more"'):
            for name in stream.members():
                if name == "statements":
                    yield from stream.elements()
                elif (value := stream.value()) and name == "more" and len(value) > 2 and value[0] == '"':
                    yield value
        else:
            yield stream.value()


class ExportFolder:
    """A folder that `lrs export --format ndjson` wrote; positions are a file and a position in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = sorted(
            one for one in path.iterdir() if re.fullmatch(r"statements-\d+\.ndjson(?:\.gz)?", one.name)
        )
        if not self.files:
            raise InvalidStatement(
                path.name, "holds no statements-….ndjson: export with --format ndjson, or name one file"
            )

    def size(self) -> None:
        """Return None: the files may be compressed."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the lines of all files in order."""
        name, _, inner = position.partition(":")
        for file in self.files:
            if file.name < name:
                continue
            for line in NdjsonFile(file).lines(inner if file.name == name else ""):
                yield Line(line.place, line.text, f"{file.name}:{line.position}", line.part, line.fault)
