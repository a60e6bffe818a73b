"""State, agent profile and activity profile documents (Communication 2.2, 2.3, 2.6, 2.7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pymongo import IndexModel
from pymongo.database import Database

Kind = Literal["state", "agent_profile", "activity_profile"]
Version = Literal["1.0.3", "2.0.0"]

INDEXES: dict[str, list[IndexModel]] = {}


@dataclass(frozen=True, slots=True)
class Key:
    """Which document; `id` (stateId or profileId) None asks for all of them. Unused parts are None."""

    kind: Kind
    activity: str | None = None
    ifi: str | None = None
    registration: UUID | None = None
    id: str | None = None

    @classmethod
    def parse(cls, kind: Kind, params: Mapping[str, Sequence[str]], version: Version) -> Key:
        """Check activityId, agent, registration, stateId or profileId of a request; InvalidQuery."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The headers If-Match and If-None-Match as they came."""

    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """Bytes and headers of one document; `etag` is without quotes, `updated` has microseconds."""

    content: bytes
    content_type: str | None
    etag: str
    updated: dt.datetime


class DocumentStore:
    """The documents of one organization."""

    def __init__(self, db: Database[dict[str, Any]], org: str) -> None:
        self.db = db
        self.org = org

    def get(self, key: Key) -> StoredDocument | None:
        """Return the document or None."""
        raise NotImplementedError

    def ids(self, key: Key, since: dt.datetime | None = None) -> tuple[list[str], dt.datetime | None]:
        """Return the ids updated after `since` (exclusive) without repeats, and the newest update of them."""
        raise NotImplementedError

    def put(
        self,
        key: Key,
        content: bytes,
        content_type: str | None,
        *,
        preconditions: Preconditions,
        version: Version,
        now: dt.datetime,
    ) -> None:
        """Create or replace; PreconditionFailed, DocumentConflict by the table of digest part 4."""
        raise NotImplementedError

    def post(
        self,
        key: Key,
        content: bytes,
        content_type: str | None,
        *,
        preconditions: Preconditions,
        version: Version,
        now: dt.datetime,
    ) -> None:
        """Create, or merge two JSON objects atomically; InvalidDocument, PreconditionFailed."""
        raise NotImplementedError

    def delete(self, key: Key, *, preconditions: Preconditions) -> None:
        """Delete one document, or all in scope when `key.id` is None; unknown ones are no error."""
        raise NotImplementedError
