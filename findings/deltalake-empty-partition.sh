#!/usr/bin/env bash
# An empty text in a partition column is NULL for delta-rs and '' for DuckDB, over the same files.
#
# Packages:  deltalake 1.6.6, pyarrow 26.0.1, duckdb 2.0.1 (PyPI).
# Guess:     '' and NULL are two values, before and after writing, and two readers of one folder agree.
# Happens:   delta-rs writes two folders, "org=" and "org=__HIVE_DEFAULT_PARTITION__", and reads both as NULL
#            (the Delta protocol says an empty partition value is null). DuckDB, which reads the folders by their
#            names, keeps '' and NULL apart. As an ordinary column '' survives in both.
# Seen:      written '', a, NULL; delta-rs: NULL, a, NULL; DuckDB: '', a, NULL; unpartitioned: '', a, NULL
# Matters:   in a lake of learning records partitioned by organisation or platform, "no platform" and "platform
#            is empty" become one, group counts of two tools differ, and WHERE org = '' finds nothing. Write a word
#            for the empty value or do not partition by that column.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1 duckdb==2.0.1

cat > run.py <<'PY'
import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

table = pa.table({"org": ["", "a", None], "n": [1, 2, 3]})
write_deltalake("parted", table, partition_by=["org"])
write_deltalake("plain", table)


def delta(path):
    rows = DeltaTable(path).to_pyarrow_table().to_pylist()
    return [row["org"] for row in sorted(rows, key=lambda row: row["n"])]


files = "read_parquet('parted/*/*.parquet', hive_partitioning=true)"
print("delta-rs", delta("parted"))
print("duckdb", [org for (org,) in duckdb.sql(f"select org from {files} order by n").fetchall()])
print("plain", delta("plain"))
PY
seen=$(venv/bin/python run.py)
want="delta-rs [None, 'a', None]
duckdb ['', 'a', None]
plain ['', 'a', None]"
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: an empty partition value is null in deltalake 1.6.6 and empty text in duckdb 2.0.1"
