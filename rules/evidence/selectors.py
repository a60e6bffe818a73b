"""Selectors compiled once (cert#2.4): as a predicate for MongoDB, as a test on `Evidence`.

The predicate says what one statement document can say about itself. What it cannot say is tested here: who
signed (dated group membership), practice modes whose mark is on the `launched` statement, and cmi5 moveOn
(`rules.evidence.cmi5`).
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from rules import calendar
from rules.evidence.history import Evidence, Membership
from rules.language.model import Selector
from statements.query.predicate import All, AnyOf, Compare, Extension, Not, Predicate

ADL = "http://adlnet.gov/expapi/verbs/"
XAPI_ADL = "https://w3id.org/xapi/adl/verbs/"
PASSED, FAILED, COMPLETED, LAUNCHED = ADL + "passed", ADL + "failed", ADL + "completed", ADL + "launched"
TERMINATED, VOIDED = ADL + "terminated", ADL + "voided"
ABANDONED, WAIVED, SATISFIED = XAPI_ADL + "abandoned", XAPI_ADL + "waived", XAPI_ADL + "satisfied"
CMI5_VERBS = frozenset(
    {LAUNCHED, ADL + "initialized", COMPLETED, PASSED, FAILED, ABANDONED, WAIVED, TERMINATED, SATISFIED}
)
CMI5_CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
CMI5_EXTENSION = "https://w3id.org/xapi/cmi5/context/extensions/"
RELEASE = "{release}"
ISSUER = "https://laurel.example/extensions/issuer"
"""The context extension by which a statement of an imported credential names its issuer."""

Groups = Mapping[str, Sequence[Membership]]


def plain(value: Any) -> Any:
    """Return an extension value in the form in which two of them are compared.

    Numbers become exact decimals, objects and lists their canonical JSON text, everything else stays.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def same(left: Any, right: Any) -> bool:
    """Tell whether two extension values are equal; true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(plain(left) == plain(right))


def is_member(groups: Groups, group: str, person: str, at: Any) -> bool:
    """Tell whether a person was in a group at an instant."""
    return any(
        m.person == person and m.from_at <= at and (m.until_at is None or at < m.until_at)
        for m in groups.get(group, ())
    )


@dataclass(frozen=True, slots=True)
class CompiledSelector:
    """A selector taken apart: exact activities, prefixes, and the rest that few selectors have."""

    selector: Selector
    name: str
    verbs: frozenset[str]
    activities: frozenset[str]
    prefixes: tuple[str, ...]
    has_rest: bool
    vendor_only: bool

    def matches(self, e: Evidence, person: str, groups: Groups) -> bool:
        """Tell whether a countable statement matches every key of the selector but `cmi5` (cert#2.4)."""
        return self.names(e.activity) and self.fits(e, person, groups)

    def fits(self, e: Evidence, person: str, groups: Groups) -> bool:
        """Tell whether a countable statement about one of the activities matches every other key."""
        return (
            e.verb in self.verbs
            and (e.controlled_by == "vendor" if self.vendor_only else self.accepts(e))
            and (not self.has_rest or self.rest(e, person, groups))
        )

    def names(self, activity: str) -> bool:
        """Tell whether the activity is one of the selector's."""
        return activity in self.activities or activity.startswith(self.prefixes)

    def accepts(self, e: Evidence) -> bool:
        """Tell whether the statement came through an accepted client (`from`)."""
        sources = self.selector.sources
        if sources == "vendor":
            return e.controlled_by == "vendor"
        return sources == "any" or e.client_label in sources

    def rest(self, e: Evidence, person: str, groups: Groups) -> bool:
        """Tell whether `signed_by`, `result`, `context` and `recognises` hold."""
        return (
            self.is_signed(e, person, groups)
            and _result_fits(self.selector, e)
            and self.in_context(e)
            and self.trusts(e)
            and self.is_fresh(e)
        )

    def trusts(self, e: Evidence) -> bool:
        """Tell whether an imported credential is of an issuer that is recognised."""
        wanted = self.selector.recognises
        return wanted is None or e.context_extensions.get(ISSUER) in wanted.issuers

    def is_fresh(self, e: Evidence) -> bool:
        """Tell whether an imported credential was awarded no longer before its import than is asked for."""
        wanted = self.selector.recognises
        if wanted is None or wanted.awarded_within is None:
            return True
        return bool(e.stored <= calendar.later_by(e.at, wanted.awarded_within, "UTC"))

    def is_signed(self, e: Evidence, person: str, groups: Groups) -> bool:
        """Tell whether the signer was then a member of the group, and not the person (cert#2.4)."""
        signed_by = self.selector.signed_by
        if signed_by is None:
            return True
        if e.signer is None or (signed_by.not_self and e.signer == person):
            return False
        return is_member(groups, signed_by.group, e.signer, e.at)

    def in_context(self, e: Evidence) -> bool:
        """Tell whether every given key of `context` is equal, or contained."""
        wanted = self.selector.context
        if wanted is None:
            return True
        return (
            (wanted.parent is None or wanted.parent in e.parent)
            and (wanted.grouping is None or wanted.grouping in e.grouping)
            and (wanted.category is None or wanted.category in e.category)
            and (wanted.platform is None or wanted.platform == e.platform)
            and (wanted.language is None or wanted.language == e.language)
            and (wanted.registration is None or wanted.registration.lower() == e.registration)
            and _extensions_fit(wanted.extensions, e.context_extensions)
        )


def _result_fits(selector: Selector, e: Evidence) -> bool:
    wanted = selector.result
    return wanted is None or (
        (wanted.success is None or wanted.success == e.success)
        and (wanted.completion is None or wanted.completion == e.completion)
        and _extensions_fit(wanted.extensions, e.result_extensions)
    )


def _extensions_fit(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(iri in given and same(value, given[iri]) for iri, value in wanted.items())


def compile_selector(selector: Selector, release: str | None = None) -> CompiledSelector:
    """Compile a selector; `release` replaces `{release}` in its activities (cert#2.3)."""
    activities = [a.replace(RELEASE, release) if release is not None else a for a in selector.activities]
    return CompiledSelector(
        selector=selector,
        name=selector.name,
        verbs=frozenset(selector.verbs),
        activities=frozenset(a for a in activities if not a.endswith("*")),
        prefixes=tuple(a[:-1] for a in activities if a.endswith("*")),
        has_rest=selector.signed_by is not None
        or selector.result is not None
        or selector.context is not None
        or selector.recognises is not None,
        vendor_only=selector.sources == "vendor",
    )


def tries(selector: Selector) -> Selector:
    """Return what makes attempts at a selector: its statements, and failures whatever it asks of results."""
    verbs = tuple(dict.fromkeys((*selector.verbs, FAILED)))
    return replace(selector, verbs=verbs, result=None)


def verbs_looked_at(selector: Selector) -> tuple[str, ...]:
    """Return the verbs of the statements that a selector may look at."""
    return selector.verbs if selector.attempts is None else tries(selector).verbs


def has_release(selector: Selector) -> bool:
    """Tell whether the selector names `{release}` and so only serves release rules."""
    return any(RELEASE in activity for activity in selector.activities)


CONTRADICTED: Mapping[str, tuple[str, bool]] = {
    PASSED: ("success", False),
    FAILED: ("success", True),
    COMPLETED: ("completion", False),
}
"""By which value of its result a verb is contradicted: such a statement never matches (cert#2.4-1)."""


def is_contradictory(verb: str, success: bool | None, completion: bool | None) -> bool:
    """Tell whether the result says the opposite of the verb; a value that is missing says nothing."""
    if success is None and completion is None:
        return False
    said = CONTRADICTED.get(verb)
    return said is not None and said[1] is (success if said[0] == "success" else completion)


# The predicate


def predicate(selector: Selector) -> Predicate:
    """Return what a statement document must satisfy to match (cert#2.4); wider where it cannot say more.

    A `{release}` becomes a prefix; `signed_by`, `awarded_within`, cmi5 moveOn and practice sessions are left
    to `Evidence`.
    """
    if selector.cmi5 is not None:
        about: list[Predicate] = [
            Compare("verb", "in", tuple(sorted(CMI5_VERBS))),
            Compare("grouping", "=", selector.cmi5.au),
        ]
    else:
        about = [_verbs(selector.verbs), _activities(selector.activities)]
    return All((*about, *_sources(selector), *_results(selector), *_contexts(selector)))


def _verbs(verbs: tuple[str, ...]) -> Predicate:
    return Compare("verb", "=", verbs[0]) if len(verbs) == 1 else Compare("verb", "in", verbs)


def _activities(activities: tuple[str, ...]) -> Predicate:
    exact = tuple(a for a in activities if not a.endswith("*") and RELEASE not in a)
    prefixes = [a.split(RELEASE)[0].removesuffix("*") for a in activities if a.endswith("*") or RELEASE in a]
    choices: list[Predicate] = [Compare("object.id", "in", exact)] if exact else []
    choices += [Compare("object.id", "starts with", prefix) for prefix in prefixes]
    return All((Compare("object.type", "=", "Activity"), AnyOf(tuple(choices))))


def _sources(selector: Selector) -> Iterator[Predicate]:
    if selector.sources == "vendor":
        yield Compare("controlled_by", "=", "vendor")
    elif selector.sources != "any":
        yield Compare("client_label", "in", tuple(selector.sources))


def _results(selector: Selector) -> Iterator[Predicate]:
    for verb in selector.verbs:
        if verb in CONTRADICTED:
            member, opposite = CONTRADICTED[verb]
            yield Not(All((Compare("verb", "=", verb), Compare(member, "=", opposite))))
    if selector.result is None:
        return
    for name in ("success", "completion"):
        value = getattr(selector.result, name)
        if value is not None:
            yield Compare(name, "=", value)
    for iri, value in selector.result.extensions.items():
        yield Extension(iri, "=", value, "result")


def _contexts(selector: Selector) -> Iterator[Predicate]:
    if selector.recognises is not None:
        trusted = selector.recognises.issuers
        yield AnyOf(tuple(Extension(ISSUER, "=", one, "context") for one in trusted))
    if selector.context is None or selector.cmi5 is not None:
        return
    for name in ("parent", "grouping", "category", "platform", "language"):
        value = getattr(selector.context, name)
        if value is not None:
            yield Compare(name, "=", value)
    for iri, value in selector.context.extensions.items():
        yield Extension(iri, "=", value, "context")


# Practice


def practice_mode(pairs: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether extension pairs {where, k, v} say Browse, Review or no credit (cert#2.4, cert#10-26)."""
    return any(is_practice(pair["k"], pair.get("v")) for pair in pairs if pair["where"] != "activity")


def is_practice(iri: str, value: Any) -> bool:
    """Tell whether an extension marks practice: cmi5 launchmode, SCORM mode or credit (cert#2.4)."""
    if not isinstance(value, str):
        return False
    if iri == CMI5_EXTENSION + "launchmode":
        return value in {"Browse", "Review"}
    lowered = iri.lower()
    if "scorm" not in lowered and "cmi." not in lowered:
        return False
    if lowered.endswith("mode"):
        return value.lower() in {"browse", "review"}
    return lowered.endswith("credit") and value.lower() in {"no-credit", "nocredit", "no_credit"}
