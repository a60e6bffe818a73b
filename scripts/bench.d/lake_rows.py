"""Rows of a lake as years of use leave them, written by the lake's own code, without a store behind them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from generate import ACTIVITIES, COURSES, LANGUAGES, ORGS, PLATFORMS, VERBS, activity_id

from lrs.foundation.context import utc_now
from lrs.lake import tending
from lrs.lake.filling import BUILT, WALKED, Filler
from lrs.lake.tables import ACTIVITIES as TEXTS_OF_ACTIVITIES
from lrs.lake.tables import ACTORS, SCHEMAS, STATEMENTS
from rules.engine.identity import new_person, person_id
from rules.engine.ownership import note_owners

PEOPLE = 20_000
AT_ONCE = 500_000
DAYS = 730
MICROSECONDS = 86_400_000_000
SYSTEM = "account::http://127.0.0.1:8080|bench"


def mailbox(n: int) -> str:
    return f"mbox::mailto:learner{n:05d}@partner{n % ORGS:02d}.example"


def fill(db: Any, url: str, count: int) -> Filler:
    """Make a lake of `count` rows of 20,000 people and 500 activities over two years; and the people."""
    began = utc_now() - dt.timedelta(days=DAYS)
    people = [(mailbox(n), new_person(person_id(mailbox(n)), mailbox(n), began)) for n in range(PEOPLE)]
    db.people.insert_many([person for _, person in people], ordered=False)
    note_owners(db, [person["_id"] for _, person in people], None)
    filler = Filler(db, url, lambda: True)
    filler.create()
    filler.words(ACTORS).learn([*(ifi for ifi, _ in people), SYSTEM])
    courses = [f"https://lms.example/courses/c{i:02d}" for i in range(COURSES)]
    units = [activity_id(i) for i in range(ACTIVITIES)]
    filler.words(TEXTS_OF_ACTIVITIES).learn([*courses, *units])
    for name in (ACTORS, TEXTS_OF_ACTIVITIES):
        filler.words(name).settle()
    for rows in _batches(filler, count, began, courses, units):
        walked = max(rows["position_at"].to_pylist()[-1000:]) + MICROSECONDS
        filler.statements.commit(filler.statements.write([rows]), positions={WALKED: walked})
    filler.records.copy()
    filler.statements.commit([], positions={BUILT: 1})
    filler.follow(utc_now)
    tending.compact(filler)
    tending.forget(filler)
    filler.follow(utc_now)
    return filler


def _batches(
    filler: Filler, count: int, began: dt.datetime, courses: list[str], units: list[str]
) -> Iterator[pa.Table]:
    chance = np.random.default_rng(20)
    keys = np.array(filler.words(ACTORS).keys([mailbox(n) for n in range(PEOPLE)]), np.int32)
    system = filler.words(ACTORS).keys([SYSTEM])[0]
    unit_keys = np.array(filler.words(TEXTS_OF_ACTIVITIES).keys(units), np.int32)
    course_keys = np.array(filler.words(TEXTS_OF_ACTIVITIES).keys(courses), np.int32)
    processes = chance.integers(-(2**30), 2**30, 4)  # four web workers made the order keys
    start = round(began.timestamp() * 1_000_000)
    for first in range(0, count, AT_ONCE):
        n = min(AT_ONCE, count - first)
        who = chance.integers(0, PEOPLE, n)
        unit = chance.integers(0, ACTIVITIES, n)
        course = unit % COURSES
        share = MICROSECONDS * DAYS // count
        at = start + (first + np.arange(n)) * share + chance.integers(0, share, n)
        stored = at + chance.integers(0, 5_000_000, n)
        score = chance.integers(0, 101, n)
        ids = chance.bytes(16 * n)
        yield _table(
            n,
            org=_texts([f"partner-{i:02d}" for i in range(ORGS)], who % ORGS),
            actor=keys[who],
            timestamp=(at // 1000 * 1000),
            position_at=stored,
            serial=processes[chance.integers(0, 4, n)] * 2**32 + first + np.arange(n),
            stored=stored // 1000 * 1000,
            id=[str(uuid.UUID(bytes=ids[i : i + 16], version=4)) for i in range(0, 16 * n, 16)],
            actor_type=_texts(["Agent"], np.zeros(n, int)),
            verb=_texts([f"http://adlnet.gov/expapi/verbs/{v}" for v in VERBS], chance.integers(0, 10, n)),
            object_type=_texts(["Activity"], np.zeros(n, int)),
            object_activity=unit_keys[unit],
            activity_type=_texts(["http://adlnet.gov/expapi/activities/assessment"], np.zeros(n, int)),
            registration=[
                f"00000000-0000-4000-8000-{a:06d}{b:06d}" for a, b in zip(who, course, strict=True)
            ],
            success=score >= 60,
            completion=chance.random(n) < 0.8,
            score_scaled=score / 100,
            score_raw=score.astype(float),
            score_min=np.zeros(n),
            score_max=np.full(n, 100.0),
            duration_s=chance.integers(1, 3600, n).astype(float),
            number_kinds=np.full(n, 0b01010100 | 1 << 8, np.int32),  # integers, the scaled score alone not
            platform=_texts(list(PLATFORMS), chance.integers(0, 4, n)),
            language=_texts(list(LANGUAGES), chance.integers(0, 4, n)),
            parent=_lists(unit_keys[unit // 10]),
            grouping=_lists(course_keys[course]),
            client=_texts(["bench"], np.zeros(n, int)),
            client_label=_texts(["lms"], np.zeros(n, int)),
            controlled_by=_texts(["vendor"], np.zeros(n, int)),
            authority=np.full(n, system, np.int32),
            version=_texts(["1.0.0"], np.zeros(n, int)),
        )


def _table(n: int, **columns: Any) -> pa.Table:
    schema = SCHEMAS[STATEMENTS]
    made = []
    for field in schema:
        values = columns.pop(field.name, None)
        if values is None:
            made.append(pa.nulls(n, field.type))
        elif isinstance(values, np.ndarray) and pa.types.is_timestamp(field.type):
            made.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            made.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
    assert not columns
    return pa.table(made, schema)


def _texts(texts: list[str], which: Any) -> pa.Array:
    return pa.array(texts).take(pa.array(which))


def _lists(values: Any) -> pa.Array:
    return pa.ListArray.from_arrays(
        pa.array(np.arange(len(values) + 1), pa.int32()), pa.array(values, pa.int32())
    )
