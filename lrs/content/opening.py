"""Opening kept content for a learner, whatever its kind: one address to send the browser to.

SCORM and H5P run in our player. Tin Can and HTML content is its own page, with an endpoint and a token for
it; so is a unit of a cmi5 course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from lrs.access.auth import Principal
from lrs.content.cmi5.sessions import Course
from lrs.content.launching import Wish, choose_actor, make_launch, origin_of
from lrs.content.origin.addresses import content_origin, file_url
from lrs.content.packages.model import PLAYED, Item, Kind, item_iri
from lrs.content.player.launches import Wanted, enrol, kept_version, launch, player_url, retake, tag_of
from lrs.content.player.shelf import Shelf, Shelved
from lrs.content.telling import writer_of
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.foundation.settings import Settings

Document = dict[str, Any]

HOURS: Final = 24.0
OLDER_ACTORS: Final = frozenset({"Lectora"})  # tools whose content takes an account in no other form


@dataclass(frozen=True, slots=True)
class Opening:
    """What is opened for a learner: the address for the browser, and what it stands for."""

    url: str
    kind: Kind
    registration: UUID
    version: str
    mode: str = "normal"
    reason: str = ""  # why nothing that happens counts, or why no new attempt was begun


def open_content(
    settings: Settings, editor: Editor, wanted: Wanted, part: str | None = None, *, menu: bool = False
) -> Opening:
    """Open an item for a learner: the part that is named, else the one to go on with.

    With `menu` a cmi5 course of several units opens at the page that lists them, where no part is named.
    Raises UnknownThing, InvalidField, Collision where nothing is published or the kind knows no review.
    """
    shelf = Shelf(editor.db)
    current = shelf.newest(wanted.item)
    if current.package.kind in PLAYED:
        return _opened(settings, current.package.kind, *launch(editor.db, shelf, wanted, editor.now))
    is_cmi5 = current.package.kind is Kind.CMI5
    if wanted.mode == "review" and not is_cmi5:  # the page would get a token, and what it says would count
        raise Collision(f"content of the kind {current.package.kind.value} cannot be opened in review")
    registration = enrol(editor.db, wanted, editor.now)
    if is_cmi5:
        course, reason = _going_on(course_of(settings, editor, wanted, shelf, registration), wanted, shelf)
        if menu and part is None and len(list(course.package.launchable())) > 1:
            course.begin(wanted.actor)
            made = launch(editor.db, shelf, wanted, editor.now, course.version)
            return replace(_opened(settings, Kind.CMI5, *made), reason=reason)
        return replace(open_unit(course, wanted, part), reason=reason)
    current = kept_version(editor.db, shelf, wanted, current)
    item = _item(current, part)
    url, origin = _address(settings, current, item, registration)
    is_older = current.package.tool in OLDER_ACTORS
    wish = replace(_wish(wanted, registration, url), activity=item.id, older_actor=is_older)
    _, address = make_launch(editor, principal_of(settings, wanted), wish, settings.public_url, origin)
    return Opening(address, current.package.kind, registration, current.id)


def _opened(settings: Settings, kind: Kind, token: str, found: Document) -> Opening:
    return Opening(
        url=player_url(settings, token, found),
        kind=kind,
        registration=UUID(found["registration"]),
        version=found["version"],
        mode=found["mode"],
        reason=found["reason"],
    )


def _going_on(course: Course, wanted: Wanted, shelf: Shelf) -> tuple[Course, str]:
    """Return the course that goes on, or a new registration in it where that is wanted and one was begun.

    The verdicts of a registration are said once, so whoever renews what they know needs another (cmi5 9.3).
    """
    if not wanted.wants_new or not course.is_begun():
        return course, ""
    registration = retake(course.editor.db, wanted, course.version.policy)
    if registration is None:
        return course, "no attempt is left"
    course.abandon(course.begin(wanted.actor))
    return course_of(course.settings, course.editor, wanted, shelf, registration), ""


def course_of(settings: Settings, editor: Editor, wanted: Wanted, shelf: Shelf, registration: UUID) -> Course:
    """Return a learner's registration in the version that it was begun at, else in the newest."""
    known = editor.db.cmi5_registrations.find_one({"_id": str(registration)}, {"version": 1})
    version = shelf.version(known["version"]) if known else shelf.newest(wanted.item)
    return Course(settings, editor, principal_of(settings, wanted), version, registration)


def open_unit(course: Course, wanted: Wanted, part: str | None) -> Opening:
    """Launch a unit in a new session: the one that is named, else the first that is not met."""
    settings, version, registration = course.settings, course.version, course.registration
    unit = _item(version, part or course.next_unit(wanted.actor))
    url, origin = _address(settings, version, unit, registration)
    wish = replace(
        _wish(wanted, registration, url),
        kind="cmi5",
        activity=item_iri(version.package, version.course, unit),
        publisher_id=unit.id,
    )
    address, mode = course.launch(unit, wish, origin, mode=wanted.mode)
    return Opening(address, Kind.CMI5, registration, version.id, mode.lower())


def _item(version: Shelved, part: str | None) -> Item:
    for item in version.package.launchable():
        if part in {None, item.id}:
            return item
    raise UnknownThing("part", part or "")


def _address(settings: Settings, version: Shelved, item: Item, registration: UUID) -> tuple[str, str | None]:
    """Return the address of an item's page, and our own origin for its version where there is one."""
    path, tag = item.launch or "", tag_of(registration)
    if path.startswith(("http://", "https://")):
        origin = content_origin(settings, version.id, tag) if settings.content_url else None
        return path + item.query, origin  # the page that it returns to may be ours
    origin = content_origin(settings, version.id, tag)
    return file_url(settings, version.id, path, item.query, tag), origin


def _wish(wanted: Wanted, registration: UUID, url: str) -> Wish:
    return Wish(
        kind="tincan",
        url=url,
        activity="",
        registration=str(registration),
        hours=HOURS,
        actor=dict(wanted.actor),
        return_url=wanted.return_url,
    )


def principal_of(settings: Settings, wanted: Wanted) -> Principal:
    """Return who kept content writes as: the organization that owns it."""
    writer = writer_of(wanted.org, settings.public_url)
    return Principal(
        kind="client",
        id=writer.client,
        org=wanted.org,
        label=writer.label,
        controlled_by=writer.controlled_by,
        scopes=frozenset(),
        authority=writer.authority,
    )


def actor_of(editor: Editor, person: str, public_url: str, known_as: tuple[str, ...] | None) -> Document:
    """Return the Agent that stands for a person in content: an account, which all kinds accept.

    `known_as` are the identifiers that whoever owns the content knows the person by, None for all: another
    partner's account is not told.
    """
    wish = Wish(kind="cmi5", url="", activity="", registration="", hours=0, person=person, known_as=known_as)
    return choose_actor(editor, wish, public_url)


def check_return(settings: Settings, allowed: Mapping[str, Any], url: str | None) -> None:
    """Refuse an address that leads a learner to an origin that nobody allowed; raises InvalidField."""
    if url is None:
        return
    homes = {origin_of(settings.public_url), *allowed.get("launch_origins", ())}
    if origin_of(url) not in homes:
        raise InvalidField("return_url", "leads to an origin that the organization does not allow")
