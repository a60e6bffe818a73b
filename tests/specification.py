"""The two documents of the specification as tests read them: anchors, sections, tables, fenced examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "specification"
# the first word of a reference, and its document
DOCUMENTS = {"cert": FOLDER / "certification.md", "xapi": FOLDER / "xapi.md"}

_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_FENCE = re.compile(r"```(\w+)([^\n]*)\n(.*?)```", re.DOTALL)


class Example(NamedTuple):
    """A fenced block: the section it stands in, its number there, language, the rest of that line, text."""

    section: str
    number: int
    language: str
    info: str
    text: str


@lru_cache
def text_of(document: str) -> str:
    return DOCUMENTS[document].read_text(encoding="utf-8")


@lru_cache
def anchors(document: str) -> tuple[str, ...]:
    """Return what a reference can name, in order."""
    return tuple(_ANCHOR.findall(text_of(document)))


def sections(document: str) -> dict[str, str]:
    """Return the text of each section, without that of its subsections, by its anchor."""
    parts = re.split(r"(?m)^#{2,3} (?=<a id)", text_of(document))
    return {_ANCHOR.match(part)[1]: part for part in parts[1:]}  # type: ignore[index]


def examples(document: str, language: str) -> Iterator[Example]:
    """Yield the fenced blocks of a language."""
    for section, text in sections(document).items():
        found = [block for block in _FENCE.findall(text) if block[0] == language]
        for number, (name, info, body) in enumerate(found):
            yield Example(section, number, name, info.strip(), body)


def rows(document: str, *columns: str) -> list[tuple[str, ...]]:
    """Return the rows of every table with exactly these column names, each with its section before it."""
    header = "| " + " | ".join(columns) + " |"
    return [
        (section, *(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
        for section, text in sections(document).items()
        for table in re.findall(re.escape(header) + r"\n\|[-|]+\|\n((?:\|.*\n)*)", text)
        for line in table.splitlines()
    ]
