"""The way to a certification: who started, who met each requirement, who was awarded, where people stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from lrs.analysis.audience import ReportRequest
from lrs.analysis.reports.report import Chart, Report
from lrs.foundation.errors import InvalidField
from rules.catalogue.store import cache_of
from rules.engine.decisions import decide_person
from rules.engine.histories import load_histories
from rules.evaluation.timeline import AwardTimeline
from rules.language.model import Certification
from rules.language.requirements import AllOf, Requirement, missing_keys_of

Document = dict[str, Any]
BATCH = 500


def funnel(asked: ReportRequest) -> Report:
    """Count the people at each step of one certification, by its newest version.

    Somebody who was awarded met every requirement; somebody in progress met those that are not missing now.
    """
    name = asked.wanted.certification
    if name is None:
        raise InvalidField("certification", "is needed for this report")
    rules = cache_of(asked.db).get()
    document = rules.applicable("Certification", name, asked.now).document
    if not isinstance(document, Certification):
        raise InvalidField("certification", f"{name} is not a certification")
    steps = list(_steps(document.award.when))
    people = _people_seen(asked)
    met: Counter[int] = Counter()
    started = awarded = holding = 0
    for _person, course in _courses(asked, name, people):
        status = course.status_at(asked.now)
        ever = bool(course.awards)
        started += 1
        awarded += ever
        holding += status.counts
        for i, (_label, keys) in enumerate(steps):
            met[i] += ever or not keys.intersection(status.missing)
    rows = [{"step": "Started", "people": started}]
    rows += [{"step": label, "people": met[i]} for i, (label, _) in enumerate(steps)]
    rows += [{"step": "Awarded", "people": awarded}, {"step": "Holds it now", "people": holding}]
    return Report(
        "funnel", f"Way to {document.title}", "People with evidence: requirements met, awarded, holding.",
        ("step", "people"), rows, Chart("funnel", "step", "people"),
    )  # fmt: skip


def _steps(when: Requirement) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield label and missing keys of the parts of a requirement, in document order."""
    for part in when.parts if isinstance(when, AllOf) else (when,):
        keys = missing_keys_of(part)
        yield part.label or ", ".join(keys), frozenset(keys)


def _people_seen(asked: ReportRequest) -> list[Document]:
    """Return the work rows (person, stores) of the audience's people who ever sent evidence."""
    members = asked.whom.at(asked.now)
    wanted: Document = {"org": "vendor"}
    if not asked.whom.everybody:
        wanted["_id"] = {"$in": sorted(members)}
    else:  # who was merged into somebody else started as that one
        merged = {"org": "vendor", "merged_into": {"$exists": True}}
        wanted["_id"] = {"$nin": asked.db.people.distinct("_id", merged)}
    return list(asked.db.work.find(wanted, {"stores": 1}))


def _courses(
    asked: ReportRequest, name: str, rows: Sequence[Document]
) -> Iterator[tuple[str, AwardTimeline]]:
    """Yield the course of everybody who has evidence for the certification."""
    rules = cache_of(asked.db).get()
    waiting = iter(rows)
    while batch := {row["_id"]: row["stores"] for row in islice(waiting, BATCH)}:
        histories, shared = load_histories(asked.db, rules, batch)
        for person, stored_history in histories.items():
            if name not in stored_history.certifications():
                continue
            decided = decide_person(rules, stored_history, shared, asked.now, only={name})
            if name in decided.timelines:
                yield person, decided.timelines[name]
