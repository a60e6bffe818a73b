"""`lrs lake` builds, says how it stands, finds what differs, and says what is missing in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories import make_statement, make_store, send

from lrs.cli import cli
from lrs.lake import state
from lrs.lake.analysts.connecting import snippet
from lrs.lake.filling import Filler


@pytest.fixture
def lake(db: Any, mongod: str, tmp_path: Path) -> Any:
    """Run `lrs lake` with these words; `url` is where the lake is."""

    def run(*words: str, url: str = str(tmp_path / "lake")) -> Result:
        environ = {"LRS_MONGODB_URI": mongod, "LRS_DATABASE": db.name, "LRS_LAKE_URL": url}
        return CliRunner(env=environ).invoke(cli, ["lake", *words])

    return run


def test_a_lake_is_built_told_of_and_verified(db: Any, lake: Any) -> None:
    send(make_store(db, "north"), make_statement(), make_statement())
    built = lake("build")
    assert built.exit_code == 0, built.output
    assert "the lake holds 2 statements" in built.output
    assert '"rows": 2' in lake("status", "--json").output
    agreed = lake("verify")
    assert (agreed.exit_code, agreed.output) == (0, "store and lake agree\n")
    db.statements.update_one({}, {"$set": {"success": True}})  # nothing that is followed
    assert lake("verify").exit_code == 1
    assert "the lake holds 2 statements" in lake("build", "--anew").output
    assert lake("verify").exit_code == 0


def test_sorting_and_cleaning_say_what_they_did(db: Any, lake: Any) -> None:
    send(make_store(db, "north"), make_statement())
    lake("build")
    assert "files became 1" in lake("compact").output
    assert lake("vacuum").output == "0 texts that no statement names are gone\n"


def test_without_a_lake_there_is_one_line(db: Any, lake: Any, tmp_path: Path) -> None:
    nothing = lake("status", url="")
    assert nothing.exit_code == 1
    assert "LRS_LAKE_URL" in nothing.output
    unbuilt = lake("verify")
    assert (unbuilt.exit_code, unbuilt.output.count("\n")) == (1, 1)
    assert "run `lrs lake build`" in unbuilt.output


@pytest.mark.parametrize("words", [["build", "--anew"], ["verify"], ["compact"], ["vacuum"]], ids=" ".join)
def test_a_command_that_lost_the_lake_to_another_process_says_so_in_one_line(
    db: Any, lake: Any, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    send(make_store(db, "north"), make_statement())
    lake("build")
    monkeypatch.setattr(state, "renew", lambda *_: False)
    lost = lake(*words)
    assert (lost.exit_code, lost.output) == (1, "lrs: another process writes the lake; try again\n")


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_the_code_for_another_engine_counts_what_the_lake_holds(
    db: Any, filler: Filler, follow: Callable[[], Any], capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    pytest.importorskip(engine)
    send(make_store(db, "north"), *(make_statement() for _ in range(7)))
    follow()
    exec(snippet(engine, filler.statements.uri.removesuffix("/statements")), {})
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "north" in line)
    assert re.search(r"\b7\b", line)
