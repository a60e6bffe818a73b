"""The tables of the lake: names, typed columns, and what may stand in statistics.

The first columns are those that files are found by; only they have minimum and maximum in the log, so that no
log names a person. Identifiers of people and activities are whole numbers here; their texts stand in the
tables `actors` and `activities`.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

LAYOUT: Final = "laurel layout 1"
STATEMENTS: Final = "statements"
ACTORS: Final = "actors"
ACTIVITIES: Final = "activities"

INSTANT: Final = pa.timestamp("us", tz="UTC")
KEY: Final = pa.int32()
KEYS: Final = pa.list_(KEY)
EXTENSION: Final = pa.struct([
    ("place", pa.string()),  # result, context or activity
    ("k", pa.string()),  # its IRI
    ("t", pa.string()),  # a letter of `rows.EXTENSION_KINDS`
    ("n", pa.float64()),
    ("s", pa.string()),
])  # fmt: skip

SCHEMAS: Final[dict[str, pa.Schema]] = {
    STATEMENTS: pa.schema([
        ("org", pa.string()),
        ("actor", KEY),
        ("timestamp", INSTANT),
        ("position_at", pa.int64()),  # microseconds of `stored`
        ("serial", pa.int64()),  # tells statements of one microsecond apart
        ("stored", INSTANT),
        ("id", pa.string()),
        ("actor_type", pa.string()),
        ("verb", pa.string()),
        ("object_type", pa.string()),
        ("object_activity", KEY),
        ("object_actor", KEY),
        ("object_statement", pa.string()),
        ("activity_type", pa.string()),
        ("registration", pa.string()),
        ("success", pa.bool_()),
        ("completion", pa.bool_()),
        ("score_scaled", pa.float64()),
        ("score_raw", pa.float64()),
        ("score_min", pa.float64()),
        ("score_max", pa.float64()),
        ("duration_s", pa.float64()),
        ("number_kinds", pa.int32()),  # two bits for each number, see `rows.NUMBERS`
        ("platform", pa.string()),
        ("language", pa.string()),
        ("instructor", KEY),
        ("parent", KEYS),
        ("grouping", KEYS),
        ("category", KEYS),
        ("other", KEYS),
        ("client", pa.string()),
        ("client_label", pa.string()),
        ("controlled_by", pa.string()),
        ("authority", KEY),
        ("version", pa.string()),
        ("beyond_launch", pa.bool_()),
        ("repairs", pa.list_(pa.string())),
        ("origin_stored", INSTANT),
        ("origin_authority", KEY),
        ("extensions", pa.list_(EXTENSION)),
    ]),
    ACTORS: pa.schema([("key", KEY), ("text", pa.string())]),
    ACTIVITIES: pa.schema([("key", KEY), ("text", pa.string())]),
}  # fmt: skip
COUNTED: Final = {STATEMENTS: 5, ACTORS: 1, ACTIVITIES: 1}
"""How many of the first columns have statistics in the log."""

ACTOR_COLUMNS: Final = ("actor", "object_actor", "instructor", "authority", "origin_authority")
ACTIVITY_COLUMNS: Final = ("object_activity",)
ACTIVITY_LISTS: Final = ("parent", "grouping", "category", "other")
