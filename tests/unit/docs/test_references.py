"""References of code to the specification: one form, and each leads somewhere (docs/specification/README.md)."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from specification import DOCUMENTS, ROOT, anchors

PACKAGES = ("lrs", "rules", "statements", "schemas")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
REFERENCE = re.compile(r"\b([a-z]+)#([a-z0-9][a-z0-9.-]*[a-z0-9]|[0-9])")
NUMBER = r"\d{1,2}(?:\.\d{1,2})?(?:-\d{1,2})?"
# what documents that are not here were called, and numbers without the document they belong to
OLD = [
    re.compile(pattern)
    for pattern in (
        r"\bsections? \d",
        r"\b(?:certification|xapi|xapi-digest|design|style|content|console)\.md",
        r"\bdigest,? (?:part|trap|decision)",
        r"\bdesign, \d",
        r"\b(?:trap|decision|edge|part) \d",
        rf"\({NUMBER}(?:(?:,| and| to|;) (?:{NUMBER}))*\)",
        rf"[(,;] ?{NUMBER}\)",
    )
]

# numbers in documents of somebody else, which are named in words
FOREIGN = re.compile(
    r"\b(?:RFC \d+|cmi5|CloudEvents|binding|Communication|Data|IEEE)[, ]+[\d.]+(?:(?:, | and )[\d.]+)*"
)


@cache
def prose(path: Path) -> tuple[tuple[int, str], ...]:
    """Return the comments and docstrings of a module, each with its line."""
    return tuple(_prose(path))


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as source:
        before = tokenize.NEWLINE
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
            if token.type in {tokenize.NL, tokenize.COMMENT, tokenize.ENCODING}:
                continue
            if token.type == tokenize.STRING and before in {
                tokenize.NEWLINE,
                tokenize.INDENT,
                tokenize.DEDENT,
            }:
                yield token.start[0], token.string
            before = token.type


def unknown(text: str) -> list[str]:
    """Return the references of a text that lead nowhere."""
    return [
        f"{document}#{anchor} does not exist"
        for document, anchor in REFERENCE.findall(text)
        if document in DOCUMENTS and anchor not in anchors(document)
    ]


def findings(text: str) -> list[str]:
    """Return what is wrong with the references of a text."""
    ours = FOREIGN.sub("", text)
    return unknown(text) + [f"{found[0]!r} is no reference" for form in OLD for found in form.finditer(ours)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_references_of_a_module_lead_somewhere(path: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {each}" for line, text in prose(path) for each in findings(text)
    ]
    assert not wrong, "\n".join(wrong)


TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)


def test_references_of_tests_lead_somewhere_too() -> None:
    """Numbers in brackets are often data there, so only words that name a document are looked at."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {each}"
        for path in TESTS
        if path.parent != Path(__file__).parent
        for line, text in prose(path)
        for each in [*unknown(text), *(found[0] for form in OLD[:4] for found in form.finditer(text))]
    ]
    assert not wrong, "\n".join(wrong)


def test_code_refers_to_both_documents() -> None:
    found = {name for path in SOURCES for _, text in prose(path) for name, _ in REFERENCE.findall(text)}
    assert found >= DOCUMENTS.keys()


@pytest.mark.parametrize(
    "text",
    [
        "The fact (section 7).", "# see certification.md 4.2", "By digest part 5.", "Fields (design, 3).", "Counts (2.4).",
        "Counts (4.2, 4.5).", "Late (cert#4.1-3; 10).", "Refused (decision 10).", "cert#4.99", "cert#4.1-9", "xapi#trap-41",
    ],
)  # fmt: skip
def test_old_forms_and_places_that_do_not_exist_are_found(text: str) -> None:
    assert len(findings(text)) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "Late evidence (cert#4.1-3, cert#10-7).",
        "A table (xapi#5).",
        "After 3.5 seconds (RFC 9457).",
        "Data 4.5 of 1.0.3.",
    ],
)
def test_one_form_is_accepted(text: str) -> None:
    assert findings(text) == []


def test_anchors_are_unique() -> None:
    for document in DOCUMENTS:
        assert len(anchors(document)) == len({*anchors(document)})
