"""Which SQL an analyst may send: one SELECT over the tables that are shown, with functions that only reckon.

DuckDB's own parser reads the text, and every node of what it found must be known here: what is new in another
version of DuckDB is refused until somebody looked at it. That is the first of three walls; the second is a
DuckDB without files and network whose settings are locked, the third that rows of others never get into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import duckdb

from statements.errors import InvalidQuery

LONGEST: Final = 20_000  # characters
DEEPEST: Final = 100
TABLE_FUNCTIONS: Final = frozenset({"unnest", "range", "generate_series"})
WINDOW_FUNCTIONS: Final = frozenset({
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value",
    "last_value", "nth_value",
})  # fmt: skip
NODES: Final = re.compile(
    r"SELECT_NODE|SET_OPERATION_NODE|(RECURSIVE_)?CTE_NODE|BASE_TABLE|JOIN|SUBQUERY|EMPTY|EXPRESSION_LIST|TABLE_FUNCTION"
    r"|(DISTINCT|LIMIT|LIMIT_PERCENT|ORDER)_MODIFIER|ORDER_DEFAULT|ASCENDING|DESCENDING"
    r"|COLUMN_REF|STAR|POSITIONAL_REFERENCE|VALUE_CONSTANT|FUNCTION|GROUPING_FUNCTION|LAMBDA|CASE_EXPR|COLLATE|TYPE"
    r"|ARRAY_EXTRACT|ARRAY_SLICE|STRUCT_EXTRACT|ARRAY_CONSTRUCTOR|COMPARE_\w+|CONJUNCTION_\w+|OPERATOR_\w+|WINDOW_\w+"
)
DENIED: Final = re.compile(
    r"__.*|current_(?!date$|time|local).*|get_?(env|variable|_block_size).*|.*sleep.*|.*serialize.*|.*execute.*|.*log"
    r"|write_.*|read_.*|set(seed|val)|nextval|currval|txid_.*|in_search_path|has_\w+_privilege|inet_.*|pg_.*|version"
    r"|(session_)?user|stats|vector_type|index_key|\w*_description|query.*|.*secret.*|.*parse_duckdb.*|hive_.*"
    r"|create_sort_key|constant_or_null|ilike_escape_internal"
)


def functions(db: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the names of the functions of this DuckDB that an analyst may call."""
    found = db.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type IN ('scalar', 'aggregate', 'macro')"
    ).fetchall()
    return frozenset(name for (name,) in found if not DENIED.fullmatch(name))


def check(db: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> set[str]:
    """Return which of these tables the SQL reads; InvalidQuery says why it is refused."""
    try:
        return _checked(db, sql, tables)
    except RecursionError:
        raise InvalidQuery("sql", "is nested too deep") from None


def _checked(db: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> set[str]:
    if len(sql) > LONGEST:
        raise InvalidQuery("sql", f"is longer than {LONGEST:,} characters")
    try:
        statements = db.extract_statements(sql)
        (said,) = db.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
    except duckdb.Error as error:
        raise InvalidQuery("sql", first_line(error)) from None
    tree = json.loads(said)
    if len(statements) != 1 or tree["error"] or len(tree["statements"]) != 1:
        told = "" if len(statements) != 1 else tree.get("error_message", "")
        syntax = told if told and "SELECT statements" not in told else "must be one SELECT"
        raise InvalidQuery("sql", syntax)
    taken = {name for (name,) in db.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    named = {name.lower() for name in _named(tree)}
    if wrong := named & (taken | set(tables)):
        raise InvalidQuery("sql", f"WITH may not name anything {min(wrong)!r}")
    known = functions(db)
    read: set[str] = set()
    for node in _nodes(tree["statements"][0]["node"]):
        kind = node["type"]
        if not NODES.fullmatch(kind):
            raise InvalidQuery("sql", f"may not use {kind.lower().replace('_', ' ')}")
        if kind == "BASE_TABLE":
            read.add(_table(node, tables, named))
        elif kind == "TABLE_FUNCTION":
            _function(node["function"], TABLE_FUNCTIONS)
        elif "function_name" in node:
            _function(node, known | TABLE_FUNCTIONS | WINDOW_FUNCTIONS)
    return read - named


def _nodes(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield every node of the tree, from the top down."""
    if depth > DEEPEST * 3:
        raise InvalidQuery("sql", "is nested too deep")
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for each in value.values():
            yield from _nodes(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _nodes(each, depth + 1)


def _named(value: Any) -> Iterator[str]:
    """Yield the names that WITH gives."""
    if isinstance(value, dict):
        for one in (value.get("cte_map") or {}).get("map", ()):
            yield one["key"]
        if "cte_name" in value:
            yield value["cte_name"]
        for each in value.values():
            yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)


def _table(node: dict[str, Any], tables: Collection[str], named: Collection[str]) -> str:
    name = str(node["table_name"]).lower()
    if node["schema_name"] or node["catalog_name"] or node["at_clause"]:
        raise InvalidQuery("sql", f"may not name a schema, a catalog or a version of {name!r}")
    if name not in tables and name not in named:
        raise InvalidQuery("sql", f"there is no table {name!r}; there are {', '.join(sorted(tables))}")
    return name


def _function(node: dict[str, Any], known: Collection[str]) -> None:
    name = str(node["function_name"]).lower()
    if node["schema"] or node["catalog"] or name not in known:
        raise InvalidQuery("sql", f"may not call {name!r}")


def first_line(error: Exception) -> str:
    """Return what DuckDB says of an error, without its picture of the place."""
    return str(error).split("\n", 1)[0][:300]
