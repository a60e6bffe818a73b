"""`lrs groups`: named sets of people with dated membership, which rules name as assessors or approvers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lrs.commands import json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.commands.organizations.people import person_id
from lrs.commands.programme.rules import INSTANT, Instant, instant
from lrs.foundation.context import Services
from lrs.people import groups
from rules.engine.identity import names_of

Document = dict[str, Any]


@click.group("groups")
def group() -> None:
    """Groups of people that rules name: `signed_by: {group: assessors}`, `approval: {group: board}`.

    Membership has dates: a signature or an approval counts if its signer was a member at that time. After a
    change the worker decides anew whoever it concerns.
    """


class End(Instant):
    """An exclusive end: a day, meant whole, or an instant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Return the first instant of the day after, or the instant."""
        found = super().convert(value, param, ctx)
        is_day = isinstance(value, str) and len(value.strip()) == len("2026-12-31")
        return found + dt.timedelta(days=1) if is_day else found


@group.command("list")
@json_option
@with_services
def list_groups(services: Services, as_json: bool) -> None:
    """List the groups, who is in them now, and which rules name them."""
    rows = [_summary(services, row) for row in services.db.groups.find({"org": "vendor"}).sort("_id")]
    print_rows(rows, ("id", "now", "members", "named_by"), as_json=as_json)


def _summary(services: Services, row: Document) -> Document:
    now = services.now()
    current = [one["person"] for one in row["members"] if _holds_at(one, now)]
    names = names_of(services.db, current)
    return {
        "id": row["_id"],
        "now": len(set(current)),
        "members": sorted({names.get(person, person) for person in current}),
        "named_by": groups.named_by(services.db, row["_id"]),
    }


def _holds_at(member: Document, at: dt.datetime) -> bool:
    return (member["from"] or groups.FIRST) <= at < (member["until"] or groups.LAST)


@group.command("show")
@click.argument("name", metavar="GROUP")
@json_option
@with_services
@refusals_as_exit
def show_group(services: Services, name: str, as_json: bool) -> None:
    """Show the memberships of GROUP with their dates, past and to come included."""
    found = groups.get_group(services.db, name)
    if as_json:
        print_rows([_reply(found)], (), as_json=True)
    else:
        print_rows(_rows(services, found), ("name", "person", "from", "until", "now"), as_json=False)


def _reply(found: Document) -> Document:
    """Return a group as `GET /api/v1/groups/{id}` gives it."""
    members = [{name: one[name] for name in ("person", "from", "until")} for one in found["members"]]
    return {"id": found["_id"], "members": members}


def _rows(services: Services, found: Document) -> Iterator[Document]:
    names = names_of(services.db, [one["person"] for one in found["members"]])
    for one in sorted(
        found["members"], key=lambda row: (names.get(row["person"], ""), row["from"] or groups.FIRST)
    ):
        yield {"name": names.get(one["person"]), **one, "now": _holds_at(one, services.now())}


def _members_changed(services: Services, done: Document) -> None:
    now = services.now()
    current = {one["person"] for one in done["members"] if _holds_at(one, now)}
    later = {one["person"] for one in done["members"] if (one["from"] or groups.FIRST) > now} - current
    coming = f", {len(later)} to come" if later else ""
    click.echo(f"{done['_id']}: {len(current)} {'member' if len(current) == 1 else 'members'} now{coming}")


def _persons(services: Services, named: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(person_id(services, one) for one in named))


@group.command("add")
@click.argument("name", metavar="GROUP")
@click.argument("people", metavar="PERSON...", nargs=-1, required=True)
@click.option("--from", "since", type=INSTANT, help="A day or an instant; default: now.")
@click.option("--ever", is_flag=True, help="From ever: what they signed before counts too.")
@click.option("--until", type=End(), help="The last day, or an exclusive instant; default: no end.")
@with_services
@refusals_as_exit
def add(
    services: Services,
    name: str,
    people: Sequence[str],
    *,
    since: dt.datetime | None,
    ever: bool,
    until: dt.datetime | None,
) -> None:
    """Make each PERSON a member of GROUP, beside when they are already; makes the group if there is none.

    PERSON is an id, a mail address, an identifier such as account::name@homePage, or name@organization.
    """
    if ever and since is not None:
        raise click.UsageError("--from and --ever exclude each other")
    start = None if ever else instant(since) or services.now()
    done = groups.add_members(operator(services), name, _persons(services, people), start, instant(until))
    _members_changed(services, done)


@group.command("remove")
@click.argument("name", metavar="GROUP")
@click.argument("people", metavar="PERSON...", nargs=-1, required=True)
@click.option("--at", type=INSTANT, help="When membership ends: a day or an instant; default: now.")
@click.option(
    "--as-never", is_flag=True, help="As if they had never been members: past signatures count no more."
)
@with_services
@refusals_as_exit
def remove(
    services: Services, name: str, people: Sequence[str], *, at: dt.datetime | None, as_never: bool
) -> None:
    """End the membership of each PERSON in GROUP; what they signed while they were members still counts."""
    if as_never and at is not None:
        raise click.UsageError("--at and --as-never exclude each other")
    end = None if as_never else instant(at) or services.now()
    _members_changed(
        services, groups.remove_members(operator(services), name, _persons(services, people), end)
    )


@group.command("set")
@click.argument("name", metavar="GROUP")
@click.argument("people", metavar="[PERSON]...", nargs=-1)
@click.option("--from", "since", type=INSTANT, help="From when on: a day or an instant; default: now.")
@with_services
@refusals_as_exit
def set_(services: Services, name: str, people: Sequence[str], *, since: dt.datetime | None) -> None:
    """Let exactly these be the members of GROUP from an instant on; makes the group, empty without PERSON.

    What was before stays: memberships of others end, those of these people go on without end.
    """
    at = instant(since) or services.now()
    _members_changed(services, groups.set_members(operator(services), name, _persons(services, people), at))
