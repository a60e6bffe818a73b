"""SQL of analysts: it answers, it is bounded, and nobody gets out of what they may see."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import make_statement, make_store, send
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrs.foundation.context import utc_now
from lrs.lake import tending
from lrs.lake.analysts import running
from lrs.lake.analysts.checking import functions
from lrs.lake.analysts.running import SqlAnswer
from lrs.lake.analysts.views import TABLES, Reach
from lrs.lake.filling import Filler
from statements.errors import InvalidQuery, QueryTimeout, StatementError, TooLarge

MARK = "secretmarker"
DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
Ask = Callable[..., SqlAnswer]


def answered(who: str, response: str, **more: Any) -> dict[str, Any]:
    return make_statement(
        actor={"mbox": f"mailto:{who}@x.example"},
        verb={"id": "http://adlnet.gov/expapi/verbs/answered"},
        object={
            "id": f"https://x.example/{who}/question",
            "definition": {"type": "http://adlnet.gov/expapi/activities/cmi.interaction", "interactionType": "numeric"},
        },
        result={"response": response, "success": True},
        context={"contextActivities": {"parent": [{"id": f"https://x.example/{who}/test"}]}},
        **more,
    )  # fmt: skip


@pytest.fixture
def ask(db: Any, filler: Filler) -> Ask:
    """Ask a lake of two organizations, one of which has a mark in all of its values."""
    for org in ("north", "south"):
        db.orgs.insert_one({"_id": org, "name": org if org == "north" else MARK, "kind": "partner"})
    for org, who, response in (("north", "ana", "42"), ("north", "ben", "7"), ("south", MARK, MARK)):
        send(make_store(db, org), answered(who, response))
        db.people.insert_one({"_id": who, "org": "vendor", "name": who, "email": f"{who}@x.example",
                              "ifis": [{"ifi": f"mbox::mailto:{who}@x.example"}]})  # fmt: skip
        db.affiliations.insert_one({"_id": f"f-{who}", "org": org, "person": who, "primary": True, "from": None,
                                    "until": None, "confirmed_at": DAY})  # fmt: skip
        period = {"n": 1, "kind": "award", "awarded": "2026-03-01", "awarded_at": DAY, "version": who}
        db.awards.insert_one(
            {"_id": f"a-{who}", "org": "vendor", "person": who, "certification": who, "periods": [period]}
        )
        states = [{"at": DAY, "state": "active"}]
        db.standings.insert_one(
            {"_id": who, "org": "vendor", "person": who, "certification": who, "states": states}
        )
        db.tiers.insert_one(
            {"_id": who, "organization": org, "programme": who, "steps": [{"at": DAY, "tier": who}]}
        )
        db.gate_answers.insert_one({"_id": who, "organization": org, "gate": who, "person": who, "at": DAY})
        db.deals.insert_one({"_id": who, "org": org, "id": who, "person": who, "created": DAY})
    url = filler.statements.uri.removesuffix("/statements")
    filler.create()
    filler.build(lambda _count: True)
    tending.keep(db, url, utc_now)

    def asked(sql: str, *orgs: str, **options: Any) -> SqlAnswer:
        given = {"max_seconds": 20.0, "max_rows": 1000} | options
        everything = given.pop("everything", not orgs)
        reach = Reach.of(db, orgs or ("north", "south", "vendor"), utc_now(), everything=everything)
        return SqlAnswer(*running.answer_here(url, sql, reach, **given), None, 0.0)

    return asked


ANSWERS = [
        ("SELECT org, count(*) AS n FROM statements GROUP BY ALL ORDER BY org", [["north", 2], ["south", 1]]),
        ("SELECT sum(try_cast(response AS INT)) FROM answers WHERE interaction_type = 'numeric'", [[49]]),
        ("SELECT kind, count(*) FROM context GROUP BY kind", [["parent", 3]]),
        (
            ("SELECT p.name, count(*) FROM statements JOIN identities USING (actor) JOIN people p ON p.key = person "
            "WHERE org = 'north' GROUP BY 1 ORDER BY 1"),
            [["ana", 1], ["ben", 1]],
        ),
        ("SELECT awarded, person FROM periods ORDER BY 2 LIMIT 1", [["2026-03-01", "ana"]]),
        ("WITH a AS (SELECT since FROM standings LIMIT 1) FROM a", [["2026-03-01T00:00:00Z"]]),
        ("SELECT text FROM activities WHERE text LIKE '%ana/question'", [["https://x.example/ana/question"]]),
        ("SELECT list_transform([1, 2], lambda x: x + 1), {'a': 1.5}, 'NaN'::DOUBLE", [[[2, 3], {"a": 1.5}, None]]),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) FROM r", [[3]]),
        ("SELECT date_trunc('month', timestamp AT TIME ZONE 'Europe/Berlin') IS NULL FROM statements LIMIT 1", [[False]]),
        ("SELECT n FROM range(3) t(n) UNION ALL VALUES (9) ORDER BY 1", [[0], [1], [2], [9]]),
        ("SELECT row_number() OVER (ORDER BY key), lag(key) OVER (ORDER BY key) FROM deals", [[1, None], [2, "ana"], [3, "ben"]]),
]  # fmt: skip


def test_analysts_ask_in_sql(ask: Ask) -> None:
    for sql, rows in ANSWERS:
        assert ask(sql).rows == rows, sql


def test_every_table_is_there_and_sealed(ask: Ask) -> None:
    for table in sorted(TABLES):
        mark = "south" if table == "context" else MARK  # which is all numbers
        whole, sealed = ask(f"SELECT * FROM {table}"), ask(f"SELECT * FROM {table}", "north")
        assert mark in str(whole.rows), table
        assert mark not in str(sealed.rows), table
        assert 0 < len(sealed.rows) < len(whole.rows), table


ESCAPES = [
    "SELECT * FROM read_parquet('{lake}/statements/*.parquet')",
    "SELECT * FROM parquet_scan('{lake}/statements/*.parquet')",
    "SELECT * FROM '{lake}/statements/*.parquet'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('{lake}/statements/*.parquet')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT current_query()",
    "SELECT getvariable('a')",
    "SELECT pg_sleep(1)",
    "SELECT sleep_ms(1)",
    "SELECT write_log('a')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('statements')",
    "SELECT * FROM json_execute_serialized_sql('{{}}')",
    "SELECT * FROM python_map_function()",
    "SELECT * FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)",
    "SELECT * FROM seq_scan('statements')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM main.statements",
    "SELECT * FROM memory.main.statements",
    "SELECT * FROM temp.statements",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM statements AT (VERSION => 1)",
    "WITH duckdb_tables AS (SELECT 1) SELECT * FROM duckdb_tables",
    "WITH statements AS (SELECT 1) SELECT * FROM statements",
    "SELECT (SELECT count(*) FROM duckdb_columns)",
    "SELECT 1 WHERE EXISTS (FROM sqlite_schema)",
    "SELECT * FROM (DESCRIBE statements)",
    "SELECT * FROM (SHOW ALL TABLES)",
    "SHOW TABLES",
    "DESCRIBE statements",
    "SUMMARIZE statements",
    "EXPLAIN SELECT 1",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "SET VARIABLE a = 1",
    "RESET lock_configuration",
    "COPY statements TO '{lake}/out.csv'",
    "COPY (SELECT 1) TO '{lake}/out.parquet'",
    "EXPORT DATABASE '{lake}/out'",
    "ATTACH '{lake}/out.db'",
    "ATTACH ':memory:' AS other",
    "USE main",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE TABLE a AS SELECT 1",
    "CREATE MACRO a() AS 1",
    "CREATE TEMP VIEW a AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW statements",
    "INSERT INTO statements SELECT * FROM statements",
    "DELETE FROM deals",
    "UPDATE deals SET id = 'x'",
    "PREPARE a AS SELECT 1",
    "EXECUTE a",
    "DEALLOCATE a",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW statements",
    "SELECT ?",
    "SELECT $a",
    "PIVOT deals ON org USING count(*)",
    "",
    ";",
    "-- nothing",
    "SELEC 1",
    "SELECT " + "(" * 2000 + "1" + ")" * 2000,
    "SELECT '" + "x" * 20_001 + "'",
]  # fmt: skip


def test_who_tries_to_get_out_is_told_no(ask: Ask, filler: Filler) -> None:
    folder = filler.statements.uri.removesuffix("/statements")
    before = sorted(Path(folder).rglob("*"))
    for sql in ESCAPES:
        with pytest.raises(InvalidQuery) as refused:
            ask(sql.replace("{lake}", folder).replace("{{}}", "{}"), "north")
        assert refused.value.parameter == "sql", sql
        assert MARK not in str(refused.value), sql
    assert sorted(Path(folder).rglob("*")) == before


def test_what_passed_the_first_wall_would_meet_the_second(
    ask: Ask, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the check of the text blind, DuckDB itself would still open no file and change no setting."""
    folder = filler.statements.uri.removesuffix("/statements")
    (file,) = list(Path(folder, "people").glob("*.parquet"))[:1]
    monkeypatch.setattr(running, "check", lambda *_: {"statements"})
    for sql in (
        f"SELECT * FROM read_parquet('{file}')", f"FROM '{file}'", "SELECT * FROM glob('/*')", "SELECT * FROM read_text('/etc/passwd')",
        f"COPY statements TO '{folder}/out.csv'", f"ATTACH '{folder}/out.db'", "INSTALL httpfs", "LOAD httpfs",
        "SET enable_external_access = true", "SET memory_limit = '10GB'", "RESET lock_configuration",
    ):  # fmt: skip
        with pytest.raises(InvalidQuery):
            ask(sql, "north")
    assert "south" not in str(ask("SELECT * FROM statements", "north").rows)


PROBES = [
    "SELECT CAST(response AS INT) FROM answers",
    "SELECT * FROM answers WHERE CAST(response AS INT) > 0",
    "SELECT * FROM statements WHERE CAST(org AS INT) > 0",
    "SELECT error(text) FROM actors",
    "SELECT 1 / (CASE WHEN org = 'south' THEN 0 ELSE 1 END) FROM statements",
    "SELECT assert_true(org = 'north') FROM statements",
    "SELECT CAST(name AS DATE) FROM organizations",
    "SELECT * FROM deals WHERE id::INT = 1",
    "SELECT text::INT FROM activities",
]  # fmt: skip


def test_not_even_an_error_tells_of_others(ask: Ask) -> None:
    """A condition of the asker must not be evaluated on rows of others before ours is."""
    for sql in PROBES:
        try:
            told = str(ask(sql, "north").rows)
        except StatementError as error:
            told = str(error)
        assert MARK not in told, sql


EXAMPLES = int(os.environ.get("LAUREL_LAKE_EXAMPLES", "60"))
things = st.sampled_from(
    [*sorted(TABLES), "duckdb_views", "information_schema.tables", "main.statements", "a", '"statements"']
)
values = st.sampled_from(
    ["*", "count(*)", "org", "text", "CAST(org AS INT)", "list(org)", "getenv('A')", "(SELECT list(org) FROM statements)",
     "any_value(columns(*))", "current_setting('threads')", "key", "x"]
)  # fmt: skip
conditions = st.sampled_from(
    [
        "TRUE",
        "org = 'south'",
        "org LIKE '%'",
        "org IN (SELECT key FROM organizations)",
        "1=1 OR org = 'south'",
        "CAST(key AS INT) = 1",
    ]
)


@st.composite
def selects(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw SELECTs that nest, join and unite what is there and what is not."""
    inner = draw(st.booleans()) if depth else False
    source = f"({draw(selects(depth - 1))}) q" if inner else draw(things)
    sql = f"SELECT {draw(values)} FROM {source}"
    if draw(st.booleans()):
        sql += f" CROSS JOIN {draw(things)} j"
    sql += f" WHERE {draw(conditions)}"
    if depth and draw(st.booleans()):
        sql = f"{sql} UNION ALL BY NAME {draw(selects(depth - 1))}"
    return f"WITH a AS (SELECT * FROM {draw(things)}) {sql}" if depth == 2 and draw(st.booleans()) else sql


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(sql=selects())
def test_no_drawn_query_shows_a_row_of_others(ask: Ask, sql: str) -> None:
    try:
        told = str(ask(sql, "north", max_rows=100).rows)
    except StatementError as error:
        told = str(error).replace(sql, "")
    assert MARK not in told, sql
    assert "mailto:" + MARK not in told


def test_rows_time_and_memory_are_bounded(ask: Ask) -> None:
    few = ask("SELECT * FROM range(100000)", max_rows=10)
    assert (len(few.rows), few.truncated) == (10, True)
    assert not ask("SELECT * FROM range(10)", max_rows=10).truncated
    large = ask("SELECT repeat('x', 1000000) FROM range(1000)", max_rows=1000)
    assert large.truncated
    assert len(large.rows) < 1000
    with pytest.raises(QueryTimeout):
        ask(
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3",
            max_seconds=0.5,
        )
    with pytest.raises((TooLarge, QueryTimeout)):
        ask(
            "SELECT count(DISTINCT md5(a.range::VARCHAR || b.range::VARCHAR)) FROM range(10000) a, range(10000) b"
        )


def test_functions_reach_nothing_outside(ask: Ask) -> None:
    """A new version of DuckDB may bring functions of which nobody has thought."""
    import duckdb

    with duckdb.connect() as db:
        names = functions(db)
    told = (
        "env",
        "secret",
        "setting",
        "variable",
        "file_",
        "read_",
        "write",
        "http",
        "sql",
        "sleep",
        "execute",
        "query",
    )
    assert {name for name in names if any(word in name for word in told)} == set()
    assert {"sum", "date_trunc", "list_transform", "regexp_extract", "quantile_cont", "+", "coalesce"} - {
        "coalesce"
    } <= names


@pytest.mark.parametrize("missing", ["url", "built"])
def test_without_a_lake_that_is_said(db: Any, filler: Filler, missing: str) -> None:
    from lrs.lake.errors import LakeMissing

    url = "" if missing == "url" else filler.statements.uri.removesuffix("/statements")
    with pytest.raises(LakeMissing, match="no lake"):
        running.ask(db, url, "SELECT 1", ("north",), utc_now(), everything=False, max_seconds=5)


def test_a_question_is_answered_beside_this_process_which_its_memory_cannot_end(
    db: Any, filler: Filler
) -> None:
    """DuckDB counts neither the texts of functions, nor does each of them look whether to stop."""
    url = filler.statements.uri.removesuffix("/statements")
    filler.create()
    filler.build(lambda _count: True)
    tending.keep(db, url, utc_now)

    def asked(sql: str, seconds: float = 20) -> SqlAnswer:
        return running.ask(db, url, sql, ("north",), utc_now(), everything=False, max_seconds=seconds)

    found = asked("SELECT 1 AS one, 'ä' AS text")
    assert (found.columns, found.rows, found.truncated) == (
        [("one", "INTEGER"), ("text", "VARCHAR")],
        [[1, "ä"]],
        False,
    )
    with pytest.raises(TooLarge, match="memory"):
        asked("SELECT repeat('x', 500000000) FROM range(500)")
    with pytest.raises(InvalidQuery, match="may not call"):
        asked("SELECT getenv('HOME')")
    with pytest.raises(InvalidQuery, match="nested"):
        asked("SELECT " + "abs(" * 900 + "1" + ")" * 900)
    with pytest.raises(QueryTimeout):
        asked(
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3", 0.5
        )
