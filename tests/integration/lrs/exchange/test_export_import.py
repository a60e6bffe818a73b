"""Exports hold every statement once, exactly; imports repeat nothing and name what they refuse."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from bson import Binary, Decimal128, decode_all, encode
from click.testing import CliRunner, Result
from factories_access import editor
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from lrs.access.organizations import create_org
from lrs.analysis.figures.csv_cells import csv_cell
from lrs.analysis.questions import saved
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.cli import cli
from lrs.exchange.arriving import importing
from lrs.exchange.arriving.import_files import NdjsonFile
from lrs.exchange.arriving.other_lrs import OtherLrs, split_page
from lrs.exchange.columns import Cells
from lrs.exchange.export import PLAIN, _condition, chunks, count, csv_lines
from lrs.exchange.parquet import by_month, schema_of, table_of
from lrs.exchange.settled import settled
from lrs.exchange.throttle import Throttle
from lrs.foundation.context import utc_now
from lrs.foundation.errors import UnknownThing
from lrs.foundation.settings import Settings
from lrs.people import records
from lrs.xapi.consistent_through import board, board_path, microseconds
from statements.errors import InvalidStatement
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.query.analyst_query import read_columns
from statements.query.fields import FIELDS
from statements.storage.store import CODEC, StatementStore

AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://x.example", "name": "k"}}
WRITER = Writer("k", "vendor", "vendor", AUTHORITY)
EXACT = (
    b'{"actor":{"mbox":"mailto:a@x.example"},"verb":{"id":"http://x.example/v"},"object":{"id":"http://x.example/a"},'
    b'"context":{"extensions":{"http://x.example/e":[1e400,0.10,12345678901234567890123,"\\u0000\\n\\u00e9"]}}}'
)


@pytest.fixture
def command(db: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line over the test's database."""
    monkeypatch.setenv("LRS_MONGODB_URI", settings.mongodb_uri)
    monkeypatch.setenv("LRS_DATABASE", settings.database)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    create_org(db, "vendor", name="Vendor", kind="vendor", parent=None, now=now)
    for org in ("north", "south"):
        create_org(db, org, name=org.title(), now=now)

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, words)

    return run


def body(n: int, **members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=n, version=4)),
        "actor": {"mbox": f"mailto:p{n % 5}@x.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/a"},
        "result": {"score": {"scaled": 0.8}},
        "timestamp": f"2026-{n % 3 + 1:02d}-10T10:00:00.000Z",
        **members,
    }


def put(db: Any, org: str, *bodies: Any) -> None:
    batch = parse_statements(orjson.dumps(list(bodies)))
    store_statements(StatementStore(db, org), batch, writer=WRITER, version="2.0.0", now=utc_now())


def raws(db: Any) -> set[bytes]:
    return {bytes(d["raw"]) for d in db.statements.find({"voided": {"$exists": False}}, {"raw": 1})}


def test_ndjson_holds_the_exact_statements(db: Any, command: Any, tmp_path: Path) -> None:
    put(db, "north", *[body(n) for n in range(10)])
    store_statements(
        StatementStore(db, "south"), parse_statements(EXACT), writer=WRITER, version="2.0.0", now=utc_now()
    )
    assert command("export", str(tmp_path / "out")).exit_code == 0
    lines = (tmp_path / "out" / "statements-0000.ndjson").read_bytes().splitlines()
    assert len(lines) == 11
    assert set(lines) == raws(db)


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_a_reference_to_what_has_not_arrived_is_no_statement_more(
    db: Any, command: Any, tmp_path: Path, form: str
) -> None:
    """The placeholder of an awaited statement is no statement: for exports, queries and pictures."""
    awaited = {"objectType": "StatementRef", "id": str(uuid.uuid4())}
    put(db, "north", body(1), body(2, object=awaited))
    assert db.statements.count_documents({}) == 3
    done = command("export", str(tmp_path / "out"), "--format", form)
    assert (done.exit_code, done.stdout.splitlines()[-1].split()[0]) == (0, "2")
    counted = command("statements", "query", '{"measures": {"n": "count"}}', "--json")
    assert json.loads(counted.stdout)["rows"] == [{"n": 2}]
    listed = command("statements", "query", '{"select": ["id"]}', "--json")
    assert len(json.loads(listed.stdout)["rows"]) == 2


def test_parquet_is_typed_and_partitioned_by_month(db: Any, command: Any, tmp_path: Path) -> None:
    put(db, "north", *[body(n) for n in range(9)])
    assert command("export", str(tmp_path / "out"), "--format", "parquet").exit_code == 0
    table = pq.read_table(tmp_path / "out").to_pylist()
    assert {row["month"] for row in table} == {"2026-01", "2026-02", "2026-03"}
    assert sorted(row["id"] for row in table) == sorted(body(n)["id"] for n in range(9))
    assert table[0]["score_scaled"] == 0.8
    assert isinstance(table[0]["timestamp"], dt.datetime)


def test_csv_has_the_chosen_columns_and_runs_nothing(db: Any, command: Any, tmp_path: Path) -> None:
    put(db, "north", body(1, context={"platform": "=cmd()"}))
    done = command(
        "export", str(tmp_path / "out"), "--format", "csv", "--columns", "verb,platform,score.scaled"
    )
    assert done.exit_code == 0
    rows = list(csv.reader(io.StringIO((tmp_path / "out" / "statements-0000.csv").read_text())))
    assert rows == [
        ["verb", "platform", "score.scaled"],
        ["http://adlnet.gov/expapi/verbs/passed", "'=cmd()", "0.8"],
    ]
    assert csv_cell("-1+1") == "'-1+1"


def test_an_export_offers_each_field_and_what_the_statement_says(
    db: Any, command: Any, tmp_path: Path
) -> None:
    definition = {
        "name": {"en": "Q1"}, "description": {"en": "Which one?"}, "interactionType": "choice",
        "choices": [{"id": "a", "description": {"en": "A"}}],
    }  # fmt: skip
    answer = {
        "actor": {"mbox": "mailto:ana@x.example", "name": "Ana"}, "verb": {"id": "http://x.example/v", "display": {"en": "answered"}},
        "object": {"id": "http://x.example/q1", "definition": definition},
        "result": {"response": "a", "extensions": {"http://x.example/e": "x" * 5000, "http://x.example/n": 7}},
        "context": {"contextActivities": {"parent": [{"id": "http://x.example/test"}]}},
    }  # fmt: skip
    put(db, "north", answer, answer | {"object": {"id": "http://x.example/q1"}, "result": {}})
    person = records.add_person(editor(db), ["mbox::mailto:ana@x.example"])["_id"]
    columns = [
        *(
            "response",
            "actor.name",
            "verb.display",
            "object.name",
            "object.description",
            "object.choices",
            "parent",
        ),
        *("person", "person.organization", "result.extensions"),
        {"field": "result.extensions", "key": "http://x.example/n", "name": "n"},
        {"field": "result.extensions", "key": "http://x.example/e", "name": "e"},
        {"field": "person.award", "certification": "sales"},
    ]
    for form in ("csv", "parquet"):
        done = command("export", str(tmp_path / form), "--format", form, "--columns", json.dumps(columns))
        assert done.exit_code == 0, done.output
    made = list(csv.DictReader(io.StringIO((tmp_path / "csv" / "statements-0000.csv").read_text())))
    first, second = made
    assert (first["response"], first["actor.name"], first["verb.display"]) == ("a", "Ana", "answered")
    assert (first["object.description"], first["object.name"]) == ("Which one?", "Q1")
    assert orjson.loads(first["object.choices"])["choices"][0]["id"] == "a"
    assert (first["parent"], first["person"], first["n"], first["e"]) == (
        "http://x.example/test",
        person,
        "7",
        "x" * 5000,
    )
    assert orjson.loads(first["result.extensions"])["http://x.example/n"] == 7
    assert (second["object.name"], second["response"], second["n"]) == ("Q1", "", ""), (
        "as it is known of the activity"
    )
    table = pq.read_table(tmp_path / "parquet")
    assert set(table.column_names) == {one.replace(".", "_") for one in first} | {"month"}
    assert [row["n"] for row in table.to_pylist()] == ["7", None]
    every = [
        name
        for name in FIELDS
        if not name.endswith("extensions") and name not in {"person.award", "person.tier"}
    ]
    whole = command("export", str(tmp_path / "all"), "--format", "csv", "--columns", ",".join(every))
    assert whole.exit_code == 0, whole.output
    refused = command("export", str(tmp_path / "tier"), "--format", "csv", "--columns", "person.tier")
    assert (refused.exit_code, "none is published" in refused.output) == (1, True)


def test_since_last_brings_only_what_is_new(db: Any, command: Any, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    put(db, "north", body(1))
    assert command("export", out).exit_code == 0
    assert command("export", out).exit_code != 0  # finished: says so instead of doing it again
    put(db, "north", body(2))
    put(db, "south", body(3))
    assert "2 statements" in command("export", out, "--since-last").output
    second = (tmp_path / "out" / "statements-0001.ndjson").read_bytes().splitlines()
    assert {json.loads(line)["id"] for line in second} == {body(2)["id"], body(3)["id"]}


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_a_broken_export_goes_on_and_loses_and_repeats_nothing(
    db: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("lrs.exchange.export.CHUNK", 3)
    monkeypatch.setattr("lrs.commands.records.export.PART_ROWS", 5)
    put(db, "north", *[body(n) for n in range(11)])
    put(db, "south", *[body(n) for n in range(20, 27)])
    from lrs.commands.records import export

    reach, calls = export._State.reach, [0]

    def breaks(state: Any, org: str, after: bytes) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise OSError("disk full")
        reach(state, org, after)

    monkeypatch.setattr(export._State, "reach", breaks)
    out = tmp_path / "out"
    assert "disk full" in command("export", str(out), "--format", form).output
    monkeypatch.setattr(export._State, "reach", reach)
    assert command("export", str(out), "--format", form).exit_code == 0
    if form == "parquet":
        found = [row["id"] for row in pq.read_table(out).to_pylist()]
    elif form == "csv":
        found = [row["id"] for row in csv.DictReader(io.StringIO((out / "statements-0000.csv").read_text()))]
    else:
        lines = (out / "statements-0000.ndjson").read_text().splitlines()
        found = [json.loads(line)["id"] for line in lines]
    assert sorted(found) == sorted(body(n)["id"] for n in (*range(11), *range(20, 27)))


def test_a_folder_of_another_export_is_refused(command: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = command("export", str(tmp_path))
    assert done.exit_code != 0
    assert "not empty" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_was_exported_can_be_imported_elsewhere(db: Any, command: Any, tmp_path: Path) -> None:
    put(db, "north", *[body(n) for n in range(7)])
    command("export", str(tmp_path / "out"), "--org", "north")
    source = str(tmp_path / "out" / "statements-0000.ndjson")
    assert "7 stored" in command("statements", "import", source, "--org", "south").output
    again = command("statements", "import", source, "--org", "south", "--restart")
    assert again.exit_code == 0
    assert db.statements.count_documents({"org": "south"}) == 7


def test_refused_rows_are_named_and_the_others_stored(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "some.ndjson"
    wrong = body(2, result={"score": {"scaled": 7}})
    file.write_bytes(
        b"\n".join(
            [orjson.dumps(body(1)), b"", orjson.dumps(wrong), b"{nonsense", b"[]", orjson.dumps(body(3))]
        )
    )
    done = command("statements", "import", str(file), "--org", "north")
    assert done.exit_code == 1
    assert "2 stored or known already, 3 refused" in done.output
    for place in ("some.ndjson:3: ", "some.ndjson:4: ", "some.ndjson:5: "):
        assert place in done.output
    assert "scaled" in done.output


def test_rows_without_an_id_are_stored_once(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text(
        "actor,verb,object.id,score.scaled,success,timestamp\n"
        "ana@x.example,passed,https://x.example/a,0.9,true,2026-01-02T10:00:00Z\n"
        "bo@https://hr.example,http://x.example/v,https://x.example/a,,,2026-01-03T10:00:00Z\n"
    )
    for _ in range(2):
        assert command("statements", "import", str(file), "--org", "north", "--restart").exit_code == 0
    found = list(db.statements.find({}).sort("timestamp", 1))
    assert [d["actor"] for d in found] == ["mbox::mailto:ana@x.example", "account::bo@https://hr.example"]
    assert found[0]["score"]["scaled"] == 0.9
    assert found[0]["success"] is True


def test_unknown_csv_columns_are_refused_at_once(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("actor,verv\na@x.example,passed\n")
    done = command("statements", "import", str(file), "--org", "north")
    assert done.exit_code != 0
    assert "verv" in done.output
    assert db.statements.count_documents({}) == 0


def test_an_import_goes_on_after_a_break(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 4)
    file = tmp_path / "some.ndjson"
    file.write_bytes(b"".join(orjson.dumps(body(n)) + b"\n" for n in range(10)))
    stored: list[str] = []

    def store(batch: Any, _parts: Any, _version: Any) -> None:
        if len(stored) == 8:
            raise ConnectionError("gone")
        stored.extend(p.value["id"] for p in batch)

    report = importing.ImportProgress()
    with pytest.raises(ConnectionError):
        importing.import_statements(NdjsonFile(file), store, report)
    stored.append("restart")
    importing.import_statements(NdjsonFile(file), store, importing.ImportProgress(position=report.position))
    stored.remove("restart")
    assert stored == [body(n)["id"] for n in range(10)]


@pytest.fixture
def other(app: Flask) -> Iterator[str]:
    """Another record store: Laurel itself, over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/xapi"
    server.shutdown()
    thread.join()


def test_another_record_store_is_pulled_page_by_page(
    db: Any, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 4)
    put(db, "vendor", *[body(n) for n in range(10)])
    source = OtherLrs(other, "test-key", "test-secret", page=4)
    ids: list[str] = []
    report = importing.import_statements(
        source,
        lambda batch, _parts, _version: ids.extend(p.value["id"] for p in batch),
        importing.ImportProgress(),
    )
    assert ids == [body(n)["id"] for n in range(10)]
    assert report.stored == 10


def test_credentials_do_not_follow_a_link_to_another_host() -> None:
    source = OtherLrs("http://lrs.example/xapi", "key", "secret")
    with pytest.raises(InvalidStatement):
        source._next("http://evil.example/xapi/statements?more=1")


def test_a_page_of_another_store_is_taken_apart_without_encoding_it_again() -> None:
    one = '{"id" : "x","result":{"score":{"raw":1.10}, "n":12345678901234567890123},"t":"\\u00e9,]}"}'
    page = f' {{"more":"/m?a=\\u0026b" , "statements":[ {one},\n{{"b":[1,{{}}]}} ],"x":{{}}}} '
    statements, more = split_page(page.encode())
    assert statements == [one.encode(), b'{"b":[1,{}]}']
    assert more == "/m?a=&b"
    assert split_page(b'{"statements":[]}') == ([], "")


@pytest.mark.parametrize(
    "page", ["", "[]", "{}", '{"statements":{}}', '{"statements":[1', '{"statements":[1 2]}', "\xff"]
)
def test_a_page_that_is_none_is_refused(page: str) -> None:
    with pytest.raises(InvalidStatement):
        split_page(page.encode("latin-1"))


def at(second: int) -> dt.datetime:
    return dt.datetime(2026, 1, 1, 12, 0, second, tzinfo=dt.UTC)


def test_an_export_ends_where_no_unfinished_write_can_add_to_it(db: Any) -> None:
    """Who remembers only the newest statement it saw misses one whose write began earlier and ended later."""
    assert settled(db, at(10)) == at(10)  # nobody writes
    db.hosts.insert_one({"_id": "a", "through": microseconds(at(4)), "at": dt.datetime.now(dt.UTC)})
    naps: list[float] = []

    def finish(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            db.hosts.update_one({"_id": "a"}, {"$set": {"through": microseconds(at(11))}})

    assert (settled(db, at(10), sleep=finish), len(naps)) == (at(10), 3)
    db.hosts.update_one({"_id": "a"}, {"$set": {"through": microseconds(at(4))}})
    assert settled(db, at(10), sleep=lambda _: None) == at(4)
    db.hosts.update_one({"_id": "a"}, {"$set": {"at": dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)}})
    assert settled(db, at(10)) == at(10)  # that machine is gone


def test_what_is_stored_after_an_export_began_comes_with_the_next(
    db: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db, "north", body(1))
    between = utc_now()
    put(db, "north", body(2))
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("lrs.commands.records.export.settled", lambda *_: between)
        assert command("export", str(out)).stdout.startswith("1 statements")
    assert command("export", str(out), "--since-last").stdout.startswith("1 statements")
    ids = [
        orjson.loads(line)["id"]
        for file in sorted(out.glob("*.ndjson"))
        for line in file.read_text().splitlines()
    ]
    assert ids == [body(1)["id"], body(2)["id"]]


VALUES = st.fixed_dictionaries({
    "id": st.uuids(version=4), "registration": st.none() | st.uuids(version=4),
    "timestamp": st.integers(0, 4 * 10**12).map(lambda us: dt.datetime.fromtimestamp(us / 1000, dt.UTC)),
    "success": st.none() | st.booleans(), "platform": st.none() | st.text(max_size=5),
    "score": st.none() | st.fixed_dictionaries({}, optional={
        "scaled": st.floats(-1, 1) | st.integers(-1, 1) | st.just(Decimal128("0.10")),
        "raw": st.integers(-(2**63), 2**63 - 1),
    }),
    "grouping": st.none() | st.lists(st.sampled_from(["urn:a", "urn:b"]), min_size=1, max_size=2),
})  # fmt: skip


@given(rows=st.lists(VALUES, max_size=6))
def test_columns_hold_what_the_documents_hold(rows: list[dict[str, Any]]) -> None:
    """Against one value after the other, as the documents read with every comfort of the driver."""
    stored = [encode({k: v for k, v in row.items() if v is not None}, codec_options=CODEC) for row in rows]
    plain = decode_all(b"".join(stored), PLAIN)
    names = (
        "id",
        "registration",
        "timestamp",
        "success",
        "platform",
        "score.scaled",
        "score.raw",
        "grouping",
    )
    columns = read_columns(names, "columns")
    cells = Cells(None, Scope(()), utc_now(), columns).of("north", plain)  # type: ignore[arg-type]  # nobody is asked
    table = table_of(cells, columns, schema_of(columns))
    expected = [
        {
            "id": str(row["id"]), "registration": row["registration"] and str(row["registration"]),
            "timestamp": millisecond(row["timestamp"]), "success": row["success"],
            "platform": row["platform"], "score_scaled": real(row, "scaled"), "score_raw": real(row, "raw"),
            "grouping": row["grouping"],
        }
        for row in rows
    ]  # fmt: skip
    assert table.to_pylist() == expected
    months = [(month, part.num_rows) for month, part in by_month(table)]
    assert dict(months) == Counter(f"{row['timestamp']:%Y-%m}" for row in rows)
    some = [cells[names.index(name)] for name in ("id", "timestamp", "success")]
    lines = list(csv.reader(io.StringIO(csv_lines(some, (), header=False).decode())))
    assert lines == [
        [
            str(row["id"]),
            millisecond(row["timestamp"]).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "" if row["success"] is None else str(row["success"]).lower(),
        ]
        for row in rows
    ]


def millisecond(value: dt.datetime) -> dt.datetime:
    return value.replace(microsecond=value.microsecond // 1000 * 1000, tzinfo=dt.UTC)


def real(row: dict[str, Any], name: str) -> float | None:
    value = (row["score"] or {}).get(name)
    return None if value is None else float(str(value))


def test_an_export_rests_only_while_others_are_in_its_way() -> None:
    """After work that had the processor for itself there is no rest, so an idle machine exports at full speed."""
    naps: list[float] = []
    pace = Throttle(naps.append)
    pace.rest(0.010, 0.0099)
    assert naps == []
    pace.rest(0.010, 0.005)
    assert naps == [pytest.approx(0.030)]
    pace.rest(5.0, 0.1)
    assert naps[1:] == [1.0]


def test_an_export_of_one_verb_reads_only_that(db: Any, command: Any, tmp_path: Path) -> None:
    """By the index of search keys, in the same order; the progress bar needs no second reading."""
    failed = {"id": "http://adlnet.gov/expapi/verbs/failed"}
    put(db, "north", *[body(n, **({"verb": failed} if n % 4 == 0 else {})) for n in range(40)])
    scope, now = Scope(("north",)), utc_now()
    analyst = Analyst(db, scope, now)
    some = analyst.parse(
        {"filter": {"all": [{"field": "verb", "eq": "failed"}, {"field": "success", "ne": True}]}}
    )
    wide = analyst.parse({"filter": {"field": "success", "ne": True}})
    everything = analyst.parse({})
    ids = [str(d["id"].as_uuid()) for _, _, found in chunks(db, scope, some, ["id"], {}) for d in found]
    assert ids == [body(n)["id"] for n in range(0, 40, 4)]
    assert [count(db, scope, query, {}) for query in (some, wide, everything)] == [10, None, 40]
    condition, index = _condition("north", some, b"", now)
    plan = db.statements.find(condition).hint(index).sort("_id", 1).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 10
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])
    for command_line in (["--filter", '{"field": "success", "ne": true}'], []):
        out = tmp_path / f"out{len(command_line)}"
        assert command("export", str(out), *command_line).stdout.startswith("40 statements")


def test_saved_queries_by_command(db: Any, command: Any) -> None:
    """Saved, run, scheduled, shared and deleted by name; the result is the one that the API shows."""
    put(db, "north", body(1), body(2))
    put(db, "south", body(3))
    question = '{"group": ["org"], "measures": {"n": "count"}, "sort": "org"}'
    made = command("statements", "queries", "save", "By store", question)
    assert made.exit_code == 0, made.output
    run = command("statements", "queries", "run", "By store", "--json")
    assert json.loads(run.stdout)["rows"] == [{"org": "north", "n": 2}, {"org": "south", "n": 1}]
    assert "By store" in command("statements", "queries", "list").stdout
    listed = json.loads(command("statements", "queries", "list", "--json").stdout)
    assert (listed["query"]["group"], listed["schedule"]) == (["org"], None)
    assert "runs next" in command("statements", "queries", "schedule", "By store", "0 6 * * 1").stdout
    assert db.saved_queries.find_one()["next_at"].weekday() == 0
    assert command("statements", "queries", "schedule", listed["id"], "--off").exit_code == 0
    assert "next_at" not in db.saved_queries.find_one()
    link = command("statements", "queries", "share", "By store", "--days", "3").stdout.split()[0]
    found = saved.shared(db, link.rpartition("/")[2], utc_now())
    assert saved.latest(db, found)["rows"] == json.loads(run.stdout)["rows"]
    assert command("statements", "queries", "unshare", "By store").stdout.startswith("1 links")
    assert "north" in command("statements", "queries", "show", "By store").stdout
    assert command("statements", "queries", "delete", "By store").exit_code == 0
    assert db.saved_queries.count_documents({}) == 0


def test_a_query_saved_by_command_over_every_store_needs_that_right(db: Any, command: Any) -> None:
    command("statements", "queries", "save", "All", '{"measures": {"n": "count"}}')
    kept = db.saved_queries.find_one()
    assert saved.get(db, "vendor", kept["_id"], wide=True) == kept
    with pytest.raises(UnknownThing):
        saved.get(db, "vendor", kept["_id"], wide=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "nothing"), "nothing"),
        (("show", "twice"), "several are called twice"),
        (("save", "x", '{"group": ["nope"]}'), "group[0]"),
        (("save", "x", "{"), "Expecting"),
        (("save", "x", "{}", "--schedule", "often"), "schedule"),
        (("save", "x", "{}", "--org", "nowhere"), "nowhere"),
        (("schedule", "once"), "--off"),
        (("schedule", "once", "often"), "schedule"),
        (("show", "once"), "has not run yet"),
    ],
)
def test_a_wrong_command_about_a_saved_query_is_one_line(
    db: Any, command: Any, words: tuple[str, ...], told: str
) -> None:
    for name in ("twice", "twice", "once"):
        command("statements", "queries", "save", name, '{"measures": {"n": "count"}}')
    done = command("statements", "queries", *words)
    assert done.exit_code == 1
    assert told in done.output
    assert "Traceback" not in done.output
    assert db.saved_queries.count_documents({}) == 3


def test_a_schedule_that_changed_while_its_query_ran_stays_as_it_was_set(
    db: Any, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("statements", "queries", "save", "x", '{"measures": {"n": "count"}}', "--schedule", "* * * * *")
    run = saved.run

    def meanwhile(*words: Any) -> Any:
        assert command("statements", "queries", "schedule", "x", "--off").exit_code == 0
        return run(*words)

    monkeypatch.setattr(saved, "run", meanwhile)
    saved.run_due(db, utc_now() + dt.timedelta(minutes=2))
    kept = db.saved_queries.find_one()
    assert (kept["schedule"], "next_at" in kept) == (None, False)


def test_an_export_from_a_secondary_leaves_out_what_may_not_be_there_yet(
    db: Any, command: Any, tmp_path: Path
) -> None:
    """A secondary is behind: what was stored in the last four minutes comes with the next export."""
    put(db, "north", body(1))
    old = db.statements.find_one()
    earlier = microseconds(utc_now() - dt.timedelta(minutes=5)).to_bytes(8, "big") + bytes(8)
    db.statements.delete_one({"_id": old["_id"]})
    db.statements.insert_one({**old, "_id": Binary(earlier)})
    put(db, "north", body(2))
    done = command("export", str(tmp_path / "out"), "--secondary")
    assert done.stdout.startswith("1 statements"), done.output
    assert command("export", str(tmp_path / "out"), "--since-last").stdout.startswith("1 statements")


def test_an_import_tells_of_its_unfinished_writes(
    db: Any, command: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So Consistent-Through and exports do not promise what an import has not stored yet."""
    told: list[bool] = []

    def watched(*words: Any, **named: Any) -> Any:
        later = microseconds(utc_now()) + 5_000_000
        told.append(board(board_path(settings.mongodb_uri, settings.database)).oldest(later) < later)
        return store_statements(*words, **named)

    monkeypatch.setattr("lrs.exchange.arriving.storing.store_statements", watched)
    file = tmp_path / "one.ndjson"
    file.write_bytes(orjson.dumps(body(1)))
    assert command("statements", "import", str(file), "--org", "north").exit_code == 0
    assert told == [True]
    later = microseconds(utc_now()) + 5_000_000
    assert board(board_path(settings.mongodb_uri, settings.database)).oldest(later) == later
