"""How the statements of some clients are taken, by choice: repaired, stored in part, or judged strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from statements.errors import (
    AttachmentMismatch,
    DuplicateStatementId,
    InvalidStatement,
    StatementConflict,
    StatementError,
    VoidingRefused,
)
from statements.intake.attachments import Part, named_hashes
from statements.intake.examine import fault_of, own_parts
from statements.intake.repair import repaired
from statements.parsing.lazy import changed, chosen
from statements.parsing.parse import Parsed
from statements.parsing.times import Version

# What is wrong with a statement, not with the store: the others of its request may be stored without it.
OF_ONE: Final = (
    AttachmentMismatch, DuplicateStatementId, InvalidStatement, StatementConflict, VoidingRefused,
)  # fmt: skip

Parts = Mapping[str, Part]
Store = Callable[
    [Sequence[Parsed], Parts, str], list[str]
]  # statements, their parts, the path of a single one


@dataclass(frozen=True, slots=True)
class Refused:
    """A statement of a batch that was left out; `id` is the one that was sent, if it is a text."""

    index: int
    id: str | None
    error: StatementError

    @classmethod
    def of(cls, index: int, parsed: Parsed, error: StatementError) -> Refused:
        """Return what is kept of a statement that was left out."""
        found = parsed.value.get("id") if isinstance(parsed.value, dict) else None
        return cls(index, found if isinstance(found, str) else None, error)

    def told(self) -> dict[str, str | int | None]:
        """Return the facts for an answer."""
        path: str | None = getattr(self.error, "path", None)
        return {
            "index": self.index, "id": self.id, "error": type(self.error).__name__, "path": path,
            "message": str(self.error),
        }  # fmt: skip


def repair_all(batch: Sequence[Parsed], version: Version) -> Sequence[Parsed]:
    """Return the statements, those that were nearly right repaired."""
    return changed(batch, partial(repaired, version=version))


def store_good(
    batch: Sequence[Parsed], parts: Parts, version: Version, store: Store
) -> tuple[list[str], list[Refused]]:
    """Store what is right of a batch; return the ids in order, and what was left out.

    At first all together; only where that is refused, those that are right by themselves, and in the end one
    by one. Raises what is no fault of a statement.
    """
    try:
        return store(batch, parts, "$"), []
    except OF_ONE:
        if parts.keys() - {sha2 for parsed in batch for sha2 in named_hashes(parsed.value)}:
            raise  # a part that belongs to no statement
    refused, right = [], []
    wanted: dict[str, Part] = {}
    for index, parsed in enumerate(batch):
        if fault := fault_of(parsed, parts, version, f"$[{index}]"):
            refused.append(Refused.of(index, parsed, fault))
        else:
            right.append(index)
            wanted |= own_parts(parsed, parts)
    try:
        ids = store(chosen(batch, right), wanted, "$")
    except OF_ONE:
        ids, others = _one_by_one(batch, right, parts, store)
        refused += others
    return ids, sorted(refused, key=lambda one: one.index)


def _one_by_one(
    batch: Sequence[Parsed], right: Sequence[int], parts: Parts, store: Store
) -> tuple[list[str], list[Refused]]:
    ids: list[str] = []
    refused: list[Refused] = []
    for index in right:
        parsed = batch[index]
        try:
            ids += store([parsed], own_parts(parsed, parts), f"$[{index}]")
        except OF_ONE as error:
            refused.append(Refused.of(index, parsed, error))
    return ids, refused
