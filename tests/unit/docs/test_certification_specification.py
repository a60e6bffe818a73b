"""docs/specification/certification.md: every example is checked and run, every table is what the code does."""

from __future__ import annotations

import datetime as dt
import re
from itertools import groupby
from operator import attrgetter
from typing import get_args

import pytest
from factories_decisions import simple, statement, status, timeline_of
from specification import FOLDER, Example, examples, rows, sections, text_of

from rules import calendar
from rules.credentials.document import hash_identity
from rules.engine.event_types import EVENT_TYPES
from rules.engine.facts import REASONS
from rules.evaluation.timeline import State
from rules.language.model import Duration, Unit
from rules.testing.files import FileTests, run_files
from schemas.rules import scalars

BY_SECTION = {
    section: list(found) for section, found in groupby(examples("cert", "yaml"), key=attrgetter("section"))
}
CODE = re.compile(r"# ([EW]\d{3})$")


def run(section: str) -> list[tuple[Example, FileTests]]:
    """Check and test the examples of a section together, as one call of `lrs rules test` does."""
    found = BY_SECTION[section]
    tested = run_files((f"{each.section}-{each.number}.yaml", each.text) for each in found)
    return list(zip(found, tested, strict=True))


CASES = [case for section in BY_SECTION for case in run(section)]


@pytest.mark.parametrize(
    ("example", "tested"), CASES, ids=[f"{example.section}-{example.number}" for example, _ in CASES]
)
def test_example_has_the_problems_it_says_and_passes_its_tests(example: Example, tested: FileTests) -> None:
    """cert#3-3: a problem stands where the comment is; without comments there is none."""
    said = [
        (number, code[1])
        for number, line in enumerate(example.text.split("\n"), 1)
        if (code := CODE.search(line))
    ]
    found = sorted((problem.line, problem.code) for problem in tested.problems)
    assert found == said, [str(problem) for problem in tested.problems]
    assert tested.ok is not bool(said)
    if not said and "tests:" in example.text:
        assert tested.results


def test_every_kind_and_every_part_of_the_evaluation_has_an_example() -> None:
    kinds = {
        line
        for example in examples("cert", "yaml")
        for line in example.text.split("\n")
        if line[:5] == "kind:"
    }
    assert {kind.split()[1] for kind in kinds} == {
        "Certification",
        "PartnerTiers",
        "Gate",
        "Release",
        "Fragment",
        "Assignment",
        "Recall",
        "Engagement",
    }
    assert {f"4.{n}" for n in (1, 2, 3, 4, 5, 7, 8, 10)} <= BY_SECTION.keys()


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


@pytest.mark.parametrize(
    ("section", "rule", "previous", "fixed", "completed", "expiry"),
    rows("cert", "rule", "previous expiry", "due or fixed", "completed", "new expiry"),
)
def test_golden_rows_of_the_expiry_rules(
    section: str, rule: str, previous: str, fixed: str, completed: str, expiry: str
) -> None:
    """cert#4.7: L 12 months, opens 3 months, minimum 6 months, grace 0."""
    validity = f"lasts: 12 months, counted_from: {rule}"
    if rule == "fixed_date":
        validity += f", minimum: 6 months, fixed: {fixed}"
    elif fixed != "none":
        validity += f", due: {fixed}"
    certification = simple(validity, f"renewal: {{opens: 3 months, grace: 0 days, counted_from: {rule}}}")
    evidence = [statement("exam", completed[:10])]
    if previous != "none":
        first = (
            "2026-02-28"
            if rule == "fixed_date"
            else day(previous).replace(year=day(previous).year - 1).isoformat()
        )
        evidence.insert(0, statement("exam", first))
        before = status(timeline_of(certification, evidence[0]), first)
        assert before.expires == day(previous)
    assert status(timeline_of(certification, *evidence), completed[:10]).expires == day(expiry)


def test_vectors_of_the_calendar() -> None:
    """cert#4.6-3."""
    vectors = re.findall(r"anchor (\S+), 1 (month|year): ([\d, -]+\d)", sections("cert")["4.6"])
    assert len(vectors) == 2
    for anchor, unit, dates in vectors:
        one = Duration(1, Unit(unit + "s"))
        assert [calendar.add(day(anchor), one, n) for n in (1, 2, 3, 4)] == [
            day(each) for each in dates.split(", ")
        ]


def test_check_value_of_a_hashed_address() -> None:
    """cert#7-1."""
    address, salt, value = re.search(
        r"`(\S+)` with salt `(\w+)` gives `(sha256\$\w{64})`", sections("cert")["7"]
    ).groups()  # type: ignore[union-attr]
    assert hash_identity(f" {address.title()} ", salt)["identityHash"] == value


def test_states_are_those_of_the_code() -> None:
    """cert#4.11; `superseded` is a state of a period only."""
    names = [
        name
        for _, cell, *_ in rows("cert", "state", "meaning", "counts")
        for name in re.findall(r"`(\w+)`", cell)
    ]
    assert {*names} - {"superseded"} == {*get_args(State)}


def test_events_are_those_of_the_code() -> None:
    """cert#8."""
    names = [
        name
        for _, cell, _ in rows("cert", "event", "effect key")
        for name in re.findall(r"`([a-z]+\.\w+)`", cell)
    ]
    assert sorted(names) == sorted(EVENT_TYPES)


def test_reasons_are_those_of_the_code() -> None:
    """cert#4.10."""
    line = re.search(r"^Reasons: (.*?)\. ", sections("cert")["4.10"], re.MULTILINE)
    assert {*re.findall(r"`(\w+)`", line[1])} == {*REASONS} == {*scalars.REASONS}  # type: ignore[index]


def test_codes_are_those_of_the_guide() -> None:
    """cert#3-4."""
    guide = (FOLDER.parent / "rules" / "problems.md").read_text(encoding="utf-8")
    said = re.findall(r"\b[EW]\d{3}\b", sections("cert")["3"].partition("Each line of this file")[0])
    assert [*dict.fromkeys(re.findall(r"^\| ([EW]\d{3}) \|", guide, re.MULTILINE))] == sorted({*said})


def test_numbers_follow_one_another() -> None:
    """A rule keeps its number: an anchor is that of its section, and of its place there."""
    text = text_of("cert")
    section = ""
    for line in text.split("\n"):
        if head := re.match(r'#{2,3} <a id="([\d.]+)"></a>([\d.]+?)\.? ', line):
            assert head[1] == head[2]
            section = head[1]
        elif item := re.match(r'(\d+)\. (?:<a id="([^"]+)"></a>)?', line):
            assert item[2] == f"{section}-{item[1]}"
        elif row := re.match(r'\| <a id="([^"]+)"></a>(\S+) \|', line):
            assert row[1] == row[2]
