"""Who was on the way to what at some moments, what was known of them, and whether they got there in time.

What a row knows happened before its moment; its outcome lies in the days after it, and is None where those
are not over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from lrs.lake.reports.learning import ADL
from lrs.lake.reports.opened import Row, Tables

TRIED: Final = [ADL + "passed", ADL + "failed"]
LOOKS_BACK: Final = dt.timedelta(days=180)
_PEOPLE: Final = """
WITH moments AS (SELECT unnest($moments) AS moment),
firsts AS (SELECT person, certification, min(since) AS moment FROM {holdings} GROUP BY ALL),
asked AS (
    SELECT k.moment, s.person, s.certification, m.org, any_value(f.moment) AS awarded, min(s.since) AS since
    FROM moments k JOIN {states} s ON s.state = 'in_progress' AND holds(s.since, s.until, k.moment)
    JOIN {members} m ON m.person = s.person AND holds(m.since, m.until, k.moment)
    LEFT JOIN firsts f ON f.person = s.person AND f.certification = s.certification
    WHERE f.moment IS NULL OR f.moment > k.moment GROUP BY ALL
),
who AS (SELECT DISTINCT moment, person FROM asked),
did AS (
    SELECT k.moment, k.person, max(s.timestamp) AS last,
           count(*) FILTER (s.timestamp > k.moment - to_days(30)) AS recent,
           max(s.score_scaled) FILTER (list_contains($tried, s.verb)) AS best_score,
           count(*) FILTER (s.verb = $failed) AS failed
    FROM who k JOIN {acts} s ON s.person = k.person AND s.timestamp <= k.moment
    AND s.timestamp > k.moment - to_days($back) GROUP BY ALL
),
held AS (
    SELECT k.moment, h.person, h.certification
    FROM moments k JOIN {holdings} h ON holds(h.since, h.until, k.moment)
),
others AS (SELECT moment, person, count(*) AS n FROM held GROUP BY ALL),
staff AS (
    SELECT k.moment, m.org, m.person FROM moments k JOIN {members} m ON holds(m.since, m.until, k.moment)
),
sizes AS (SELECT moment, org, count(*) AS n FROM staff GROUP BY ALL),
peers AS (
    SELECT s.moment, s.org, h.certification, count(*) AS n
    FROM staff s JOIN held h USING (moment, person) GROUP BY ALL
)
SELECT k.moment, k.person, k.certification, k.org,
       CASE WHEN k.moment + to_days($days) <= $now
            THEN coalesce(k.awarded <= k.moment + to_days($days), false) END AS outcome,
       days_between(k.since, k.moment) AS days_in_progress, coalesce(d.recent, 0) AS recent,
       coalesce(days_between(d.last, k.moment), $back) AS quiet_days, d.best_score,
       coalesce(d.failed, 0) AS failed, coalesce(o.n, 0) AS others,
       coalesce(p.n / nullif(z.n - 1, 0), 0) AS peers
FROM asked k LEFT JOIN did d USING (moment, person) LEFT JOIN others o USING (moment, person)
LEFT JOIN peers p USING (moment, org, certification) LEFT JOIN sizes z USING (moment, org)
ORDER BY k.moment, k.person, k.certification
"""
_PARTNERS: Final = """
WITH moments AS (SELECT unnest($moments) AS moment),
tops AS (SELECT programme, max(rank) AS top FROM ranks GROUP BY ALL),
stands AS (
    SELECT t.org, t.programme, r.rank, t.since, t.until
    FROM {own_tiers} t JOIN ranks r USING (programme, tier)
),
staff AS (
    SELECT k.moment, m.org, m.person FROM moments k JOIN {members} m ON holds(m.since, m.until, k.moment)
),
sizes AS (SELECT moment, org, count(*) AS people FROM staff GROUP BY ALL),
asked AS (
    SELECT z.moment, z.org, z.people, p.programme, p.top, coalesce(max(s.rank), 0) AS rank
    FROM sizes z CROSS JOIN tops p
    LEFT JOIN stands s ON s.org = z.org AND s.programme = p.programme AND holds(s.since, s.until, z.moment)
    GROUP BY ALL HAVING coalesce(max(s.rank), 0) < p.top
),
risen AS (
    SELECT a.moment, a.org, a.programme, min(s.since) AS since
    FROM asked a JOIN stands s ON s.org = a.org AND s.programme = a.programme
    AND s.since > a.moment AND s.rank > a.rank GROUP BY ALL
),
held AS (
    SELECT f.moment, f.org, count(DISTINCT f.person) AS sure, count(*) AS n
    FROM staff f JOIN {holdings} h ON h.person = f.person AND holds(h.since, h.until, f.moment) GROUP BY ALL
),
firsts AS (SELECT person, certification, min(since) AS since FROM {holdings} GROUP BY ALL),
fresh AS (
    SELECT f.moment, f.org, count(*) AS n FROM staff f JOIN firsts h ON h.person = f.person
    AND h.since <= f.moment AND h.since > f.moment - to_days(90) GROUP BY ALL
),
did AS (
    SELECT f.moment, f.org, count(DISTINCT f.person) AS n FROM staff f JOIN {acts} s ON s.person = f.person
    AND s.timestamp <= f.moment AND s.timestamp > f.moment - to_days(60) GROUP BY ALL
),
coming AS (
    SELECT f.moment, f.org, count(DISTINCT f.person) AS n FROM staff f JOIN {states} s ON s.person = f.person
    AND s.state = 'in_progress' AND holds(s.since, s.until, f.moment) GROUP BY ALL
)
SELECT a.moment, a.org, a.programme, a.rank, a.rank / a.top AS height,
       CASE WHEN a.moment + to_days($days) <= $now
            THEN coalesce(r.since <= a.moment + to_days($days), false) END AS outcome,
       a.people, coalesce(h.sure, 0) / a.people AS certified, coalesce(h.n, 0) AS held,
       coalesce(n.n, 0) AS awarded, coalesce(d.n, 0) / a.people AS lively, coalesce(c.n, 0) AS under_way
FROM asked a LEFT JOIN risen r USING (moment, org, programme) LEFT JOIN held h USING (moment, org)
LEFT JOIN fresh n USING (moment, org) LEFT JOIN did d USING (moment, org)
LEFT JOIN coming c USING (moment, org)
ORDER BY a.moment, a.org, a.programme
"""


def people(
    tables: Tables, moments: Sequence[dt.datetime], within: dt.timedelta, now: dt.datetime
) -> list[Row]:
    """Return a row for each person in progress towards a certification never held, at each moment.

    Rows: moment, person, certification, org, outcome (first awarded within the span), days_in_progress,
    recent (statements of 30 days), quiet_days (since the last statement, 180 at most), best_score (None
    without a scored pass or fail within 180 days), failed (of them), others (certifications held), peers
    (share of the colleagues who hold this one).
    """
    return tables.rows(
        _PEOPLE, moments=list(moments), tried=TRIED, failed=ADL + "failed", back=LOOKS_BACK.days,
        days=within.days, now=now,
    )  # fmt: skip


def partners(
    tables: Tables,
    moments: Sequence[dt.datetime],
    within: dt.timedelta,
    now: dt.datetime,
    order: Mapping[str, Sequence[str]],
) -> list[Row]:
    """Return a row for each partner below the highest tier of a programme, at each moment.

    `order` has the tiers of each programme, the lowest first, which is that of a partner without one.
    Rows: moment, org, programme, rank, height (of the rank, 0 to 1), outcome (a higher tier within the span),
    people, certified (share), held (certifications), awarded (first awards of 90 days), lively (share with a
    statement of 60 days), under_way (people in progress).
    """
    ranks = [(name, tier, rank) for name, tiers in order.items() for rank, tier in enumerate(tiers)]
    schema = pa.schema([("programme", pa.string()), ("tier", pa.string()), ("rank", pa.int32())])
    tables.db.register(
        "ranks", pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in ranks], schema)
    )
    return tables.rows(_PARTNERS, moments=list(moments), days=within.days, now=now)
