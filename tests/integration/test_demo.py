"""The living example: people stand in every state, partners in every tier, one statement is missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import orjson
import pytest
from pymongo.database import Database

from lrs import tenancy, worker
from lrs.demo.cast import CAST, PARTNERS
from lrs.demo.load import load, make_organizations
from lrs.demo.story import sessions
from lrs.settings import Settings
from rules.people import person_id
from rules.relevance import relevance
from statements.ingest import Writer, store_statements
from statements.parse import parse_statements
from statements.store import StatementStore

NOW = dt.datetime.now(dt.UTC)
STATES = {
    "in_progress", "pending_review", "active", "renewal_open", "grace", "suspended", "expired", "revoked", "withdrawn",
}  # fmt: skip


@pytest.fixture
def said(settings: Settings, db: Database[dict[str, Any]]) -> list[str]:
    """The demo loaded and decided; what it said on the way."""
    lines: list[str] = []
    tenancy.bootstrap(db, "key", "a long enough secret", NOW)
    load(db, settings, NOW, lines.append)
    worker.until_quiet(worker.workshop(settings, db))
    return lines


def states(db: Database[dict[str, Any]]) -> Counter[str]:
    from click.testing import CliRunner

    from lrs.cli import cli

    address = db.client.address
    assert address
    environ = {"LRS_MONGODB_URI": f"mongodb://{address[0]}:{address[1]}/?directConnection=true"}
    listed = CliRunner().invoke(cli, ["awards", "list", "--json"], env=environ | {"LRS_DATABASE": db.name})
    assert listed.exit_code == 0, listed.output
    return Counter(orjson.loads(line)["state"] for line in listed.output.splitlines())


def tier(db: Database[dict[str, Any]], org: str) -> str:
    steps = db.tiers.find_one({"organization": org})["steps"]  # type: ignore[index]  # every partner has one
    return str([step["tier"] for step in steps if step["at"] <= dt.datetime.now(dt.UTC)][-1])


def test_every_state_and_tier_stands_and_one_statement_changes_both(
    said: list[str], settings: Settings, db: Database[dict[str, Any]]
) -> None:
    assert states(db).keys() >= STATES
    assert [tier(db, org) for org in PARTNERS] == ["platinum", "gold", "silver", "registered"]
    assert db.rule_failures.count_documents({}) == 0
    assert db.statements.count_documents({}) > 3000
    assert "100 % of the statements" in said[-2]

    before = states(db)["active"]
    demo = {
        "actor": {"mbox": "mailto:ana.lima@drift.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://acme.example/xapi/sales/demo"},
    }
    writer = Writer(
        "key", "bootstrap", "vendor", {"account": {"homePage": "http://x.example", "name": "key"}}
    )
    store_statements(
        StatementStore(db, "vendor"), parse_statements(orjson.dumps(demo)), writer=writer, version="1.0.3",
        now=dt.datetime.now(dt.UTC), is_relevant=relevance(db),
    )  # fmt: skip
    worker.until_quiet(worker.workshop(settings, db))
    assert states(db)["active"] == before + 1
    assert tier(db, "drift") == "silver"

    load(db, settings, NOW, said.append)
    assert "nothing is loaded" in said[-1], "a second start with --demo changes nothing"


def test_the_story_is_the_same_in_every_run() -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    told = [one.statements for one in sessions(now)]
    assert told == [one.statements for one in sessions(now)]
    ids = [statement["id"] for statements in told for statement in statements]
    assert len(ids) == len(set(ids)) > 3000
    assert all(one.stored <= now for one in sessions(now))


def test_names_and_mailboxes_are_distinct() -> None:
    assert len({person_id(one.ifi) for one in CAST}) == len(CAST)


def test_content_keys_are_vendor_controlled(settings: Settings, db: Database[dict[str, Any]]) -> None:
    tenancy.bootstrap(db, "key", "a long enough secret", NOW)
    writers = make_organizations(db, settings, NOW)
    assert {writer.controlled_by for writer in writers.values()} == {"vendor"}
