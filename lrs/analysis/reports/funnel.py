"""The way to a certification: who started, who met each requirement, who was awarded, where people stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from lrs.analysis.audience import Asked
from lrs.analysis.reports.report import Chart, Report
from lrs.refusals import InvalidField
from rules.check_requirements import derived_keys
from rules.course import Course
from rules.decisions import decide_person
from rules.histories import load_dossiers
from rules.model import AllOf, Certification, Requirement
from rules.store import cache_of

Document = dict[str, Any]
BATCH = 500
HELD_ONCE = frozenset({"active", "renewal_open", "grace", "expired", "suspended", "revoked", "withdrawn"})


def funnel(asked: Asked) -> Report:
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
        keys = derived_keys(part)
        yield part.label or ", ".join(keys), frozenset(keys)


def _people_seen(asked: Asked) -> list[Document]:
    """Return the work rows (person, stores) of the audience's people who ever sent evidence."""
    members = asked.whom.at(asked.now)
    wanted: Document = {"org": "vendor"}
    if not asked.whom.everybody:
        wanted["_id"] = {"$in": sorted(members)}
    return list(asked.db.work.find(wanted, {"stores": 1}))


def _courses(asked: Asked, name: str, rows: Sequence[Document]) -> Iterator[tuple[str, Course]]:
    """Yield the course of everybody who has evidence for the certification."""
    rules = cache_of(asked.db).get()
    waiting = iter(rows)
    while batch := {row["_id"]: row["stores"] for row in islice(waiting, BATCH)}:
        dossiers, shared = load_dossiers(asked.db, rules, batch)
        for person, dossier in dossiers.items():
            if name not in dossier.certifications():
                continue
            decided = decide_person(rules, dossier, shared, asked.now, only={name})
            if name in decided.courses:
                yield person, decided.courses[name]
