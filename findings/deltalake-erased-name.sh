#!/usr/bin/env bash
# Deleting a person from a Delta table writes the person's name into the log, and vacuum leaves it there.
#
# Packages:  deltalake 1.6.6, pyarrow 26.0.1 (PyPI).
# Guess:     after delete and a forced vacuum nothing on disk names the person any more.
# Happens:   the log of the append holds the name as a minimum or maximum, the log of the delete holds it in the
#            predicate. A checkpoint with cleanup_metadata() removes neither while the retention of logs is the
#            usual one; with delta.logRetentionDuration at zero both logs go.
# Seen:      in Parquet files 1 before and 0 after vacuum; in log files 2 after vacuum, 2 after checkpoint and
#            cleanup, 0 after retention zero, checkpoint and cleanup; the predicate is in the second log
# Matters:   an erasure request is not fulfilled by delete and vacuum. Keys that mean nothing outside the store,
#            not mail addresses, belong in predicates, and the search for the name at the end belongs to
#            the erasure.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1

cat > run.py <<'PY'
import json
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

NAME = "ana@example.org"


def naming(pattern):
    return sorted(path.name for path in Path("people").rglob(pattern) if NAME.encode() in path.read_bytes())


def tidy():
    DeltaTable("people").create_checkpoint()
    DeltaTable("people").cleanup_metadata()


write_deltalake("people", pa.table({"person": [NAME, "ben@example.org"], "raw": [80, 90]}))
DeltaTable("people").delete(f"person = '{NAME}'")
log = Path("people/_delta_log/00000000000000000001.json").read_text()
commits = [json.loads(line)["commitInfo"] for line in log.splitlines() if "commitInfo" in line]
print("predicate names the person:", NAME in commits[0]["operationParameters"]["predicate"])
print("parquet before vacuum:", len(naming("*.parquet")))
DeltaTable("people").vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
print("parquet after vacuum:", len(naming("*.parquet")))
print("logs after vacuum:", len(naming("*.json")))
tidy()
print("logs after checkpoint and cleanup:", len(naming("*.json")))
DeltaTable("people").alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
tidy()
print("anything after retention zero:", len(naming("*.*")))
PY
seen=$(venv/bin/python run.py)
want='predicate names the person: True
parquet before vacuum: 1
parquet after vacuum: 0
logs after vacuum: 2
logs after checkpoint and cleanup: 2
anything after retention zero: 0'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: deltalake 1.6.6 keeps an erased name in two log files until log retention is zero"
