"""YAML text -> tree of nodes with places: the only module that knows the YAML library.

ruamel.yaml's pure parser gives events; scalars keep their source text and are resolved here by the YAML 1.2
core schema, so nothing becomes a date, a sexagesimal number or a float on the way (cert#2.1).
Bounds of 3-2 are counted on the events, before an alias is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from rules.errors import Problem

MAX_BYTES = 256 * 1024
MAX_ALIASES = 50
MAX_NODES = 10_000
MAX_DEPTH = 64
MAX_DIGITS = 40

WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NO_COLON = "could not find expected ':'"
PLAINLY = {
    NO_COLON: "a key needs a colon and a space after it, as `title: Sales`",
    "mapping values are not allowed here": (
        "a colon that does not belong here; text with a colon in it goes in straight quotes, "
        "and keys of one mapping begin in one column"
    ),
    **dict.fromkeys(
        (
            "expected <block end>, but found '?'",
            "expected <block end>, but found '-'",
            "expected <block end>, but found '<block mapping start>'",
            "expected <block end>, but found '<block sequence start>'",
        ),
        "this begins in another column than what it belongs to; the keys of one mapping begin in one column, "
        "and so do the items of one list",
    ),
    "expected <block end>, but found '<scalar>'": (
        "text after closing quotes; one pair of quotes goes around all of a text"
    ),
    "expected <block end>, but found ','": (
        "a comma outside of braces; each key has a line of its own, or `{` and `}` go around them"
    ),
}
"""What the parser's commonest complaints mean for somebody who writes rules."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Node:
    """One YAML node: a scalar's value, a list's nodes or a mapping's (key, value) pairs, and its place.

    `flaw` says why a number could not be taken; its value is then the text. `size` and `height` count the
    node with everything below it, aliases expanded.
    """

    line: int
    column: int
    value: Any = None
    text: str = ""
    flaw: str | None = None
    items: list[Node] | None = None
    entries: list[tuple[Node, Node]] | None = None
    size: int = 1
    height: int = 1


class Refused(Exception):
    """A file cannot be read any further; holds the one problem that says why (cert#3-2)."""

    def __init__(
        self, line: int, column: int, code: str, message: str, suggestion: str | None = None
    ) -> None:
        self.line, self.column, self.code = line, column, code
        self.message, self.suggestion = message, suggestion
        super().__init__(message)

    def problem(self, file: str) -> Problem:
        """Return the refusal as a problem of `file`."""
        return Problem(file, self.line, self.column, "", self.code, self.message, self.suggestion)


def decode(text: bytes | str) -> str:
    """Return the text of a file without its byte order mark; Refused E101 if too large or not UTF-8."""
    try:
        raw = text.encode() if isinstance(text, str) else text
        if len(raw) > MAX_BYTES:
            raise Refused(1, 1, "E101", f"the file has {len(raw):,} bytes, at most {MAX_BYTES:,} are read")
        return raw.decode("utf-8-sig")
    except UnicodeEncodeError as error:
        raise _not_utf8(error.object[: error.start], "a half surrogate pair") from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        raise _not_utf8(before, f"byte 0x{error.object[error.start]:02x}") from error


def _not_utf8(before: str, what: str) -> Refused:
    return Refused(*_place_of(before, len(before)), "E101", f"not UTF-8: {what} does not belong there")


def parse(text: bytes | str) -> Node:
    """Return the root node of one YAML document; Refused with E101, E102 or E104 (cert#3-1, cert#3-2)."""
    return _Tree(_events(decode(text))).root()


def scalar(text: str, *, plain: bool) -> Any:
    """Resolve a scalar by the YAML 1.2 core schema: None, bool, int, Decimal or str.

    Integral numbers become int whatever their spelling (`3.0`, `1e3`), others Decimal; ValueError for a
    number without a finite value or with more than 40 digits.
    """
    if not plain:
        return text
    if text in WORDS:
        return WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _decimal(text)
    return text


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits is not read")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _decimal(text: str) -> int | Decimal:
    exponent = re.split("[eE]", text)[1:]
    if len(text) > MAX_DIGITS or (exponent and abs(int(exponent[0])) > MAX_DIGITS):
        raise ValueError(f"a number of more than {MAX_DIGITS} digits is not read")
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _events(text: str) -> Iterator[Event]:
    """Yield the parser's events; everything the library may raise becomes Refused E102."""
    line, column = 1, 1
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            yield event
    except MarkedYAMLError as error:
        problem = str(error.problem or error.context or "not YAML")
        mark = error.problem_mark or error.context_mark
        if problem == NO_COLON and error.context_mark is not None:
            mark = error.context_mark  # the key that lacks its colon, not what follows it
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
        raise _syntax(line, column, text, problem) from error
    except YAMLError as error:
        line, column = _place_of(text, getattr(error, "position", 0))
        raise Refused(line, column, "E102", "a control character is not allowed in YAML") from error
    except (ValueError, OverflowError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # The library leaks these for escapes beyond Unicode and broken directives.
        raise Refused(line, column, "E102", "not YAML: an escape or directive cannot be read") from error


def _place_of(text: str, position: int) -> tuple[int, int]:
    lines = _LINE_END.split(text[:position])
    return len(lines), len(lines[-1]) + 1


def _syntax(line: int, column: int, text: str, problem: str) -> Refused:
    lines = _LINE_END.split(text)
    line = min(line, len(lines))
    column = min(column, len(lines[line - 1]) + 1)
    if "\\t" in problem:
        return Refused(line, column, "E102", "a tab is not allowed here", "spaces")
    return Refused(line, column, "E102", f"not YAML: {PLAINLY.get(problem, problem)}")


@dataclass(slots=True)
class _Tree:
    """Builds the nodes from the events and counts what 3-2 bounds."""

    events: Iterator[Event]
    anchors: dict[str, Node | None] = field(default_factory=dict)
    aliases: int = 0
    nodes: int = 0

    def root(self) -> Node:
        node: Node | None = None
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                self._check_document(event, first=node is None)
            elif isinstance(event, NodeEvent):
                node = self._node(event, 1)
        if node is None:
            raise Refused(1, 1, "E102", "the file holds no document")
        return node

    def _check_document(self, event: DocumentStartEvent, *, first: bool) -> None:
        line, column = _start(event)
        if not first:
            raise Refused(line, column, "E104", "more than one document in the file; write one file for each")
        if event.version is not None and tuple(event.version) != (1, 2):
            raise Refused(line, column, "E102", "rule files are YAML 1.2", "%YAML 1.2")

    def _node(self, event: NodeEvent, depth: int) -> Node:
        line, column = _start(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise Refused(line, column, "E104", f"the tag {tag} is not allowed; values need no tags")
        node = Node(line, column)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self._count(1, depth, node)
        if isinstance(event, ScalarEvent):
            self._scalar(node, event)
        elif isinstance(event, SequenceStartEvent):
            node.items = [self._node(child, depth + 1) for child in self._children()]
            _measure(node, node.items)
        elif isinstance(event, MappingStartEvent):
            children = [self._node(child, depth + 1) for child in self._children()]
            node.entries = list(zip(children[::2], children[1::2], strict=True))
            _measure(node, children)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _children(self) -> Iterator[NodeEvent]:
        for event in self.events:
            if not isinstance(event, NodeEvent):
                return
            yield event

    def _scalar(self, node: Node, event: ScalarEvent) -> None:
        node.text = event.value
        if _SURROGATE.search(event.value):
            raise Refused(node.line, node.column, "E102", "not YAML: half a surrogate pair in a string")
        try:
            node.value = scalar(event.value, plain=event.style is None)
        except ValueError as error:
            node.value, node.flaw = event.value, str(error)

    def _alias(self, event: AliasEvent, depth: int) -> Node:
        line, column = _start(event)
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise Refused(line, column, "E104", f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self.anchors:
            raise Refused(line, column, "E102", f"not YAML: nothing above is marked &{event.anchor}")
        target = self.anchors[event.anchor]
        if target is None:
            raise Refused(line, column, "E104", f"the alias *{event.anchor} contains itself")
        copy = Node(line, column, target.value, target.text, target.flaw, target.items, target.entries)
        copy.size, copy.height = target.size, target.height
        self._count(target.size, depth + target.height - 1, copy)
        return copy

    def _count(self, nodes: int, depth: int, node: Node) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise Refused(node.line, node.column, "E104", f"more than {MAX_NODES:,} nodes, aliases expanded")
        if depth > MAX_DEPTH:
            raise Refused(node.line, node.column, "E104", f"nested deeper than {MAX_DEPTH} levels")


def _start(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _measure(node: Node, children: list[Node]) -> None:
    node.size = 1 + sum(child.size for child in children)
    node.height = 1 + max((child.height for child in children), default=0)
