"""What pages say of plans and of checked files: reasons with their lines, gates that move, changes that mend."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lrs.console.models.checked import Fix, checked, fix_of, fixed
from lrs.console.models.planned import gate_moves, new_lines, source, why
from rules.language.build import build
from rules.language.model import Gate
from rules.testing.files import check_files, run_files

AT = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
RULE = """\
kind: Certification
id: driver
version: "2"
title: Driver
evidence:
  exam: {verb: passed, activity: "https://x.example/exam"}
award:
  when:
    all:
      - {score: exam, at_least: 0.9}
validity: {lasts: 12 months}
"""
SOURCE = source({"id": "driver", "version": "2"}, RULE, RULE.replace("0.9", "0.5"))


def row(**given: Any) -> dict[str, Any]:
    base = {"certification": "driver", "change": "change", "missing": [], "before": {"state": "active"}, "after": {"state": "active"}}  # fmt: skip
    return base | given


def test_the_reason_of_the_engine_leads_to_its_line() -> None:
    reason = "Exam: best 60 %, required 90 % or better (v2 award.when.all[0])"
    found = why(row(change="lose", reason=reason), [SOURCE])
    assert (found.text, found.file, found.line) == ("Exam: best 60 %, required 90 % or better", 0, 10)


def test_a_reason_in_another_version_or_rule_has_no_line_here() -> None:
    reason = "Exam: nothing yet, required 90 % (v1 award.when.all[0])"
    assert why(row(change="lose", reason=reason), [SOURCE]).line is None
    other = why(row(certification="other", change="gain"), [SOURCE])
    assert (other.text, other.line) == ("meets what is asked for", None)


@pytest.mark.parametrize(
    ("given", "text", "line"),
    [
        ({"change": "gain"}, "meets what is asked for", 8),
        ({"after": {"state": "active", "expires": "2027-01-01T00:00:00+00:00"}}, "ends 1 Jan 2027", 11),
        (
            {
                "before": {"state": "active", "expires": "2028-01-01T00:00:00+00:00"},
                "after": {"state": "active", "expires": "2027-01-01T00:00:00+00:00"},
            },
            "ends 1 Jan 2027 instead of 1 Jan 2028", 11,
        ),
        ({"before": {"state": "active", "expires": "2027-01-01T00:00:00+00:00"}}, "has no end any more", 11),
        ({"missing": ["exam"]}, "missing: exam", 8),
        ({"before": {"state": "active", "version": "1"}, "after": {"state": "active", "version": "2"}}, "judged by version 2", 3),
    ],
)  # fmt: skip
def test_what_differs_is_said_where_the_engine_gives_no_reason(
    given: dict[str, Any], text: str, line: int
) -> None:
    found = why(row(**given), [SOURCE])
    assert (found.text, found.line) == (text, line)


def test_lines_that_the_version_before_lacks_are_new() -> None:
    assert [one.number for one in SOURCE.lines if one.is_new] == [10]
    assert new_lines("a\nb\nc", "a\nc") == {2}
    assert new_lines("a", "a") == frozenset()


GATE = {
    "kind": "Gate", "id": "deals", "version": "1", "subject": "deal", "refusal": "No.", "tiers": "acme",
    "allow_when": {"all": [{"tier_at_least": "silver"}, {"submitter_holds": {"role": "sales"}}]},
}  # fmt: skip


def moves(gate: dict[str, Any], before: str | None, after: str | None, programme: str = "acme") -> list[bool]:
    built = build(gate)
    assert isinstance(built, Gate)
    tier = {"programme": programme, "organization": "north", "before": before, "after": after, "at": AT}
    return [one.opens for one in gate_moves([built], {programme: ("registered", "silver", "gold")}, [tier])]


def test_a_gate_closes_where_the_tier_falls_below_it_and_opens_where_it_rises() -> None:
    assert moves(GATE, "gold", "registered") == [False]
    assert moves(GATE, None, "silver") == [True]
    assert moves(GATE, "gold", "silver") == [], "it stays open"
    assert moves(GATE, "gold", "registered", "other") == [], "it asks for the tiers of another programme"
    either = {**GATE, "allow_when": {"any": GATE["allow_when"]["all"]}}
    assert moves(either, "gold", None) == [], "something else may still open it"


def test_each_word_that_is_wrong_has_a_change_that_mends_it() -> None:
    text = RULE.replace("title:", "titel:").replace("verb: passed", "verb: 'pased'").replace("0.9", "90")
    for _ in range(3):
        (found,) = run_files([("x.yaml", text)])
        fixes = [one.fix for one in checked(found, {}).problems if one.fix is not None]
        text = fixed(text, fixes[0])
    (found,) = check_files([("x.yaml", text)])
    assert found.ok, found.problems
    assert text == RULE.replace("verb: passed", "verb: 'passed'").replace("0.9", "0.90")


def test_what_is_missing_has_no_change() -> None:
    (found,) = check_files([("x.yaml", RULE.replace("title: Driver\n", ""))])
    assert [fix_of(found.loaded, one) for one in found.problems if one.severity == "error"] == [None]


def test_a_change_touches_its_place_only() -> None:
    assert fixed("a: b\nc: dd\n", Fix(2, 4, 2, "e")) == "a: b\nc: e\n"
