"""Who was on the way to what at some moments, what was known of them, and whether they got there in time.

What a row knows happened before its moment; its outcome lies in the days after it, and is None where those
are not over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from lrs.lake.reports.learning import ADL
from lrs.lake.reports.opened import Row, Tables

FAILED: Final = ADL + "failed"
LOOKS_BACK: Final = dt.timedelta(days=180)
Piece = tuple[str, str, str, bool, Sequence[str]]
"""A certification, the name of a piece of its evidence, an activity or the beginning of some, whether it is a
beginning, and the verbs that count."""
_HITS: Final = """
WITH moments AS (SELECT unnest($moments) AS moment),
pieces AS (
    SELECT e.certification, e.piece, e.verbs, a.key FROM evidence e JOIN {activities} a
    ON CASE WHEN e.begins THEN starts_with(a.text, e.activity) ELSE a.text = e.activity END
),
hits AS (
    SELECT s.person, p.certification, p.piece, s.timestamp AS told, s.score_scaled,
           s.verb = $failed OR NOT coalesce(s.success, true) AS failed
    FROM {acts} s JOIN pieces p ON p.key = s.object_activity AND list_contains(p.verbs, s.verb)
),
firsts AS (SELECT person, certification, min(since) AS since FROM {holdings} GROUP BY ALL),
staff AS (
    SELECT k.moment, m.org, m.person FROM moments k JOIN {members} m ON holds(m.since, m.until, k.moment)
)
"""
_PEOPLE: Final = (
    _HITS  # noqa: S608 -- all of it is ours
    + """
, begun AS (SELECT person, certification, min(told) AS since FROM hits GROUP BY ALL),
asked AS (
    SELECT k.moment, k.person, k.org, b.certification, b.since, f.since AS awarded
    FROM staff k JOIN begun b ON b.person = k.person AND b.since <= k.moment
    LEFT JOIN firsts f ON f.person = b.person AND f.certification = b.certification
    WHERE f.since IS NULL OR f.since > k.moment
),
whole AS (SELECT certification, count(DISTINCT piece) AS n FROM evidence GROUP BY ALL),
got AS (
    SELECT a.moment, a.person, a.certification, count(DISTINCT h.piece) FILTER (NOT h.failed) AS pieces,
           max(h.score_scaled) AS best_score, count(*) FILTER (h.failed) AS failed
    FROM asked a JOIN hits h ON h.person = a.person AND h.certification = a.certification
    AND h.told <= a.moment GROUP BY ALL
),
did AS (
    SELECT k.moment, k.person, max(s.timestamp) AS last,
           count(*) FILTER (s.timestamp > k.moment - to_days(30)) AS recent
    FROM (SELECT DISTINCT moment, person FROM asked) k JOIN {acts} s ON s.person = k.person
    AND s.timestamp <= k.moment AND s.timestamp > k.moment - to_days($back) GROUP BY ALL
),
held AS (
    SELECT k.moment, h.person, h.certification
    FROM moments k JOIN {holdings} h ON holds(h.since, h.until, k.moment)
),
others AS (SELECT moment, person, count(*) AS n FROM held GROUP BY ALL),
sizes AS (SELECT moment, org, count(*) AS n FROM staff GROUP BY ALL),
peers AS (
    SELECT s.moment, s.org, h.certification, count(*) AS n
    FROM staff s JOIN held h USING (moment, person) GROUP BY ALL
)
SELECT k.moment, k.person, k.certification, k.org,
       CASE WHEN k.moment + to_days($days) <= $now
            THEN coalesce(k.awarded <= k.moment + to_days($days), false) END AS outcome,
       g.pieces / w.n AS done, days_between(k.since, k.moment) AS days, g.best_score, g.failed,
       coalesce(d.recent, 0) AS recent, coalesce(days_between(d.last, k.moment), $back) AS quiet_days,
       coalesce(o.n, 0) AS others, coalesce(p.n / nullif(z.n - 1, 0), 0) AS peers
FROM asked k JOIN got g USING (moment, person, certification) JOIN whole w USING (certification)
LEFT JOIN did d USING (moment, person) LEFT JOIN others o USING (moment, person)
LEFT JOIN peers p USING (moment, org, certification) LEFT JOIN sizes z USING (moment, org)
ORDER BY k.moment, k.person, k.certification
"""
)
_PARTNERS: Final = (
    _HITS  # noqa: S608 -- all of it is ours
    + """
, tops AS (SELECT programme, max(rank) AS top FROM ranks GROUP BY ALL),
stands AS (
    SELECT t.org, t.programme, r.rank, t.since, t.until
    FROM {own_tiers} t JOIN ranks r USING (programme, tier)
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
fresh AS (
    SELECT f.moment, f.org, count(*) AS n FROM staff f JOIN firsts h ON h.person = f.person
    AND h.since <= f.moment AND h.since > f.moment - to_days(90) GROUP BY ALL
),
did AS (
    SELECT f.moment, f.org, count(DISTINCT f.person) AS n FROM staff f JOIN {acts} s ON s.person = f.person
    AND s.timestamp <= f.moment AND s.timestamp > f.moment - to_days(60) GROUP BY ALL
),
coming AS (
    SELECT f.moment, f.org, count(DISTINCT f.person) AS n
    FROM staff f JOIN hits h ON h.person = f.person
    AND h.told <= f.moment AND h.told > f.moment - to_days(90)
    ANTI JOIN {holdings} o
    ON o.person = h.person AND o.certification = h.certification AND o.since <= f.moment
    GROUP BY ALL
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
)


def people(
    tables: Tables,
    moments: Sequence[dt.datetime],
    within: dt.timedelta,
    now: dt.datetime,
    evidence: Sequence[Piece],
) -> list[Row]:
    """Return a row for each person and certification begun and never held, at each moment.

    Somebody began when the first statement of a piece of its evidence happened.
    Rows: moment, person, certification, org, outcome (first awarded within the span), done (share of the
    pieces), days (since the beginning), best_score (of its evidence so far, None without one), failed (of its
    evidence), recent (statements of 30 days), quiet_days (since the last statement, 180 at most), others
    (certifications held), peers (share of the colleagues who hold this one).
    """
    _know(tables, evidence)
    return tables.rows(
        _PEOPLE, moments=list(moments), failed=FAILED, back=LOOKS_BACK.days, days=within.days, now=now
    )


def partners(
    tables: Tables,
    moments: Sequence[dt.datetime],
    within: dt.timedelta,
    now: dt.datetime,
    *,
    evidence: Sequence[Piece],
    order: Mapping[str, Sequence[str]],
) -> list[Row]:
    """Return a row for each partner below the highest tier of a programme, at each moment.

    `order` has the tiers of each programme, the lowest first, which is that of a partner without one.
    Rows: moment, org, programme, rank, height (of the rank, 0 to 1), outcome (a higher tier within the span),
    people, certified (share), held (certifications), awarded (first awards of 90 days), lively (share with a
    statement of 60 days), under_way (people with evidence of 90 days for what they never held).
    """
    _know(tables, evidence)
    ranks = [(name, tier, rank) for name, tiers in order.items() for rank, tier in enumerate(tiers)]
    schema = pa.schema([("programme", pa.string()), ("tier", pa.string()), ("rank", pa.int32())])
    tables.db.register("ranks", _table(ranks, schema))
    return tables.rows(_PARTNERS, moments=list(moments), failed=FAILED, days=within.days, now=now)


def _know(tables: Tables, evidence: Sequence[Piece]) -> None:
    schema = pa.schema([
        ("certification", pa.string()), ("piece", pa.string()), ("activity", pa.string()),
        ("begins", pa.bool_()), ("verbs", pa.list_(pa.string())),
    ])  # fmt: skip
    tables.db.register("evidence", _table(evidence, schema))


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in rows], schema)
