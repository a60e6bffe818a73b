"""Check and test files: the use cases behind `lrs rules check | test` and `POST /rules/check | test`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rules.checking.check import PublishedNames, check_each, resolved
from rules.checking.load import Loaded, document_hash, load
from rules.errors import Problem
from rules.language.model import AnyDocument
from rules.language.positions import render
from rules.testing.runner import CaseResult, case_problems, run_tests


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file after the check: `document` is resolved, None while there are errors."""

    loaded: Loaded
    problems: tuple[Problem, ...]
    document: AnyDocument | None

    @property
    def ok(self) -> bool:
        """True if the check found no error; warnings do not count."""
        return all(problem.severity == "warning" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class FileTests:
    """One checked file with the outcome of its tests; a file with errors is not tested."""

    checked: CheckedFile
    results: tuple[CaseResult, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of the check and E402 for each failed test."""
        return (*self.checked.problems, *case_problems(self.results, self.checked.loaded.positions))

    @property
    def ok(self) -> bool:
        """True if the check found no error, all tests could be run and passed."""
        sound = self.checked.ok and self.checked.document is not None
        return sound and all(result.ok for result in self.results)


def check_files(
    files: Iterable[tuple[str, bytes | str]], published: PublishedNames | None = None
) -> list[CheckedFile]:
    """Check (name, content) pairs together, as cert#3 says; None as `published` asks no store."""
    loaded = [load(text, name) for name, text in files]
    checked = []
    for each, problems in zip(loaded, check_each(loaded, published), strict=True):
        sound = all(problem.severity == "warning" for problem in problems)
        document = resolved(each, loaded, published) if sound else None
        checked.append(CheckedFile(each, tuple(problems), document))
    return checked


def run_files(
    files: Iterable[tuple[str, bytes | str]],
    published: PublishedNames | None = None,
    others: Sequence[AnyDocument] = (),
) -> list[FileTests]:
    """Check (name, content) pairs and run the tests of the sound ones; `others` are the store's documents."""
    checked = check_files(files, published)
    given = [each.document for each in checked if each.document is not None]
    today = published.today if published is not None else None
    together = [*others, *(_begun(each, others, today) for each in given)]
    return [
        FileTests(each, tuple(run_tests(each.document, together)) if each.document is not None else ())
        for each in checked
    ]


def _begun(document: AnyDocument, others: Sequence[AnyDocument], today: dt.date | None) -> AnyDocument:
    """Return a document with the day on which it began to apply, or would if applied today (cert#2.2)."""
    if document.effective_from is not None:
        return document
    name = (type(document), document.id, document.version)
    known = [one.effective_from for one in others if (type(one), one.id, one.version) == name]
    return replace(document, effective_from=known[0] if known else today)


def unresolved(checked: CheckedFile) -> bool:
    """Tell whether a sound file could not be resolved, because its fragments are only in a store."""
    return checked.ok and checked.document is None


def check_reply(checked: Sequence[CheckedFile]) -> dict[str, Any]:
    """Return the reply of `POST /rules/check`: ok, problems as JSON (cert#3-3), the sound documents."""
    return {
        "ok": all(each.ok for each in checked),
        "problems": [asdict(problem) for each in checked for problem in each.problems],
        "documents": [_document(each) for each in checked if each.document is not None],
    }


def tests_reply(tested: Sequence[FileTests]) -> dict[str, Any]:
    """Return the reply of `POST /rules/test`: ok, problems, and per test ok or the differing keys."""
    return {
        "ok": all(each.ok for each in tested),
        "problems": [asdict(problem) for each in tested for problem in each.problems],
        "tests": [_case(each.checked.loaded.file, result) for each in tested for result in each.results],
    }


def _document(checked: CheckedFile) -> dict[str, Any]:
    document = checked.document
    assert document is not None  # noqa: S101 - asked for sound files only
    return {
        "file": checked.loaded.file,
        "kind": type(document).__name__,
        "id": document.id,
        "version": document.version,
        "hash": document_hash(document),
    }


def _case(file: str, result: CaseResult) -> dict[str, Any]:
    return {
        "file": file,
        "kind": result.kind,
        "id": result.id,
        "version": result.version,
        "name": result.name,
        "ok": result.ok,
        "error": result.error,
        "differences": [
            {
                "path": render(each.path),
                "who": each.who,
                "key": each.key,
                "expected": each.expected,
                "observed": each.observed,
            }
            for each in result.differences
        ],
    }
