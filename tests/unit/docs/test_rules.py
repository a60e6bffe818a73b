"""The guide for rule authors: its examples load, its links lead somewhere, its list of codes is whole."""

from __future__ import annotations

import re

import pytest
from places import ROOT, TESTS

from rules.checking.check import check
from rules.checking.load import load

RULES = TESTS / "unit" / "rules"
FOLDER = ROOT / "docs" / "rules"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
_NUMBERS = {"E": (101, 104), "E2": (201, 206), "E3": (301, 308), "E4": (401, 402), "W": (501, 504)}
CODES = [f"{kind[0]}{n}" for kind, (low, high) in _NUMBERS.items() for n in range(low, high + 1)]


@pytest.mark.parametrize("name", PAGES)
def test_whole_documents_of_a_page_are_sound(name: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGES[name], re.DOTALL)
    for block in blocks:
        if not block.startswith("kind:"):
            continue
        errors = [each for each in check([load(block, name)], None) if each.severity == "error"]
        assert [str(each) for each in errors] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[name]):
        assert (FOLDER / target).exists(), target


def test_every_page_is_listed_and_every_recipe_is_named() -> None:
    for page in PAGES:
        assert page == "README.md" or f"({page})" in PAGES["README.md"]
    for recipe in sorted((FOLDER.parent / "cookbook").glob("*.yaml")):
        assert f"(../cookbook/{recipe.name})" in PAGES["cookbook.md"]


def test_every_code_is_explained_once() -> None:
    """3-4."""
    assert re.findall(r"^\| ([EW]\d{3}) \|", PAGES["problems.md"], re.MULTILINE) == CODES


def test_every_code_has_a_test_of_its_own() -> None:
    tests = (RULES / "checking" / "test_check.py").read_text(encoding="utf-8")
    tests += (RULES / "checking" / "test_load.py").read_text(encoding="utf-8")
    tests += (RULES / "testing" / "test_runner.py").read_text(encoding="utf-8")
    assert [code for code in CODES if code not in tests] == []
