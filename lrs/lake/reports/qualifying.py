"""How long certifications are kept, and how long it takes to get there, by cohort and by partner."""

from __future__ import annotations

import datetime as dt
from typing import Final

from lrs.lake.reports.opened import SMALLEST, Row, Tables

MONTHS: Final = tuple(range(3, 37, 3))
RETENTION: Final = """
WITH firsts AS (SELECT person, certification, min(since) AS at FROM {holdings} GROUP BY ALL),
cohorts AS (
    SELECT f.*, CAST(date_trunc($unit, f.at AT TIME ZONE $zone) AS DATE) AS cohort FROM firsts f
    WHERE f.at <= $now AND within(f.at, $since, $until) AND EXISTS (
        SELECT 1 FROM {members} m WHERE m.person = f.person AND holds(m.since, m.until, f.at)
    )
),
sizes AS (SELECT cohort, count(*) AS awards FROM cohorts GROUP BY ALL),
aged AS (
    SELECT c.*, n, ((c.at AT TIME ZONE $zone) + to_months(n)) AT TIME ZONE $zone AS then
    FROM cohorts c CROSS JOIN (SELECT unnest($months) AS n)
),
seen AS (
    SELECT a.cohort, a.n, a.person, EXISTS (
        SELECT 1 FROM {holdings} h WHERE h.person = a.person AND h.certification = a.certification
        AND holds(h.since, h.until, a.then)
    ) AS held
    FROM aged a WHERE a.then <= $now AND EXISTS (
        SELECT 1 FROM {members} m WHERE m.person = a.person AND holds(m.since, m.until, a.then)
    )
)
SELECT s.cohort, z.awards, s.n AS months, count(*) AS observed, count(*) FILTER (s.held) AS held,
       count(DISTINCT s.person) AS people
FROM seen s JOIN sizes z USING (cohort) GROUP BY ALL ORDER BY cohort, months
"""
COMPETENCY: Final = """
WITH firsts AS (SELECT person, min(since) AS at FROM {holdings} GROUP BY ALL),
began AS (SELECT person, min(timestamp) AS at FROM {acts} GROUP BY ALL),
took AS (
    SELECT m.org, days_between(m.since, f.at) AS joined,
           CASE WHEN b.at <= f.at THEN days_between(b.at, f.at) END AS learned
    FROM firsts f JOIN {members} m ON m.person = f.person AND holds(m.since, m.until, f.at)
    LEFT JOIN began b ON b.person = f.person
    WHERE f.at <= $now AND within(f.at, $since, $until)
),
told AS (
    SELECT org, count(*) AS people, quantile_cont(joined, [0.25, 0.5, 0.75]) AS joined,
           count(learned) AS learners, quantile_cont(learned, [0.25, 0.5, 0.75]) AS learned
    FROM took GROUP BY ALL
),
waits AS (
    SELECT m.org, count(*) AS waiting
    FROM {members} m LEFT JOIN firsts f ON f.person = m.person AND f.at <= $now
    WHERE holds(m.since, m.until, $now) AND f.person IS NULL GROUP BY ALL
)
SELECT org, coalesce(people, 0) AS people, joined, coalesce(learners, 0) AS learners, learned,
       coalesce(waiting, 0) AS waiting
FROM told FULL JOIN waits USING (org) ORDER BY org
"""


def retention(
    tables: Tables,
    *,
    unit: str,
    zone: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    now: dt.datetime,
) -> list[Row]:
    """Return for each cohort of first awards how many are held so many months later.

    A cohort is the calendar month, quarter or year in `zone` in which a person first held a certification. An
    award is `observed` at n months when those are over and the person still counts for an organization in
    reach; `held` and `share` are of the observed, None where they are fewer than SMALLEST people.
    Rows: cohort (its first day), awards, months, observed, held, share.
    """
    given = {"unit": unit, "zone": zone, "since": since, "until": until, "now": now}
    rows = tables.rows(RETENTION, months=list(MONTHS), **given)
    for row in rows:
        few = row.pop("people") < SMALLEST
        row["share"] = None if few else round(row["held"] / row["observed"], 3)
        row["held"] = None if few else row["held"]
    return rows


def time_to_competency(
    tables: Tables, *, since: dt.datetime | None, until: dt.datetime | None, now: dt.datetime
) -> list[Row]:
    """Return for each organization the days to the first award, from joining it and from the first statement.

    A person counts once, with the first of the certifications in question, for the organization to which they
    belonged then. Quartiles are interpolated; None where they are of fewer than SMALLEST people. `waiting`
    are people who belong now and never held one.
    Rows: org, people, q1, median, q3, learners, learning_q1, learning_median, learning_q3, waiting.
    """
    return [
        {
            "org": row["org"], "people": row["people"], **_quartiles("", row["joined"], row["people"]),
            "learners": row["learners"], **_quartiles("learning_", row["learned"], row["learners"]),
            "waiting": row["waiting"],
        }
        for row in tables.rows(COMPETENCY, since=since, until=until, now=now)
    ]  # fmt: skip


def _quartiles(prefix: str, found: list[float] | None, people: int) -> Row:
    values = [None] * 3 if found is None or people < SMALLEST else [round(one, 1) for one in found]
    return dict(zip((f"{prefix}q1", f"{prefix}median", f"{prefix}q3"), values, strict=True))
