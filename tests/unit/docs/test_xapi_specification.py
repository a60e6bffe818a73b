"""docs/specification/xapi.md: every statement and every value there is accepted or refused as it says."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from specification import ROOT, Example, anchors, examples, rows

from lrs.xapi.protocol import Version, negotiate
from statements.errors import InvalidStatement
from statements.intake.validate import check_statement
from statements.parsing.parse import parse_statement

VERSIONS: tuple[Version, ...] = ("1.0.3", "2.0.0")
LEAST: dict[str, Any] = {
    "actor": {"mbox": "mailto:ana@example.com"},
    "verb": {"id": "http://example.com/did"},
    "object": {"id": "http://example.com/thing"},
}
EXAMPLES = list(examples("xapi", "json"))
VALUES = rows("xapi", "at", "value", "1.0.3", "2.0")


def answer(text: str, version: Version) -> str:
    """Return the status that a statement alone gets: it is parsed and validated, not stored."""
    try:
        check_statement(parse_statement(text.encode()).value, version)
    except InvalidStatement:
        return "400"
    return "200"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.section}-{each.number}")
def test_statement_is_answered_as_it_says(example: Example, version: Version) -> None:
    said = dict(part.split("=") for part in example.info.split())
    assert answer(example.text, version) == said["2.0" if version == "2.0.0" else version]


def placed(path: str, value: Any) -> dict[str, Any]:
    """Return the least statement with a value put at a dotted path."""
    made = copy.deepcopy(LEAST)
    *parents, last = path.split(".")
    at = made
    for name in parents:
        at = at.setdefault(name, {})
    at[last] = value
    return made


@pytest.mark.parametrize("row", VALUES, ids=[f"{row[0]}-{n}" for n, row in enumerate(VALUES)])
def test_value_is_answered_as_it_says(row: tuple[str, ...]) -> None:
    _, at, value, one, two = row
    text = json.dumps(placed(at.strip("`"), json.loads(value.strip("`"))))
    assert (answer(text, "1.0.3"), answer(text, "2.0.0")) == (one, two)


def test_every_part_of_a_statement_has_values() -> None:
    assert {f"2.{n}" for n in (1, 3, 4, 5, 6, 7, 8, 9, 10, 12)} <= {row[0] for row in VALUES}
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(
    ("section", "header", "rules", "answered"), rows("xapi", "header", "answer", "header of the answer")
)
def test_version_header_is_answered_as_it_says(section: str, header: str, rules: str, answered: str) -> None:
    """xapi#6.2."""
    chosen, header_of_answer = negotiate(header.strip("`"), "1.0.3")
    assert rules == ("400" if chosen is None else f"as {chosen}")
    assert header_of_answer == answered.strip("`")


@pytest.mark.parametrize(("kind", "count"), [("trap", 40), ("edge", 90), ("decision", 26)])
def test_rows_are_numbered_without_gaps(kind: str, count: int) -> None:
    numbers = [int(anchor.partition("-")[2]) for anchor in anchors("xapi") if anchor.startswith(f"{kind}-")]
    assert numbers == list(range(1, count + 1))


def test_rows_that_code_counts_are_those_of_the_conformance_tests() -> None:
    """The tests of traps and edges bear these numbers (tests/conformance/test_rows_complete.py)."""
    sources = (ROOT / "tests" / "conformance" / "test_rows_complete.py").read_text(encoding="utf-8")
    assert re.findall(r'\("(trap|edge)", (\d+)\)', sources) == [("trap", "40"), ("edge", "90")]
