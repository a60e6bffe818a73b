"""SCORM manifests (imsmanifest.xml), 1.2 and 2004, as a package.

Specifications: SCORM 1.2 Content Aggregation Model; SCORM 2004 2nd to 4th edition, chapter 3 of the Content
Aggregation Model (CAM), with IMS Content Packaging. Read leniently where every LMS does (letter case of
attributes, missing scormType), strictly where a learner would be left without a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from lrs.content.packages.files import NOWHERE, Files, Lookup, folder_of, take_apart
from lrs.content.packages.findings import Findings
from lrs.content.packages.formats.sequencing import passing_score, sequencing_of
from lrs.content.packages.model import Item, ItemType, Kind, LanguageMap, Package, ScormItem
from lrs.content.packages.words import (
    TEXT_LENGTH,
    TITLE_LENGTH,
    clean,
    language_map,
    language_tag,
    languages_in,
    number,
    plain_text,
    truth,
)
from lrs.content.packages.xml_tree import Node

ROOT_12: Final = "http://www.imsproject.org/xsd/imscp_rootv1p1p2"
ROOT_2004: Final = "http://www.imsglobal.org/xsd/imscp_v1p1"
EDITION: Final = re.compile(r"2004\s*([234])(?:nd|rd|th)", re.IGNORECASE)
WORDED: Final[Mapping[str, str]] = {"1.2": "1.2", "cam 1.3": "2nd", "1.3": "2nd", "2004": "3rd"}
RESERVED: Final = frozenset({"endpoint", "fetch", "auth", "actor", "registration", "aicc_url", "aicc_sid"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a manifest, its address resolved."""

    base: str  # folder against which `href` is read, "" or "a/b/"
    href: str
    is_sco: bool
    place: str


def read_scorm(manifest: Node, path: str, files: Files, findings: Findings) -> Package:
    """Return the package of a parsed imsmanifest.xml at `path`; raises PackageRefused."""
    if manifest.name != "manifest":
        findings.refuse("not-a-manifest", path, f"The root element is <{manifest.name}>, not <manifest>.")
    edition = _edition(manifest, path, findings)
    reader = _Reader(path, edition, Lookup(files, findings), findings)
    reader.resources = resources_of(manifest, folder_of(path), path, findings)
    organization = _organization(manifest, path, findings)
    root = reader.organization(organization)
    if not any(item.launch for item in root.walk()):
        findings.error("nothing-to-open", path, "No item of the organization has a page to open.")
    title, description = _metadata(manifest)
    is_12 = edition == "1.2"
    return Package(
        kind=Kind.SCORM12 if is_12 else Kind.SCORM2004,
        edition=edition,
        identifier=clean(manifest.get("identifier")),
        title=root.title or title,
        description=description,
        languages=_languages(manifest, title, description),
        root=root,
        sequencing=None if is_12 else sequencing_of(organization, root, manifest, findings, path),
        global_objectives=truth(organization.get("objectivesGlobalToSystem"), default=True),
        prefix=folder_of(path),
    )


def _edition(manifest: Node, path: str, findings: Findings) -> str:
    """Return "1.2", "2nd", "3rd" or "4th": by schemaversion, else by namespace."""
    metadata = manifest.first("metadata")
    written = "" if metadata is None else metadata.text_of("schemaversion")
    matched = EDITION.search(written)
    if matched:
        return {"2": "2nd", "3": "3rd", "4": "4th"}[matched[1]]
    if written.lower() in WORDED:
        return WORDED[written.lower()]
    guess = "3rd" if manifest.namespace == ROOT_2004 else "1.2"
    said = f"{written!r} is no version of SCORM" if written else "The manifest names no version of SCORM"
    findings.warning("version-unclear", path, f"{said}; it is read as {_version_name(guess)}.")
    return guess


def _version_name(edition: str) -> str:
    return "SCORM 1.2" if edition == "1.2" else f"SCORM 2004 {edition} edition"


def _organization(manifest: Node, path: str, findings: Findings) -> Node:
    """Return the default organization, as `default` names it; the first where it names none."""
    holder = manifest.first("organizations")
    organizations = [] if holder is None else list(holder.all("organization"))
    if holder is None or not organizations:
        findings.refuse("no-organization", path, "The manifest has no organization, so nothing to show.")
    wanted = holder.get("default")
    for each in organizations:
        if wanted and each.get("identifier") == wanted:
            return each
    place = f"{path}:{holder.line}"
    if wanted:
        text = f"The default organization {clean(wanted)!r} is not in the manifest."
        findings.error("default-organization-missing", place, text)
    else:
        findings.warning(
            "no-default-organization", place, "No default organization is named; the first it is."
        )
    return organizations[0]


def resources_of(manifest: Node, base: str, path: str, findings: Findings) -> dict[str, Resource]:
    """Return the resources of a manifest by identifier, each with the folder its address is read against."""
    return dict(_resources(manifest, base, path, findings))


def _resources(manifest: Node, base: str, path: str, findings: Findings) -> Iterator[tuple[str, Resource]]:
    """Yield the resources of a manifest and of the manifests inside it, by identifier."""
    base = _joined(base, manifest)
    for holder in manifest.all("resources"):
        inner = _joined(base, holder)
        for node in holder.all("resource"):
            place, identifier = f"{path}:{node.line}", node.get("identifier")
            if not identifier:
                findings.warning("resource-without-identifier", place, "The resource cannot be referred to.")
                continue
            kind = node.get("scormtype").lower()
            if not kind and node.get("href"):
                text = "The resource does not say whether it is a SCO; it is run as one."
                findings.note("scormtype-missing", place, text)
            yield identifier, Resource(_joined(inner, node), node.get("href"), kind != "asset", place)
    for nested in manifest.all("manifest"):
        yield from _resources(nested, base, path, findings)


def _joined(base: str, node: Node) -> str:
    """Return the folder after an element's xml:base; a base that leaves the package is an address."""
    given = node.get("base").replace("\\", "/")
    if not given:
        return base
    try:
        joined = urljoin(NOWHERE + base, given)
    except ValueError:
        return base
    return joined.removeprefix(NOWHERE)


class _Reader:
    """Turns the items of one organization into the tree."""

    def __init__(self, path: str, edition: str, lookup: Lookup, findings: Findings) -> None:
        self._path = path
        self._is_12 = edition == "1.2"
        self._lookup = lookup
        self._findings = findings
        self._seen: set[str] = set()
        self.resources: dict[str, Resource] = {}

    def organization(self, node: Node) -> Item:
        return Item(
            id=self._identifier(node, "organization"),
            type=ItemType.CLUSTER,
            title=plain_text(node.text_of("title")),
            description={},
            scorm=self._scorm(node),
            children=self._children(node),
        )

    def _children(self, node: Node) -> tuple[Item, ...]:
        return tuple(self._item(child) for child in node.all("item"))

    def _item(self, node: Node) -> Item:
        identifier, children = self._identifier(node, "item"), self._children(node)
        reference = node.get("identifierref")
        resource = self._resource(reference, node) if reference else None
        launch, query = self._launch(resource, node) if resource else (None, "")
        if resource is not None and children:
            text = f"Item {identifier!r} has both a page and items below it; SCORM allows one of them."
            self._findings.warning("item-page-and-children", self._place(node), text)
        kind = ItemType.CLUSTER
        if resource is not None and launch is not None:
            kind = ItemType.SCO if resource.is_sco else ItemType.ASSET
        return Item(
            id=identifier,
            type=kind,
            title=plain_text(node.text_of("title")) or {"und": identifier},
            description={},
            launch=launch,
            query=query,
            visible=truth(node.get("isvisible"), default=True),
            scorm=self._scorm(node),
            children=children,
        )

    def _resource(self, reference: str, node: Node) -> Resource | None:
        found = self.resources.get(reference)
        if found is None:
            text = f"The item's resource {clean(reference)!r} is not in the manifest."
            self._findings.error("resource-missing", self._place(node), text)
        return found

    def _launch(self, resource: Resource, node: Node) -> tuple[str | None, str]:
        """Return the page of an item and its query, SCORM's rule for parameters applied (CAM 3.4.1.10)."""
        if not resource.href:
            text = "The resource of an item has no address (href), so the item cannot be opened."
            self._findings.error("resource-without-href", resource.place, text)
            return None, ""
        reference = take_apart(resource.base, resource.href)
        if reference is None:
            self._findings.error("launch-address", resource.place, f"{clean(resource.href)!r} is no address.")
            return None, ""
        query = with_parameters(reference.query, node.get("parameters"))
        self._check_query(query, node)
        if reference.is_external:
            text = f"The page {reference.target!r} lies on another site, from where it cannot report."
            self._findings.warning("launch-elsewhere", resource.place, text)
            return reference.target, query
        found = self._lookup.find(reference, resource.place)
        if found is None:
            text = f"The page {reference.target!r} of item {self._name(node)} is not in the package."
            self._findings.error("launch-file-missing", resource.place, text)
        return found, query

    def _check_query(self, query: str, node: Node) -> None:
        names = {pair.partition("=")[0].lower() for pair in query.lstrip("?").partition("#")[0].split("&")}
        for name in sorted(names & RESERVED):
            text = f"The address has a parameter {name!r}, by which content may look for another system."
            self._findings.warning("reserved-parameter", self._place(node), text)

    def _scorm(self, node: Node) -> ScormItem:
        threshold = node.first("completionThreshold")
        return ScormItem(
            launch_data=(node.text_of("dataFromLMS"))[:TEXT_LENGTH],
            prerequisites=clean(node.text_of("prerequisites")) if self._is_12 else "",
            mastery_score=self._mastery(node) if self._is_12 else None,
            scaled_passing_score=None if self._is_12 else passing_score(node),
            completion_threshold=None if self._is_12 or threshold is None else _threshold(threshold),
            max_time_allowed=clean(node.text_of("maxtimeallowed") if self._is_12 else _time_limit(node)),
            time_limit_action=clean(node.text_of("timelimitaction")).lower().replace(" ", ""),
            hide_lms_ui=() if self._is_12 else hidden_controls(node),
        )

    def _mastery(self, node: Node) -> float | None:
        written = node.text_of("masteryscore")
        score = number(written)
        if written and (score is None or not 0 <= score <= 100):
            text = f"The mastery score {clean(written)!r} is no number from 0 to 100; it is left out."
            self._findings.warning("mastery-score", self._place(node), text)
            return None
        return score

    def _identifier(self, node: Node, what: str) -> str:
        identifier = clean(node.get("identifier"))
        if not identifier:
            identifier = f"{what}-{len(self._seen) + 1}"
            text = f"The {what} has no identifier; it is called {identifier!r}."
            self._findings.warning("identifier-missing", self._place(node), text)
        if identifier in self._seen:
            text = f"The identifier {identifier!r} stands twice, so results could not be told apart."
            self._findings.error("duplicate-identifier", self._place(node), text)
        self._seen.add(identifier)
        return identifier

    @staticmethod
    def _name(node: Node) -> str:
        return repr(clean(node.get("identifier")))

    def _place(self, node: Node) -> str:
        return f"{self._path}:{node.line}"


def with_parameters(query: str, parameters: str) -> str:
    """Return the query of an address after an item's parameters were added, as the CAM prescribes."""
    parameters = parameters.strip()
    while parameters[:1] in {"?", "&"}:
        parameters = parameters[1:]
    if not parameters or not parameters.isprintable():
        return query
    before, hash_sign, fragment = query.partition("#")
    if parameters.startswith("#"):
        return query if hash_sign else before + parameters
    return before + ("&" if before else "?") + parameters + hash_sign + fragment


def _threshold(node: Node) -> float | None:
    """Return the completion threshold: 4th edition attributes, or the 2nd and 3rd edition's text."""
    if node.text:
        score = number(node.text)
    elif truth(node.get("completedByMeasure"), default=False):
        score = number(node.get("minProgressMeasure") or "1.0")
    else:
        return None
    return score if score is not None and 0 <= score <= 1 else None


def _time_limit(node: Node) -> str:
    sequencing = node.first("sequencing")
    limits = None if sequencing is None else sequencing.first("limitConditions")
    return "" if limits is None else limits.get("attemptAbsoluteDurationLimit")


def hidden_controls(node: Node) -> tuple[str, ...]:
    """Return the navigation controls that an item wants hidden (adlnav:hideLMSUI)."""
    presentation = node.first("presentation")
    interface = None if presentation is None else presentation.first("navigationInterface")
    return () if interface is None else tuple(clean(each.text) for each in interface.all("hideLMSUI"))


def _metadata(manifest: Node) -> tuple[LanguageMap, LanguageMap]:
    """Return title and description of the manifest's LOM metadata."""
    general = _general(manifest)
    if general is None:
        return {}, {}
    title, description = general.first("title"), general.first("description")
    return _lom_texts(title), _lom_texts(description, TEXT_LENGTH)


def _general(manifest: Node) -> Node | None:
    metadata = manifest.first("metadata")
    lom = None if metadata is None else metadata.first("lom")
    return None if lom is None else lom.first("general")


def _lom_texts(node: Node | None, longest: int = TITLE_LENGTH) -> LanguageMap:
    """Return the texts of a LOM element: <langstring xml:lang> in 1.2, <string language> in 2004."""
    if node is None:
        return {}
    texts = dict(language_map(node.all("string"), longest, name="language"))
    return texts | dict(language_map(node.all("langstring"), longest))


def _languages(manifest: Node, *maps: LanguageMap) -> tuple[str, ...]:
    general = _general(manifest)
    named = [] if general is None else [language_tag(each.text) for each in general.all("language")]
    found = dict.fromkeys((*named, *languages_in(*maps)))
    found.pop("und", None)
    return tuple(found)
