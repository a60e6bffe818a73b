"""Tests of PartnerTiers and Gate documents: rosters and questions in, differing answers out (cert#2.10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rules.language.model import Gate, PartnerTiers
from rules.programmes.gates import Question, answer
from rules.programmes.tiers import Standing, reached
from rules.testing.histories import shown

Row = Mapping[str, Any]


def tiers_differences(document: PartnerTiers, test: Row) -> Iterator[tuple[str, str, str]]:
    """Yield (organization, expected tier, observed tier) where they differ."""
    for organization, tier in test["expect"].items():
        observed = reached(document, _people(test["roster"].get(organization, ()))).tier
        if observed != tier:
            yield organization, tier, observed


def gate_differences(
    document: Gate, order: tuple[str, ...], test: Row
) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield (row, question, key, expected, observed) where an answer differs."""
    gate = replace(document, mode="active")
    for index, row in enumerate(test["expect"]):
        found = answer(gate, _question(gate, order, test, row))
        observed = {"answer": found.answer, "failed": found.failed, "message": found.message}
        for key, value in observed.items():
            if key in row and shown(row[key]) != shown(value):
                yield (
                    index,
                    f"{row['submitter']} of {row['organization']}",
                    key,
                    shown(row[key]),
                    shown(value),
                )


def _question(gate: Gate, order: tuple[str, ...], test: Row, row: Row) -> Question:
    roster: Row = test.get("roster", {})
    standings = [
        standing
        for people in roster.values()
        for person in people
        if person["who"] == row["submitter"]
        for standing in _standings(person)
    ]
    return Question(
        order=order,
        tier=test.get("tiers", {}).get(row["organization"]),
        standings=standings,
        affiliated=any(person["who"] == row["submitter"] for person in roster.get(row["organization"], ())),
        subject=row.get(gate.subject, {}),
    )


def _people(rows: Sequence[Row]) -> dict[str, list[Standing]]:
    people: dict[str, list[Standing]] = {}
    for person in rows:
        people.setdefault(person["who"], []).extend(_standings(person))
    return people


def _standings(person: Row) -> list[Standing]:
    """Return what a row of a roster holds; `status` is `active` where it is not given."""
    rows = (
        {key: value for key, value in row.items() if key != "status"} | {"state": row.get("status", "active")}
        for row in person.get("holds", ())
    )
    return [Standing(**row) for row in rows]
