"""XML is read without DTD, within bounds, and with the line of each element."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.packages.limits import Limits
from lrs.content.packages.xml_tree import XmlRefused, parse_xml

LAUGHS = b"""<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


def code(data: bytes, limits: Limits | None = None) -> tuple[str, int]:
    with pytest.raises(XmlRefused) as refused:
        parse_xml(data, limits or Limits())
    return refused.value.code, refused.value.line


@pytest.mark.parametrize("data", [LAUGHS, OUTSIDE, b'<!DOCTYPE a SYSTEM "http://evil.example/x.dtd"><a/>'])
def test_a_document_type_declaration_is_refused(data: bytes) -> None:
    assert code(data) == ("xml-doctype", 1)


def test_an_entity_without_declaration_is_refused() -> None:
    assert code(b"<a>&nbsp;</a>") == ("xml-not-well-formed", 1)


def test_depth_number_and_size_are_bounded() -> None:
    limits = Limits(xml_depth=5, xml_nodes=50, manifest_bytes=2000)
    assert code(b"<a>" * 6 + b"</a>" * 6, limits)[0] == "xml-too-deep"
    assert code(b"<a>" + b"<b/>" * 50 + b"</a>", limits)[0] == "xml-too-large"
    assert code(b"<a " + b" ".join(b'n%d="1"' % n for n in range(60)) + b"/>", limits)[0] == "xml-too-large"
    assert code(b"<a>" + b"x" * 2000 + b"</a>", limits)[0] == "xml-too-large"


def test_elements_know_their_line_and_attributes_their_letter_case_does_not_matter() -> None:
    root = parse_xml(b'<a xmlns:p="urn:p">\n<b\n p:scormType="sco"/></a>')
    child = root.first("B")
    assert child is not None
    assert (child.line, child.get("scormtype"), child.namespace) == (2, "sco", "")


def test_a_plain_attribute_wins_over_one_of_a_namespace() -> None:
    assert parse_xml(b'<a id="1" xmlns:p="urn:p" p:id="2"/>').attributes["id"] == "1"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "shift_jis"]
)
def test_encodings_that_authoring_tools_write_are_read(encoding: str) -> None:
    text = "テスト" if encoding == "shift_jis" else "Größe"
    declared = encoding.removesuffix("-sig")
    data = f'<?xml version="1.0" encoding="{declared}"?><a>{text}</a>'.encode(encoding)
    assert parse_xml(data).text == text


def test_a_wrong_encoding_is_told() -> None:
    assert code(b'<?xml version="1.0" encoding="no-such-thing"?><a/>')[0] in {
        "xml-encoding",
        "xml-not-well-formed",
    }
    assert code(b'<?xml version="1.0" encoding="shift_jis"?><a>\xff\xff</a>')[0] == "xml-encoding"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    for each in (data, b"<a>" + data, b"<a>" + data + b"</a>"):
        with contextlib.suppress(XmlRefused):
            assert list(parse_xml(each).walk())
