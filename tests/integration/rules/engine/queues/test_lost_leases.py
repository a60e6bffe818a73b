"""Who lost the people that it was deciding leaves everything to whoever has them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from factories_engine import World, exam, simple

from rules.catalogue.store import cache_of
from rules.engine.engine import Engine


def test_a_worker_that_lost_its_lease_clears_no_mark_even_where_it_finds_nothing_to_write(db: Any) -> None:
    """The other one may not have made durable yet what is seen of it; after an election it decides once more."""
    world = World(db)
    world.publish(simple())
    world.settle()
    world.send([exam("ana", world.clock(), 0.9)])
    later, others = world.clock() + dt.timedelta(minutes=10), []

    def taken_over(step: str) -> None:
        if step == "leased" and not others:
            others.append(Engine(world.db, cache_of(world.db)).run_marked(later)[0])
            world.db.work.update_many({}, {"$set": {"leased_by": "another", "leased_until": later}})
            world.db.statements.update_many({}, {"$set": {"pending": True}})  # its mark: to be cleared by it

    mine, _ = Engine(world.db, cache_of(world.db), at_step=taken_over).run_marked(world.clock())
    assert (others[0].marks, mine.marks) == (1, 0)
    assert world.db.statements.count_documents({"pending": True}) == 1
