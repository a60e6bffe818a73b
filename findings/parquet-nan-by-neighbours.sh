#!/usr/bin/env bash
# Whether a score of NaN counts as "at least 0.8" depends on the other scores in its file, and on who wrote the file.
#
# Versions:  duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1, deltalake 1.6.6 (PyPI).
# Guess:     NaN is greater than every number or equal to none, as the engine decides; a WHERE asks the row alone.
# Happens:   DuckDB, Polars and DataFusion (of deltalake) sort NaN above every number, so the filter lets it through; pyarrow
#            does not. But the statistics that pyarrow, Polars and deltalake write leave NaN out, and DuckDB and DataFusion
#            trust them: where no other row of the group reaches 0.8 the group is skipped, NaN and all. Files
#            of DuckDB have no statistics for a column with NaN, so there the row is found.
# Seen:      ana 0.5, cem NaN: DuckDB over a file of pyarrow none, of Polars none, of DuckDB cem, over the table in memory
#            cem; deltalake none; Polars cem; pyarrow none. With ben 0.9 beside them: DuckDB, deltalake and Polars ben cem
# Matters:   a scaled score reckoned as raw/max of an activity without points is 0/0. Then somebody passes or does not by who
#            else was written in the same batch, a compaction changes the answer, and a test on a table in memory
#            shows nothing of it. Turn NaN into null before it is written.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 deltalake==1.6.6

cat > run.py <<'PY'
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder, write_deltalake


def joined(names):
    return " ".join(sorted(names)) or "none"


def in_duckdb(source):
    return joined(who for (who,) in duckdb.sql(f"select who from {source} where scaled >= 0.8").fetchall())


for label, people, scores in (
    ("ana 0.5, cem NaN", ["ana", "cem"], [0.5, float("nan")]),
    ("ana 0.5, ben 0.9, cem NaN", ["ana", "ben", "cem"], [0.5, 0.9, float("nan")]),
):
    batch = pa.table({"who": people, "scaled": scores})
    pq.write_table(batch, "of-pyarrow.parquet")
    pl.DataFrame({"who": people, "scaled": scores}).write_parquet("of-polars.parquet")
    duckdb.sql("copy batch to 'of-duckdb.parquet'")
    write_deltalake("table", batch, mode="overwrite")
    delta = QueryBuilder().register("scores", DeltaTable("table"))
    print(label)
    for writer in ("pyarrow", "polars", "duckdb"):
        print(f"  duckdb, file of {writer}:", in_duckdb(f"'of-{writer}.parquet'"))
    print("  duckdb, in memory:", in_duckdb("batch"))
    found = delta.execute("select who from scores where scaled >= 0.8").read_all()
    print("  deltalake:", joined(pa.table(found)["who"].to_pylist()))
    found = pl.scan_parquet("of-pyarrow.parquet").filter(pl.col("scaled") >= 0.8).collect()
    print("  polars:", joined(found["who"].to_list()))
    found = ds.dataset("of-pyarrow.parquet").to_table(filter=pc.field("scaled") >= 0.8)
    print("  pyarrow:", joined(found["who"].to_pylist()))
PY
seen=$(venv/bin/python run.py)
want='ana 0.5, cem NaN
  duckdb, file of pyarrow: none
  duckdb, file of polars: none
  duckdb, file of duckdb: cem
  duckdb, in memory: cem
  deltalake: none
  polars: cem
  pyarrow: none
ana 0.5, ben 0.9, cem NaN
  duckdb, file of pyarrow: ben cem
  duckdb, file of polars: ben cem
  duckdb, file of duckdb: ben cem
  duckdb, in memory: ben cem
  deltalake: ben cem
  polars: ben cem
  pyarrow: ben'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: statistics without NaN decide in duckdb 2.0.1 and deltalake 1.6.6 whether NaN passes a filter"
