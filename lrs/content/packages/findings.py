"""Gathering what is found in a package, and refusing it with everything that was found so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

from lrs.content.packages.model import Issue, Severity

MOST: Final = 200  # issues kept of one package; the rest is counted
LONGEST: Final = 300  # characters of a text; what a package says of itself is cut to fit


class PackageRefused(Exception):
    """Why a package is not taken in: all issues found, at least one of them an error."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__(self.issues)

    def __str__(self) -> str:
        first = next(issue for issue in self.issues if issue.severity is Severity.ERROR)
        return f"{first.place}: {first.text}" if first.place else first.text


class Findings:
    """The issues of one package in the order in which they were found."""

    def __init__(self) -> None:
        self._issues: dict[Issue, None] = {}  # a set that keeps its order: the same is said once
        self._left_out = 0
        self._is_refused = False

    def error(self, code: str, place: str, text: str) -> None:
        """Note what refuses the package; reading goes on, so that all is told at once."""
        self._is_refused = True
        self._add(Severity.ERROR, code, place, text)

    def warning(self, code: str, place: str, text: str) -> None:
        """Note what may keep learners from finishing."""
        self._add(Severity.WARNING, code, place, text)

    def note(self, code: str, place: str, text: str) -> None:
        """Note what is worth knowing."""
        self._add(Severity.NOTE, code, place, text)

    def refuse(self, code: str, place: str, text: str) -> NoReturn:
        """Raise PackageRefused: without this, nothing further can be read."""
        self.error(code, place, text)
        raise PackageRefused(self.gathered())

    def check(self) -> tuple[Issue, ...]:
        """Return the issues; raises PackageRefused where one of them is an error."""
        if self._is_refused:
            raise PackageRefused(self.gathered())
        return self.gathered()

    def gathered(self) -> tuple[Issue, ...]:
        """Return the issues so far, errors first."""
        order = list(Severity)
        found = sorted(self._issues, key=lambda issue: order.index(issue.severity))
        if self._left_out:
            found.append(Issue("more", Severity.NOTE, "", f"{self._left_out} further issues are not shown"))
        return tuple(found)

    def _add(self, severity: Severity, code: str, place: str, text: str) -> None:
        issue = Issue(code, severity, place[:LONGEST], text[:LONGEST])
        most = 2 * MOST if severity is Severity.ERROR else MOST
        if len(self._issues) < most:
            self._issues[issue] = None
        elif issue not in self._issues:
            self._left_out += 1
