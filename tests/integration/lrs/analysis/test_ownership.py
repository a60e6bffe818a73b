"""Who owns an identifier is kept in each process, and what merges, splits, erasures change counts at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from factories import make_statement, make_store, send
from places import ROOT

from lrs.analysis.ownership import LONGEST_S, Ownership, OwnershipCache, ownership_of
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.people import merge, records
from lrs.people.privacy import erasure
from rules.engine import ownership
from rules.engine.identity import Sighting, give_identifier, persons_for

PEOPLE: Any = {"measures": {"people": {"distinct": "person"}}}
A, B, C = (f"mbox::mailto:{name}@x.example" for name in "abc")


def editor(db: Any) -> Editor:
    return Editor(db, {"kind": "test", "id": "t", "name": "t"}, utc_now())


def person(db: Any, *ifis: str) -> str:
    return str(records.add_person(editor(db), ifis)["_id"])


def is_as_read_anew(db: Any, cache: OwnershipCache) -> Ownership:
    kept, fresh = cache.get(), OwnershipCache(db).get()
    assert kept.person_of == fresh.person_of
    assert kept.identifiers == fresh.identifiers
    return kept


def test_nothing_is_read_again_while_nobody_changes(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    person(db, A)
    cache = OwnershipCache(db)
    known = cache.get()
    monkeypatch.setattr(cache, "_rows", None)
    assert cache.get() is known


def merged(db: Any, one: str, other: str) -> None:
    merge.merge(editor(db), one, other)


def split(db: Any, one: str, _other: str) -> None:
    records.add_identifier(editor(db), one, C)
    merge.split(editor(db), one, [C])


def erased(db: Any, one: str, _other: str) -> None:
    erasure.erase(editor(db), one, mode="remove", reason="asked for it")


def given(db: Any, one: str, _other: str) -> None:
    give_identifier(db, one, {"ifi": C, "from": None, "until": None})


def seen_first(db: Any, _one: str, _other: str) -> None:
    persons_for(db, [Sighting(C, "north")], utc_now())


def given_away(db: Any, one: str, other: str) -> None:
    """It was theirs until now, and is another's: who has it for longest has it."""
    records.end_identifier(editor(db), one, A, utc_now())
    records.add_identifier(editor(db), other, A, utc_now())


@pytest.mark.parametrize("change", [merged, split, erased, given, seen_first, given_away])
def test_what_changes_counts_at_once(db: Any, change: Callable[[Any, str, str], None]) -> None:
    one, other = person(db, A), person(db, B)
    cache = OwnershipCache(db)
    before = cache.get()
    assert before.person_of[A] == one
    change(db, one, other)
    assert is_as_read_anew(db, cache) is not before
    assert before.person_of[A] == one  # a question that is under way goes on with what it read


def test_people_who_are_not_touched_are_not_read_again(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = person(db, A), person(db, B), person(db, C)
    cache, asked = OwnershipCache(db), list[Any]()
    cache.get()
    rows = cache._rows
    monkeypatch.setattr(cache, "_rows", lambda wanted: asked.append(wanted) or rows(wanted))
    merged(db, one, other)
    is_as_read_anew(db, cache)
    assert asked
    assert third not in str(asked)


@pytest.mark.parametrize(("kept", "many"), [(2, 500), (100, 0)])
def test_all_is_read_where_the_changes_are_too_many(
    db: Any, monkeypatch: pytest.MonkeyPatch, kept: int, many: int
) -> None:
    one, other = person(db, A), person(db, B)
    cache = OwnershipCache(db)
    cache.get()
    monkeypatch.setattr(ownership, "KEPT", kept)
    monkeypatch.setattr(ownership, "MANY", many)
    merged(db, one, other)
    for _ in range(3):
        ownership.note_owners(db, [one], None)
    is_as_read_anew(db, cache)


def test_without_a_mark_nothing_is_kept(db: Any) -> None:
    """A store of before, or one that was just copied back."""
    person(db, A)
    cache = OwnershipCache(db)
    cache.get()
    db.counters.delete_many({})
    db.people.delete_many({})
    assert cache.get().person_of == {}


def test_the_mark_of_a_copy_is_none_of_ours(db: Any) -> None:
    one, other = person(db, A), person(db, B)
    copy = list(db.people.find()), list(db.counters.find())
    cache = OwnershipCache(db)
    merged(db, one, other)
    cache.get()
    for collection, documents in zip((db.people, db.counters), copy, strict=True):
        collection.delete_many({})
        collection.insert_many(documents)
    assert is_as_read_anew(db, cache).person_of[B] == other


def test_all_is_read_now_and_then_since_a_process_may_have_died_before_it_told(db: Any) -> None:
    person(db, A)
    now = [0.0]
    cache = OwnershipCache(db, lambda: now[0])
    cache.get()
    db.people.delete_many({})
    assert A in cache.get().person_of
    now[0] = LONGEST_S
    assert cache.get().person_of == {}


def test_a_transaction_that_fails_leaves_no_mark(db: Any) -> None:
    one = person(db, A)
    mark = ownership.owners_mark(db)
    with db.client.start_session() as session, session.start_transaction():
        ownership.note_owners(db, [one], session)
        session.abort_transaction()
    assert ownership.owners_mark(db) == mark


CHILD = """
import sys
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
db = connect(Settings(mongodb_uri=sys.argv[1], database=sys.argv[2]))
for _ in sys.stdin:
    asked = {"measures": {"people": {"distinct": "person"}}}
    print(Analyst(db, Scope(("north",)), utc_now()).ask(asked).rows[0]["people"], flush=True)
"""


def test_another_process_counts_it_at_once(db: Any, mongod: str) -> None:
    ids = [person(db, ifi) for ifi in (A, B, C)]
    for ifi in (A, B, C):
        send(make_store(db, "north"), make_statement(actor={"mbox": ifi.removeprefix("mbox::")}))
    command = [sys.executable, "-c", CHILD, mongod, db.name]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def both() -> tuple[int, int]:
            process.stdin.write("\n")
            process.stdin.flush()
            there = int(process.stdout.readline())
            here = Analyst(db, Scope(("north",)), utc_now()).ask(PEOPLE).rows[0]["people"]
            return here, there

        try:
            assert both() == (3, 3)
            merged(db, ids[0], ids[1])
            assert both() == (2, 2)
            merge.split(editor(db), ids[0], [B])
            assert both() == (3, 3)
            erasure.erase(editor(db), ids[2], mode="remove", reason="asked for it")
            assert both() == (3, 3)  # its statements are the worker's to take away
            merged(db, ids[0], ids[2])
            assert both() == (3, 3)  # C belongs to nobody now
        finally:
            process.stdin.close()


WRITES = {"insert_one", "insert_many", "update_one", "update_many", "replace_one", "delete_one", "delete_many",
          "bulk_write", "find_one_and_update", "find_one_and_replace", "find_one_and_delete"}  # fmt: skip
# functions that write people and leave identifiers alone
OTHERS = {
    "set_preferences", "set_engagement", "_remind_all", "edit_person", "after_change", "admit", "_rename_former",
    "_drop_standing",
}  # fmt: skip


def writers() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of each function that writes to the collection of people."""
    for package in ("lrs", "rules"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and any(map(is_write, ast.walk(node))):
                    yield node.name, ast.get_source_segment(text, node) or ""


def is_write(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES):
        return False
    on = node.func.value
    return isinstance(on, ast.Attribute) and on.attr == "people"


def test_whoever_writes_identifiers_says_so() -> None:
    found = dict(writers())
    assert {"insert_persons", "give_identifier", "_unite", "split", "add_person"} <= found.keys()
    silent = {name for name, text in found.items() if "note_owners(" not in text}
    assert silent == OTHERS & found.keys()
    assert not any('"ifis"' in found[name] for name in silent - {"after_change"})


def test_questions_of_a_process_share_one_cache(db: Any) -> None:
    person(db, A)
    assert ownership_of(db) is ownership_of(db)
