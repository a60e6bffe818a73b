"""Statements are read in order up to a place, and changes below it: none is missed or doubled, whatever the clocks say."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from bson import Binary
from factories import make_statement, make_store, send, voider
from pymongo.database import Database

from lrs.foundation.context import utc_now
from lrs.lake import feed, filling, reading, state, tending
from lrs.lake.errors import FeedLost
from lrs.lake.filling import Filler
from lrs.lake.rows import order_key
from statements.intake import prepare

Follow = Callable[[], Any]


def store(db: Any, count: int = 1) -> list[str]:
    return send(make_store(db, "north"), *(make_statement() for _ in range(count)))


def late(db: Any, before: int = 5_000_000, session: Any = None) -> None:
    """Insert a statement whose order key is older than others that are there."""
    document = db.statements.find_one({"raw": {"$exists": True}}, session=session)
    at = int.from_bytes(document["_id"][:8], "big") - before
    document |= {"_id": Binary(prepare.ORDER_KEYS.make(at)), "id": Binary(random.randbytes(16), 4)}
    db.statements.insert_one(document, session=session)


def rows(filler: Filler) -> list[bytes]:
    with reading.connection() as lake:
        table = reading.relation(lake, filler.statements)
        return sorted(
            order_key(*one) for one in reading.rows_of(lake, f"SELECT position_at, serial FROM {table}")
        )


def standing(db: Any) -> list[bytes]:
    return sorted(bytes(one["_id"]) for one in db.statements.find(filling.STANDING, {"_id": 1}))


def test_what_comes_with_an_old_order_key_is_followed_once(db: Any, filler: Filler, follow: Follow) -> None:
    store(db, 3)
    follow()
    late(db)
    assert follow().added == 1
    store(db)
    late(db)
    assert follow().added == 2
    assert follow().added == 0
    assert rows(filler) == standing(db)


def test_a_transaction_that_ends_after_its_place_was_read_is_followed_once(
    db: Any, filler: Filler, follow: Follow
) -> None:
    store(db)
    with db.client.start_session() as session, session.start_transaction():
        late(db, -1, session)
        store(db, 2)
        follow()
    assert len(rows(filler)) == 3
    follow()
    assert rows(filler) == standing(db)


@pytest.mark.parametrize("moment", ["newest", "beat", "changes", "read", "encoded", "write", "commit"])
@pytest.mark.parametrize("what", ["comes", "comes late", "goes", "is voided"])
def test_whatever_happens_at_whichever_moment_of_a_round_the_next_one_makes_right(
    db: Any, filler: Filler, follow: Follow, monkeypatch: pytest.MonkeyPatch, moment: str, what: str
) -> None:
    store(db, 2)
    follow()
    ids = store(db, 4)
    happened: list[bool] = []

    def happen() -> None:
        if happened:
            return
        happened.append(True)
        if what == "comes":
            store(db, 2)
        elif what == "comes late":
            late(db)
            late(db, -1)
        elif what == "goes":
            db.statements.delete_one({"_id": {"$in": [Binary(standing(db)[i]) for i in (0, 3)]}})
        else:
            send(make_store(db, "north"), voider(ids[1]))

    place, name = {
        "newest": (filling, "newest"), "beat": (state, "beat"), "changes": (feed, "changes"),
        "read": (filling, "walked"), "encoded": (filler, "_encoded"), "write": (filler.statements, "write"),
        "commit": (filler.statements, "commit"),
    }[moment]  # fmt: skip
    done = getattr(place, name)

    def after(*args: Any, **options: Any) -> Any:
        result = done(*args, **options)
        happen()
        return result

    with monkeypatch.context() as patch:
        patch.setattr(place, name, after)
        follow()
    assert happened
    follow()
    assert rows(filler) == standing(db)
    assert tending.verify(db, filler) == []


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_whichever_commit_a_round_dies_at_the_next_one_makes_right(
    db: Any, filler: Filler, follow: Follow, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    monkeypatch.setattr(filling, "BATCH", 2)
    monkeypatch.setattr(filling, "COMMIT", 3)
    monkeypatch.setattr(filling, "ROUND", 1)
    url = filler.statements.uri.removesuffix("/statements")
    store(db, 2)
    follow()
    for dies_at in range(6):
        ids = store(db, 8)
        late(db)
        send(make_store(db, "north"), voider(ids[0]))
        db.statements.delete_one({"_id": Binary(standing(db)[0])})
        dying, left = Filler(db, url, lambda: True), [dies_at]
        commit = dying.statements.commit

        def dies(*args: Any, left: list[int] = left, commit: Any = commit) -> None:
            left[0] -= 1
            if after or left[0] >= 0:
                commit(*args)
            if left[0] < 0:
                raise ZeroDivisionError

        monkeypatch.setattr(dying.statements, "commit", dies)
        with pytest.raises(ZeroDivisionError):
            dying.follow(utc_now)
        Filler(db, url, lambda: True).follow(utc_now)
        assert rows(filler) == standing(db)
    assert tending.verify(db, Filler(db, url, lambda: True)) == []


def test_statements_of_one_microsecond_stay_in_one_commit(
    db: Any, filler: Filler, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what was read is told by a microsecond, whatever commit is the last."""
    monkeypatch.setattr(filling, "BATCH", 2)
    monkeypatch.setattr(filling, "COMMIT", 3)
    store(db)
    for _ in range(7):
        late(db, 0)
    store(db, 5)
    walk, seen = filler._walk, []
    first = int.from_bytes(standing(db)[0][:8], "big")

    def one_after_the_other(at: int, end: int) -> Any:
        for count in walk(at, end):
            seen.append((count, filler.walked))
            yield count

    monkeypatch.setattr(filler, "_walk", one_after_the_other)
    follow()
    assert seen[0][0] >= 8
    assert seen[0][1] > first
    assert len(seen) > 1
    assert rows(filler) == standing(db)


def test_writers_with_long_transactions_and_old_keys_leave_no_difference(db: Any, filler: Filler) -> None:
    url = filler.statements.uri.removesuffix("/statements")
    over = threading.Event()
    store(db, 5)

    def write(seed: int) -> None:
        chance = random.Random(seed)
        own = make_store(db, "north")
        while not over.is_set():
            kind = chance.random()
            if kind < 0.5:
                send(own, *(make_statement() for _ in range(chance.randrange(1, 5))))
            elif kind < 0.7:
                with db.client.start_session() as session, session.start_transaction():
                    for _ in range(2):
                        late(db, chance.randrange(-1_000, 500_000), session)
                        over.wait(chance.random() / 5)
            elif kind < 0.85:
                for one in db.statements.aggregate([{"$match": {"voids": None}}, {"$sample": {"size": 1}}]):
                    send(own, voider(str(one["id"])))
            else:
                db.statements.delete_one({"_id": Binary(chance.choice(standing(db)))})

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(15):
            Filler(db, url, lambda: True).follow(utc_now)
            found = rows(filler)
            assert len(found) == len(set(found))
    finally:
        over.set()
        for writer in writers:
            writer.join()
    last = Filler(db, url, lambda: True)
    last.follow(utc_now)
    assert rows(last) == standing(db)
    assert tending.verify(db, last) == []


def changes(db: Database[Any], since: int, below: bytes) -> list[Any]:
    token = uuid4().hex
    state.beat(db, token)
    found = feed.changes(db, since, token, Binary(below), ["people", "orgs"])
    return [change for _, change in found if change is not None]


def test_the_stream_tells_of_statements_below_a_key_and_of_what_stands_in_tables(
    db: Any, filler: Filler
) -> None:
    db.definitions.insert_one({"_id": "before"})  # what happened at a position is told once more
    since = feed.present(db)
    store(db, 3)
    third = standing(db)[2]
    db.statements.update_many({}, {"$set": {"pending": True}})
    db.statements.update_many({}, {"$unset": {"pending": ""}})
    db.people.insert_one({"_id": "ada"})
    db.definitions.insert_one({"_id": "ada"})
    first, second = (("statements", one) for one in standing(db)[:2])
    assert changes(db, since, third) == [first, second, ("people", "ada")]
    db.definitions.insert_one({"_id": "between"})
    since = feed.present(db)
    db.statements.update_many({}, {"$set": {"voided": True}})
    assert set(changes(db, since, third)) == {first, second}


def test_mongodb_drops_new_statements_before_it_makes_changes_of_them(db: Any, filler: Filler) -> None:
    pipeline: list[Any] = [{"$changeStream": {}}, *feed._stages(Binary(bytes(16)), ["people"])]
    command = {"aggregate": 1, "pipeline": pipeline, "cursor": {}}
    plan = db.command("explain", command, verbosity="queryPlanner")
    parsed = str(plan["stages"][0]["$cursor"]["queryPlanner"]["parsedQuery"])
    assert "{'o._id': {'$lt': b'\\x00" in parsed


def test_a_database_that_was_dropped_is_a_lost_feed(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PATIENCE", 5.0)
    other = db.client[f"{db.name}_dropped"]
    since = feed.present(other)
    other.people.insert_one({"_id": "ada"})
    db.client.drop_database(other)
    with pytest.raises(FeedLost):
        list(feed.changes(other, since, "now", Binary(bytes(16)), ["people"]))
