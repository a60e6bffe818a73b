"""`lrs rules check | test` with a store behind them (cert#3-5, cert#3-6): what is published is known."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo.database import Database

from lrs.commands.rule_files import COMMANDS, starter
from lrs.foundation.settings import Settings
from rules.catalogue.store import RuleStore
from rules.checking.check import resolved
from rules.checking.load import load

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
USER = starter("Certification").replace(
    "      - {done: course,", "      - {use: code-of-conduct/signed, key: conduct}\n      - {done: course,"
)


@pytest.fixture
def store(db: Database[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RuleStore:
    """A store that the commands find by the environment."""
    monkeypatch.setenv("LRS_MONGODB_URI", settings.mongodb_uri)
    monkeypatch.setenv("LRS_DATABASE", settings.database)
    return RuleStore(db)


def publish(store: RuleStore, text: str) -> None:
    document = resolved(load(text, "published.yaml"))
    assert document is not None
    with store.db.client.start_session() as session, session.start_transaction():
        store.publish(document, source=text, now=NOW, by="test", session=session)


def run(name: str, text: str, *options: str) -> Result:
    command = next(each for each in COMMANDS if each.name == name)
    return CliRunner().invoke(command, ["-", *options], input=text)


def codes(result: Result) -> list[str]:
    return [problem["code"] for problem in json.loads(result.output)["problems"]]


def test_a_published_fragment_is_known_to_check_and_test(store: RuleStore) -> None:
    """cert#2.7: without its file."""
    assert "E303" in codes(run("check", USER, "--json"))
    publish(store, starter("Fragment"))
    assert "E303" not in codes(run("check", USER, "--json"))
    tested = json.loads(run("test", USER, "--json").output)
    assert [case["differences"][0]["observed"] for case in tested["tests"]] == ["[conduct, exam]"]


def test_a_published_version_cannot_be_changed(store: RuleStore) -> None:
    """E206; the same content again is no problem."""
    publish(store, starter("Release"))
    assert codes(run("check", starter("Release"), "--json")) == []
    changed = run("check", starter("Release").replace("level: major", "level: minor"), "--json")
    assert (changed.exit_code, codes(changed)) == (1, ["E206"])


def test_the_tier_order_of_a_gate_test_comes_from_the_store(store: RuleStore) -> None:
    """cert#10-20: else from the store."""
    gate = starter("Gate").replace(
        "    # - tier_at_least: silver   # then also: tiers: <id of the PartnerTiers>\n",
        "    - tier_at_least: silver\n",
    )
    gate = gate.replace("    roster:", "    tiers: {north: gold}\n    roster:")
    assert run("test", gate, "--offline").exit_code == 1
    publish(store, starter("PartnerTiers"))
    result = run("test", gate)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "1 of 1 tests ok")


def test_offline_asks_no_store(store: RuleStore) -> None:
    publish(store, starter("Release"))
    changed = starter("Release").replace("level: major", "level: minor")
    assert codes(run("check", changed, "--json", "--offline")) == []
