"""An analyst's SQL is run in a DuckDB of its own, without files, bounded in time, memory and rows."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

import duckdb
import pyarrow as pa
from pymongo.database import Database

from lrs.lake import state
from lrs.lake.analysts.checking import check, first_line
from lrs.lake.analysts.views import TABLES, Reach, show
from lrs.lake.errors import LakeError, LakeMissing, LakeOfOtherLayout, LakeUnreadable
from statements.errors import InvalidQuery, QueryTimeout, StatementError, TooLarge

log = logging.getLogger("lrs.lake")

Document = dict[str, Any]
MEMORY_MB: Final = 400
MOST_ROWS: Final = 10_000
MOST_BYTES: Final = 16_000_000  # of texts in an answer
AT_ONCE: Final = 500
CONFIG: Final[dict[str, Any]] = {
    "memory_limit": f"{MEMORY_MB}MB",
    "threads": 2,
    "temp_directory": "",
    "max_temp_directory_size": "0KB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}
ADDRESS_MB: Final = 3_000  # of the process that answers: address space, of which a tenth is used
START_SECONDS: Final = 5.0
CHANGED: Final = ("the lake's files changed meanwhile, or cannot be read", "ask again")
ERRORS: Final[Mapping[str, type[Exception]]] = {
    one.__name__: one
    for one in (InvalidQuery, QueryTimeout, TooLarge, LakeMissing, LakeOfOtherLayout, LakeUnreadable)
}
_one_at_a_time = threading.BoundedSemaphore(1)  # so that the bound of memory is the process's


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Columns as (name, type), rows, whether there are more, and up to when the lake knows everything."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    truncated: bool
    as_of: dt.datetime | None
    seconds: float


def ask(
    db: Database[Document],
    url: str,
    sql: str,
    orgs: Sequence[str],
    now: dt.datetime,
    *,
    everything: bool,
    max_seconds: float,
    max_rows: int = 1000,
) -> SqlAnswer:
    """Run one SELECT over the stores of `orgs`; InvalidQuery, QueryTimeout, TooLarge, LakeError."""
    through = (state.read(db) or {}).get("through")
    if not url or through is None:
        raise LakeMissing("there is no lake that was built", "set LRS_LAKE_URL and run `lrs lake build`")
    began = time.perf_counter()
    reach = asdict(Reach.of(db, orgs, now, everything=everything))
    question = {"url": url, "sql": sql, "reach": reach, "max_rows": max_rows, "max_seconds": max_seconds}
    if not _one_at_a_time.acquire(timeout=max_seconds):
        raise QueryTimeout(max_seconds)
    try:
        told = _answer_beside(question, max_seconds)
    finally:
        _one_at_a_time.release()
    columns = [(name, kind) for name, kind in told["columns"]]
    seconds = round(time.perf_counter() - began, 4)
    return SqlAnswer(columns, told["rows"], told["truncated"], through, seconds)


def _answer_beside(question: Mapping[str, Any], max_seconds: float) -> Any:
    """Answer in a process of its own, which may run out of memory, and is killed at its time.

    DuckDB counts neither the texts that functions make, nor does each function look whether to stop.
    """
    command = [sys.executable, "-m", "lrs.lake.analysts.running"]
    given, longest = json.dumps(question).encode(), max_seconds + START_SECONDS
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=longest, check=False)  # noqa: S603 -- ourselves
    except subprocess.TimeoutExpired as error:
        raise QueryTimeout(max_seconds) from error
    if done.returncode != 0:
        log.warning(
            "a question in SQL ended with %d: %s",
            done.returncode,
            done.stderr[-500:].decode(errors="replace"),
        )
        raise TooLarge("what the query needs in memory", MEMORY_MB, "MB")
    told = json.loads(done.stdout)
    if "error" in told:
        raise ERRORS[told["error"]](*told["of"])
    return told


def main() -> None:
    """Answer the question of standard input on standard output, in bounded memory."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_MB << 20, ADDRESS_MB << 20))
    asked = json.load(sys.stdin)
    reach = Reach(**asked.pop("reach"))
    try:
        columns, rows, more = answer_here(reach=reach, **asked)
        text = json.dumps({"columns": columns, "rows": rows, "truncated": more})
    except (StatementError, LakeError) as error:
        text = json.dumps({"error": type(error).__name__, "of": error.args})
    except MemoryError:
        text = json.dumps({"error": "TooLarge", "of": ["what the query needs in memory", MEMORY_MB, "MB"]})
    sys.stdout.write(text)


def answer_here(
    url: str, sql: str, reach: Reach, *, max_rows: int, max_seconds: float
) -> tuple[list[tuple[str, str]], list[list[Any]], bool]:
    """Return columns, rows and whether there are more, within this process; raises as `ask`."""
    lake = duckdb.connect(":memory:", config=CONFIG)
    over = threading.Event()

    def stop() -> None:
        over.wait(max_seconds)
        while not over.wait(0.05):  # an interrupt ends one statement, and there are several
            lake.interrupt()

    timer = threading.Thread(target=stop, daemon=True)
    timer.start()
    try:
        return _asked(lake, url, sql, reach, max_rows)
    except duckdb.InterruptException as error:
        raise QueryTimeout(max_seconds) from error
    except (duckdb.OutOfMemoryException, MemoryError):
        raise TooLarge("what the query needs in memory", MEMORY_MB, "MB") from None
    except OSError as error:
        raise LakeUnreadable(*CHANGED) from error
    except (duckdb.Error, pa.ArrowException, OverflowError) as error:
        if "reading the stream registered as" in str(error):
            raise LakeUnreadable(*CHANGED) from error
        raise InvalidQuery("sql", first_line(error)) from error
    finally:
        over.set()
        timer.join()
        lake.close()


def _asked(
    lake: duckdb.DuckDBPyConnection, url: str, sql: str, reach: Reach, max_rows: int
) -> tuple[list[tuple[str, str]], list[list[Any]], bool]:
    wanted = check(lake, sql, TABLES)
    show(lake, url, reach, wanted)
    lake.execute("SET TimeZone = 'UTC'")
    lake.execute("SET enable_external_access = false")
    lake.execute("SET lock_configuration = true")
    found = lake.execute(sql)
    columns = [(column[0], str(column[1])) for column in found.description or ()]
    rows: list[list[Any]] = []
    size = 0
    while len(rows) <= max_rows and size <= MOST_BYTES:
        some = found.fetchmany(min(AT_ONCE, max_rows + 1 - len(rows)))
        if not some:
            return columns, rows, False
        for row in some:
            rows.append([plain(value) for value in row])
            size += sum(len(str(value)) for value in rows[-1])
    return columns, rows[:max_rows], True


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: instants and days as text, what is no number as null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    return next((read(value) for kind, read in _PLAIN.items() if isinstance(value, kind)), str(value))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_PLAIN: Final[Mapping[type, Callable[[Any], Any]]] = {
    float: _finite,
    Decimal: lambda value: _finite(float(value)),
    dt.datetime: lambda value: value.isoformat().replace("+00:00", "Z"),
    dt.date: lambda value: value.isoformat(),
    dt.timedelta: lambda value: value.total_seconds(),
    bytes: lambda value: value.hex(),
}


if __name__ == "__main__":
    main()
