"""The tables that an analyst's SQL may read, with the rows of the stores in reach and no others.

Files are read by Arrow, with the condition on the organization inside of what DuckDB is given: no expression
of the asker is ever evaluated on a row of somebody else, so not even an error can tell of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pymongo.database import Database

from lrs.lake.records import SOURCES
from lrs.lake.storage import LakeTable
from lrs.lake.tables import (
    ACTIVITIES,
    ACTIVITY_LISTS,
    ACTOR_COLUMNS,
    ACTORS,
    AFFILIATIONS,
    AWARDS,
    DEALS,
    GATES,
    ORGANIZATIONS,
    PEOPLE,
    PERIODS,
    SCHEMAS,
    STANDINGS,
    STATEMENTS,
    TIERS,
)
from lrs.people.directory import Directory

Document = dict[str, Any]
OF_ORGANIZATION: Final = {
    STATEMENTS: "org", ORGANIZATIONS: "key", AFFILIATIONS: "org", TIERS: "org", GATES: "org", DEALS: "org",
}  # fmt: skip
OF_PERSON: Final = {PEOPLE: "key", AWARDS: "person", PERIODS: "person", STANDINGS: "person"}
ANSWERS, CONTEXT, IDENTITIES = "answers", "context", "identities"
DERIVED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    ANSWERS: ((STATEMENTS,), (
        "SELECT org, id, actor, timestamp, object_activity AS activity, registration, interaction_type, "
        "response, success, score_scaled, duration_s FROM statements "
        "WHERE response IS NOT NULL OR interaction_type IS NOT NULL"
    )),
    CONTEXT: (
        (STATEMENTS,),
        " UNION ALL ".join(
            f"SELECT org, id, actor, timestamp, '{name}' AS kind, unnest({name}) AS activity FROM statements"  # noqa: S608 -- names of ours
            for name in ACTIVITY_LISTS
        ),
    ),
    IDENTITIES: ((PEOPLE, ACTORS), (
        "SELECT a.key AS actor, p.key AS person "
        "FROM (SELECT key, unnest(identifiers) AS text FROM people) p JOIN actors a USING (text)"
    )),
}  # fmt: skip
TABLES: Final = frozenset({STATEMENTS, ACTORS, ACTIVITIES, *SOURCES, *DERIVED})


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rows are seen: those of these organizations and people, or of all."""

    orgs: list[str]
    persons: list[str]
    everything: bool

    @classmethod
    def of(
        cls, db: Database[Document], orgs: Collection[str], now: dt.datetime, *, everything: bool
    ) -> Reach:
        """Return what is seen by who may read these organizations' stores."""
        persons = [] if everything else Directory(db, now, sorted(orgs)).members() or []
        return cls(sorted(orgs), sorted(persons), everything)

    def condition(self, table: str) -> pc.Expression | None:
        """Return the condition on the rows of a table; None for all of them."""
        if self.everything:
            return None
        if table in OF_ORGANIZATION:
            return pc.field(OF_ORGANIZATION[table]).isin(self.orgs)
        if table in OF_PERSON:
            return pc.field(OF_PERSON[table]).isin(pa.array(self.persons, pa.string()))
        raise KeyError(table)  # texts have a way of their own


def show(db: duckdb.DuckDBPyConnection, url: str, reach: Reach, wanted: Collection[str]) -> None:
    """Make the views that are wanted, each of the rows in reach."""
    needed = set(wanted)
    for name in wanted:
        needed |= set(DERIVED[name][0]) if name in DERIVED else set()
    texts = needed & {ACTORS, ACTIVITIES}
    if not reach.everything and (texts or PEOPLE in needed):  # texts are shown that statements in reach name
        needed |= {STATEMENTS, ACTORS} if PEOPLE in needed else {STATEMENTS}
    for name in (STATEMENTS, ACTORS, ACTIVITIES, *SOURCES):
        if name in needed:
            _show(db, url, reach, name)
    for name in sorted(needed & DERIVED.keys()):
        db.execute(f"CREATE VIEW {name} AS {DERIVED[name][1]}")


def _show(db: duckdb.DuckDBPyConnection, url: str, reach: Reach, name: str) -> None:
    rows, condition = _dataset(LakeTable(url, name)), None
    if name in {ACTORS, ACTIVITIES}:
        if not reach.everything:
            rows = rows.to_table(filter=pc.field("key").isin(_keys(db, name)))
    elif (condition := reach.condition(name)) is not None:
        rows = rows.filter(condition)
        if name == PEOPLE:
            rows = _as_known(rows, {text for (text,) in db.execute("SELECT text FROM actors").fetchall()})
    hidden = f"h{token_hex(8)}"
    db.register(hidden, rows)
    db.execute(f"CREATE VIEW {name} AS SELECT * FROM {hidden}")  # noqa: S608 -- names of ours


def _dataset(table: LakeTable) -> Any:
    schema, paths = SCHEMAS[table.name], table.paths()
    if not paths:
        return pads.dataset(table.empty())
    return pads.dataset(paths, schema=schema, filesystem=table.files, format="parquet")


def _as_known(people: Any, known: Collection[str]) -> pa.Table:
    """Return people as organizations see them: by the identifiers that stand in their stores alone."""
    rows = people.to_table().to_pylist()
    for row in rows:
        row["email"] = None
        row["identifiers"] = [one for one in row["identifiers"] or () if one in known]
    return pa.Table.from_pylist(rows, SCHEMAS[PEOPLE])


def _keys(db: duckdb.DuckDBPyConnection, name: str) -> pa.Array:
    """Return the numbers of the texts that statements in reach name."""
    columns = ACTOR_COLUMNS if name == ACTORS else ("object_activity",)
    parts = [f"SELECT {one} AS key FROM {STATEMENTS}" for one in columns]  # noqa: S608 -- names of ours
    if name == ACTIVITIES:
        parts += [f"SELECT unnest({one}) AS key FROM {STATEMENTS}" for one in ACTIVITY_LISTS]  # noqa: S608 -- names of ours
    found = db.execute(f"SELECT DISTINCT key FROM ({' UNION ALL '.join(parts)}) WHERE key IS NOT NULL")  # noqa: S608 -- names of ours
    return pa.array([row[0] for row in found.fetchall()], pa.int32())
