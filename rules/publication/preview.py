"""What a publication would change for one person: states under the old rules beside the new (cert#6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rules import calendar
from rules.evaluation.timeline import ACTIVE_STATES, AwardTimeline, Segment
from rules.evidence.history import PublishedRelease
from rules.evidence.published import PublishedCertification
from rules.stored import Document

Change = Literal["gain", "change", "lose", "same"]

SYMBOLS: Final[dict[str, str]] = {"gain": "+", "change": "~", "lose": "-", "same": "="}


@dataclass(frozen=True, slots=True)
class Difference:
    """How one certification of one person stands before and after, at the first instant that differs."""

    change: Change
    at: dt.datetime
    before: Segment | None
    after: Segment | None


def difference(
    old: AwardTimeline | None,
    new: AwardTimeline | None,
    now: dt.datetime,
    watched: Iterable[dt.datetime] = (),
) -> Difference:
    """Compare two timelines from now on: at now and at each watched instant: starts, deadlines of versions.

    Gain or lose: at the first such instant at which one stands higher than the other; change where anything
    else differs that people see: state, dates or version.
    """
    instants = [now, *sorted(at for at in set(watched) if at > now)]
    pairs = [(at, _segment(old, at), _segment(new, at)) for at in instants]
    for at, before, after in pairs:
        if level(before) != level(after):
            return Difference("gain" if level(after) > level(before) else "lose", at, before, after)
    for at, before, after in pairs:
        if shown(before) != shown(after):
            return Difference("change", at, before, after)
    return Difference("same", now, pairs[0][1], pairs[0][2])


def _segment(timeline: AwardTimeline | None, at: dt.datetime) -> Segment | None:
    return None if timeline is None else timeline.segment_at(at)


def counts(status: Segment | None) -> bool:
    """Tell whether a status counts as active."""
    return status is not None and status.state in ACTIVE_STATES


def level(status: Segment | None) -> int:
    """Return how high a status stands: it counts as active, may still be renewed in grace, or neither."""
    if counts(status):
        return 2
    return int(status is not None and status.state == "grace")


def shown(status: Segment | None) -> tuple[Any, ...]:
    """Return what people see of a status; nothing at all looks like in_progress."""
    if status is None or status.state == "in_progress":
        return ("in_progress",)
    return (status.state, status.awarded, status.expires, status.version)


def watched_instants(
    certification: PublishedCertification, releases: Sequence[PublishedRelease] = ()
) -> list[dt.datetime]:
    """Return when versions begin (cert#4.12), releases appear (cert#4.8), and deadlines end."""
    found = []
    for version in certification.versions:
        document = version.document
        found.append(version.effective_at)
        days = (document.transition.must_upgrade_by, document.transition.finish_old_until)
        found += [calendar.end_of(day, version.timezone) for day in days if day is not None]
        for rule in document.release_rules:
            for release in releases:
                if release.product == rule.product and release.level in rule.levels:
                    found.append(calendar.start_of(release.published, version.timezone))
                    deadline = calendar.add(release.published, rule.ends_after)
                    found.append(calendar.end_of(deadline, version.timezone))
    return found


def line(person: str, certification: str, found: Difference, missing: Iterable[str]) -> Document:
    """Return one entry of a plan's `people`."""
    return {
        "person": person,
        "certification": certification,
        "change": found.change,
        "at": found.at,
        "before": state_of(found.before),
        "after": state_of(found.after),
        "missing": list(missing),
    }


def state_of(status: Segment | None) -> Document:
    """Return a status as data, without what is not there."""
    if status is None:
        return {"state": "in_progress"}
    data = {
        "state": status.state,
        "awarded": status.awarded and status.awarded.isoformat(),
        "expires": status.expires and status.expires.isoformat(),
        "version": status.version,
    }
    return {name: value for name, value in data.items() if value is not None}
