"""Canonical N-Quads of documents of one shape: what is constant in it goes through PyLD once.

A document's shape is itself with every free text replaced by a mark; its quads hold the marks where the texts
go. For the next document of that shape the texts are put in, and only the canonicalisation itself, which
depends on them, is done again. The result is that of `canonical`, for every document (a property test says
so).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox

from rules.credentials.proving.canonical import canonical, canonical_quads, read_quads
from rules.credentials.proving.contexts import NotCanonical

MARK: Final = "urn:laurel-text:"
MARKED: Final = re.compile(rf"{MARK}(\d+):")
ADDRESS: Final = re.compile(r"(?:https?://|urn:|did:)[^\x00-\x20<>\"{}|\\^`\x7f-\U0010ffff]*")
WORDS: Final = frozenset(  # members whose texts name things that contexts define: part of the shape
    {"@context", "type", "cryptosuite", "proofPurpose", "statusPurpose", "achievementType", "identityType"}
)

Term = ox.NamedNode | ox.BlankNode | ox.Literal


@dataclass(frozen=True, slots=True)
class Row:
    """A quad of the default graph whose subject or object may be the text of that number."""

    subject: ox.NamedNode | ox.BlankNode | int
    predicate: ox.NamedNode
    value: Term | int
    datatype: ox.NamedNode | None  # of a text that is a literal; None for one that is an address


def canonical_of_shape(document: Mapping[str, Any]) -> bytes:
    """Return what `canonical` does, quickly where a document of that shape was seen before."""
    texts: list[str] = []
    shape = json.dumps(hollow(document, texts))
    rows = rows_of(shape)
    quads = fill(rows, texts) if rows is not None else None
    return canonical(document) if quads is None else canonical_quads(quads)


def hollow(value: Any, texts: list[str]) -> Any:
    """Return a document with marks in place of its free texts, which are appended to `texts`."""
    if isinstance(value, str):
        texts.append(value)
        return f"{MARK}{len(texts) - 1}:"
    if isinstance(value, Mapping):
        return {name: one if name in WORDS else hollow(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [hollow(one, texts) for one in value]
    return value


@functools.lru_cache(maxsize=256)
def rows_of(shape: str) -> tuple[Row, ...] | None:
    """Return the rows of a shape, None for one whose texts do more than stand where they are put."""
    try:
        return tuple(to_row(quad) for quad in read_quads(json.loads(shape)))
    except NotCanonical:
        return None  # the document itself says what is wrong with it


def to_row(quad: ox.Quad) -> Row:
    """Return the row of a quad; raise NotCanonical where a mark is not all of a subject or object."""
    if quad.graph_name != ox.DefaultGraph() or MARK in str(quad.predicate):
        raise NotCanonical("a named graph, or a text that names a member")
    datatype = None
    if isinstance(quad.object, ox.Literal):
        if quad.object.language:
            raise NotCanonical("a text with a language")
        datatype = quad.object.datatype
    return Row(place_of(quad.subject), quad.predicate, place_of(quad.object), datatype)


def place_of(term: Any) -> Any:
    """Return the number of the text that a term is, or the term; raise NotCanonical for part of a text."""
    if isinstance(term, ox.BlankNode) or MARK not in term.value:
        return term
    found = MARKED.fullmatch(term.value)
    if found is None:
        raise NotCanonical("a text within a text")
    return int(found[1])


def fill(rows: tuple[Row, ...], texts: list[str]) -> list[ox.Quad] | None:
    """Return the quads of a document of that shape; None where a text has to be an address and is none."""
    quads = []
    for row in rows:
        subject, value = row.subject, row.value
        if isinstance(subject, int):
            if not ADDRESS.fullmatch(texts[subject]):
                return None
            subject = ox.NamedNode(texts[subject])
        if isinstance(value, int):
            if row.datatype is not None:
                value = ox.Literal(texts[value], datatype=row.datatype)
            elif ADDRESS.fullmatch(texts[value]):
                value = ox.NamedNode(texts[value])
            else:
                return None
        quads.append(ox.Quad(subject, row.predicate, value))
    return quads
