"""Attachments beside a file of statements: a folder `attachments` with one file for each sha2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from statements.errors import InvalidStatement
from statements.intake.attachments import Part, named_hashes
from statements.parsing.parse import parse_json
from statements.storage.attachment_store import PartStore

FOLDER = "attachments"
MAX_PART_BYTES = 256 * 1024 * 1024
_SHA2 = re.compile(r"[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}")
# A member's name may be written with escapes; a statement with neither has no attachment.
_HINTS = (b'"attachments"', b"\\u00")


class PartFiles:
    """The attachments of one folder; their names are their hashes, so each is there once."""

    def __init__(self, beside: Path) -> None:
        self._folder = beside / FOLDER

    def find(self, sha2: str) -> Part | None:
        """Return an attachment, None where it is not there; InvalidStatement where it is too large."""
        path = self._folder / sha2
        if not _SHA2.fullmatch(sha2) or not path.is_file():
            return None
        if path.stat().st_size > MAX_PART_BYTES:
            raise InvalidStatement("$.attachments", f"{path} has more than {MAX_PART_BYTES} bytes")
        return Part(sha2, "application/octet-stream", path.read_bytes())

    def keep(self, store: PartStore, documents: Iterable[Mapping[str, Any]]) -> None:
        """Write the attachments that statements name and that are not there yet, each file whole or not."""
        wanted = {sha2 for document in documents for sha2 in _hashes_of(document["raw"])}
        missing = {sha2 for sha2 in wanted if not (self._folder / sha2).exists()}
        if not missing:
            return
        self._folder.mkdir(exist_ok=True)
        for part in store.find(missing):
            unfinished = self._folder / f"{part.sha2}.new"
            unfinished.write_bytes(part.content)
            unfinished.replace(self._folder / part.sha2)


def _hashes_of(raw: bytes) -> set[str]:
    return named_hashes(parse_json(raw)) if any(hint in raw for hint in _HINTS) else set()
