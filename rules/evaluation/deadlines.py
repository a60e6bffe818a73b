"""Deadlines of running periods: releases (cert#4.8) and versions to upgrade to (cert#4.12-5)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from rules import calendar
from rules.evaluation.award_history import OpenPeriod
from rules.evaluation.decision_instants import Search
from rules.evaluation.timeline import Deadline
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import END_OF_TIME


def deadlines(search: Search, open_period: OpenPeriod) -> list[Deadline]:
    """Return all deadlines of a period: of releases in document order, then of newer versions."""
    return [*release_deadlines(search, open_period), *upgrade_deadlines(search, open_period)]


def release_deadlines(search: Search, open_period: OpenPeriod) -> Iterator[Deadline]:
    """Yield the deadlines that releases set to a period, in document order (cert#4.8)."""
    zone = open_period.version.timezone
    awarded = calendar.local_date(open_period.decision.at, zone)
    for rule in open_period.version.document.release_rules:
        for release in search.known.releases:
            if release.product != rule.product or release.level not in rule.levels:
                continue
            is_before = awarded < release.published
            if not (is_before or (rule.affects == "all" and awarded == release.published)):
                continue
            day = calendar.add(release.published, rule.ends_after)
            view = EvidenceView(search.evidence_index(open_period.decision.version), release=release.release)
            yield Deadline(
                day=day,
                shown_from=calendar.start_of(release.published, zone),
                ends_at=calendar.end_of(day, zone),
                open_until=calendar.end_of(calendar.add(day, rule.reinstates_within), zone),
                met_at=search.first_met(rule.unless, view),
                unless=rule.unless,
                release=release.release,
            )


def upgrade_deadlines(search: Search, open_period: OpenPeriod) -> Iterator[Deadline]:
    """Yield the deadlines that newer versions set by `must_upgrade_by` (cert#4.12-5)."""
    for index in range(open_period.decision.version + 1, len(search.known.versions)):
        version = search.known.versions[index]
        day = version.document.transition.must_upgrade_by
        if version.document.transition.existing != "must_upgrade_by" or day is None:
            continue
        if search.known.is_replaced(index):
            continue
        ends_at = max(calendar.end_of(day, version.timezone), version.effective_at)
        if open_period.decision.at >= ends_at:
            continue
        award = version.document.award
        view = EvidenceView(search.evidence_index(index), within=award.within)
        yield Deadline(
            day=day,
            shown_from=max(version.effective_at, open_period.valid_from),
            ends_at=ends_at,
            open_until=ends_at,
            met_at=search.first_met(award.when, view),
            unless=award.when,
            upgrade_to=version.document.version,
        )


def gaps_of(deadlines: Iterable[Deadline]) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return the joined spans in which missed deadlines end a period; END_OF_TIME means for good."""
    spans = sorted(
        (d.ends_at, d.restored_at or END_OF_TIME)
        for d in deadlines
        if d.restored_at is None or d.restored_at >= d.ends_at
    )
    joined: list[tuple[dt.datetime, dt.datetime]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
