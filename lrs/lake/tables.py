"""The tables of the lake: names, typed columns, and what may stand in statistics.

The log holds counts of rows and nothing else, so that no log names a person. Identifiers of people and
activities are whole numbers in `statements`; their texts stand in the tables `actors` and `activities`.
Names and addresses of people stand in `people` alone; elsewhere a person is the id that the store gave.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

LAYOUT: Final = "laurel layout 3"
STATEMENTS: Final = "statements"
ACTORS: Final = "actors"
ACTIVITIES: Final = "activities"
PEOPLE: Final = "people"
ORGANIZATIONS: Final = "organizations"
AFFILIATIONS: Final = "affiliations"
AWARDS: Final = "awards"
PERIODS: Final = "periods"
STANDINGS: Final = "standings"
TIERS: Final = "tiers"
GATES: Final = "gates"
DEALS: Final = "deals"

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
        ("interaction_type", pa.string()),  # of answers to questions, as the response
        ("response", pa.string()),
        ("extensions", pa.list_(EXTENSION)),
    ]),
    ACTORS: pa.schema([("key", KEY), ("text", pa.string())]),
    ACTIVITIES: pa.schema([("key", KEY), ("text", pa.string())]),
    PEOPLE: pa.schema([
        ("key", pa.string()),
        ("name", pa.string()),
        ("email", pa.string()),
        ("identifiers", pa.list_(pa.string())),  # texts of `actors`
        ("confirmed", pa.bool_()),
        ("created_at", INSTANT),
        ("merged_into", pa.string()),
    ]),
    ORGANIZATIONS: pa.schema([
        ("key", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("parent", pa.string()),
        ("region", pa.string()),
        ("status", pa.string()),
    ]),
    AFFILIATIONS: pa.schema([
        ("key", pa.string()),
        ("org", pa.string()),
        ("person", pa.string()),
        ("role", pa.string()),
        ("primary", pa.bool_()),
        ("since", INSTANT),  # when it holds, see `rules.engine.affiliations`; null: it never does
        ("until", INSTANT),
    ]),
    AWARDS: pa.schema([
        ("key", pa.string()),
        ("person", pa.string()),
        ("certification", pa.string()),
        ("ordinal", pa.int32()),
        ("version", pa.string()),
        ("awarded_at", INSTANT),
        ("final", pa.string()),
        ("final_at", INSTANT),
        ("reason", pa.string()),
        ("evaluated", pa.bool_()),
        ("annulled", pa.bool_()),
    ]),
    PERIODS: pa.schema([
        ("key", pa.string()),
        ("person", pa.string()),
        ("certification", pa.string()),
        ("n", pa.int32()),
        ("kind", pa.string()),
        ("version", pa.string()),
        ("awarded_at", INSTANT),
        ("valid_from", INSTANT),
        ("awarded", pa.date32()),
        ("valid_until", pa.date32()),
        ("opens_at", INSTANT),
        ("ends_at", INSTANT),
        ("lapses_at", INSTANT),
        ("ending", pa.string()),
    ]),
    STANDINGS: pa.schema([
        ("key", pa.string()),
        ("person", pa.string()),
        ("certification", pa.string()),
        ("state", pa.string()),
        ("since", INSTANT),
        ("until", INSTANT),
        ("award", pa.string()),
        ("version", pa.string()),
        ("evaluated", pa.bool_()),
    ]),
    TIERS: pa.schema([
        ("key", pa.string()),
        ("org", pa.string()),
        ("programme", pa.string()),
        ("tier", pa.string()),
        ("since", INSTANT),
        ("until", INSTANT),
    ]),
    GATES: pa.schema([
        ("key", pa.string()),
        ("gate", pa.string()),
        ("version", pa.string()),
        ("org", pa.string()),
        ("person", pa.string()),
        ("answer", pa.string()),
        ("enforced", pa.bool_()),
        ("at", INSTANT),
    ]),
    DEALS: pa.schema([
        ("key", pa.string()),
        ("org", pa.string()),
        ("id", pa.string()),
        ("person", pa.string()),
        ("product", pa.string()),
        ("created", INSTANT),
        ("won", pa.bool_()),
        ("amount", pa.float64()),
    ]),
}  # fmt: skip

ACTOR_COLUMNS: Final = ("actor", "object_actor", "instructor", "authority", "origin_authority")
ACTIVITY_COLUMNS: Final = ("object_activity",)
ACTIVITY_LISTS: Final = ("parent", "grouping", "category", "other")
