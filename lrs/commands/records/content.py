"""`lrs content`: packages in, looked at, published, and out again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from lrs.access.organizations import VENDOR, get_org
from lrs.commands import json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.commands.organizations.people import person_id
from lrs.content.library import housekeeping, intake, items
from lrs.content.library.files import content_files
from lrs.content.library.intake import Intake, Upload
from lrs.content.library.outline import outline
from lrs.content.library.visibility import LISTS, Visibility
from lrs.content.opening import actor_of, open_content
from lrs.content.origin.addresses import file_url
from lrs.content.packages.limits import MIB
from lrs.content.packages.model import Kind
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted
from lrs.foundation.context import Services
from lrs.foundation.errors import Collision, UnknownThing
from lrs.people.records import get_person

Document = dict[str, Any]

BLOCK = 1024 * 1024
PAUSE = 0.2
COLUMNS = ("id", "org", "kind", "title", "published", "latest", "updated_at")
VERSION_COLUMNS = ("id", "number", "state", "name", "kind", "tool", "files", "bytes", "created_at")
MARKS = {"error": "refused", "warning": "look", "note": "note"}


@click.group("content")
def group() -> None:
    """Content packages: SCORM 1.2 and 2004, cmi5, Tin Can, H5P, and plain HTML in a zip.

    `add` takes a package in and shows what it is and every issue found; `publish` lets learners begin it.
    """


@group.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--org", default=VENDOR, show_default=True, help="Organization that owns it.")
@click.option("--item", help="The item of which this is a new version.")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in Kind]), help="Which of several manifests counts."
)
@click.option("--activity", metavar="IRI", help="Activity id of plain HTML.")
@click.option("--title", help="Title of plain HTML.")
@click.option("--publish", is_flag=True, help="Publish at once, whatever is found short of an error.")
@json_option
@with_services
@refusals_as_exit
def add(
    services: Services, file: Path, *, org: str, item: str | None, publish: bool, as_json: bool, **said: Any
) -> None:
    """Take a package in; exit status 1 where it is refused, with every reason."""
    owner = items.get_item(services.db, item)["org"] if item else get_org(services.db, org)["_id"]
    if file.stat().st_size > services.settings.content_max_mb * MIB:
        raise Collision(
            f"{file.name} is larger than {services.settings.content_max_mb} MB (LRS_CONTENT_MAX_MB)"
        )
    here = Intake(services.settings, services.db, services.now)
    kind = Kind(said["kind"]) if said["kind"] else None
    upload = Upload(owner, file.name, Wish(kind, said["activity"], said["title"]), item)
    made = intake.receive(here, operator(services), upload, _sent(file, as_json=as_json))
    found = _read(here, made["_id"], as_json=as_json)
    if publish and found["state"] == "draft":
        found = found | items.publish(operator(services), found["_id"])
    _show_version(services, found, as_json=as_json)
    if found["state"] == "refused":
        click.get_current_context().exit(1)


def _sent(file: Path, *, as_json: bool) -> Iterator[bytes]:
    """Yield the blocks of a file; how far it is shows on a terminal."""
    with file.open("rb") as source:
        hidden = as_json or not sys.stderr.isatty()
        size = file.stat().st_size
        with click.progressbar(length=size, label=file.name, hidden=hidden, file=sys.stderr) as bar:
            while block := source.read(BLOCK):
                yield block
                bar.update(len(block))


def _read(here: Intake, version: str, *, as_json: bool) -> Document:
    """Return a version once it was read: by a worker, or by us where none is quicker."""
    hidden = as_json or not sys.stderr.isatty()
    while True:
        intake.work(here)
        found = items.get_version(here.db, version)
        if found["state"] not in items.UNREAD:
            return found
        if not hidden:
            progress = found["progress"]
            click.echo(
                f"\rreading {progress['done']} of {progress['total'] or '?'} files", err=True, nl=False
            )
        time.sleep(PAUSE)


def _show_version(services: Services, found: Document, *, as_json: bool) -> None:
    """Print what a version is, every issue, and what can be opened."""
    is_read = found["state"] in items.READABLE
    item = items.get_item(services.db, found["item"]) if is_read else None
    drawn = outline(items.package_of(found), item["activity"]) if item else {}
    if as_json:
        print_rows([{"id": found["_id"], **_plain(found), **drawn}], (), as_json=True)
        return
    title = _title(found.get("title")) or found["name"]
    click.echo(f"{title}   {found['state']}   version {found['_id']}")
    if item is not None:
        click.echo(f"item {item['_id']} number {found['number']}   activity {item['activity']}")
        said = [found["kind"], found["edition"], found["tool"], ", ".join(drawn["languages"])]
        click.echo(
            f"{'   '.join(each for each in said if each)}   {found['files']} files, {found['bytes']:,} bytes"
        )
    for part in drawn.get("parts", ()):
        mark = "" if part["mastery"] is None else f"   passing mark {part['mastery']:g}"
        click.echo(
            f"{'  ' * (part['depth'] + 1)}{_title(part['title'])}   {part['launch'] or ''}{mark}".rstrip()
        )
    for issue in found["issues"]:
        place = f"{issue['place']}: " if issue["place"] else ""
        click.echo(f"{MARKS[issue['severity']]:8}{place}{issue['text']} [{issue['code']}]")


def _plain(found: Mapping[str, Any]) -> Document:
    hidden = {"_id", "package", "lease_until", "tries", "wish", "forget_at"}
    return {name: value for name, value in found.items() if name not in hidden}


def _title(title: Mapping[str, str] | None) -> str:
    return next(iter(title.values()), "") if title else ""


@group.command("list")
@click.option("--org", help="Only items of this organization.")
@click.option("--uploads", is_flag=True, help="List uploads and versions instead, those refused too.")
@json_option
@with_services
@refusals_as_exit
def list_(services: Services, *, org: str | None, uploads: bool, as_json: bool) -> None:
    """List content items."""
    which = {"org": get_org(services.db, org)["_id"]} if org else {}
    if uploads:
        found = services.db.content_versions.find(which, {"package": 0}).sort("_id", -1)
        rows = ({"id": each["_id"], **_plain(each)} for each in found)
        print_rows(rows, ("id", "state", "name", "size", "item", "number", "created_at"), as_json=as_json)
        return
    rows = ({**each, "id": each.pop("_id")} for each in services.db.content_items.find(which).sort("_id"))
    print_rows(
        rows if as_json else (row | {"title": _title(row["title"])} for row in rows), COLUMNS, as_json=as_json
    )


@group.command("show")
@click.argument("name", metavar="ITEM|VERSION")
@json_option
@with_services
@refusals_as_exit
def show_(services: Services, name: str, as_json: bool) -> None:
    """Show an item with its versions, or a version with its parts and issues."""
    version = services.db.content_versions.find_one({"_id": name})
    if version is not None:
        _show_version(services, version, as_json=as_json)
        return
    found = items.get_item(services.db, name)
    versions = [{"id": each["_id"], **_plain(each)} for each in items.versions_of(services.db, name)]
    if as_json:
        print_rows([{**found, "id": found.pop("_id"), "versions": versions}], (), as_json=True)
        return
    click.echo(f"{_title(found['title'])}   {found['kind']}   activity {found['activity']}")
    asked = ", ".join(f"{criterion} {value}" for criterion, value in found["visible"].items())
    click.echo(f"owner {found['org']}   seen by {asked or 'everybody there and below'}")
    print_rows(versions, VERSION_COLUMNS, as_json=False)


@group.command("publish")
@click.argument("version")
@with_services
@refusals_as_exit
def publish_(services: Services, version: str) -> None:
    """Let new learners get VERSION; those under way stay on theirs."""
    found = items.publish(operator(services), version)
    click.echo(f"item {found['item']}: version {found['number']} is published")


@group.command("withdraw")
@click.argument("version")
@with_services
@refusals_as_exit
def withdraw(services: Services, version: str) -> None:
    """Let nobody begin VERSION any more; learners under way finish it."""
    found = items.withdraw(operator(services), version)
    item = items.get_item(services.db, found["item"])
    now = f"version {item['published']} is published" if item["published"] else "no version is published"
    click.echo(f"item {found['item']}: {now}")


@group.command("discard")
@click.argument("version")
@with_services
@refusals_as_exit
def discard(services: Services, version: str) -> None:
    """Remove VERSION, which was never published, and its files."""
    here = Intake(services.settings, services.db, services.now)
    housekeeping.discard(here, operator(services), version)
    click.echo(f"version {version} is removed")


@group.command("visible")
@click.argument("item")
@click.option("--org", "orgs", multiple=True, help="These organizations and those below them.")
@click.option(
    "--tier", "tiers", multiple=True, metavar="PROGRAMME=TIER", help="Tier of the learner's organization."
)
@click.option("--role", "roles", multiple=True, help="Role of the learner in the organization.")
@click.option("--certification", "certifications", multiple=True, help="Held now.")
@click.option("--region", "regions", multiple=True, help="Region of the organization.")
@click.option("--language", "languages", multiple=True, help="Language of the learner.")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day on which it is over, UTC.")
@with_services
@refusals_as_exit
def visible(services: Services, item: str, tiers: tuple[str, ...], **given: Any) -> None:
    """Say who may see ITEM; this replaces what was said before. Without options: everybody of its owner."""
    by_programme: dict[str, list[str]] = {}
    for each in tiers:
        programme, sign, tier = each.partition("=")
        if not sign:
            raise click.UsageError("--tier is PROGRAMME=TIER")
        by_programme.setdefault(programme, []).append(tier)
    moments = {
        name: given[name] and given[name].replace(tzinfo=services.now().tzinfo) for name in ("start", "until")
    }
    wanted = Visibility.of({**{name: given[name] for name in LISTS}, **moments, "tiers": by_programme})
    found = items.get_item(services.db, item)
    items.edit_item(operator(services), item, {"visible": wanted.to_document()}, found["version"])
    click.echo(f"item {item}: {wanted.to_document() or 'everybody of the owner and below'}")


@group.command("original")
@click.argument("version")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@with_services
@refusals_as_exit
def original(services: Services, version: str, file: Path) -> None:
    """Write the package of VERSION as it was uploaded to FILE."""
    found = items.get_version(services.db, version)
    if found["state"] == "refused":
        raise UnknownThing("original of the content version", version, "it was refused, and not kept")
    with file.open("wb") as target:
        target.writelines(content_files(services.settings, services.db, found["org"]).read(version))
    click.echo(f"{file}: {found['size']:,} bytes, sha-256 {found['original']}")


@group.command("open")
@click.argument("item")
@click.argument("person")
@with_services
@refusals_as_exit
def open_(services: Services, item: str, person: str) -> None:
    """Print the address at which PERSON runs ITEM: theirs alone, for a day."""
    kept, who = items.get_item(services.db, item), person_id(services, person)
    editor = operator(services)
    actor = actor_of(editor, who, services.settings.public_url, None)
    name = get_person(services.db, who).get("name") or ""
    wanted = Wanted(kept["org"], item, actor, who, name)
    click.echo(open_content(services.settings, editor, wanted, menu=True).url)


@group.command("url")
@click.argument("version")
@with_services
@refusals_as_exit
def url(services: Services, version: str) -> None:
    """Print the addresses at the content origin of the pages of VERSION, for a look before publishing."""
    package = items.package_of(items.get_version(services.db, version))
    for part in package.launchable():
        is_file = "://" not in (part.launch or "")
        here = file_url(services.settings, version, part.launch or "", part.query)
        click.echo(here if is_file else f"{part.launch}{part.query}")
