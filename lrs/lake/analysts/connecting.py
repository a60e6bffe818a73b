"""What other engines need to read the tables: code to paste into a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# ruff: noqa: S608 -- the code is for people to read

FILES: Final = """\
from deltalake import DeltaTable  # pip install deltalake

def files(table):
    # of the newest version; the folder may hold files that no version knows
    return DeltaTable(f"{url}/{{table}}").file_uris()
"""
ENGINES: Final[Mapping[str, str]] = {
    "duckdb": FILES + """
import duckdb  # pip install duckdb

statements = duckdb.read_parquet(files("statements"))
duckdb.sql("SELECT org, count(*) AS n FROM statements GROUP BY org ORDER BY n DESC").show()
""",
    "pandas": """\
from deltalake import DeltaTable  # pip install deltalake pyarrow pandas

statements = DeltaTable("{url}/statements").to_pandas(columns=["org", "actor", "timestamp", "verb"])
print(statements.groupby("org").size())
""",
    "polars": """\
import polars as pl  # pip install polars deltalake

statements = pl.scan_delta("{url}/statements")
print(statements.group_by("org").len().sort("len", descending=True).collect())
""",
    "spark": FILES + """
from pyspark.sql import SparkSession  # pip install pyspark; needs Java 17 or newer

spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
statements = spark.read.parquet(*files("statements"))
# where Spark has the jars of Delta Lake: spark.read.format("delta").load("{url}/statements")
statements.groupBy("org").count().orderBy("count", ascending=False).show()
""",
}  # fmt: skip


def snippet(engine: str, url: str) -> str:
    """Return the code by which an engine reads the lake at an address."""
    return ENGINES[engine].format(url=url.rstrip("/"))
