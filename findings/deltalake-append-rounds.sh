#!/usr/bin/env bash
# Appending 80.5 to an integer column of a Delta table stores 80; the enforced schema does not object.
#
# Packages:  deltalake 1.6.6, pyarrow 26.0.1 (PyPI).
# Guess:     Delta enforces the schema on write: a float for an integer column is an error, or, with
#            schema_mode="merge", widens the column.
# Happens:   the values are cast as SQL would cast them. 80.5 is stored as 80, the text "7" as 7, with either
#            mode. Only what cannot be cast at all is an error ("7.9" as text is one, 7.9 as number is not).
# Seen:      80.5 -> 80; 80.5 merge -> 80; "7" -> 7; "7.9" refused; column stays int64
# Matters:   the type of a score column is fixed by the first batch. A store that feeds a lake batch by batch
#            loses fractions from the first whole batch on, and the counts of rows still add up. Declare
#            the schema and compare it before each append.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1

cat > run.py <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

write_deltalake("scores", pa.table({"n": [0], "raw": pa.array([90], pa.int64())}))


def appended(value, **options):
    number = DeltaTable("scores").to_pyarrow_table().num_rows
    try:
        write_deltalake("scores", pa.table({"n": [number], "raw": [value]}), mode="append", **options)
    except Exception as error:
        return f"refused ({'Cast' if 'ast' in str(error) else type(error).__name__})"
    rows = DeltaTable("scores").to_pyarrow_table().to_pylist()
    return next(row["raw"] for row in rows if row["n"] == number)


print("80.5 ->", appended(80.5))
print("80.5 merge ->", appended(80.5, schema_mode="merge"))
print("text 7 ->", appended("7"))
print("text 7.9 ->", appended("7.9"))
print("column", DeltaTable("scores").to_pyarrow_table().schema.field("raw").type)
PY
seen=$(venv/bin/python run.py)
want='80.5 -> 80
80.5 merge -> 80
text 7 -> 7
text 7.9 -> refused (Cast)
column int64'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: deltalake 1.6.6 casts an appended float down to the column's integer"
