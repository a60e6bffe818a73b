"""`lrs orgs`, `clients`, `people`, `users`: the administration's ground from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories_access import basic, make_org, make_person
from flask import Flask
from pymongo.database import Database

from lrs.cli import cli
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]


@pytest.fixture
def run(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))

    def call(*args: str, status: int = 0, stdin: str | None = None) -> Result:
        done = CliRunner().invoke(cli, list(args), input=stdin)
        assert done.exit_code == status, (done.output, done.stderr, done.exception)
        return done

    return call


def rows(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_organizations_are_added_listed_and_changed(run: Any, db: Db) -> None:
    run("orgs", "add", "north", "Northwind", "--region", "EMEA")
    run("orgs", "edit", "north", "--status", "suspended")
    listed = {row["id"]: row for row in rows(run("orgs", "list", "--json"))}
    assert (listed["north"]["status"], listed["north"]["region"]) == ("suspended", "EMEA")
    assert "NAME" in run("orgs", "list").stdout
    assert "north" in run("orgs", "add", "north", "Again", status=1).stderr
    assert db.audit.find_one({"action": "org.edit"})["who"]["kind"] == "command"


def test_a_client_made_by_command_works_and_is_revoked(run: Any, app: Flask, db: Db) -> None:
    made = rows(run("clients", "add", "vendor", "--scope", "orgs", "--label", "ops", "--json"))[0]
    headers = basic(made["key"], made["secret"])
    assert app.test_client().get("/api/v1/orgs", headers=headers).status_code == 200
    rotated = rows(run("clients", "rotate", made["key"], "--json"))[0]
    assert rotated["secret"] != made["secret"]
    run("clients", "revoke", made["key"])
    listed = {row["key"]: row for row in rows(run("clients", "list", "--json"))}
    assert listed[made["key"]]["state"] == "revoked"
    assert "secrets" not in listed[made["key"]]
    assert "no client" in run("clients", "revoke", "nobody", status=1).stderr


def test_a_roster_is_tried_then_imported(run: Any, db: Db, tmp_path: Path) -> None:
    make_org(db, "north")
    file = tmp_path / "roster.csv"
    file.write_text("email,name\nana@north.example,Ana\nbad,Bad\n")
    tried = run("people", "import", "north", str(file), "--dry-run", status=1)
    assert "1 added, 0 changed, 0 unchanged, 1 refused (dry run: nothing was changed)" in tried.stdout
    assert "line 3: email: is not a mail address" in tried.stderr
    assert db.people.count_documents({}) == 0
    run("people", "import", "north", str(file), status=1)
    listed = rows(run("people", "list", "--org", "north", "--json"))
    assert [(row["name"], row["org"]) for row in listed] == [("Ana", "north")]


def test_a_roster_that_would_move_somebody_asks_and_tells(run: Any, db: Db, tmp_path: Path) -> None:
    make_org(db, "north")
    make_org(db, "south")
    ana = make_person(db, "ana@x.example", "south", name="Ana")
    file = tmp_path / "roster.csv"
    file.write_text("email\nana@x.example\n")
    asked = run("people", "import", "north", str(file), status=1)
    assert "line 2: primary: moves Ana from south: say yes to move" in asked.stderr
    for more in (("--dry-run",), ()):
        told = run("people", "import", "north", str(file), "--elsewhere", "move", *more)
        assert "moves Ana from south" in told.stdout
    assert rows(run("people", "list", "--org", "north", "--json"))[0]["id"] == ana


def test_people_are_moved_merged_and_split(run: Any, db: Db) -> None:
    make_org(db, "north")
    make_org(db, "south")
    ana = make_person(db, "ana@north.example", "north", name="Ana")
    make_person(db, "ana@south.example")
    run("people", "move", "ana@north.example", "south")
    assert rows(run("people", "list", "--org", "south", "--json"))[0]["id"] == ana
    run("people", "merge", "ana@north.example", "ana@south.example", "--dry-run")
    assert db.people.count_documents({"merged_into": ana}) == 0
    run("people", "merge", "ana@north.example", "ana@south.example")
    run("people", "split", ana, "mbox::mailto:ana@south.example", "--name", "Other Ana")
    assert len(rows(run("people", "list", "--json"))) == 2
    assert "nobody is known" in run("people", "show", "nobody@x.example", status=1).stderr


def test_erasing_asks_first(run: Any, db: Db) -> None:
    person = make_person(db, "ana@north.example")
    run("people", "erase", person, "--reason", "asked", "--dry-run")
    run("people", "erase", person, "--reason", "asked", status=1, stdin="n\n")
    assert db.people.find_one({"_id": person})["email"] == "ana@north.example"
    run("people", "erase", person, "--reason", "asked", "--yes")
    assert db.people.find_one({"_id": person})["email"] is None


def test_users_are_added_and_disabled(run: Any, db: Db) -> None:
    run("users", "add", "ada@vendor.example", "--password-stdin", stdin="correct horse battery\n")
    run("users", "edit", "ada@vendor.example", "--disable")
    listed = rows(run("users", "list", "--json"))[0]
    assert (listed["role"], listed["disabled_at"] is None) == ("vendor_admin", False)
    assert "password" not in listed
    assert (
        "role"
        in run("users", "add", "x@y.example", "--role", "partner_admin", "--no-password", status=1).stderr
    )
