"""`lrs people`: human beings, rosters, merges, splits, erasure."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import click

from lrs import erasure, invitations, people, people_merge, people_roster
from lrs.commands import fail, json_option, show, with_laurel
from lrs.context import Laurel
from lrs.mail import mailer
from lrs.operators import operator, refusals_as_exit
from rules.errors import UnknownPerson
from rules.people import digest_of, find_person

COLUMNS = ("id", "name", "email", "org", "confirmed", "identifiers")


@click.group("people")
def group() -> None:
    """People: identifiers, affiliations, rosters, merges and splits, erasure."""


def person_id(here: Laurel, named: str) -> str:
    """Return the person meant by an id, identifier, mail address or name@organization; ends with status 1."""
    try:
        return find_person(here.db, named)
    except UnknownPerson as error:
        fail(f"lrs: {error}")
        raise AssertionError from error


def rows(here: Laurel, wanted: dict[str, Any]) -> Any:
    """Yield people as a listing shows them, with their present primary organization."""
    for person in here.db.people.find({"merged_into": None, **wanted}).sort("_id"):
        primary = here.db.affiliations.find_one({"person": person["_id"], "primary": True, "until": None})
        kept = {name: person.get(name) for name in ("name", "email", "confirmed", "created_at")}
        now = [one["ifi"] for one in person["ifis"] if one["until"] is None]
        derived = {digest_of(ifi) for ifi in now}  # the sha1sum of an mbox says nothing more
        owned = [ifi for ifi in now if ifi not in derived]
        yield {"id": person["_id"], **kept, "org": primary and primary["org"], "identifiers": owned}


@group.command("list")
@click.option("--org", help="Only who belongs to this organization now.")
@json_option
@with_laurel
@refusals_as_exit
def list_people(here: Laurel, org: str | None, as_json: bool) -> None:
    """List people."""
    wanted: dict[str, Any] = {}
    if org:
        ids = [row["person"] for row in here.db.affiliations.find({"org": org, "until": None}, {"person": 1})]
        wanted = {"_id": {"$in": ids}}
    show(rows(here, wanted), COLUMNS, as_json=as_json)


@group.command("show")
@click.argument("person")
@with_laurel
@refusals_as_exit
def show_person(here: Laurel, person: str) -> None:
    """Show one person with all identifiers and affiliations as JSON."""
    found = people.get_person(here.db, person_id(here, person))
    affiliations = list(here.db.affiliations.find({"person": found["_id"]}).sort("from"))
    show([{**found, "affiliations": affiliations}], COLUMNS, as_json=True)


@group.command("import")
@click.argument("org")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would happen and change nothing.")
@json_option
@with_laurel
@refusals_as_exit
def import_roster(here: Laurel, org: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """Import a roster (CSV) for an organization; the same file twice changes nothing."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"lrs: {file} cannot be read: {error}", 2)
    with click.progressbar(length=1, label="rows", file=sys.stderr) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        report = people_roster.import_roster(
            operator(here), org, text, by_vendor=True, dry_run=dry_run, progress=progress
        )
    if as_json:
        show([{"dry_run": report.dry_run, "counts": report.counts, "rows": report.rows}], (), as_json=True)
    else:
        _print_report(report)
    sys.exit(1 if report.counts["refused"] else 0)


def _print_report(report: people_roster.Report) -> None:
    for one in report.rows:
        if one["outcome"] == "refused":
            click.echo(f"line {one['line']}: {one['reason']}", err=True)
    told = ", ".join(f"{number} {name}" for name, number in report.counts.items())
    click.echo(f"{told}{' (dry run: nothing was changed)' if report.dry_run else ''}")


@group.command("invite")
@click.argument("org")
@click.argument("email")
@click.option("--name")
@click.option("--role")
@with_laurel
@refusals_as_exit
def invite(here: Laurel, org: str, **wish: Any) -> None:
    """Invite somebody by mail; they count when they have confirmed."""
    invitations.invite(operator(here), here.settings, mailer(here.settings), org, wish)
    click.echo(f"invited {wish['email']} to {org}")


@group.command("move")
@click.argument("person")
@click.argument("org")
@click.option("--role")
@click.option("--from", "start", type=click.DateTime(), help="UTC; default: now.")
@with_laurel
@refusals_as_exit
def move(here: Laurel, person: str, org: str, role: str | None, start: dt.datetime | None) -> None:
    """Make an organization the person's primary one; the earlier affiliation ends at that instant."""
    at = start and start.replace(tzinfo=dt.UTC)
    begun = people.affiliate(operator(here), person_id(here, person), org, start=at, role=role)
    click.echo(f"{begun['person']} belongs to {org} from {begun['from']:%Y-%m-%dT%H:%M:%SZ}")


@group.command("merge")
@click.argument("kept")
@click.argument("gone")
@click.option("--dry-run", is_flag=True, help="Show the preview only.")
@with_laurel
@refusals_as_exit
def merge(here: Laurel, kept: str, gone: str, dry_run: bool) -> None:
    """Make one person of two: GONE goes into KEPT."""
    one, other = person_id(here, kept), person_id(here, gone)
    preview = people_merge.preview_merge(here.db, one, other)
    show([preview], (), as_json=True)
    if not dry_run:
        people_merge.merge(operator(here), one, other, preview["basis"])
        click.echo(f"merged {other} into {one}", err=True)


@group.command("split")
@click.argument("person")
@click.argument("ifi", nargs=-1, required=True)
@click.option(
    "--since", type=click.DateTime(), help="Instant (UTC) from which they are another's; default: ever."
)
@click.option("--name", help="Name of the new person.")
@click.option("--dry-run", is_flag=True, help="Show the preview only.")
@with_laurel
@refusals_as_exit
def split(
    here: Laurel,
    person: str,
    ifi: tuple[str, ...],
    *,
    since: dt.datetime | None,
    name: str | None,
    dry_run: bool,
) -> None:
    """Give identifiers of a person to a new one."""
    at, whom = since and since.replace(tzinfo=dt.UTC), person_id(here, person)
    preview = people_merge.preview_split(here.db, whom, ifi, at)
    show([preview], (), as_json=True)
    if not dry_run:
        made = people_merge.split(operator(here), whom, ifi, since=at, name=name, expected=preview["basis"])
        click.echo(f"made {made['_id']}", err=True)


@group.command("erase")
@click.argument("person")
@click.option("--reason", required=True, help="Why; kept in the record of the erasure.")
@click.option("--mode", type=click.Choice(erasure.MODES), default="pseudonymise", show_default=True)
@click.option("--dry-run", is_flag=True, help="Count what would be touched and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_laurel
@refusals_as_exit
def erase(here: Laurel, person: str, *, reason: str, mode: str, dry_run: bool, yes: bool) -> None:
    """Erase a person from all stores."""
    whom = person_id(here, person)
    show([erasure.count(here.db, whom)], (), as_json=True)
    if dry_run:
        return
    if not yes:
        click.confirm("This cannot be undone. Go on?", abort=True, err=True)
    show([erasure.erase(operator(here), whom, mode=mode, reason=reason)], (), as_json=True)
