"""A rule in words: what is asked for, how long it lasts, who is told; sections of lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lrs.words.engine import demanded, engine
from lrs.words.reader import mark, spoken_day, t
from rules.credentials.criteria import Criterion, criteria_of
from rules.language.demands import (
    AllDemands,
    AnyDemand,
    Demand,
    PeopleHolding,
    SubmitterHolds,
    TierAtLeast,
)
from rules.language.engagement import Engagement, Milestone, Recall
from rules.language.model import AnyDocument, Assignment, Certification, Gate, PartnerTiers
from rules.language.requirements import AllOf
from rules.programmes.tiers import coordinates
from rules.wording.phrases import spoken

Line = tuple[int, str]
COUNTED: Final = {
    "completion": mark("completion"),
    "previous_expiry": mark("previous expiry"),
    "fixed_date": mark("fixed date"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, an optional sentence, and lines with their depth."""

    title: str
    lines: tuple[Line, ...]
    sentence: str = ""


def rule_words(document: AnyDocument, titles: Mapping[str, str]) -> list[Section]:
    """Return a document in words; `titles` are those of certifications. Other kinds have none."""
    if isinstance(document, Certification):
        return list(_certification(document, titles))
    if isinstance(document, Assignment):
        return [
            Section(t("What it takes"), tuple(_criteria(criteria_of(AllOf(parts=document.path), titles))))
        ]
    if isinstance(document, Recall):
        return list(_recall(document, titles))
    if isinstance(document, Engagement):
        return list(_engagement(document))
    if isinstance(document, PartnerTiers):
        return list(_tiers(document))
    if isinstance(document, Gate):
        return [
            Section(t("Allows when"), tuple(demand_lines(document.allow_when))),
            Section(t("Otherwise it says"), ((0, document.refusal),)),
        ]
    return []


def _certification(document: Certification, titles: Mapping[str, str]) -> Iterator[Section]:
    within = document.award.within
    yield Section(
        t("What it takes"),
        tuple(_criteria(criteria_of(document.award.when, titles))),
        t("All of it within %(span)s.", span=engine(str(within))) if within is not None else "",
    )
    if document.award.approval_group is not None:
        group = document.award.approval_group
        yield Section(t("Approval"), ((0, t("Somebody of %(group)s approves it.", group=spoken(group))),))
    yield Section(t("How long it lasts"), tuple((0, one) for one in _validity(document)))
    if document.renewal is not None:
        yield Section(
            t("To renew it"),
            tuple(_criteria(criteria_of(document.renewal.when, titles))),
            _renewal(document),
        )
    releases = tuple((0, one) for one in _releases(document))
    if releases:
        yield Section(t("Releases"), releases)


def _criteria(found: tuple[Criterion, ...], depth: int = 0) -> Iterator[Line]:
    for one in found:
        yield depth, engine(one.text)
        yield from _criteria(one.parts, depth + 1)


def _validity(document: Certification) -> Iterator[str]:
    validity = document.validity
    if validity.lasts is None:
        yield t("Without end.")
    else:
        yield t(
            "%(span)s from the day of %(start)s.",
            span=engine(str(validity.lasts)),
            start=t(COUNTED[validity.counted_from]),
        )
    yield t("Days are those of %(zone)s.", zone=validity.timezone)
    if document.effective_from is not None:
        yield t("In force from %(day)s on.", day=spoken_day(document.effective_from))


def _renewal(document: Certification) -> str:
    renewal = document.renewal
    if renewal is None:
        return ""
    parts = [t("It opens %(span)s before the end.", span=engine(str(renewal.opens)))]
    if renewal.grace.n:
        parts.append(t("It is accepted for %(span)s after the end.", span=engine(str(renewal.grace))))
    return " ".join(parts)


def _releases(document: Certification) -> Iterator[str]:
    for rule in document.release_rules:
        yield t(
            "A %(levels)s release of %(product)s ends it after %(span)s, unless the delta is done.",
            levels=" or ".join(sorted(rule.levels)), product=rule.product, span=engine(str(rule.ends_after)),
        )  # fmt: skip


def _recall(document: Recall, titles: Mapping[str, str]) -> Iterator[Section]:
    certification = titles.get(document.certification, document.certification)
    pauses = ", ".join(engine(str(one)) for one in document.intervals)
    asked = t(
        "Whoever holds %(what)s is asked, %(count)s a day at most.", what=certification, count=document.a_day
    )
    yield Section(
        t("When questions come back"),
        ((0, t("Pauses: %(pauses)s.", pauses=pauses)), (0, t("Right makes a pause longer, wrong shorter."))),
        asked,
    )
    for one in document.questions:
        lines = ((0, f"{text} ✓" if text == one.right else text) for text in one.answers)
        yield Section(one.ask, tuple(lines), one.because or "")


def _engagement(document: Engagement) -> Iterator[Section]:
    for season in document.seasons:
        words = {
            "certification": t("Certified"), "renewal": t("Certification renewed"),
            "content": t("Course finished"), "question": t("Question answered right"),
        }  # fmt: skip
        span = t("From %(first)s to %(last)s.", first=spoken_day(season.first), last=spoken_day(season.last))
        yield Section(
            season.title, tuple((0, f"{words[kind]}: {value}") for kind, value in season.points.items()), span
        )
    if document.seasons:
        shown = t("At most %(top)s places, never more than the upper half.", top=document.top)
        few = t("Nothing where fewer than %(fewest)s take part.", fewest=document.fewest)
        yield Section(t("Leaderboards"), ((0, shown), (0, few)))
    lines = tuple((0, f"{one.title}: {_needed(one)}") for one in document.milestones)
    if lines:
        yield Section(t("Milestones"), lines)


def _needed(milestone: Milestone) -> str:
    """Return what a milestone counts, in words."""
    if milestone.needed is None:
        return t("a certification of each product")
    words = {
        "certifications": t("certifications: %(count)s", count=milestone.needed),
        "contents": t("courses finished: %(count)s", count=milestone.needed),
        "products": t("products with a certification: %(count)s", count=milestone.needed),
        "questions": t("questions answered right: %(count)s", count=milestone.needed),
    }
    return words[milestone.counts]


def _tiers(document: PartnerTiers) -> Iterator[Section]:
    for name in document.order:
        demand = document.tiers.get(name)
        lines = tuple(demand_lines(demand)) if demand is not None else ((0, t("Every partner has it.")),)
        yield Section(spoken(name), lines)
    alone = document.one_person_fills == "one_requirement"
    counted = t("Each person fills one place of a tier.") if alone else t("A person may fill several places.")
    yield Section(t("How people count"), ((0, counted),))


ALL_OF = mark("All of:")
ANY_OF = mark("One of:")


def demand_lines(demand: Demand, depth: int = 0) -> Iterator[Line]:
    """Yield the conditions of a tier or gate as lines for people."""
    match demand:
        case AllDemands() | AnyDemand():
            nested = depth > 0 or isinstance(demand, AnyDemand)
            if nested:
                yield depth, demand.label or t(ALL_OF if isinstance(demand, AllDemands) else ANY_OF)
            for part in demand.parts:
                yield from demand_lines(part, depth + nested)
        case _:
            yield depth, demand.label or demand_text(demand)


def demand_text(demand: Demand) -> str:
    """Return one condition as a sentence."""
    match demand:
        case PeopleHolding():
            return t(
                "%(count)s people who hold: %(what)s",
                count=demand.at_least,
                what=demanded(coordinates(demand.holding)),
            )
        case TierAtLeast():
            return t("Tier %(tier)s or higher", tier=spoken(demand.tier))
        case SubmitterHolds():
            return t(
                "Whoever asks holds: %(what)s (%(states)s)",
                what=demanded(coordinates(demand.holding)), states=", ".join(map(engine, demand.status)),
            )  # fmt: skip
        case _:
            return type(demand).__name__
