"""The units and blocks of a cmi5 course as a learner sees them: what is met, begun, passed; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lrs.content.cmi5.satisfaction import Said, is_met, satisfied
from lrs.content.packages.model import Cmi5Item, Item, ItemType, LanguageMap

Document = Mapping[str, Any]
State = Literal["open", "begun", "completed", "passed", "failed", "waived"]

STATES: Final[tuple[State, ...]] = ("waived", "passed", "failed", "completed")  # the first that was said
MOVE_ON: Final = ("Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed", "NotApplicable")


@dataclass(frozen=True, slots=True)
class Row:
    """A unit, or a block with what lies in it."""

    id: str
    title: LanguageMap
    description: LanguageMap
    is_unit: bool
    is_met: bool  # a unit's moveOn; a block is satisfied
    state: State = "open"  # of a unit
    move_on: str = "NotApplicable"
    met: int = 0  # units of a block that are met
    units: int = 0
    rows: tuple[Row, ...] = ()


def menu(root: Item, registration: Document) -> Row:
    """Return the course with all that lies in it, as the learner of a registration stands."""
    said: Said = {row["id"]: row["said"].keys() for row in registration["units"]}
    move_ons = {row["id"]: row["move_on"] for row in registration["units"] if row["move_on"]}
    begun = {session["unit"] for session in registration["sessions"] if session["said"]}
    done = {item.id for item in satisfied(root, said, move_ons)}
    return _row(root, said, move_ons, begun, done)


def _row(item: Item, said: Said, move_ons: Mapping[str, str], begun: set[str], done: set[str]) -> Row:
    if item.type is not ItemType.BLOCK:
        told, move_on = said.get(item.id, frozenset()), move_ons.get(item.id, _of(item).move_on)
        return Row(
            id=item.id,
            title=item.title,
            description=item.description,
            is_unit=True,
            is_met=is_met(move_on, told),
            state=next((one for one in STATES if one in told), "begun" if item.id in begun else "open"),
            move_on=move_on,
        )
    rows = tuple(_row(child, said, move_ons, begun, done) for child in item.children)
    units = [unit for row in rows for unit in _units(row)]
    return Row(
        id=item.id,
        title=item.title,
        description=item.description,
        is_unit=False,
        is_met=item.id in done,
        met=sum(unit.is_met for unit in units),
        units=len(units),
        rows=rows,
    )


def _units(row: Row) -> Iterator[Row]:
    if row.is_unit:
        yield row
    for each in row.rows:
        yield from _units(each)


def next_unit(course: Row) -> str | None:
    """Return the unit to go on with: the first that is not met, None where all are."""
    return next((unit.id for unit in _units(course) if not unit.is_met), None)


def _of(item: Item) -> Cmi5Item:
    return item.cmi5 or Cmi5Item()
