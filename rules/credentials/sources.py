"""What credentials are worded from: people, the statements behind their periods, rubrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pymongo.database import Database

from rules.credentials.assessments import Assessment, assessment_of, rubric_named
from rules.engine.queues import evaluation_queue
from rules.engine.queues.evaluation_queue import QueueEntry
from rules.evidence.from_statement import evidence
from rules.evidence.history import Evidence
from rules.stored import Document

READ: Final = 5000  # statements of one round trip


@dataclass(frozen=True, slots=True)
class Sources:
    """What the credentials of a batch are worded from: people, and the statements of their periods by id."""

    people: Mapping[str, Document]
    statements: Mapping[str, Sequence[Document]]
    rubrics: Mapping[str, Document]  # by which awards were signed off that say so
    detailed: Collection[str] = ()  # awards whose evidence the holder lets others see

    def statements_of(self, person: str, ids: Sequence[str]) -> list[Evidence]:
        """Return those of a period's statements whose actor is the person: ids are unique per store only."""
        return [evidence(row) for row in self._rows(person, ids)]

    def assessments_of(self, award: Mapping[str, Any], ids: Sequence[str]) -> tuple[Assessment, ...]:
        """Return what instructors signed off among a period's statements, as far as the holder shows it."""
        if award["_id"] not in self.detailed:
            return ()
        found = (assessment_of(row, self.rubrics) for row in self._rows(award["person"], ids))
        return tuple(one for one in found if one is not None)

    def _rows(self, person: str, ids: Sequence[str]) -> Iterator[Document]:
        owned = {one["ifi"] for one in self.people.get(person, {}).get("ifis", ())}
        found = (row for name in ids for row in self.statements.get(name, ()))
        return (row for row in found if row.get("actor") in owned)


def load_sources(
    db: Database[Document], awards: Sequence[Document], detailed: Collection[str] = ()
) -> Sources:
    """Read the people of these awards and the statements that their periods name.

    Of `detailed` awards also the rubrics by which they were signed off.
    """
    if not awards:
        return Sources({}, {}, {})
    persons = sorted({award["person"] for award in awards})
    statements: dict[str, list[Document]] = defaultdict(list)
    for row in _statements(db, awards, evaluation_queue.entries_of(db, persons)):
        statements[str(row["id"])].append(row)
    found = {row["_id"]: row for row in db.people.find({"_id": {"$in": persons}})}
    named = {rubric_named(row) for rows in statements.values() for row in rows} if detailed else set()
    names = sorted(name for name in named if name is not None)
    rubrics = {row["_id"]: row for row in db.rubrics.find({"_id": {"$in": names}})} if names else {}
    return Sources(found, statements, rubrics, detailed)


def _statements(
    db: Database[Document], awards: Sequence[Document], entries: Mapping[str, QueueEntry]
) -> Iterable[Document]:
    """Read the statements that the periods of awards name, each in the stores where its person was seen."""
    ids: dict[str, set[UUID]] = defaultdict(set)
    for award in awards:
        named = {UUID(one) for period in award.get("periods", ()) for one in period["evidence"]}
        for store in entries[award["person"]].stores if named and award["person"] in entries else ():
            ids[store] |= named
    branches = [{"org": store, "id": {"$in": sorted(ids[store])}} for store in sorted(ids)]
    return db.statements.find({"$or": branches}, {"keys": 0}, batch_size=READ) if branches else ()


def emails_of(person: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of a person that are hashed into the credential: their own, then their mboxes."""
    mboxes = [
        owned["ifi"].removeprefix("mbox::mailto:")
        for owned in person.get("ifis", ())
        if owned["ifi"].startswith("mbox::mailto:") and owned.get("until") is None
    ]
    every = [person["email"], *mboxes] if person.get("email") else mboxes
    return tuple(dict.fromkeys(one.strip().lower() for one in every))
