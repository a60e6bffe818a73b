"""A rule file as its editor shows it: problems with their lines, tests by name, the rule in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lrs.console.models.rule_words import Section, rule_words
from lrs.words.reader import n, t
from rules.checking.load import Loaded
from rules.errors import Problem
from rules.testing.files import FileTests
from rules.testing.runner import CaseResult


@dataclass(frozen=True, slots=True)
class Fix:
    """What solves a problem: `length` characters at a place become `text`."""

    line: int
    column: int
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """One problem: where, what, what was probably meant, and the change that writes so, if a word does."""

    line: int
    column: int
    path: str
    code: str
    severity: str
    message: str
    suggestion: str | None
    fix: Fix | None


@dataclass(frozen=True, slots=True)
class Case:
    """One test inside the file: its name, whether it passed, and what differed."""

    name: str
    ok: bool
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checker said of one file."""

    ok: bool
    verdict: str
    kind: str | None
    id: str | None
    version: str | None
    problems: tuple[Found, ...]
    tests: tuple[Case, ...]
    words: tuple[Section, ...]

    def as_json(self) -> dict[str, Any]:
        """Return this as the script of the editor reads it."""
        return asdict(self)


def checked(file: FileTests, titles: Mapping[str, str]) -> Checked:
    """Return what an editor shows of a checked and tested file."""
    loaded, document = file.checked.loaded, file.checked.document
    problems = tuple(_problem(one, fix_of(loaded, one)) for one in file.checked.problems)
    tests = tuple(_case(one) for one in file.results)
    return Checked(
        ok=file.ok,
        verdict=verdict(file, tests),
        kind=type(document).__name__ if document is not None else None,
        id=document.id if document is not None else None,
        version=document.version if document is not None else None,
        problems=problems,
        tests=tests,
        words=tuple(rule_words(document, titles)) if document is not None else (),
    )


def verdict(file: FileTests, tests: tuple[Case, ...]) -> str:
    """Return the sentence above the problems."""
    errors = sum(one.severity == "error" for one in file.checked.problems)
    if errors:
        return n(errors, "%(n)s problem to solve.", "%(n)s problems to solve.")
    failed = sum(not one.ok for one in tests)
    if failed:
        return n(failed, "%(n)s test fails.", "%(n)s tests fail.")
    if not tests:
        return t("No problems. The file has no tests.")
    return n(len(tests), "No problems, and its %(n)s test passes.", "No problems, and all %(n)s tests pass.")


def fix_of(loaded: Loaded, problem: Problem) -> Fix | None:
    """Return the change that writes what was meant; None where no word stands at the place of the problem."""
    if problem.suggestion is None:
        return None
    places = loaded.positions
    here = {
        one.text
        for one in (*places.keys.values(), *places.values.values())
        if one.text and (one.line, one.column) == (problem.line, problem.column)
    }
    line = loaded.text.replace("\r\n", "\n").split("\n")[problem.line - 1]
    column = problem.column + (line[problem.column - 1 : problem.column] in {'"', "'"})
    word = next((one for one in here if line[column - 1 :].startswith(one)), None)
    return None if word is None else Fix(problem.line, column, len(word), problem.suggestion)


def fixed(text: str, fix: Fix) -> str:
    """Return a text with a change made."""
    lines = text.split("\n")
    line, start = lines[fix.line - 1], fix.column - 1
    lines[fix.line - 1] = line[:start] + fix.text + line[start + fix.length :]
    return "\n".join(lines)


def _problem(one: Problem, fix: Fix | None) -> Found:
    return Found(one.line, one.column, one.path, one.code, one.severity, one.message, one.suggestion, fix)


def _case(one: CaseResult) -> Case:
    said = (one.error,) if one.error is not None else ()
    return Case(one.name, one.ok, (*said, *map(str, one.differences)))
