"""Which certifications recognise a credential of another issuer: what their selectors would say of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from rules.catalogue.rule_set import RuleSet
from rules.evidence.history import Evidence
from rules.evidence.selectors import ISSUER, CompiledSelector
from rules.language.build import OWN_SOURCE, RECOGNISED


@dataclass(frozen=True, slots=True)
class Earned:
    """What a credential says was earned, and when: what a policy looks at."""

    issuer: str
    achievement: str
    awarded_at: dt.datetime


def recognised_by(rules: RuleSet, earned: Earned, now: dt.datetime) -> tuple[frozenset[str], str]:
    """Return the certifications that recognise something imported now; where none does, why not.

    The test is that of the decision itself, so what is imported is what will count.
    """
    evidence = Evidence(
        id="",
        at=min(earned.awarded_at, now),
        stored=now,
        verb=RECOGNISED,
        activity=earned.achievement,
        context_extensions={ISSUER: earned.issuer},
        client_label=OWN_SOURCE,
    )
    found, why = set(), "no rule recognises this achievement"
    for certification, selector in selectors(rules):
        if not selector.names(evidence.activity):
            continue
        if selector.matches(evidence, "", {}):
            found.add(certification)
        elif not selector.trusts(evidence):
            why = f"no rule recognises it from {earned.issuer}"
        else:
            why = "it was awarded too long ago to be recognised"
    return frozenset(found), "" if found else why


def selectors(rules: RuleSet) -> Iterator[tuple[str, CompiledSelector]]:
    """Yield the recognising selectors of what is published, those of every version that may still count."""
    for name, certification in sorted(rules.certifications.items()):
        for version in certification.in_order:
            for selector in version.compiled.by_name.values():
                if selector.selector.recognises is not None:
                    yield name, selector
