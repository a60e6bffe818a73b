"""All migrations, in order. A step is small, resumable, safe to repeat, and runs while the application does.

So a build must read what a step has not reached yet, and a step changes no answer: it makes stored data
smaller or quicker, or fills in what newer code looks for first. Once released, a step is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.migrations.direct_keys import count_statements, drop_doubled_keys

Document = dict[str, Any]
Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, what it does, how much there is to look at, and its work page by page.

    `pages` goes on from a position and yields (position, documents looked at, documents changed).
    """

    number: int
    title: str
    count: Callable[[Database[Document]], int]
    pages: Callable[[Database[Document], Position], Iterator[tuple[Position, int, int]]]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1, "drop search keys of statements that repeat a direct one", count_statements, drop_doubled_keys
    ),
)
SCHEMA = MIGRATIONS[-1].number
