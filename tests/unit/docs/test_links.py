"""Links of all documents lead somewhere, and files and modules that they name exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from specification import ROOT

from rules.engine.event_types import EVENT_TYPES

NOT_OURS = {".venv", "node_modules", "data", "var", "build", ".pytest_cache", ".git"}
PAGES = sorted(path for path in ROOT.rglob("*.md") if not NOT_OURS.intersection(path.relative_to(ROOT).parts))
LINK = re.compile(r"\]\(([^()\s]+)\)")
FILE = re.compile(r"`((?:lrs|rules|statements|schemas|scripts|tests|docs|findings)/[\w./*-]+\.\w+)`")
MODULE = re.compile(r"`((?:lrs|rules|statements|schemas)(?:\.[a-zA-Z_]\w*)+)`")
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@cache
def prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what a link can name in a page: its headings as GitHub slugs them, and its anchors."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(page))
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return frozenset(slugs | {*re.findall(r'<a id="([^"]+)"', prose(page))})


@by_name
def test_links_lead_somewhere(page: Path) -> None:
    dangling = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dangling.append(link)
    assert not dangling


@by_name
def test_files_that_a_page_names_exist(page: Path) -> None:
    missing = [name for name in FILE.findall(prose(page)) if not any(ROOT.glob(name.rstrip("/")))]
    assert not missing


@by_name
def test_modules_that_a_page_names_exist(page: Path) -> None:
    assert not [name for name in MODULE.findall(prose(page)) if name not in EVENT_TYPES and not known(name)]


def known(name: str) -> bool:
    """Tell whether a dotted name is a package, a module, or something that a module's text holds."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[length : length + 1])
    return False


def test_names_that_do_not_exist_are_found() -> None:
    assert known("statements.ingest.store_statements")
    assert not known("statements.ingest.no_such_step")
    assert not known("statements.no_such_room.store")
    assert "the-first-five-minutes" in anchors(ROOT / "README.md")
    assert "4.1-3" in anchors(ROOT / "docs" / "specification" / "certification.md")
