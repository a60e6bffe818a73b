"""XML as a small tree with line numbers, bounded, without DTD: no entity can expand or reach out.

Built on expat alone. A document type declaration is refused where it begins; of 227 real manifests none has
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from xml.parsers import expat  # nosec -- no DTD passes `_Builder.refuse_doctype`

from lrs.content.packages.limits import LIMITS, Limits

DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
XML: Final = "http://www.w3.org/XML/1998/namespace"


class XmlRefused(Exception):
    """XML that is not read: a stable code, the line, and the reason in plain words."""

    def __init__(self, code: str, line: int, reason: str) -> None:
        super().__init__(code, line, reason)
        self.code = code
        self.line = line
        self.reason = reason


@dataclass(slots=True)
class Node:
    """One element. Names are without namespace; attributes of a namespace are keyed like plain ones."""

    name: str
    namespace: str
    line: int
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The element's own text, white space at the ends removed."""
        return "".join(self.pieces).strip()

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute; letter case does not matter, as authoring tools spell them in several."""
        found = self.attributes.get(name)
        if found is None:
            wanted = name.lower()
            found = next((value for key, value in self.attributes.items() if key.lower() == wanted), None)
        return default if found is None else found.strip()

    def all(self, name: str, namespace: str | None = None) -> Iterator[Node]:
        """Yield the children of a name (letter case does not matter), of one namespace where given."""
        wanted = name.lower()
        for child in self.children:
            if child.name.lower() == wanted and namespace in (None, child.namespace):
                yield child

    def first(self, name: str, namespace: str | None = None) -> Node | None:
        """Return the first child of a name."""
        return next(self.all(name, namespace), None)

    def text_of(self, name: str) -> str:
        """Return the text of the first child of a name, empty where there is none."""
        child = self.first(name)
        return "" if child is None else child.text

    def walk(self) -> Iterator[Node]:
        """Yield this element and all below it in document order, without recursion."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def parse_xml(data: bytes, limits: Limits = LIMITS) -> Node:
    """Return the root element; raises XmlRefused."""
    if len(data) > limits.manifest_bytes:
        raise XmlRefused("xml-too-large", 0, f"is larger than {limits.manifest_bytes:,} bytes")
    builder = _Builder(limits)
    try:
        return builder.parse(data, None)
    except (ValueError, LookupError):  # expat does not know the encoding; Python may
        return _Builder(limits).parse(_as_utf8(data), "utf-8")


def _as_utf8(data: bytes) -> bytes:
    declared = DECLARED.match(data.lstrip())
    try:
        name = declared[1].decode() if declared else "utf-8"
        text = data.decode(name)
        return text.encode()
    except (LookupError, UnicodeError) as error:
        raise XmlRefused("xml-encoding", 1, "is not in the character encoding that it names") from error


def _is_plain(key: str) -> bool:
    """Sort attributes of a namespace before plain ones, which so win where both have one name."""
    return " " not in key


class _Builder:
    """Expat's callbacks; one use."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: list[Node] = []
        self._root: Node | None = None
        self._nodes = 0

    def parse(self, data: bytes, encoding: str | None) -> Node:
        parser = self._parser = expat.ParserCreate(encoding, namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self.refuse_doctype
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise XmlRefused("xml-not-well-formed", error.lineno, f"is not well-formed: {reason}") from error
        if self._root is None:
            raise XmlRefused("xml-not-well-formed", 1, "holds no element")
        return self._root

    def refuse_doctype(self, *_: Any) -> NoReturn:
        self._refuse("xml-doctype", "has a document type declaration (DOCTYPE), which is not accepted")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > self._limits.xml_nodes:
            self._refuse("xml-too-large", f"has more than {self._limits.xml_nodes:,} elements and attributes")
        if len(self._open) >= self._limits.xml_depth:
            self._refuse("xml-too-deep", f"is nested deeper than {self._limits.xml_depth} elements")
        namespace, _, local = name.rpartition(" ")
        plain = {key.rpartition(" ")[2]: attributes[key] for key in sorted(attributes, key=_is_plain)}
        node = Node(local, namespace, self._parser.CurrentLineNumber, plain)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)

    def end(self, _: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def _refuse(self, code: str, reason: str) -> NoReturn:
        raise XmlRefused(code, self._parser.CurrentLineNumber, reason)
