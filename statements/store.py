"""Statements in MongoDB: the only module that writes the collection `statements`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pymongo import IndexModel
from pymongo.database import Database

from statements.attachments import Part
from statements.query import StatementQuery

Document = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {}


@dataclass(frozen=True, slots=True)
class Page:
    """Raw statements in order; `next` is the order key to go on from, None on the last page."""

    statements: list[bytes]
    next: bytes | None
    newest_stored: dt.datetime | None = None


class StatementStore:
    """The statements of one organization (`org`), never of another."""

    def __init__(self, db: Database[Document], org: str) -> None:
        self.db = db
        self.org = org

    def get(self, statement_id: UUID, *, voided: bool = False) -> bytes:
        """Return `raw` of the statement; with `voided` only a voided one is found. Raises StatementNotFound."""
        raise NotImplementedError

    def find(self, query: StatementQuery, *, max_seconds: float | None = None) -> Page:
        """Return one page of the list query in (stored, tie-break) order."""
        raise NotImplementedError

    def definitions(self, activity_ids: set[str]) -> Mapping[str, dict[str, Any]]:
        """Return the merged canonical definition of each known activity."""
        raise NotImplementedError

    def activity(self, activity_id: str) -> dict[str, Any]:
        """Return the Activity object for GET /activities; one that was never seen has only objectType and id."""
        raise NotImplementedError

    def person(self, agent: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Person object for GET /agents: the union of the names seen with this identifier."""
        raise NotImplementedError

    def parts(self, sha2s: set[str]) -> Iterator[Part]:
        """Yield the stored bytes of these attachments, each once, in order of hash; unknown ones are left out."""
        raise NotImplementedError
