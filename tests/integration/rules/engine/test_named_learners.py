"""Whom a target names by an address: the person whose it is now (cert#5-8)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rules.programmes.learners import Needs, named_of

ADDRESS = "ana@x.example"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_an_address_that_passed_on_names_whose_it_is_now(db: Any) -> None:
    for person, until in (("p_former", NOW), ("p_present", None)):
        owned = {"ifi": f"mbox::mailto:{ADDRESS}", "from": None, "until": until}
        db.people.insert_one({"_id": person, "org": "vendor", "ifis": [owned], "merged_into": None})
    needs = Needs(frozenset(), frozenset(), frozenset({ADDRESS}), regions=False)
    found = named_of(db, needs, ["p_former", "p_present"])
    assert found["p_former"].persons == {"p_former"}
    assert found["p_present"].persons == {"p_present", ADDRESS}
