"""What an erasure leaves of awards, tiers and their replay."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import START, TIERS, World, exam, simple

from lrs.foundation.audit import Editor
from lrs.people.privacy import erasure
from rules import rebuild
from rules.catalogue.store import cache_of
from rules.credentials.store import CredentialStore
from rules.programmes import tier_recording


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    made.partner("north")
    made.publish(simple(), TIERS)
    made.settle()
    made.clock.forward(days=10)
    made.send([exam("ana", START + dt.timedelta(days=1))], "north")
    made.settle()
    return made


def erase(world: World, mode: str) -> None:
    editor = Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())
    erasure.erase(editor, world.person("ana"), mode=mode, reason="asked")
    world.settle()


def tier(world: World) -> str | None:
    rules = cache_of(world.db).get(fresh=True)
    return tier_recording.tier_at(world.db, rules, "partners", "north", world.clock()).tier


def test_a_pseudonym_keeps_the_award_the_tier_and_the_replay(world: World) -> None:
    before, award, held = world.states(), world.db.awards.find_one(), tier(world)
    erase(world, "pseudonymise")
    assert world.states() == before
    assert world.db.awards.find_one()["_id"] == award["_id"]
    assert tier(world) == held == "silver"
    engine = world.services.engine
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(engine, name, world.clock, limit=3)
    assert rebuild.finish(engine, name, world.clock())["differences"] == 0, "replay equals live"
    assert world.states() == before


def test_removal_takes_the_award_back(world: World) -> None:
    assert world.standing("ana") is not None
    before = str(world.standing("ana"))
    CredentialStore(world.db).entry_of_record(world.person("ana"), world.clock())
    offer = {
        "org": "vendor",
        "person": world.person("ana"),
        "expires_at": dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    }
    world.db.wallet_offers.insert_one(offer)
    erase(world, "remove")
    assert world.db.wallet_offers.count_documents({}) == 0
    assert str(world.standing("ana")) != before
    assert world.db.credentials.count_documents({}) == 0
    assert world.db.status_entries.count_documents({"set_at": {"$exists": False}}) == 0
