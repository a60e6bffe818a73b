"""Demands: the conditions of a partner tier and of a gate (cert#2.8, cert#2.9)."""

from __future__ import annotations

from schemas.rules.keywords import COUNT, Forms, Schema, list_of, may, must, record, ref
from schemas.rules.scalars import ID, PLACEHOLDER_ID, STATUS, TEXT

TIER_DEMAND = ref("tier_demand")
GATE_DEMAND = ref("gate_demand")
_COMMON = (
    may("label", TEXT, "words shown to people"),
    may("key", ID, "key reported instead of the derived one"),
)


def _coordinates(value: Schema) -> Schema:
    """Return which certifications are meant: by id, or by their coordinates."""
    names = ("certification", "role", "product", "level")
    return record(*(may(name, value, f"{name} of the certification held") for name in names), empty=False)


TIER = Forms(
    forms=(
        (must("all", list_of(TIER_DEMAND), "each of these"),),
        (must("any", list_of(TIER_DEMAND), "at least one of these"),),
        (
            must("people_holding", _coordinates(ID), "coordinates; all that are given must match"),
            must("at_least", COUNT, "how many people"),
        ),
    ),
    common=_COMMON,
)

GATE = Forms(
    forms=(
        (must("all", list_of(GATE_DEMAND), "each of these"),),
        (must("any", list_of(GATE_DEMAND), "at least one of these"),),
        (must("tier_at_least", PLACEHOLDER_ID, "lowest tier"),),
        (
            must(
                "submitter_holds", _coordinates(PLACEHOLDER_ID), "coordinates; all that are given must match"
            ),
            may("status", STATUS),
        ),
    ),
    common=_COMMON,
)

DEFINITIONS: dict[str, Schema] = {
    "tier_demand": TIER.schema(TIER.by_name()),
    "gate_demand": GATE.schema(GATE.by_name()),
}
