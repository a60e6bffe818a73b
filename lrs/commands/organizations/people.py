"""`lrs people`: human beings, rosters, merges, splits, erasure."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lrs.commands import fail, json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.foundation.context import Services
from lrs.foundation.mail import mailer
from lrs.people import affiliations, invitations, records, roster
from lrs.people import merge as people_merge
from lrs.people.directory import Directory
from lrs.people.privacy import erasure, subject_access
from lrs.people.roster_plan import ELSEWHERE, Elsewhere
from rules.engine.identity import digest_of, find_person
from rules.errors import UnknownPerson

COLUMNS = ("id", "name", "email", "org", "confirmed", "identifiers")
WAITING = ("id", "person", "org", "known_as", "role", "from", "until")


@click.group("people")
def group() -> None:
    """People: identifiers, affiliations, rosters, merges and splits, erasure."""


def person_id(services: Services, named: str) -> str:
    """Return the person meant by an id, identifier, mail address or name@organization; ends with status 1."""
    try:
        return find_person(services.db, named, services.now())
    except UnknownPerson as error:
        fail(f"lrs: {error}")
        raise AssertionError from error


def rows(directory: Directory, org: str | None) -> Iterator[dict[str, Any]]:
    """Yield people as a listing shows them, with the organization that they count for now."""
    for person in directory.db.people.find(directory.filter(org=org)).sort("_id"):
        kept = {name: person.get(name) for name in ("name", "email", "confirmed", "created_at")}
        now = [one["ifi"] for one in person["ifis"] if one["until"] is None]
        derived = {digest_of(ifi) for ifi in now}  # the sha1sum of an mbox says nothing more
        owned = [ifi for ifi in now if ifi not in derived]
        yield {
            "id": person["_id"],
            **kept,
            "org": directory.organization_of(person["_id"]),
            "identifiers": owned,
        }


@group.command("list")
@click.option("--org", help="Only who belongs to this organization now.")
@json_option
@with_services
@refusals_as_exit
def list_people(services: Services, org: str | None, as_json: bool) -> None:
    """List people."""
    print_rows(rows(Directory(services.db, services.now()), org), COLUMNS, as_json=as_json)


@group.command("pending")
@click.option("--org", help="Only of this organization.")
@json_option
@with_services
@refusals_as_exit
def list_pending(services: Services, org: str | None, as_json: bool) -> None:
    """List whose affiliation waits for their confirmation: they do not belong yet."""
    found = services.db.affiliations.find(Directory(services.db, services.now()).waiting(org)).sort("_id")
    print_rows(({"id": row["_id"], **row} for row in found), WAITING, as_json=as_json)


@group.command("show")
@click.argument("person")
@with_services
@refusals_as_exit
def show_person(services: Services, person: str) -> None:
    """Show one person with all identifiers and affiliations as JSON."""
    found = records.get_person(services.db, person_id(services, person))
    affiliations = list(services.db.affiliations.find({"person": found["_id"]}).sort("from"))
    print_rows([{**found, "affiliations": affiliations}], COLUMNS, as_json=True)


@group.command("import")
@click.argument("org")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would happen and change nothing.")
@click.option(
    "--elsewhere",
    type=click.Choice(ELSEWHERE),
    default="ask",
    show_default=True,
    help="Of whom counts for another organization, where the row does not say `primary`.",
)
@json_option
@with_services
@refusals_as_exit
def import_roster(
    services: Services, org: str, file: Path, *, dry_run: bool, elsewhere: Elsewhere, as_json: bool
) -> None:
    """Import a roster (CSV) for an organization; the same file twice changes nothing."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"lrs: {file} cannot be read: {error}", 2)
    with click.progressbar(length=1, label="rows", file=sys.stderr) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        report = roster.import_roster(
            operator(services),
            org,
            text,
            by_vendor=True,
            dry_run=dry_run,
            elsewhere=elsewhere,
            progress=progress,
        )
    if as_json:
        print_rows(
            [{"dry_run": report.dry_run, "counts": report.counts, "rows": report.rows}], (), as_json=True
        )
    else:
        _print_report(report)
    sys.exit(1 if report.counts["refused"] else 0)


def _print_report(report: roster.RosterResult) -> None:
    for one in report.rows:
        if one["outcome"] == "refused":
            click.echo(f"line {one['line']}: {one['reason']}", err=True)
        else:
            click.echo(f"line {one['line']}: {one['outcome']}: {', '.join(one['does'])}")
    told = ", ".join(f"{number} {name}" for name, number in report.counts.items())
    click.echo(f"{told}{' (dry run: nothing was changed)' if report.dry_run else ''}")


@group.command("invite")
@click.argument("org")
@click.argument("email")
@click.option("--name")
@click.option("--role")
@with_services
@refusals_as_exit
def invite(services: Services, org: str, **wish: Any) -> None:
    """Invite somebody by mail; they count when they have confirmed."""
    invitations.invite(operator(services), services.settings, mailer(services.settings), org, wish)
    click.echo(f"invited {wish['email']} to {org}")


@group.command("move")
@click.argument("person")
@click.argument("org")
@click.option("--role")
@click.option("--from", "start", type=click.DateTime(), help="UTC; default: now.")
@with_services
@refusals_as_exit
def move(services: Services, person: str, org: str, role: str | None, start: dt.datetime | None) -> None:
    """Make an organization the person's primary one; the earlier primary affiliation ends at that instant.

    A secondary affiliation with the organization becomes the primary one.
    """
    at = start and start.replace(tzinfo=dt.UTC)
    begun = affiliations.affiliate(operator(services), person_id(services, person), org, start=at, role=role)
    click.echo(f"{begun['person']} belongs to {org} from {begun['from']:%Y-%m-%dT%H:%M:%SZ}")


@group.command("merge")
@click.argument("kept")
@click.argument("gone")
@click.option("--dry-run", is_flag=True, help="Show the preview only.")
@with_services
@refusals_as_exit
def merge(services: Services, kept: str, gone: str, dry_run: bool) -> None:
    """Make one person of two: GONE goes into KEPT."""
    one, other = person_id(services, kept), person_id(services, gone)
    preview = people_merge.preview_merge(services.db, one, other)
    print_rows([preview], (), as_json=True)
    if not dry_run:
        people_merge.merge(operator(services), one, other, preview["basis"])
        click.echo(f"merged {other} into {one}", err=True)


@group.command("split")
@click.argument("person")
@click.argument("ifi", nargs=-1, required=True)
@click.option(
    "--since", type=click.DateTime(), help="Instant (UTC) from which they are another's; default: ever."
)
@click.option("--name", help="Name of the new person.")
@click.option("--dry-run", is_flag=True, help="Show the preview only.")
@with_services
@refusals_as_exit
def split(
    services: Services,
    person: str,
    ifi: tuple[str, ...],
    *,
    since: dt.datetime | None,
    name: str | None,
    dry_run: bool,
) -> None:
    """Give identifiers of a person to a new one."""
    at, whom = since and since.replace(tzinfo=dt.UTC), person_id(services, person)
    preview = people_merge.preview_split(services.db, whom, ifi, at)
    print_rows([preview], (), as_json=True)
    if not dry_run:
        made = people_merge.split(
            operator(services), whom, ifi, since=at, name=name, expected=preview["basis"]
        )
        click.echo(f"made {made['_id']}", err=True)


@group.command("export")
@click.argument("person")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@with_services
@refusals_as_exit
def export(services: Services, person: str, file: Path) -> None:
    """Write everything held on a person as one ZIP archive: the answer to a subject access request."""
    whom = person_id(services, person)
    with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as into:
        print_rows([subject_access.export(operator(services), whom, into)], (), as_json=True)


@group.command("erase")
@click.argument("person")
@click.option("--reason", required=True, help="Why; kept in the record of the erasure.")
@click.option("--mode", type=click.Choice(erasure.MODES), default="pseudonymise", show_default=True)
@click.option("--dry-run", is_flag=True, help="Count what would be touched and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
@refusals_as_exit
def erase(services: Services, person: str, *, reason: str, mode: str, dry_run: bool, yes: bool) -> None:
    """Erase a person from all stores."""
    whom = person_id(services, person)
    print_rows([erasure.count(services.db, whom)], (), as_json=True)
    if dry_run:
        return
    if not yes:
        click.confirm("This cannot be undone. Go on?", abort=True, err=True)
    print_rows([erasure.erase(operator(services), whom, mode=mode, reason=reason)], (), as_json=True)
