"""The tables that a ready report reads, as one connection to DuckDB sees them: rows in reach, and no others.

`Sight` is put in by the service. What a report may name beside the lake's own `organizations`:

members     person, org, role, since, until: who counts for an organization in reach, and when
identities  actor, person: who of the members owns an identifier
acts        statements of the stores in reach with their `person`; of nobody else where the sight is narrow
states      person, certification, state, since, until: of members, in the certifications in question
holdings    person, certification, since, until: when a member held a certification, touching states joined
own_deals, own_tiers  the deals and tiers of the organizations in reach

`holds(since, until, moment)`, `within(moment, since, until)` and `days_between(since, until)` are macros.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import pyarrow as pa
from pymongo.database import Database

from lrs.access.clients import OWN_CLIENT
from lrs.lake import reading, state
from lrs.lake.bounds import BOUNDS
from lrs.lake.errors import LakeMissing, LakeUnreadable
from lrs.lake.storage import LakeTable
from rules.evaluation.timeline import ACTIVE_STATES
from statements.errors import QueryTimeout, TooLarge

Document = dict[str, Any]
Row = dict[str, Any]
SMALLEST: Final = 5
"""People of whom a figure tells at least; one of fewer is left out, as it would tell of single people."""
SECONDS: Final = 30.0
OUR_MISTAKES: Final = (
    duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.DataError,
)  # fmt: skip
_MACROS: Final = (
    "holds(since, until, moment) AS since <= moment AND (until IS NULL OR until > moment)",
    "within(moment, since, until) AS moment >= coalesce(since, moment) AND (until IS NULL OR moment < until)",
    "days_between(since, until) AS (epoch_us(until) - epoch_us(since)) / 86400e6",
)
_MADE: Final[Mapping[str, str]] = {
    "members": """TABLE members AS
        SELECT person, org, role, since, until FROM {affiliations}
        WHERE "primary" AND since IS NOT NULL AND org IN (FROM sight_orgs)
        AND (role IN (FROM sight_roles) OR NOT EXISTS (FROM sight_roles))""",
    "identities": """TABLE identities AS
        WITH owned AS (
            SELECT key AS person, unnest(identifiers) AS text FROM {people}
            WHERE key IN (SELECT person FROM {members})
        )
        SELECT a.key AS actor, min(o.person) AS person
        FROM owned o JOIN {actors} a USING (text) GROUP BY a.key""",
    "acts": """VIEW acts AS
        SELECT s.*, coalesce(i.person, '#' || s.actor) AS person
        FROM {statements} s LEFT JOIN {identities} i ON i.actor = s.actor
        WHERE s.org IN (FROM sight_stores)
        AND s.client IS DISTINCT FROM (SELECT any_value(client) FROM own_client)
        AND s.actor IS NOT NULL AND (i.person IS NOT NULL OR EXISTS (FROM sight_everybody))""",
    "states": """VIEW states AS
        SELECT person, certification, state, since, until FROM {standings}
        WHERE evaluated IS NOT TRUE AND since IS NOT NULL AND since IS DISTINCT FROM until
        AND person IN (SELECT person FROM {members}) AND certification IN (SELECT key FROM certifications)""",
    "holdings": """TABLE holdings AS
        WITH held AS (SELECT * FROM {states} WHERE state IN (FROM active_states)),
        marked AS (
            SELECT *, since IS DISTINCT FROM lag(until) OVER one AS begins FROM held
            WINDOW one AS (PARTITION BY person, certification ORDER BY since)
        ),
        numbered AS (
            SELECT *, count(*) FILTER (begins) OVER (PARTITION BY person, certification ORDER BY since) AS n
            FROM marked
        )
        SELECT person, certification, min(since) AS since,
               CASE WHEN bool_and(until IS NOT NULL) THEN max(until) END AS until
        FROM numbered GROUP BY person, certification, n""",
    "own_deals": "VIEW own_deals AS SELECT * FROM {deals} WHERE org IN (FROM sight_orgs)",
    "own_tiers": "VIEW own_tiers AS SELECT * FROM {tiers} WHERE org IN (FROM sight_orgs)",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What a report counts: the stores it reads, the organizations whose people it counts, how narrow."""

    stores: Sequence[str]
    orgs: Sequence[str]
    certifications: Mapping[str, str]  # id -> title
    role: str | None = None
    everybody: bool = False  # also statements of people who belong to nobody


@dataclass(slots=True)
class Tables:
    """One connection that sees the tables of a report; `through`: everything before it is known."""

    db: duckdb.DuckDBPyConnection
    url: str
    through: dt.datetime
    _made: set[str] = field(default_factory=set)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a SELECT of ours as mappings; every value is a parameter `$name`.

        A table of the report is named in braces: `{members}`.
        """
        found = self.db.execute(sql.format_map(_Names(self)), values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def activities(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the ids of activities that rows of this report name by number."""
        sql = "SELECT key, text FROM {activities} WHERE list_contains($keys, key)"
        return {row["key"]: row["text"] for row in self.rows(sql, keys=sorted(set(keys)))}

    def relation(self, name: str) -> str:
        """Return how SQL names a table, which is made where it is needed first."""
        if name not in _MADE:
            return reading.relation(self.db, LakeTable(self.url, name))
        if name not in self._made:
            self._made.add(name)
            self.db.execute(f"CREATE OR REPLACE TEMP {_MADE[name].format_map(_Names(self))}")
        return name


class _Names(dict[str, str]):
    """The tables that SQL names in braces."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, name: str) -> str:
        """Make the table."""
        return self._tables.relation(name)


@contextmanager
def opened(mongo: Database[Document], url: str, sight: Sight) -> Iterator[Tables]:
    """Open the tables for one report; LakeError where there is no lake, QueryTimeout, TooLarge."""
    through = (state.read(mongo) or {}).get("through")
    if not url or through is None:
        raise LakeMissing(
            "this report reads the lake, and there is none that was built",
            "set LRS_LAKE_URL and run `lrs lake build`",
        )
    db = reading.connection()
    timer = threading.Timer(SECONDS, db.interrupt)
    timer.start()
    try:
        db.execute("SET TimeZone = 'UTC'")
        for macro in _MACROS:
            db.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")
        for name, table in _sight_tables(sight).items():
            db.register(name, table)
        yield Tables(db, url, through)
    except duckdb.InterruptException as error:
        raise QueryTimeout(SECONDS) from error
    except OUR_MISTAKES:
        raise
    except duckdb.OutOfMemoryException as error:
        raise TooLarge("what the report needs in memory", BOUNDS.memory_mb, "MB") from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise LakeUnreadable("the lake's files changed meanwhile, or cannot be read", "ask again") from error
    finally:
        timer.cancel()
        db.close()


def _sight_tables(sight: Sight) -> dict[str, pa.Table]:
    """Return what a sight says as tables, so that no value of it is ever part of SQL."""

    def texts(name: str, values: Sequence[str]) -> pa.Table:
        return pa.table({name: pa.array(list(values), pa.string())})

    return {
        "sight_stores": texts("org", sight.stores),
        "sight_orgs": texts("org", sight.orgs),
        "sight_roles": texts("role", [] if sight.role is None else [sight.role]),
        "sight_everybody": texts("everybody", ["yes"] if sight.everybody else []),
        "own_client": texts("client", [OWN_CLIENT]),
        "active_states": texts("state", sorted(ACTIVE_STATES)),
        "certifications": pa.table(
            {
                "key": pa.array(list(sight.certifications), pa.string()),
                "title": pa.array(list(sight.certifications.values()), pa.string()),
            }
        ),
    }
