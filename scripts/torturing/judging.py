"""What must hold of the histories; pure, but for what it reads of the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

READ, WRITTEN, REFUSED, UNKNOWN = "read", "written", "refused", "unknown"
LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Operation:
    """One request about a document that counts: its number, its writer, when it began and was answered."""

    kind: str
    number: int
    by: str
    began: float
    ended: float


def judge_document(history: Sequence[Operation]) -> list[str]:
    """Say where a document was not linearizable.

    Each number is written on the condition that the one before it stands, so the numbers are the order. What
    is left: one writer for each number, whom all reads agree on and who sent it before it was read; nothing
    that was refused; no number below one that somebody had been told before asking.
    """
    found = []
    writers: dict[int, set[str]] = defaultdict(set)
    for one in history:
        if one.number and one.kind in {READ, WRITTEN}:
            writers[one.number].add(one.by)
    found += [f"number {number} has {len(by)} writers" for number, by in writers.items() if len(by) > 1]
    sent = {one.by: one for one in history if one.kind != READ}
    for one in history:
        if one.kind == READ and one.number:
            write = sent.get(one.by)
            if write is None or write.number != one.number:
                found.append(f"number {one.number} was read and never sent by {one.by}")
            elif write.kind == REFUSED:
                found.append(f"number {one.number} was read, its writer was refused")
            elif write.began > one.ended:
                found.append(f"number {one.number} was read before it was sent")
    last = max(writers, default=0)
    tried = {one.number for one in history if one.kind in {WRITTEN, UNKNOWN}}
    found += [f"number {number} is missing" for number in range(1, last + 1) if number not in tried]
    return found + [stale for stale, _ in out_of_date(history)]


def out_of_date(history: Sequence[Operation]) -> list[tuple[str, float]]:
    """Return what was read or written though more had been told before it began, and for how many seconds."""
    told = sorted((one for one in history if one.kind in {READ, WRITTEN}), key=lambda one: one.ended)
    found, best, place = [], 0, 0
    reached: dict[int, float] = {}  # number -> when somebody was first told of it
    for one in sorted(told, key=lambda one: one.began):
        while place < len(told) and told[place].ended < one.began:
            if told[place].number > best:
                best = told[place].number
                reached[best] = told[place].ended
            place += 1
        if one.number < best or (one.kind == WRITTEN and one.number == best):
            since = min(at for number, at in reached.items() if number > one.number or number == best)
            text = f"{one.kind} {one.number} after {best} was told {one.began - since:.2f} s before"
            found.append((text, one.began - since))
    return found


def judge_statements(told: Collection[str], stored: Iterable[str]) -> list[str]:
    """Say which statements were lost, stored twice or never sent to the end."""
    ids = Counter(stored)
    return [
        *(f"lost: {one}" for one in set(told) - set(ids)),
        *(f"stored {times} times: {one}" for one, times in ids.items() if times > 1),
        *(f"stored and never acknowledged: {one}" for one in set(ids) - set(told)),
    ]


def judge_once(what: str, wanted: Collection[str], there: Iterable[str]) -> list[str]:
    """Say whose `what` is missing, is there twice, or should not be."""
    held = Counter(there)
    return [
        *(f"no {what} of {one}" for one in set(wanted) - set(held)),
        *(f"{times} times {what} of {one}" for one, times in held.items() if times > 1),
        *(f"{what} of {one}, which should not be" for one in set(held) - set(wanted)),
    ]


def judge_mails(states: Mapping[str, str], arrived: Iterable[str]) -> list[str]:
    """Say which mails arrived twice, or are missing though they are not listed as unconfirmed."""
    came = Counter(arrived)
    return [
        *(f"mail {one} came {times} times" for one, times in came.items() if times > 1),
        *(f"mail {one} came and is unknown" for one in set(came) - set(states)),
        *(
            f"mail {one} is {state} and did not come"
            for one, state in states.items()
            if one not in came and state != "unconfirmed"
        ),
    ]


def judge_events(decided: Collection[str], taken: Sequence[tuple[str, bytes]]) -> list[str]:
    """Say which events the receiver misses, did not expect, or got with two bodies under one id."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for name, body in taken:
        bodies[name].add(body)
    return [
        *(f"event {one} was not delivered" for one in set(decided) - set(bodies)),
        *(f"event {one} was delivered and is not decided" for one in set(bodies) - set(decided)),
        *(f"event {one} has {len(many)} bodies" for one, many in bodies.items() if len(many) > 1),
    ]


def judge_records(db: Any, passed: Collection[str]) -> list[str]:
    """Say what of awards, facts, credentials and events is not there once for each who passed."""
    people = {row["_id"]: row["ifis"] for row in db.people.find({}, {"ifis": 1})}
    of = {one["ifi"].removeprefix("mbox::"): person for person, ifis in people.items() for one in ifis}
    wanted = {of.get(one, one) for one in passed}
    awards = {row["_id"]: row["person"] for row in db.awards.find({}, {"person": 1})}
    return [
        *judge_once("award", wanted, awards.values()),
        *judge_once("credential", awards, (row["award"] for row in db.credentials.find({}, {"award": 1}))),
        *(
            f"bit of {row['award']}, which stands, is set: {row['reason']}"
            for row in db.status_entries.find({"set_at": {"$exists": True}}, {"award": 1, "reason": 1})
        ),
        *judge_once("fact in force", wanted, in_force(db.facts.find({"by_people": False}))),
        *(
            finding
            for kind in ("award.issued", "credential.issued")
            for finding in judge_once(
                kind, wanted, (row["data"]["person"] for row in db.outbox.find({"type": kind}))
            )
        ),
    ]


def in_force(facts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return whose transitions were not retracted: evidence that came late may move a beginning."""
    rows = list(facts)
    gone = {row["of"] for row in rows if row["kind"] == "retraction"}
    return [row["person"] for row in rows if row["kind"] == "transition" and row["_id"] not in gone]


def shortened(found: Iterable[str]) -> list[str]:
    """Return findings, of each kind only some."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for one in found:
        kinds["".join(letter for letter in one if not letter.isdigit())[:14]].append(one)
    return [
        text
        for many in kinds.values()
        for text in (
            *many[:LISTED],
            *([f"... and {len(many) - LISTED} more of these"] if len(many) > LISTED else ()),
        )
    ]
