"""cmi5 course structures (cmi5.xml) as a package.

Checked as the specification's schema (CourseStructure.xsd) and chapter 13 demand: order of elements, unique
ids, absolute IRIs. Elements and attributes of other namespaces are ignored, as are unknown elements of the
course structure's own where they do not stand in the way of an expected one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from lrs.content.packages.files import Files, Lookup, folder_of, take_apart
from lrs.content.packages.findings import Findings
from lrs.content.packages.model import Cmi5Item, Item, ItemType, Kind, LanguageMap, Objective, Package
from lrs.content.packages.words import TEXT_LENGTH, clean, language_map, languages_in, number
from lrs.content.packages.xml_tree import Node

NAMESPACE: Final = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
MOVE_ON: Final = ("NotApplicable", "Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed")
LAUNCH_METHODS: Final = ("AnyWindow", "OwnWindow")
TAKEN: Final = frozenset({"endpoint", "fetch", "actor", "activityId", "registration"})  # 8.1
# An absolute IRI (RFC 3987): scheme, colon, no white space and none of the signs that no IRI may hold.
IRI: Final = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+""")
ORDER: Final = {
    "course": ("title", "description"),
    "objective": ("title", "description"),
    "block": ("title", "description", "objectives", "au", "block"),
    "au": ("title", "description", "objectives", "url", "launchParameters", "entitlementKey"),
    "courseStructure": ("course", "objectives", "au", "block"),
}
REPEATED: Final = frozenset({"au", "block"})
DEEPEST: Final = 50
PARAMETERS_LENGTH: Final = 100_000


def read_cmi5(structure: Node, path: str, files: Files | None, findings: Findings) -> Package:
    """Return the package of a parsed course structure; `files` is None for a cmi5.xml that came alone.

    Raises PackageRefused.
    """
    if structure.name != "courseStructure":
        findings.refuse("not-a-course-structure", path, "The root element is not <courseStructure>.")
    if structure.namespace != NAMESPACE:
        findings.warning("cmi5-namespace", path, f"The namespace is not that of cmi5, {NAMESPACE}.")
    course = structure.first("course")
    if course is None:
        findings.refuse("course-missing", path, "The course structure has no <course>.")
    reader = _Reader(path, files, findings)
    reader.check_order(structure)
    reader.check_order(course)
    identifier = reader.identifier(course, "course")
    objectives = reader.objectives(structure)
    root = Item(
        id=identifier,
        type=ItemType.BLOCK,
        title=_texts(course, "title"),
        description=_texts(course, "description", TEXT_LENGTH),
        children=reader.children(structure, 0),
    )
    if not any(item.type is ItemType.AU for item in root.walk()):
        findings.error("no-au", path, "The course structure has no assignable unit (AU).")
    return Package(
        kind=Kind.CMI5,
        edition="",
        identifier=identifier,
        title=root.title,
        description=root.description,
        languages=languages_in(*(item.title for item in root.walk())),
        root=root,
        objectives=objectives,
        prefix=folder_of(path),
    )


def _texts(node: Node, name: str, longest: int = 500) -> LanguageMap:
    holder = node.first(name)
    return {} if holder is None else language_map(holder.all("langstring"), longest)


class _Reader:
    """Turns blocks and AUs into the tree, and checks as it goes."""

    def __init__(self, path: str, files: Files | None, findings: Findings) -> None:
        self._path = path
        self._folder = folder_of(path)
        self._lookup = None if files is None else Lookup(files, findings)
        self._findings = findings
        self._seen: set[str] = set()

    def children(self, node: Node, depth: int) -> tuple[Item, ...]:
        if depth > DEEPEST:
            self._error("too-deep", node, f"Blocks are nested deeper than {DEEPEST}.")
            return ()
        return tuple(
            self._au(child) if child.name == "au" else self._block(child, depth)
            for child in node.children
            if child.name in REPEATED and child.namespace == node.namespace
        )

    def objectives(self, structure: Node) -> tuple[Objective, ...]:
        holder = structure.first("objectives")
        found = []
        for node in [] if holder is None else holder.all("objective"):
            self.check_order(node)
            identifier = self.identifier(node, "objective")
            found.append(
                Objective(identifier, _texts(node, "title"), _texts(node, "description", TEXT_LENGTH))
            )
        return tuple(found)

    def identifier(self, node: Node, what: str) -> str:
        """Return the id of an element: an absolute IRI, unique in the course structure (cmi5 13.1)."""
        identifier = node.attributes.get("id", "").strip()
        if not IRI.fullmatch(identifier):
            self._error("id-not-absolute", node, f"The {what}'s id {clean(identifier)!r} is no absolute IRI.")
        if identifier in self._seen:
            self._error("duplicate-id", node, f"The id {clean(identifier)!r} stands twice.")
        self._seen.add(identifier)
        return identifier

    def check_order(self, node: Node) -> None:
        """Hold the known elements to the order and number of the schema (cmi5 13.2)."""
        allowed = ORDER[node.name]
        known = [child.name for child in node.children if child.name in allowed]
        places = [allowed.index("au") if name in REPEATED else allowed.index(name) for name in known]
        if places != sorted(places):
            self._error(
                "element-order", node, f"The elements of <{node.name}> are not in the schema's order."
            )
        for name in {each for each in known if known.count(each) > 1} - REPEATED:
            self._error("element-twice", node, f"<{node.name}> has more than one <{name}>.")
        for name in {"title", "description", "url"} & set(allowed) - set(known):
            self._error("element-missing", node, f"<{node.name}> has no <{name}>.")

    def _block(self, node: Node, depth: int) -> Item:
        self.check_order(node)
        children = self.children(node, depth + 1)
        if not children:
            self._error("block-empty", node, "The block has neither AU nor block.")
        return Item(
            id=self.identifier(node, "block"),
            type=ItemType.BLOCK,
            title=_texts(node, "title"),
            description=_texts(node, "description", TEXT_LENGTH),
            children=children,
        )

    def _au(self, node: Node) -> Item:
        self.check_order(node)
        launch, query = self._launch(node)
        holder = node.first("objectives")
        return Item(
            id=self.identifier(node, "AU"),
            type=ItemType.AU,
            title=_texts(node, "title"),
            description=_texts(node, "description", TEXT_LENGTH),
            launch=launch,
            query=query,
            cmi5=Cmi5Item(
                move_on=self._choice(node, "moveOn", MOVE_ON),
                mastery_score=self._mastery(node),
                launch_method=self._choice(node, "launchMethod", LAUNCH_METHODS),
                launch_parameters=_optional(node, "launchParameters"),
                entitlement_key=_optional(node, "entitlementKey"),
                activity_type=clean(node.attributes.get("activityType", "")) or None,
                objectives=()
                if holder is None
                else tuple(each.attributes.get("idref", "").strip() for each in holder.all("objective")),
            ),
        )

    def _launch(self, node: Node) -> tuple[str | None, str]:
        """Return the address of an AU; relative ones need a zip that holds the file (cmi5 13.1.4)."""
        written = node.text_of("url")
        reference = take_apart(self._folder, written)
        if reference is None or any(sign.isspace() for sign in written):
            self._error("au-url", node, f"The AU's url {clean(written)!r} is no usable address.")
            return None, ""
        names = parse_qsl(reference.query.partition("#")[0].lstrip("?"), keep_blank_values=True)
        for name in sorted({name for name, _ in names} & TAKEN):
            self._error("reserved-parameter", node, f"The AU's url has the launch parameter {name!r} (8.1).")
        if reference.is_external:
            return reference.target, reference.query
        if self._lookup is None:
            text = (
                f"The AU's url {clean(written)!r} is relative, but the course structure came without files."
            )
            self._error("relative-url-without-zip", node, text)
            return None, ""
        found = self._lookup.find(reference, self._place(node))
        if found is None:
            self._error("launch-file-missing", node, f"The page {reference.target!r} is not in the package.")
        return found, reference.query

    def _mastery(self, node: Node) -> float | None:
        written = node.attributes.get("masteryScore")
        score = None if written is None else number(written)
        if written is not None and (score is None or not 0 <= score <= 1):
            self._error("mastery-score", node, f"masteryScore {clean(written)!r} is no number from 0 to 1.")
            return None
        return score

    def _choice(self, node: Node, name: str, choices: Sequence[str]) -> str:
        written = node.attributes.get(name, choices[0])
        if written not in choices:
            text = f"{name} is {clean(written)!r}, not one of {', '.join(choices)}."
            self._error("attribute-value", node, text)
        return written

    def _error(self, code: str, node: Node, text: str) -> None:
        self._findings.error(code, self._place(node), text)

    def _place(self, node: Node) -> str:
        return f"{self._path}:{node.line}"


def _optional(node: Node, name: str) -> str | None:
    """Return a text as it stands, since only the AU knows what it means; None where it is not given."""
    child = node.first(name)
    return None if child is None else "".join(child.pieces)[:PARAMETERS_LENGTH].strip()
