"""Ask several engines the same of a lake, and compare: any that reads Delta Lake or Parquet is as good.

    .venv/bin/python scripts/lake_engines.py LAKE [--engines duckdb,pandas,polars,spark]

LAKE is the folder of LRS_LAKE_URL. Engines that are not installed are told of and left out; Spark runs in
local mode and needs `pip install pyspark` and Java 17 or newer. Exit code 1 where two say different things.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from deltalake import DeltaTable

QUESTION = """
SELECT org, count(*) AS n, count(DISTINCT actor) AS people,
       sum(CASE WHEN success THEN 1 ELSE 0 END) AS passed,
       round(sum(duration_s), 3) AS seconds, min(year(timestamp)) AS since, max(score_scaled) AS best
FROM statements GROUP BY org ORDER BY org
"""  # fmt: skip
Rows = list[tuple[Any, ...]]


def files(url: str, table: str) -> list[str]:
    """Return the files of the newest version: the folder may hold others."""
    return DeltaTable(f"{url}/{table}").file_uris()


def of_duckdb(url: str) -> Rows:
    import duckdb

    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"CREATE VIEW statements AS SELECT * FROM read_parquet({files(url, 'statements')!r})")
        return db.execute(QUESTION).fetchall()


def of_polars(url: str) -> Rows:
    import polars as pl

    table = pl.scan_delta(f"{url}/statements")
    found = table.group_by("org").agg(
        pl.len(), pl.col("actor").n_unique(), pl.col("success").sum(), pl.col("duration_s").sum().round(3),
        pl.col("timestamp").dt.year().min().alias("since"), pl.col("score_scaled").max(),
    )  # fmt: skip
    return found.sort("org").collect().rows()


def of_pandas(url: str) -> Rows:
    table = DeltaTable(f"{url}/statements").to_pandas(
        columns=["org", "actor", "success", "duration_s", "timestamp", "score_scaled"]
    )
    table["year"] = table["timestamp"].dt.year
    table["passed"] = table["success"].eq(True)
    found = table.groupby("org").agg(
        n=("org", "size"), people=("actor", "nunique"), passed=("passed", "sum"),
        seconds=("duration_s", "sum"),
        since=("year", "min"), best=("score_scaled", "max"),
    )  # fmt: skip
    found["seconds"] = found["seconds"].round(3)
    return list(found.sort_index().itertuples(name=None))


def of_spark(url: str) -> Rows:
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = (
        builder.config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "1g").getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    try:
        spark.read.parquet(*files(url, "statements")).createOrReplaceTempView("statements")
        return [tuple(row) for row in spark.sql(QUESTION).collect()]
    finally:
        spark.stop()


ENGINES: dict[str, Callable[[str], Rows]] = {
    "duckdb": of_duckdb, "pandas": of_pandas, "polars": of_polars, "spark": of_spark,
}  # fmt: skip


def plain(rows: Rows) -> list[list[str]]:
    """Return rows as text, numbers to nine digits: sums of doubles depend on the order."""
    return [
        [one if isinstance(one, str) else f"{float(one):.9g}" if one is not None else "" for one in row]
        for row in rows
    ]


def main() -> int:
    """Ask, compare, and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake")
    parser.add_argument("--engines", default=",".join(ENGINES))
    given = parser.parse_args()
    told: dict[str, list[list[str]]] = {}
    for name in given.engines.split(","):
        began = time.perf_counter()
        try:
            told[name] = plain(ENGINES[name](given.lake.rstrip("/")))
        except ImportError as error:
            print(f"{name:8} left out: {error.name} is not installed")
            continue
        print(f"{name:8} {len(told[name])} rows in {time.perf_counter() - began:.1f} s")
    first, *others = told
    wrong = [name for name in others if told[name] != told[first]]
    for name in wrong:
        differing = [pair for pair in zip(told[first], told[name], strict=False) if pair[0] != pair[1]]
        print(f"{name} differs from {first}: {differing[:3]}")
    print("they differ" if wrong else f"{', '.join(told)} say the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
