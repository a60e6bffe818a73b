"""Who answers a question: by rule, never by chance, and MongoDB whenever the lake cannot serve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import make_statement, make_store, send

from lrs.analysis import engine
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.lake import tending
from lrs.lake.filling import Filler
from lrs.lake.questions.lake import Lake
from lrs.people import merge, records

BY_VERB = {"group": ["verb"], "measures": {"n": "count"}}


def ready(db: Any, filler: Filler) -> str:
    for org in ("north", "south"):
        send(make_store(db, org), make_statement(), make_statement())
    filler.create()
    filler.build(lambda _count: True)
    url = filler.statements.uri.removesuffix("/statements")
    tending.keep(db, url, utc_now)
    return url


def asked(db: Any, url: str, question: Any, now: dt.datetime | None = None, *orgs: str) -> Any:
    return Analyst(db, Scope(orgs or ("north",)), now or utc_now(), lake=url).ask(question)


def test_a_fresh_lake_answers_what_reads_much_and_says_so(db: Any, filler: Filler) -> None:
    answer = asked(db, ready(db, filler), BY_VERB)
    assert answer.engine.name == "lake"
    assert answer.engine.as_of is not None
    assert (
        answer.rows
        == asked(db, "", BY_VERB).rows
        == [{"verb": "http://adlnet.gov/expapi/verbs/completed", "n": 2}]
    )


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"filter": {"field": "actor", "eq": "mbox::mailto:a@b.c"}, **BY_VERB}, "an index finds"),
        ({"select": ["id"]}, "in this order"),
        ({"filter": {"field": "timestamp", "gte": "2999-01-01"}, **BY_VERB}, "newer than the lake"),
        ({"group": ["received"]}, "cannot tell exactly"),
    ],
)  # fmt: skip
def test_mongodb_answers_by_rule(db: Any, filler: Filler, question: Any, reason: str) -> None:
    answer = asked(db, ready(db, filler), question)
    assert (answer.engine.name, answer.engine.as_of) == ("mongodb", None)
    assert reason in answer.engine.reason


def test_mongodb_answers_where_the_lake_is_old_missing_or_being_built(db: Any, filler: Filler) -> None:
    url = ready(db, filler)
    later = utc_now() + engine.MAX_AGE + dt.timedelta(seconds=30)
    assert "nothing newer" in asked(db, url, BY_VERB, later).engine.reason
    assert "no table" in asked(db, f"{url}-elsewhere", BY_VERB).engine.reason
    filler.create()
    answer = asked(db, url, BY_VERB)
    assert answer.engine.reason == "the lake is being built"
    assert answer.rows[0]["n"] == 2


def spoiled_log(folder: Path) -> None:
    """Let the newest entries of all logs be something else."""
    for log in folder.glob("*/_delta_log"):
        newest = max(log.glob("*.json"))
        (log / f"{int(newest.stem) + 1:020}.json").write_bytes(b"\xffno log")


def looping_log(folder: Path) -> None:
    """Let the newest entries of all logs be what the operating system refuses to open."""
    for log in folder.glob("*/_delta_log"):
        loop = log / f"{int(max(log.glob('*.json')).stem) + 1:020}.json"
        loop.symlink_to(loop)


def cut_files(folder: Path) -> None:
    """Take the ends from all files of rows."""
    for file in folder.glob("*/*.parquet"):
        file.write_bytes(file.read_bytes()[:-9])


def spoiled_pages(folder: Path) -> None:
    """Overwrite all rows in all files; what tells of them at the end stays."""
    for file in folder.glob("*/*.parquet"):
        body = file.read_bytes()
        end = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
        file.write_bytes(body[:4] + b"\xff" * (end - 4) + body[end:])


def no_files(folder: Path) -> None:
    """Remove all files of rows, which the log still names."""
    for file in folder.glob("*/*.parquet"):
        file.unlink()


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "anew"])
@pytest.mark.parametrize("harm", [spoiled_log, looping_log, cut_files, spoiled_pages, no_files])
@pytest.mark.parametrize("question", [BY_VERB, {"select": ["verb"], "sort": "timestamp"}])
def test_mongodb_answers_where_the_storage_of_the_lake_is_in_trouble(
    db: Any, filler: Filler, harm: Callable[[Path], None], question: Any, *, is_open: bool
) -> None:
    """Whether this process has read the lake before or not."""
    url = ready(db, filler)
    engine.lake_at.cache_clear()
    if is_open:
        assert asked(db, url, question).engine.name == "lake"
    harm(Path(url))
    answer = asked(db, url, question)
    assert answer.engine.name == "mongodb"
    assert "cannot be read" in answer.engine.reason
    assert "\n" not in answer.engine.reason
    assert answer.rows == asked(db, "", question).rows


def test_mongodb_answers_where_the_log_is_spoiled_between_choosing_and_asking(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ready(db, filler)
    chosen = Analyst.engine

    def spoiling(self: Analyst, query: Any, **how: Any) -> Any:
        found = chosen(self, query, **how)
        assert found.lake is not None
        spoiled_log(Path(url))
        return found

    monkeypatch.setattr(Analyst, "engine", spoiling)
    answer = asked(db, url, BY_VERB)
    assert (answer.engine.name, answer.rows[0]["n"]) == ("mongodb", 2)
    assert "the log of 'statements' in the lake cannot be read" in answer.engine.reason


def test_mongodb_answers_where_the_libraries_are_not_there(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_url: str) -> Any:
        raise ImportError("no", name="deltalake")

    url = ready(db, filler)
    monkeypatch.setattr(engine, "lake_at", missing)
    assert "pip install 'laurel-lrs[lake]'" in asked(db, url, BY_VERB).engine.reason


def test_no_question_leaves_its_stores(db: Any, filler: Filler) -> None:
    url = ready(db, filler)
    everything = {"any": [{"field": "org", "eq": "south"}, {"not": {"field": "org", "eq": "x') OR TRUE --"}}]}
    for orgs, count in ((("north",), 2), (("north", "south"), 4), (("nobody",), 0)):
        answer = asked(db, url, {"filter": everything, "measures": {"n": "count"}}, None, *orgs)
        assert answer.engine.name == "lake"
        assert answer.rows == [{"n": count}]


def busy(db: Any, filler: Filler) -> str:
    """Return the address of a lake with twenty people and objects."""
    store = make_store(db, "north")
    for i in range(20):
        send(
            store,
            make_statement(actor={"mbox": f"mailto:p{i}@x.example"}, object={"id": f"http://x.example/{i}"}),
        )
    return ready(db, filler)


NAMING: list[Any] = [
    {"group": ["actor", "object.id"], "measures": {"n": "count", "people": {"distinct": "actor"}}},
    {"select": ["actor", "object.id", "verb"], "sort": "timestamp"},
]


@pytest.mark.parametrize("question", NAMING, ids=["groups", "page"])
def test_the_texts_of_a_table_are_looked_up_once_for_an_answer(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch, question: Any
) -> None:
    """Each look reads the log of the table, which is a request to the bucket."""
    url = busy(db, filler)
    looked: list[str] = []
    texts = Lake.texts

    def counted(self: Lake, *args: Any) -> Any:
        looked.append(args[-1])
        return texts(self, *args)

    monkeypatch.setattr(Lake, "texts", counted)
    answer = asked(db, url, question)
    assert answer.engine.name == "lake"
    assert len(answer.rows) > 20
    assert sorted(looked) == ["activities", "actors"]


@pytest.mark.parametrize("question", NAMING, ids=["groups", "page"])
def test_mongodb_answers_where_a_text_is_erased_while_it_is_asked(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch, question: Any
) -> None:
    url = busy(db, filler)
    texts = Lake.texts

    def without_one(self: Lake, *args: Any) -> Any:
        found = texts(self, *args)
        return type(found)(list(found.items())[1:])

    monkeypatch.setattr(Lake, "texts", without_one)
    answer = asked(db, url, question)
    assert answer.engine.name == "mongodb"
    assert "erased just now" in answer.engine.reason
    assert answer.rows == asked(db, "", question).rows


def test_a_file_is_read_without_conditions_only_where_all_its_stores_are_in_reach(
    db: Any, filler: Filler
) -> None:
    """Also where another store came into the lake since, in a file of its own or with others."""
    url = ready(db, filler)
    count: Any = {"measures": {"n": "count"}}
    assert asked(db, url, count, None, "north", "south").rows == [{"n": 4}]
    assert asked(db, url, count, None, "north").rows == [{"n": 2}]
    for org in ("east", "north"):
        send(make_store(db, org), make_statement())
    tending.keep(db, url, utc_now)
    assert asked(db, url, count, None, "north", "south").rows == [{"n": 5}]
    assert asked(db, url, count, None, "east").rows == [{"n": 1}]
    tending.compact(Filler(db, url, lambda: True))
    for orgs, n in ((("north", "south"), 5), (("east",), 1), (("north", "south", "east"), 6), (("west",), 0)):
        answer = asked(db, url, count, None, *orgs)
        assert (answer.engine.name, answer.rows) == ("lake", [{"n": n}])


def test_percentiles_are_the_same_to_the_last_digit(db: Any, filler: Filler) -> None:
    """In every rank and number of values, also where multiplying is not exact; by key and alone."""
    store = make_store(db, "north")
    for i in range(1, 30):
        scores = [{"score": {"scaled": (n % 7) / 10 if n % 3 else 1}} for n in range(i)]
        send(store, *(make_statement(object={"id": f"urn:n:{i}"}, result=one) for one in scores))
    url = ready(db, filler)
    ranks = {f"p{p}": {"percentile": "score.scaled", "p": p} for p in (0.01, 0.07, 0.29, 0.5, 0.58, 0.9, 1)}
    for group in (["object.id"], [], ["verb"], [{"field": "timestamp", "bucket": "hour"}], ["score.scaled"]):
        question = {"group": group, "measures": ranks}
        answer = asked(db, url, question)
        assert answer.engine.name == "lake"
        assert answer.rows == asked(db, "", question).rows


def test_people_count_once_with_several_identifiers_and_merges_count_at_once(db: Any, filler: Filler) -> None:
    store = make_store(db, "north")
    for name in "abc":
        send(store, make_statement(actor={"mbox": f"mailto:{name}@x.example"}))
    url = ready(db, filler)
    question: Any = {"measures": {"people": {"distinct": "person"}}}
    before = asked(db, url, question)
    editor = Editor(db, {"kind": "test", "id": "t", "name": "t"}, utc_now())
    ids = [records.add_person(editor, [f"mbox::mailto:{name}@x.example"])["_id"] for name in "ab"]
    assert asked(db, url, question).rows == before.rows
    merge.merge(editor, *ids)
    answer = asked(db, url, question)
    assert answer.engine.name == "lake"
    assert answer.rows[0]["people"] == before.rows[0]["people"] - 1
    merge.split(editor, ids[0], ["mbox::mailto:b@x.example"])
    assert asked(db, url, question).rows == before.rows
