"""What has to hold as long as a period is valid: `validity.while` (cert#4.4-3)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt

from rules.evaluation.requirements import evidence_for
from rules.evidence.evidence_index import EvidenceIndex, EvidenceView
from rules.evidence.history import END_OF_TIME
from rules.language.forms import CERTIFICATION, walk

Span = tuple[dt.datetime, dt.datetime]


def holds_at(evidence_index: EvidenceIndex, at: dt.datetime) -> bool:
    """Tell whether `validity.while` of a version is met at an instant; True where there is none."""
    standing = evidence_index.version.document.validity.standing
    return standing is None or evidence_for(standing, EvidenceView(evidence_index), at) is not None


def unmet_spans(evidence_index: EvidenceIndex, low: dt.datetime) -> list[Span]:
    """Return the spans [start, end) from `low` on in which it is not met, to END_OF_TIME where for good."""
    standing = evidence_index.version.document.validity.standing
    if standing is None:
        return []
    named = {name for node in walk(standing) for name in node.named(CERTIFICATION)}
    held = [each for name in named for each in evidence_index.around.holds.get(name, ())]
    edges = {at for each in held for at in (each.from_at, each.until_at) if at is not None and at > low}
    instants = [low, *sorted(edges), END_OF_TIME]
    found: list[Span] = []
    for i, at in enumerate(instants[:-1]):
        if holds_at(evidence_index, at):
            continue
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], instants[i + 1])
        else:
            found.append((at, instants[i + 1]))
    return found
