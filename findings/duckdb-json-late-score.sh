#!/usr/bin/env bash
# DuckDB rounds a score of 81.7 that comes after 20,480 whole ones, and what else is new there is an error
# only in some queries.
#
# Package:   duckdb 2.0.1 (PyPI).
# Guess:     read_json infers the columns from a sample; a later line that does not fit the guess is an error.
# Happens:   a fraction that meets a column guessed as BIGINT is rounded without a word, in every query. A key first
#            met after the sample is an error for SELECT *, and passes unseen when the query leaves out any known column:
#            the error depends on the query, not on the file. With sample_size=-1 all of it is there.
# Seen:      sum of 20,500 times 80 and one 81.7: 1640082 (whole file sampled: 1640081.7);
#            SELECT *: has unknown key "platform"; SELECT sum(raw): answers
# Matters:   an export of a learning record store has whole scores for months until one course sends fractions. The
#            sums and averages over it are then wrong, and reading the file once with SELECT * proves nothing about
#            the scores. Name the column types, or let the reader see the whole file before it guesses.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1

cat > run.py <<'PY'
import json

import duckdb


def write(last):
    with open("statements.ndjson", "w") as file:
        file.writelines(json.dumps({"n": n, "raw": 80}) + "\n" for n in range(20_500))
        file.write(json.dumps({"n": 20_500, **last}) + "\n")


def answer(select, options=""):
    try:
        return duckdb.sql(f"select {select} from read_json('statements.ndjson'{options})").fetchall()[-1]
    except duckdb.Error as error:
        return f"error, {str(error).partition(' has ')[2].splitlines()[0]}"


write({"raw": 81.7})
print("sum", *answer("sum(raw)"))
print("sum, whole file sampled", *answer("sum(raw)", ", sample_size=-1"))
print("last row", *answer("*"))
write({"raw": 80, "platform": "mobile"})
print("new key, sum", *answer("sum(raw)"))
print("new key, all columns:", answer("*"))
print("new key, whole file sampled", *answer("*", ", sample_size=-1"))
PY
seen=$(venv/bin/python run.py)
want='sum 1640082
sum, whole file sampled 1640081.7
last row 20500 82
new key, sum 1640080
new key, all columns: error, unknown key "platform"
new key, whole file sampled 20500 80 mobile'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: duckdb 2.0.1 rounds scores after its sample, and reports new keys to some queries only"
