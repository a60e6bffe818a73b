"""The living example: people stand in every state, partners in every tier, one statement is missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import orjson
import pytest
from pymongo.database import Database
from worker_rounds import until_quiet

from lrs.access import clients, users
from lrs.access.users import ROLES
from lrs.demo.accounts import ACCOUNTS
from lrs.demo.cast import CAST, PARTNERS
from lrs.demo.load import load, make_organizations, tell
from lrs.demo.story import sessions
from lrs.foundation.settings import Settings
from lrs.people.accounts import proven_mailbox
from lrs.running import worker
from rules.catalogue.relevance import relevance
from rules.engine.identity import person_id
from statements import ingest
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

NOW = dt.datetime.now(dt.UTC)
STATES = {
    "in_progress", "pending_review", "active", "renewal_open", "grace", "suspended", "expired", "revoked", "withdrawn",
}  # fmt: skip


@pytest.fixture
def said(settings: Settings, db: Database[dict[str, Any]]) -> list[str]:
    """The demo loaded and decided; what it said on the way."""
    lines: list[str] = []
    clients.bootstrap(db, "key", "a long enough secret", NOW)
    load(db, settings, NOW, lines.append)
    until_quiet(worker.worker_services(settings, db))
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
    assert any("100 % of the statements" in line for line in said)

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
    until_quiet(worker.worker_services(settings, db))
    assert states(db)["active"] == before + 1
    assert tier(db, "drift") == "silver"

    again: list[str] = []
    load(db, settings, NOW, again.append)
    assert "nothing is loaded" in again[0], "a second start with --demo changes nothing"
    assert sum("@" in line for line in again) == len(ACCOUNTS), "it still says who can sign in"


def test_every_role_can_sign_in_and_partners_know_their_people(
    said: list[str], settings: Settings, db: Database[dict[str, Any]]
) -> None:
    told = next(i for i, line in enumerate(said) if "/login" in line)
    password = said[told].split("password ")[1].rstrip(":")
    assert {role for _, _, role, _ in ACCOUNTS} == set(ROLES)
    for (_, email, role, org), line in zip(ACCOUNTS, said[told + 1 :], strict=True):
        assert (email in line, role in line) == (True, True)
        user = users.log_in(db, email, password, "127.0.0.1", NOW)
        assert (user["org"], proven_mailbox(user)) == (org, email), "pages on the own person ask for no link"
    assert db.deals.count_documents({"org": "borealis", "person": {"$ne": None}}) > 10
    (board,) = db.dashboards.find()
    assert all(db.query_results.find_one({"query": one, "rows": {"$ne": []}}) for one in board["questions"])
    known = db.affiliations.distinct("known_as", {"org": "borealis"})
    assert len([one for one in known if one]) == len([one for one in CAST if one.org == "borealis"])


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
    clients.bootstrap(db, "key", "a long enough secret", NOW)
    writers = make_organizations(db, settings, NOW)
    assert {writer.controlled_by for writer in writers.values()} == {"vendor"}


def test_sessions_are_stored_at_their_own_instants_whatever_the_process_stored_before(
    settings: Settings, db: Database[dict[str, Any]]
) -> None:
    clients.bootstrap(db, "key", "a long enough secret", NOW)
    ingest.CLOCK.take(NOW, 1)
    told = sessions(NOW)[:3]
    tell(db, make_organizations(db, settings, NOW), told, lambda _: None)
    assert sorted(db.statements.distinct("stored")) == [one.stored for one in told]
