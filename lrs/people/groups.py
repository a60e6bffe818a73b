"""Groups of people that rules name: assessors, approvers.

groups {_id, org "vendor", name, members [{person, from, until, added_at}],
        past [{person, from, until, added_at, removed_at}], created_at, updated_at, version}

`from` and `until` are when a membership holds, [from, until), None for an open end; `added_at` and
`removed_at` are when the store learnt of it and forgot it: what was known at an instant can be told later.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.people.records import get_person
from rules.catalogue.store import cache_of
from rules.engine.histories import groups_of
from rules.engine.identity import names_of
from rules.engine.queues import evaluation_queue
from rules.language.model import Certification
from rules.language.suggestions import nearest

Document = dict[str, Any]
Span = tuple[dt.datetime | None, dt.datetime | None]

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")  # the names that rules can write (cert#2.1)
MAX_MEMBERS: Final = 10_000
MAX_PAST: Final = 20_000  # the oldest forgotten memberships go first
FIRST: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
LAST: Final = dt.datetime.max.replace(tzinfo=dt.UTC)


def get_group(db: Database[Document], group: str) -> Document:
    """Return a group; raises UnknownThing, with the nearest name."""
    found = db.groups.find_one({"_id": group})
    if found is None:
        close = nearest(group, [row["_id"] for row in db.groups.find({"org": VENDOR}, {"_id": 1})])
        raise UnknownThing("group", group, f"did you mean {close}?" if close else None)
    return found


def named_by(db: Database[Document], group: str) -> list[str]:
    """Return the published certifications whose newest version names a group."""
    newest = cache_of(db).get(fresh=True).of_kind(Certification)
    return [one.id for one in newest if group in groups_of(one)]


def put_group(editor: Editor, group: str, members: Sequence[Document]) -> Document:
    """Make a group or replace its members [{person, from, until}]; raises InvalidField or UnknownThing."""
    return change_group(editor, group, lambda _: list(members))


def add_members(
    editor: Editor,
    group: str,
    persons: Collection[str],
    since: dt.datetime | None,
    until: dt.datetime | None = None,
) -> Document:
    """Let people be members in [since, until), beside when they are anyway; makes the group."""

    def joined(members: list[Document]) -> list[Document]:
        kept = [one for one in members if one["person"] not in persons]
        for person in persons:
            spans = [(one["from"], one["until"]) for one in members if one["person"] == person]
            kept += [_member(person, span) for span in united([*spans, (since, until)])]
        return kept

    return change_group(editor, group, joined)


def remove_members(editor: Editor, group: str, persons: Collection[str], at: dt.datetime | None) -> Document:
    """End memberships at an instant; with None they are taken back as if they had never been.

    Raises InvalidField where somebody is no member then.
    """
    get_group(editor.db, group)

    def left(members: list[Document]) -> list[Document]:
        for person in persons:
            if not any(one["person"] == person and (at is None or _end(one) > at) for one in members):
                name = names_of(editor.db, [person]).get(person, person)
                raise InvalidField("members", f"{name} is not in {group}{' then' if at else ''}")
        return list(_ended(members, at, lambda person: person in persons))

    return change_group(editor, group, left)


def set_members(editor: Editor, group: str, persons: Collection[str], at: dt.datetime) -> Document:
    """Let exactly these people be members from an instant on; what was before stays as it was."""

    def exactly(members: list[Document]) -> list[Document]:
        kept = list(_ended(members, at, lambda person: person not in persons))
        for person in persons:
            spans = [(one["from"], one["until"]) for one in members if one["person"] == person]
            kept = [one for one in kept if one["person"] != person]
            kept += [_member(person, span) for span in united([*spans, (at, None)])]
        return kept

    return change_group(editor, group, exactly)


def _ended(
    members: Iterable[Document], at: dt.datetime | None, concerned: Callable[[str], bool]
) -> Iterable[Document]:
    """Yield memberships, those concerned cut at an instant; one that begins later is left out."""
    for one in members:
        if not concerned(one["person"]):
            yield one
        elif at is not None and (one["from"] or FIRST) < at:
            yield {**one, "until": at} if _end(one) > at else one


def united(spans: Iterable[Span]) -> list[Span]:
    """Return spans of time with those that overlap or touch joined, oldest first."""
    found: list[Span] = []
    for start, end in sorted(spans, key=lambda one: one[0] or FIRST):
        last = found[-1] if found else None
        if last is not None and (last[1] is None or (start or FIRST) <= last[1]):
            longer = None if last[1] is None or end is None else max(last[1], end)
            found[-1] = (last[0], longer)
        else:
            found.append((start, end))
    return found


def change_group(editor: Editor, group: str, change: Callable[[list[Document]], list[Document]]) -> Document:
    """Make a group, or change its members [{person, from, until}] to what `change` makes of them.

    Raises InvalidField or UnknownThing. Whoever had evidence signed, or an award approved, by somebody whose
    membership changes is decided anew.
    """
    if not NAME.fullmatch(group):
        raise InvalidField("id", "must be 1 to 64 of a-z, 0-9, '_' and '-', and begin with a letter")

    def act(session: ClientSession) -> Document:
        before = editor.db.groups.find_one({"_id": group}, session=session)
        known = list((before or {}).get("members", ()))
        wanted = change([dict(one) for one in known])
        listed = _checked(editor, wanted, known, session)
        gone = [one for one in known if _key(one) not in {_key(other) for other in listed}]
        past = [*(before or {}).get("past", ()), *({**one, "removed_at": editor.now} for one in gone)]
        after: Document = (
            editor.db.groups.find_one_and_update(
                {"_id": group},
                {
                    "$set": {"members": listed, "past": past[-MAX_PAST:], "updated_at": editor.now},
                    "$setOnInsert": {"org": VENDOR, "name": group, "created_at": editor.now},
                    "$inc": {"version": 1},
                },
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            or {}
        )
        fresh = {one["person"] for one in listed if _key(one) not in {_key(other) for other in known}}
        _mark(editor, fresh | {one["person"] for one in gone}, session)
        editor.note("group.put", "group", group, org=VENDOR, before=_told(before), after=_told(after))
        return after

    return editor.change(act)


def _checked(
    editor: Editor, wanted: Sequence[Document], known: Sequence[Document], session: ClientSession
) -> list[Document]:
    """Return members as they are stored; one that stays as it was keeps when it was added."""
    if len(wanted) > MAX_MEMBERS:
        raise InvalidField("members", f"at most {MAX_MEMBERS:,}")
    added = {_key(one): one.get("added_at") for one in known}
    names = {one["person"]: get_person(editor.db, one["person"], session)["_id"] for one in wanted}
    found: dict[tuple[Any, ...], Document] = {}
    for i, one in enumerate(wanted):
        row = _member(names[one["person"]], (_stored(one.get("from")), _stored(one.get("until"))))
        if (row["from"] or FIRST) >= _end(row):
            raise InvalidField(f"members.{i}.until", "must be later than from")
        found[_key(row)] = {**row, "added_at": added.get(_key(row), editor.now)}
    return list(found.values())


def _mark(editor: Editor, persons: Collection[str], session: ClientSession) -> None:
    """Have those decided anew whose evidence or award these people signed or approved."""
    owned = editor.db.people.find({"_id": {"$in": sorted(persons)}}, {"ifis.ifi": 1}, session=session)
    ifis = {row["ifi"] for person in owned for row in person["ifis"]}
    evaluation_queue.enqueue_signed_by(editor.db, ifis, editor.now, session=session)
    evaluation_queue.enqueue_approved_by(editor.db, persons, editor.now, session=session)


def _told(group: Document | None) -> Document | None:
    """Return a group as the audit keeps it: who was a member, not what was forgotten before."""
    return group and {name: value for name, value in group.items() if name != "past"}


def _member(person: str, span: Span) -> Document:
    return {"person": person, "from": span[0], "until": span[1]}


def _stored(at: dt.datetime | None) -> dt.datetime | None:
    """Return an instant as MongoDB keeps it, in milliseconds."""
    return at and at.astimezone(dt.UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def _end(member: Document) -> dt.datetime:
    end: dt.datetime = member["until"] or LAST
    return end


def _key(member: Document) -> tuple[Any, ...]:
    return member["person"], member["from"], member["until"]
