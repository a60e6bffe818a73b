"""The lake holds every statement that stands exactly once, whatever happens and whenever it stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_statement, make_store, send, voider

from lrs.lake import reading
from lrs.lake.filling import BUILT, FOLLOWED, WALKED, Filler
from lrs.lake.rows import order_key


def store(db: Any, statements: list[dict[str, Any]], org: str = "north") -> None:
    send(make_store(db, org), *statements)


def some(count: int, **members: Any) -> list[dict[str, Any]]:
    return [make_statement(actor={"mbox": f"mailto:p{i}@x.example"}, **members) for i in range(count)]


def orders(filler: Filler) -> list[bytes]:
    """Return the order keys of all rows, each as often as it stands there."""
    with reading.connection() as db:
        found = reading.rows_of(
            db, f"SELECT position_at, serial FROM {reading.relation(db, filler.statements)}"
        )
    return sorted(order_key(*one) for one in found)


def standing(db: Any) -> list[bytes]:
    wanted = {"raw": {"$exists": True}, "voided": {"$exists": False}}
    return sorted(bytes(one["_id"]) for one in db.statements.find(wanted, {"_id": 1}))


def test_what_is_stored_is_followed_exactly_once(db: Any, filler: Filler, follow: Callable[[], Any]) -> None:
    store(db, some(3))
    assert follow().added == 3
    store(db, some(2), "south")
    assert follow().added == 2
    assert follow().added == 0
    assert orders(filler) == standing(db)


def test_voided_and_deleted_statements_lose_their_rows(
    db: Any, filler: Filler, follow: Callable[[], Any]
) -> None:
    statements = some(4)
    store(db, statements)
    follow()
    store(db, [voider(statements[0]["id"])])
    db.statements.delete_one({"actor": "mbox::mailto:p1@x.example"})
    done = follow()
    assert (done.added, done.removed) == (1, 2)  # the voiding statement itself stands
    assert orders(filler) == standing(db)


def test_a_build_goes_on_where_it_stopped_and_doubles_nothing(
    db: Any, filler: Filler, follow: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrs.lake.filling.BATCH", 3)
    store(db, some(5))
    store(db, some(3), "south")
    filler.create()
    assert not filler.build(lambda _count: False)
    again = Filler(db, str(filler.statements.uri).removesuffix("/statements"), lambda: True)
    assert not again.is_built
    store(db, some(2))
    assert again.build(lambda _count: True)
    assert again.is_built
    follow()
    assert orders(filler) == standing(db)


@pytest.mark.parametrize("step", ["words", "files", "commit"])
def test_a_crash_at_a_step_of_following_neither_loses_nor_doubles(
    db: Any, filler: Filler, follow: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    statements = some(4)
    store(db, statements)
    follow()
    store(db, [voider(statements[0]["id"]), *some(2)])
    before = orders(filler)
    with monkeypatch.context() as patch:
        if step == "words":
            patch.setattr("lrs.lake.filling.Dictionary.keys", _fail)
        elif step == "files":
            patch.setattr(filler.statements, "commit", _fail)
        else:
            patch.setattr(db.lake.__class__, "update_one", _fail_to_tell(db.lake.__class__.update_one))
        with pytest.raises(ZeroDivisionError):
            follow()
    assert orders(filler) in (before, standing(db))
    follow()
    assert orders(filler) == standing(db)


def _fail(*_args: Any, **_options: Any) -> Any:
    raise ZeroDivisionError


def _fail_to_tell(update_one: Any) -> Any:
    def told(self: Any, wanted: Any, change: Any, **options: Any) -> Any:
        is_telling = self.name == "lake" and "through" in change["$set"]  # others tell of other things
        return _fail() if is_telling else update_one(self, wanted, change, **options)

    return told


def test_positions_stand_in_the_commit_of_the_rows(
    db: Any, filler: Filler, follow: Callable[[], Any]
) -> None:
    first = filler.statements.position(FOLLOWED)
    store(db, some(1))
    follow()
    assert first is not None
    assert (filler.statements.position(FOLLOWED) or 0) > first
    last = db.statements.find_one(sort=[("_id", -1)])["_id"]
    assert filler.statements.position(WALKED) == int.from_bytes(last[:8], "big") + 1
    assert filler.statements.position(BUILT) == 0


def test_what_mongodb_was_told_is_believed_for_the_same_version_alone(
    db: Any, filler: Filler, follow: Callable[[], Any]
) -> None:
    store(db, some(2))
    follow()
    db.lake.update_one({}, {"$set": {"version": 99, "position": 2**62}})
    store(db, some(1))
    follow()
    assert orders(filler) == standing(db)
