"""`lrs rules check | test | new`: words, JSON and exit statuses (cert#6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from places import DEMO_RULES

from lrs.commands.rule_files import COMMANDS, KINDS, starter
from rules.language.yaml_tree import MAX_BYTES

RULES = DEMO_RULES
BY_NAME = {command.name: command for command in COMMANDS}


def run(name: str, *arguments: str | Path, **more: Any) -> Result:
    options = [] if name == "new" else ["--offline"]
    return CliRunner().invoke(BY_NAME[name], [*options, *map(str, arguments)], **more)


@pytest.mark.parametrize("kind", KINDS)
def test_a_starter_is_sound_and_its_tests_pass(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "starter.yaml"
    assert run("new", kind, target).exit_code == 0
    checked = run("check", target)
    assert checked.output.startswith(f"ok {kind} ")
    tested = run("test", target)
    assert (tested.exit_code, "FAIL" in tested.output) == (0, False)
    if kind not in {"Release", "Fragment", "Recall", "Engagement"}:
        assert "\nok    " in f"\n{tested.output}"


def test_a_starter_names_the_schema_first_and_explains() -> None:
    """cert#3-5: files name the schema in the first line."""
    for kind in KINDS:
        lines = starter(kind).split("\n")
        assert lines[0].startswith("# yaml-language-server: $schema=https://")
        assert sum("#" in line for line in lines) >= 4


def test_new_never_overwrites_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text("precious")
    refused = run("new", "gate", target)
    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert target.read_text() == "precious"
    assert run("new", "gate", target, "--force").exit_code == 0
    assert target.read_text() == starter("Gate")


def test_new_prints_and_refuses_unknown_kinds_and_folders(tmp_path: Path) -> None:
    assert run("new", "Gate", "-").output == starter("Gate")
    assert run("new", "Rule").exit_code == 2
    assert run("new", "Gate", tmp_path / "no" / "folder.yaml").exit_code == 2


def test_check_prints_ok_with_kind_id_version_and_hash() -> None:
    result = run("check", *sorted(RULES.glob("*.yaml")))
    assert result.exit_code == 0
    for line in result.output.splitlines():
        word, kind, _, version, digest = line.split()
        assert (word, kind in KINDS, version[0], len(digest)) == ("ok", True, "v", 64)


def test_check_prints_one_line_per_problem_and_exits_with_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((RULES / "sales-pro.yaml").read_text().replace("0.80\n", "80\n", 1))
    result = run("check", bad, RULES / "tech-pro.yaml")
    assert result.exit_code == 1
    first, second = result.output.splitlines()
    place = "21:19 award.when.all[3].at_least: 80 is not between 0 and 1 (did you mean 0.80?) [E204]"
    assert first == f"{bad}:{place}"
    assert second.startswith("ok Certification tech-pro v1 ")


def test_check_json_is_the_api_reply(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((RULES / "sales-pro.yaml").read_text().replace("0.80\n", "80\n", 1))
    result = run("check", "--json", bad, RULES / "impl-pro.yaml")
    reply = json.loads(result.output)
    assert (result.exit_code, reply["ok"]) == (1, False)
    assert reply["problems"] == [
        {
            "file": str(bad),
            "line": 21,
            "column": 19,
            "path": "award.when.all[3].at_least",
            "code": "E204",
            "message": "80 is not between 0 and 1",
            "suggestion": "0.80",
            "severity": "error",
        }
    ]
    (document,) = reply["documents"]
    assert (document["kind"], document["id"], document["version"]) == ("Certification", "impl-pro", "2")


def test_a_warning_does_not_fail_the_check(tmp_path: Path) -> None:
    text = (RULES / "impl-pro.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text[: text.index("tests:")])
    result = run("check", tmp_path / "a.yaml")
    assert result.exit_code == 0
    assert "[E401]" in result.output
    assert "\nok Certification impl-pro" in result.output


def test_files_that_are_not_there_are_usage_errors(tmp_path: Path) -> None:
    assert run("check", tmp_path / "none.yaml").exit_code == 2
    assert run("check", tmp_path).exit_code == 2
    assert run("check").exit_code == 2
    assert run("test", tmp_path / "none.yaml").exit_code == 2


def test_standard_input_is_read_and_bounded() -> None:
    assert run("check", "-", input=starter("Release")).output.startswith("ok Release acme-platform-6 v1 ")
    assert "[E101]" in run("check", "-", input=b"#" * (MAX_BYTES + 10)).output


def test_a_failing_test_shows_expected_beside_observed(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    text = (RULES / "sales-pro.yaml").read_text()
    bad.write_text(text.replace("status: in_progress, missing: [demo]", "status: active, missing: [exam]"))
    result = run("test", bad)
    assert result.exit_code == 1
    assert result.output.splitlines()[:3] == [
        "FAIL  Certification sales-pro v3: best of two attempts, award dated by the last piece",
        "      tests[0].expect[0].status: ana at 2026-03-09: status expected active, observed in_progress",
        "      tests[0].expect[0].missing: ana at 2026-03-09: missing expected [exam], observed [demo]",
    ]
    assert result.output.splitlines()[-1] == "2 of 3 tests ok"
    reply = json.loads(run("test", "--json", bad).output)
    assert [problem["code"] for problem in reply["problems"]] == ["E402", "E402"]
    assert [each["ok"] for each in reply["tests"]] == [False, True, True]
    assert reply["tests"][0]["differences"][0] == {
        "path": "tests[0].expect[0].status",
        "who": "ana at 2026-03-09",
        "key": "status",
        "expected": "active",
        "observed": "in_progress",
    }


def test_a_file_with_errors_is_not_tested(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Gate\n")
    result = run("test", tmp_path / "a.yaml")
    assert result.exit_code == 1
    assert "not tested, since it has errors" in result.output


def test_a_gate_takes_the_tier_order_from_files_of_the_same_call() -> None:
    """cert#10-20."""
    gate, tiers = RULES / "deal-registration.yaml", RULES / "acme-partners.yaml"
    assert run("test", gate, tiers).exit_code == 0
    alone = run("test", gate)
    assert alone.exit_code == 1
    assert "the programme acme-partners is needed; give its file in the same call" in alone.output


def test_a_certification_with_a_fragment_is_tested_with_its_file(tmp_path: Path) -> None:
    fragment, user = tmp_path / "fragment.yaml", tmp_path / "user.yaml"
    fragment.write_text(starter("Fragment"))
    used = "      - {use: code-of-conduct/signed, key: conduct}\n      - {done: course,"
    text = starter("Certification").replace("      - {done: course,", used)
    row = "      - {who: ana, at: 2026-02-01, status: in_progress, missing: [conduct]}\n"
    user.write_text(text[: text.index("    expect:")] + "    expect:\n" + row)
    alone = run("test", user)
    assert alone.exit_code == 1
    assert "its fragments are not known here; give their files too" in alone.output
    together = run("test", user, fragment)
    assert (together.exit_code, together.output.splitlines()[-1]) == (0, "1 of 1 tests ok")
