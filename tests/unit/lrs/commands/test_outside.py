"""Where no server runs, each command says so in one sentence, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from pymongo import MongoClient

from lrs import cli, commands
from lrs.commands import rule_files
from lrs.foundation import settings

NOWHERE = "mongodb://127.0.0.1:9/?directConnection=true"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without a server, on a machine where no MongoDB answers at the usual place."""
    for name in settings.variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(commands, "connect", lambda _: MongoClient(NOWHERE)["x"])
    monkeypatch.setattr(commands, "USUAL_PLACE_SECONDS", 0.05)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_command_says_that_no_server_runs_on_the_data_folder(
    outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lrs", "awards", "list"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"no `lrs serve` runs on the data folder {outside / 'data'}" in told
    assert "LRS_DATA_FOLDER" in told
    assert len(told.splitlines()) == 1


def test_a_check_without_a_store_says_what_it_did_not_judge(outside: Path) -> None:
    file = outside / "rule.yaml"
    file.write_text(rule_files.starter("Certification"))
    told = CliRunner().invoke(cli.cli, ["rules", "check", str(file)])
    assert (told.exit_code, "ok Certification" in told.stdout) == (0, True)
    assert "names outside these files are not judged" in told.stderr
    quiet = CliRunner().invoke(cli.cli, ["rules", "check", "--offline", str(file)])
    assert (quiet.exit_code, quiet.stderr) == (0, "")
