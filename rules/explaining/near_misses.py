"""Statements that nearly matched a selector, and why they do not count (cert#6-4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rules.evaluation.as_of import Knowledge, is_late
from rules.evidence import cmi5
from rules.evidence.evidence_index import EvidenceView, order, usable_until
from rules.evidence.history import Evidence, PersonHistory
from rules.evidence.selectors import RELEASE, CompiledSelector, compile_selector, is_contradictory, same
from rules.language.build import RECOGNISED


@dataclass(frozen=True, slots=True)
class Ignored:
    """A statement that does not count, and why not."""

    id: str
    why: str


def ignored(
    names: Iterable[str], view: EvidenceView, knowledge: Knowledge, history: PersonHistory, at: dt.datetime
) -> list[Ignored]:
    """Return the near misses of some selectors, oldest first: right verb and activity, yet no match."""
    compiled = (selector_of(name, view) for name in names)
    selectors = [one for one in compiled if one is not None and one.selector.cmi5 is None]
    practice = cmi5.practice_sessions(history.evidence)
    found: dict[str, Ignored] = {}
    for e in sorted(history.evidence, key=order):
        if e.at > at or e.known > knowledge.at:
            continue
        for selector in selectors:
            if e.verb in selector.verbs and selector.names(e.activity):
                why = _why(e, selector, view, knowledge, at) or (
                    "practice mode" if cmi5.in_session(e, practice) else None
                )
                if why is not None:
                    found.setdefault(e.id, Ignored(e.id, why))
    return list(found.values())


def selector_of(name: str, view: EvidenceView) -> CompiledSelector | None:
    """Return a selector as the evidence of a view is matched by it, with the release put in."""
    selector = view.evidence_index.version.document.evidence.get(name)
    if selector is None:
        return None
    if view.release is not None and any(RELEASE in a for a in selector.activities):
        return compile_selector(selector, view.release)
    return view.evidence_index.version.compiled.by_name[name]


def _why(
    e: Evidence, selector: CompiledSelector, view: EvidenceView, knowledge: Knowledge, at: dt.datetime
) -> str | None:
    return next(_reasons(e, selector, view, knowledge, at), None)


def _reasons(
    e: Evidence, selector: CompiledSelector, view: EvidenceView, knowledge: Knowledge, at: dt.datetime
) -> Iterator[str]:
    """Yield why a statement does not count, the weightiest reason first."""
    if e.voided_at is not None and e.voided_at <= knowledge.at:
        yield "taken back, its issuer no longer stands by it" if e.verb == RECOGNISED else "voided"
    if e.practice:
        yield "practice mode"
    if e.beyond_launch:
        yield "beyond what was launched"
    if is_contradictory(e.verb, e.success, e.completion):
        yield "verb and result contradict each other"
    if not selector.accepts(e):
        yield "source not accepted"
    yield from _unsigned(e, selector, view)
    yield from _differing(e, selector)
    log = view.evidence_index.attempt_log(selector.name)
    if log is not None and e.id in log.refused:
        yield log.refused[e.id]
    verdict, version = knowledge.verdicts.get(e.id), view.evidence_index.version
    if verdict is not None and not verdict.allowed:
        yield "late, rejected by a reviewer"
    elif verdict is None and is_late(e, version.document.max_lateness, version.timezone):
        yield "late"
    yield from _outside(e, view, at)


def _unsigned(e: Evidence, selector: CompiledSelector, view: EvidenceView) -> Iterator[str]:
    around, signed_by = view.evidence_index.around, selector.selector.signed_by
    if signed_by is None or selector.is_signed(e, around.person, around.groups):
        return
    if e.signer is None:
        yield "not signed"
    elif signed_by.not_self and e.signer == around.person:
        yield "self-signed"
    else:
        yield f"signer is not in {signed_by.group}"


def _differing(e: Evidence, selector: CompiledSelector) -> Iterator[str]:
    wanted = selector.selector.result
    if wanted is not None:
        for name, value in (("success", wanted.success), ("completion", wanted.completion)):
            if value is not None and value != getattr(e, name):
                yield f"{name} is not {str(value).lower()}"
        for iri, expected in wanted.extensions.items():
            if iri not in e.result_extensions or not same(expected, e.result_extensions[iri]):
                yield f"result extension {iri} differs"
    if not selector.in_context(e):
        yield "context differs"
    if not selector.trusts(e):
        yield "issuer is not recognised"
    if not selector.is_fresh(e):
        yield "awarded too long before it was imported"


def _outside(e: Evidence, view: EvidenceView, at: dt.datetime) -> Iterator[str]:
    if view.after is not None and e.at <= view.after:
        yield "not later than the last award or final fact"
    if view.since is not None and e.at < view.since:
        yield "outside the window"
    if view.within is not None and at >= usable_until(
        e.at, view.within, view.evidence_index.version.timezone
    ):
        yield f"older than the {view.within} span"
