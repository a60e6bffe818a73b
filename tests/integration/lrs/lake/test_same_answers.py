"""The lake and MongoDB give the same rows to the last digit, for every question that the lake takes."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import Any

from factories import make_store, send
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lake_questions import ORGS, questions, statements

from lrs.analysis.engine import Engine, lake_at
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.lake.filling import Filler
from statements.query.analyst_query import AnalystQuery

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
EXAMPLES = int(os.environ.get("LAUREL_LAKE_EXAMPLES", "60"))
stores = st.lists(st.tuples(st.sampled_from(ORGS), statements()), max_size=7)


class OfLake(Analyst):
    """Asks the lake whatever the question."""

    def engine(self, query: AnalystQuery, *, sparse: bool = False) -> Engine:
        return Engine("lake", "", NOW, lake_at(self.lake))


def asked(db: Any, filler: Filler, scope: Scope) -> tuple[Analyst, Analyst]:
    url = filler.statements.uri.removesuffix("/statements")
    return Analyst(db, scope, NOW), OfLake(db, scope, NOW, lake=url)


def people(db: Any) -> None:
    """Somebody with two addresses, who moved; somebody who stays."""
    db.orgs.delete_many({})
    db.orgs.insert_many([{"_id": org, "region": "emea" if org == "north" else None} for org in ORGS])
    db.people.delete_many({})
    db.people.insert_many([
        {"_id": name, "org": "vendor", "merged_into": None, "ifis": [{"ifi": f"mbox::mailto:p{n}@x.example"} for n in of]}
        for name, of in (("ana", (0, 1)), ("ben", (2,)))
    ])  # fmt: skip
    db.affiliations.delete_many({})
    moved = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    rows = [
        ("ana", "north", None, moved, "sales"),
        ("ana", "south", moved, None, None),
        ("ben", "south", None, None, "sales"),
    ]
    for i, (person, org, since, until, role) in enumerate(rows):
        db.affiliations.insert_one({
            "_id": f"f{i}", "person": person, "org": org, "primary": True, "role": role, "from": since or dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            "until": until, "confirmed_at": moved,
        })  # fmt: skip


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)  # what fails is told as it was found: making it smaller takes longer than reading it
@given(store=stores, asking=questions(), orgs=st.sampled_from([("north",), ORGS]))
def test_both_engines_give_the_same_rows(
    db: Any, filler: Filler, follow: Callable[[], Any], store: Any, asking: Any, orgs: tuple[str, ...]
) -> None:
    db.statements.delete_many({})
    people(db)
    for org, statement in store:
        send(make_store(db, org), statement)
    follow()
    mongo, lake = asked(db, filler, Scope(orgs))
    for question in [asking]:
        expected, got = mongo.ask(question), lake.ask(question)
        assert got.rows == expected.rows, f"{question}\nlake  {got.rows}\nmongo {expected.rows}"
        assert got.cursor == expected.cursor, question
        if got.engine.lake is None:
            assert "cannot tell exactly" in got.engine.reason
        pages = 0
        while expected.cursor is not None:
            pages += 1
            assert pages < 10, question
            question["cursor"] = expected.cursor
            expected, got = mongo.ask(question), lake.ask(question)
            assert (got.rows, got.cursor) == (expected.rows, expected.cursor), question
