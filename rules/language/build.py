"""Plain data of a valid rule file -> the frozen documents of `model`, defaults filled in (cert#2).

Data is trusted here: `rules.checking.shape` found no problem in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rules.language import model
from rules.language.demands import Demand
from rules.language.durations import duration
from rules.language.engagement import Engagement, Milestone, Question, Recall, Season
from rules.language.forms import many
from rules.language.requirements import Requirement

Data = Mapping[str, Any]
_T = TypeVar("_T")
ADL = "http://adlnet.gov/expapi/verbs/"
CMI5 = "https://w3id.org/xapi/adl/verbs/"
RECOGNISED = "https://laurel.example/verbs/recognised"
"""The verb of Laurel's own statements that a credential of another issuer was imported (cert#2.4)."""
OWN_SOURCE = "laurel"
"""The label under which Laurel itself writes; no client can have it."""
MILESTONES = ("certifications", "contents", "products", "questions")
_CMI5_VERBS = frozenset({"abandoned", "satisfied", "waived"})


def verb_iri(name: str) -> str:
    """Return the IRI of a verb name of the verb table (cert#2.4); an IRI stays as it is."""
    if ":" in name:
        return name
    if name == "recognised":
        return RECOGNISED
    return (CMI5 if name in _CMI5_VERBS else ADL) + name


def build(data: Data) -> model.AnyDocument:
    """Make the document of its kind from valid data."""
    return _KINDS[data["kind"]](data)


def date(text: str) -> dt.date:
    """Read a date YYYY-MM-DD."""
    return dt.date.fromisoformat(text)


def _common(data: Data) -> dict[str, Any]:
    return {
        "id": data["id"],
        "version": data["version"],
        "title": data.get("title", data["id"]),
        "effective_from": _optional(data, "effective_from", date),
        "mode": data.get("mode", "active"),
        "tests": tuple(data.get("tests", ())),
        "translations": data.get("translations", {}),
    }


def _optional(data: Data, key: str, read: Callable[[Any], _T]) -> _T | None:
    return read(data[key]) if key in data else None


def _given(data: Data, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Read the keys that are given; the model's defaults stand for the others."""
    return {key: read(data[key]) for key, read in readers.items() if key in data}


def _same(value: Any) -> Any:
    return value


def selector(name: str, data: Data) -> model.Selector:
    """Make a selector (cert#2.4); one with `use` is not resolved yet."""
    if "recognises" in data:
        return _recognising(name, data["recognises"])
    signed = data.get("signed_by")
    sources = data.get("from", "vendor")
    return model.Selector(
        name=name,
        verbs=tuple(map(verb_iri, many(data.get("verb")))),
        activities=many(data.get("activity")),
        sources=tuple(sources) if isinstance(sources, list) else sources,
        signed_by=model.SignedBy(signed["group"], "not" in signed) if signed else None,
        result=_optional(data, "result", lambda value: model.ResultMatch(**value)),
        context=_optional(data, "context", lambda value: model.ContextMatch(**value)),
        cmi5=_optional(data, "cmi5", lambda value: model.Cmi5(value["au"])),
        attempts=_optional(data, "attempts", _attempts),
        use=data.get("use"),
    )


def _recognising(name: str, data: Data) -> model.Selector:
    """Make the selector of what was earned elsewhere: by Laurel's own statements alone."""
    return model.Selector(
        name=name,
        verbs=(RECOGNISED,),
        activities=many(data["achievement"]),
        sources=(OWN_SOURCE,),
        recognises=model.Recognises(many(data["issuer"]), _optional(data, "awarded_within", duration)),
    )


def _attempts(data: Data) -> model.Attempts:
    group = data["granted_by"]["group"] if "granted_by" in data else None
    given = _given(
        data, {"at_most": _same, "within": duration, "wait": lambda value: tuple(map(duration, many(value)))}
    )
    return model.Attempts(granted_by=group, **given)


def selectors(data: Data) -> dict[str, model.Selector]:
    """Make the selectors of an `evidence` mapping."""
    return {name: selector(name, value) for name, value in data.items()}


def _certification(data: Data) -> model.Certification:
    award = _award(data["award"])
    validity = _validity(data["validity"])
    given = _given(
        data,
        {
            "role": _same,
            "product": _same,
            "level": _same,
            "max_lateness": duration,
            "renewal": lambda value: _renewal(value, award.when, validity),
            "release_rules": lambda value: tuple(map(_release_rule, value)),
            "on_voided": _on_voided,
            "transition": _transition,
            "targets": lambda value: tuple(map(_target, value)),
            "notices": lambda value: tuple(map(_notice, value)),
            "badge": _badge,
        },
    )
    evidence = selectors(data["evidence"])
    return model.Certification(**_common(data), evidence=evidence, award=award, validity=validity, **given)


def _badge(data: Data) -> model.Badge:
    skills = tuple(model.Skill(**each) for each in data.get("skills", ()))
    return model.Badge(**{**data, "skills": skills})


def _award(data: Data) -> model.Award:
    given = _given(data, {"within": duration, "cooling_off": duration, "readmission": _readmission})
    group = data["approval"]["group"] if "approval" in data else None
    return model.Award(when=Requirement.read(data["when"]), approval_group=group, **given)


def _readmission(data: Data) -> model.Readmission:
    return model.Readmission(data["group"], _sorted(data.get("after", [])))


def _validity(data: Data) -> model.Validity:
    given = _given(
        data,
        {
            "counted_from": _same,
            "due": date,
            "fixed": date,
            "minimum": duration,
            "timezone": _same,
            "otherwise": _same,
        },
    )
    lasts = None if data["lasts"] == "forever" else duration(data["lasts"])
    standing = _optional(data, "while", Requirement.read)
    return model.Validity(lasts=lasts, standing=standing, **given)


def _renewal(data: Data, award_when: Requirement, validity: model.Validity) -> model.Renewal:
    counted: model.CountedFrom = "fixed_date" if validity.counted_from == "fixed_date" else "previous_expiry"
    given = _given(data, {"opens": duration, "grace": duration})
    when = Requirement.read(data["when"]) if "when" in data else award_when
    return model.Renewal(when=when, counted_from=data.get("counted_from", counted), **given)


def _release_rule(data: Data) -> model.ReleaseRule:
    given = _given(data, {"affects": _same, "reinstates_within": duration})
    levels: Any = many(data["when_release"]["level"])
    return model.ReleaseRule(
        product=data["when_release"]["product"],
        levels=levels,
        unless=Requirement.read(data["unless"]),
        ends_after=duration(data["ends_after"]),
        **given,
    )


def _on_voided(data: Data) -> model.OnVoided:
    readers = {"action": _same, "settle": duration, "chain": _same, "revoke_after": duration}
    return model.OnVoided(**_given(data, readers))


def _transition(data: Data) -> model.Transition:
    existing = data.get("existing", "keep")
    finish = _optional(data, "in_flight", lambda value: date(value["finish_old_until"]))
    if isinstance(existing, str):
        return model.Transition(existing=existing, finish_old_until=finish)  # type: ignore[arg-type] # the schema lists the words
    return model.Transition("must_upgrade_by", date(existing["must_upgrade_by"]), finish)


def _notice(data: Data) -> model.Notice:
    readers = {
        "before_expiry": lambda value: tuple(map(duration, value)),
        "before_due": lambda value: tuple(map(duration, value)),
        "after_due": lambda value: tuple(map(duration, value)),
        "events": tuple,
        "max_age": duration,
    }
    given = _given(data, readers)
    return model.Notice(to=tuple(data["to"]), **given)


def _target(data: Data) -> model.Target:
    readers = {
        "role": _same,
        "tier": _same,
        "programme": _same,
        "hired_since": date,
        "hired_until": date,
        "due_within": duration,
        "due_on": date,
    }
    lists = {"partners": "partner", "regions": "region", "groups": "group", "persons": "person"}
    named: dict[str, Any] = {name: tuple(sorted(many(data.get(key)))) for name, key in lists.items()}
    return model.Target(**named, **_given(data, readers))


def _release(data: Data) -> model.Release:
    return model.Release(
        **_common(data),
        product=data["product"],
        release=data["release"],
        level=data["level"],
        published=date(data["published"]),
    )


def _fragment(data: Data) -> model.Fragment:
    requirements = {name: Requirement.read(value) for name, value in data["requirements"].items()}
    return model.Fragment(**_common(data), evidence=selectors(data["evidence"]), requirements=requirements)


def _sorted(value: list[str]) -> tuple[str, ...]:
    return tuple(sorted(value))


def _month_day(text: str) -> tuple[int, int]:
    return int(text[:2]), int(text[3:])


def _changes(data: Data) -> model.TierChanges:
    readers = {
        "promote": _same,
        "reviews": lambda value: tuple(map(_month_day, value)),
        "demote_after": duration,
    }
    return model.TierChanges(**_given(data, readers))


def _partner_tiers(data: Data) -> model.PartnerTiers:
    people = _given(
        data.get("people", {}), {"status": _sorted, "one_person_fills": _same, "organizations": _same}
    )
    return model.PartnerTiers(
        **_common(data),
        order=tuple(data["order"]),
        tiers={name: Demand.read(value) for name, value in data.get("tiers", {}).items()},
        **_given(data, {"timezone": _same, "changes": _changes}),
        **people,
    )


def _gate(data: Data) -> model.Gate:
    return model.Gate(
        **_common(data),
        subject=data["subject"],
        allow_when=Demand.read(data["allow_when"]),
        refusal=data["refusal"],
        tiers=data.get("tiers"),
    )


def _assignment(data: Data) -> model.Assignment:
    readers = {
        "evidence": selectors,
        "timezone": _same,
        "exempt": lambda value: tuple(map(_exemption, value)),
        "managers_may_exempt": duration,
        "notices": lambda value: tuple(map(_notice, value)),
    }
    return model.Assignment(
        **_common(data),
        path=tuple(map(Requirement.read, data["path"])),
        targets=tuple(map(_target, data["targets"])),
        **_given(data.get("window", {}), {"opens": date, "closes": date}),
        **_given(data, readers),
    )


def _exemption(data: Data) -> model.Exemption:
    return model.Exemption(_target(data), data["reason"], _optional(data, "until", date))


def _recall(data: Data) -> Recall:
    readers = {"intervals": lambda value: tuple(map(duration, value)), "a_day": _same, "timezone": _same}
    questions = tuple(
        Question(each["id"], each["ask"], tuple(each["answers"]), each["right"], each.get("because"))
        for each in data["questions"]
    )
    return Recall(
        **_common(data), certification=data["certification"], questions=questions, **_given(data, readers)
    )


def _engagement(data: Data) -> Engagement:
    readers = {
        "seasons": lambda value: tuple(map(_season, value)),
        "milestones": lambda value: tuple(map(_milestone, value)),
        "timezone": _same,
    }
    boards = _given(data.get("boards", {}), {"top": _same, "fewest": _same})
    return Engagement(**_common(data), **boards, **_given(data, readers))


def _season(data: Data) -> Season:
    return Season(data["id"], data["title"], date(data["from"]), date(data["until"]), data["points"])


def _milestone(data: Data) -> Milestone:
    counts: Any = next(name for name in MILESTONES if name in data)
    return Milestone(data["id"], data["title"], counts, None if data[counts] == "all" else data[counts])


_KINDS: dict[str, Callable[[Data], model.AnyDocument]] = {
    "Certification": _certification,
    "Release": _release,
    "Fragment": _fragment,
    "PartnerTiers": _partner_tiers,
    "Gate": _gate,
    "Assignment": _assignment,
    "Recall": _recall,
    "Engagement": _engagement,
}
