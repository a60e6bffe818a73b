"""XML of others, read with care: bounded, without document types, entities, comments or instructions."""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

Element = Any  # lxml's classes have no types of their own

LONGEST: Final = 512 * 1024  # bytes
MOST_ELEMENTS: Final = 5000
PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
NAMES: Final = {"samlp": PROTOCOL, "saml": ASSERTION, "md": METADATA, "ds": SIGNATURE}


class UnfitXml(ValueError):
    """XML that is not read: too large, broken, or with what can mislead a reader."""


def parse(text: bytes) -> Element:
    """Return the root of a document; raises UnfitXml.

    A comment or an instruction splits a text in two: readers disagree about which part is meant.
    """
    if len(text) > LONGEST:
        raise UnfitXml(f"it has more than {LONGEST} bytes")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise UnfitXml("it has a document type")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnfitXml("it is no well-formed XML") from error
    if root.getroottree().docinfo.doctype:  # in an encoding in which the search above is blind
        raise UnfitXml("it has a document type")
    for count, node in enumerate(root.getroottree().iter(), start=1):
        if not isinstance(node.tag, str):
            raise UnfitXml("it has a comment, an entity or an instruction")
        if count > MOST_ELEMENTS:
            raise UnfitXml(f"it has more than {MOST_ELEMENTS} elements")
    return root


def find_all(element: Element, path: str) -> list[Element]:
    """Return what a path with the prefixes samlp, saml, md and ds selects."""
    found: list[Element] = element.findall(path, NAMES)
    return found


def only(element: Element, path: str) -> Element:
    """Return the one element that a path selects; raises UnfitXml for none or several."""
    found = find_all(element, path)
    if len(found) != 1:
        raise UnfitXml(f"it has {len(found)} of {path.rpartition(':')[2]} where one is needed")
    return found[0]


def text_of(element: Element) -> str:
    """Return the text of an element that has nothing but text; raises UnfitXml."""
    if len(element):
        raise UnfitXml("it has elements where a text is needed")
    return (element.text or "").strip()
