"""A tier is always a tier of a programme: how both are named in filters and answers."""

from __future__ import annotations

from collections.abc import Mapping

from lrs.foundation.errors import InvalidField
from rules.catalogue.rule_set import RuleSet
from rules.language.model import PartnerTiers

Tiers = Mapping[str, str]  # programme -> tier


def tier_text(tiers: Tiers) -> str:
    """Return the tiers of an organization for a cell: `acme:gold, cloud:silver`."""
    return ", ".join(f"{programme}:{tier}" for programme, tier in sorted(tiers.items()))


def read_tier(rules: RuleSet, text: str) -> tuple[str, str]:
    """Return (programme, tier) of `PROGRAMME:TIER`, or of a tier that one programme alone has.

    Raises InvalidField that names what there is.
    """
    known = {one.id: one.order for one in rules.of_kind(PartnerTiers)}
    programme, colon, tier = text.rpartition(":")
    having = [name for name, order in known.items() if tier in order and programme in {"", name}]
    if len(having) == 1 and bool(programme) == bool(colon):
        return having[0], tier
    if having:
        forms = " or ".join(f"{name}:{tier}" for name in having)
        raise InvalidField("tier", f"{tier!r} is a tier of several programmes: write {forms}")
    there = ", ".join(f"{name}:{one}" for name, order in known.items() for one in order)
    raise InvalidField("tier", f"no programme has the tier {text!r}; there are {there or 'no programmes'}")


def read_programme(rules: RuleSet, given: str | None) -> str:
    """Return the programme that is named, or the only one there is; raises InvalidField."""
    known = [one.id for one in rules.of_kind(PartnerTiers)]
    if given in known:
        return str(given)
    if given is None and len(known) == 1:
        return known[0]
    reason = f"there is no programme {given!r}" if given else "a tier is a tier of a programme"
    raise InvalidField("programme", f"{reason}; name one of {', '.join(known) or 'none: none is published'}")
