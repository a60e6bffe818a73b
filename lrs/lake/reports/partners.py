"""What certified people sell, and how partners fare: counts, from which intervals and scores are made."""

from __future__ import annotations

import datetime as dt
from typing import Final

from lrs.lake.reports.learning import ADL
from lrs.lake.reports.opened import Row, Tables

SCORED: Final = [ADL + verb for verb in ("completed", "passed", "failed", "mastered", "scored")]
ACTIVE: Final = dt.timedelta(days=60)
SOON: Final = dt.timedelta(days=90)
YEAR: Final = dt.timedelta(days=365)
_DEALS: Final = """
WITH d AS (
    SELECT * FROM {own_deals} o WHERE person IS NOT NULL AND within(created, $since, $until) AND EXISTS (
        SELECT 1 FROM {members} m WHERE m.person = o.person AND holds(m.since, m.until, o.created)
    )
),
told AS (
    SELECT c.key AS certification, d.*, EXISTS (
        SELECT 1 FROM {holdings} h WHERE h.person = d.person AND h.certification = c.key
        AND holds(h.since, h.until, d.created)
    ) AS certified
    FROM d CROSS JOIN certifications c
)
SELECT certification, certified, count(*) AS deals, count(DISTINCT person) AS people, count(won) AS decided,
       count(*) FILTER (won) AS won, count(amount) FILTER (won) AS priced, avg(amount) FILTER (won) AS mean,
       var_samp(amount) FILTER (won) AS variance
FROM told GROUP BY ALL ORDER BY certification, certified DESC
"""
_HEALTH: Final = """
WITH mine AS (SELECT person, org FROM {members} WHERE holds(since, until, $now)),
held AS (
    SELECT m.org, m.person, h.certification, h.until FROM mine m JOIN {holdings} h USING (person)
    WHERE holds(h.since, h.until, $now)
),
before AS (
    SELECT m.org, EXISTS (
        SELECT 1 FROM held n WHERE n.person = m.person AND n.certification = h.certification
    ) AS kept
    FROM mine m
    JOIN {members} b ON b.person = m.person AND b.org = m.org AND holds(b.since, b.until, $year_ago)
    JOIN {holdings} h ON h.person = m.person AND holds(h.since, h.until, $year_ago)
),
firsts AS (SELECT person, certification, min(since) AS at FROM {holdings} GROUP BY ALL),
did AS (
    SELECT person, object_activity AS what, coalesce(registration, id) AS attempt, verb, success,
           score_scaled, timestamp
    FROM {acts} WHERE timestamp > $year_ago AND timestamp <= $now
),
tried AS (
    SELECT m.org, bool_or(d.verb = $passed OR coalesce(d.success, false)) AS passed
    FROM did d JOIN mine m USING (person)
    WHERE list_contains($scored, d.verb) AND d.score_scaled IS NOT NULL AND d.what IS NOT NULL
    GROUP BY m.org, m.person, d.what, d.attempt
),
partners AS (SELECT org, count(*) AS people FROM mine GROUP BY ALL),
certified AS (
    SELECT org, count(DISTINCT person) AS n, avg((until IS NULL OR until > $soon)::INT) AS safe
    FROM held GROUP BY ALL
),
active AS (
    SELECT m.org, count(*) AS n FROM mine m SEMI JOIN (SELECT person FROM did WHERE timestamp > $lately) d
    USING (person) GROUP BY ALL
),
kept AS (SELECT org, avg(kept::INT) AS share FROM before GROUP BY ALL),
passing AS (SELECT org, avg(passed::INT) AS share FROM tried GROUP BY ALL),
learning AS (
    SELECT m.org, count(DISTINCT m.person) AS n FROM mine m JOIN firsts f USING (person)
    WHERE f.at > $year_ago AND f.at <= $now GROUP BY ALL
)
SELECT p.org, p.people, coalesce(c.n, 0) / p.people AS certified, coalesce(a.n, 0) / p.people AS active,
       k.share AS kept, c.safe, t.share AS passing, coalesce(l.n, 0) / p.people AS learning
FROM partners p LEFT JOIN certified c USING (org) LEFT JOIN active a USING (org) LEFT JOIN kept k USING (org)
LEFT JOIN passing t USING (org) LEFT JOIN learning l USING (org) ORDER BY p.org
"""


def deals(tables: Tables, *, since: dt.datetime | None, until: dt.datetime | None) -> list[Row]:
    """Return the deals of each certification, of people who held it at the time and of those who did not.

    A deal counts when its person belonged to an organization in reach when it was created.
    Rows: certification, certified, deals, people, decided, won, priced (won with an amount), mean, variance
    (of the amounts of those; None without two).
    """
    return tables.rows(_DEALS, since=since, until=until)


def health(tables: Tables, *, now: dt.datetime) -> list[Row]:
    """Return the parts of each partner's health, each a share from 0 to 1 or None where nothing tells.

    certified: people who hold a certification. active: people with a statement within 60 days. kept: of what
    its people held a year ago, what they hold now. safe: of what is held, what does not end within 90 days.
    passing: of the scored attempts of a year, those passed. learning: people who were awarded one for the
    first time within a year. Rows: org, people, certified, active, kept, safe, passing, learning.
    """
    return tables.rows(
        _HEALTH, now=now, year_ago=now - YEAR, lately=now - ACTIVE, soon=now + SOON, passed=ADL + "passed",
        scored=SCORED,
    )  # fmt: skip
