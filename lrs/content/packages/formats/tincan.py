"""Tin Can packages (tincan.xml): one activity with a launch, and definitions of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lrs.content.packages.files import Files, Lookup, folder_of, take_apart
from lrs.content.packages.findings import Findings
from lrs.content.packages.formats.cmi5 import IRI
from lrs.content.packages.model import Item, ItemType, Kind, Package
from lrs.content.packages.words import TEXT_LENGTH, clean, language_map, languages_in
from lrs.content.packages.xml_tree import Node

MOST_PARTS: Final = 2_000
# Ids that authoring tools write when nobody chose one: two courses share them.
UNCHOSEN: Final = ("http://example.com", "http://course_id", "http://www.example.com", "urn:example")


def read_tincan(document: Node, path: str, files: Files, findings: Findings) -> Package:
    """Return the package of a parsed tincan.xml at `path`; raises PackageRefused."""
    holder = document.first("activities") if document.name == "tincan" else None
    activities = [] if holder is None else list(holder.all("activity"))
    launched = [each for each in activities if any(launch.text for launch in each.all("launch"))]
    if not launched:
        findings.refuse("no-launch", path, "tincan.xml names no activity with a launch address.")
    if len(launched) > 1:
        text = "tincan.xml names several activities with a launch address; the first is taken."
        findings.warning("several-launches", path, text)
    root = _launched(launched[0], path, files, findings)
    parts = _parts(activities, launched[0], root.id, path, findings)
    return Package(
        kind=Kind.TINCAN,
        edition="",
        identifier=root.id,
        title=root.title,
        description=root.description,
        languages=languages_in(root.title),
        root=replace(root, children=parts),
        prefix=folder_of(path),
    )


def _launched(node: Node, path: str, files: Files, findings: Findings) -> Item:
    place = f"{path}:{node.line}"
    identifier = clean(node.get("id"), TEXT_LENGTH)
    if not IRI.fullmatch(identifier):
        findings.error("id-not-absolute", place, f"The activity id {clean(identifier)!r} is no absolute IRI.")
    if identifier.lower().startswith(UNCHOSEN):
        text = f"The activity id {clean(identifier)!r} is a tool's example; other courses may have the same."
        findings.warning("id-not-chosen", place, text)
    written = next(launch.text for launch in node.all("launch") if launch.text)
    reference = take_apart(folder_of(path), written)
    launch = None
    if reference is None:
        findings.error("launch-address", place, f"The launch address {clean(written)!r} is no address.")
    elif reference.is_external:
        launch = reference.target
        findings.note("launch-elsewhere", place, f"The content lies on another site: {reference.target}.")
    elif (launch := Lookup(files, findings).find(reference, place)) is None:
        text = f"The page {reference.target!r} is not in the package."
        findings.error("launch-file-missing", place, text)
    return Item(
        id=identifier,
        type=ItemType.ACTIVITY,
        title=language_map(node.all("name")) or {"und": identifier},
        description=language_map(node.all("description"), TEXT_LENGTH),
        launch=launch,
        query="" if reference is None else reference.query,
    )


def _parts(
    activities: Sequence[Node], launched: Node, root_id: str, path: str, findings: Findings
) -> tuple[Item, ...]:
    """Return the other activities, as definitions of what statements will be about."""
    parts: dict[str, Item] = {}
    for node in activities:
        identifier = clean(node.get("id"), TEXT_LENGTH)
        if node is launched or not identifier or identifier == root_id or identifier in parts:
            continue
        if len(parts) == MOST_PARTS:
            findings.note("many-activities", path, f"Only the first {MOST_PARTS:,} activities are listed.")
            break
        title = language_map(node.all("name")) or {"und": identifier}
        parts[identifier] = Item(
            id=identifier,
            type=ItemType.ACTIVITY,
            title=title,
            description=language_map(node.all("description")),
        )
    return tuple(parts.values())
