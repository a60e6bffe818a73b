"""What is shown of a package before it is published: its tree on one page, passing marks, endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lrs.content.packages.model import Item, Package, item_iri

Document = dict[str, Any]


def outline(package: Package, course_iri: str) -> Document:
    """Return {languages, parts, endpoints}; parts in document order, each with its depth."""
    return {
        "languages": list(package.languages),
        "parts": list(_parts(package, package.root, course_iri, 0)),
        "endpoints": [asdict(each) for each in package.endpoints],
    }


def _parts(package: Package, item: Item, course_iri: str, depth: int) -> Iterator[Document]:
    yield {
        "id": item.id,
        "iri": item_iri(package, course_iri, item),
        "type": item.type.value,
        "depth": depth,
        "title": dict(item.title),
        "launch": None if item.launch is None else item.launch + item.query,
        "mastery": mastery(item),
        "move_on": item.cmi5.move_on if item.cmi5 else None,
    }
    for child in item.children:
        yield from _parts(package, child, course_iri, depth + 1)


def mastery(item: Item) -> float | None:
    """Return the passing mark of an item on the scale of xAPI, -1 to 1."""
    if item.cmi5 is not None:
        return item.cmi5.mastery_score
    if item.scorm is None:
        return None
    if item.scorm.mastery_score is not None:
        return item.scorm.mastery_score / 100
    return item.scorm.scaled_passing_score
