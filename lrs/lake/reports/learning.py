"""What learners answer over the years, and which content they go on to."""

from __future__ import annotations

import datetime as dt
from typing import Final

from lrs.lake.reports.opened import SMALLEST, Row, Tables

ADL: Final = "http://adlnet.gov/expapi/verbs/"
ANSWERED: Final = [ADL + verb for verb in ("answered", "responded")]  # the second in the profile of SCORM
VISITED: Final = [
    ADL + verb
    for verb in (
        "launched", "initialized", "attempted", "completed", "passed", "failed", "mastered",
    )
]  # fmt: skip
OTHER: Final = -1
"""The number of no activity: content to which few people went on, told together."""
TOP_RESPONSES: Final = 5
LONGEST: Final = 80  # characters of a response
MOST: Final = 10_000  # periods of questions
MOST_FLOWS: Final = 500
_ANSWERS: Final = """
WITH a AS (
    SELECT person, actor, coalesce(registration, '') AS reg, coalesce(parent[1], -1) AS test,
           object_activity AS question, success AS correct, response, (position_at, serial) AS place,
           CAST(date_trunc($unit, timestamp AT TIME ZONE $zone) AS DATE) AS period
    FROM {acts}
    WHERE list_contains($answered, verb) AND success IS NOT NULL AND object_activity IS NOT NULL
    AND within(timestamp, $since, $until)
)
"""
QUESTIONS: Final = (
    _ANSWERS  # noqa: S608 -- all of it is ours
    + """
, finals AS (
    SELECT actor, reg, test, question, arg_max(correct, place) AS correct, arg_max(period, place) AS period
    FROM a GROUP BY actor, reg, test, question
),
tests AS (
    SELECT actor, reg, test, count(*) FILTER (correct) AS correct, count(*) AS answers
    FROM finals GROUP BY ALL
),
pairs AS (
    SELECT f.question, f.period, f.correct::INT AS x, (t.correct - f.correct::INT) / (t.answers - 1) AS y
    FROM finals f JOIN tests t USING (actor, reg, test) WHERE t.answers > 1
),
varied AS (
    SELECT question, period,
           CASE WHEN min(x) < max(x) AND min(y) < max(y) THEN corr(x, y) END AS discrimination
    FROM pairs GROUP BY ALL
),
counted AS (
    SELECT question, period, count(*) AS answers, count(DISTINCT person) AS people,
           count(*) FILTER (correct) AS "right"
    FROM a GROUP BY question, period
)
SELECT c.*, v.discrimination FROM counted c LEFT JOIN varied v USING (question, period)
ORDER BY c.question, c.period LIMIT $most
"""
)
RESPONSES: Final = (
    _ANSWERS  # noqa: S608 -- all of it is ours
    + """
, wrong AS (
    SELECT question, period, left(coalesce(response, ''), $longest) AS response, count(*) AS n
    FROM a WHERE NOT correct GROUP BY 1, 2, 3 HAVING count(DISTINCT person) >= $smallest
)
SELECT * FROM wrong
QUALIFY row_number() OVER (PARTITION BY question, period ORDER BY n DESC, response) <= $top
ORDER BY question, period, n DESC, response
"""
)
PATHS: Final = """
WITH v AS (
    SELECT person, object_activity AS content, timestamp AS told, position_at AS place, serial FROM {acts}
    WHERE list_contains($visited, verb) AND object_activity IS NOT NULL AND within(timestamp, $since, $until)
),
runs AS (
    SELECT *, content IS DISTINCT FROM lag(content) OVER one AS begins FROM v
    WINDOW one AS (PARTITION BY person ORDER BY told, place, serial)
),
numbered AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY person ORDER BY told, place, serial) AS n FROM runs
),
visits AS (
    SELECT person, n, any_value(content) AS content, min(told) AS began, max(told) AS ended
    FROM numbered GROUP BY person, n
),
pairs AS (
    SELECT person, content, lead(content) OVER one AS following,
           days_between(ended, lead(began) OVER one) AS gap, days_between(ended, $now) AS ago
    FROM visits WINDOW one AS (PARTITION BY person ORDER BY n)
),
steps AS (
    SELECT person, content, CASE WHEN gap <= $days THEN following END AS following,
           CASE WHEN gap <= $days THEN gap END AS gap
    FROM pairs WHERE (gap <= $days OR ago >= $days)
    AND ($activity IS NULL OR content IN (SELECT key FROM {activities} WHERE text = $activity))
),
leaving AS (SELECT content, count(*) AS times FROM steps GROUP BY ALL),
sizes AS (SELECT content, following, count(DISTINCT person) AS people FROM steps GROUP BY ALL),
folded AS (
    SELECT s.person, s.content, s.gap,
           CASE WHEN z.people >= $smallest OR s.following IS NULL THEN s.following ELSE $other END AS next
    FROM steps s JOIN sizes z ON z.content = s.content AND z.following IS NOT DISTINCT FROM s.following
)
SELECT f.content, f.next, count(DISTINCT f.person) AS people, count(*) AS times,
       count(*) / any_value(l.times) AS share, 24 * median(f.gap) AS hours
FROM folded f JOIN leaving l USING (content) GROUP BY f.content, f.next
HAVING count(DISTINCT f.person) >= $smallest
ORDER BY people DESC, times DESC, f.content, f.next LIMIT $most
"""


def items(
    tables: Tables, *, unit: str, zone: str, since: dt.datetime | None, until: dt.datetime | None
) -> list[Row]:
    """Return how each question was answered in each month, quarter or year in `zone`, by question and period.

    `difficulty` is the share of right answers. `discrimination` correlates the last answer of an attempt with
    the share right of the other questions of that attempt (corrected point-biserial); None where nothing
    varies. `distractors` are wrong responses (text, share of all answers) that SMALLEST people gave at least,
    `other_wrong` the share of all others. All of them are None where fewer people answered.
    Rows: question (its number), period (first day), answers, people, right, difficulty, discrimination,
    distractors, other_wrong.
    """
    given = {"unit": unit, "zone": zone, "answered": ANSWERED, "since": since, "until": until}
    found = tables.rows(QUESTIONS, most=MOST, **given)
    wrong: dict[tuple[int, dt.date], list[tuple[str, int]]] = {}
    for row in tables.rows(RESPONSES, longest=LONGEST, smallest=SMALLEST, top=TOP_RESPONSES, **given):
        wrong.setdefault((row["question"], row["period"]), []).append((row["response"], row["n"]))
    return [_item(row, wrong.get((row["question"], row["period"]), [])) for row in found]


def _item(row: Row, wrong: list[tuple[str, int]]) -> Row:
    if row["people"] < SMALLEST:
        hidden = ("right", "difficulty", "discrimination", "distractors", "other_wrong")
        return {**row, **dict.fromkeys(hidden)}
    answers, known = row["answers"], sum(n for _, n in wrong)
    discrimination = row["discrimination"]
    return {
        **row,
        "difficulty": round(row["right"] / answers, 3),
        "discrimination": None if discrimination is None else round(discrimination, 3),
        "distractors": [(response, round(n / answers, 3)) for response, n in wrong],
        "other_wrong": round((answers - row["right"] - known) / answers, 3),
    }


def paths(
    tables: Tables,
    *,
    activity: str | None,
    days: int,
    since: dt.datetime | None,
    until: dt.datetime | None,
    now: dt.datetime,
) -> list[Row]:
    """Return where people go on to from each content, or from one, within so many days.

    A visit is a run of statements about one activity that a person launched, began, completed, passed or
    failed; pages that are only experienced are no content of their own. The next visit counts when it begins
    within `days` of the end of the one before. A visit whose days are not over, and after which nothing came
    yet, is left out. Content to which fewer than SMALLEST people went on is told together as OTHER, and not
    at all where they are too few together.
    Rows: content, next (numbers; None: nothing within the days; OTHER), people, times, share (of all visits
    to `content` that count), hours (median of the time between).
    """
    rows = tables.rows(
        PATHS, visited=VISITED, days=days, activity=activity, since=since, until=until, now=now,
        smallest=SMALLEST, other=OTHER, most=MOST_FLOWS,
    )  # fmt: skip
    for row in rows:
        row["share"] = round(row["share"], 3)
        row["hours"] = None if row["hours"] is None else round(row["hours"], 1)
    return rows
