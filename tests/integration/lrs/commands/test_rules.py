"""`lrs rules`, `lrs gates` and `lrs groups` as a vendor's administrator types them, on a real database."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories_engine import GATE, TIERS, Clock, World, exam, simple

from lrs.cli import cli
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings


@pytest.fixture
def world(db: Any) -> World:
    """Return a world whose clock stands where that of the commands does."""
    return World(db, Clock(utc_now()))


@pytest.fixture
def post(world: World, app: Any, auth: Any) -> Any:
    """Post rule files to the API as the vendor: post(what, paths) -> reply."""

    def call(what: str, paths: list[Path]) -> Any:
        body = {"files": [{"file": str(one), "text": one.read_text()} for one in paths]}
        found = app.test_client().post(f"/api/v1/rules/{what}", json=body, headers=auth())
        assert found.status_code == 200, found.json
        return found.json

    return call


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))

    def call(*args: str, status: int = 0) -> Result:
        done = CliRunner().invoke(cli, list(args))
        assert done.exit_code == status, (done.output, done.stderr, done.exception)
        return done

    return call


def test_a_gate_shows_what_it_needs_and_says_which_field_is_missing(world: World, run: Any) -> None:
    world.partner("north")
    world.publish(simple(), TIERS, GATE)
    shown = run("gates", "show", "deal").stdout
    assert "needs deal.product  (allow_when.all[1].submitter_holds.product, refusal)" in shown
    assert "the submitter holds role sales product {deal.product}, active" in shown
    assert "ask: lrs gates check deal -o ORGANIZATION -s PERSON product=..." in shown
    schema = json.loads(run("gates", "show", "deal", "--json").stdout)["question"]
    assert schema["properties"]["deal"]["required"] == ["product"]
    asked = ("gates", "check", "deal", "-o", "north", "-s", "ana@example.com")
    refused = run(*asked, status=2)
    assert refused.stderr == "deal.product is missing: gate deal needs deal.product\n"
    assert "{deal.product}" not in refused.output
    assert "deal.product is missing" in run(*asked, "product=", "sku=1", status=2).stderr
    assert world.db.gate_answers.count_documents({}) == 0
    answered = run(*asked, "product=acme-platform", status=1).stdout
    assert answered.startswith("refuse  Silver and a sales certification for acme-platform are needed.")
    assert "no Gate 'deel' is published (did you mean deal?)" in run("gates", "show", "deel", status=2).stderr


def test_retiring_twice_says_so_and_records_nothing(world: World, run: Any) -> None:
    world.publish(simple(), TIERS)
    assert run("rules", "retire", "sales", "--reason", "replaced", "--by", "ada").stdout == (
        "retired sales: no new awards; running periods end by date\n"
    )
    records = world.db.rule_versions.count_documents({})
    again = run("rules", "retire", "sales", status=1)
    assert again.stderr.startswith("sales is retired already, since ")
    assert again.stderr.endswith("Z by ada (replaced); nothing was changed\n")
    assert again.stdout == ""
    assert world.db.rule_versions.count_documents({}) == records
    planned = run("rules", "retire", "sales", "--withdraw").stdout
    assert "sales v1 -> withdrawn" in planned
    assert world.db.rule_versions.count_documents({}) == records, "a plan changes nothing"
    run("rules", "apply", planned.split()[1])
    for option in ((), ("--withdraw",)):
        assert "sales is withdrawn already" in run("rules", "retire", "sales", *option, status=1).stderr
    world.clock.at = utc_now()
    world.publish(simple(version="2"))
    run("rules", "retire", "sales")


def test_what_is_not_published_is_named_with_what_was_probably_meant(world: World, run: Any) -> None:
    world.publish(simple(), TIERS)
    world.send([exam("ana", world.clock())])
    world.settle()
    for command in ("retire", "show", "diff"):
        assert "'salse' is published (did you mean sales?)" in run("rules", command, "salse", status=2).stderr
    assert "(that is the id of a PartnerTiers)" in run("rules", "retire", "partners", status=2).stderr
    assert "(versions: 1)" in run("rules", "show", "sales", "--version", "7", status=2).stderr
    assert "did you mean sales?" in run("rules", "explain", "ana@example.com", "sale", status=2).stderr
    assert "did you mean sales?" in run("rules", "history", "ana@example.com", "sale", status=2).stderr
    assert "sales has only one version, 1" in run("rules", "diff", "sales", status=2).stderr
    assert "is published\n" in run("rules", "retire", "something-else", status=2).stderr


HOLDER = """
kind: Certification
id: holder
version: "1"
title: Holder
evidence:
  lab: {verb: passed, activity: "https://acme.example/lab"}
award:
  when: {all: [{holds: sales, version_at_least: "9"}, {done: lab}]}
validity: {lasts: 6 months}
tests:
  - name: versions count by the day from which they apply
    holds:
      ana: [{certification: sales, version: "9", from: 2026-01-01}]
      bo: [{certification: sales, version: "10", from: 2026-01-01}]
      cy: [{certification: sales, version: "8", from: 2026-01-01}]
      dov: [{certification: sales, version: "11", from: 2026-01-01}]
    given:
      - {who: ana, verb: passed, activity: "https://acme.example/lab", at: 2026-01-10}
      - {who: bo, verb: passed, activity: "https://acme.example/lab", at: 2026-01-10}
      - {who: cy, verb: passed, activity: "https://acme.example/lab", at: 2026-01-10}
      - {who: dov, verb: passed, activity: "https://acme.example/lab", at: 2026-01-10}
    expect:
      - {who: ana, at: 2026-01-11, status: active}
      - {who: bo, at: 2026-01-11, status: active}
      - {who: cy, at: 2026-01-11, status: in_progress}
      - {who: dov, at: 2026-01-11, status: active}
"""


def test_command_and_api_test_files_against_the_same_documents(
    world: World, run: Any, post: Any, tmp_path: Path
) -> None:
    """cert#3-6: every published version counts, by the day from which it applies, beside the files given together."""
    day = utc_now().date()
    world.publish(simple(version="8"), TIERS)
    world.publish(simple(version="9", more="transition: {existing: keep}"))
    world.publish(simple(version="10", more=f"effective_from: {day + dt.timedelta(days=9)}"))
    texts = {
        "holder": HOLDER,
        "sales": simple(version="11", more=f"effective_from: {day + dt.timedelta(days=20)}"),
        "gate": GATE.replace("deal", "mdf"),
        "failing": simple("failing").replace("status: active", "status: expired"),
        "broken": simple("broken").replace("at_least: 0.8", "at_least: 80"),
    }
    paths = {name: tmp_path / f"{name}.yaml" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    every = [*texts]
    for names, status in (
        (["holder", "sales", "gate"], 0),
        (["gate"], 0),
        (["holder"], 1),  # version 11 is in no file and not published
        (every, 1),
        (every[::-1], 1),
    ):
        chosen = [paths[name] for name in names]
        for what in ("test", "check"):
            expected = 1 if (what == "test" and status) or "broken" in names else 0
            told = json.loads(run("rules", what, *map(str, chosen), "--json", status=expected).stdout)
            assert told == post(what, chosen), names
    assert [one["ok"] for one in post("test", [paths["holder"], paths["sales"]])["tests"]] == [True, True]
    assert [one["ok"] for one in post("test", [paths["holder"]])["tests"]] == [False]
    offline = run("rules", "test", "--offline", str(paths["gate"]), status=1)
    assert "no programmes are at hand" in offline.stdout


def test_what_is_published_compared_explained_and_retired_is_told_as_data_too(world: World, run: Any) -> None:
    """cert#6: every command has --json; text says what is not there, and for which instant it holds."""
    world.publish(simple())
    world.publish(simple(version="2", title="Sales II"))
    world.send([exam("ana", world.clock(), 0.7)])
    world.settle()
    compared = json.loads(run("rules", "diff", "sales", "--json").stdout)
    assert (compared["same"], "+title: Sales II" in compared["lines"]) == (False, True)
    assert "+title: Sales II" in run("rules", "diff", "sales").stdout
    assert run("rules", "diff", "sales", "2", "2").stdout == "the texts are the same\n"
    listed = json.loads(run("rules", "list", "--json").stdout)
    assert (listed["effective_from"], listed["version"]) == (f"{world.clock():%Y-%m-%d}", "2")
    assert "BACKFILL" in run("rules", "list").stdout
    assert run("rules", "history", "ana@example.com", "sales").stdout == "nothing was decided yet\n"
    assert run("rules", "history", "ana@example.com", "sales", "--json").stdout == ""
    asked = ("rules", "explain", "ana@example.com", "sales")
    told = run(*asked, "--at", "2027-01-01", "--known-at", "9000-01-01")
    assert told.stdout.endswith("at 2027-01-01T00:00:00Z, as known at 9000-01-01T00:00:00Z.\n")
    assert "(it was published after 2020-01-01)" in run(*asked, "--known-at", "2020-01-01", status=2).stderr
    assert "This is how" not in run("rules", "explain", "ana@example.com", "sales").stdout
    retired = json.loads(run("rules", "retire", "sales", "--reason", "replaced", "--json").stdout)
    assert (retired["action"], retired["id"]) == ("retire", "sales")


def test_a_disabled_gate_gives_no_answers_and_an_evaluated_one_allows(world: World, run: Any) -> None:
    """cert#2.2, cert#5-7."""
    world.partner("north")
    world.publish(simple(), TIERS, GATE.replace("subject: deal", "subject: deal\nmode: evaluate"))
    asked = ("gates", "check", "deal", "-o", "north", "-s", "ana@example.com", "product=x")
    assert run(*asked).stdout.startswith("allow (not enforced)")
    assert "mode: evaluate" in run("gates", "show", "deal").stdout
    world.clock.at = utc_now()
    world.publish(GATE.replace("subject: deal", "subject: deal\nmode: disabled"))
    assert "gate deal v1 is disabled: it gives no answers" in run(*asked, status=2).stderr
    assert world.db.gate_answers.count_documents({}) == 1


def test_a_gate_without_tiers_is_answered_beside_several_programmes(world: World, run: Any) -> None:
    """cert#2.9: `tiers` is needed only for `tier_at_least`; a gate that became ambiguous says between which."""
    world.partner("north")
    bare = GATE.replace("    - tier_at_least: silver\n", "").replace("id: deal", "id: bare")
    asked = ("-o", "north", "-s", "ana@example.com", "product=x")
    world.publish(simple(), bare)
    assert run("gates", "check", "bare", *asked, status=1).stdout.startswith("refuse")  # no programme at all
    for more in ((TIERS, GATE), (TIERS.replace("id: partners", "id: resellers"),)):
        world.clock.at = utc_now()
        world.publish(*more)
    assert run("gates", "check", "bare", *asked, status=1).stdout.startswith("refuse")
    assert run("gates", "show", "bare").stdout.startswith("bare v1  bare\n")
    unclear = run("gates", "check", "deal", *asked, status=2).stderr
    assert "gate deal names no programme under tiers, and there are partners, resellers" in unclear
