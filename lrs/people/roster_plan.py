"""What a row of a roster does to a person's affiliations: pure, so that a dry run and an import are the same.

A roster mirrors who belongs to an organization: what a row says holds, what it does not say stays. Which
affiliation a row speaks of, and what becomes of it, in this order: begin, confirm, end, start, role, primary.

Decided 2026-11-29: a row moves somebody who counts for another organization only when it says
`primary: yes`, or the import says so for all; otherwise it is refused, with the move that it would be.
An end that has passed is history: a row that goes on within `LATE` of it, with a later end, prolongs the
contract without a gap; any other begins a new affiliation, at the import where `from` is the first hire date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from lrs.foundation.audit import new_id
from lrs.foundation.errors import InvalidField
from lrs.people.affiliations import begins, check_apart, check_can_yield, ends, overlap

Document = dict[str, Any]
Elsewhere = Literal["ask", "move", "secondary"]
ELSEWHERE: Final[tuple[Elsewhere, ...]] = ("ask", "move", "secondary")
LATE: Final = dt.timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a roster, checked; None is what it does not say."""

    line: int
    ifi: str
    name: str | None = None
    role: str | None = None
    start: dt.datetime | None = None
    until: dt.datetime | None = None
    primary: bool | None = None
    tells_end: bool = False  # there is a column `until`: an empty value says that there is no end


@dataclass(frozen=True, slots=True)
class Import:
    """For whom and how a roster is imported: `counts` tells whether a row counts without confirmation."""

    org: str
    now: dt.datetime
    by_vendor: bool = True
    elsewhere: Elsewhere = "ask"


@dataclass(slots=True)
class Plan:
    """What becomes of a person: their affiliations afterwards, the name, and what is told of it."""

    rows: list[Document]
    name: str | None = None
    does: list[str] = field(default_factory=list)
    begun: bool = False

    @property
    def outcome(self) -> str:
        """Return how the row is counted."""
        return "added" if self.begun else "changed" if self.does else "unchanged"


def plan_row(
    how: Import, row: Row, person: Mapping[str, Any], affiliations: Sequence[Document], *, counts: bool
) -> Plan:
    """Return what a row does to a person with these affiliations (by beginning).

    Raises InvalidField with the column, or Collision.
    """
    steps = _Steps(how, row, person, counts, Plan([dict(one) for one in affiliations]))
    target = steps.find()
    if target is None:
        target = steps.begin()
    else:
        steps.confirm(target)
        steps.end(target)
        steps.start(target)
        steps.role(target)
        target = steps.primary(target)
    steps.name(target)
    _check(affiliations, steps.plan.rows)
    return steps.plan


@dataclass(slots=True)
class _Steps:
    how: Import
    row: Row
    person: Mapping[str, Any]
    counts: bool
    plan: Plan

    def own(self) -> list[Document]:
        return sorted((one for one in self.plan.rows if one["org"] == self.how.org), key=begins)

    def find(self) -> Document | None:
        """Return the affiliation that the row speaks of; None where it begins a new one."""
        row, now, own = self.row, self.how.now, self.own()
        if row.until is not None and row.until <= now:
            exact = [one for one in own if (one["from"], one["until"]) == (row.start, row.until)]
            before = [
                one for one in own if begins(one) < row.until and (row.start is None or row.start < ends(one))
            ]
            return next(iter(exact or before[-1:]), None)
        running = [one for one in own if ends(one) > now]
        same = [one for one in running if one["from"] == row.start]
        if running:
            return (same or running)[0]
        return own[-1] if own and self._prolongs(own[-1]) else None

    def _prolongs(self, last: Document) -> bool:
        row = self.row
        late = self.how.now - ends(last) > LATE
        if row.until is None or not self.counts or last["confirmed_at"] is None or late:
            return False
        if row.start is not None and row.start >= ends(last):
            return False
        longer = {**last, "from": last["until"], "until": row.until}
        return not (last["primary"] and self._rivals(longer))

    def begin(self) -> Document:
        """Begin an affiliation; what does not count yet begins with the import and is not primary."""
        row, now, own = self.row, self.how.now, self.own()
        last = max((ends(one) for one in own if ends(one) <= now), default=None)
        is_past = row.until is not None and row.until <= now
        if is_past and (row.start is None or not self.counts):
            raise InvalidField("until", "has passed, and nothing is known of an earlier time; say `from`")
        start = row.start if row.start is not None and self.counts else now
        if not is_past and last is not None and start < last:
            start = now
        goes_on = next((one for one in own if one["until"] == start), None)
        made: Document = {
            "_id": new_id(now),
            "org": self.how.org,
            "person": self.person["_id"],
            "from": start,
            "until": row.until,
            "primary": False,
            "role": row.role or (goes_on["role"] if goes_on else None),
            "confirmed_at": start if self.counts else None,
            "known_as": row.ifi,
        }
        self.plan.begun = True
        self.plan.rows.append(made)
        self.plan.does.append(f"begins {_day(start)}" + ("" if self.counts else ", to be confirmed"))
        if self.counts and row.primary is not False:
            self._become_primary(made)
        return made

    def confirm(self, target: Document) -> None:
        """Let what waits for confirmation count, where the row counts without it."""
        if target["confirmed_at"] is not None or not self.counts or ends(target) <= self.how.now:
            return
        earlier = [ends(one) for one in self.own() if one is not target and begins(one) < begins(target)]
        start = self.row.start
        if start is None or any(start < end for end in earlier):
            start = max(self.how.now, begins(target))
        target["from"] = target["confirmed_at"] = start
        self.plan.does.append("is confirmed")
        if self.row.primary is not False and not target["primary"]:
            self._become_primary(target)

    def end(self, target: Document) -> None:
        """Let the end be that of the row: later, earlier, or none."""
        until = self.row.until
        if until == target["until"] or (until is None and not self.row.tells_end):
            return
        if until is not None and until <= begins(target):
            raise InvalidField("until", f"is not after the start {_day(begins(target))}")
        self.plan.does.append(f"until {_day(target['until'])} -> {_day(until)}")
        target["until"] = until

    def start(self, target: Document) -> None:
        """Let the beginning be that of the row, unless that is the hire date of an earlier affiliation."""
        start = self.row.start
        if start is None or start == target["from"] or not self.counts:
            return
        earlier = [one for one in self.own() if one is not target and begins(one) < begins(target)]
        if any(start < ends(one) for one in earlier):
            return
        if target["primary"] and self._may_move():
            for rival in self._rivals({**target, "from": start}):
                if rival["until"] == target["from"] and begins(rival) < start:
                    self.plan.does.append(self._moves(rival))
                    rival["until"] = start
        if target["confirmed_at"] == target["from"]:
            target["confirmed_at"] = start
        self.plan.does.append(f"from {_day(target['from'])} -> {_day(start)}")
        target["from"] = start

    def role(self, target: Document) -> None:
        """Let the role be that of the row."""
        if self.row.role and self.row.role != target["role"]:
            self.plan.does.append(f"role {target['role'] or '-'} -> {self.row.role}")
            target["role"] = self.row.role

    def primary(self, target: Document) -> Document:
        """Let an affiliation become the primary one, or a secondary one, from now on; the past stays."""
        wanted, now = self.row.primary, self.how.now
        is_same = wanted is None or wanted == target["primary"]
        if is_same or not self.counts or target["confirmed_at"] is None or ends(target) <= now:
            return target
        if begins(target) < now:
            after = {**target, "_id": new_id(now), "from": now, "confirmed_at": now}
            target["until"] = now
            self.plan.rows.append(after)
            target = after
        if wanted:
            self.plan.does.append("becomes primary")
            self._become_primary(target)
        else:
            self.plan.does.append("becomes secondary")
            target["primary"] = False
        return target

    def name(self, target: Document) -> None:
        """Let the name be that of the row, where its organization has the say: the one they count for."""
        name, has = self.row.name, self.person.get("name")
        may = (self.how.by_vendor and target["primary"]) or (not has and target["confirmed_at"] is not None)
        if name and name != has and may:
            self.plan.name = name
            if has:
                self.plan.does.append(f"name {has} -> {name}")
            elif not self.plan.begun:
                self.plan.does.append(f"name {name}")

    def _become_primary(self, target: Document) -> None:
        """Make an affiliation the primary one; another ends at its start where the row or import says so."""
        rivals = self._rivals(target)
        if rivals and not self._may_move():
            if self.how.elsewhere == "secondary":
                self.plan.does.append("as secondary")
                return
            told = " and ".join(self._moves(one) for one in rivals)
            raise InvalidField("primary", f"{told}: say yes to move, or no to belong beside it")
        for rival in rivals:
            check_can_yield(rival, begins(target), self.how.now)
            self.plan.does.append(self._moves(rival))
            rival["until"] = target["from"]
        target["primary"] = True

    def _may_move(self) -> bool:
        return self.row.primary is True or self.how.elsewhere == "move"

    def _rivals(self, target: Mapping[str, Any]) -> list[Document]:
        """Return the primary affiliations with others, or with the same, that share time with this one."""
        return [
            one
            for one in self.plan.rows
            if one["_id"] != target["_id"] and one["primary"] and overlap(one, target)
        ]

    def _moves(self, rival: Mapping[str, Any]) -> str:
        """Return the words of a move; a partner does not learn where somebody else belongs."""
        who = self.person.get("name") or self.person.get("email") or self.row.ifi
        if not self.how.by_vendor:
            return "moves them from another organization"
        return f"moves {who} from {rival['org']}"


def _check(before: Sequence[Document], after: Sequence[Document]) -> None:
    """Refuse what would overlap: only affiliations that the row changes are judged."""
    was = {one["_id"]: one for one in before}
    for one in after:
        if one != was.get(one["_id"]):
            if begins(one) >= ends(one):
                raise InvalidField("until", "is not after the start")
            check_apart(one, [other for other in after if other["_id"] != one["_id"]])


def _day(at: dt.datetime | None) -> str:
    """Return a day, or an instant where it is not the beginning of one, in UTC; `-` for none."""
    if at is None:
        return "-"
    return at.date().isoformat() if at.time() == dt.time() else f"{at:%Y-%m-%dT%H:%M:%SZ}"
