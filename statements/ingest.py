"""The use case "statements come in": the ordered list of its steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from statements.attachments import Part
from statements.parse import Parsed
from statements.store import StatementStore

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: what the store keeps about the client beside each statement."""

    client: str
    label: str | None
    controlled_by: Literal["vendor", "partner"]
    authority: dict[str, Any] = field(hash=False)
    may_void: bool = True


def store_statements(
    store: StatementStore,
    batch: Sequence[Parsed],
    *,
    writer: Writer,
    version: Literal["1.0.3", "2.0.0"],
    now: dt.datetime,
    attachments: Mapping[str, Part] | None = None,
    is_relevant: Callable[[Document], bool] | None = None,
    statement_id: UUID | None = None,
) -> list[str]:
    """Store a batch, all or nothing; return the ids in request order, durable when this returns.

    `attachments` maps the lower-case sha2 of each received part to it (None for a request without parts);
    `statement_id` is the parameter of PUT. Raises InvalidStatement, DuplicateStatementId, StatementConflict,
    AttachmentMismatch, VoidingRefused, StoreBusy.
    """
    raise NotImplementedError
