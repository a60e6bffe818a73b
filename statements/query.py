"""xAPI parameters of GET /statements to keys of the index (Communication 2.1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Format = Literal["ids", "exact", "canonical"]

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """A checked query; `after` is the order key of the last statement of the page before."""

    statement_id: UUID | None = None
    voided_statement_id: UUID | None = None
    keys: tuple[int, ...] = ()
    since: int | None = None  # microseconds since 1970, exclusive
    until: int | None = None  # microseconds since 1970, inclusive
    limit: int = MAX_LIMIT
    ascending: bool = False
    format: Format = "exact"
    attachments: bool = False
    after: bytes | None = None

    @classmethod
    def parse(
        cls, params: Mapping[str, Sequence[str]], version: str, *, max_limit: int = MAX_LIMIT
    ) -> StatementQuery:
        """Check every parameter; unknown, repeated or malformed ones raise InvalidQuery(parameter, reason)."""
        raise NotImplementedError

    @property
    def is_single(self) -> bool:
        """Tell whether one statement is asked for by id."""
        return self.statement_id is not None or self.voided_statement_id is not None

    def cursor(self, after: bytes) -> bytes:
        """Return everything the next page needs, as short bytes; the HTTP layer signs and binds them."""
        raise NotImplementedError

    @classmethod
    def resume(cls, cursor: bytes) -> StatementQuery:
        """Return the query of a cursor; InvalidQuery("more") when it is none."""
        raise NotImplementedError
