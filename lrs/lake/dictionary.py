"""Texts that have a number of their own: identifiers of actors, ids of activities.

A number is given once and never to another text. The texts are committed before the rows that name them, so
that a crash leaves at most numbers that nobody uses; erasure takes away the texts that no row names any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from lrs.lake.storage import LakeTable
from lrs.lake.tables import KEY, SCHEMAS

NEXT = "next"


class Dictionary:
    """The numbers of one table of texts, for its only writer."""

    def __init__(self, table: LakeTable) -> None:
        self.table = table
        rows = table.read()
        self.known: dict[str, int] = dict(zip(rows["text"].to_pylist(), rows["key"].to_pylist(), strict=True))
        self.next = max(table.position(NEXT) or 1, max(self.known.values(), default=0) + 1)
        self._new: dict[str, int] = {}  # not committed yet

    def learn(self, texts: Iterable[str]) -> None:
        """Give every text a number; `settle` commits them, before rows that name them are committed."""
        new = sorted(set(texts) - self.known.keys())
        numbers = dict(zip(new, range(self.next, self.next + len(new)), strict=True))
        self._new |= numbers
        self.known |= numbers
        self.next += len(new)

    def settle(self) -> None:
        """Commit what was learnt."""
        if self._new:
            rows = pa.table(_columns(self._new), SCHEMAS[self.table.name])
            self.table.commit(self.table.write([rows]), positions={NEXT: self.next})
            self._new = {}

    def keys(self, texts: Iterable[Any]) -> list[int | None]:
        """Return the numbers of learnt texts, None for None."""
        return [None if text is None else self.known[text] for text in texts]

    def encoded(self, texts: pa.Array) -> pa.Array:
        """Return a column of learnt texts, or of lists of them, as one of numbers."""
        if pa.types.is_list(texts.type):
            values = self.encoded(texts.values)
            return pa.ListArray.from_arrays(texts.offsets, values, mask=texts.is_null())
        found = texts.dictionary_encode()
        return pa.array(self.keys(found.dictionary.to_pylist()), KEY).take(found.indices)

    def keep(self, used: set[int]) -> int:
        """Take away the texts whose numbers are not used; return how many."""
        left = {text: key for text, key in self.known.items() if key in used}
        gone = len(self.known) - len(left)
        if gone or len(self.table.paths()) > 1:
            rows = pa.table(_columns(left), SCHEMAS[self.table.name])
            self.table.commit(self.table.write([rows]), self.table.paths(), {NEXT: self.next})
            self.known = left
        return gone


def distinct(texts: pa.Array) -> list[str]:
    """Return the different texts of a column, or of its lists."""
    values = texts.values if pa.types.is_list(texts.type) else texts
    return [one for one in values.unique().to_pylist() if one is not None]


def _columns(known: Mapping[str, int]) -> dict[str, list[Any]]:
    ordered = sorted((key, text) for text, key in known.items())
    return {"key": [key for key, _ in ordered], "text": [text for _, text in ordered]}
