"""Measures of groups as aggregates of DuckDB, and their results as MongoDB would give them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrs.lake.questions.values import Value, exact_sum, instant_of, number_of
from lrs.lake.rows import order_key
from statements.query.analyst_query import Measure
from statements.query.fields import Kind

POWER: Final = "1267650600228229401496703205376.0::DOUBLE"  # 2^100


def counted(measures: Sequence[Measure], values: Sequence[Value | None]) -> Value | None:
    """Return the one value that is measured, where it is enough to know how often each of it is there."""
    found = {value.sql: value for value in values if value is not None}
    enough = all(one.field is None or one.function in {"distinct", "percentile"} for one in measures)
    return next(iter(found.values())) if enough and len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Keys:
    """What rows are grouped by, as columns with names; `whole` are aggregates that tell of numbers.

    `beside` are further columns of a key of which a row has one: the object, nearly always an activity.
    """

    named: list[str]
    beside: list[str]
    whole: list[str]


def once(keys: Keys, rows_of: str, measures: Sequence[Measure], values: Sequence[Value | None]) -> str:
    """Return the SQL that groups by keys."""
    found = [each for i, one in enumerate(measures) for each in measured(i, one, values[i])]
    return _grouped(keys.named, keys, [*found, "count(*) AS all_of_them"], rows_of)


def _grouped(named: Sequence[str], keys: Keys, others: Sequence[str], rows_of: str) -> str:
    """Return the SQL that groups by the named columns and those beside.

    Rows whose object is an activity are grouped apart, by one number instead of three columns: that takes
    two thirds of the time.
    """
    columns = [*keys.whole, *others]
    if not keys.beside:
        return f"SELECT {', '.join([*named, *columns])} {rows_of} {_by(len(named))}"
    alone = [f"NULL AS {name_of(one)}" for one in keys.beside]
    return (
        f"SELECT {', '.join([*named, *keys.beside, *columns])} {rows_of} WHERE s.object_activity IS NULL "
        f"{_by(len(named) + len(keys.beside))} UNION ALL BY NAME "
        f"SELECT {', '.join([*named, *alone, *columns])} {rows_of} WHERE s.object_activity IS NOT NULL "
        f"{_by(len(named))}"
    )


def _by(count: int) -> str:
    return f"GROUP BY {', '.join(str(i + 1) for i in range(count))}" if count else ""


def name_of(column: str) -> str:
    """Return the name of a column that has one."""
    return column.rpartition(" AS ")[2]


def twice(
    by: Keys, value: Value, rows_of: str, measures: Sequence[Measure], *, final: bool, shares: bool
) -> str:
    """Return the SQL that groups by keys and value first, and then by keys alone, which is quicker.

    `final` says that no other partial result has the same keys, so that percentiles and distinct values are
    found here; `shares` that there is a table `persons`.
    """
    counts = [*([f"bool_and({value.whole}) AS vw"] if value.whole else []), "count(*) AS n"]
    inner = _grouped([*by.named, f"{value.sql} AS v"], by, counts, rows_of)
    keys = [name_of(one) for one in (*by.named, *by.beside)]
    outer = keys + [f"bool_and({name}) AS {name}" for name in map(name_of, by.whole)]
    rows, joined = "g", ""
    for i, one in enumerate(measures):
        if one.field is None:
            outer.append(f"sum(n)::BIGINT AS m{i}")
        elif one.function == "percentile":
            outer.append(f"{'bool_and(vw) FILTER (v IS NOT NULL)' if value.whole else 'FALSE'} AS w{i}")
            if final:
                rows = "r"
                at = f"upto >= greatest(1, ceil({float(one.p or 1)!r}::DOUBLE * among))"
                outer.append(f"min(v) FILTER (v IS NOT NULL AND {at}) AS m{i}")
            else:
                outer += [
                    f"list({of}) FILTER (v IS NOT NULL) AS {name}{i}"
                    for of, name in (("v", "m"), ("n", "times"))
                ]
        elif final and one.field.name == "person" and shares:
            joined = " LEFT JOIN persons p ON p.actor = v"
            outer.append(f"count(DISTINCT coalesce(p.person, -1 - v)) AS m{i}")
        elif final and one.field.kind is not Kind.EXTENSION and one.field.name != "object.id":
            outer.append(f"count(v) AS m{i}")
        else:
            outer.append(f"list(v) AS m{i}")
    inside = f"g AS ({inner})"
    if rows == "r":
        alike = f"PARTITION BY {', '.join(keys)}" if keys else ""
        among, upto = (
            f"sum(n) FILTER (v IS NOT NULL) OVER ({alike}{order})::BIGINT" for order in ("", " ORDER BY v")
        )
        inside += f", r AS (SELECT *, {among} AS among, {upto} AS upto FROM g)"  # noqa: S608 -- as above
    grouped = f"GROUP BY {', '.join(keys)}" if keys else ""
    columns = ", ".join([*outer, "sum(n)::BIGINT AS all_of_them"])
    return f"{inside} SELECT {columns} FROM {rows}{joined} {grouped}"  # noqa: S608 -- as above


def measured(i: int, measure: Measure, value: Value | None) -> list[str]:
    """Return the aggregates of a measure, named m<i> and the like."""
    if value is None or measure.field is None:
        return [f"count(*) AS m{i}"]
    sql = value.sql
    if measure.function == "avg" and measure.field.kind is Kind.BOOLEAN:
        return [f"count(*) FILTER ({sql}) AS m{i}", f"count({sql}) AS n{i}"]
    all_of_them = (
        f"bool_and({value.whole}) FILTER ({sql} IS NOT NULL)" if value.whole else f"count({sql}) = 0"
    )
    whole = f"coalesce({all_of_them}, TRUE) AS w{i}"
    match measure.function:
        case "sum" | "avg":
            fraction = f"(({sql} - trunc({sql})) * {POWER})::HUGEINT"
            sums = [f"sum(trunc({sql})::HUGEINT) AS m{i}", f"sum({fraction}) AS f{i}", whole]
            return [*sums, f"count({sql}) AS n{i}"] if measure.function == "avg" else sums
        case "percentile":
            return [f"histogram({sql}) AS m{i}", whole]
        case "min" | "max":
            return [f"{measure.function}({sql}) AS m{i}", whole]
        case "distinct":
            return [f"list(DISTINCT {sql}) AS m{i}"]
    dated = (
        f"{{'t': epoch_ms(s.timestamp), 'a': s.position_at, 'b': s.serial, "
        f"'w': {value.whole or 'FALSE'}, 'v': {sql}}}"
    )
    choose = "min" if measure.function == "first" else "max"
    return [f"{choose}({dated}) FILTER ({sql} IS NOT NULL) AS m{i}"]


def finished(row: Mapping[str, Any], i: int, measure: Measure, value: Value | None, names: Any) -> Any:
    """Return the partial value of a measure as MongoDB would give it."""
    found = row[f"m{i}"]
    if value is None or measure.field is None:
        return found
    if measure.function == "avg" and measure.field.kind is Kind.BOOLEAN:
        return found
    match measure.function:
        case "sum" | "avg":
            return exact_sum(found, row[f"f{i}"], all_whole=row[f"w{i}"])
        case "percentile":
            if f"times{i}" in row:
                found = dict(zip(found or (), row[f"times{i}"] or (), strict=True))
            elif isinstance(found, float):  # the percentile itself
                found = {found: 1}
            return {number_of(v, whole=row[f"w{i}"]): n for v, n in (found or {}).items()}
        case "min" | "max":
            return number_of(found, whole=row[f"w{i}"]) if value.whole else value.read(found, names)
        case "distinct":
            return found if isinstance(found, int) else [value.read(one, names) for one in found or ()]
    if found is None:
        return None
    read = value.read(found["v"], names)
    read = number_of(read, whole=found["w"]) if value.whole else read
    return {"t": instant_of(found["t"]), "i": order_key(found["a"], found["b"]), "v": read}
