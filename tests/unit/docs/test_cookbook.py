"""The cookbook, the demo's rules and the starters: each file is sound and its own tests pass."""

from __future__ import annotations

import pytest
from places import ROOT

from rules.testing.files import FileTests, run_files

FOLDERS = ("docs/cookbook", "lrs/demo/rules", "lrs/templates/rules")


def outcome_of(folder: str) -> list[FileTests]:
    """Run all files of a folder together, as `lrs rules test FOLDER/*.yaml` does."""
    files = sorted((ROOT / folder).glob("*.yaml"))
    return run_files((file.relative_to(ROOT).as_posix(), file.read_bytes()) for file in files)


CASES = [each for folder in FOLDERS for each in outcome_of(folder)]


@pytest.mark.parametrize("case", CASES, ids=[each.checked.loaded.file for each in CASES])
def test_file_is_sound_and_its_tests_pass(case: FileTests) -> None:
    """2.10 and 3: no problem, no warning, every expectation observed in both orders of the statements."""
    assert [str(problem) for problem in case.problems] == []
    assert case.ok
    document = case.checked.document
    assert document is not None
    if case.checked.loaded.data["kind"] in {"Certification", "PartnerTiers", "Gate"}:
        assert len(case.results) >= 1


def test_cookbook_has_at_least_fifteen_certifications() -> None:
    kinds = [each.checked.loaded.data["kind"] for each in outcome_of("docs/cookbook")]
    assert kinds.count("Certification") >= 15
    assert {"PartnerTiers", "Gate", "Release", "Fragment"} <= set(kinds)


@pytest.mark.parametrize("case", CASES, ids=[each.checked.loaded.file for each in CASES])
def test_file_begins_with_its_schema_and_says_what_it_is_for(case: FileTests) -> None:
    """3-5: the first line names the schema; a reader learns the purpose from the next."""
    first, second, *_ = case.checked.loaded.text.split("\n")
    assert first.startswith("# yaml-language-server: $schema=https://")
    if not case.checked.loaded.file.startswith("lrs/demo"):
        assert second.startswith("# ")
