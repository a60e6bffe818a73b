"""Histories and certifications for tests of decisions: short to write, dates as in rule files."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rules import calendar
from rules.checking.load import load
from rules.evaluation.evaluate import decide
from rules.evaluation.timeline import AwardTimeline, Status
from rules.evidence.from_statement import parse_instant
from rules.evidence.history import BEGINNING, END_OF_TIME, Evidence, Fact, PersonHistory
from rules.evidence.published import LifecycleChange, PublishedCertification, PublishedVersion, published
from rules.evidence.selectors import ADL
from rules.language.model import Certification

BASE = "https://acme.example/xapi/"
EXAM = f'{{verb: [passed, failed], activity: "{BASE}exam"}}'


def instant(text: str | dt.datetime) -> dt.datetime:
    """Return an instant; a date is its first instant in UTC."""
    if isinstance(text, dt.datetime):
        return text
    return calendar.start_of(dt.date.fromisoformat(text), "UTC") if len(text) == 10 else parse_instant(text)


def last(text: str, timezone: str = "UTC") -> dt.datetime:
    """Return the last instant of a local date; an instant is itself."""
    if len(text) != 10:
        return parse_instant(text)
    return calendar.end_of(dt.date.fromisoformat(text), timezone) - dt.timedelta(microseconds=1)


def certification(body: str, **common: str) -> Certification:
    """Return a certification from YAML without the common keys; it must be free of problems."""
    head = {"id": "cert", "version": '"1"', "title": "Cert"} | common
    text = "kind: Certification\n" + "".join(f"{k}: {v}\n" for k, v in head.items()) + body
    loaded = load(text, "test.yaml")
    problems = [p for p in loaded.problems if p.severity == "error"]
    assert not problems, "\n".join(map(str, problems))
    assert isinstance(loaded.document, Certification)
    return loaded.document


def simple(validity: str = "lasts: 12 months", rest: str = "", when: str = "{done: exam}") -> Certification:
    """Return a certification over one exam."""
    return certification(
        f'evidence:\n  exam: {EXAM}\n  other: {{verb: completed, activity: "{BASE}other"}}\n'
        f"award: {{when: {when}}}\nvalidity: {{{validity}}}\n{rest}"
    )


def statement(name: str, at: str | dt.datetime, **values: Any) -> Evidence:
    """Return a statement through a vendor client: `passed` for exams, `completed` for others."""
    when = instant(at)
    stored = instant(values.pop("stored", at))
    verb = values.pop("verb", "passed" if name.startswith("exam") else "completed")
    score = values.pop("score", None)
    for key in ("voided_at", "known_at"):
        if key in values:
            values[key] = instant(values[key])
    identity = values.pop("id", f"{name}-{when.isoformat()}")
    return Evidence(
        id=identity,
        at=min(when, stored),
        timestamp=when,
        stored=stored,
        verb=verb if ":" in verb else ADL + verb,
        activity=values.pop("activity", BASE + name),
        score=None if score is None else Decimal(str(score)),
        scaled=None if score is None else Decimal(str(score)),
        **values,
    )


def fact(kind: Any, at: str, **values: Any) -> Fact:
    """Return a fact of 4.10, decided when it takes effect."""
    values.setdefault("decided_at", at)
    values["decided_at"] = instant(values["decided_at"])
    for key in ("until", "revoke_at"):
        if key in values:
            values[key] = instant(values[key])
    if "until_day" in values:
        values["until_day"] = dt.date.fromisoformat(values["until_day"])
    values.setdefault("id", f"{kind}-{at}")
    return Fact(kind=kind, at=instant(at), **values)


def history(*evidence: Evidence, **values: Any) -> PersonHistory:
    """Return the history of the person `ana`."""
    return PersonHistory(person=values.pop("person", "ana"), evidence=evidence, **values)


def version(
    document: Certification, since: str | None = None, decided: str | None = None
) -> PublishedVersion:
    """Return a published version, in force from a date, or always."""
    effective_at = (
        BEGINNING
        if since is None
        else calendar.start_of(dt.date.fromisoformat(since), document.validity.timezone)
    )
    return PublishedVersion(
        document=document,
        effective_at=effective_at,
        decided_at=instant(decided) if decided else min(effective_at, instant("2000-01-01")),
    )


def timeline_of(
    rule: Certification | PublishedCertification,
    *evidence: Evidence,
    known_at: str | None = None,
    **values: Any,
) -> AwardTimeline:
    """Decide a certification for `ana` at the end of time, or as known at an instant."""
    lifecycle: tuple[LifecycleChange, ...] = values.pop("lifecycle", ())
    if isinstance(rule, Certification):
        rule = published(version(rule), lifecycle=lifecycle)
    known = END_OF_TIME if known_at is None else instant(known_at)
    return decide(rule, history(*evidence, **values), known)


def status(timeline: AwardTimeline, at: str, timezone: str = "UTC") -> Status:
    """Return the status at the last instant of a date."""
    return timeline.status_at(last(at, timezone))


def states(timeline: AwardTimeline) -> list[tuple[str, str]]:
    """Return the line of public states as (date, state) pairs, from the first change of state on."""
    changes = [s for before, s in pairwise(timeline.segments) if s.state != before.state]
    return [(f"{s.at:%Y-%m-%d}", s.state) for s in changes]
